//! Gutters between columns of running text that are hardly wider than a space: what tells them from spaces is that they stand
//! above each other over many lines, with words that begin below each other on their right.

/// A gap of a line may be a gutter from this width on, in text heights. Most spaces are narrower.
const GAP: f64 = 0.5;

/// A gutter divides at least so many lines.
const LINES: usize = 5;

/// What all its lines leave free is at least so wide, in text heights.
const FREE: f64 = 0.3;

/// So many of its lines may reach into that.
const RAGGED: f64 = 0.1;

/// Words on its right begin within this of each other, in text heights, on so many of its lines.
const ALIGNED: f64 = 0.4;
const MOST: f64 = 0.6;

/// Text is running where so many words stand on a side of a line, and does on so many of the lines.
const PROSE_WORDS: usize = 3;
const PROSE_LINES: f64 = 0.5;

/// A word lies across a line down the page where it reaches so far over it, in text heights.
const ACROSS: f64 = 0.2;

/// A word in the page's frame, in which text runs to the right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    pub(crate) start: f64,
    pub(crate) end: f64,
    /// Its middle.
    pub(crate) y: f64,
    pub(crate) height: f64,
}

/// A line down the page between two columns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Gutter {
    pub(crate) x: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
}

impl Gutter {
    /// Whether it stands between the end of a text and the start of another one on the same line.
    pub(crate) fn divides(&self, end: f64, start: f64, y: f64, height: f64) -> bool {
        let slack = ACROSS * height;
        self.top < y && y < self.bottom && end - slack <= self.x && self.x <= start + slack
    }
}

/// A gap between neighbours on a line.
#[derive(Debug, Clone, Copy)]
struct Gap {
    end: f64,
    start: f64,
    y: f64,
    height: f64,
    /// Words on the left and on the right without a wide gap between them.
    words: [usize; 2],
}

/// The gutters between the words of a page.
pub(crate) fn find(words: &[Span]) -> Vec<Gutter> {
    let gaps = gaps(words);
    let mut found: Vec<Gutter> = Vec::new();
    let mut seeds: Vec<&Gap> = gaps.iter().filter(|gap| prose(gap)).collect();
    seeds.sort_by(|a, b| a.y.total_cmp(&b.y).then(a.start.total_cmp(&b.start)));
    for seed in seeds {
        let known = |gutter: &Gutter| gutter.divides(seed.end, seed.start, seed.y, seed.height);
        if !found.iter().any(known) {
            found.extend(around(seed, &gaps, words));
        }
    }
    found
}

fn prose(gap: &Gap) -> bool {
    gap.words.iter().all(|count| *count >= PROSE_WORDS)
}

/// The gutter that a gap is part of.
fn around(seed: &Gap, gaps: &[Gap], words: &[Span]) -> Option<Gutter> {
    let x = seed.start - ((seed.start - seed.end) / 2.0).min(FREE * seed.height);
    let (mut top, mut bottom) = (f64::NEG_INFINITY, f64::INFINITY);
    for word in words {
        let slack = ACROSS * word.height;
        if word.start + slack < x && x < word.end - slack {
            if word.y < seed.y { top = top.max(word.y) } else { bottom = bottom.min(word.y) }
        }
    }
    let inside =
        |gap: &&Gap| gap.y > top && gap.y < bottom && gap.end <= x + ACROSS * gap.height && x <= gap.start;
    let lines: Vec<&Gap> = gaps.iter().filter(inside).collect();
    if lines.len() < LINES {
        return None;
    }
    let share = |count: usize| count as f64 / lines.len() as f64;
    let middle = |mut values: Vec<f64>, at: f64| {
        values.sort_by(f64::total_cmp);
        let last = values.len() - 1;
        values[((at * last as f64).round() as usize).min(last)]
    };
    let height = middle(lines.iter().map(|gap| gap.height).collect(), 0.5);
    let starts: Vec<f64> = lines.iter().map(|gap| gap.start).collect();
    let begin = middle(starts.clone(), 0.5);
    let aligned = starts.iter().filter(|start| (*start - begin).abs() <= ALIGNED * height).count();
    let first = middle(starts, RAGGED);
    let last = middle(lines.iter().map(|gap| gap.end).collect(), 1.0 - RAGGED);
    let running = lines.iter().filter(|gap| prose(gap)).count();
    (share(aligned) >= MOST && first - last >= FREE * height && share(running) >= PROSE_LINES)
        .then_some(Gutter { x: (first + last) / 2.0, top, bottom })
}

