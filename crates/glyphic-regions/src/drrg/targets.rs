//! Targets of DRRG: texts, their centre regions with heights and directions, and text components.
//!
//! Zhang et al., "Deep Relational Reasoning Graph Network for Arbitrary Shape Text Detection", CVPR 2020,
//! <https://arxiv.org/abs/2003.07493>.

use glyphic_core::{Page, Point};
use glyphic_imgproc::{
    Connectivity, Map, Pixel, ScoredQuad, TieOrder, connected_components, draw_thin_line, erode, fill_poly,
    merge_quads, pixels, poly_spans,
};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::targets::{Compat, Outlines, Ribbon, Ribbons, check_ribbon, direction, distance};
use crate::{Error, Result};

/// How DRRG's targets are drawn.
///
/// A text without two sides (fewer than four distinct vertices) is ignored. [`Compat::Mmocr021`] shortens the ends of
/// centre regions by the text's diagonals instead of its heights, cuts pieces to the picture before it draws the
/// heights (but not the other maps), and of components that merge equally many keeps that which its sort leaves in front.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DrrgTargets {
    /// A quadrilateral's ends are its steeper sides, unless those are longer than the others by more than this factor.
    pub orientation_thr: f64,
    /// Pixels between points along a side, above 0.
    pub resample_step: f64,
    /// The fewest components of a picture: random ones fill up, as far as there is room outside texts.
    #[serde(alias = "min_comp_num")]
    pub num_min_comps: usize,
    /// The most components of a picture, at least 1.
    #[serde(alias = "max_comp_num")]
    pub num_max_comps: usize,
    /// The narrowest component in pixels.
    pub min_width: f64,
    /// The widest component in pixels.
    pub max_width: f64,
    /// Height of the centre region as a share of the text's, above 0, at most 1.
    pub center_region_shrink_ratio: f64,
    /// Height of a component as a share of the text's.
    pub comp_shrink_ratio: f64,
    /// Width of a component as a share of its height.
    #[serde(alias = "text_comp_ratio")]
    pub comp_w_h_ratio: f64,
    /// Components with a larger intersection over union are merged.
    pub text_comp_nms_thr: f64,
    /// The least half height of random components in pixels.
    pub min_rand_half_height: f64,
    /// The largest half height of random components in pixels.
    pub max_rand_half_height: f64,
    /// How far components are moved, resized and turned at random, as a share of their size.
    pub jitter_level: f64,
    /// Whose behaviour is wanted.
    pub compat: Compat,
}

impl Default for DrrgTargets {
    fn default() -> Self {
        Self {
            orientation_thr: 2.0,
            resample_step: 8.0,
            num_min_comps: 9,
            num_max_comps: 600,
            min_width: 8.0,
            max_width: 24.0,
            center_region_shrink_ratio: 0.3,
            comp_shrink_ratio: 1.0,
            comp_w_h_ratio: 0.3,
            text_comp_nms_thr: 0.25,
            min_rand_half_height: 8.0,
            max_rand_half_height: 24.0,
            jitter_level: 0.2,
            compat: Compat::Fixed,
        }
    }
}

/// DRRG's target maps of a picture, each `[height, width]`.
#[derive(Debug, Clone, PartialEq)]
pub struct DrrgMaps {
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// 1 inside texts.
    pub text_mask: Vec<u8>,
    /// 1 inside centre regions.
    pub center_region_mask: Vec<u8>,
    /// 0 where ignored texts stand, else 1.
    pub mask: Vec<u8>,
    /// Distance to the top side, on centre regions; elsewhere 0, as in the maps that follow.
    pub top_height: Vec<f32>,
    /// Distance to the bottom side.
    pub bot_height: Vec<f32>,
    /// Sine of the angle from the bottom to the top against the x axis.
    pub sin: Vec<f32>,
    /// Its cosine.
    pub cos: Vec<f32>,
    /// `[num_max_comps, 8]`, rows beyond the components 0: the number of components, x, y, height, width, cosine, sine,
    /// and the centre region's number (0 for a random component).
    pub comp_attribs: Vec<f32>,
}

