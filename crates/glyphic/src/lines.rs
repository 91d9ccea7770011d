//! Words to lines, lines to reading order, by geometry alone.

use glyphic_core::{Image, Line, Page, Point, Polygon, TextInstance};

use crate::{
    gutters::{self, Span},
    quad::Quad,
    rules,
};

/// Two words stand on one line up to this gap, in text heights. Spaces of justified text stay below it, gutters between
/// columns and the gaps of a table do not.
const WORD_GAP: f64 = 1.2;

/// How far, in text heights, a word may reach into its neighbour: detectors draw generous outlines.
const OVERLAP: f64 = 0.5;

/// Neighbours on a line differ in height by this factor at most: "a" beside "Äg" does, a headline beside
/// body text does not.
const HEIGHT_RATIO: f64 = 2.2;

/// The middles of two neighbours lie on one baseline up to this offset, in heights of the smaller one.
const BASELINE_OFFSET: f64 = 0.5;

/// Neighbours on a line differ in direction by 20 degrees at most (the cosine).
const MIN_COS: f64 = 0.94;

/// A piece with this many words is running text, not a cell of a table; columns consist of such pieces.
const PROSE_WORDS: usize = 3;

/// A column has at least this many pieces.
const COLUMN_PIECES: usize = 3;

/// Vertical words beside each other share so much of the shorter one's length.
const BESIDE: f64 = 0.5;

/// A word of fewer characters, or one that is narrower in heights, shows no direction.
const VERTICAL_CHARS: usize = 2;
const NARROW: f64 = 0.5;

/// Puts `page.instances` into reading order and fills `page.lines`.
///
/// Words on one baseline make a line up to a wide gap. Lines beside each other, such as an item and its price or the cells of
/// a table, follow each other from left to right, row by row, unless running text stands in columns: then each column is
/// read from top to bottom on its own.
pub fn order_into_lines(page: &mut Page) {
    order(page, &|_, _| false);
}

/// As [`order_into_lines`]; a vertical rule of the picture divides lines, too.
pub(crate) fn order_into_ruled_lines(page: &mut Page, image: &Image) {
    order(page, &|left, right| {
        rules::between_points(image, left.end, right.start, (left.height + right.height) / 2.0)
    });
}

fn order(page: &mut Page, divided: &dyn Fn(&Piece, &Piece) -> bool) {
    let quads: Vec<Quad> = page.instances.iter().map(as_read).collect();
    let level = Level::of(&quads);
    let words: Vec<Piece> = quads.iter().enumerate().map(|(i, q)| Piece::word(i, q, &level)).collect();
    let spans: Vec<Span> = words.iter().filter_map(|word| level.span(word)).collect();
    let gutters = gutters::find(&spans);
    let divided = |left: &Piece, right: &Piece| {
        let (end, start) = (level.at(left.end), level.at(right.start));
        let (y, height) = ((end.y + start.y) / 2.0, (left.height + right.height) / 2.0);
        gutters.iter().any(|gutter| gutter.divides(end.x, start.x, y, height)) || divided(left, right)
    };
    let mut lines = Vec::new();
    for block in columns(chain(words, WORD_GAP, &divided), &level) {
        // What is far apart is told to be on a row by the page's direction: that of a short word is not known so well.
        let cells = block.iter().enumerate().map(|(i, piece)| Piece {
            words: vec![i],
            direction: level.or_own(piece.direction),
            ..piece.clone()
        });
        let mut rows = chain(cells.collect(), f64::INFINITY, &|_, _| false);
        rows.sort_by(|a, b| level.middle(a).y.total_cmp(&level.middle(b).y));
        for beside in rows.chunk_by_mut(|a, b| level.both_stand(a, b)) {
            beside.sort_by(|a, b| level.middle(a).x.total_cmp(&level.middle(b).x));
        }
        lines.extend(rows.iter().flat_map(|row| row.words.iter().map(|i| block[*i].clone())));
    }

    let mut instances: Vec<Option<TextInstance>> = page.instances.drain(..).map(Some).collect();
    page.lines.clear();
    for piece in lines {
        let first = page.instances.len();
        page.instances.extend(piece.words.iter().filter_map(|w| instances[*w].take()));
        let indices: Vec<usize> = (first..page.instances.len()).collect();
        if let Some(line) = line_of(&page.instances, indices, piece.direction()) {
            page.lines.push(line);
        }
    }
}