/// The wide gaps of all lines.
fn gaps(words: &[Span]) -> Vec<Gap> {
    let follows = |a: &Span, b: &Span| {
        let (small, large) = (a.height.min(b.height), a.height.max(b.height));
        (a.y - b.y).abs() <= 0.5 * small
            && large <= 2.2 * small
            && b.start >= a.end - 0.5 * small
            && b.end > a.end
    };
    let next: Vec<Option<usize>> = words
        .iter()
        .enumerate()
        .map(|(i, a)| {
            let behind = words.iter().enumerate().filter(|(j, b)| *j != i && follows(a, b));
            behind.min_by(|a, b| a.1.start.total_cmp(&b.1.start)).map(|(j, _)| j)
        })
        .collect();
    let wide = |i: usize, j: usize| {
        let height = (words[i].height + words[j].height) / 2.0;
        words[j].start - words[i].end >= GAP * height
    };
    // How many words stand before a word and behind it without a wide gap, itself counted.
    let mut before = vec![1_usize; words.len()];
    let mut order: Vec<usize> = (0..words.len()).collect();
    order.sort_by(|a, b| words[*a].start.total_cmp(&words[*b].start));
    for &i in &order {
        if let Some(j) = next[i].filter(|j| !wide(i, *j)) {
            before[j] = before[j].max(before[i] + 1);
        }
    }
    let mut behind = vec![1_usize; words.len()];
    for &i in order.iter().rev() {
        if let Some(j) = next[i].filter(|j| !wide(i, *j)) {
            behind[i] = behind[j] + 1;
        }
    }
    let gap = |(i, j): (usize, usize)| {
        let (a, b) = (&words[i], &words[j]);
        let (y, height) = ((a.y + b.y) / 2.0, (a.height + b.height) / 2.0);
        Gap { end: a.end, start: b.start, y, height, words: [before[i], behind[j]] }
    };
    let pairs = next.iter().enumerate().filter_map(|(i, j)| Some((i, (*j)?)));
    pairs.filter(|(i, j)| wide(*i, *j)).map(gap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of words 20 high, 30 apart, 10 pixels a letter and 6 between the words; `columns` are the columns' starts and
    /// widths.
    fn print(columns: &[(f64, f64)], lines: usize) -> Vec<Span> {
        const LETTERS: [usize; 7] = [3, 5, 2, 7, 4, 6, 2];
        let mut words = Vec::new();
        let mut k = 0;
        for line in 0..lines {
            for (left, width) in columns {
                let mut x = *left;
                while x < left + width {
                    let end = (x + 10.0 * LETTERS[k % 7] as f64).min(left + width);
                    words.push(Span { start: x, end, y: 30.0 * line as f64, height: 20.0 });
                    (x, k) = (end + 6.0, k + 1);
                }
            }
        }
        words
    }

    #[test]
    fn a_gutter_hardly_wider_than_a_space_is_found_where_it_goes_on_over_many_lines() {
        let words = print(&[(0.0, 300.0), (314.0, 300.0)], 12);
        let found = find(&words);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!((300.0..=314.0).contains(&found[0].x), "{found:?}");
        assert!(found[0].divides(300.0, 314.0, 90.0, 20.0) && !found[0].divides(100.0, 106.0, 90.0, 20.0));
        assert!(find(&print(&[(0.0, 300.0), (314.0, 300.0)], 4)).is_empty(), "too few lines");
        assert!(find(&print(&[(0.0, 614.0)], 12)).is_empty(), "no columns");
        assert!(find(&[]).is_empty());
    }

    #[test]
    fn a_gutter_ends_at_a_headline_across_it() {
        let mut words = print(&[(0.0, 300.0), (314.0, 300.0)], 12);
        words.push(Span { start: 100.0, end: 500.0, y: -60.0, height: 40.0 });
        let found = find(&words);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(!found[0].divides(300.0, 314.0, -60.0, 40.0) && found[0].divides(300.0, 314.0, 0.0, 20.0));
    }

    #[test]
    fn numbers_before_lines_are_no_column() {
        let words = print(&[(0.0, 20.0), (34.0, 500.0)], 12);
        assert!(find(&words).is_empty());
    }
}
