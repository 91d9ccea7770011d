//! A page as blocks: headers and footers, headings, paragraphs, captions, lists, tables, keys with values and figures, by geometry
//! and a few words.

use std::collections::{BTreeMap, BTreeSet};

use glyphic_core::{Line, Page, Point, Polygon, Rect};
use serde::{Deserialize, Serialize};

use crate::{
    Pair, Table, figures,
    margins::margins,
    marks::{is_caption, is_item},
    pairs,
    table::{self, union},
};

/// A line this many times as high as the page's usual one is a heading's.
const HEADING_HEIGHT: f64 = 1.3;

/// A heading has at most this many lines.
const HEADING_LINES: usize = 3;

/// A title in bold print has at least so many letters.
const TITLE_LETTERS: usize = 4;

/// Lines of a paragraph follow each other with a gap of at most this many heights.
const LEADING: f64 = 1.0;

/// Lines of one block differ in height by this factor at most.
const HEIGHT_RATIO: f64 = 1.35;

/// A cell is upright where it takes this share of the upright rectangle around it.
const UPRIGHT: f64 = 0.9;

/// What a block is; in JSON `heading`, `paragraph`, `list_item` and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BlockKind {
    /// One to three lines of large print, or of bold print that are no sentence.
    Heading,
    /// Running text.
    Paragraph,
    /// An item of a list: its first line begins with a bullet or a number.
    ListItem,
    /// Rows of cells that stand beside each other in columns.
    Table,
    /// A key and its value, as forms have them: a label with a colon, and what stands behind or beside it.
    KeyValue,
    /// What a figure or table is called: it begins with "Figure 3:", "Table 2." or the like.
    Caption,
    /// The running header of the page.
    Header,
    /// The running footer of the page.
    Footer,
    /// A picture or drawing. It has no lines: labels inside it are blocks of their own.
    Figure,
}

impl BlockKind {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Heading => "heading",
            Self::Paragraph => "paragraph",
            Self::ListItem => "list_item",
            Self::Table => "table",
            Self::KeyValue => "key_value",
            Self::Caption => "caption",
            Self::Header => "header",
            Self::Footer => "footer",
            Self::Figure => "figure",
        }
    }
}

/// Lines that belong together, or a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// What they are.
    pub kind: BlockKind,
    /// Indices into [`Page::lines`], in reading order.
    pub lines: Vec<usize>,
    /// The upright rectangle around them, in pixels; that of the cells of a ruled table.
    pub bounds: Rect,
    /// The cells of a table.
    pub table: Option<Table>,
    /// The texts of a [`BlockKind::KeyValue`]; `None` for other blocks.
    pub pair: Option<Pair>,
}

impl Block {
    pub(crate) fn new(kind: BlockKind, lines: Vec<usize>, bounds: Rect) -> Self {
        Self { kind, lines, bounds, table: None, pair: None }
    }
}

/// The blocks of a page, in reading order; every line is in one of them, and every figure of the page ([`Page::figures`]) is one.
/// Rules of geometry hold for a page whose text stands turned ([`Page::orientation`]) as for an upright one.
pub fn blocks(page: &Page) -> Vec<Block> {
    let Some(turned) = upright(page) else { return blocks_of_upright(page) };
    let back = |p: Point| upright_point(p, 360 - page.orientation, turned.width, turned.height);
    let mut blocks = blocks_of_upright(&turned);
    for block in &mut blocks {
        let Rect { x0, y0, x1, y1 } = block.bounds;
        let (a, b) = (back(Point::new(x0, y0)), back(Point::new(x1, y1)));
        block.bounds = Rect { x0: a.x.min(b.x), y0: a.y.min(b.y), x1: a.x.max(b.x), y1: a.y.max(b.y) };
    }
    blocks
}

/// A page with its text upright; `None` for one that stands so already.
pub(crate) fn upright(page: &Page) -> Option<Page> {
    if !matches!(page.orientation, 90 | 180 | 270) {
        return None;
    }
    let mut turned = page.clone();
    for polygon in turned.outlines_mut() {
        if let Ok(moved) = polygon.map(|p| upright_point(p, page.orientation, page.width, page.height)) {
            *polygon = moved;
        }
    }
    if page.orientation != 180 {
        (turned.width, turned.height) = (page.height, page.width);
    }
    turned.orientation = 0;
    Some(turned)
}

/// A point of a picture, `width` by `height` pixels, whose text stands turned clockwise by so many degrees, where the picture
/// is turned back.
fn upright_point(p: Point, degrees: u16, width: u32, height: u32) -> Point {
    let (w, h) = (f64::from(width), f64::from(height));
    match degrees {
        90 => Point::new(p.y, w - p.x),
        180 => Point::new(w - p.x, h - p.y),
        270 => Point::new(h - p.y, p.x),
        _ => p,
    }
}

