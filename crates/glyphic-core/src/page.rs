use serde::{Deserialize, Serialize};

use crate::{Dropped, Image, Point, Polygon, Rect};

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
pub struct CharSpan {
    /// The character.
    pub char: char,
    /// Its confidence, 0 to 1.
    pub score: f32,
    /// Where it begins, as a fraction of the crop's width, 0 to 1; of its word's width in a word of a page.
    pub start: f32,
    /// Where it ends, likewise.
    pub end: f32,
}

impl CharSpan {
    /// The outline of this character of a word of a page, in pixels of the original image: a part of the word's outline, of which
    /// the four corners begin where the text does. `None` where the outline has another number of corners or the character no
    /// width.
    pub fn polygon(&self, word: &Region) -> Option<Polygon> {
        let [top_left, top_right, bottom_right, bottom_left] = *word.polygon.points() else { return None };
        let at = |from: Point, to: Point, share: f32| {
            let share = f64::from(share);
            Point::new(from.x + (to.x - from.x) * share, from.y + (to.y - from.y) * share)
        };
        if self.end <= self.start {
            return None;
        }
        let corners = [
            at(top_left, top_right, self.start),
            at(top_left, top_right, self.end),
            at(bottom_left, bottom_right, self.end),
            at(bottom_left, bottom_right, self.start),
        ];
        Polygon::new(corners.to_vec()).ok()
    }
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
    pub fn of(self, chars: &[CharSpan]) -> f32 {
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
    pub chars: Vec<CharSpan>,
    /// Other texts that the crop may hold, the surest first; empty unless they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
    /// The same of each word of `text`, as white space parts them, in order; empty unless they were asked for. From these a
    /// line that is divided into its words gives each its own.
    #[serde(skip)]
    pub word_alternatives: Vec<Vec<Alternative>>,
}

/// Another text that a crop or a word may hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// The text.
    pub text: String,
    /// Its confidence, 0 to 1, on the scale of [`Transcript::score`].
    pub score: f32,
}

impl Transcript {
    /// A transcript known to be right, as ground truth is: score 1, no positions.
    pub fn truth(text: impl Into<String>) -> Self {
        Self { text: text.into(), score: 1.0, ..Self::default() }
    }
}

/// How a word is printed beside its neighbours, as far as that is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Emphasis {
    /// In bold print.
    pub bold: bool,
    /// In italics.
    pub italic: bool,
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
    /// Bold or italic print; neither where it is not known.
    #[serde(default)]
    pub emphasis: Emphasis,
}