/// The quad of a word. A word that runs up or down, or stands upside down, has outlined corners that begin where its text does.
fn as_read(instance: &TextInstance) -> Quad {
    let upright = Quad::around(&instance.region.polygon);
    let [a, b, c, d] = instance.region.polygon.points() else { return upright };
    let read = Quad([*a, *b, *c, *d]);
    let (start, end) = (read.start(), read.end());
    let vertical = (end.y - start.y).abs() > (end.x - start.x).abs();
    let turned = (vertical || end.x < start.x) && read.width() > NARROW * read.height();
    if turned && instance.text().chars().count() >= VERTICAL_CHARS { read } else { upright }
}

/// Words that follow each other on one baseline.
#[derive(Debug, Clone)]
struct Piece {
    words: Vec<usize>,
    start: Point,
    end: Point,
    /// Text height in pixels.
    height: f64,
    /// Where its text runs, a unit vector.
    direction: Point,
}

impl Piece {
    /// A word too short to show its direction takes the page's.
    fn word(index: usize, quad: &Quad, level: &Level) -> Self {
        let (start, end) = (quad.start(), quad.end());
        let direction = if quad.width() < quad.height() { level.direction } else { unit(start, end) };
        Self { words: vec![index], start, end, height: quad.height(), direction }
    }

    fn direction(&self) -> Point {
        self.direction
    }

    /// How far `next` stands to the right of `self`, in pixels; `None` where it does not go on with the line.
    fn gap_to(&self, next: &Self, max_gap: f64) -> Option<f64> {
        let (small, large) = (self.height.min(next.height), self.height.max(next.height));
        if large > HEIGHT_RATIO * small || dot(self.direction, next.direction) < MIN_COS {
            return None;
        }
        let u = unit(
            Point::default(),
            Point::new(self.direction.x + next.direction.x, self.direction.y + next.direction.y),
        );
        let step = Point::new(next.start.x - self.end.x, next.start.y - self.end.y);
        let (along, across) = (dot(step, u), u.x * step.y - u.y * step.x);
        let whole = dot(Point::new(next.end.x - self.start.x, next.end.y - self.start.y), u);
        let follows = along >= -OVERLAP * small && along <= max_gap * (small + large) / 2.0 && whole > 0.0;
        (follows && across.abs() <= BASELINE_OFFSET * small).then_some(along)
    }

    fn join(mut self, next: Self) -> Self {
        let (a, b) = (self.words.len() as f64, next.words.len() as f64);
        self.height = (self.height * a + next.height * b) / (a + b);
        self.direction = unit(self.start, next.end);
        self.end = next.end;
        self.words.extend(next.words);
        self
    }
}

/// The direction most text of the page runs in; "down" and "right" are meant in its frame.
struct Level {
    direction: Point,
}

impl Level {
    /// The median direction, each word counting by how much longer than high it is.
    fn of(quads: &[Quad]) -> Self {
        let mut angles: Vec<(f64, f64)> = quads
            .iter()
            .filter(|q| q.width() > q.height())
            .map(|q| {
                let u = unit(q.start(), q.end());
                (u.y.atan2(u.x), q.width() - q.height())
            })
            .collect();
        angles.sort_by(|a, b| a.0.total_cmp(&b.0));
        let half = angles.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
        let mut seen = 0.0;
        let angle = angles.iter().find(|(_, weight)| {
            seen += weight;
            seen >= half
        });
        let (sin, cos) = angle.map_or(0.0, |(a, _)| *a).sin_cos();
        Self { direction: Point::new(cos, sin) }
    }

    fn at(&self, p: Point) -> Point {
        let u = self.direction;
        Point::new(dot(p, u), u.x * p.y - u.y * p.x)
    }

    /// The page's direction for what runs about so, its own for others.
    fn or_own(&self, direction: Point) -> Point {
        if dot(direction, self.direction) >= MIN_COS { self.direction } else { direction }
    }

