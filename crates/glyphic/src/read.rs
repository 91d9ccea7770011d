use std::collections::BTreeSet;

use glyphic_core::{
    Detected, Detector, DropReason, Dropped, Image, Page, Point, Polygon, Recognizer, Rect, Region, Replaced,
    TextInstance, Transcript,
};
use glyphic_imgproc::resize_antialiased;
use glyphic_zoo::{DEFAULT_DETECTOR, DEFAULT_RECOGNIZER};
use rayon::prelude::*;

use crate::{
    Device, Orientation, ReaderConfig, ReadingConfig, Result, Weights, bold, cells, crop,
    crop::{Crop, Shape},
    device, figures, large, lines, load_detector, load_recognizer, orientation,
    orientation::{ALL_LEVEL, LEVEL, PAGE, Reading, SCENE, Standing, Turn, Upright},
    quad::Quad,
    recognize, reread, rules, vertical,
    vertical::Candidate,
    words,
};

/// Reads the text of pictures. One reader serves every thread; a page never depends on what else is read, nor on
/// the number of threads.
pub struct Reader {
    detector: Box<dyn Detector>,
    recognizer: Box<dyn Recognizer>,
    config: ReadingConfig,
}

impl Reader {
    /// A reader to be put together.
    pub fn builder() -> ReaderBuilder {
        ReaderBuilder::default()
    }

    /// The shipped models on a device.
    ///
    /// # Errors
    /// [`crate::Error::Weights`] where the device refuses them.
    pub fn from_default(device: &Device) -> Result<Self> {
        Self::builder().device(device.clone()).build()
    }

    /// A reader of any two stages.
    ///
    /// # Errors
    /// [`crate::Error::Reading`] for a value outside its range.
    pub fn from_stages(
        detector: Box<dyn Detector>,
        recognizer: Box<dyn Recognizer>,
        config: ReadingConfig,
    ) -> Result<Self> {
        config.validate()?;
        Ok(Self { detector, recognizer, config })
    }

    /// Reads one picture: words and lines in reading order, in pixels of the picture. Text that stands turned or skewed is
    /// read from the picture turned back ([`ReadingConfig::orientation`]).
    ///
    /// # Errors
    /// [`crate::Error::Core`] where a stage fails.
    pub fn read(&self, image: &Image) -> Result<Page> {
        match self.config.orientation.turn() {
            Some(Turn::None) => self.read_upright(image, self.find(image)?),
            Some(turn) => self.read_turned(image, turn),
            None => {
                let mut found = self.find(image)?;
                match self.turn_of(image, &mut found)?.0 {
                    Turn::None => self.read_upright(image, found),
                    turn => self.read_turned(image, turn),
                }
            }
        }
    }

    /// How a page stands, from its longest lines alone: a fraction of the time of [`Reader::read`], whatever
    /// [`ReadingConfig::orientation`] says.
    ///
    /// # Errors
    /// [`crate::Error::Core`] where a stage fails.
    pub fn standing(&self, image: &Image) -> Result<Standing> {
        let mut found = self.find(image)?;
        let (turn, reading) = self.turn_of(image, &mut found)?;
        Ok(Standing { degrees: turn.degrees(), confidence: reading.confidence() })
    }

    /// Finds the regions of text.
    fn find(&self, image: &Image) -> Result<Found> {
        let Detected { regions, dropped, replaced } =
            self.detector.detect_counted(std::slice::from_ref(image))?.pop().unwrap_or_default();
        Ok(Found { regions: rules::divide(image, regions), dropped, replaced, readings: Vec::new() })
    }

    /// How a page stands, from what its longest lines read like as they were found and, where that is not clear, upside down. The
    /// picture is looked at on its side, too, where neither is. Readings of the lines as they were found stay with `found`.
    fn turn_of(&self, image: &Image, found: &mut Found) -> Result<(Turn, Reading)> {
        let sample = orientation::sample(&found.regions);
        let mut ways = self.ways(image, &found.regions, &sample)?;
        found.readings = std::mem::take(&mut ways.readings);
        let lying = [(Turn::None, ways.level), (Turn::Over, ways.over)];
        let (turn, reading) = orientation::clearest(lying);
        let few = found.regions.len() + found.dropped.total() < PAGE;
        let settled =
            reading.settles() || (turn == Turn::None && reading.is_sure() && found.regions.len() <= SCENE);
        let share = orientation::level_share(&found.regions);
        // Words of a scene, say, that are read less surely, but all stand level.
        let level = reading.is_likely() && sample.len() >= PAGE && share >= ALL_LEVEL;
        if few || level || (settled && share >= LEVEL) {
            return Ok((turn, reading));
        }
        let Some(Upright { image: turned, .. }) = Upright::turned(image, Turn::Up) else {
            return Ok((turn, reading));
        };
        let regions = self.glance(&turned)?;
        let aside = self.ways(&turned, &regions, &orientation::sample(&regions))?;
        let [level, over] = lying;
        let clearest =
            orientation::clearest([level, over, (Turn::Up, aside.level), (Turn::Down, aside.over)]);
        if matches!(clearest.0, Turn::None | Turn::Over) || !level.1.is_sure() {
            return Ok(clearest);
        }
        // Words of both kinds read surely, as in a table with vertical heads: of all that was found, short numbers too.
        let level = self.ways(image, &found.regions, &orientation::largest(&found.regions))?.level;
        let aside = self.ways(&turned, &regions, &orientation::largest(&regions))?;
        let aside = if clearest.0 == Turn::Up { aside.level } else { aside.over };
        Ok(orientation::clearest([(Turn::None, level), (clearest.0, aside)]))
    }

