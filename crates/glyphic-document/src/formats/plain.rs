//! Text in its layout, Tesseract's TSV, and tables as CSV.

use std::fmt::Write as _;

use glyphic_core::{Page, Rect};

use super::xml::{outline, pixels, share};
use crate::{Block, BlockKind, Table, blocks, joined, tree::upright};

/// The columns of Tesseract's TSV.
pub(crate) const TSV_HEADER: &str =
    "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n";

/// A page as rows of Tesseract's TSV; `number` counts pages from 1. A block has one paragraph. Figures have no rows.
pub(crate) fn tsv_page(page: &Page, number: usize) -> String {
    let mut out = String::new();
    let mut row = |level: u8, place: [usize; 4], [x0, y0, x1, y1]: [u32; 4], conf: &str, text: &str| {
        let [block, par, line, word] = place;
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let (width, height) = (x1 - x0, y1 - y0);
        let _ = writeln!(
            out,
            "{level}\t{number}\t{block}\t{par}\t{line}\t{word}\t{x0}\t{y0}\t{width}\t{height}\t{conf}\t{text}"
        );
    };
    row(1, [0; 4], [0, 0, page.width, page.height], "-1", "");
    let with_text = |block: &Block| block.kind != BlockKind::Figure;
    for (b, block) in blocks(page).into_iter().filter(with_text).enumerate() {
        let at = pixels(block.bounds, page);
        row(2, [b + 1, 0, 0, 0], at, "-1", "");
        row(3, [b + 1, 1, 0, 0], at, "-1", "");
        for (l, line) in block.lines.iter().filter_map(|i| page.lines.get(*i)).enumerate() {
            row(4, [b + 1, 1, l + 1, 0], outline(&line.polygon, page), "-1", "");
            for (w, word) in line.instances.iter().filter_map(|i| page.instances.get(*i)).enumerate() {
                let conf = format!("{:.2}", share(word.transcript.as_ref().map_or(1.0, |t| t.score)) * 100.0);
                row(5, [b + 1, 1, l + 1, w + 1], outline(&word.region.polygon, page), &conf, word.text());
            }
        }
    }
    out
}

/// The tables of a page as CSV (RFC 4180), with an empty line between two of them; keys that follow each other make a table with their
/// values. A cell that spans others has its text in the first of them.
pub(crate) fn csv_tables(page: &Page) -> Vec<String> {
    let quoted = |text: String| {
        if text.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text
        }
    };
    let table = |table: &Table| {
        let row = |row: &Vec<&[usize]>| {
            let cells: Vec<String> = row.iter().map(|cell| quoted(joined(page, cell, false))).collect();
            cells.join(",") + "\r\n"
        };
        table.grid().iter().map(row).collect()
    };
    let mut tables: Vec<String> = Vec::new();
    let mut goes_on = false;
    for block in blocks(page) {
        if let Some(pair) = block.pair {
            let row = format!("{},{}\r\n", quoted(pair.key), quoted(pair.value));
            match tables.last_mut().filter(|_| goes_on) {
                Some(rows) => rows.push_str(&row),
                None => tables.push(row),
            }
            goes_on = true;
        } else {
            tables.extend(block.table.as_ref().map(table));
            goes_on = false;
        }
    }
    tables
}

/// A page's text with spaces and empty lines where the page has them: a column of text is as wide as an average character.
pub fn layout(page: &Page) -> String {
    let turned = upright(page);
    let page = turned.as_ref().unwrap_or(page);
    let lines: Vec<(Rect, &str)> = page.lines.iter().map(|l| (l.polygon.bounds(), l.text.as_str())).collect();
    let mut widths: Vec<f64> = lines
        .iter()
        .filter(|(_, text)| text.chars().count() > 2)
        .map(|(r, text)| r.width() / text.chars().count() as f64)
        .collect();
    widths.sort_by(f64::total_cmp);
    // Narrower than the usual character, so that few lines run into each other.
    let pitch = widths.get(widths.len() / 3).copied().unwrap_or(10.0).max(1.0);
    let left = lines.iter().map(|(r, _)| r.x0).fold(f64::INFINITY, f64::min);
    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by(|a, b| middle(lines[*a].0).total_cmp(&middle(lines[*b].0)));
    let mut rows: Vec<Vec<usize>> = Vec::new();
    for i in order {
        let same = rows.last().and_then(|row| row.first()).is_some_and(|first| {
            let (a, b) = (lines[*first].0, lines[i].0);
            (middle(a) - middle(b)).abs() < 0.5 * a.height().min(b.height())
        });
        match rows.last_mut() {
            Some(row) if same => row.push(i),
            _ => rows.push(vec![i]),
        }
    }
    let mut out = String::new();
    let mut bottom: Option<Rect> = None;
    for mut row in rows {
        row.sort_by(|a, b| lines[*a].0.x0.total_cmp(&lines[*b].0.x0));
        let first = lines[row[0]].0;
        if bottom.is_some_and(|above| first.y0 - above.y1 > 1.2 * above.height().min(first.height())) {
            out.push('\n');
        }
        bottom = Some(first);
        let mut written = 0;
        for i in row {
            let (r, text) = lines[i];
            let column = ((r.x0 - left) / pitch).round().max(0.0) as usize;
            // Two texts beside each other have a space between them at least.
            let column = if written == 0 { column } else { column.max(written + 1) };
            out.extend(std::iter::repeat_n(' ', column - written));
            out.push_str(text);
            written = column + text.chars().count();
        }
        out.push('\n');
    }
    out
}

fn middle(r: Rect) -> f64 {
    (r.y0 + r.y1) / 2.0
}
