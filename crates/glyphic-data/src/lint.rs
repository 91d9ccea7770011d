//! What is wrong with data, told before a network is trained on it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Cursor;
use std::path::Path;

use glyphic_core::Vocab;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::formats::{Kind, ReadOptions, Reader, Record, Truth};
use crate::line_input::ctc_steps;
use crate::pack::{LazyPack, PackKind, Warning};
use crate::text::{TextCrops, class, encode};
use crate::{LineInput, Location, Result, crop};

/// So many places of each kind of finding are named; the rest is counted.
const NAMED: usize = 20;

/// One kind of finding: how often it occurs, and the first places.
#[derive(Debug, Clone, PartialEq)]
pub struct Findings<T> {
    /// How often.
    pub count: usize,
    /// The first of them, twenty at most, in the order of the labels.
    pub first: Vec<T>,
}

impl<T> Default for Findings<T> {
    fn default() -> Self {
        Self { count: 0, first: Vec::new() }
    }
}

impl<T> Findings<T> {
    pub(crate) fn add(&mut self, finding: T) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(finding);
        }
    }
}

/// A character that the vocabulary lacks.
#[derive(Debug, Clone, PartialEq)]
pub struct UnknownChar {
    /// The character.
    pub char: char,
    /// How often it occurs.
    pub count: usize,
    /// Where it occurs first.
    pub first: Location,
    /// The text it occurs in first.
    pub text: String,
}

/// A text that CTC cannot write in the time its crop's width gives.
#[derive(Debug, Clone, PartialEq)]
pub struct TooLong {
    /// Where.
    pub at: Location,
    /// The text.
    pub text: String,
    /// Steps it needs, with a blank between equal neighbours.
    pub needed: usize,
    /// Steps that the network has for it.
    pub steps: usize,
}

/// What was found in a pack. Its `Display` says it in words, one finding a line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LintReport {
    /// Sentences were looked at, not pictures.
    pub sentences: bool,
    /// Samples looked at: pictures of a detection pack, crops of a recognition pack or of [`lint_texts`].
    pub samples: usize,
    /// Samples that recognition can be trained on; `None` where only pictures or sentences were looked at.
    pub usable: Option<usize>,
    /// Characters outside the vocabulary, the most frequent first.
    pub unknown_chars: Vec<UnknownChar>,
    /// Texts longer than CTC's time steps.
    pub too_long: Findings<TooLong>,
    /// Labels without a text that are not ignored.
    pub empty: Findings<Location>,
    /// Pictures that are missing, broken, or not of the size that the label says; with the reason.
    pub broken: Findings<String>,
    /// Annotations outside their picture; with the reason.
    pub outside: Findings<String>,
    /// Polygons that are none (self-crossing ones among them) and entities that do not stand where they are said to, and what
    /// was made of them.
    pub polygons: Findings<Warning>,
    /// Labels that cannot be read; with the reason.
    pub labels: Findings<String>,
    /// Pictures that EXIF turns or mirrors: a label made by a tool that shows them unturned does not fit.
    pub turned: Findings<Location>,
    /// Pictures of the same bytes, or sentences of the same words, as one of another split: where, and where the other.
    pub shared: Findings<(Location, Location)>,
    /// Those like one before them in the same split.
    pub repeated: Findings<(Location, Location)>,
}

impl LintReport {
    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.unknown_chars.is_empty()
            && self.too_long.count == 0
            && self.empty.count == 0
            && self.broken.count == 0
            && self.outside.count == 0
            && self.polygons.count == 0
            && self.labels.count == 0
            && self.turned.count == 0
            && self.shared.count == 0
            && self.repeated.count == 0
    }

    /// How much was found, in all.
    pub fn count(&self) -> usize {
        let unknown: usize = self.unknown_chars.iter().map(|u| u.count).sum();
        unknown
            + self.too_long.count
            + self.empty.count
            + self.broken.count
            + self.outside.count
            + self.polygons.count
            + self.labels.count
            + self.turned.count
            + self.shared.count
            + self.repeated.count
    }

    fn polygons_of(pack: &LazyPack) -> Findings<Warning> {
        pack.all_warnings().clone()
    }
}

