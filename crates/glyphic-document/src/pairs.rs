//! Keys and their values, as forms have them: "Date: 3 May" on a line, or a label with what it is for beside it.

use glyphic_core::{Page, Rect};

use crate::marks::{is_caption, is_item};

/// A key has at most this many words and characters, and at least this many letters.
const KEY_WORDS: usize = 6;
const KEY_CHARS: usize = 40;
const KEY_LETTERS: usize = 2;

/// Where key and value are one line, the value has at most this many words: more of them are a sentence.
const VALUE_WORDS: usize = 8;

/// A value begins at most so far behind its key, in heights of the line.
const GAP: f64 = 30.0;

/// A value beside its key is one line, or two where the first one has at most this many characters, as "RM" before a sum has.
const MARK_CHARS: usize = 3;

/// Rows of pairs follow each other with a gap of at most this many heights.
const LEADING: f64 = 2.5;

/// A value goes on below itself: at its left edge, within this of it, this far right of the key at least, and below a gap of at
/// most this, all in heights.
const INDENT: f64 = 0.75;
const HANGING: f64 = 1.5;
const WRAPPED: f64 = 1.0;

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// What is asked for, without its colon.
    pub key: String,
    /// What is said; empty where nothing stands there.
    pub value: String,
}

/// Rows that hold nothing but pairs.
#[derive(Debug)]
pub(crate) struct Run {
    /// How many rows.
    pub(crate) rows: usize,
    /// The pairs with the lines of each, in reading order.
    pub(crate) pairs: Vec<(Pair, Vec<usize>)>,
}

/// The pairs that the first of some rows begin with. A value apart from its key shows a pair by itself; "Note: all sizes in mm" alone
/// may as well be a sentence, so that at least two such rows make pairs.
pub(crate) fn run(rows: &[Vec<usize>], page: &Page, bounds: &[Rect]) -> Option<Run> {
    let mut found = Run { rows: 0, pairs: Vec::new() };
    let (mut apart, mut own) = (false, 0);
    let mut above: Option<Rect> = None;
    while let Some(row) = rows.get(found.rows) {
        let first = row.first().and_then(|line| bounds.get(*line))?;
        if above.is_some_and(|above| first.y0 - above.y1 > LEADING * first.height().min(above.height())) {
            break;
        }
        let Some(mut pairs) = pairs_of(row, page, bounds) else { break };
        found.rows += 1;
        own += 1;
        apart |= pairs.iter().any(|pair| pair.apart);
        let mut last = *first;
        if let Some(pair) = pairs.last_mut().filter(|pair| pair.apart) {
            while let Some(line) = rows.get(found.rows).and_then(|row| pair.going_on(row, page, bounds)) {
                last = bounds[line];
                pair.add(line, page.lines[line].text.trim());
                found.rows += 1;
            }
        }
        above = Some(last);
        found.pairs.extend(pairs.into_iter().map(|pair| (pair.pair, pair.lines)));
    }
    (own > 1 || apart).then_some(found)
}

/// A pair that is being put together.
#[derive(Debug)]
struct Open {
    pair: Pair,
    lines: Vec<usize>,
    /// Whether its value is a line of its own.
    apart: bool,
}

impl Open {
    fn new(key: &str, value: &str, lines: Vec<usize>, apart: bool) -> Self {
        Self { pair: Pair { key: key.to_owned(), value: value.to_owned() }, lines, apart }
    }

    fn add(&mut self, line: usize, text: &str) {
        if !self.pair.value.is_empty() {
            self.pair.value.push(' ');
        }
        self.pair.value.push_str(text);
        self.lines.push(line);
        self.apart = true;
    }

    /// Whether another line beside it may be its value.
    fn takes(&self, line: usize, bounds: &[Rect]) -> bool {
        let Some(last) = self.lines.last().and_then(|last| bounds.get(*last)) else { return false };
        let near = bounds[line].x0 - last.x1 <= GAP * last.height();
        let value = &self.pair.value;
        let short = value.chars().count() <= MARK_CHARS && !value.contains(|c: char| c.is_ascii_digit());
        let mark = self.apart && self.lines.len() == 2 && short;
        near && (value.is_empty() || mark)
    }

    /// The line of a row that goes on with the value.
    fn going_on(&self, row: &[usize], page: &Page, bounds: &[Rect]) -> Option<usize> {
        let ([line], [key, .., value]) = (row, self.lines.as_slice()) else { return None };
        let (key, value, next) = (bounds.get(*key)?, bounds.get(*value)?, bounds.get(*line)?);
        let height = value.height().min(next.height());
        let below = next.y0 - value.y1 <= WRAPPED * height && next.y0 > value.y0;
        let aligned = (next.x0 - value.x0).abs() <= INDENT * height && value.x0 - key.x0 >= HANGING * height;
        (below && aligned && divided(&page.lines[*line].text).is_none()).then_some(*line)
    }
}

/// The pairs of a row; `None` where it holds anything else, or no value at all.
fn pairs_of(row: &[usize], page: &Page, bounds: &[Rect]) -> Option<Vec<Open>> {
    let mut pairs: Vec<Open> = Vec::new();
    // A label whose colon begins the next line.
    let mut label: Option<usize> = None;
    for &line in row {
        let text = page.lines.get(line)?.text.trim();
        if let Some(value) = text.strip_prefix([':', '：']) {
            let value = value.trim();
            if let Some(before) = label.take() {
                pairs.push(Open::new(page.lines[before].text.trim(), value, vec![before, line], true));
            } else {
                let open = pairs.last_mut().filter(|open| open.pair.value.is_empty())?;
                open.add(line, value);
            }
        } else if label.is_some() {
            return None;
        } else if let Some((key, value)) = divided(text) {
            pairs.push(Open::new(key, value, vec![line], false));
        } else if let Some(open) = pairs.last_mut().filter(|open| open.takes(line, bounds)) {
            open.add(line, text);
        } else if is_key(text) {
            label = Some(line);
        } else {
            return None;
        }
    }
    let whole = label.is_none() && pairs.iter().any(|open| !open.pair.value.is_empty());
    let short = |open: &Open| open.apart || open.pair.value.split_whitespace().count() <= VALUE_WORDS;
    (whole && pairs.iter().all(short)).then_some(pairs)
}

/// Key and value of a line at its first colon; `None` where that divides no key from anything.
fn divided(text: &str) -> Option<(&str, &str)> {
    let colon = text.char_indices().find_map(|(at, c)| {
        let (before, behind) = (&text[..at], text[at..].strip_prefix([':', '：'])?);
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let time = digit(before.chars().next_back()) && digit(behind.chars().next());
        // As in addresses, paths and code.
        let inside = behind.starts_with(['/', '\\', ':', '=']);
        (!time && !inside).then_some((at, c.len_utf8()))
    })?;
    // Two colons are one.
    let colons = [':', '：', ' '];
    let key = text[..colon.0].trim().trim_end_matches(colons);
    let value = text[colon.0 + colon.1..].trim().trim_start_matches(colons);
    (is_key(key) && !is_caption(text, false)).then_some((key, value))
}

fn is_key(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let words = text.split_whitespace().count();
    let sentence = [". ", "? ", "! ", "; ", ", "].iter().any(|mark| text.contains(mark));
    (1..=KEY_WORDS).contains(&words)
        && text.chars().count() <= KEY_CHARS
        && letters >= KEY_LETTERS
        && letters >= digits
        && !sentence
        && !is_item(text)
}
