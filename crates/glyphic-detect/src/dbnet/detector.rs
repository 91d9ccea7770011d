#[cfg(feature = "train")]
use burn::tensor::{Tensor, TensorData};
use glyphic_core::geometry::min_area_rect;
use glyphic_core::{Detected, Detector, Image, Region};
use glyphic_graph::{Carried, Graph, Session, Tensor as Value};
use glyphic_imgproc::Map;
#[cfg(feature = "train")]
use glyphic_nn::{
    Device,
    checkpoint::{LoadOptions, StateDict, load_into},
};
use glyphic_regions::dbnet::add_large;

#[cfg(feature = "train")]
use super::DbNet;
use super::{DbDecodeConfig, DbLevel, DbNetConfig, FEATURES, ProbabilityMap};
use crate::Result;
use crate::input::{Content, Prepared};

/// DBNet with weights, ready to detect. One engine serves every thread.
pub struct DbNetDetector {
    config: DbNetConfig,
    network: Network,
}

/// The network ready to run. Immutable; any number of threads may share it.
enum Network {
    /// The graph of a network of one kind of region, on the processor.
    Whole(Box<Session>),
    /// The graph of a network that knows levels: its backbone, and the rest for words and for lines, so that a picture is
    /// classified before the rest is computed.
    Levels {
        /// Picture -> features and level.
        backbone: Box<Session>,
        /// Features -> probabilities of words.
        words: Box<Session>,
        /// Features -> probabilities of lines.
        lines: Box<Session>,
    },
    /// On any other device.
    #[cfg(feature = "train")]
    Device { network: Box<DbNet>, device: Device },
}

#[cfg(feature = "train")]
impl DbNetConfig {
    /// The graph of this network with these weights, all of them and no others.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a value that makes no network, [`crate::Error::Weights`] where names or shapes
    /// do not fit.
    pub fn graph(&self, weights: &StateDict) -> Result<Graph> {
        self.validate()?;
        let mut network = self.init(&glyphic_nn::device::cpu());
        load_into(&mut network, weights, &LoadOptions::default())?;
        Ok(network.graph()?)
    }
}

impl DbNetDetector {
    /// The network that a graph holds, as [`DbNetConfig::graph`] makes it, on the processor.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a value that makes no detector, [`crate::Error::Graph`] for another network's graph.
    pub fn from_graph(config: DbNetConfig, graph: &Graph) -> Result<Self> {
        config.validate()?;
        let levels = graph.inputs.iter().any(|input| input.name == "line");
        if levels != config.level.is_some() {
            let expected =
                if levels { "a level, which the weights know" } else { "none, as the weights know none" };
            return Err(crate::Error::config("level", format!("{:?}", config.level), expected));
        }
        Ok(Self { config, network: Network::from_graph(graph)? })
    }

    /// Builds the network and loads the weights, all of them and no others.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a value that makes no network, [`crate::Error::Weights`] where names or shapes
    /// do not fit.
    #[cfg(feature = "train")]
    pub fn new(config: DbNetConfig, weights: &StateDict, device: &Device) -> Result<Self> {
        if *device == glyphic_nn::device::cpu() {
            let graph = config.graph(weights)?;
            return Self::from_graph(config, &graph);
        }
        config.validate()?;
        let mut network = config.init(device);
        load_into(&mut network, weights, &LoadOptions::default())?;
        let network = Network::Device { network: Box::new(network), device: device.clone() };
        Ok(Self { config, network })
    }

    /// The configuration it runs with.
    pub fn config(&self) -> &DbNetConfig {
        &self.config
    }

    /// How likely each pixel is text: what the regions are read off.
    ///
    /// # Errors
    /// [`crate::Error::Picture`] where the picture cannot be brought to the network's size.
    pub fn probability_map(&self, image: &Image) -> Result<ProbabilityMap> {
        Ok(self.passes(image)?.1)
    }

