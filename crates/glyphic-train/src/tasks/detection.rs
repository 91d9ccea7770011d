//! Training a detector.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use glyphic_core::Sample;
use glyphic_core::{Image, Line, Page, Region, TextInstance, Transcript};
use glyphic_data::batch::DetectionOptions;
use glyphic_data::{DetectionBatch, DetectionPlan, FnSource, Mixture, Source};
use glyphic_detect::dbnet::{DbNet, DbTargets};
use glyphic_detect::{DbNetConfig, DetectorConfig};
use glyphic_eval::evaluate_detection;
use glyphic_labels::lint::lint_pack;
use glyphic_labels::{LazyPack, PackOptions};
use glyphic_nn::checkpoint::state_dict;
use glyphic_synth::{PageKind, PageSynth};
use serde::{Deserialize, Serialize};

use super::{Feed, SourceKind, ValidationSet, export, floats, load_init, mean, one, seeded};
use crate::Result;
use crate::config::RunConfig;
use crate::run::{Observer, Task};

/// What a detector is trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectionConfig {
    /// The network.
    #[serde(default = "DbNetConfig::lite")]
    pub dbnet: DbNetConfig,
    /// How batches are made. The seed is the run's.
    #[serde(default)]
    pub batches: DetectionOptions,
    /// Training data.
    pub train: Vec<DetectionSource>,
    /// Data to validate on.
    #[serde(default)]
    pub validate: Vec<ValidationSet>,
}

/// One source of training pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectionSource {
    /// Where the pictures come from.
    pub source: SourceKind,
    /// Its share of the mix.
    #[serde(default = "one")]
    pub weight: f64,
    /// What a pack outlines. Rendered pages know both: scenes are trained on by the word and pages by the line, and for
    /// networks that know levels 15 % of the scenes by the line and 30 % of the pages by the word.
    #[serde(default)]
    pub outlines: Outlines,
}

/// What a pack outlines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlines {
    /// The words of scenes.
    #[default]
    Word,
    /// The lines of pages.
    Line,
}

/// A source of the mixture: what its samples outline, and what a network should take them for.
struct Part {
    pictures: Arc<dyn Source<Item = Sample>>,
    weight: f64,
    line: bool,
    page: bool,
}

/// Pictures detected together; it bounds the memory of a validation.
const VALIDATION_BATCH: usize = 4;

pub(crate) struct DetectionTask {
    config: DbNetConfig,
    feed: Feed<DetectionPlan>,
    /// Of each source of the mixture, whether it outlines lines and whether it shows pages.
    levels: Vec<[bool; 2]>,
    validations: Vec<(String, LazyPack)>,
    device: Device,
}

impl DetectionTask {
    /// Opens the data from batch `step` on, tells what is wrong with it, and makes the network.
    pub(crate) fn new(
        run: &RunConfig,
        config: &DetectionConfig,
        device: &Device,
        step: u64,
        observer: &mut dyn Observer,
    ) -> Result<(Self, DbNet)> {
        config.dbnet.validate()?;
        let mut parts = Vec::new();
        for source in &config.train {
            parts.extend(open(source, run.seed, config.dbnet.level.is_some(), observer)?);
        }
        let levels = parts.iter().map(|part| [part.line, part.page]).collect();
        let parts = parts.into_iter().map(|part| (part.pictures, part.weight)).collect();
        let options = DetectionOptions { seed: run.seed, ..config.batches.clone() };
        let plan = DetectionPlan::new(Mixture::new(parts)?, options)?;
        let feed = Feed::new(plan, run.workers, step)?;
        let mut validations = Vec::new();
        for set in &config.validate {
            validations
                .push((set.name.clone(), LazyPack::open(&set.pack, &PackOptions { limit: set.limit })?));
        }
        let mut net = seeded(device, run.seed, || config.dbnet.init(device));
        load_init(&mut net, run.init.as_deref())?;
        let task = Self { config: config.dbnet.clone(), feed, levels, validations, device: device.clone() };
        Ok((task, net))
    }

    /// 1 for pictures whose source says yes to the first (lines) or second (pages) question.
    fn level(&self, batch: &DetectionBatch, question: usize) -> Tensor<1> {
        let answers: Vec<f32> =
            batch.sources.iter().map(|&s| f32::from(u8::from(self.levels[s][question]))).collect();
        Tensor::from_floats(answers.as_slice(), &self.device)
    }

    fn plane(&self, batch: &DetectionBatch, values: Vec<f32>) -> Tensor<3> {
        Tensor::from_data(TensorData::new(values, [batch.len, batch.size, batch.size]), &self.device)
    }
}

