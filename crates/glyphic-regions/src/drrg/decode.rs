//! From components and the scores of their pairs to regions, on plain slices.

use std::collections::BTreeMap;

use glyphic_core::geometry::point_in_polygon;
use glyphic_core::{Detected, DropReason, Region};
use glyphic_imgproc::{Pixel, ScoredQuad, points};
use serde::{Deserialize, Serialize};

use crate::maps::checked_scale;
use crate::outline::{collect, region};
use crate::{Error, Result};

/// How components are strung together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DrrgDecodeConfig {
    /// Two components belong together where the score of their pair is at least this, 0 to 1.
    pub link_threshold: f64,
    /// Components whose centres are farther apart never belong together, in pixels.
    pub max_length: f64,
}

impl Default for DrrgDecodeConfig {
    /// MMOCR's values.
    fn default() -> Self {
        Self { link_threshold: 0.85, max_length: 50.0 }
    }
}

impl DrrgDecodeConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] with the field, its value and what would be right.
    pub fn validate(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.link_threshold) {
            return Err(Error::config("decode.link_threshold", self.link_threshold, "a number from 0 to 1"));
        }
        if !(self.max_length.is_finite() && self.max_length >= 0.0) {
            return Err(Error::config("decode.max_length", self.max_length, "a number from 0 on"));
        }
        Ok(())
    }

    /// The regions, those of the first components first. Components that belong to no other are none.
    ///
    /// `components` have their corners in the order top left, top right, bottom right, bottom left, in pixels of the map;
    /// `edges` are pairs of them with `scores`, 0 to 1: a pair that comes twice counts with the mean. `scale` is how many
    /// pixels of the picture a pixel of the map is, horizontally and vertically.
    ///
    /// # Errors
    /// [`Error::Edges`] where there are not as many scores as edges or an edge names a component that is not there,
    /// [`Error::Scale`].
    pub fn decode(
        &self,
        components: &[ScoredQuad],
        edges: &[[usize; 2]],
        scores: &[f64],
        scale: [f64; 2],
    ) -> Result<Vec<Region>> {
        Ok(self.decode_counted(components, edges, scores, scale)?.regions)
    }

    /// As [`DrrgDecodeConfig::decode`], with the number of groups that are no regions: a component alone is too small.
    ///
    /// # Errors
    /// Those of [`DrrgDecodeConfig::decode`].
    pub fn decode_counted(
        &self,
        components: &[ScoredQuad],
        edges: &[[usize; 2]],
        scores: &[f64],
        scale: [f64; 2],
    ) -> Result<Detected> {
        let scale = checked_scale(scale)?;
        let wrong = edges.iter().find(|edge| edge.iter().any(|&node| node >= components.len()));
        if edges.len() != scores.len() || wrong.is_some() {
            return Err(Error::Edges {
                edges: edges.len(),
                scores: scores.len(),
                components: components.len(),
                wrong: wrong.copied(),
            });
        }
        let links = self.links(components, edges, scores);
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (component, group) in groups_of(components.len(), &links).into_iter().enumerate() {
            groups.entry(group).or_default().push(component);
        }
        let regions = groups.into_values().map(|group| {
            if group.len() < 2 {
                return Err(DropReason::TooSmall);
            }
            let boxes: Vec<[Pixel; 4]> =
                group.iter().map(|&i| components[i].corners.map(|c| c.map(|v| v as i32))).collect();
            let score =
                group.iter().map(|&i| f64::from(components[i].score)).sum::<f64>() / group.len() as f64;
            region(points(&string_together(&boxes)), [0.0; 2], scale, score)
        });
        Ok(collect(regions))
    }

    /// The pairs that belong together.
    fn links(&self, components: &[ScoredQuad], edges: &[[usize; 2]], scores: &[f64]) -> Vec<[usize; 2]> {
        let centre = |i: usize| -> [f64; 2] {
            std::array::from_fn(|axis| {
                components[i].corners.iter().map(|c| f64::from(c[axis])).sum::<f64>() / 4.0
            })
        };
        let mut pairs: BTreeMap<[usize; 2], f64> = BTreeMap::new();
        for (&[a, b], &score) in edges.iter().zip(scores) {
            let (p, q) = (centre(a), centre(b));
            let far = (p[0] - q[0]).hypot(p[1] - q[1]) > self.max_length;
            let score = if far { 0.0 } else { score };
            pairs
                .entry([a.min(b), a.max(b)])
                .and_modify(|mean| *mean = 0.5 * (*mean + score))
                .or_insert(score);
        }
        pairs.into_iter().filter(|(_, score)| *score >= self.link_threshold).map(|(pair, _)| pair).collect()
    }
}