    /// All passes over an image: its regions, and the map of the finest pass.
    fn passes(&self, image: &Image) -> Result<(Detected, ProbabilityMap)> {
        let (level, zoom) = (self.config.level, self.config.zoom);
        let decode = |map, min_score: Option<f64>| {
            let decode = &self.config.decode;
            let min_score = min_score.unwrap_or(decode.min_score);
            (DbDecodeConfig { min_score, ..decode.clone() }.decode_counted(&map), map)
        };
        let of_lines = self.config.line_min_score;
        let level = match level {
            Some(DbLevel::Auto) if is_plain(image) => Some(DbLevel::Line),
            Some(DbLevel::Auto) if self.surely_words(image)? => Some(DbLevel::Word),
            level => level,
        };
        let lines = match level {
            Some(DbLevel::Word) => None,
            Some(DbLevel::Auto) => self.pass(image, DbLevel::Auto, 1.0, true)?,
            level => self.pass(image, level.unwrap_or_default(), 1.0, false)?,
        };
        let pass = |level, zoom| {
            Ok::<_, crate::Error>(self.pass(image, level, zoom, false)?.expect("every level is wanted"))
        };
        let (level, times, min_score, (mut detected, map)) = match lines {
            None => (DbLevel::Word, zoom.words, None, decode(pass(DbLevel::Word, zoom.words)?, None)),
            Some(map) => {
                let pixels = map.values.width() * map.values.height();
                let (detected, map) = decode(map, of_lines);
                match zoom.again(heights(&detected.regions, map.scale), pixels) {
                    None => (DbLevel::Line, 1.0, of_lines, (detected, map)),
                    Some(zoom) => {
                        (DbLevel::Line, zoom, of_lines, decode(pass(DbLevel::Line, zoom)?, of_lines))
                    }
                }
            }
        };
        let (mut times, mut side) = (times, map.values.width().min(map.values.height()) as f64);
        while zoom.coarse > 1.0 && side / zoom.coarse >= COARSEST {
            (times, side) = (times / zoom.coarse, side / zoom.coarse);
            let (coarse, coarse_map) = decode(pass(level, times)?, min_score);
            let (regions, replaced) =
                add_large(detected.regions, coarse.regions, LARGE * coarse_map.scale[1]);
            detected.regions = regions;
            detected.replaced.extend(replaced);
        }
        Ok((detected, map))
    }

    /// Whether a look at an image of half the size leaves no doubt that it is one of words, so that it need not be classified at its
    /// size, too, before it is enlarged.
    fn surely_words(&self, image: &Image) -> Result<bool> {
        let Network::Levels { backbone, .. } = &self.network else { return Ok(false) };
        let prepared = self.config.input.prepare(image, GLIMPSE)?;
        let mut features = backbone.run_carried(input(backbone, &prepared))?;
        Ok(level(&mut features).is_some_and(|level| level < SURELY_WORDS))
    }

    /// One pass over an image at a scale; `None` where it is classified as one of words and `lines_only` is set.
    fn pass(
        &self,
        image: &Image,
        level: DbLevel,
        zoom: f64,
        lines_only: bool,
    ) -> Result<Option<ProbabilityMap>> {
        let prepared = self.config.input.prepare(image, zoom)?;
        let Some(mut values) = self.network.probabilities(&prepared, level, lines_only)? else {
            return Ok(None);
        };
        // Nothing is looked for in the padding.
        let (padded_width, Content { width, height, scale }) = (prepared.width, prepared.content);
        for y in 0..height {
            values.copy_within(y * padded_width..y * padded_width + width, y * width);
        }
        values.truncate(width * height);
        Ok(Some(ProbabilityMap { values: Map::new(width, height, values)?, scale }))
    }
}

