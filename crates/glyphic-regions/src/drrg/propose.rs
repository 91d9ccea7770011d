//! From maps to components, on plain slices.

use glyphic_imgproc::{
    Approximation, Map, Pixel, Retrieval, ScoredQuad, fill_poly, find_contours, merge_quads, polygon_mean,
};
use serde::{Deserialize, Serialize};

use super::DrrgOrder;
use crate::maps::{logit, sigmoid};
use crate::window::Window;
use crate::{Error, Maps, Result};

/// How components are proposed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DrrgProposalConfig {
    /// A pixel is text where its probability is above this, 0 to 1.
    pub text_threshold: f32,
    /// A pixel of text lies on a centre line where that probability is above this, 0 to 1.
    pub centre_threshold: f32,
    /// Centre lines of no more pixels are dropped.
    pub min_centre_area: usize,
    /// A pixel of a centre line proposes a component where the probability of text is above this, 0 to 1.
    pub component_threshold: f32,
    /// The least width of a component, along the text, in pixels.
    pub min_width: f32,
    /// The greatest width of a component, along the text, in pixels.
    pub max_width: f32,
    /// Heights are multiplied by this.
    pub height_ratio: f32,
    /// The width of a component in heights.
    pub aspect: f32,
    /// Components that overlap by more than this (intersection over union, 0 to 1) become one.
    pub overlap_threshold: f32,
    /// Of what a centre line proposes no more rectangles are compared, those of the best scores.
    pub max_quads: usize,
    /// No more components are returned, those of the best scores: the graph's memory grows with them.
    pub max_components: usize,
    /// How pixels of a row are ordered.
    pub order: DrrgOrder,
}

impl Default for DrrgProposalConfig {
    /// MMOCR's values for its head. It has no limits; ours are far above a page full of text.
    fn default() -> Self {
        Self {
            text_threshold: 0.2,
            centre_threshold: 0.2,
            min_centre_area: 50,
            component_threshold: 0.3,
            min_width: 8.0,
            max_width: 24.0,
            height_ratio: 1.03,
            aspect: 0.4,
            overlap_threshold: 0.3,
            max_quads: 20_000,
            max_components: 5000,
            order: DrrgOrder::Stable,
        }
    }
}

/// A component of a text: a small rectangle across it, and what the graph network is told of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DrrgComponent {
    /// Top left, top right, bottom right, bottom left as the text runs, `[x, y]` in pixels of the map.
    pub corners: [[f32; 2]; 4],
    /// Mean probability of text inside.
    pub score: f32,
    /// The pixel at its centre, `[x, y]`.
    pub centre: [usize; 2],
    /// Height across the text at the centre, in pixels.
    pub height: f32,
    /// Width along the text, in pixels.
    pub width: f32,
    /// Cosine of the direction from the bottom to the top, at the centre.
    pub cos: f32,
    /// Sine of that direction.
    pub sin: f32,
}

impl DrrgComponent {
    /// Its rectangle and score.
    pub fn quad(&self) -> ScoredQuad {
        ScoredQuad { corners: self.corners, score: self.score }
    }
}

/// The maps by name.
struct Drrg<'a> {
    text: Map<f32>,
    sin: &'a [f32],
    cos: &'a [f32],
    top: &'a [f32],
    bottom: &'a [f32],
}

