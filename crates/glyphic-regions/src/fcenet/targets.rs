//! Targets of FCENet: texts, their centre regions and the Fourier coefficients of their outlines, on three levels.
//!
//! Zhu et al., "Fourier Contour Embedding for Arbitrary-Shaped Text Detection", CVPR 2021,
//! <https://arxiv.org/abs/2104.10442>.

use std::f64::consts::TAU;

use glyphic_core::{Page, Point};
use glyphic_imgproc::{Map, Pixel, fill_poly, fill_polys, pixels, poly_spans};
use serde::{Deserialize, Serialize};

use crate::targets::{Compat, Outlines, Ribbon, check_ribbon, resample_line};
use crate::{Error, Result};

/// How FCENet's targets are drawn.
///
/// By default the last level takes every text above its lower bound, and overlapping pieces of a centre region add up.
/// [`Compat::Mmocr021`] gives texts as long as the picture is high to no level, and leaves holes where pieces overlap.
/// A text without two sides (fewer than four distinct vertices) is ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FcenetTargets {
    /// The highest degree k of the Fourier coefficients: -k to k are drawn. 1 to 20.
    pub fourier_degree: usize,
    /// A quadrilateral's ends are its steeper sides, unless those are longer than the others by more than this factor.
    pub orientation_thr: f64,
    /// Pixels of a level between points along a side, above 0.
    pub resample_step: f64,
    /// Height of the centre region as a share of the text's, above 0, at most 1.
    pub center_region_shrink_ratio: f64,
    /// How many times smaller than the picture each level is.
    pub level_size_divisors: Vec<usize>,
    /// Which texts a level takes: the longer side of their bounding box over the picture's height lies between both.
    pub level_proportion_range: Vec<[f64; 2]>,
    /// Whose behaviour is wanted.
    pub compat: Compat,
}

impl Default for FcenetTargets {
    fn default() -> Self {
        Self {
            fourier_degree: 5,
            orientation_thr: 2.0,
            resample_step: 4.0,
            center_region_shrink_ratio: 0.3,
            level_size_divisors: vec![8, 16, 32],
            level_proportion_range: vec![[0.0, 0.4], [0.3, 0.7], [0.6, 1.0]],
            compat: Compat::Fixed,
        }
    }
}

/// One level of FCENet's targets, `[channels, height, width]`.
///
/// Channels: 1 inside texts; 1 inside centre regions; 0 where ignored texts stand, else 1; the real parts of the
/// coefficients -k to k, then the imaginary parts. Coefficients are in pixels of the level, 0 outside texts; coefficient
/// 0 is the text's centre minus the pixel's position.
#[derive(Debug, Clone, PartialEq)]
pub struct FcenetLevel {
    /// 3 + 2 * (2k + 1).
    pub channels: usize,
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// The maps.
    pub maps: Vec<f32>,
}

const WHAT: &str = "FCENet targets";

/// Points taken of an outline, roughly.
const POINTS: usize = 400;

impl FcenetTargets {
    fn check(&self) -> Result<()> {
        check_ribbon(WHAT, self.orientation_thr, self.resample_step, self.center_region_shrink_ratio)?;
        let fail = |reason: String| Err(Error::Setup { what: WHAT, reason });
        if !(1..=20).contains(&self.fourier_degree) {
            return fail(format!("fourier_degree is {}, it must be 1 to 20", self.fourier_degree));
        }
        let (divisors, ranges) = (&self.level_size_divisors, &self.level_proportion_range);
        if divisors.is_empty() || divisors.len() != ranges.len() {
            let (d, r) = (divisors.len(), ranges.len());
            return fail(format!(
                "{d} level_size_divisors and {r} level_proportion_range, one a level is needed"
            ));
        }
        if divisors.contains(&0) {
            return fail("a level_size_divisor is 0, it must be at least 1".to_owned());
        }
        Ok(())
    }

    /// The levels of one page.
    ///
    /// # Errors
    /// As for [`FcenetTargets::levels_of`].
    pub fn levels(&self, page: &Page) -> Result<Vec<FcenetLevel>> {
        self.levels_of(&Outlines::from(page))
    }