const WHAT: &str = "DRRG targets";

/// Steeper texts run downwards instead of to the right.
const STEEP: f64 = 2.0;

/// x, y, height, width, cosine, sine, label.
type Component = [f64; 7];

impl DrrgTargets {
    fn check(&self) -> Result<()> {
        check_ribbon(WHAT, self.orientation_thr, self.resample_step, self.center_region_shrink_ratio)?;
        let fail = |reason: String| Err(Error::Setup { what: WHAT, reason });
        if self.num_max_comps == 0 {
            return fail("num_max_comps is 0, it must be at least 1".to_owned());
        }
        let rising = |low: f64, high: f64| low > 0.0 && low <= high && high.is_finite();
        if !rising(self.min_width, self.max_width) {
            let (low, high) = (self.min_width, self.max_width);
            return fail(format!("min_width is {low} and max_width {high}, they must rise above 0"));
        }
        if !rising(self.min_rand_half_height, self.max_rand_half_height) {
            let (low, high) = (self.min_rand_half_height, self.max_rand_half_height);
            return fail(format!(
                "min_rand_half_height is {low} and max_rand_half_height {high}, they must rise above 0"
            ));
        }
        Ok(())
    }

    /// The maps of one page, of its size.
    ///
    /// # Errors
    /// As for [`DrrgTargets::maps_of`].
    pub fn maps(&self, page: &Page, rng: &mut impl Rng) -> Result<DrrgMaps> {
        self.maps_of(&Outlines::from(page), rng)
    }

    /// The maps of plain outlines; only the components depend on `rng`.
    ///
    /// # Errors
    /// [`Error::Setup`] for values that cannot be drawn with and for a picture without pixels, [`Error::Outline`] for
    /// an outline of fewer than three vertices or with a coordinate 2^30 pixels or more away.
    pub fn maps_of(&self, outlines: &Outlines, rng: &mut impl Rng) -> Result<DrrgMaps> {
        self.check()?;
        outlines.check(WHAT)?;
        let (height, width) = (outlines.height, outlines.width);
        let n = height * width;
        let Ribbons { text_mask, mask, ribbons } =
            Ribbons::new(outlines, self.orientation_thr, self.resample_step)?;
        let mut centre = Map::filled(width, height, 0u8)?;
        let mut lines = centre.clone();
        let mut fields = Fields {
            width,
            height,
            top: vec![0f32; n],
            bottom: vec![0f32; n],
            sin: vec![0f32; n],
            cos: vec![0f32; n],
        };
        for ribbon in ribbons {
            let ribbon = self.shortened(ribbon);
            draw_thin_line(&mut lines, &pixels(&ribbon.centre), 1);
            for i in 0..ribbon.pieces() {
                let piece = ribbon.piece(i, self.center_region_shrink_ratio);
                fill_poly(&mut centre, &piece, 1);
                fields.draw(&ribbon, i, piece, self.compat);
            }
        }
        let components = self.components(&lines, &text_mask, &centre, &fields, rng);
        Ok(DrrgMaps {
            height,
            width,
            text_mask: text_mask.into_data(),
            center_region_mask: centre.into_data(),
            mask: mask.into_data(),
            comp_attribs: self.padded(&components),
            top_height: fields.top,
            bot_height: fields.bottom,
            sin: fields.sin,
            cos: fields.cos,
        })
    }

    /// The ribbon in reading direction, without half a component's width at both ends.
    fn shortened(&self, ribbon: Ribbon) -> Ribbon {
        let steps = |a: Point, b: Point| {
            let wide = self.width_of(distance(a, b));
            (wide / 2.0 / self.resample_step).floor() as usize
        };
        let ends = |r: &Ribbon, other: fn(usize, usize) -> usize| {
            let last = r.centre.len() - 1;
            [0, last].map(|i| steps(r.top[i], r.bottom[other(i, last)]))
        };
        if self.compat.is_reference() {
            let [head, tail] = ends(&ribbon, |i, last| last - i);
            return ribbon.along_reading(STEEP).shortened(head, tail);
        }
        let ribbon = ribbon.along_reading(STEEP);
        let [head, tail] = ends(&ribbon, |i, _| i);
        ribbon.shortened(head, tail)
    }