fn blocks_of_upright(page: &Page) -> Vec<Block> {
    let bounds: Vec<Rect> = page.lines.iter().map(|line| line.polygon.bounds()).collect();
    let heights: Vec<f64> = page.lines.iter().map(height).collect();
    let usual = median(page.lines.iter().zip(&heights).flat_map(|(line, h)| {
        // Long lines count more: body text is what there is most of.
        std::iter::repeat_n(*h, 1 + line.text.chars().count() / 10)
    }));
    let margins = margins(page, &bounds, &heights, usual);
    let cells = page.cells.iter().map(|cell| (cell.bounds(), cell.area()));
    // Of a page that was read askew the cells say nothing about rows.
    let upright = cells.filter(|(around, area)| *area >= UPRIGHT * around.width() * around.height());
    let cells: Vec<Rect> = upright.map(|(around, _)| around).collect();
    let ruled = table::ruled(&cells, &bounds, usual);
    let of_ruled: BTreeSet<usize> = ruled.iter().flat_map(|table| &table.lines).copied().collect();
    let pictures: Vec<Rect> = page.figures.iter().map(Polygon::bounds).collect();
    // Numbers beside an axis stand in rows and columns, too, and are no table.
    let labels = |line: &Rect| {
        let (x, y) = ((line.x0 + line.x1) / 2.0, (line.y0 + line.y1) / 2.0);
        pictures.iter().any(|f| (f.x0..=f.x1).contains(&x) && (f.y0..=f.y1).contains(&y))
    };
    let beside = |line: usize| pictures.iter().any(|figure| figures::is_beside(figure, &bounds[line], usual));
    let rows = rows(&bounds, |line| !of_ruled.contains(&line));
    let words = |line: usize| page.lines[line].text.split_whitespace().count();
    let inside =
        |row: &&Vec<usize>| row.iter().all(|line| margins[*line].is_none() && !labels(&bounds[*line]));
    let mut pairs = pairs_by_row(&rows, |rows| {
        let most = rows.iter().take_while(inside).count();
        pairs::run(&rows[..most], page, &bounds)
    });
    let mut blocks: Vec<Block> = Vec::new();
    let mut at = 0;
    while at < rows.len() {
        if let Some(run) = pairs.remove(&at) {
            for (pair, lines) in run.pairs {
                let Some(around) = lines.iter().map(|i| bounds[*i]).reduce(union) else { continue };
                blocks.push(Block { pair: Some(pair), ..Block::new(BlockKind::KeyValue, lines, around) });
            }
            at += run.rows;
            continue;
        }
        let next = pairs.keys().next().copied().unwrap_or(rows.len());
        let most = rows[at..next].iter().take_while(inside).count();
        if let Some((count, table)) = table::aligned(&rows[at..at + most], &bounds, &words) {
            let lines: Vec<usize> = rows[at..at + count].iter().flatten().copied().collect();
            if let Some(around) = lines.iter().map(|i| bounds[*i]).reduce(union) {
                blocks.push(Block { table: Some(table), ..Block::new(BlockKind::Table, lines, around) });
                at += count;
                continue;
            }
        }
        for &line in &rows[at] {
            let margin = margins[line];
            let joins = blocks.last().is_some_and(|block| match (block.kind, margin) {
                (BlockKind::Header | BlockKind::Footer, _) | (_, Some(_)) => margin == Some(block.kind),
                // A caption may follow the labels of its figure, or text above that, closely.
                _ if beside(line) && is_caption(&page.lines[line].text, true) => false,
                // Text that follows a heading in bold print closely.
                _ if block.lines.len() < HEADING_LINES
                    && is_bold(page, &block.lines)
                    && !has_bold(page, line) =>
                {
                    false
                }
                _ => goes_on(block, line, page, &bounds, &heights),
            });
            match blocks.last_mut() {
                Some(block) if joins => {
                    block.lines.push(line);
                    block.bounds = union(block.bounds, bounds[line]);
                }
                _ => {
                    let kind = margin.unwrap_or_else(|| kind_of(&page.lines[line].text, beside(line)));
                    blocks.push(Block::new(kind, vec![line], bounds[line]));
                }
            }
        }
        at += 1;
    }
    for block in &mut blocks {
        let high = block.lines.iter().all(|line| heights[*line] >= HEADING_HEIGHT * usual);
        let text = matches!(block.kind, BlockKind::Paragraph | BlockKind::ListItem);
        let bold = text && is_bold(page, &block.lines) && is_title(&joined(page, &block.lines, false));
        if block.lines.len() <= HEADING_LINES && ((text && high) || bold) {
            block.kind = BlockKind::Heading;
        }
    }
    for table::Found { table, lines, bounds } in ruled {
        let Some(first) = lines.first() else { continue };
        let at = blocks.iter().position(|block| block.lines.first().is_some_and(|line| line > first));
        let block = Block { table: Some(table), ..Block::new(BlockKind::Table, lines, bounds) };
        blocks.insert(at.unwrap_or(blocks.len()), block);
    }
    for picture in pictures {
        figures::insert(&mut blocks, picture, usual);
    }
    blocks
}