/// Decodes every picture of a pack and looks at its polygons.
///
/// # Errors
/// None of the findings is an error; only an index beyond the end would be.
pub fn lint_pack(pack: &LazyPack) -> Result<LintReport> {
    let looked: Vec<Result<Picture>> = (0..pack.len()).into_par_iter().map(|i| look_at(pack, i)).collect();
    let mut report =
        LintReport { samples: pack.len(), polygons: LintReport::polygons_of(pack), ..LintReport::default() };
    for (i, looked) in looked.into_iter().enumerate() {
        let picture = looked?;
        picture.broken.into_iter().for_each(|b| report.broken.add(b));
        picture.outside.into_iter().for_each(|o| report.outside.add(o));
        empty_texts(pack, i, &mut report)?;
    }
    Ok(report)
}

/// What is wrong with one picture, in words.
#[derive(Default)]
struct Picture {
    broken: Option<String>,
    outside: Vec<String>,
}

fn look_at(pack: &LazyPack, i: usize) -> Result<Picture> {
    let image = match pack.image(i) {
        Ok(image) => image,
        Err(error) => return Ok(Picture { broken: Some(error.to_string()), ..Picture::default() }),
    };
    let (w, h) = (f64::from(image.width()), f64::from(image.height()));
    let at = pack.location(i)?;
    let outside = pack.instances(i).unwrap_or_default().iter().enumerate().filter_map(|(k, t)| {
        let b = t.region.polygon.bounds();
        let off = b.x1 <= 0.0 || b.y1 <= 0.0 || b.x0 >= w || b.y0 >= h;
        off.then(|| format!("{at}: annotation {k} lies outside of its {w}x{h} picture"))
    });
    Ok(Picture { broken: None, outside: outside.collect() })
}

fn empty_texts(pack: &LazyPack, i: usize, report: &mut LintReport) -> Result<()> {
    let empty = match pack.kind() {
        PackKind::Recognition => pack.text(i).is_some_and(|t| t.trim().is_empty()),
        PackKind::Detection => false,
    };
    if empty {
        report.empty.add(pack.location(i)?);
    }
    Ok(())
}

/// Looks at every text and crop as a recognizer with this vocabulary and input will: characters it lacks, texts
/// too long for CTC, empty texts, pictures that cannot be decoded.
///
/// # Errors
/// None of the findings is an error; only an index beyond the end would be.
pub fn lint_texts(crops: &TextCrops, vocab: &Vocab, input: LineInput) -> Result<LintReport> {
    let mut report = LintReport {
        samples: crops.len(),
        polygons: LintReport::polygons_of(crops.pack()),
        ..LintReport::default()
    };
    let widths: Vec<Result<u32>> = (0..crops.len())
        .into_par_iter()
        .map(|i| {
            let crop = crops.get(i)?.crop();
            Ok(input.content_width(crop.width(), crop.height()))
        })
        .collect();
    let mut unknown: BTreeMap<char, UnknownChar> = BTreeMap::new();
    let mut usable = 0;
    for (i, width) in widths.into_iter().enumerate() {
        let (text, at) = (crops.text(i)?, crops.location(i)?);
        let mut good = true;
        if text.trim().is_empty() {
            report.empty.add(at.clone());
            good = !text.is_empty();
        }
        for c in text.chars().filter(|c| class(vocab, *c).is_none()) {
            good = false;
            unknown
                .entry(c)
                .or_insert_with(|| UnknownChar {
                    char: c,
                    count: 0,
                    first: at.clone(),
                    text: text.to_owned(),
                })
                .count += 1;
        }
        match width {
            Ok(width) => {
                let needed = encode(vocab, text).map_or(0, |classes| ctc_steps(&classes));
                let steps = input.steps(width);
                if needed > steps {
                    good = false;
                    report.too_long.add(TooLong { at, text: text.to_owned(), needed, steps });
                }
            }
            Err(error @ crate::Error::Label { .. }) => {
                good = false;
                report.outside.add(error.to_string());
            }
            Err(error) => {
                good = false;
                report.broken.add(error.to_string());
            }
        }
        usable += usize::from(good);
    }
    report.unknown_chars = unknown.into_values().collect();
    report.unknown_chars.sort_by(|a, b| b.count.cmp(&a.count).then(a.char.cmp(&b.char)));
    report.usable = Some(usable);
    Ok(report)
}

/// Pictures looked at together.
const CHUNK: usize = 64;

/// Looks at the splits of a data set one after the other, in labels of any format: what [`lint_pack`] and [`lint_texts`]
/// look at, labels that cannot be read, pictures that EXIF turns, and pictures that occur twice, in a split or in two.
/// What is kept in memory is a hash of each picture.
pub struct Linter<'a> {
    vocab: Option<&'a Vocab>,
    input: LineInput,
    splits: usize,
    /// Of each picture the split and place where it was seen first.
    seen: HashMap<[u8; 16], (usize, Location)>,
}