    /// Regions of a picture that is looked at smaller, in a fraction of the time: its larger text.
    fn glance(&self, image: &Image) -> Result<Vec<Region>> {
        let side = |side: u32| ((f64::from(side) * GLANCE).round() as u32).max(1);
        let small = resize_antialiased(image, side(image.width()), side(image.height()))
            .map_err(|e| glyphic_core::Error::Stage { stage: "detect", source: Box::new(e) })?;
        let scale = |side: u32, small: u32| f64::from(side) / f64::from(small);
        let (x, y) = (scale(image.width(), small.width()), scale(image.height(), small.height()));
        let mut regions = self.detector.detect(std::slice::from_ref(&small))?.pop().unwrap_or_default();
        for region in &mut regions {
            region.polygon = region.polygon.map(|p| Point::new(p.x * x, p.y * y))?;
        }
        Ok(regions)
    }

    /// What some of the regions read like, as they stand and upside down. Lines that read with certainty are not read upside down,
    /// too: most pages stand upright, and then nothing is read twice.
    fn ways(&self, image: &Image, regions: &[Region], sample: &[usize]) -> Result<Ways> {
        let margin = self.config.crop_margin;
        let wanted = |region: usize| sample.binary_search(&region).is_ok();
        let crops = crop::crop_regions(image, regions, wanted, margin.into());
        let readings = recognize::read_crops(self.recognizer.as_ref(), crops)?;
        let lying: Vec<&(Crop, Transcript)> =
            readings.iter().filter(|(crop, _)| crop.turn == Turn::None).collect();
        let level = Reading::of(lying.iter().map(|(_, transcript)| transcript));
        if level.is_certain() {
            return Ok(Ways { level, over: Reading::default(), readings });
        }
        let lying: BTreeSet<usize> = lying.iter().map(|(crop, _)| crop.region).collect();
        let crops = crop::crop_turned_over(image, regions, |region| lying.contains(&region), margin);
        let over = recognize::read_crops(self.recognizer.as_ref(), crops)?;
        let over = Reading::of(over.iter().map(|(_, transcript)| transcript));
        Ok(Ways { level, over, readings })
    }

    /// Reads a page whose text stands turned.
    fn read_turned(&self, image: &Image, turn: Turn) -> Result<Page> {
        let Some(upright) = Upright::turned(image, turn) else {
            return self.read_upright(image, self.find(image)?);
        };
        let page = self.read_upright(&upright.image, self.find(&upright.image)?)?;
        let mut page = upright.give_back(page, image.width(), image.height());
        page.orientation = turn.degrees();
        Ok(page)
    }

    /// Reads a page whose text stands upright but may be skewed.
    fn read_upright(&self, image: &Image, found: Found) -> Result<Page> {
        let skew = match self.config.orientation {
            Orientation::Keep => None,
            _ => orientation::skew(&found.regions),
        };
        let Some(level) = skew.and_then(|degrees| Upright::level(image, degrees)) else {
            return self.read_found(image, found);
        };
        let page = self.read_found(&level.image, self.find(&level.image)?)?;
        Ok(level.give_back(page, image.width(), image.height()))
    }

    /// Reads the regions that were found.
    fn read_found(&self, image: &Image, found: Found) -> Result<Page> {
        let Found { mut regions, dropped, replaced, readings } = found;
        let mut page = Page::new(image.width(), image.height());
        page.dropped = dropped;
        let mut doubtful = large::add(&mut regions, replaced);
        let mut lines = Vec::new();
        if vertical::suspected(&regions) {
            let turned = vertical::turned(image);
            let found = self.detector.detect(std::slice::from_ref(&turned))?.pop().unwrap_or_default();
            lines = vertical::add(&mut regions, found, image.height());
        }
        large::join(&mut doubtful, &lines);
        // One thread looks for cells while others read.
        let (read, cells) = rayon::join(
            || self.read_regions(image, &regions, &lines, &doubtful, readings, &mut page),
            || cells::find(image),
        );
        read?;
        if page.instances.is_empty() && image.height() <= CROP_HEIGHT {
            self.read_regions(image, &[whole(image)?], &[], &[], Vec::new(), &mut page)?;
        }
        page.cells = cells::outlines(&cells);
        self.read_cells(image, cells.drawn, &mut page)?;
        leave_out_repeats(&mut page.instances);
        lines::order_into_ruled_lines(&mut page, image);
        page.figures = figures::find(image, &page);
        bold::mark(&mut page, image);
        Ok(page)
    }