/// Runs of pairs by the row that each begins with.
fn pairs_by_row(
    rows: &[Vec<usize>],
    run: impl Fn(&[Vec<usize>]) -> Option<pairs::Run>,
) -> BTreeMap<usize, pairs::Run> {
    let (mut found, mut at) = (BTreeMap::new(), 0);
    while let Some(rest) = rows.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(run) = run(rest) else {
            at += 1;
            continue;
        };
        let rows = run.rows;
        found.insert(at, run);
        at += rows;
    }
    found
}

/// Whether all words of some lines are in bold print.
fn is_bold(page: &Page, lines: &[usize]) -> bool {
    let words = lines.iter().filter_map(|line| page.lines.get(*line)).flat_map(|line| &line.instances);
    let words: Vec<_> = words.filter_map(|word| page.instances.get(*word)).collect();
    // Numbers and marks are not told to be bold by themselves.
    words.iter().any(|word| word.emphasis.bold)
        && words.iter().all(|word| word.emphasis.bold || !word.text().contains(char::is_alphabetic))
}

fn has_bold(page: &Page, line: usize) -> bool {
    page.lines[line]
        .instances
        .iter()
        .any(|word| page.instances.get(*word).is_some_and(|word| word.emphasis.bold))
}

/// Whether a text may be a title: letters for the most part, and no sentence or label.
fn is_title(text: &str) -> bool {
    let (mut letters, mut digits) = (0, 0);
    for c in text.chars() {
        letters += usize::from(c.is_alphabetic());
        digits += usize::from(c.is_numeric());
    }
    letters > 2 * digits && letters >= TITLE_LETTERS && !text.ends_with(['.', ':', ',', ';'])
}

/// What a block is by how its first line begins.
fn kind_of(text: &str, beside_figure: bool) -> BlockKind {
    if is_item(text) {
        BlockKind::ListItem
    } else if is_caption(text, beside_figure) {
        BlockKind::Caption
    } else {
        BlockKind::Paragraph
    }
}

/// The text of a block's lines in one piece; with `dehyphenate` a hyphen at a line's end is undone where a small letter
/// stands on both sides of it.
pub fn joined(page: &Page, lines: &[usize], dehyphenate: bool) -> String {
    let lines = lines.iter().filter_map(|line| page.lines.get(*line));
    let mut out = String::new();
    for line in lines {
        join(&mut out, line.text.trim(), dehyphenate);
    }
    out
}

/// Puts the text of a line behind that of the lines before it.
pub(crate) fn join(out: &mut String, text: &str, dehyphenate: bool) {
    if undoes_hyphen(out, text, dehyphenate) {
        out.pop();
    } else if !out.is_empty() {
        out.push(' ');
    }
    out.push_str(text);
}

/// Whether the hyphen at the end of a text goes where another one follows.
pub(crate) fn undoes_hyphen(before: &str, text: &str, dehyphenate: bool) -> bool {
    let mut end = before.chars().rev();
    let hyphen = matches!(end.next(), Some('-' | '\u{2010}' | '\u{ad}'));
    let inside =
        end.next().is_some_and(char::is_lowercase) && text.chars().next().is_some_and(char::is_lowercase);
    dehyphenate && hyphen && inside
}

/// How high a line's text is, whatever its direction.
fn height(line: &Line) -> f64 {
    match line.polygon.points() {
        [tl, tr, br, bl] => (tl.distance(*bl) + tr.distance(*br)) / 2.0,
        _ => line.polygon.bounds().height(),
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Lines that are wanted and follow each other side by side.
fn rows(bounds: &[Rect], wanted: impl Fn(usize) -> bool) -> Vec<Vec<usize>> {
    let mut rows: Vec<Vec<usize>> = Vec::new();
    for (line, r) in bounds.iter().enumerate().filter(|(line, _)| wanted(*line)) {
        let beside = rows.last().and_then(|row| row.last()).is_some_and(|left| {
            let l = bounds[*left];
            let shared = l.y1.min(r.y1) - l.y0.max(r.y0);
            r.x0 >= l.x1 - 0.5 * l.height().min(r.height()) && shared > 0.5 * l.height().min(r.height())
        });
        match rows.last_mut() {
            Some(row) if beside => row.push(line),
            _ => rows.push(vec![line]),
        }
    }
    rows
}

/// Whether a line goes on with a block: it stands closely below the block's last line, is as high, and begins no item.
fn goes_on(block: &Block, line: usize, page: &Page, bounds: &[Rect], heights: &[f64]) -> bool {
    let Some(&last) = block.lines.last() else { return false };
    if matches!(block.kind, BlockKind::Table | BlockKind::KeyValue) || is_item(&page.lines[line].text) {
        return false;
    }
    let (above, below) = (bounds[last], bounds[line]);
    let (low, high) = (heights[last].min(heights[line]), heights[last].max(heights[line]));
    let shared = above.x1.min(below.x1) - above.x0.max(below.x0);
    let gap = below.y0 - above.y1;
    gap <= LEADING * low && below.y0 > above.y0 && high <= HEIGHT_RATIO * low && shared > 0.0
}