/// What one record's picture and texts are like.
struct Looked {
    picture: Picture,
    turned: bool,
    hash: Option<[u8; 16]>,
    /// The texts to read, with the size of their crops where it is known.
    texts: Vec<(String, Option<(u32, u32)>)>,
    /// They are no truth of pictures: no recognizer has to write them.
    sentence: bool,
}

impl<'a> Linter<'a> {
    /// Texts are held against a vocabulary and CTC's time steps where there is one.
    pub fn new(vocab: Option<&'a Vocab>, input: LineInput) -> Self {
        Self { vocab, input, splits: 0, seen: HashMap::new() }
    }

    /// Looks at the next split; `on` is called with each record when it has been looked at.
    ///
    /// # Errors
    /// Those of [`Reader::open`]; what is wrong with records are findings.
    pub fn lint(
        &mut self,
        path: &Path,
        read: &ReadOptions,
        mut on: impl FnMut(&Record),
    ) -> Result<LintReport> {
        let mut reader = Reader::open(path, read)?;
        let mut report = LintReport::default();
        let mut unknown = BTreeMap::new();
        let mut usable = 0;
        loop {
            let before = report.samples;
            let mut records = Vec::with_capacity(CHUNK);
            for record in reader.by_ref().take(CHUNK) {
                report.samples += 1;
                match record {
                    Ok(record) => records.push(record),
                    Err(error) => report.labels.add(error.to_string()),
                }
            }
            if report.samples == before {
                break;
            }
            let looked: Vec<Looked> = records.par_iter().map(look_at_record).collect();
            for (record, looked) in records.iter().zip(looked) {
                report.sentences |= looked.sentence;
                usable += usize::from(self.add(record, looked, &mut report, &mut unknown));
                on(record);
            }
        }
        report.polygons = reader.warnings().clone();
        report.unknown_chars = unknown.into_values().collect();
        report.unknown_chars.sort_by(|a: &UnknownChar, b| b.count.cmp(&a.count).then(a.char.cmp(&b.char)));
        report.usable = self.vocab.filter(|_| !report.sentences).map(|_| usable);
        self.splits += 1;
        Ok(report)
    }

    /// Takes over what was seen of a record; whether all of its texts can be trained on.
    fn add(
        &mut self,
        record: &Record,
        looked: Looked,
        report: &mut LintReport,
        unknown: &mut BTreeMap<char, UnknownChar>,
    ) -> bool {
        let at = &record.at;
        let mut good = looked.picture.broken.is_none();
        looked.picture.broken.into_iter().for_each(|b| report.broken.add(b));
        looked.picture.outside.into_iter().for_each(|o| report.outside.add(o));
        if looked.turned {
            report.turned.add(at.clone());
        }
        if let Some(hash) = looked.hash {
            match self.seen.get(&hash) {
                Some((split, first)) if *split == self.splits => {
                    report.repeated.add((at.clone(), first.clone()))
                }
                Some((_, first)) => report.shared.add((at.clone(), first.clone())),
                None => drop(self.seen.insert(hash, (self.splits, at.clone()))),
            }
        }
        for (text, size) in looked.texts {
            if text.trim().is_empty() {
                report.empty.add(at.clone());
                good = false;
            }
            let Some(vocab) = self.vocab.filter(|_| !looked.sentence) else { continue };
            for c in text.chars().filter(|c| class(vocab, *c).is_none()) {
                good = false;
                let first = || UnknownChar { char: c, count: 0, first: at.clone(), text: text.clone() };
                unknown.entry(c).or_insert_with(first).count += 1;
            }
            if let Some((width, height)) = size {
                let needed = encode(vocab, &text).map_or(0, |classes| ctc_steps(&classes));
                let steps = self.input.steps(self.input.content_width(width, height));
                if needed > steps {
                    good = false;
                    report.too_long.add(TooLong { at: at.clone(), text, needed, steps });
                }
            }
        }
        good
    }
}