impl DrrgProposalConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] with the field, its value and what would be right.
    pub fn validate(&self) -> Result<()> {
        let shares = [
            ("propose.text_threshold", self.text_threshold),
            ("propose.centre_threshold", self.centre_threshold),
            ("propose.component_threshold", self.component_threshold),
            ("propose.overlap_threshold", self.overlap_threshold),
        ];
        if let Some((field, value)) = shares.into_iter().find(|(_, v)| !(0.0..=1.0).contains(v)) {
            return Err(Error::config(field, value, "a number from 0 to 1"));
        }
        let sizes = [
            ("propose.min_width", self.min_width),
            ("propose.height_ratio", self.height_ratio),
            ("propose.aspect", self.aspect),
        ];
        if let Some((field, value)) = sizes.into_iter().find(|(_, v)| !(v.is_finite() && *v > 0.0)) {
            return Err(Error::config(field, value, "a number above 0"));
        }
        if !(self.max_width.is_finite() && self.max_width >= self.min_width) {
            return Err(Error::config("propose.max_width", self.max_width, "a number from `min_width` on"));
        }
        Ok(())
    }

    /// The components, text after text, the lowest centre line first.
    ///
    /// `maps` are `[6, H, W]`: the logits of text and centre line, sine and cosine of the direction from the bottom of
    /// the text to its top, and the distances to the top and to the bottom in pixels.
    ///
    /// # Errors
    /// [`Error::MapCount`], [`Error::Config`].
    pub fn propose(&self, maps: &Maps<'_>) -> Result<Vec<DrrgComponent>> {
        maps.expect("DRRG", 6)?;
        self.validate()?;
        let (width, height) = (maps.width(), maps.height());
        let (text, centre) = (maps.channel(0), maps.channel(1));
        let [text_least, centre_least] = [self.text_threshold, self.centre_threshold].map(logit);
        let lines = text.iter().zip(centre).map(|(t, c)| u8::from(*t > text_least && *c > centre_least));
        let lines = Map::new(width, height, lines.collect())?;
        let drrg = Drrg {
            text: Map::new(width, height, text.iter().map(|t| sigmoid(*t)).collect())?,
            sin: maps.channel(2),
            cos: maps.channel(3),
            top: maps.channel(4),
            bottom: maps.channel(5),
        };
        let mut components = Vec::new();
        // What lies in holes belongs to the text around it: only outer borders count.
        for border in find_contours(&lines, Retrieval::External, Approximation::Simple) {
            let mut area = Window::around(&border.points, [width, height])?;
            let outline = area.local(&border.points);
            fill_poly(&mut area.mask, &outline, 1);
            let pixels: Vec<usize> = area.pixels().map(|[x, y]| y * width + x).collect();
            if pixels.len() <= self.min_centre_area {
                continue;
            }
            let quads = merge_quads(
                &self.quads(&drrg, &pixels),
                self.overlap_threshold,
                self.order.ties(),
                self.max_quads,
            );
            if covers_text(&quads, |[x, y]| text[y * width + x] > text_least, [width, height])? {
                components.extend(quads.iter().filter_map(|quad| self.component(&drrg, quad)));
            }
        }
        if components.len() > self.max_components {
            let mut scores: Vec<f32> = components.iter().map(|c| c.score).collect();
            let (_, least, _) = scores.select_nth_unstable_by(self.max_components, |a, b| b.total_cmp(a));
            let least = *least;
            // Of equal scores the first ones.
            let mut equal = self.max_components - components.iter().filter(|c| c.score > least).count();
            components.retain(|c| {
                let among = c.score == least && equal > 0;
                equal -= usize::from(among);
                among || c.score > least
            });
        }
        Ok(components)
    }

    /// One rectangle a pixel of a centre line.
    fn quads(&self, drrg: &Drrg<'_>, pixels: &[usize]) -> Vec<ScoredQuad> {
        let width = drrg.text.width();
        let proposing: Vec<usize> =
            pixels.iter().copied().filter(|&at| drrg.text.data()[at] > self.component_threshold).collect();
        let rows: Vec<f64> = proposing.iter().map(|at| (at / width) as f64).collect();
        let quad = |i: usize| {
            let at = proposing[i];
            let (x, y) = ((at % width) as f64, (at / width) as f64);
            let (sin, cos) = drrg.direction(at);
            let (top, bottom) = (drrg.top[at] * self.height_ratio, drrg.bottom[at] * self.height_ratio);
            let half = self.width(top + bottom) / 2.0;
            let wide = |v: f32| f64::from(v);
            let top = [x + wide(top * cos), y + wide(top * sin)];
            let bottom = [x - wide(bottom * cos), y - wide(bottom * sin)];
            let along = [wide(-half * sin), wide(half * cos)];
            let corner =
                |p: [f64; 2], sign: f64| [(p[0] + sign * along[0]) as f32, (p[1] + sign * along[1]) as f32];
            let corners = [corner(top, -1.0), corner(top, 1.0), corner(bottom, 1.0), corner(bottom, -1.0)];
            ScoredQuad { corners, score: drrg.text.data()[at] }
        };
        self.order.sorted(&rows).into_iter().map(quad).collect()
    }

    fn width(&self, height: f32) -> f32 {
        (height * self.aspect).max(self.min_width).min(self.max_width)
    }

    fn component(&self, drrg: &Drrg<'_>, quad: &ScoredQuad) -> Option<DrrgComponent> {
        let last = [drrg.text.width() - 1, drrg.text.height() - 1];
        let mean = |axis: usize| quad.corners.iter().map(|c| c[axis]).sum::<f32>() / 4.0;
        let centre: [usize; 2] = std::array::from_fn(|axis| (mean(axis) as usize).min(last[axis]));
        let corners = quad.corners.map(|c| std::array::from_fn(|axis| c[axis].clamp(0.0, last[axis] as f32)));
        let score = polygon_mean(&drrg.text, &whole(&corners))? as f32;
        let at = centre[1] * drrg.text.width() + centre[0];
        let height = drrg.top[at] + drrg.bottom[at];
        let (sin, cos) = drrg.direction(at);
        let component = DrrgComponent { corners, score, centre, height, width: self.width(height), cos, sin };
        // Where the maps are not finite the graph would see no numbers.
        [score, height, sin, cos].iter().all(|v| v.is_finite()).then_some(component)
    }
}

impl Drrg<'_> {
    /// Sine and cosine of length 1.
    fn direction(&self, at: usize) -> (f32, f32) {
        let (sin, cos) = (self.sin[at], self.cos[at]);
        let scale = (1.0 / (sin * sin + cos * cos + 1e-8)).sqrt();
        (sin * scale, cos * scale)
    }
}

/// Corners as pixels, cut towards zero.
fn whole(corners: &[[f32; 2]; 4]) -> [Pixel; 4] {
    corners.map(|c| c.map(|v| v as i32))
}

/// Whether at least half of what rectangles cover of a map of `size` is text.
fn covers_text(quads: &[ScoredQuad], is_text: impl Fn([usize; 2]) -> bool, size: [usize; 2]) -> Result<bool> {
    let boxes: Vec<[Pixel; 4]> = quads.iter().map(|quad| whole(&quad.corners)).collect();
    let mut covered = Window::around(boxes.as_flattened(), size)?;
    for corners in &boxes {
        let outline = covered.local(corners);
        fill_poly(&mut covered.mask, &outline, 1);
    }
    let (all, text) =
        covered.pixels().fold((0, 0), |(all, text), pixel| (all + 1, text + usize::from(is_text(pixel))));
    Ok(2 * text >= all)
}