    /// Adds what stands in cells that rules close and was not read: rows of boxes with a letter each, and single characters.
    fn read_cells(&self, image: &Image, cells: Vec<cells::Cell>, page: &mut Page) -> Result<()> {
        let middle = |word: &TextInstance| {
            let b = word.region.polygon.bounds();
            Point::new((b.x0 + b.x1) / 2.0, (b.y0 + b.y1) / 2.0)
        };
        let least = self.config.min_text_score;
        let (combs, mut cells) = cells::combs(cells);
        let crops: Vec<Option<Image>> = combs.iter().map(|comb| comb.crop(image)).collect();
        let wanted: Vec<Image> = crops.iter().flatten().cloned().collect();
        let mut transcripts = self.recognizer.recognize(&wanted)?.into_iter();
        for (comb, crop) in combs.into_iter().zip(crops) {
            let read = crop.and_then(|_| transcripts.next()).filter(|t| t.score >= least);
            let Some(word) = read.and_then(|transcript| comb.word(transcript)) else {
                cells.extend(comb.0);
                continue;
            };
            let bounds = comb.bounds();
            page.instances.retain(|word| !cells::within(&bounds, middle(word)));
            page.instances.push(word);
        }
        cells.retain(|cell| !page.instances.iter().any(|word| cell.covers(middle(word))));
        let regions: Vec<Region> = cells.iter().filter_map(cells::Cell::region).collect();
        let crops = crop::crop_regions(image, &regions, |_| true, self.config.crop_margin.into());
        for (crop, transcript) in recognize::read_crops(self.recognizer.as_ref(), crops)? {
            let mut chars = transcript.text.chars();
            let single = chars.next().is_some_and(char::is_alphanumeric) && chars.next().is_none();
            if single && crop.turn == Turn::None && transcript.score >= least {
                page.instances.extend(crop.words(&regions, &transcript, self.config.confidence));
            } else {
                page.dropped.add(DropReason::LowTextScore);
            }
        }
        Ok(())
    }

    /// Adds the words of regions to a page; of a vertical line, or of large text, and the pieces it was found in, one or the
    /// other. `known` are first readings of some of them.
    fn read_regions(
        &self,
        image: &Image,
        regions: &[Region],
        vertical: &[Candidate],
        large: &[Candidate],
        known: Vec<(Crop, Transcript)>,
        page: &mut Page,
    ) -> Result<()> {
        let mut readings = self.readings(image, regions, known)?;
        page.dropped.add_many(DropReason::NoCrop, regions.len().saturating_sub(readings.len()));
        let reading = |region: usize| {
            let place = readings.binary_search_by_key(&region, |(crop, _)| crop.region).ok()?;
            readings.get(place)
        };
        let mut losers = vertical::losers(vertical, |region| {
            let (crop, transcript) = reading(region)?;
            Some((transcript, matches!(crop.turn, Turn::Down | Turn::Up)))
        });
        let of_large = large::losers(large, self.config.min_text_score, |region| {
            let (crop, transcript) = reading(region).filter(|_| !losers.contains(&region))?;
            Some((transcript, matches!(crop.turn, Turn::Down | Turn::Up)))
        });
        losers.extend(of_large);
        readings.retain(|(crop, _)| !losers.contains(&crop.region));
        let mut read = Vec::with_capacity(readings.len());
        for (crop, transcript) in readings {
            let mut words = crop.words(regions, &transcript, self.config.confidence);
            words.retain(|word| !word.text().is_empty());
            if words.is_empty() {
                page.dropped.add(DropReason::NoText);
                continue;
            }
            let confidence = words::confidence(&transcript, self.config.confidence);
            let height = regions.get(crop.region).map_or(0.0, |r| Quad::around(&r.polygon).height());
            let kept = confidence >= self.least_score(&words);
            read.push(ReadRegion { words, confidence, height, level: crop.turn == Turn::None, kept });
        }
        let usual = ReadRegion::usual_height(&read);
        for region in read {
            let like_others = usual.is_some_and(|height| region.is_like_others(height));
            if region.kept || (like_others && region.confidence >= self.config.min_line_text_score) {
                page.instances.extend(region.words);
            } else {
                page.dropped.add(DropReason::LowTextScore);
            }
        }
        Ok(())
    }

    /// The confidence below which a region with these words is dropped, whatever else stands on the page.
    fn least_score(&self, words: &[TextInstance]) -> f32 {
        let characters =
            words.iter().flat_map(|word| word.text().chars()).filter(|c| c.is_alphanumeric()).count();
        let long = if characters >= LONG_TEXT { self.config.min_long_text_score } else { 1.0 };
        self.config.min_text_score.min(long)
    }

