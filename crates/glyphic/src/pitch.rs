//! Spaces of monospaced print: each character takes a cell of the same width, so that an empty cell is a space and nothing else is.

use std::borrow::Cow;
use std::f32::consts::TAU;

use glyphic_core::{CharSpan, Transcript};

/// Fewer characters, or strokes that stand alone, do not show a pitch.
const LEAST: usize = 10;

/// The pitch is looked for around the median distance of neighbours within words, from this share of it to that.
const SEARCHED: [f32; 2] = [0.75, 1.3];

/// How well strokes stand in cells: the length of the mean of their places as angles, 1 where all stand alike. The best of some hundred
/// pitches gives strokes of proportional print .7 at most where there are ten of them, and less where there are more.
const LEAST_FIT: f32 = 0.85;

/// Strokes stand within this of the middle of a cell, in pitches; so many of them do.
const OFF_MIDDLE: f32 = 0.3;
const LEAST_IN_PLACE: f32 = 0.95;

/// A stroke is at most so wide, in pitches: wider ones are characters that touch.
const WIDEST: f32 = 1.1;

/// Neighbours between which a space is put or taken away are as far apart as their cells, but for this, in pitches.
const OFF_DISTANCE: f32 = 0.2;

/// A cell is empty where it has no ink within this of its middle, in pitches.
const MIDDLE: f32 = 0.25;

/// The transcript with spaces where cells of monospaced print are empty. `ink` says of each column of the crop whether there is ink
/// in it. A transcript of other print stays as it is, and so does one that has more or fewer characters than there are cells.
pub(crate) fn respaced(
    transcript: Cow<'_, Transcript>,
    ink: impl FnOnce() -> Option<Vec<bool>>,
) -> Cow<'_, Transcript> {
    let chars = &transcript.chars;
    let shown: Vec<CharSpan> = chars.iter().filter(|c| !c.char.is_whitespace()).copied().collect();
    let whole = transcript.text.chars().eq(chars.iter().map(|c| c.char));
    if shown.len() < LEAST || !whole {
        return transcript;
    }
    let Some(cells) = ink().and_then(|ink| cells(&ink, usual_step(chars)? * ink.len() as f32)) else {
        return transcript;
    };
    if cells.len() != shown.len() {
        return transcript;
    }
    let mut spaced: Vec<CharSpan> = Vec::with_capacity(chars.len());
    // Spaces before each character.
    let spaces = chars.split(|c| !c.char.is_whitespace());
    for (i, (c, spaces)) in shown.iter().zip(spaces).enumerate() {
        if let Some(before) = i.checked_sub(1) {
            let (before, left, cell, was) = (shown[before], cells[before], cells[i], !spaces.is_empty());
            let is = cell.number > left.number + 1;
            // A space that is no cell wide is one of other print.
            let apart = (cell.middle - left.middle) - (cell.number - left.number) as f32;
            if is != was && apart.abs() > OFF_DISTANCE {
                return transcript;
            }
            if is {
                let at = f32::midpoint(before.end, c.start);
                spaced.push(CharSpan { char: ' ', score: before.score.min(c.score), start: at, end: at });
            }
        }
        spaced.push(*c);
    }
    let text: String = spaced.iter().map(|c| c.char).collect();
    if text == transcript.text.split_whitespace().collect::<Vec<_>>().join(" ") {
        return transcript;
    }
    // Those of words that are divided otherwise are of no use any more.
    Cow::Owned(Transcript { text, chars: spaced, word_alternatives: Vec::new(), ..transcript.into_owned() })
}

/// Median distance of neighbours within words, as a share of the crop's width.
fn usual_step(chars: &[CharSpan]) -> Option<f32> {
    let middle = |c: &CharSpan| f32::midpoint(c.start, c.end);
    let within = chars.windows(2).filter(|w| w.iter().all(|c| !c.char.is_whitespace()));
    let mut steps: Vec<f32> = within.map(|w| middle(&w[1]) - middle(&w[0])).collect();
    steps.sort_by(f32::total_cmp);
    steps.get(steps.len() / 2).copied().filter(|step| *step > 0.0)
}

/// A cell with ink.
#[derive(Debug, Clone, Copy)]
struct Cell {
    number: i32,
    /// The middle of its ink, in cells.
    middle: f32,
}