    /// Where a piece runs; `None` for one that runs across the page's text.
    fn span(&self, piece: &Piece) -> Option<Span> {
        let (start, end) = (self.at(piece.start), self.at(piece.end));
        let along = dot(piece.direction, self.direction) >= MIN_COS;
        along.then(|| Span { start: start.x, end: end.x, y: (start.y + end.y) / 2.0, height: piece.height })
    }

    /// Whether two pieces run across the page's text and stand beside each other, as vertical heads of a table do.
    fn both_stand(&self, a: &Piece, b: &Piece) -> bool {
        let extent = |piece: &Piece| {
            let (start, end) = (self.at(piece.start), self.at(piece.end));
            ((end.x - start.x).abs() < (end.y - start.y).abs())
                .then(|| [start.y.min(end.y), start.y.max(end.y)])
        };
        let (Some(a), Some(b)) = (extent(a), extent(b)) else { return false };
        a[1].min(b[1]) - a[0].max(b[0]) > BESIDE * (a[1] - a[0]).min(b[1] - b[0])
    }

    fn middle(&self, piece: &Piece) -> Point {
        self.at(Point::new((piece.start.x + piece.end.x) / 2.0, (piece.start.y + piece.end.y) / 2.0))
    }
}

/// Joins pieces to the nearest piece that follows on their baseline, where each is the other's nearest, until
/// nothing joins any more.
fn chain(mut pieces: Vec<Piece>, max_gap: f64, divided: &dyn Fn(&Piece, &Piece) -> bool) -> Vec<Piece> {
    loop {
        let before = pieces.len();
        let gap = |a: &Piece, b: &Piece| a.gap_to(b, max_gap);
        let nearest = |i: usize, gap: &dyn Fn(&Piece, &Piece) -> Option<f64>| {
            let candidates = (0..pieces.len()).filter(|j| *j != i);
            candidates
                .filter_map(|j| gap(&pieces[i], &pieces[j]).map(|g| (j, g)))
                .min_by(|a, b| a.1.total_cmp(&b.1))
                .map(|(j, _)| j)
        };
        let next: Vec<Option<usize>> = (0..pieces.len()).map(|i| nearest(i, &|a, b| gap(a, b))).collect();
        let previous: Vec<Option<usize>> = (0..pieces.len()).map(|i| nearest(i, &|a, b| gap(b, a))).collect();
        let follower =
            |i: usize| next[i].filter(|j| previous[*j] == Some(i) && !divided(&pieces[i], &pieces[*j]));

        let mut taken = vec![false; pieces.len()];
        let is_follower: Vec<bool> =
            (0..pieces.len()).map(|j| previous[j].is_some_and(|i| follower(i) == Some(j))).collect();
        let mut joined = Vec::new();
        // Pieces that nothing precedes first; then what is left of rings, which overlapping outlines can make.
        let starts = (0..pieces.len()).filter(|i| !is_follower[*i]).chain(0..pieces.len());
        for start in starts {
            if taken[start] {
                continue;
            }
            taken[start] = true;
            let (mut piece, mut last) = (pieces[start].clone(), start);
            while let Some(j) = follower(last).filter(|j| !taken[*j]) {
                taken[j] = true;
                piece = piece.join(pieces[j].clone());
                last = j;
            }
            joined.push(piece);
        }
        pieces = joined;
        if pieces.len() == before {
            return pieces;
        }
    }
}