impl Network {
    fn from_graph(graph: &Graph) -> Result<Self> {
        let session = |graph: Graph| Ok::<_, crate::Error>(Box::new(Session::new(graph)?));
        if graph.inputs.iter().all(|input| input.name != "line") {
            return Ok(Self::Whole(session(graph.cut(&["image"], &["probability"])?)?));
        }
        let [a, b, c, d] = FEATURES;
        let backbone = session(graph.cut(&["image"], &[a, b, c, d, "level"])?)?;
        let of_level = |line: f32| {
            let rest = graph.cut(&[a, b, c, d, "line"], &["probability"])?;
            let rest = rest.bind("line", Value::from_f32(&[1], vec![line])?)?;
            Ok::<_, crate::Error>(Box::new(Session::beside(rest, &backbone)?))
        };
        let (words, lines) = (of_level(0.0)?, of_level(1.0)?);
        Ok(Self::Levels { backbone, words, lines })
    }

    /// A picture -> text probabilities `[H, W]` of its input; `None` where the picture is classified as one of words and
    /// `lines_only` is set.
    fn probabilities(
        &self,
        picture: &Prepared,
        level: DbLevel,
        lines_only: bool,
    ) -> Result<Option<Vec<f32>>> {
        let mut outputs = match self {
            Self::Whole(_) if lines_only => return Ok(None),
            Self::Whole(session) => session.run_carried(input(session, picture))?,
            Self::Levels { backbone, words, lines } => {
                let mut features = backbone.run_carried(input(backbone, picture))?;
                let judged = self::level(&mut features);
                let line = match level {
                    DbLevel::Auto => judged.is_some_and(|level| level > 0.0),
                    level => level == DbLevel::Line,
                };
                if lines_only && !line {
                    return Ok(None);
                }
                let features: Vec<(&str, Carried)> = FEATURES.into_iter().zip(features).collect();
                if line { lines.run_carried(features)? } else { words.run_carried(features)? }
            }
            #[cfg(feature = "train")]
            Self::Device { network, device } => {
                let shape = [1, 3, picture.height, picture.width];
                let input = Tensor::<4>::from_data(TensorData::new(picture.planes(), shape), device);
                let map = network.probabilities(input, level, lines_only);
                return Ok(map.map(|map| map.into_data().iter::<f32>().collect()));
            }
        };
        Ok(outputs.pop().and_then(|output| output.into_tensor().into_f32()))
    }
}

/// A picture as what a network reads.
fn input(session: &Session, picture: &Prepared) -> Vec<(&'static str, Carried)> {
    let shape = [1, 3, picture.height, picture.width];
    vec![("image", session.picture("image", shape, |_, y, row| picture.row(y, row)))]
}

/// Takes the level from behind the features that a backbone gives: above 0 for lines, below for words.
fn level(features: &mut Vec<Carried>) -> Option<f32> {
    features.pop()?.into_tensor().into_f32()?.first().copied()
}

/// The share of an image's pixels that one shade takes up where it is a page, 0 to 1. It took up
/// 0.70 or more of 97 PDF pages, forms and book pages, and at most 0.42 of 500 photographs of scenes.
const PLAIN: f64 = 0.55;

/// Half the width of a shade, in grey levels: compression moves the levels of paper.
const SHADE: usize = 3;

/// Whether one shade takes up so much of an image that it is a page and no scene, whatever the network takes it for.
fn is_plain(image: &Image) -> bool {
    let mut counts = [0u32; 256];
    let step = (image.width().max(image.height()) / 400).max(1) as usize;
    for y in (0..image.height()).step_by(step) {
        for x in (0..image.width()).step_by(step) {
            let [r, g, b] = image.pixel(x, y).map(u32::from);
            counts[((299 * r + 587 * g + 114 * b) / 1000) as usize] += 1;
        }
    }
    let all: u32 = counts.iter().sum();
    let most = counts.windows(2 * SHADE + 1).map(|shade| shade.iter().sum::<u32>()).max().unwrap_or(0);
    f64::from(most) >= PLAIN * f64::from(all)
}

/// A picture's size where it is looked at only to see whether it is one of words, of its own, and the level below which it surely
/// is: 96 of 100 photographs of scenes are below, and of 270 receipts and pages the lowest has -3.4.
const GLIMPSE: f64 = 0.5;
const SURELY_WORDS: f32 = -5.0;