impl TextInstance {
    /// An instance with a region alone.
    pub fn new(region: Region) -> Self {
        Self { region, transcript: None, label: None, ignore: false, emphasis: Emphasis::default() }
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

impl Line {
    /// Whether the line stands to the right of another one on the same row.
    fn is_beside(&self, left: &Self) -> bool {
        let (a, b) = (Sides::of(&left.polygon), Sides::of(&self.polygon));
        let length = a.start.distance(a.end).max(f64::MIN_POSITIVE);
        let u = Point::new((a.end.x - a.start.x) / length, (a.end.y - a.start.y) / length);
        let step = Point::new(b.start.x - a.end.x, b.start.y - a.end.y);
        let (along, across) = (step.x * u.x + step.y * u.y, u.x * step.y - u.y * step.x);
        let height = a.height.min(b.height);
        // The farther away, the less exact the direction; that of a short line that runs about level says nothing of what is far.
        let (left, right) = (left.polygon.bounds(), self.polygon.bounds());
        let shared = left.y1.min(right.y1) - left.y0.max(right.y0);
        let level = u.y.abs() <= 0.1 && shared > 0.5 * left.height().min(right.height());
        along > -0.5 * height && (level || across.abs() <= 0.5 * height + 0.02 * along.max(0.0))
    }
}

/// The middles of an outline's left and right side, and its height.
struct Sides {
    start: Point,
    end: Point,
    height: f64,
}

impl Sides {
    /// An outline of four vertices starts at the text's top-left corner; of others the upright rectangle counts.
    fn of(polygon: &Polygon) -> Self {
        let [tl, tr, br, bl] = match polygon.points() {
            [tl, tr, br, bl] => [*tl, *tr, *br, *bl],
            _ => {
                let Rect { x0, y0, x1, y1 } = polygon.bounds();
                [Point::new(x0, y0), Point::new(x1, y0), Point::new(x1, y1), Point::new(x0, y1)]
            }
        };
        let middle = |a: Point, b: Point| Point::new((a.x + b.x) / 2.0, (a.y + b.y) / 2.0);
        let height = (tl.distance(bl) + tr.distance(br)) / 2.0;
        Self { start: middle(tl, bl), end: middle(tr, br), height }
    }
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
    /// Candidates of text that were left out while the page was read.
    #[serde(default, skip_serializing_if = "Dropped::is_empty")]
    pub dropped: Dropped,
    /// Degrees clockwise by which the page's text stands turned: 0, 90 (it runs down), 180 or 270.
    #[serde(default)]
    pub orientation: u16,
    /// Pairs of [`Page::instances`], by index, that belong together, such as a question of a form and its answer. Empty where
    /// none are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<[usize; 2]>,
    /// Outlines of the pictures and drawings on the page, in pixels of the picture. Labels inside a drawing are text of the page
    /// like any other. Empty where they were not looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Polygon>,
    /// Outlines of the cells that rules close on all sides, without the rules, in pixels of the picture: those of tables and of
    /// forms. Empty where they were not looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<Polygon>,
}

impl Page {
    /// A page without text.
    pub fn new(width: u32, height: u32) -> Self {
        Self { width, height, ..Self::default() }
    }

    /// Keeps the instances for which `keep` holds, which may change them. Lines and links refer to those that are left; links of
    /// others are removed.
    pub fn retain_instances(&mut self, mut keep: impl FnMut(&mut TextInstance) -> bool) {
        let mut left = 0;
        let mut index = Vec::with_capacity(self.instances.len());
        self.instances.retain_mut(|instance| {
            let kept = keep(instance);
            index.push(kept.then_some(left));
            left += usize::from(kept);
            kept
        });
        let now = |i: &usize| index.get(*i).copied().flatten();
        for line in &mut self.lines {
            line.instances = line.instances.iter().filter_map(now).collect();
        }
        self.links = self.links.iter().filter_map(|[a, b]| Some([now(a)?, now(b)?])).collect();
    }

    /// All outlines of the page, to be moved.
    pub fn outlines_mut(&mut self) -> impl Iterator<Item = &mut Polygon> {
        let words = self.instances.iter_mut().map(|word| &mut word.region.polygon);
        let lines = self.lines.iter_mut().map(|line| &mut line.polygon);
        words.chain(lines).chain(&mut self.figures).chain(&mut self.cells)
    }

    /// The lines' text in reading order. Lines that follow each other side by side, as the cells of a table do, make one row,
    /// with a space between them.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (i, line) in self.lines.iter().enumerate() {
            match i.checked_sub(1).map(|before| line.is_beside(&self.lines[before])) {
                Some(true) => text.push(' '),
                Some(false) => text.push('\n'),
                None => {}
            }
            text.push_str(&line.text);
        }
        text
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

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, x: f64, y: f64) -> Line {
        let rect = Rect { x0: x, y0: y, x1: x + 60.0, y1: y + 20.0 };
        let polygon = Polygon::from_rect(rect).unwrap();
        Line { polygon, text: text.to_owned(), score: 1.0, instances: Vec::new() }
    }

    #[test]
    fn lines_side_by_side_make_one_row_of_text() {
        let mut page = Page::new(900, 200);
        page.lines = vec![
            line("Milk", 10.0, 10.0),
            line("2", 300.0, 14.0),
            line("2.30", 700.0, 6.0),
            line("Rye", 10.0, 40.0),
            line("right column", 500.0, 10.0),
            line("next", 500.0, 32.0),
        ];
        assert_eq!(page.text(), "Milk 2 2.30\nRye\nright column\nnext");
    }

    #[test]
    fn lines_and_links_follow_the_instances_that_are_kept() {
        let mut page = Page::new(900, 200);
        let word = |i: u32| {
            let mut word = TextInstance::new(Region { polygon: line("", 0.0, 0.0).polygon, score: 1.0 });
            word.label = Some(i.to_string());
            word
        };
        page.instances = (0..5).map(word).collect();
        page.lines = vec![Line { instances: vec![0, 1, 2], ..line("", 0.0, 0.0) }];
        page.links = vec![[0, 4], [1, 2], [2, 3]];
        page.retain_instances(|word| word.label.as_deref() != Some("1"));
        assert_eq!(page.instances.len(), 4);
        assert_eq!(page.lines[0].instances, [0, 1]);
        assert_eq!(page.links, [[0, 3], [1, 2]]);
    }

    #[test]
    fn a_short_line_that_was_outlined_askew_stands_on_its_row() {
        let mut page = Page::new(900, 200);
        let askew = Polygon::from_flat(&[29.7, 58.4, 83.6, 61.8, 82.4, 80.4, 28.5, 77.0]).unwrap();
        page.lines = vec![
            Line { polygon: askew, ..line("Lamp", 0.0, 0.0) },
            line("5", 309.0, 58.0),
            line("12.50", 430.0, 57.0),
        ];
        assert_eq!(page.text(), "Lamp 5 12.50");
    }
}