    /// Reads the doubtful words of lines again by themselves, where they are the smaller part; such lines are `unsure` no more. The
    /// surer reading of each counts.
    fn read_parts(
        &self,
        image: &Image,
        readings: &mut [(Crop, Transcript)],
        unsure: &mut BTreeSet<usize>,
        shape: Shape,
    ) -> Result<()> {
        let (confidence, below) = (self.config.confidence, self.config.reread_below);
        let mut parts = Vec::new();
        for (i, (line, transcript)) in readings.iter().enumerate() {
            if !unsure.contains(&line.region) {
                continue;
            }
            if let Some(doubtful) = reread::doubtful(transcript, line.outer(), confidence, below) {
                unsure.remove(&line.region);
                // From the right: characters on the left keep their numbers.
                parts.extend(doubtful.into_iter().rev().map(|part| (i, part)));
            }
        }
        let draw = |(i, part): &(usize, reread::Part)| {
            let line = &readings.get(*i)?.0;
            line.part(image, (part.from, part.to), shape)
        };
        let crops: Vec<Option<Crop>> = parts.par_iter().map(draw).collect();
        let wanted: Vec<Image> = crops.iter().flatten().map(|crop| crop.image.clone()).collect();
        let mut transcripts = self.recognizer.recognize(&wanted)?.into_iter();
        for ((i, part), crop) in parts.iter().zip(crops) {
            let (Some(crop), Some((_, line))) = (crop, readings.get_mut(*i)) else { continue };
            let Some(again) = transcripts.next() else { break };
            let before = line.chars.get(part.chars.clone()).unwrap_or_default();
            if reread::surety(&again.chars, confidence) > reread::surety(before, confidence) {
                let (start, end) = crop.outer();
                let scale = (part.to - part.from) / (end - start);
                let place = |at: f32| part.from + (at - start).clamp(0.0, end - start) * scale;
                reread::replace(line, part, again, confidence, place);
            }
        }
        Ok(())
    }

    /// The surest reading of each region, in order.
    fn readings(
        &self,
        image: &Image,
        regions: &[Region],
        known: Vec<(Crop, Transcript)>,
    ) -> Result<Vec<(Crop, Transcript)>> {
        let read = |wanted: &(dyn Fn(usize) -> bool + Sync), shape: Shape| {
            let crops = crop::crop_regions(image, regions, wanted, shape);
            recognize::read_crops(self.recognizer.as_ref(), crops)
        };
        // Takes a reading in place of the one before where it is surer.
        let better = |readings: &mut Vec<(Crop, Transcript)>,
                      again: (Crop, Transcript),
                      sure: fn(&Transcript) -> f32| {
            let first = readings.binary_search_by_key(&again.0.region, |(crop, _)| crop.region);
            if let Some(best) = first.ok().and_then(|i| readings.get_mut(i))
                && sure(&again.1) > sure(&best.1)
            {
                *best = again;
            }
        };
        let below = |readings: &[(Crop, Transcript)], score: f32| -> BTreeSet<usize> {
            let unsure = readings.iter().filter(|(_, transcript)| transcript.score < score);
            unsure.map(|(crop, _)| crop.region).collect()
        };
        let done: BTreeSet<usize> = known.iter().map(|(crop, _)| crop.region).collect();
        let mut readings = read(&|region| !done.contains(&region), self.config.crop_margin.into())?;
        readings.extend(known);
        readings.sort_by_key(|(crop, _)| crop.region);
        let stretch = self.config.reread_stretch;
        let stretched = (stretch > 1.0).then_some(Shape { margin: self.config.crop_margin, stretch });
        let margins = self.config.reread_margins.iter().map(|margin| Shape::from(*margin));
        let longer = |region: usize, aspect: f64| {
            let quad = regions.get(region).map(|r| Quad::around(&r.polygon));
            quad.is_some_and(|quad| quad.width() >= aspect * quad.height())
        };
        for shape in stretched.into_iter().chain(margins) {
            let mut unsure = below(&readings, self.config.reread_below);
            if shape.stretch > 1.0 {
                unsure.retain(|region| longer(*region, STRETCHED_ASPECT));
            }
            self.read_parts(image, &mut readings, &mut unsure, shape)?;
            for again in read(&|region| unsure.contains(&region), shape)? {
                better(&mut readings, again, |transcript| transcript.score);
            }
        }
        if self.config.orientation != Orientation::Keep {
            // A line that reads as nothing may stand upside down.
            let unsure = below(&readings, self.config.min_text_score.min(UPSIDE_DOWN_BELOW));
            let crops = crop::crop_turned_over(
                image,
                regions,
                |region| unsure.contains(&region) && longer(region, UPSIDE_DOWN_ASPECT),
                self.config.crop_margin,
            );
            for again in recognize::read_crops(self.recognizer.as_ref(), crops)? {
                let letters = again.1.text.chars().filter(|c| c.is_alphanumeric()).count();
                if orientation::surety(&again.1) >= UPSIDE_DOWN_SURE && letters >= UPSIDE_DOWN_LETTERS {
                    better(&mut readings, again, orientation::surety);
                }
            }
        }
        Ok(readings)
    }
}