    fn width_of(&self, height: f64) -> f64 {
        (height * self.comp_w_h_ratio).clamp(self.min_width, self.max_width)
    }

    fn components(
        &self,
        lines: &Map<u8>,
        text_mask: &Map<u8>,
        centre: &Map<u8>,
        fields: &Fields,
        rng: &mut impl Rng,
    ) -> Vec<Component> {
        let (width, height) = (fields.width, fields.height);
        let on_line = (0..width * height).filter(|&i| lines.data()[i] > 0 && centre.data()[i] > 0);
        let quads: Vec<ScoredQuad> = on_line.map(|i| self.quad(i, fields)).collect();
        let ties = if self.compat.is_reference() { TieOrder::Libstdcxx } else { TieOrder::Stable };
        let merged = merge_quads(&quads, self.text_comp_nms_thr as f32, ties, usize::MAX);
        let labels = connected_components(centre, Connectivity::Eight).labels;
        let mut components: Vec<Component> = merged
            .iter()
            .map(|quad| {
                let (right, below) = ((width - 1) as f32, (height - 1) as f32);
                let clipped = quad.corners.map(|[x, y]| [x.clamp(0.0, right), y.clamp(0.0, below)]);
                let (sum_x, sum_y) = clipped.iter().fold((0.0, 0.0), |(x, y), p| (x + p[0], y + p[1]));
                let (x, y) = ((sum_x / 4.0) as usize, (sum_y / 4.0) as usize);
                let i = y * width + x;
                let tall = f64::from(fields.top[i] + fields.bottom[i]);
                let (sin, cos) = (f64::from(fields.sin[i]), f64::from(fields.cos[i]));
                let label = f64::from(labels.data()[i]);
                let component = [x as f64, y as f64, tall, self.width_of(tall), cos, sin, label];
                self.jittered(component, rng)
            })
            .collect();
        if components.len() < self.num_min_comps {
            let missing = self.num_min_comps - components.len();
            components.extend(self.random_components(missing, text_mask, rng));
        }
        components
    }

    /// The component that stands on pixel `i`.
    fn quad(&self, i: usize, fields: &Fields) -> ScoredQuad {
        let (x, y) = ((i % fields.width) as f64, (i / fields.width) as f64);
        let (sin, cos) = (f64::from(fields.sin[i]), f64::from(fields.cos[i]));
        let top = f64::from(fields.top[i]) * self.comp_shrink_ratio;
        let bottom = f64::from(fields.bottom[i]) * self.comp_shrink_ratio;
        let r = self.width_of(top + bottom) / 2.0;
        let (tx, ty) = (x + top * cos, y + top * sin);
        let (bx, by) = (x - bottom * cos, y - bottom * sin);
        let (dx, dy) = (-r * sin, r * cos);
        let corners = [[tx - dx, ty - dy], [tx + dx, ty + dy], [bx + dx, by + dy], [bx - dx, by - dy]];
        ScoredQuad { corners: corners.map(|corner| corner.map(|v| v as f32)), score: 1.0 }
    }

    fn jittered(&self, component: Component, rng: &mut impl Rng) -> Component {
        let [x, y, h, w, cos, sin, label] = component;
        let level = self.jitter_level;
        let mut off = || (rng.random::<f64>() - 0.5) * level;
        let (x, y) =
            (x + off() * (h * cos.abs() + w * sin.abs()), y + off() * (h * sin.abs() + w * cos.abs()));
        let (h, w) = (h + off() * h, w + off() * w);
        let (cos, sin) = (cos + off() * 2.0, sin + off() * 2.0);
        let scale = (1.0 / (cos * cos + sin * sin + 1e-8)).sqrt();
        [x, y, h, w, cos * scale, sin * scale, label]
    }

