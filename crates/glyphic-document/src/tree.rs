//! A page as blocks: headers and footers, headings, paragraphs, captions, lists and tables, by geometry and a few words.

use glyphic_core::{Line, Page, Point, Polygon, Rect};

use crate::margins::margins;

/// A line this many times as high as the page's usual one is a heading's.
const HEADING_HEIGHT: f64 = 1.3;

/// A heading has at most this many lines.
const HEADING_LINES: usize = 3;

/// Lines of a paragraph follow each other with a gap of at most this many heights.
const LEADING: f64 = 1.0;

/// Lines of one block differ in height by this factor at most.
const HEIGHT_RATIO: f64 = 1.35;

/// A table has at least this many rows of at least two cells.
const TABLE_ROWS: usize = 2;

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BlockKind {
    /// One to three lines of large print.
    Heading,
    /// Running text.
    Paragraph,
    /// An item of a list: its first line begins with a bullet or a number.
    ListItem,
    /// Rows of cells that stand beside each other in columns.
    Table,
    /// What a figure or table is called: it begins with "Figure 3:", "Table 2." or the like.
    Caption,
    /// The running header of the page.
    Header,
    /// The running footer of the page.
    Footer,
}

/// Lines that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// What they are.
    pub kind: BlockKind,
    /// Indices into [`Page::lines`], in reading order.
    pub lines: Vec<usize>,
    /// The upright rectangle around them, in pixels.
    pub bounds: Rect,
    /// The cells of a table: rows of columns of indices into [`Page::lines`]; a cell may be empty. Empty for other blocks.
    pub cells: Vec<Vec<Vec<usize>>>,
}

/// The blocks of a page, in reading order; every line is in one of them. Rules of geometry hold for a page whose text stands
/// turned ([`Page::orientation`]) as for an upright one.
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
    let turn = |polygon: &mut Polygon| {
        if let Ok(turned) = polygon.map(|p| upright_point(p, page.orientation, page.width, page.height)) {
            *polygon = turned;
        }
    };
    let mut turned = page.clone();
    turned.instances.iter_mut().for_each(|word| turn(&mut word.region.polygon));
    turned.lines.iter_mut().for_each(|line| turn(&mut line.polygon));
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
    let rows = rows(&bounds);
    let mut blocks: Vec<Block> = Vec::new();
    let mut at = 0;
    while at < rows.len() {
        let cells = |row: &&Vec<usize>| row.len() >= 2 && row.iter().all(|line| margins[*line].is_none());
        let table = rows[at..].iter().take_while(cells).count();
        if table >= TABLE_ROWS && aligned(&rows[at..at + table], &bounds) {
            blocks.push(table_of(&rows[at..at + table], &bounds));
            at += table;
            continue;
        }
        for &line in &rows[at] {
            let margin = margins[line];
            let joins = blocks.last().is_some_and(|block| match (block.kind, margin) {
                (BlockKind::Header | BlockKind::Footer, _) | (_, Some(_)) => margin == Some(block.kind),
                _ => goes_on(block, line, page, &bounds, &heights),
            });
            match blocks.last_mut() {
                Some(block) if joins => {
                    block.lines.push(line);
                    block.bounds = union(block.bounds, bounds[line]);
                }
                _ => blocks.push(Block {
                    kind: margin.unwrap_or_else(|| kind_of(&page.lines[line].text)),
                    lines: vec![line],
                    bounds: bounds[line],
                    cells: Vec::new(),
                }),
            }
        }
        at += 1;
    }
    for block in &mut blocks {
        let high = block.lines.iter().all(|line| heights[*line] >= HEADING_HEIGHT * usual);
        if block.kind == BlockKind::Paragraph && high && block.lines.len() <= HEADING_LINES {
            block.kind = BlockKind::Heading;
        }
    }
    blocks
}

/// What a block is by how its first line begins.
fn kind_of(text: &str) -> BlockKind {
    if is_item(text) {
        BlockKind::ListItem
    } else if is_caption(text) {
        BlockKind::Caption
    } else {
        BlockKind::Paragraph
    }
}

/// Whether a text begins with what a figure or table is called and its number, as in "Fig. 3:" or "Table 2.1. ".
fn is_caption(text: &str) -> bool {
    const WORDS: [&str; 13] = [
        "figure",
        "fig",
        "table",
        "tab",
        "abbildung",
        "abb",
        "tabelle",
        "tableau",
        "tabla",
        "figura",
        "tabela",
        "scheme",
        "chart",
    ];
    let mut parts = text.split_whitespace();
    let (Some(word), Some(number)) = (parts.next(), parts.next()) else { return false };
    let capital = word.chars().next().is_some_and(char::is_uppercase);
    let known = WORDS.contains(&word.trim_end_matches('.').to_lowercase().as_str());
    // Without a mark behind the number it is a sentence, as in "Figure 3 shows".
    let Some(number) = number.strip_suffix([':', '.']) else { return false };
    let part = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    capital && known && number.split('.').all(part)
}

