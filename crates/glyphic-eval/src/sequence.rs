//! Matching blocks after Ratcliff and Obershelp ("Pattern matching: the gestalt approach", 1988), in the form of
//! Python's `difflib.SequenceMatcher` with its "autojunk". Own code: the character metrics are defined by exactly
//! that form, and the crates that match sequences leave autojunk out.

use std::collections::HashMap;
use std::hash::Hash;

/// From this length of the second sequence on, characters that make up more than 1 % + 1 of it anchor nothing.
const AUTOJUNK_LENGTH: usize = 200;

/// Up to so many pairs, comparing all of them is faster than an index of positions.
const DENSE_PAIRS: usize = 64 * 64;

/// Most words are no longer: clearing 200 lengths would cost as much as comparing them.
const SHORT: usize = 24;

/// A part of both sequences: `a[0]..a[1]` and `b[0]..b[1]`.
#[derive(Clone, Copy)]
struct Span {
    a: [usize; 2],
    b: [usize; 2],
}

/// Number of characters in the matching blocks of `a` and `b`. Not symmetric.
pub(crate) fn matching_characters<T: Copy + Eq + Hash>(a: &[T], b: &[T]) -> usize {
    if b.len() >= AUTOJUNK_LENGTH || a.len() * b.len() > DENSE_PAIRS {
        let mut index = Index::new(a, b);
        return sum_of_blocks(a, b, |span| index.longest(span));
    }
    if a == b {
        return a.len();
    }
    if b.len() <= SHORT {
        let mut lengths = [0; SHORT];
        return sum_of_blocks(a, b, |span| longest_dense(a, b, span, &mut lengths));
    }
    let mut lengths = [0; AUTOJUNK_LENGTH];
    sum_of_blocks(a, b, |span| longest_dense(a, b, span, &mut lengths))
}

/// Takes the longest block, then those to its left and right.
fn sum_of_blocks<T: Eq>(a: &[T], b: &[T], mut longest: impl FnMut(Span) -> (usize, usize, usize)) -> usize {
    let mut sum = 0;
    let mut waiting: Vec<Span> = Vec::new();
    let mut next = Some(Span { a: [0, a.len()], b: [0, b.len()] });
    while let Some(span) = next.take().or_else(|| waiting.pop()) {
        if span.a[0] == span.a[1] || span.b[0] == span.b[1] {
            continue;
        }
        let (mut i, mut j, mut k) = longest(span);
        // Characters that anchor nothing still lengthen a block, even an empty one.
        while i > span.a[0] && j > span.b[0] && a[i - 1] == b[j - 1] {
            (i, j, k) = (i - 1, j - 1, k + 1);
        }
        while i + k < span.a[1] && j + k < span.b[1] && a[i + k] == b[j + k] {
            k += 1;
        }
        if k > 0 {
            sum += k;
            if i > span.a[0] && j > span.b[0] {
                waiting.push(Span { a: [span.a[0], i], b: [span.b[0], j] });
            }
            next = Some(Span { a: [i + k, span.a[1]], b: [j + k, span.b[1]] });
        }
    }
    sum
}

/// The longest common run (start in a, start in b, length); of equals the first in `a`, then the first in `b`.
/// `lengths` is all 0 before and after.
fn longest_dense<T: Eq>(a: &[T], b: &[T], span: Span, lengths: &mut [u32]) -> (usize, usize, usize) {
    let (a_part, b_part) = (&a[span.a[0]..span.a[1]], &b[span.b[0]..span.b[1]]);
    let lengths = &mut lengths[..b_part.len()];
    let mut best = (0, 0, 0);
    for (i, c) in a_part.iter().enumerate() {
        let mut diagonal = 0;
        for (j, (length, d)) in lengths.iter_mut().zip(b_part).enumerate() {
            let here = if c == d { diagonal + 1 } else { 0 };
            diagonal = std::mem::replace(length, here);
            if here > best.2 {
                best = (i, j, here);
            }
        }
    }
    lengths.fill(0);
    let k = best.2 as usize;
    if k == 0 {
        (span.a[0], span.b[0], 0)
    } else {
        (span.a[0] + best.0 + 1 - k, span.b[0] + best.1 + 1 - k, k)
    }
}

/// For each character of `a` its places in `b`, without the popular ones.
struct Index {
    places: Vec<Vec<usize>>,
    of_a: Vec<Option<usize>>,
    /// `row[j + 1]`: length of the run that ends at `b[j]`; all 0 between calls.
    rows: [Vec<usize>; 2],
}

impl Index {
    fn new<T: Copy + Eq + Hash>(a: &[T], b: &[T]) -> Self {
        let mut ids = HashMap::new();
        let mut places: Vec<Vec<usize>> = Vec::new();
        for (j, &c) in b.iter().enumerate() {
            let id = *ids.entry(c).or_insert(places.len());
            if id == places.len() {
                places.push(Vec::new());
            }
            places[id].push(j);
        }
        if b.len() >= AUTOJUNK_LENGTH {
            places.iter_mut().filter(|p| p.len() > b.len() / 100 + 1).for_each(Vec::clear);
        }
        let of_a = a.iter().map(|c| ids.get(c).copied()).collect();
        Self { places, of_a, rows: [vec![0; b.len() + 1], vec![0; b.len() + 1]] }
    }

    fn longest(&mut self, span: Span) -> (usize, usize, usize) {
        let mut best = (span.a[0], span.b[0], 0);
        let [above, row] = &mut self.rows;
        let mut places_above: &[usize] = &[];
        for i in span.a[0]..span.a[1] {
            let all = self.of_a[i].map_or(&[][..], |id| &self.places[id]);
            let low = all.partition_point(|&j| j < span.b[0]);
            let places = &all[low..all.partition_point(|&j| j < span.b[1])];
            for &j in places {
                let k = above[j] + 1;
                row[j + 1] = k;
                if k > best.2 {
                    best = (i + 1 - k, j + 1 - k, k);
                }
            }
            places_above.iter().for_each(|&j| above[j + 1] = 0);
            places_above = places;
            std::mem::swap(above, row);
        }
        places_above.iter().for_each(|&j| above[j + 1] = 0);
        best
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn the_longest_block_splits_the_rest_and_order_matters() {
        // Sums of `difflib.SequenceMatcher(None, a, b).get_matching_blocks()`.
        for (a, b, sum) in [
            ("", "abc", 0),
            ("abcd", "bcde", 3),
            ("qabxcd", "abycdf", 4),
            ("private", "primate", 6),
            ("tide", "diet", 1),
            ("diet", "tide", 2),
        ] {
            assert_eq!(matching_characters(&chars(a), &chars(b)), sum, "{a:?} {b:?}");
        }
    }

    #[test]
    fn popular_characters_of_a_long_truth_anchor_nothing() {
        let truth = vec!['a'; 200];
        // 'a' is popular, so only the run from both beginnings counts.
        let mut shifted = vec!['b'];
        shifted.extend(vec!['a'; 199]);
        assert_eq!(matching_characters(&truth, &truth), 200);
        assert_eq!(matching_characters(&shifted, &truth), 0);
        assert_eq!(matching_characters(&shifted[..], &truth[..199]), 199);
    }

    proptest! {
        #[test]
        fn both_searches_find_the_same(a in "[abc]{1,60}", b in "[abc]{1,60}") {
            let (a, b) = (chars(&a), chars(&b));
            let mut index = Index::new(&a, &b);
            let indexed = sum_of_blocks(&a, &b, |span| index.longest(span));
            prop_assert_eq!(matching_characters(&a, &b), indexed);
        }
    }
}
