//! The JSON lines of predictions: one object a picture.

use std::fs;
use std::path::Path;

use glyphic_core::{
    Alternative, CharSpan, Dropped, Emphasis, Line, Page, Point, Polygon, Region, TextInstance, Transcript,
};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use crate::{Block, BlockKind, Error, Result, Table, blocks};

/// The JSON Schema (draft 2020-12) of a [`PageRecord`].
pub const PAGE_SCHEMA: &str = include_str!("page.schema.json");

/// A page. Polygons are `[x1, y1, x2, y2, ...]` in pixels of the picture, scores 0 to 1 (1 where none is given).
/// Unknown fields are passed over, so that anybody's predictions of this shape can be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PageRecord {
    /// The picture.
    pub file_name: String,
    /// The page or frame, from 1, of a file of several; absent where the file is one picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<usize>,
    /// Pixels to the inch; absent where unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpi: Option<f64>,
    /// Where the text is from; absent for a page whose text was read off its picture.
    #[serde(default, skip_serializing_if = "TextSource::is_picture")]
    pub text_source: TextSource,
    /// Degrees clockwise by which the page's text stands turned: 90 for text that runs down; absent where it is upright.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub orientation: u16,
    /// Its width in pixels, 0 where unknown.
    #[serde(default)]
    pub width: u32,
    /// Its height in pixels, 0 where unknown.
    #[serde(default)]
    pub height: u32,
    /// The words.
    pub instances: Vec<InstanceRecord>,
    /// The lines, in reading order; absent where only words were looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<LineRecord>>,
    /// The blocks, in reading order; absent where only words were looked for. Blocks of another shape are passed over when they
    /// are read.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "blocks_or_none")]
    pub blocks: Option<Vec<BlockRecord>>,
    /// How many candidates of text were left out, by reason; absent where none was.
    #[serde(default, skip_serializing_if = "Dropped::is_empty")]
    pub dropped: Dropped,
}

/// A word; without text where it was only detected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceRecord {
    /// Its outline.
    pub polygon: Polygon,
    /// The detector's confidence.
    #[serde(default = "certain")]
    pub score: f32,
    /// What it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The recognizer's confidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_score: Option<f32>,
    /// The confidence of each character, where they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub char_scores: Option<Vec<f32>>,
    /// The outline of each character, where they were asked for and the word's outline has four corners; null for a character
    /// without width.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub char_polygons: Option<Vec<Option<Polygon>>>,
    /// Other texts that the word may be, the surest first, where they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
    /// Whether it is in bold print; absent where it is not, or not known.
    #[serde(default, skip_serializing_if = "is_false")]
    pub bold: bool,
    /// Whether it is in italics, likewise.
    #[serde(default, skip_serializing_if = "is_false")]
    pub italic: bool,
}

/// Where a page's text is from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TextSource {
    /// It was read off the picture.
    #[default]
    Picture,
    /// The PDF page's text layer.
    TextLayer,
    /// The PDF page's text layer, and the page's pictures were read.
    Mixed,
}

impl TextSource {
    fn is_picture(&self) -> bool {
        *self == Self::Picture
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(value: &u16) -> bool {
    *value == 0
}

/// What is known of a page beside its text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PageInfo {
    /// The file.
    pub file_name: String,
    /// The page or frame, from 1, of a file of several.
    pub page: Option<usize>,
    /// Pixels to the inch.
    pub dpi: Option<f64>,
    /// Where the text is from.
    pub text_source: TextSource,
}

impl From<&str> for PageInfo {
    fn from(file_name: &str) -> Self {
        Self { file_name: file_name.to_owned(), ..Self::default() }
    }
}

impl From<&PageInfo> for PageInfo {
    fn from(info: &PageInfo) -> Self {
        info.clone()
    }
}

/// A line of text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineRecord {
    /// Its outline.
    pub polygon: Polygon,
    /// What it says.
    pub text: String,
    /// Mean confidence in the text.
    #[serde(default = "certain")]
    pub score: f32,
    /// Indices into the page's instances, in reading order.
    #[serde(default)]
    pub instances: Vec<usize>,
}

