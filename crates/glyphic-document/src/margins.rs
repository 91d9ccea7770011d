//! Running headers and footers: rows at the edge of a page, apart from its text, with the page's number.

use glyphic_core::{Page, Rect};

use crate::BlockKind;

/// They lie within this share of the page's height from its edge.
const ZONE: f64 = 0.13;

/// They have at most this many rows, and those with a page number this many cells.
const ROWS: usize = 3;
const CELLS: usize = 3;

/// They stand apart from other text by so many usual heights; a page number alone on its row, in small print, by fewer.
const GAP: f64 = 1.0;
const NUMBER_GAP: f64 = 0.35;

/// Their print is at most so many usual heights high. Larger print is a title.
const LARGE: f64 = 1.6;

/// A row of print at most this high, in usual heights, is a header where the page has its number at the other edge.
const SMALL: f64 = 0.85;

/// A picture with fewer lines is no page.
const LINES: usize = 8;

/// Of each line whether it belongs to the page's header or footer.
pub(crate) fn margins(page: &Page, bounds: &[Rect], heights: &[f64], usual: f64) -> Vec<Option<BlockKind>> {
    let mut kinds = vec![None; bounds.len()];
    if bounds.len() < LINES {
        return kinds;
    }
    let height = f64::from(page.height);
    let below = |r: &Rect| Rect { y0: height - r.y1, y1: height - r.y0, ..*r };
    let edges = [
        (BlockKind::Header, Edge::new(bounds.to_vec(), page, heights, usual)),
        (BlockKind::Footer, Edge::new(bounds.iter().map(below).collect(), page, heights, usual)),
    ];
    let numbered = edges.each_ref().map(|(_, edge)| edge.numbered());
    for (i, (kind, edge)) in edges.iter().enumerate() {
        let small = || if numbered[1 - i].is_some() { edge.small() } else { None };
        let lines = numbered[i].clone().or_else(small).unwrap_or_default();
        lines.into_iter().for_each(|line| kinds[line] = Some(*kind));
    }
    kinds
}

/// A page as it is seen from one of its edges, which is above.
struct Edge<'a> {
    page: &'a Page,
    bounds: Vec<Rect>,
    heights: &'a [f64],
    usual: f64,
    /// The rows next to the edge, each with the gap to the rest of the page.
    rows: Vec<(Vec<usize>, f64)>,
}

impl<'a> Edge<'a> {
    fn new(bounds: Vec<Rect>, page: &'a Page, heights: &'a [f64], usual: f64) -> Self {
        let mut order: Vec<usize> = (0..bounds.len()).collect();
        order.sort_by(|a, b| bounds[*a].y0.total_cmp(&bounds[*b].y0));
        let mut rows: Vec<(Vec<usize>, f64)> = Vec::new();
        let mut bottom = f64::NEG_INFINITY;
        for line in order {
            let Rect { y0, y1, .. } = bounds[line];
            match rows.last_mut() {
                Some((row, _)) if (y0 + y1) / 2.0 < bottom => row.push(line),
                before => {
                    if let Some((_, gap)) = before {
                        *gap = y0 - bottom;
                    }
                    if rows.len() > ROWS {
                        break;
                    }
                    rows.push((vec![line], 0.0));
                }
            }
            bottom = bottom.max(y1);
        }
        // The last row has no gap that is known.
        rows.truncate(ROWS);
        Self { page, bounds, heights, usual, rows }
    }

    fn is_number(&self, line: usize) -> bool {
        is_page_number(&self.page.lines[line].text)
    }

    /// Whether lines lie at the edge and are no title.
    fn fits(&self, lines: &[usize]) -> bool {
        let zone = ZONE * f64::from(self.page.height);
        lines.iter().all(|i| self.bounds[*i].y1 <= zone && self.heights[*i] <= LARGE * self.usual)
    }

    /// The rows above the first gap where one of them has the page's number at an end.
    fn numbered(&self) -> Option<Vec<usize>> {
        if let [(row, gap), ..] = &self.rows[..]
            && let [line] = row[..]
            && self.is_number(line)
            && self.heights[line] <= SMALL * self.usual
            && *gap >= NUMBER_GAP * self.usual
            && self.fits(row)
        {
            return Some(row.clone());
        }
        let last = self.rows.iter().position(|(_, gap)| *gap >= GAP * self.usual)?;
        let rows = &self.rows[..=last];
        let has_number = |row: &[usize]| {
            let numbers: Vec<usize> = row.iter().copied().filter(|line| self.is_number(*line)).collect();
            let [number] = numbers[..] else { return false };
            let left = |line: &usize| self.bounds[*line].x0;
            let before = row.iter().filter(|line| left(line) < left(&number)).count();
            row.len() <= CELLS && (before == 0 || before + 1 == row.len())
        };
        let lines: Vec<usize> = rows.iter().flat_map(|(row, _)| row).copied().collect();
        (rows.iter().any(|(row, _)| has_number(row)) && self.fits(&lines)).then_some(lines)
    }

    /// The first row where it is in small print.
    fn small(&self) -> Option<Vec<usize>> {
        let (row, gap) = self.rows.first()?;
        let small = row.iter().all(|line| self.heights[*line] <= SMALL * self.usual);
        (small && *gap >= GAP * self.usual && self.fits(row)).then(|| row.clone())
    }
}

/// Whether a text is a page's number: "12", "- 3 -", "Page 2 of 9", "Seite 4", "1/3".
fn is_page_number(text: &str) -> bool {
    /// Words before a page's number, without a full stop.
    const WORDS: [&str; 13] = [
        "page", "p", "pg", "pag", "pagina", "página", "seite", "s", "blatt", "sida", "side", "strona", "str",
    ];
    let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '–' | '—' | '|'));
    let text = text.to_lowercase();
    let mut parts: Vec<&str> = text.split_whitespace().collect();
    if parts.first().is_some_and(|word| WORDS.contains(&word.trim_end_matches('.'))) {
        parts.remove(0);
    }
    let number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    match parts[..] {
        [one] => one.split('/').count() <= 2 && one.split('/').all(number),
        [one, "of" | "von" | "de" | "/" | "z" | "av", all] => number(one) && number(all),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_numbers_are_told_from_other_numbers() {
        for text in
            ["7", "147", "- 12 -", "Page 2 of 9", "Seite 10", "p. 3", "- 1/3 -", "Seite 2 von 2", "| 5"]
        {
            assert!(is_page_number(text), "{text}");
        }
        for text in ["", "2019", "1.24", "6.", "8.0", "n/a", "12%", "Number 8", "1/2/3", "2 30", "Page", "-"]
        {
            assert!(!is_page_number(text), "{text}");
        }
    }
}
