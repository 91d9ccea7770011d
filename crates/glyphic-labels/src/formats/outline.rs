//! Outlines of labels: what is a polygon, and what is made of what is not.

use std::collections::HashSet;

use glyphic_core::{Point, Polygon, Rect, Region, TextInstance, Transcript};

/// Text that marks an illegible instance where the label has no field for it.
pub(crate) const ILLEGIBLE: &str = "###";

/// Collects the annotations of one record; broken outlines become ignored regions and warnings.
pub(crate) struct Instances<'a> {
    at: &'a Location,
    warnings: &'a mut Findings<Warning>,
    next: usize,
    done: Vec<TextInstance>,
}

impl<'a> Instances<'a> {
    pub(crate) fn new(at: &'a Location, warnings: &'a mut Findings<Warning>) -> Self {
        Self { at, warnings, next: 0, done: Vec::new() }
    }

    /// The next annotation: its outline `x1, y1, ...`, its text where known, whether the label says to ignore it.
    /// A text that is given but empty is there and cannot be scored, so it is ignored. Gives the instance that it became.
    pub(crate) fn add(
        &mut self,
        flat: &[f64],
        text: Option<String>,
        ignore: bool,
        label: Option<String>,
    ) -> Option<&mut TextInstance> {
        let annotation = self.next;
        self.next += 1;
        let (polygon, valid) = match polygon(flat) {
            Ok(polygon) => (polygon, true),
            Err(reason) => match stand_in(flat) {
                Some(polygon) => {
                    self.warn(annotation, reason, "the region around its points is ignored");
                    (polygon, false)
                }
                None => {
                    self.warn(annotation, reason, "it marks no place and is left out");
                    return None;
                }
            },
        };
        let mut instance = TextInstance::new(Region { polygon, score: 1.0 });
        instance.ignore = ignore || !valid || text.as_deref() == Some("");
        instance.transcript = text.map(Transcript::truth);
        instance.label = label;
        self.done.push(instance);
        self.done.last_mut()
    }

    /// How many instances there are so far.
    pub(crate) fn len(&self) -> usize {
        self.done.len()
    }

    /// An annotation that is passed over.
    pub(crate) fn skip(&mut self, reason: impl Into<String>, remedy: &'static str) {
        let annotation = self.next;
        self.next += 1;
        self.warn(annotation, reason.into(), remedy);
    }

    /// A remark on the annotation that comes next.
    pub(crate) fn remark(&mut self, reason: impl Into<String>, remedy: &'static str) {
        self.warn(self.next, reason.into(), remedy);
    }

    fn warn(&mut self, annotation: usize, reason: String, remedy: &'static str) {
        self.warnings.add(Warning { at: self.at.clone(), annotation, reason, remedy });
    }

    /// Links between regions, each once, of pairs of what labels call regions; `index_of` tells which one that became. Those with
    /// regions that are not there are left out.
    pub(crate) fn linked<I: Copy + std::fmt::Display>(
        &mut self,
        pairs: impl IntoIterator<Item = [I; 2]>,
        index_of: impl Fn(I) -> Option<usize>,
    ) -> Vec<[usize; 2]> {
        let (mut links, mut known) = (Vec::new(), HashSet::new());
        for [a, b] in pairs {
            match (index_of(a), index_of(b)) {
                (Some(from), Some(to)) if from != to => {
                    if known.insert([from.min(to), from.max(to)]) {
                        links.push([from, to]);
                    }
                }
                (Some(_), Some(_)) => {
                    self.remark(format!("region {a} is linked with itself"), "the link is left out");
                }
                (from, _) => {
                    let lacking = if from.is_none() { a } else { b };
                    let reason = format!("a link between regions {a} and {b}, and no region {lacking}");
                    self.remark(reason, "the link is left out");
                }
            }
        }
        links
    }

    pub(crate) fn done(self) -> Vec<TextInstance> {
        self.done
    }
}

/// `x, y, width, height` as the corners clockwise from the top-left one.
pub(crate) fn from_xywh(b: [f64; 4]) -> [f64; 8] {
    let [x, y, w, h] = b;
    [x, y, x + w, y, x + w, y + h, x, y + h]
}

/// Left, top, right and bottom as the corners clockwise from the top-left one.
pub(crate) fn from_bounds(b: [f64; 4]) -> [f64; 8] {
    let [x0, y0, x1, y1] = b;
    [x0, y0, x1, y0, x1, y1, x0, y1]
}

pub(crate) fn polygon(flat: &[f64]) -> Result<Polygon, String> {
    let polygon = Polygon::from_flat(flat).map_err(|e| e.to_string())?;
    match crossing(polygon.points()) {
        Some((i, j)) => Err(format!("not a polygon: its sides {i} and {j} cross each other")),
        None => Ok(polygon),
    }
}

/// What is ignored in place of a broken polygon: the rectangle around its points, at least a pixel wide.
fn stand_in(flat: &[f64]) -> Option<Polygon> {
    let finite = flat.chunks_exact(2).filter(|p| p[0].is_finite() && p[1].is_finite());
    let bounds = finite.fold(None::<Rect>, |bounds, p| {
        let b = bounds.unwrap_or(Rect { x0: p[0], y0: p[1], x1: p[0], y1: p[1] });
        Some(Rect { x0: b.x0.min(p[0]), y0: b.y0.min(p[1]), x1: b.x1.max(p[0]), y1: b.y1.max(p[1]) })
    })?;
    Polygon::from_rect(Rect {
        x1: bounds.x1.max(bounds.x0 + 1.0),
        y1: bounds.y1.max(bounds.y0 + 1.0),
        ..bounds
    })
    .ok()
}

/// The first two sides that properly cross; touching and overlapping sides are harmless.
fn crossing(points: &[Point]) -> Option<(usize, usize)> {
    let n = points.len();
    let side = |i: usize| (points[i], points[(i + 1) % n]);
    let turn = |a: Point, b: Point, c: Point| (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
    for i in 0..n {
        for j in i + 2..n {
            if i == 0 && j == n - 1 {
                continue;
            }
            let ((a, b), (c, d)) = (side(i), side(j));
            let apart = |p: f64, q: f64| (p > 0.0 && q < 0.0) || (p < 0.0 && q > 0.0);
            if apart(turn(a, b, c), turn(a, b, d)) && apart(turn(c, d, a), turn(c, d, b)) {
                return Some((i, j));
            }
        }
    }
    None
}
use crate::findings::{Findings, Location, Warning};
