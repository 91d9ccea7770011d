//! Where samples come from, for training and for validation.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where training samples come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A folder of labelled pictures or crops.
    Pack(PathBuf),
    /// Text rendered on the fly.
    Synth(glyphic_synth::SynthConfig),
}

/// One source of training samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// Where the samples come from.
    pub source: SourceKind,
    /// Its share of the mixture.
    #[serde(default = "one")]
    pub weight: f64,
    /// For detectors: granularity of a pack's regions, `word` unless given. Rendered pages know both: scenes are trained
    /// on by the word and pages by the line, and for networks that know levels 15 % of the scenes by the line and 30 % of
    /// the pages by the word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlines: Option<Outlines>,
    /// For recognizers: how far the labels can be trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<glyphic_data::LabelRules>,
}

/// Granularity of a pack's regions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlines {
    /// The words of scenes.
    #[default]
    Word,
    /// The lines of pages.
    Line,
}

/// One set to validate on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationSet {
    /// Its name in the scores.
    pub name: String,
    /// Its folder.
    pub pack: PathBuf,
    /// Number of samples used, from the start; all unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// The weight of a source that names none.
fn one() -> f64 {
    1.0
}