fn look_at_record(record: &Record) -> Looked {
    let mut looked = Looked {
        picture: Picture::default(),
        turned: false,
        hash: None,
        texts: Vec::new(),
        sentence: record.truth.kind() == Kind::Sentence,
    };
    if let Truth::Sentence { text, .. } = &record.truth {
        looked.hash = Sha256::digest(text).first_chunk().copied();
        looked.texts.push((text.clone(), None));
        return looked;
    }
    let image = record.bytes().and_then(|bytes| {
        let digest = Sha256::digest(&bytes);
        looked.hash = digest.first_chunk().copied();
        looked.turned = record.head_of(Cursor::new(&bytes))?.turned;
        record.decode(&bytes)
    });
    let size = match image {
        Ok(image) => Some((image.width(), image.height())),
        Err(error) => {
            looked.picture.broken = Some(error.to_string());
            None
        }
    };
    match &record.truth {
        Truth::Sentence { .. } => {}
        Truth::Text(text) => looked.texts.push((text.clone(), size)),
        Truth::Instances(instances) => {
            for (k, instance) in instances.iter().enumerate() {
                let polygon = &instance.region.polygon;
                if let Some((w, h)) = size {
                    let b = polygon.bounds();
                    if b.x1 <= 0.0 || b.y1 <= 0.0 || b.x0 >= f64::from(w) || b.y0 >= f64::from(h) {
                        let at = &record.at;
                        looked
                            .picture
                            .outside
                            .push(format!("{at}: annotation {k} lies outside of its {w}x{h} picture"));
                    }
                }
                if !instance.ignore && instance.transcript.is_some() {
                    let crop = crop::corners(polygon).map(|q| {
                        let side = |i: usize| q[i].distance(q[(i + 1) % 4]);
                        let (w, h) = (side(0).max(side(2)), side(1).max(side(3)));
                        (w.max(1.0) as u32, h.max(1.0) as u32)
                    });
                    looked.texts.push((instance.text().to_owned(), crop));
                }
            }
        }
    }
    looked
}

impl fmt::Display for LintReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.usable {
            Some(usable) => writeln!(f, "{} samples, {usable} can be trained on", self.samples)?,
            None => writeln!(f, "{} samples", self.samples)?,
        }
        for u in self.unknown_chars.iter().take(NAMED) {
            writeln!(
                f,
                "the vocabulary lacks {:?} (U+{:04X}): {} times, first at {} in {:?}",
                u.char, u.char as u32, u.count, u.first, u.text
            )?;
        }
        more(f, self.unknown_chars.len(), "characters that the vocabulary lacks")?;
        for t in &self.too_long.first {
            writeln!(f, "{}: {:?} needs {} time steps, its width gives {}", t.at, t.text, t.needed, t.steps)?;
        }
        more(f, self.too_long.count, "texts too long for their width")?;
        self.empty.first.iter().try_for_each(|at| writeln!(f, "{at}: the text is empty"))?;
        more(f, self.empty.count, "empty texts")?;
        self.broken.first.iter().try_for_each(|b| writeln!(f, "{b}"))?;
        more(f, self.broken.count, "broken pictures")?;
        self.outside.first.iter().try_for_each(|o| writeln!(f, "{o}"))?;
        more(f, self.outside.count, "annotations outside their picture")?;
        self.polygons.first.iter().try_for_each(|w| writeln!(f, "{w}"))?;
        more(
            f,
            self.polygons.count,
            if self.sentences { "entities out of place" } else { "broken polygons" },
        )?;
        self.labels.first.iter().try_for_each(|l| writeln!(f, "{l}"))?;
        more(f, self.labels.count, "labels that cannot be read")?;
        let turned = "EXIF turns the picture; make sure that its label is of the upright one";
        self.turned.first.iter().try_for_each(|at| writeln!(f, "{at}: {turned}"))?;
        more(f, self.turned.count, "pictures that EXIF turns")?;
        let twins = |f: &mut fmt::Formatter<'_>, pairs: &Findings<(Location, Location)>, what: &str| {
            pairs.first.iter().try_for_each(|(at, other)| writeln!(f, "{at}: {what}, {other}"))
        };
        let what = if self.sentences { "sentence" } else { "picture" };
        twins(f, &self.shared, &format!("the same {what} as in another split"))?;
        more(f, self.shared.count, &format!("{what}s of another split"))?;
        twins(f, &self.repeated, &format!("the same {what} as before"))?;
        more(f, self.repeated.count, &format!("{what}s that occur twice"))
    }
}

fn more(f: &mut fmt::Formatter<'_>, count: usize, what: &str) -> fmt::Result {
    match count.checked_sub(NAMED) {
        None | Some(0) => Ok(()),
        Some(rest) => writeln!(f, "... and {rest} more {what}"),
    }
}

#[cfg(test)]
mod tests;