    /// The levels of plain outlines, as many as there are divisors.
    ///
    /// # Errors
    /// [`Error::Setup`] for values that cannot be drawn with and for a picture smaller than a divisor,
    /// [`Error::Outline`] for an outline of fewer than three vertices or with a coordinate 2^30 pixels or more away.
    pub fn levels_of(&self, outlines: &Outlines) -> Result<Vec<FcenetLevel>> {
        self.check()?;
        outlines.check(WHAT)?;
        (0..self.level_size_divisors.len()).map(|level| self.level(level, outlines)).collect()
    }

    fn takes(&self, level: usize, outline: &[Point], picture_height: usize) -> bool {
        let whole = pixels(outline);
        let extent = |axis: usize| {
            let values = || whole.iter().map(|p| i64::from(p[axis]));
            values().max().unwrap_or(0) - values().min().unwrap_or(0) + 1
        };
        let proportion = extent(0).max(extent(1)) as f64 / (picture_height as f64 + 1e-8);
        let [low, high] = self.level_proportion_range[level];
        let last = level + 1 == self.level_proportion_range.len();
        low < proportion && (proportion < high || (last && !self.compat.is_reference()))
    }

    fn level(&self, level: usize, outlines: &Outlines) -> Result<FcenetLevel> {
        let divisor = self.level_size_divisors[level];
        let (height, width) = (outlines.height / divisor, outlines.width / divisor);
        if height == 0 || width == 0 {
            let (w, h) = (outlines.width, outlines.height);
            let reason = format!("a picture of {w}x{h} has no pixels on a level {divisor} times smaller");
            return Err(Error::Setup { what: WHAT, reason });
        }
        let d = divisor as f64;
        let small = |outline: &Vec<Point>| outline.iter().map(|p| Point::new(p.x / d, p.y / d)).collect();
        let of_level = |list: &[Vec<Point>]| -> Vec<Vec<Point>> {
            list.iter().filter(|o| self.takes(level, o, outlines.height)).map(small).collect()
        };
        let (texts, ignored) = (of_level(&outlines.texts), of_level(&outlines.ignored));

        let k = self.fourier_degree;
        let (n, coefficients) = (height * width, 2 * k + 1);
        let channels = 3 + 2 * coefficients;
        let mut maps = vec![0f32; channels * n];
        let (masks, fourier) = maps.split_at_mut(3 * n);
        let (real, imaginary) = fourier.split_at_mut(coefficients * n);
        let mut region = Map::filled(width, height, 0f32)?;
        let mut centre = region.clone();
        let mut effective = Map::filled(width, height, 1f32)?;
        let mut pieces: Vec<[Pixel; 4]> = Vec::new();
        for outline in &texts {
            let ribbon = Ribbon::new(outline, self.orientation_thr, self.resample_step);
            let whole = pixels(outline);
            let Some(ribbon) = ribbon else {
                fill_poly(&mut effective, &whole, 0.0);
                continue;
            };
            let (head, tail) = ribbon.quarters(self.resample_step);
            let ribbon = ribbon.shortened(head, tail);
            pieces.extend((0..ribbon.pieces()).map(|i| ribbon.piece(i, self.center_region_shrink_ratio)));
            fill_poly(&mut region, &whole, 1.0);
            let signature = fourier_signature(outline, k);
            poly_spans(width, height, &[&whole], |span| {
                for (i, [re, im]) in signature.iter().enumerate() {
                    if i == k {
                        continue;
                    }
                    real[i * n..][span.clone()].fill(*re as f32);
                    imaginary[i * n..][span.clone()].fill(*im as f32);
                }
                let (x, y) = (span.start % width, span.start / width);
                let [re, im] = signature[k];
                imaginary[k * n..][span.clone()].fill((im - y as f64) as f32);
                for (i, value) in real[k * n..][span].iter_mut().enumerate() {
                    *value = (re - (x + i) as f64) as f32;
                }
            });
        }
        if self.compat.is_reference() {
            fill_polys(&mut centre, &pieces, 1.0);
        } else {
            pieces.iter().for_each(|piece| fill_poly(&mut centre, piece, 1.0));
        }
        for outline in &ignored {
            fill_poly(&mut effective, &pixels(outline), 0.0);
        }
        for (channel, map) in masks.chunks_exact_mut(n).zip([&region, &centre, &effective]) {
            channel.copy_from_slice(map.data());
        }
        Ok(FcenetLevel { channels, height, width, maps })
    }
}