/// Lines that belong together, or a figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlockRecord {
    /// What it is.
    pub kind: BlockKind,
    /// Its upright rectangle.
    pub polygon: Polygon,
    /// Indices into the page's lines, in reading order; none for a figure.
    #[serde(default)]
    pub lines: Vec<usize>,
    /// The rows of a table; absent for other blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<RowRecord>>,
    /// The key of a pair; absent for other blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Its value, empty where nothing stands there; absent for other blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowRecord {
    /// The cells that begin in it, from left to right.
    pub cells: Vec<CellRecord>,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellRecord {
    /// Its first column, from 0.
    pub column: usize,
    /// Rows that it takes.
    #[serde(default = "one")]
    pub row_span: usize,
    /// Columns that it takes.
    #[serde(default = "one")]
    pub column_span: usize,
    /// Indices into the page's lines, in reading order.
    pub lines: Vec<usize>,
}

fn one() -> usize {
    1
}

impl BlockRecord {
    fn new(block: Block) -> Option<Self> {
        let Block { kind, lines, bounds, table, pair } = block;
        let polygon = rounded(&Polygon::from_rect(bounds).ok()?);
        let (key, value) = pair.map(|pair| (pair.key, pair.value)).unzip();
        Some(Self { kind, polygon, lines, rows: table.map(rows), key, value })
    }
}

fn rows(table: Table) -> Vec<RowRecord> {
    let cell = |cell: &crate::Cell| CellRecord {
        column: cell.column,
        row_span: cell.row_span,
        column_span: cell.column_span,
        lines: cell.lines.clone(),
    };
    table.by_rows().map(|cells| RowRecord { cells: cells.iter().map(cell).collect() }).collect()
}

/// Other programs have blocks of their own.
fn blocks_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<BlockRecord>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Blocks {
        Ours(Vec<BlockRecord>),
        Others(serde::de::IgnoredAny),
    }
    Ok(match Blocks::deserialize(from)? {
        Blocks::Ours(blocks) => Some(blocks),
        Blocks::Others(_) => None,
    })
}

/// A crop's text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextRecord {
    /// The crop.
    pub file_name: String,
    /// What it says.
    pub text: String,
    /// The recognizer's confidence.
    #[serde(default = "certain")]
    pub score: f32,
    /// Other texts that the crop may hold, the surest first, where they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
}

fn certain() -> f32 {
    1.0
}

impl PageRecord {
    /// A page that was read: instances, lines and blocks.
    pub fn read(info: impl Into<PageInfo>, page: &Page) -> Self {
        let line = |l: &Line| LineRecord {
            polygon: rounded(&l.polygon),
            text: l.text.clone(),
            score: l.score,
            instances: l.instances.clone(),
        };
        Self {
            lines: Some(page.lines.iter().map(line).collect()),
            blocks: Some(blocks(page).into_iter().filter_map(BlockRecord::new).collect()),
            ..Self::detected(info, page)
        }
    }

    /// As [`PageRecord::read`], with the confidence and the outline of each character.
    pub fn read_with_chars(info: impl Into<PageInfo>, page: &Page) -> Self {
        let mut record = Self::read(info, page);
        for (instance, word) in record.instances.iter_mut().zip(&page.instances) {
            let chars = word.transcript.as_ref().map_or(&[][..], |t| &t.chars);
            if !chars.is_empty() {
                let outline = |c: &CharSpan| c.polygon(&word.region).as_ref().map(rounded);
                let outlines: Vec<_> = chars.iter().map(outline).collect();
                instance.char_scores = Some(chars.iter().map(|c| c.score).collect());
                instance.char_polygons = outlines.iter().any(Option::is_some).then_some(outlines);
            }
        }
        record
    }

    /// A page on which text was looked for: instances, with their text where they have one.
    pub fn detected(info: impl Into<PageInfo>, page: &Page) -> Self {
        let instance = |i: &TextInstance| InstanceRecord {
            polygon: rounded(&i.region.polygon),
            score: i.region.score,
            text: i.transcript.as_ref().map(|t| t.text.clone()),
            text_score: i.transcript.as_ref().map(|t| t.score),
            char_scores: None,
            char_polygons: None,
            alternatives: i.transcript.as_ref().map_or_else(Vec::new, |t| t.alternatives.clone()),
            bold: i.emphasis.bold,
            italic: i.emphasis.italic,
        };
        let PageInfo { file_name, page: number, dpi, text_source } = info.into();
        Self {
            file_name,
            page: number,
            dpi,
            text_source,
            orientation: page.orientation,
            width: page.width,
            height: page.height,
            instances: page.instances.iter().map(instance).collect(),
            lines: None,
            blocks: None,
            dropped: page.dropped.clone(),
        }
    }