/// For each of `count` nodes the least node that links lead to.
fn groups_of(count: usize, links: &[[usize; 2]]) -> Vec<usize> {
    let mut parents: Vec<usize> = (0..count).collect();
    fn root(parents: &mut [usize], mut i: usize) -> usize {
        while parents[i] != i {
            parents[i] = parents[parents[i]];
            i = parents[i];
        }
        i
    }
    for &[a, b] in links {
        let (a, b) = (root(&mut parents, a), root(&mut parents, b));
        parents[a.max(b)] = a.min(b);
    }
    (0..count).map(|i| root(&mut parents, i)).collect()
}

/// The outline along the tops of at least two rectangles and back along their bottoms, the rectangles in the order of
/// [`shortest_path`]; the outer ends are added where the middles of the sides leave them out.
fn string_together(boxes: &[[Pixel; 4]]) -> Vec<Pixel> {
    let mean = |corners: &[Pixel]| -> Pixel {
        let n = corners.len() as f64;
        std::array::from_fn(|axis| (corners.iter().map(|c| f64::from(c[axis])).sum::<f64>() / n) as i32)
    };
    let centres: Vec<Pixel> = boxes.iter().map(|b| mean(b)).collect();
    let boxes: Vec<[Pixel; 4]> = shortest_path(&centres).into_iter().map(|i| boxes[i]).collect();
    let mut top: Vec<Pixel> = boxes.iter().map(|b| mean(&b[..2])).collect();
    let mut bottom: Vec<Pixel> = boxes.iter().map(|b| mean(&b[2..])).collect();

    let inner: Vec<Pixel> = top.iter().chain(bottom.iter().rev()).copied().collect();
    // The side of a rectangle, `[top, bottom]`, that lies farther out.
    let end = |b: &[Pixel; 4]| {
        [[b[0], b[3]], [b[1], b[2]]].into_iter().find(|side| !strictly_inside(mean(side), &inner))
    };
    let (first, last) = (boxes.first().and_then(end), boxes.last().and_then(end));
    if let Some(side) = first {
        top.insert(0, side[0]);
        bottom.insert(0, side[1]);
    }
    if let Some(side) = last {
        top.push(side[0]);
        bottom.push(side[1]);
    }
    top.extend(bottom.into_iter().rev());
    top
}

/// An order in which points are strung: from the first one on, at either end the nearest of those left, whichever is
/// nearer. Of points at the same place only the first comes.
fn shortest_path(points: &[Pixel]) -> Vec<usize> {
    let squared = |a: usize, b: usize| {
        let [dx, dy] = [0, 1].map(|axis| f64::from(points[a][axis]) - f64::from(points[b][axis]));
        dx * dx + dy * dy
    };
    let mut left: Vec<usize> = (1..points.len()).filter(|&i| !points[..i].contains(&points[i])).collect();
    let mut path = std::collections::VecDeque::from([0]);
    while !left.is_empty() {
        let (front, back) = (path[0], path[path.len() - 1]);
        // Of equally near ones the last.
        let nearest = |end: usize| {
            let place = (0..left.len())
                .rev()
                .min_by(|&a, &b| squared(left[a], end).total_cmp(&squared(left[b], end)));
            place.map(|place| (place, squared(left[place], end)))
        };
        let (Some(to_front), Some(to_back)) = (nearest(front), nearest(back)) else { break };
        if to_front.1 <= to_back.1 {
            path.push_front(left.remove(to_front.0));
        } else {
            path.push_back(left.remove(to_back.0));
        }
    }
    path.into()
}

/// Whether a pixel lies inside the outline and not on it, by the even-odd rule.
fn strictly_inside(pixel: Pixel, outline: &[Pixel]) -> bool {
    let wide = |p: Pixel| p.map(i128::from);
    let [x, y] = wide(pixel);
    let edges = outline.iter().zip(outline.iter().cycle().skip(1)).map(|(a, b)| (wide(*a), wide(*b)));
    let on_edge = |(a, b): ([i128; 2], [i128; 2])| {
        let between = |v: i128, p: i128, q: i128| (p.min(q)..=p.max(q)).contains(&v);
        (b[0] - a[0]) * (y - a[1]) == (b[1] - a[1]) * (x - a[0])
            && between(x, a[0], b[0])
            && between(y, a[1], b[1])
    };
    let mut edges = edges;
    !edges.any(on_edge) && point_in_polygon(points(&[pixel])[0], &points(outline))
}
