use serde::{Deserialize, Serialize};

use crate::{Image, Polygon};

/// A piece of a picture that holds text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// Its outline, in pixels of the original image.
    pub polygon: Polygon,
    /// The detector's confidence, 0 to 1.
    pub score: f32,
}

/// One character of a transcript and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TimedChar {
    /// The character.
    pub char: char,
    /// Its confidence, 0 to 1.
    pub score: f32,
    /// Where it begins, as a fraction of the crop's width, 0 to 1.
    pub start: f32,
    /// Where it ends, as a fraction of the crop's width, 0 to 1.
    pub end: f32,
}

/// How the confidences of characters make that of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Their mean, as MMOCR has it. Too high: one wrong letter makes a word wrong.
    Mean,
    /// The least of them, which is closer to how often such a text is right.
    #[default]
    Weakest,
}

impl Confidence {
    /// The confidence of a text of these characters, 0 to 1; 0 without any.
    pub fn of(self, chars: &[TimedChar]) -> f32 {
        let scores = chars.iter().map(|c| c.score);
        match self {
            _ if chars.is_empty() => 0.0,
            Self::Mean => scores.sum::<f32>() / chars.len() as f32,
            Self::Weakest => scores.fold(1.0, f32::min),
        }
    }
}

/// What a recognizer read in one crop.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// The text; may be empty.
    pub text: String,
    /// Confidence, 0 to 1, made of the characters' ([`Confidence`]); 0 for an empty text.
    pub score: f32,
    /// The characters of `text`, in order. May be empty where the truth gives none.
    pub chars: Vec<TimedChar>,
}

impl Transcript {
    /// A transcript known to be right, as ground truth is: score 1, no positions.
    pub fn truth(text: impl Into<String>) -> Self {
        Self { text: text.into(), score: 1.0, chars: Vec::new() }
    }
}

/// A word (or whatever unit the dataset or model draws) on a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextInstance {
    /// Where it stands.
    pub region: Region,
    /// What it says, where known.
    pub transcript: Option<Transcript>,
    /// Its class (key information, entity), where known.
    pub label: Option<String>,
    /// Ground truth that neither rewards nor punishes (illegible text, `###`).
    pub ignore: bool,
}

impl TextInstance {
    /// An instance with a region alone.
    pub fn new(region: Region) -> Self {
        Self { region, transcript: None, label: None, ignore: false }
    }

    /// The text, or `""` where it is unknown.
    pub fn text(&self) -> &str {
        self.transcript.as_ref().map_or("", |t| t.text.as_str())
    }
}

/// A line of text: instances that are read one after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The outline of the whole line.
    pub polygon: Polygon,
    /// The text of its instances, joined by spaces.
    pub text: String,
    /// Mean text confidence, 0 to 1.
    pub score: f32,
    /// Indices into [`Page::instances`], in reading order.
    pub instances: Vec<usize>,
}

/// One picture's text: the one type for truth and prediction.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Width of the picture in pixels.
    pub width: u32,
    /// Height of the picture in pixels.
    pub height: u32,
    /// Words, in reading order where the page was read.
    pub instances: Vec<TextInstance>,
    /// Lines, in reading order. Empty where unknown.
    pub lines: Vec<Line>,
}

impl Page {
    /// A page without text.
    pub fn new(width: u32, height: u32) -> Self {
        Self { width, height, ..Self::default() }
    }

    /// The lines' text in reading order, one a row.
    pub fn text(&self) -> String {
        self.lines.iter().map(|l| l.text.as_str()).collect::<Vec<_>>().join("\n")
    }
}

/// Pages of one file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// The pages, in order.
    pub pages: Vec<Page>,
}

/// A picture with its truth.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The picture.
    pub image: Image,
    /// Its truth.
    pub truth: Page,
}