    /// The file name and the page. The figures are those of the record's blocks; other blocks are found anew, tables by how their cells
    /// stand alone.
    pub fn into_page(self) -> (String, Page) {
        let instance = |record: InstanceRecord| TextInstance {
            transcript: record.text.map(|text| Transcript {
                text,
                score: record.text_score.unwrap_or(1.0),
                alternatives: record.alternatives,
                ..Transcript::default()
            }),
            emphasis: Emphasis { bold: record.bold, italic: record.italic },
            ..TextInstance::new(Region { polygon: record.polygon, score: record.score })
        };
        let line = |record: LineRecord| Line {
            polygon: record.polygon,
            text: record.text,
            score: record.score,
            instances: record.instances,
        };
        let figures = self.blocks.into_iter().flatten().filter(|block| block.kind == BlockKind::Figure);
        let page = Page {
            width: self.width,
            height: self.height,
            instances: self.instances.into_iter().map(instance).collect(),
            lines: self.lines.unwrap_or_default().into_iter().map(line).collect(),
            dropped: self.dropped,
            orientation: self.orientation,
            links: Vec::new(),
            figures: figures.map(|block| block.polygon).collect(),
            cells: Vec::new(),
        };
        (self.file_name, page)
    }
}

/// Hundredths of a pixel are enough for anybody; a sliver that they would flatten stays as it is.
fn rounded(polygon: &Polygon) -> Polygon {
    let round = |v: f64| (v * 100.0).round() / 100.0;
    polygon.map(|p| Point::new(round(p.x), round(p.y))).unwrap_or_else(|_| polygon.clone())
}

/// File names and pages of a file of JSON lines, in its order.
///
/// # Errors
/// [`Error::Read`], and those of [`parse_pages`].
pub fn read_pages(path: impl AsRef<Path>) -> Result<Vec<(String, Page)>> {
    let (name, text) = content(path.as_ref())?;
    parse_pages(&text, &name)
}

/// File names and texts of a file of JSON lines, in its order.
///
/// # Errors
/// [`Error::Read`], and those of [`parse_texts`].
pub fn read_texts(path: impl AsRef<Path>) -> Result<Vec<(String, String)>> {
    let (name, text) = content(path.as_ref())?;
    parse_texts(&text, &name)
}

/// File names and pages of JSON lines; `name` stands in errors. Blank lines are passed over.
///
/// # Errors
/// [`Error::Record`] for a line that is no page, [`Error::Instance`] for a text line of instances there are not.
pub fn parse_pages(json_lines: &str, name: &str) -> Result<Vec<(String, Page)>> {
    let mut pages = Vec::new();
    for record in records::<PageRecord>(json_lines, name) {
        let (line, record) = record?;
        let (file_name, page) = record.into_page();
        let instances = page.instances.len();
        for (text_line, l) in page.lines.iter().enumerate() {
            if let Some(&instance) = l.instances.iter().find(|i| **i >= instances) {
                return Err(Error::Instance { name: name.to_owned(), line, text_line, instance, instances });
            }
        }
        pages.push((file_name, page));
    }
    Ok(pages)
}

/// File names and texts of JSON lines; `name` stands in errors. Blank lines are passed over.
///
/// # Errors
/// [`Error::Record`] for a line that is no text.
pub fn parse_texts(json_lines: &str, name: &str) -> Result<Vec<(String, String)>> {
    records::<TextRecord>(json_lines, name).map(|r| r.map(|(_, t)| (t.file_name, t.text))).collect()
}

fn records<'a, T: DeserializeOwned>(
    text: &'a str,
    name: &'a str,
) -> impl Iterator<Item = Result<(usize, T)>> + 'a {
    // A byte order mark is no part of the first object.
    let lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    lines.filter(|(_, line)| !line.trim().is_empty()).map(move |(i, line)| {
        let record = serde_json::from_str(line).map_err(|e| Error::Record {
            name: name.to_owned(),
            line: i + 1,
            reason: e.to_string(),
        })?;
        Ok((i + 1, record))
    })
}

fn content(path: &Path) -> Result<(String, String)> {
    let text = fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    Ok((path.display().to_string(), text))
}