/// A region and what was read of it.
struct ReadRegion {
    words: Vec<TextInstance>,
    confidence: f32,
    /// In pixels.
    height: f64,
    /// Whether its text neither runs up or down nor stands upside down.
    level: bool,
    /// Whether it is sure enough by itself.
    kept: bool,
}

impl ReadRegion {
    /// The height of most words, in pixels; `None` where there are few.
    fn usual_height(regions: &[Self]) -> Option<f64> {
        let kept = regions.iter().filter(|region| region.kept && region.level);
        let mut heights: Vec<f64> =
            kept.flat_map(|region| std::iter::repeat_n(region.height, region.words.len())).collect();
        heights.sort_by(f64::total_cmp);
        (heights.len() >= PAGE_OF_TEXT).then(|| heights[heights.len() / 2])
    }

    /// Whether it stands like a line among lines of this height. Noise is mostly higher or lower, found with less certainty, or reads
    /// as a character or two.
    fn is_like_others(&self, height: f64) -> bool {
        let characters: usize = self.words.iter().map(|word| word.text().chars().count()).sum();
        let found = self.words.iter().map(|word| word.region.score).fold(0.0, f32::max);
        self.level
            && characters >= LINE_CHARACTERS
            && found >= SURELY_FOUND
            && LINE_HEIGHTS.contains(&(self.height / height))
    }
}

/// What the longest lines of a page read like.
struct Ways {
    /// Those that run to the right: as they are, and upside down.
    level: Reading,
    over: Reading,
    /// All, as they are.
    readings: Vec<(Crop, Transcript)>,
}

/// What was found on a picture.
struct Found {
    regions: Vec<Region>,
    dropped: Dropped,
    /// Regions that large ones stand in place of.
    replaced: Vec<Replaced>,
    /// First readings of some of the regions.
    readings: Vec<(Crop, Transcript)>,
}

/// A picture's size in a look that tells only how it stands, of its own. At two thirds all of 134 pages on their sides were told
/// right, and as many scenes (36 of 100) as at full size; at a half one page and 6 of the scenes less.
const GLANCE: f64 = 2.0 / 3.0;

/// A line on its own is taken for upside down where it reads below the first of these scores as it stands and with the second
/// at least the other way, and so many letters: "69" and "SOS" read well either way.
const UPSIDE_DOWN_BELOW: f32 = 0.5;
const UPSIDE_DOWN_SURE: f32 = 0.8;
const UPSIDE_DOWN_LETTERS: usize = 5;

/// ... and where it is so many times longer than high.
const UPSIDE_DOWN_ASPECT: f64 = 3.0;

/// Regions so many times longer than high are read from wider crops, too: where print is narrow, lines are long.
const STRETCHED_ASPECT: f64 = 4.0;

/// A picture at most this high, in pixels, in which no text is found may be a crop of a single word or character.
const CROP_HEIGHT: u32 = 96;

/// A text of so many letters and digits is long.
const LONG_TEXT: usize = 12;

/// A page with so many words is one of text.
const PAGE_OF_TEXT: usize = 20;

/// What makes an unsure region of such a page a line like others: its characters, the detector's score, and its height in heights
/// of most words. Of 22 words on 54 receipts that such regions held with a confidence of 0.15 to 0.5, 6 were right and 13 nearly.
const LINE_CHARACTERS: usize = 3;
const SURELY_FOUND: f32 = 0.65;
const LINE_HEIGHTS: std::ops::RangeInclusive<f64> = 0.65..=1.25;

/// The whole picture as a region that no detector is sure of.
fn whole(image: &Image) -> Result<Region> {
    let (x1, y1) = (f64::from(image.width()), f64::from(image.height()));
    Ok(Region { polygon: Polygon::from_rect(Rect { x0: 0.0, y0: 0.0, x1, y1 })?, score: 0.0 })
}

/// Outlines of neighbours overlap here and there, and what stands in both is read twice: a word that lies in another one with this
/// share of its area, and whose text that one holds, is left out.
const REPEATED: f64 = 0.7;

fn leave_out_repeats(words: &mut Vec<TextInstance>) {
    let bounds: Vec<Rect> = words.iter().map(|word| word.region.polygon.bounds()).collect();
    let area = |r: &Rect| r.width() * r.height();
    let repeats = |i: usize, j: usize| {
        let (a, b) = (&bounds[i], &bounds[j]);
        let (width, height) = (a.x1.min(b.x1) - a.x0.max(b.x0), a.y1.min(b.y1) - a.y0.max(b.y0));
        width > 0.0
            && height > 0.0
            && width * height >= REPEATED * area(a)
            && (area(a) < area(b) || (area(a) == area(b) && j < i))
            && words[j].text().contains(words[i].text())
    };
    let repeated: Vec<bool> =
        (0..words.len()).map(|i| (0..words.len()).any(|j| j != i && repeats(i, j))).collect();
    let mut repeated = repeated.into_iter();
    words.retain(|_| !repeated.next().unwrap_or(false));
}

/// Puts a [`Reader`] together; what is not set is the shipped models on the processor.
#[derive(Debug, Default)]
pub struct ReaderBuilder {
    config: ReaderConfig,
    detector_weights: Option<Weights>,
    recognizer_weights: Option<Weights>,
    device: Option<Device>,
}