/// Cuts running text into its columns: blocks in reading order, one block where there are no columns.
///
/// A cut runs down between pieces of running text; the few pieces that lie across it (a headline) divide it
/// into bands that are read one after the other.
fn columns(pieces: Vec<Piece>, level: &Level) -> Vec<Vec<Piece>> {
    let Some(cut) = column_cut(&pieces, level) else { return vec![pieces] };
    let (mut across, beside): (Vec<Piece>, Vec<Piece>) =
        pieces.into_iter().partition(|p| side(p, cut, level).is_none());
    across.sort_by(|a, b| level.middle(a).y.total_cmp(&level.middle(b).y));
    let mut blocks = Vec::new();
    let mut rest = beside;
    for limit in across.iter().map(Some).chain([None]) {
        let (band, below): (Vec<Piece>, Vec<Piece>) =
            rest.into_iter().partition(|p| limit.is_none_or(|l| level.middle(p).y < level.middle(l).y));
        rest = below;
        let (left, right): (Vec<Piece>, Vec<Piece>) =
            band.into_iter().partition(|p| side(p, cut, level) == Some(Side::Left));
        for half in [left, right] {
            if !half.is_empty() {
                blocks.extend(columns(half, level));
            }
        }
        blocks.extend(limit.map(|l| vec![l.clone()]));
    }
    blocks
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// `None` for a piece that lies across the cut.
fn side(piece: &Piece, cut: f64, level: &Level) -> Option<Side> {
    let slack = OVERLAP / 2.0 * piece.height;
    if level.at(piece.end).x - slack <= cut {
        Some(Side::Left)
    } else if level.at(piece.start).x + slack >= cut {
        Some(Side::Right)
    } else {
        None
    }
}

/// The x, in the page's frame, of the cut that fewest pieces lie across.
fn column_cut(pieces: &[Piece], level: &Level) -> Option<f64> {
    // By how wide the pieces are: cells of a table inside a column of text are many, and small.
    let is_column = |side: &[&Piece]| {
        let width = |p: &&Piece| p.start.distance(p.end);
        let prose: Vec<f64> = side.iter().filter(|p| p.words.len() >= PROSE_WORDS).map(width).collect();
        prose.len() >= COLUMN_PIECES && 2.0 * prose.iter().sum::<f64>() >= side.iter().map(width).sum::<f64>()
    };
    let span = |side: &[&Piece]| {
        side.iter().map(|p| level.middle(p).y).fold((f64::MAX, f64::MIN), |(a, b), y| (a.min(y), b.max(y)))
    };
    let mut best: Option<(usize, f64)> = None;
    for cut in pieces.iter().map(|p| level.at(p.end).x) {
        let on = |s: Side| pieces.iter().filter(|p| side(p, cut, level) == Some(s)).collect::<Vec<_>>();
        let (left, right) = (on(Side::Left), on(Side::Right));
        let across = pieces.len() - left.len() - right.len();
        if 4 * across > pieces.len() || !is_column(&left) || !is_column(&right) {
            continue;
        }
        // Beside each other, not one below the other.
        let ((l0, l1), (r0, r1)) = (span(&left), span(&right));
        let shared = l1.min(r1) - l0.max(r0);
        if shared > 0.5 * (l1 - l0).min(r1 - r0) && best.is_none_or(|(n, _)| across < n) {
            best = Some((across, cut));
        }
    }
    best.map(|(_, cut)| cut)
}

/// The line of some words; `None` for no word.
fn line_of(instances: &[TextInstance], indices: Vec<usize>, direction: Point) -> Option<Line> {
    let words = || indices.iter().filter_map(|i| instances.get(*i));
    let scores: Vec<f32> = words().filter_map(|w| w.transcript.as_ref()).map(|t| t.score).collect();
    let score = scores.iter().sum::<f32>() / scores.len().max(1) as f32;
    let text = words().map(TextInstance::text).collect::<Vec<_>>().join(" ");
    let polygon = match indices.as_slice() {
        [] => return None,
        [one] => instances.get(*one)?.region.polygon.clone(),
        [first, ..] => rectangle_along(words().flat_map(|w| w.region.polygon.points()), direction)
            .or_else(|| Some(instances.get(*first)?.region.polygon.clone()))?,
    };
    Some(Line { polygon, text, score, instances: indices })
}

/// The smallest rectangle around the points whose sides run along and across `u`.
fn rectangle_along<'a>(points: impl Iterator<Item = &'a Point>, u: Point) -> Option<Polygon> {
    let (mut low, mut high) = (Point::new(f64::MAX, f64::MAX), Point::new(f64::MIN, f64::MIN));
    for p in points {
        let (along, across) = (dot(*p, u), u.x * p.y - u.y * p.x);
        low = Point::new(low.x.min(along), low.y.min(across));
        high = Point::new(high.x.max(along), high.y.max(across));
    }
    let back = |along: f64, across: f64| Point::new(along * u.x - across * u.y, along * u.y + across * u.x);
    Polygon::new(vec![back(low.x, low.y), back(high.x, low.y), back(high.x, high.y), back(low.x, high.y)])
        .ok()
}

