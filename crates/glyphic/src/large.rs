//! Large text that was found in pieces, its strokes or letters: the pieces are kept in mind, for what looks like one large text
//! from afar may be a column of numbers. What they read like decides.

use glyphic_core::{Region, Replaced, Transcript};

use crate::vertical::Candidate;

/// A piece is read surely with this confidence.
const SURE: f32 = 0.7;

/// Pieces that read as so many letters and digits, and so many times as many as the whole, are text of their own: a letter
/// seldom falls into more than two strokes.
const LETTERS: usize = 4;
const TIMES: usize = 3;

/// A column is read as text that runs up or down. So many pieces of it that read surely, and as no less, are its rows.
const ROWS: usize = 3;

/// ... and so many letters are enough where the whole would be left out.
const FEW: usize = 2;

/// Puts the pieces of large regions behind the others, to be read as well.
pub(crate) fn add(regions: &mut Vec<Region>, replaced: Vec<Replaced>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for Replaced { by, pieces } in replaced {
        // One that was divided or replaced in turn is no longer there.
        let Some(region) = regions.iter().position(|region| *region == by) else { continue };
        let first = regions.len();
        regions.extend(pieces);
        candidates.push(Candidate { region, pieces: (first..regions.len()).collect() });
    }
    candidates
}

/// Counts vertical lines that were found in the same pieces among these.
pub(crate) fn join(candidates: &mut [Candidate], vertical: &[Candidate]) {
    for Candidate { pieces, .. } in candidates {
        let shared = |line: &&Candidate| line.pieces.iter().any(|piece| pieces.contains(piece));
        let lines: Vec<usize> = vertical.iter().filter(shared).map(|line| line.region).collect();
        pieces.extend(lines);
    }
}

/// The regions that are not to be read: of large text and its pieces the one or the others. `reading` tells what a region reads as
/// and whether it was read as text that runs up or down; what reads below `least` is left out.
pub(crate) fn losers<'a>(
    candidates: &[Candidate],
    least: f32,
    reading: impl Fn(usize) -> Option<(&'a Transcript, bool)>,
) -> Vec<usize> {
    let letters = |t: &Transcript| t.text.chars().filter(|c| c.is_alphanumeric()).count();
    let mut out = Vec::new();
    for Candidate { region, pieces } in candidates {
        // Letters of each, and whether it runs up or down.
        let sure: Vec<(usize, bool)> = pieces
            .iter()
            .filter_map(|piece| reading(*piece))
            .filter(|(t, _)| t.score >= SURE && letters(t) > 0)
            .map(|(t, turned)| (letters(t), turned))
            .collect();
        let in_pieces: usize = sure.iter().map(|(letters, _)| letters).sum();
        let (whole, clear, turned) = reading(*region)
            .map_or((0, false, false), |(whole, turned)| (letters(whole), whole.score >= least, turned));
        let more = in_pieces >= LETTERS && in_pieces >= TIMES * whole;
        let level = sure.iter().filter(|(_, turned)| !turned).count();
        let rows = turned && level >= ROWS && in_pieces >= whole;
        match more || rows || (!clear && in_pieces >= FEW) {
            true => out.push(*region),
            false => out.extend(pieces),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use glyphic_core::Polygon;

    use super::*;

    fn region([x, y, w, h]: [f64; 4]) -> Region {
        Region { polygon: Polygon::from_flat(&[x, y, x + w, y, x + w, y + h, x, y + h]).unwrap(), score: 0.8 }
    }

    #[test]
    fn pieces_are_read_beside_the_large_region_that_is_still_there() {
        let large = region([0., 0., 40., 90.]);
        let pieces = vec![region([5., 5., 20., 10.]), region([5., 30., 20., 10.])];
        let gone = Replaced { by: region([0., 0., 4., 4.]), pieces: vec![region([1., 1., 2., 2.])] };
        let mut regions = vec![region([200., 0., 50., 10.]), large.clone()];
        let found = add(&mut regions, vec![gone, Replaced { by: large, pieces: pieces.clone() }]);
        assert_eq!(found, [Candidate { region: 1, pieces: vec![2, 3] }]);
        assert_eq!(regions[2..], pieces);
    }

    #[test]
    fn a_vertical_line_of_the_same_pieces_is_one_of_them() {
        let mut large =
            [Candidate { region: 0, pieces: vec![2, 3] }, Candidate { region: 1, pieces: vec![4] }];
        join(&mut large, &[Candidate { region: 7, pieces: vec![3, 5] }]);
        assert_eq!(large.map(|candidate| candidate.pieces), [vec![2, 3, 7], vec![4]]);
    }

    #[test]
    fn a_column_of_numbers_takes_the_place_of_what_looked_like_one_text() {
        let read = |text: &str, score| Transcript { text: text.to_owned(), score, ..Transcript::default() };
        let turned = std::cell::Cell::new(false);
        let losers = |whole: Transcript, pieces: [Transcript; 3]| {
            let all = [vec![whole], pieces.to_vec()].concat();
            let reading = |i: usize| Some((all.get(i)?, i == 0 && turned.get()));
            losers(&[Candidate { region: 0, pieces: vec![1, 2, 3] }], 0.5, reading)
        };
        let numbers = || ["12", "7", "140"].map(|text| read(text, 0.9));
        assert_eq!(losers(read("1", 0.8), numbers()), [0]);
        assert_eq!(losers(read("proceso", 0.3), numbers()), [0], "it would be left out");
        assert_eq!(losers(read("HOTEL", 0.9), ["I", "I", "O"].map(|text| read(text, 0.9))), [1, 2, 3]);
        assert_eq!(losers(read("1", 0.8), ["12", "7", "140"].map(|text| read(text, 0.4))), [1, 2, 3]);
        assert_eq!(losers(read("proc", 0.9), numbers()), [1, 2, 3]);
        turned.set(true);
        assert_eq!(losers(read("proc", 0.9), numbers()), [0], "it ran down");
        assert_eq!(losers(read("process", 0.9), numbers()), [1, 2, 3]);
        assert_eq!(losers(read("", 0.2), ["-", "l", ""].map(|text| read(text, 0.9))), [1, 2, 3]);
    }
}