impl ReaderBuilder {
    /// Another configuration.
    pub fn config(mut self, config: ReaderConfig) -> Self {
        self.config = config;
        self
    }

    /// Other weights for the detector.
    pub fn detector_weights(mut self, weights: Weights) -> Self {
        self.detector_weights = Some(weights);
        self
    }

    /// Other weights for the recognizer.
    pub fn recognizer_weights(mut self, weights: Weights) -> Self {
        self.recognizer_weights = Some(weights);
        self
    }

    /// The device the networks run on.
    pub fn device(mut self, device: Device) -> Self {
        self.device = Some(device);
        self
    }

    /// Loads the models.
    ///
    /// # Errors
    /// Those of [`load_detector`] and [`load_recognizer`], and of [`Reader::from_stages`].
    pub fn build(self) -> Result<Reader> {
        let device = self.device.unwrap_or_else(device::cpu);
        let shipped = |name: &str| Weights::Catalog(name.to_owned());
        let detector = self.detector_weights.unwrap_or_else(|| shipped(DEFAULT_DETECTOR));
        let recognizer = self.recognizer_weights.unwrap_or_else(|| shipped(DEFAULT_RECOGNIZER));
        // Regions are read again with more and less of the picture around them, not as crops.
        let once = self.config.recognizer.reading_once();
        let (detector, recognizer) = rayon::join(
            || load_detector(&self.config.detector, &detector, &device),
            || load_recognizer(&once, &recognizer, &device),
        );
        Reader::from_stages(detector?, recognizer?, self.config.reading)
    }
}

#[cfg(test)]
mod tests {
    use glyphic_core::{CharSpan, Symbol, Vocab};

    use super::*;

    /// Finds the same regions in every picture.
    #[derive(Clone)]
    struct Finds(Vec<Region>);

    impl Detector for Finds {
        fn detect(&self, images: &[Image]) -> glyphic_core::Result<Vec<Vec<Region>>> {
            Ok(images.iter().map(|_| self.0.clone()).collect())
        }
    }

    /// Reads the text that belongs to the red of a crop's middle, with the green as its score in percent. A crop
    /// that is higher than wide reads as nothing much.
    struct ReadsColours {
        texts: Vec<(u8, &'static str)>,
        vocab: Vocab,
    }

    impl Recognizer for ReadsColours {
        fn recognize(&self, crops: &[Image]) -> glyphic_core::Result<Vec<Transcript>> {
            Ok(crops.iter().map(|crop| self.read(crop)).collect())
        }

        fn vocab(&self) -> &Vocab {
            &self.vocab
        }
    }

    impl ReadsColours {
        fn read(&self, crop: &Image) -> Transcript {
            let [red, green, _] = crop.pixel(crop.width() / 2, crop.height() / 2);
            let found = self.texts.iter().find(|(key, _)| key.abs_diff(red) < 3);
            let text = found.map_or("", |(_, text)| text);
            let score = if crop.height() > crop.width() { 0.01 } else { f32::from(green) / 100.0 };
            let n = text.chars().count() as f32;
            let chars = text.chars().enumerate().map(|(i, char)| {
                let (start, end) = (i as f32 / n, (i + 1) as f32 / n);
                CharSpan { char, score, start, end }
            });
            Transcript { text: text.to_owned(), score, chars: chars.collect(), ..Transcript::default() }
        }
    }

    /// A white picture with coloured boxes: `[x, y, width, height]`, red, green.
    fn picture(boxes: &[([u32; 4], u8, u8)]) -> (Image, Finds) {
        let mut image = Image::filled(400, 300, [255, 255, 255]).unwrap();
        let mut regions = Vec::new();
        for ([x, y, w, h], red, green) in boxes {
            for py in *y..y + h {
                for px in *x..x + w {
                    let i = ((py * 400 + px) * 3) as usize;
                    image.rgb_mut()[i..i + 3].copy_from_slice(&[*red, *green, 0]);
                }
            }
            let [x, y, w, h] = [x, y, w, h].map(|v| f64::from(*v));
            let polygon = Polygon::from_rect(Rect { x0: x, y0: y, x1: x + w, y1: y + h }).unwrap();
            regions.push(Region { polygon, score: 0.9 });
        }
        (image, Finds(regions))
    }