/// About 400 points around an outline at about equal distances, each side on its own: sides too short for a point get
/// none.
pub fn resample_outline(outline: &[Point]) -> Vec<Point> {
    let n = outline.len();
    let side = |i: usize| (outline[i], outline[(i + 1) % n]);
    let lengths: Vec<f64> = (0..n)
        .map(|i| {
            let (a, b) = side(i);
            ((a.x - b.x).powi(2) + (a.y - b.y).powi(2)).sqrt()
        })
        .collect();
    let total: f64 = lengths.iter().sum();
    let mut out = Vec::with_capacity(POINTS);
    for (i, length) in lengths.iter().enumerate() {
        let count = (length / (total + 1e-8) * POINTS as f64) as usize;
        let (a, b) = side(i);
        let (dx, dy) = ((b.x - a.x) / count as f64, (b.y - a.y) / count as f64);
        out.extend((0..count).map(|j| Point::new(a.x + dx * j as f64, a.y + dy * j as f64)));
    }
    if out.is_empty() && n > 0 {
        // More vertices than points: no side got one.
        let closed: Vec<Point> = outline.iter().chain(outline.first()).copied().collect();
        out = resample_line(&closed, POINTS + 1);
        out.pop();
    }
    out
}

/// The points from the topmost of the eight nearest to the centre column on.
pub fn from_the_top(mut points: Vec<Point>) -> Vec<Point> {
    let n = points.len() as f64;
    let (sum_x, sum_y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.x, y + p.y));
    let (x, y) = (sum_x / n, sum_y / n);
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|&a, &b| (points[a].x - x).abs().total_cmp(&(points[b].x - x).abs()));
    order.truncate(8);
    let first =
        order.into_iter().reduce(|best, i| if points[i].y - y < points[best].y - y { i } else { best });
    points.rotate_left(first.unwrap_or(0));
    points
}

/// The Fourier coefficients -k to k of an outline as `[real, imaginary]`, those of its points from the top on, clockwise
/// on the screen.
pub fn fourier_signature(outline: &[Point], k: usize) -> Vec<[f64; 2]> {
    let points = from_the_top(resample_outline(outline));
    let n = points.len().max(1) as f64;
    let mut sums = vec![[0.0f64; 2]; 2 * k + 1];
    for (j, p) in points.iter().enumerate() {
        let (sin, cos) = (-TAU * j as f64 / n).sin_cos();
        // Powers of one root of unity by multiplication; a negative power is the conjugate.
        let (mut re, mut im) = (1.0, 0.0);
        sums[k][0] += p.x;
        sums[k][1] += p.y;
        for i in 1..=k {
            (re, im) = (re * cos - im * sin, re * sin + im * cos);
            let (xr, yi, xi, yr) = (p.x * re, p.y * im, p.x * im, p.y * re);
            sums[k + i][0] += xr - yi;
            sums[k + i][1] += xi + yr;
            sums[k - i][0] += xr + yi;
            sums[k - i][1] += yr - xi;
        }
    }
    let mut c: Vec<[f64; 2]> = sums.into_iter().map(|[re, im]| [re / n, im / n]).collect();
    let size = |i: usize| c[i][0].hypot(c[i][1]);
    let (ahead, back) = (size(k + 1), size(k - 1));
    let clockwise = if ahead == back { k < 2 || size(k + 2) > size(k - 2) } else { ahead > back };
    if !clockwise {
        c.reverse();
    }
    c
}
