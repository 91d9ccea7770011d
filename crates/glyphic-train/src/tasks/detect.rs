//! What all detectors share: sources of pages, and validation by hmean.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::Device;
use glyphic_core::{Image, Line, Page, Region, Sample, TextInstance, Transcript};
use glyphic_data::{FnSource, Source};
use glyphic_detect::DetectorConfig;
use glyphic_eval::evaluate_detection;
use glyphic_labels::lint::lint_pack;
use glyphic_labels::{LazyPack, PackOptions};
use glyphic_nn::checkpoint::state_dict;
use glyphic_synth::{PageKind, PageSynth};

use super::source::open_pack;
use crate::config::RunConfig;
use crate::observer::Observer;
use crate::skipped::SkippedSamples;
use crate::sources::{Outlines, SourceConfig, SourceKind, ValidationSet};
use crate::trainable::Scores;
use crate::{Error, Result};

/// A source of the mixture: what its samples outline, and what a network should take them for.
pub(super) struct Part {
    pub(super) pictures: Arc<dyn Source<Item = Sample>>,
    pub(super) weight: f64,
    pub(super) line: bool,
    pub(super) page: bool,
}

/// Opens the sources, reports what is wrong with them; `levels` for networks that know words from lines.
pub(super) fn open(
    sources: &[SourceConfig],
    seed: u64,
    levels: bool,
    skipped: &mut SkippedSamples,
    observer: &mut dyn Observer,
) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for source in sources {
        if source.rules.is_some() {
            let reason = "`train.rules` is for recognizers; a detector takes `train.outlines`".to_owned();
            return Err(Error::Config { path: "train".into(), reason });
        }
        match &source.source {
            SourceKind::Pack(path) => {
                let pack = open_pack(path, skipped, observer)?;
                observer.message(&format!("{}: {}", path.display(), lint_pack(&pack)?));
                let line = source.outlines.unwrap_or_default() == Outlines::Line;
                parts.push(Part { pictures: Arc::new(pack), weight: source.weight, line, page: line });
            }
            SourceKind::Synth(config) => {
                let synth = PageSynth::new(config.clone().reseeded(seed))?;
                parts.extend(rendered(&synth, source.weight, levels));
            }
        }
    }
    Ok(parts)
}

/// Says what a backbone of fresh weights keeps for ever: MMOCR's configurations are for one that was trained before.
pub(super) fn tell_what_is_kept(detector: &DetectorConfig, run: &RunConfig, observer: &mut dyn Observer) {
    let kept = detector.kept_of_backbone();
    if run.init.is_none() && !kept.is_empty() {
        observer.message(&format!(
            "warning: model.{}: {} for a backbone that was trained before, and this one begins with random weights; give \
             `run.init.backbone`, or unset {}",
            detector.name(),
            match kept.as_slice() {
                [key] => format!("{key} is"),
                keys => format!("{} are", keys.join(" and ")),
            },
            if kept.len() == 1 { "it" } else { "them" },
        ));
    }
}

/// Shares of the kinds as the synthesiser itself draws them.
const SCENES: f64 = 0.45;
const PAGES: f64 = 0.55;

fn rendered(synth: &PageSynth, weight: f64, levels: bool) -> Vec<Part> {
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
        Part { pictures: Arc::new(FnSource::new(name, true, draw)), weight: weight * share, line, page }
    };
    if levels {
        vec![
            part(false, false, 0.85 * SCENES),
            part(false, true, 0.15 * SCENES),
            part(true, false, 0.3 * PAGES),
            part(true, true, 0.7 * PAGES),
        ]
    } else {
        vec![part(false, false, SCENES), part(true, true, PAGES)]
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

/// The sets to validate on.
pub(super) struct Validation(Vec<(String, LazyPack)>);

/// Pictures detected together; it bounds the memory of a validation.
const VALIDATION_BATCH: usize = 4;

impl Validation {
    pub(super) fn open(sets: &[ValidationSet]) -> Result<Self> {
        let open = |set: &ValidationSet| {
            let options = PackOptions { limit: set.limit, ..PackOptions::default() };
            Ok((set.name.clone(), LazyPack::open(&set.pack, &options)?))
        };
        sets.iter().map(open).collect::<Result<_>>().map(Self)
    }

    /// hmean, recall and precision of a detector with a network's weights.
    pub(super) fn score<M: Module>(
        &self,
        config: &DetectorConfig,
        net: &M,
        device: &Device,
    ) -> Result<Scores> {
        let mut scores = BTreeMap::new();
        let mut decisive = Vec::new();
        if self.0.is_empty() {
            return Ok(Scores::default());
        }
        let detector = config.build(&state_dict(net), &device.clone().without_autodiff())?;
        for (name, pack) in &self.0 {
            let (mut truth, mut found) = (Vec::new(), Vec::new());
            for start in (0..pack.len()).step_by(VALIDATION_BATCH) {
                let samples = (start..pack.len().min(start + VALIDATION_BATCH))
                    .map(|i| Ok(pack.get(i)?))
                    .collect::<Result<Vec<Sample>>>()?;
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
        Ok(Scores::new(scores, &decisive))
    }
}