    fn reader(finds: Finds, texts: &[(u8, &'static str)]) -> Reader {
        let vocab = Vocab::new(vec![Symbol::Blank]).unwrap();
        let reads = ReadsColours { texts: texts.to_vec(), vocab };
        Reader::from_stages(Box::new(finds), Box::new(reads), ReadingConfig::default()).unwrap()
    }

    #[test]
    fn a_page_is_read_into_words_and_lines_in_reading_order() {
        let (image, finds) =
            picture(&[([20, 100, 60, 20], 10, 90), ([300, 20, 60, 20], 20, 80), ([20, 20, 120, 20], 30, 70)]);
        let page = reader(finds, &[(10, "total"), (20, "2.50"), (30, "rye bread")]).read(&image).unwrap();
        assert_eq!(page.text(), "rye bread 2.50\ntotal");
        assert_eq!((page.width, page.height), (400, 300));
        let words: Vec<&str> = page.instances.iter().map(TextInstance::text).collect();
        assert_eq!(words, ["rye", "bread", "2.50", "total"]);
        assert_eq!(page.lines[0].instances, [0, 1]);
        assert_eq!(page.lines[1].instances, [2]);
        // The two words of one region share its outline between them.
        let (rye, bread) =
            (page.instances[0].region.polygon.bounds(), page.instances[1].region.polygon.bounds());
        assert!(rye.x0 < 21.0 && rye.x1 <= bread.x0 && bread.x1 > 139.0, "{rye:?} {bread:?}");
    }

    #[test]
    fn a_picture_no_higher_than_a_crop_is_read_whole_where_nothing_is_found() {
        let reader = reader(Finds(Vec::new()), &[(10, "7")]);
        for (height, text) in [(60, "7"), (200, "")] {
            let image = Image::filled(80, height, [10, 90, 0]).unwrap();
            assert_eq!(reader.read(&image).unwrap().text(), text, "{height} pixels high");
        }
    }

    #[test]
    fn what_stands_in_two_outlines_is_read_once() {
        let word = |text: &str, [x0, x1]: [f64; 2]| {
            let polygon = Polygon::from_rect(Rect { x0, y0: 10.0, x1, y1: 30.0 }).unwrap();
            let transcript = Transcript { text: text.to_owned(), score: 0.9, ..Transcript::default() };
            let region = Region { polygon, score: 0.9 };
            TextInstance { transcript: Some(transcript), ..TextInstance::new(region) }
        };
        let left = |words: &[TextInstance]| {
            let mut words = words.to_vec();
            leave_out_repeats(&mut words);
            words.iter().map(|word| word.text().to_owned()).collect::<Vec<_>>()
        };
        let repeated = [word("3", [276., 287.]), word("23", [260., 286.]), word("June", [295., 340.])];
        assert_eq!(left(&repeated), ["23", "June"]);
        assert_eq!(left(&[word("23", [260., 286.]), word("23", [260., 286.])]), ["23"]);
        assert_eq!(left(&[word("3", [282., 300.]), word("23", [260., 286.])]).len(), 2, "beside it");
        assert_eq!(left(&[word("x", [270., 280.]), word("23", [260., 286.])]).len(), 2, "another text");
    }

    #[test]
    fn what_is_empty_or_unsure_is_left_out() {
        let (image, finds) =
            picture(&[([20, 20, 60, 20], 10, 90), ([20, 60, 60, 20], 20, 20), ([20, 100, 60, 20], 30, 90)]);
        let page = reader(finds, &[(10, "sure"), (20, "unsure"), (30, " ")]).read(&image).unwrap();
        assert_eq!(page.text(), "sure");
        let dropped: Vec<_> = page.dropped.iter().collect();
        assert_eq!(dropped, [(DropReason::NoText, 1), (DropReason::LowTextScore, 1)]);
    }

    #[test]
    fn a_long_text_is_kept_though_it_is_unsure() {
        let (image, finds) =
            picture(&[([20, 20, 200, 20], 10, 30), ([20, 60, 60, 20], 20, 30), ([20, 100, 200, 20], 30, 10)]);
        let texts = [(10, "Zhang, L., Dawes, W."), (20, "Zhang"), (30, "iiiiiii lllll ----")];
        let page = reader(finds.clone(), &texts).read(&image).unwrap();
        assert_eq!(page.text(), "Zhang, L., Dawes, W.");
        assert_eq!(page.dropped.iter().collect::<Vec<_>>(), [(DropReason::LowTextScore, 2)]);
        let mut config = ReadingConfig::default();
        config.set_min_text_score(0.5);
        let reads = ReadsColours { texts: texts.to_vec(), vocab: Vocab::new(vec![Symbol::Blank]).unwrap() };
        let strict = Reader::from_stages(Box::new(finds), Box::new(reads), config).unwrap();
        assert_eq!(strict.read(&image).unwrap().text(), "");
    }

    #[test]
    fn an_unsure_line_is_kept_among_lines_of_its_height() {
        let lines =
            |count: u32| -> Vec<_> { (0..count).map(|i| ([20, 10 + 24 * i, 300, 16], 10, 90)).collect() };
        // As high as the others; twice as high; too unsure; one character.
        let unsure =
            [([20, 200, 80, 16], 20, 30), ([120, 200, 160, 32], 30, 30), ([20, 250, 80, 16], 40, 10)];
        let single = ([120, 250, 20, 16], 50, 30);
        let texts = [(10, "four words a line"), (20, "18.97"), (30, "KOSI3"), (40, "a;-#"), (50, "#")];
        let read = |boxes: &[([u32; 4], u8, u8)], config: ReadingConfig| {
            let (image, finds) = picture(boxes);
            let reads =
                ReadsColours { texts: texts.to_vec(), vocab: Vocab::new(vec![Symbol::Blank]).unwrap() };
            let reader = Reader::from_stages(Box::new(finds), Box::new(reads), config).unwrap();
            let page = reader.read(&image).unwrap();
            (page.text().replace("four words a line\n", ""), page.dropped.iter().collect::<Vec<_>>())
        };
        let boxes = [lines(5), unsure.to_vec(), vec![single]].concat();
        let dropped = |count| vec![(DropReason::LowTextScore, count)];
        assert_eq!(read(&boxes, ReadingConfig::default()), ("18.97".to_owned(), dropped(3)));
        let mut strict = ReadingConfig::default();
        strict.set_min_text_score(0.5);
        assert_eq!(read(&boxes, strict).1, dropped(4));
        // Sixteen words are no page.
        let few = [lines(4), unsure.to_vec(), vec![single]].concat();
        assert_eq!(read(&few, ReadingConfig::default()).1, dropped(4));
    }

    #[test]
    fn a_tall_region_is_read_the_way_its_text_runs() {
        let (image, finds) = picture(&[([20, 20, 20, 120], 10, 90)]);
        let page = reader(finds, &[(10, "down hill")]).read(&image).unwrap();
        let words: Vec<&str> = page.instances.iter().map(TextInstance::text).collect();
        assert_eq!(words, ["down", "hill"]);
        let (first, second) =
            (page.instances[0].region.polygon.bounds(), page.instances[1].region.polygon.bounds());
        assert!(first.width() < 21.0 && first.y1 <= second.y0 + 0.01, "{first:?} {second:?}");
    }

    /// Reads how high or wide a crop is; the larger, the surer, 1 at so many pixels.
    struct ReadsSizes(fn(&Image) -> u32, f32, Vocab);

    impl Recognizer for ReadsSizes {
        fn recognize(&self, crops: &[Image]) -> glyphic_core::Result<Vec<Transcript>> {
            let read = |crop: &Image| {
                let size = self.0(crop);
                let (text, score) = (size.to_string(), size as f32 / self.1);
                let chars = text.chars().map(|char| CharSpan { char, score, start: 0.4, end: 0.6 }).collect();
                Transcript { text, score, chars, ..Transcript::default() }
            };
            Ok(crops.iter().map(read).collect())
        }

        fn vocab(&self) -> &Vocab {
            &self.2
        }
    }

    #[test]
    fn unsure_regions_are_read_again_with_other_margins_and_the_surest_reading_counts() {
        let read = |reread_below, reread_margins: &[f64]| {
            let (image, finds) = picture(&[([20, 20, 90, 40], 1, 0), ([20, 120, 200, 80], 2, 0)]);
            let config = ReadingConfig {
                crop_margin: 0.0,
                min_text_score: 0.0,
                reread_below,
                reread_margins: reread_margins.to_vec(),
                ..ReadingConfig::default()
            };
            let heights = ReadsSizes(Image::height, 100.0, Vocab::new(vec![Symbol::Blank]).unwrap());
            let reader = Reader::from_stages(Box::new(finds), Box::new(heights), config).unwrap();
            reader.read(&image).unwrap().text()
        };
        assert_eq!(read(0.0, &[0.1, 0.2]), "40\n80");
        assert_eq!(read(0.5, &[0.1, 0.2]), "56\n80", "the second is sure");
        assert_eq!(read(0.45, &[0.1, 0.2]), "48\n80", "after one more reading the first is sure too");
        assert_eq!(read(1.0, &[-0.1]), "40\n80", "a less sure reading does not count");
    }

    #[test]
    fn unsure_long_regions_are_read_from_wider_crops_too() {
        let read = |reread_stretch, reread_below| {
            let (image, finds) = picture(&[([20, 20, 200, 20], 1, 0), ([20, 120, 60, 20], 2, 0)]);
            let config = ReadingConfig {
                crop_margin: 0.0,
                min_text_score: 0.0,
                reread_below,
                reread_stretch,
                reread_margins: Vec::new(),
                orientation: Orientation::Keep,
                ..ReadingConfig::default()
            };
            let widths = ReadsSizes(Image::width, 1000.0, Vocab::new(vec![Symbol::Blank]).unwrap());
            let reader = Reader::from_stages(Box::new(finds), Box::new(widths), config).unwrap();
            reader.read(&image).unwrap().text()
        };
        assert_eq!(read(1.4, 0.67), "280\n60", "the second is short");
        assert_eq!(read(1.0, 0.67), "200\n60");
        assert_eq!(read(1.4, 0.19), "200\n60", "the first is sure");
    }

    #[test]
    fn a_picture_without_text_is_an_empty_page() {
        let (image, finds) = picture(&[]);
        let page = reader(finds, &[]).read(&image).unwrap();
        assert!(page.instances.is_empty() && page.lines.is_empty() && page.text().is_empty());
    }

    #[test]
    fn a_reader_is_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Reader>();
    }
}