fn dot(a: Point, b: Point) -> f64 {
    a.x * b.x + a.y * b.y
}

/// The direction from `a` to `b`; to the right where they coincide.
fn unit(a: Point, b: Point) -> Point {
    let d = a.distance(b);
    if d < 1e-9 { Point::new(1.0, 0.0) } else { Point::new((b.x - a.x) / d, (b.y - a.y) / d) }
}

#[cfg(test)]
mod tests {
    use glyphic_core::{Rect, Region, Transcript};

    use super::*;

    /// A page whose words are given as (text, left, top); 10 pixels a character, 20 high, turned about the
    /// origin.
    fn page(words: &[(&str, f64, f64)], degrees: f64) -> Page {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let mut page = Page::new(2000, 2000);
        for (text, x, y) in words {
            let rect = Rect { x0: *x, y0: *y, x1: x + 10.0 * text.len() as f64, y1: y + 20.0 };
            let polygon = Polygon::from_rect(rect).unwrap();
            let polygon = polygon.map(|p| Point::new(p.x * cos - p.y * sin, p.x * sin + p.y * cos)).unwrap();
            page.instances.push(TextInstance {
                transcript: Some(Transcript {
                    text: (*text).to_owned(),
                    score: 0.5,
                    ..Transcript::default()
                }),
                ..TextInstance::new(Region { polygon, score: 0.9 })
            });
        }
        page
    }

    fn lines(words: &[(&str, f64, f64)], degrees: f64) -> Vec<String> {
        // The order in which a detector finds the words must not matter.
        let mut shuffled = words.to_vec();
        shuffled.sort_by_key(|w| w.0.bytes().map(|b| u32::from(b) * 7919 % 101).sum::<u32>());
        let mut page = page(&shuffled, degrees);
        order_into_lines(&mut page);
        assert_eq!(page.instances.len(), words.len());
        let seen: Vec<usize> = page.lines.iter().flat_map(|l| l.instances.clone()).collect();
        assert_eq!(seen, (0..words.len()).collect::<Vec<_>>());
        page.lines.into_iter().map(|l| l.text).collect()
    }

    #[test]
    fn words_of_a_receipt_make_rows_the_price_behind_its_item() {
        let words = [
            ("CORNER", 100., 50.),
            ("SHOP", 170., 52.),
            ("Milk", 40., 100.),
            ("2.30", 400., 103.),
            ("Rye", 40., 128.),
            ("bread", 80., 127.),
            ("11.90", 390., 130.),
            ("TOTAL", 40., 160.),
            ("14.20", 390., 161.),
        ];
        let expected = ["CORNER SHOP", "Milk", "2.30", "Rye bread", "11.90", "TOTAL", "14.20"];
        for degrees in [0.0, -7.0, 4.0, 15.0] {
            assert_eq!(lines(&words, degrees), expected, "at {degrees} degrees");
        }
    }

    #[test]
    fn running_text_in_columns_is_read_column_by_column_below_its_headline() {
        let mut words = vec![
            ("A", 100., 0.),
            ("wide", 120., 0.),
            ("head", 170., 0.),
            ("line", 220., 0.),
            ("over", 270., 0.),
            ("all", 320., 0.),
        ];
        for (row, y) in [(0, 40.), (1, 68.), (2, 96.), (3, 124.)] {
            for (column, x) in [(0, 0.), (1, 260.)] {
                let texts = [["l0a", "l1a", "l2a", "l3a"], ["r0a", "r1a", "r2a", "r3a"]];
                words.extend([
                    (texts[column][row], x, y),
                    ("mid", x + 40., y),
                    ("wordy", x + 80., y),
                    ("end", x + 140., y),
                ]);
            }
        }
        let read = lines(&words, 0.0);
        let starts: Vec<&str> = read.iter().filter_map(|l| l.split(' ').next()).collect();
        assert_eq!(starts, ["A", "l0a", "l1a", "l2a", "l3a", "r0a", "r1a", "r2a", "r3a"]);
    }