/// The cells that hold ink, where strokes stand in cells about `usual` columns wide.
fn cells(ink: &[bool], usual: f32) -> Option<Vec<Cell>> {
    let mut strokes: Vec<[f32; 2]> = Vec::new();
    let mut start = 0;
    for run in ink.chunk_by(|a, b| a == b) {
        if run[0] {
            strokes.push([start as f32, (start + run.len()) as f32]);
        }
        start += run.len();
    }
    let length = strokes.last()?[1] - strokes[0][0];
    let middles = |pitch: f32| {
        let alone = strokes.iter().filter(move |[from, to]| to - from <= WIDEST * pitch);
        alone.map(|[from, to]| f32::midpoint(*from, *to)).collect::<Vec<f32>>()
    };
    let mut best: Option<(f32, f32, f32)> = None;
    let mut pitch = SEARCHED[0] * usual;
    while pitch <= SEARCHED[1] * usual && pitch >= 2.0 {
        let places = middles(pitch);
        let (sin, cos) = places.iter().fold((0.0, 0.0), |(sin, cos), place| {
            let (s, c) = (TAU * place / pitch).sin_cos();
            (sin + s, cos + c)
        });
        let fit = sin.hypot(cos) / places.len().max(1) as f32;
        if places.len() >= LEAST && best.is_none_or(|(most, ..)| fit > most) {
            best = Some((fit, pitch, sin.atan2(cos) / TAU));
        }
        // The last of the strokes moves by an eighth of a cell.
        pitch += pitch * pitch / (8.0 * length.max(pitch));
    }
    let (fit, pitch, phase) = best?;
    let cell = |x: f32| x / pitch - phase;
    let places = middles(pitch);
    let in_place = places.iter().filter(|x| (cell(**x) - cell(**x).round()).abs() <= OFF_MIDDLE).count();
    if fit < LEAST_FIT || (in_place as f32) < LEAST_IN_PLACE * places.len() as f32 {
        return None;
    }
    let (first, last) = (cell(strokes[0][0]).floor() as i32, cell(strokes.last()?[1]).ceil() as i32);
    let cells = (first..=last).filter_map(|number| {
        let around =
            |half: f32| [number as f32 + phase - half, number as f32 + phase + half].map(|x| x * pitch);
        let [left, right] = around(MIDDLE);
        let mut inside = strokes.iter().filter(|[from, to]| *from < right && *to > left);
        let [mut from, mut to] = *inside.next()?;
        if let Some([_, end]) = inside.next_back() {
            to = *end;
        }
        // Of characters that touch their neighbours the part in the cell.
        if to - from > WIDEST * pitch {
            let [left, right] = around(0.5);
            (from, to) = (from.max(left), to.min(right));
        }
        Some(Cell { number, middle: cell(f32::midpoint(from, to)) })
    });
    Some(cells.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A transcript and the columns with ink of its print: `read` is what was read, `printed` what stands there, a cell of 12 columns a
    /// character, of which a stroke takes as many in the middle as `width` says.
    fn print(read: &str, printed: &str, width: impl Fn(char) -> usize) -> (Transcript, Vec<bool>) {
        let mut ink = vec![false; 12 * printed.chars().count() + 10];
        let mut places = Vec::new();
        for (i, c) in printed.chars().enumerate().filter(|(_, c)| *c != ' ') {
            let from = 5 + 12 * i + (12 - width(c)) / 2;
            ink[from..from + width(c)].fill(true);
            places.push((from + width(c) / 2) as f32 / ink.len() as f32);
        }
        let mut places = places.into_iter();
        let mut at = 0.0;
        let chars = read.chars().map(|char| {
            if char != ' ' {
                at = places.next().unwrap_or(at);
            }
            CharSpan { char, score: 0.5, start: at, end: at }
        });
        let chars = chars.collect();
        (Transcript { text: read.to_owned(), score: 0.5, chars, ..Transcript::default() }, ink)
    }

    fn narrow_and_wide(c: char) -> usize {
        if matches!(c, ':' | '.' | '(' | ')' | 'i' | 'l') { 3 } else { 9 }
    }

    fn spaced(read: &str, printed: &str) -> String {
        let (transcript, ink) = print(read, printed, narrow_and_wide);
        respaced(Cow::Borrowed(&transcript), || Some(ink)).text.clone()
    }

    #[test]
    fn a_space_is_an_empty_cell() {
        let printed = "let v = std::fs::read(path)?.len();";
        for read in ["let v = std: :fs: :read (path)?. len();", "letv=std::fs::read(path)?.len();", printed] {
            assert_eq!(spaced(read, printed), printed, "{read}");
        }
        // Several empty cells are one space.
        assert_eq!(spaced("TOTAL12.50 MYR", "TOTAL     12.50 MYR"), "TOTAL 12.50 MYR");
    }

    #[test]
    fn what_was_read_is_kept_where_cells_and_characters_differ() {
        let read = "let v = std: :fs: :red (path)?. len();";
        assert_eq!(spaced(read, "let v = std::fs::read(path)?.len();"), read);
        let (transcript, _) = print("too few", "too few", narrow_and_wide);
        assert_eq!(respaced(Cow::Borrowed(&transcript), || panic!("not looked at")).text, "too few");
        let read = "no ink is known of it";
        let (transcript, _) = print(read, read, narrow_and_wide);
        assert_eq!(respaced(Cow::Borrowed(&transcript), || None).text, read);
    }

    #[test]
    fn a_space_of_half_a_cell_is_kept() {
        let (transcript, mut ink) = print("SUBTOTALS OFITEMS", "SUBTOTALS OFITEMS", narrow_and_wide);
        let space = 5 + 12 * 9;
        ink.drain(space..space + 7);
        let read = respaced(Cow::Borrowed(&transcript), || Some(ink));
        assert_eq!(read.text, "SUBTOTALS OFITEMS");
    }

    #[test]
    fn proportional_print_is_left_alone() {
        let mut ink = Vec::new();
        let mut chars = Vec::new();
        let read = "will it mill moss in a mild imaginary Lilliput";
        for c in read.chars() {
            let width = match c {
                ' ' => 4,
                'i' | 'l' | 't' => 3,
                'm' | 'w' => 13,
                _ => 8,
            };
            let from = ink.len();
            ink.extend(std::iter::repeat_n(c != ' ', width));
            chars.push((c, from + width / 2));
            ink.extend([false, false]);
        }
        let at = |x: usize| x as f32 / ink.len() as f32;
        let chars =
            chars.iter().map(|(char, x)| CharSpan { char: *char, score: 0.5, start: at(*x), end: at(*x) });
        let transcript =
            Transcript { text: read.to_owned(), chars: chars.collect(), ..Transcript::default() };
        assert!(
            usual_step(&transcript.chars).is_some_and(|step| cells(&ink, step * ink.len() as f32).is_none())
        );
        assert_eq!(respaced(Cow::Borrowed(&transcript), || Some(ink)).text, read);
    }
}