/// The text of a block's lines in one piece; with `dehyphenate` a hyphen at a line's end is undone where a small letter
/// stands on both sides of it.
pub fn joined(page: &Page, lines: &[usize], dehyphenate: bool) -> String {
    let mut out = String::new();
    for line in lines.iter().filter_map(|line| page.lines.get(*line)) {
        let text = line.text.trim();
        let mut end = out.chars().rev();
        let (last, before) = (end.next(), end.next());
        let hyphen = matches!(last, Some('-' | '\u{2010}' | '\u{ad}'));
        let inside =
            before.is_some_and(char::is_lowercase) && text.chars().next().is_some_and(char::is_lowercase);
        if dehyphenate && hyphen && inside {
            out.pop();
        } else if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(text);
    }
    out
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

fn union(a: Rect, b: Rect) -> Rect {
    Rect { x0: a.x0.min(b.x0), y0: a.y0.min(b.y0), x1: a.x1.max(b.x1), y1: a.y1.max(b.y1) }
}

/// Lines that follow each other side by side.
fn rows(bounds: &[Rect]) -> Vec<Vec<usize>> {
    let mut rows: Vec<Vec<usize>> = Vec::new();
    for (line, r) in bounds.iter().enumerate() {
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

/// The horizontal stretches that the cells of rows take together, from left to right.
fn columns(rows: &[Vec<usize>], bounds: &[Rect]) -> Vec<(f64, f64)> {
    let mut spans: Vec<(f64, f64)> = rows.iter().flatten().map(|i| (bounds[*i].x0, bounds[*i].x1)).collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut columns: Vec<(f64, f64)> = Vec::new();
    for (x0, x1) in spans {
        match columns.last_mut() {
            Some(last) if x0 < last.1 => last.1 = last.1.max(x1),
            _ => columns.push((x0, x1)),
        }
    }
    columns
}

/// Whether the cells stand in columns: at least two, and no row has two cells in the same one.
fn aligned(rows: &[Vec<usize>], bounds: &[Rect]) -> bool {
    let columns = columns(rows, bounds);
    let column = |i: usize| columns.iter().position(|(x0, x1)| (*x0..=*x1).contains(&bounds[i].x0));
    columns.len() >= 2
        && rows.iter().all(|row| {
            let mut taken: Vec<_> = row.iter().map(|i| column(*i)).collect();
            taken.dedup();
            taken.len() == row.len()
        })
}

fn table_of(rows: &[Vec<usize>], bounds: &[Rect]) -> Block {
    let columns = columns(rows, bounds);
    let cells = rows.iter().map(|row| {
        let cell = |(x0, x1): &(f64, f64)| {
            row.iter().copied().filter(|i| (*x0..=*x1).contains(&bounds[*i].x0)).collect()
        };
        columns.iter().map(cell).collect()
    });
    let lines: Vec<usize> = rows.iter().flatten().copied().collect();
    let nothing = Rect { x0: 0.0, y0: 0.0, x1: 0.0, y1: 0.0 };
    let around = lines.iter().map(|i| bounds[*i]).reduce(union).unwrap_or(nothing);
    Block { kind: BlockKind::Table, cells: cells.collect(), lines, bounds: around }
}

/// Whether a line goes on with a block: it stands closely below the block's last line, is as high, and begins no item.
fn goes_on(block: &Block, line: usize, page: &Page, bounds: &[Rect], heights: &[f64]) -> bool {
    let Some(&last) = block.lines.last() else { return false };
    if block.kind == BlockKind::Table || is_item(&page.lines[line].text) {
        return false;
    }
    let (above, below) = (bounds[last], bounds[line]);
    let (low, high) = (heights[last].min(heights[line]), heights[last].max(heights[line]));
    let shared = above.x1.min(below.x1) - above.x0.max(below.x0);
    let gap = below.y0 - above.y1;
    gap <= LEADING * low && below.y0 > above.y0 && high <= HEIGHT_RATIO * low && shared > 0.0
}

/// Whether a line begins with a bullet, or with a number or letter and a full stop or bracket.
fn is_item(text: &str) -> bool {
    let Some((mark, rest)) = text.trim_start().split_once(' ') else { return false };
    if rest.trim().is_empty() {
        return false;
    }
    if matches!(mark, "•" | "·" | "-" | "–" | "*" | "▪" | "◦" | "○" | "■" | "●") {
        return true;
    }
    let Some(label) = mark.strip_suffix(['.', ')']) else { return false };
    let label = label.strip_prefix('(').unwrap_or(label);
    let digits = (1..=3).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_digit());
    let letter = mark.ends_with(')') && label.len() == 1 && label.bytes().all(|b| b.is_ascii_lowercase());
    digits || letter
}