    /// Components outside texts; none where the picture has no room for them.
    fn random_components(&self, count: usize, text_mask: &Map<u8>, rng: &mut impl Rng) -> Vec<Component> {
        let (width, height) = (text_mask.width(), text_mask.height());
        let side = width.min(height) as f64;
        let (mut low, mut high) = (self.min_rand_half_height, self.max_rand_half_height);
        let margin = |half: f64| {
            let wide = self.width_of(half * 2.0) / 2.0;
            (half * half + wide * wide).sqrt() as usize + 1
        };
        let mut edge = margin(high);
        if (2 * edge + 1) as f64 > side {
            if side <= 2f64.sqrt() * (self.min_width + 1.0) {
                return Vec::new();
            }
            high = (side / 4.0).max(self.min_width / 2.0 + 1.0);
            low = (high / 4.0).max(self.min_width / 2.0);
            edge = margin(high);
        }
        let mut room = text_mask.map(|text| 1 - text.min(1));
        for y in 0..height {
            let inside = (edge..height.saturating_sub(edge)).contains(&y);
            for (x, value) in room.row_mut(y).iter_mut().enumerate() {
                *value *= u8::from(inside && (edge..width.saturating_sub(edge)).contains(&x));
            }
        }
        let kernel = high.clamp(7.0, 21.0) as usize;
        let room = erode(&room, kernel, kernel);
        let places: Vec<usize> = (0..width * height).filter(|&i| room.data()[i] > 0).collect();
        if places.is_empty() {
            return Vec::new();
        }
        let (low, high) = (low as u32, (high as u32).max(low as u32 + 1));
        (0..count)
            .map(|_| {
                let i = places[rng.random_range(0..places.len())];
                let tall = f64::from(rng.random_range(low..high) + rng.random_range(low..high));
                let (cos, sin) = (2.0 * rng.random::<f64>() - 1.0, 2.0 * rng.random::<f64>() - 1.0);
                let scale = (1.0 / (cos * cos + sin * sin + 1e-8)).sqrt();
                let (x, y) = ((i % width) as f64, (i / width) as f64);
                [x, y, tall, self.width_of(tall), cos * scale, sin * scale, 0.0]
            })
            .collect()
    }

    fn padded(&self, components: &[Component]) -> Vec<f32> {
        let kept = components.len().min(self.num_max_comps);
        let mut out = vec![0f32; self.num_max_comps * 8];
        for (row, component) in out.chunks_exact_mut(8).zip(&components[..kept]) {
            row[0] = kept as f32;
            for (value, v) in row[1..].iter_mut().zip(component) {
                *value = *v as f32;
            }
        }
        out
    }
}

/// The maps that hold numbers on centre regions.
struct Fields {
    width: usize,
    height: usize,
    top: Vec<f32>,
    bottom: Vec<f32>,
    sin: Vec<f32>,
    cos: Vec<f32>,
}

impl Fields {
    fn draw(&mut self, ribbon: &Ribbon, i: usize, piece: [Pixel; 4], compat: Compat) {
        let Self { width, height, top, bottom, sin, cos } = self;
        let (above, below) = ribbon.middles(i);
        let (s, c) = direction(Point::new(above.x - below.x, above.y - below.y));
        poly_spans(*width, *height, &[piece], |span| {
            sin[span.clone()].fill(s as f32);
            cos[span].fill(c as f32);
        });
        let piece = if compat.is_reference() {
            piece.map(|[x, y]| [x.clamp(0, *width as i32 - 1), y.clamp(0, *height as i32 - 1)])
        } else {
            piece
        };
        poly_spans(*width, *height, &[piece], |span| {
            for j in span {
                let p = Point::new((j % *width) as f64, (j / *width) as f64);
                top[j] = from_line(p, ribbon.top[i], ribbon.top[i + 1]) as f32;
                bottom[j] = from_line(p, ribbon.bottom[i], ribbon.bottom[i + 1]) as f32;
            }
        });
    }
}

/// Distance from the line through `a` and `b`.
fn from_line(p: Point, a: Point, b: Point) -> f64 {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    (dx * (p.y - a.y) - dy * (p.x - a.x)).abs() / ((dx * dx + dy * dy).sqrt() + 1e-8)
}