fn open(source: &DetectionSource, seed: u64, levels: bool, observer: &mut dyn Observer) -> Result<Vec<Part>> {
    match &source.source {
        SourceKind::Pack(path) => {
            let pack = LazyPack::open(path, &PackOptions::default())?;
            observer.message(&format!("{}: {}", path.display(), lint_pack(&pack)?));
            let line = source.outlines == Outlines::Line;
            Ok(vec![Part { pictures: Arc::new(pack), weight: source.weight, line, page: line }])
        }
        SourceKind::Synth(config) => {
            let synth = PageSynth::new(config.clone().reseeded(seed))?;
            let part = |page: bool, line: bool, share: f64| {
                let synth = synth.clone();
                let draw = move |i: u64| {
                    let kind = match i % 11 {
                        _ if !page => PageKind::Scene,
                        0..8 => PageKind::Receipt,
                        _ => PageKind::Document,
                    };
                    let mut sample = synth.page_of(kind, i);
                    if line {
                        sample.truth.instances = lines(&sample.truth);
                    }
                    Ok::<_, glyphic_data::Error>(sample)
                };
                let name = if page { "synthetic pages" } else { "synthetic scenes" };
                let pictures = Arc::new(FnSource::new(name, true, draw));
                Part { pictures, weight: source.weight * share, line, page }
            };
            // Shares of the kinds as the synthesiser itself draws them.
            const SCENES: f64 = 0.45;
            const PAGES: f64 = 0.55;
            Ok(if levels {
                vec![
                    part(false, false, 0.85 * SCENES),
                    part(false, true, 0.15 * SCENES),
                    part(true, false, 0.3 * PAGES),
                    part(true, true, 0.7 * PAGES),
                ]
            } else {
                vec![part(false, false, SCENES), part(true, true, PAGES)]
            })
        }
    }
}

/// A page's lines as what is to be found: real receipts and documents are labelled by the line, scenes by the word.
fn lines(page: &Page) -> Vec<TextInstance> {
    let line = |line: &Line| {
        let mut instance = TextInstance::new(Region { polygon: line.polygon.clone(), score: 1.0 });
        instance.transcript = Some(Transcript::truth(line.text.clone()));
        instance
    };
    page.lines.iter().map(line).collect()
}

impl Task for DetectionTask {
    type Net = DbNet;
    type Batch = DetectionBatch;

    fn batch(&mut self, step: u64) -> Result<DetectionBatch> {
        self.feed.batch(step)
    }

    fn size(batch: &DetectionBatch) -> usize {
        batch.len
    }

    fn names(batch: &DetectionBatch) -> String {
        let texts = |page: &Page| page.instances.iter().map(TextInstance::text).collect::<Vec<_>>().join(" ");
        let pages: Vec<String> = batch.truths.iter().map(|p| format!("{:?}", texts(p))).collect();
        pages.join(", ")
    }

    fn loss(&self, net: &DbNet, batch: &DetectionBatch) -> Result<Tensor<1>> {
        let pixels = floats(&batch.pixels)?;
        let shape = [batch.len, 3, batch.size, batch.size];
        let input = Tensor::<4>::from_data(TensorData::new(pixels, shape), &self.device);
        let bytes = |map: &[u8]| map.iter().map(|v| f32::from(*v)).collect::<Vec<f32>>();
        let maps = &batch.maps;
        let targets = DbTargets {
            shrink: self.plane(batch, bytes(&maps.shrink)),
            shrink_mask: self.plane(batch, bytes(&maps.shrink_mask)),
            threshold: self.plane(batch, maps.thr.clone()),
            threshold_mask: self.plane(batch, bytes(&maps.thr_mask)),
            level: Some(self.level(batch, 1)),
        };
        let maps = net.forward(input, Some(&self.level(batch, 0)));
        Ok(self.config.loss.forward(&maps, &targets).total())
    }

    fn validate(&self, net: &DbNet) -> Result<(BTreeMap<String, f64>, f64)> {
        let config = DetectorConfig::Dbnet(self.config.clone());
        let detector = config.build(&state_dict(net), &self.device.clone().without_autodiff())?;
        let mut scores = BTreeMap::new();
        let mut decisive = Vec::new();
        for (name, pack) in &self.validations {
            let (mut truth, mut found) = (Vec::new(), Vec::new());
            for start in (0..pack.len()).step_by(VALIDATION_BATCH) {
                let samples = (start..pack.len().min(start + VALIDATION_BATCH))
                    .map(|i| pack.get(i))
                    .collect::<glyphic_labels::Result<Vec<Sample>>>()?;
                let images: Vec<Image> = samples.iter().map(|s| s.image.clone()).collect();
                for (sample, regions) in samples.into_iter().zip(detector.detect(&images)?) {
                    let name = truth.len().to_string();
                    let mut page = Page::new(sample.truth.width, sample.truth.height);
                    page.instances = regions.into_iter().map(TextInstance::new).collect();
                    truth.push((name.clone(), sample.truth));
                    found.push((name, page));
                }
            }
            let report = evaluate_detection(&truth, &found, &Default::default())?;
            let score = report.instances.all;
            scores.insert(format!("{name}/hmean"), score.hmean);
            scores.insert(format!("{name}/recall"), score.recall);
            scores.insert(format!("{name}/precision"), score.precision);
            decisive.push(score.hmean);
        }
        Ok((scores, mean(&decisive)))
    }

    fn export(&self, net: &DbNet, path: &Path, metadata: BTreeMap<String, String>) -> Result<()> {
        export(net, path, metadata)
    }

    fn waited(&self) -> f64 {
        self.feed.waited
    }
}