/// The shortest side of an image in a pass, in pixels.
const COARSEST: f64 = 32.0;

/// The least height of text that a coarse pass adds, in pixels of that pass: finer passes find what is lower.
const LARGE: f64 = 20.0;

/// How high regions are, in pixels of a map of this scale.
fn heights(regions: &[Region], scale: [f64; 2]) -> Vec<f64> {
    let rects = regions.iter().filter_map(|region| min_area_rect(region.polygon.points()));
    rects.map(|rect| rect.width.min(rect.height) / scale[1]).filter(|height| *height > 0.0).collect()
}

impl Detector for DbNetDetector {
    /// Images are processed one by one, each on all threads, so that a result does not depend on its batch.
    fn detect(&self, images: &[Image]) -> glyphic_core::Result<Vec<Vec<Region>>> {
        Ok(self.detect_counted(images)?.into_iter().map(|detected| detected.regions).collect())
    }

    fn detect_counted(&self, images: &[Image]) -> glyphic_core::Result<Vec<Detected>> {
        images
            .iter()
            .map(|image| Ok(self.passes(image)?.0))
            .collect::<Result<_>>()
            .map_err(|e| glyphic_core::Error::Stage { stage: "detect", source: Box::new(e) })
    }
}

#[cfg(test)]
mod plain_tests {
    use super::*;

    /// A page of paper with some print, `paper` of its pixels.
    fn page(paper: f64, shade: impl Fn(usize) -> u8) -> Image {
        let rgb = (0..600 * 800).flat_map(|i: usize| {
            let blank = ((i / 600 * 7 + i % 600 * 13) % 100) as f64 <= 100.0 * paper;
            [if blank { shade(i) } else { (i % 180) as u8 }; 3]
        });
        Image::from_rgb(600, 800, rgb.collect()).unwrap()
    }

    #[test]
    fn paper_of_one_shade_makes_a_page_and_a_gradient_none() {
        assert!(is_plain(&page(0.7, |_| 255)));
        assert!(is_plain(&page(0.7, |i| 230 + (i % 6) as u8)), "compressed paper");
        assert!(is_plain(&page(0.7, |_| 20)), "light on dark");
        assert!(!is_plain(&page(0.4, |_| 255)));
        assert!(!is_plain(&page(1.0, |i| (i / 600 * 255 / 800) as u8)), "a wall in uneven light");
        assert!(is_plain(&Image::filled(1, 1, [9, 9, 9]).unwrap()));
    }
}

#[cfg(all(test, feature = "train"))]
mod tests {
    use super::*;
    use glyphic_nn::checkpoint::{state_dict, state_names};
    use glyphic_nn::device::cpu;
    use glyphic_testing::formula;

    #[test]
    fn both_engines_see_the_same_map() {
        let config = DbNetConfig::lite();
        let mut weights = state_dict(&config.init(&cpu()));
        for (name, shape) in state_names(&config.init(&cpu())) {
            let gain = if name.starts_with("bbox_head.binarize.6") { 0.06 } else { 1.0 };
            let values =
                formula::weight("", &name, &shape).unwrap_or_else(|| vec![0.1; shape.iter().product()]);
            weights.insert(name, &shape, &values.iter().map(|v| v * gain).collect::<Vec<f32>>());
        }
        let processor = DbNetDetector::new(config.clone(), &weights, &cpu()).unwrap();
        let mut network = config.init(&cpu());
        load_into(&mut network, &weights, &LoadOptions::default()).unwrap();
        let network = Network::Device { network: Box::new(network), device: cpu() };
        let device = DbNetDetector { config, network };
        let rgb = (0..100u32 * 70 * 3).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let image = Image::from_rgb(100, 70, rgb).unwrap();
        let [a, b] = [&processor, &device].map(|d| d.probability_map(&image).unwrap());
        assert_eq!(a.scale, b.scale);
        for (a, b) in a.values.data().iter().zip(b.values.data()) {
            assert!((a - b).abs() < 1e-4, "{a} and {b}");
        }
    }
}