    #[test]
    fn heads_that_run_upwards_follow_each_other_to_the_right() {
        let rows = [
            ("Oslo fjord north", 0., 200.),
            ("12", 200., 200.),
            ("Bergen harbour", 0., 240.),
            ("9", 200., 240.),
        ];
        let mut page = page(&rows, 0.0);
        for (text, left, top) in [("February", 160., 95.), ("May", 220., 150.), ("January", 100., 105.)] {
            let (right, bottom) = (left + 20., 180.);
            let polygon = Polygon::from_flat(&[left, bottom, left, top, right, top, right, bottom]).unwrap();
            page.instances.push(TextInstance {
                transcript: Some(Transcript { text: text.to_owned(), ..Transcript::default() }),
                ..TextInstance::new(Region { polygon, score: 0.9 })
            });
        }
        order_into_lines(&mut page);
        let lines: Vec<&str> = page.lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(lines, ["January", "February", "May", "Oslo fjord north", "12", "Bergen harbour", "9"]);
    }

    #[test]
    fn a_label_that_runs_upwards_is_a_line_of_its_own_in_its_direction() {
        let mut page = page(&[("beside", 100., 20.), ("the", 170., 20.), ("label", 100., 60.)], 0.0);
        // "Form" below, "27" above; the corners begin at the bottom-left one.
        for (text, bottom, top) in [("27", 60., 30.), ("Form", 110., 68.)] {
            let polygon = Polygon::from_flat(&[20., bottom, 20., top, 40., top, 40., bottom]).unwrap();
            page.instances.push(TextInstance {
                transcript: Some(Transcript { text: text.to_owned(), score: 0.9, ..Transcript::default() }),
                ..TextInstance::new(Region { polygon, score: 0.9 })
            });
        }
        order_into_lines(&mut page);
        let texts: Vec<&str> = page.lines.iter().map(|l| l.text.as_str()).collect();
        assert!(texts.contains(&"Form 27") && texts.contains(&"beside the"), "{texts:?}");
    }

    #[test]
    fn cells_of_a_table_are_lines_of_their_own_row_by_row() {
        let rows = [("Item", "Qty", "Price"), ("Bolts", "4", "0.35"), ("Hinge", "7", "20.30")];
        let words: Vec<_> = rows
            .iter()
            .zip([0., 30., 60.])
            .flat_map(|((a, b, c), y)| [(*a, 20., y), (*b, 140., y + 1.), (*c, 240., y - 1.)])
            .collect();
        let expected = ["Item", "Qty", "Price", "Bolts", "4", "0.35", "Hinge", "7", "20.30"];
        assert_eq!(lines(&words, 0.0), expected);
        assert_eq!(lines(&words, 6.0), expected);
    }

    #[test]
    fn a_rule_divides_what_a_narrow_gap_does_not() {
        let mut image = Image::filled(300, 100, [255; 3]).unwrap();
        for y in 0..100 {
            let i = (y * 300 + 104) * 3;
            image.rgb_mut()[i..i + 6].fill(0);
        }
        let words = [("left", 60., 40.), ("right", 110., 40.), ("side", 165., 40.)];
        let texts = |page: Page| page.lines.into_iter().map(|l| l.text).collect::<Vec<_>>();
        let mut plain = page(&words, 0.0);
        order_into_lines(&mut plain);
        assert_eq!(texts(plain), ["left right side"]);
        let mut ruled = page(&words, 0.0);
        order_into_ruled_lines(&mut ruled, &image);
        assert_eq!(texts(ruled), ["left", "right side"]);
    }

    #[test]
    fn a_line_is_outlined_along_its_slope_and_scored_by_the_mean() {
        let mut page = page(&[("one", 10., 10.), ("two", 50., 10.)], 10.0);
        order_into_lines(&mut page);
        let line = &page.lines[0];
        assert_eq!((line.text.as_str(), line.score, &line.instances), ("one two", 0.5, &vec![0, 1]));
        assert!((line.polygon.area() - 70.0 * 20.0).abs() < 1.0, "{}", line.polygon.area());
    }

    #[test]
    fn a_page_without_words_has_no_lines() {
        let mut page = Page::new(10, 10);
        order_into_lines(&mut page);
        assert!(page.lines.is_empty());
    }

    #[test]
    fn words_on_top_of_each_other_are_all_kept() {
        assert_eq!(lines(&[("same", 10., 10.), ("aame", 10., 10.), ("bame", 12., 11.)], 0.0).len(), 3);
    }
}
