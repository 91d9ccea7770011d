//! From class maps and Fourier signatures to regions, on plain slices.

use glyphic_core::geometry::{min_area_rect, order_quad};
use glyphic_core::{Detected, DropReason, Region};
use glyphic_imgproc::{Approximation, Map, Retrieval, fill_poly, find_contours};
use serde::{Deserialize, Serialize};

use super::fourier::FourierBasis;
use super::nms::{ScoredOutline, best_of};
use crate::maps::checked_scale;
use crate::outline::{collect, region};
use crate::window::Window;
use crate::{Error, Maps, Result};

/// Class maps of a level: not text and text, not centre and centre.
pub const CLASSES: usize = 4;

/// The outline that a detection gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FceOutline {
    /// The reconstructed contour. MMOCR 0.2.1 gives it for quads as well.
    #[default]
    Polygon,
    /// The rectangle of least area around the contour, at any angle: four vertices, the top-left one first.
    Quad,
}

/// How regions are read off the maps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FceDecodeConfig {
    /// A signature's harmonics run from minus this to this, 1 to 64.
    pub degree: usize,
    /// Points of a reconstructed contour, 4 to 1000.
    pub points: usize,
    /// The power to which the probability of text is taken in the score.
    pub alpha: f32,
    /// The power to which the probability of the text's centre is taken in the score.
    pub beta: f32,
    /// A pixel proposes a contour where its score is above this, 0 to 1.
    pub score_threshold: f32,
    /// Of two contours that overlap by more than this (intersection over union, 0 to 1) the better one stays.
    pub overlap_threshold: f64,
    /// No more pixels of a level propose a contour, those of the best scores: in noise every pixel might.
    pub max_proposals: usize,
    /// No more contours stay of a centre region, of a level, and of all levels, the best ones.
    pub max_regions: usize,
    /// The outline returned.
    pub outline: FceOutline,
}

impl Default for FceDecodeConfig {
    /// MMOCR's values for its head. It has no limits; ours are those of a page full of text.
    fn default() -> Self {
        Self {
            degree: 5,
            points: 50,
            alpha: 1.0,
            beta: 1.0,
            score_threshold: 0.3,
            overlap_threshold: 0.1,
            max_proposals: 10_000,
            max_regions: 3000,
            outline: FceOutline::Polygon,
        }
    }
}

/// The maps of a level.
#[derive(Debug, Clone, Copy)]
pub struct FceLevel<'a> {
    /// Logits `[4, H, W]`: not text, text, not centre, centre.
    pub classes: Maps<'a>,
    /// Fourier signatures `[2 * (2 * degree + 1), H, W]` in pixels of the level around the pixel: all x, then all y, each
    /// from the harmonic `-degree` to `degree`.
    pub signatures: Maps<'a>,
    /// Pixels of the network's picture a pixel of the level: 8, 16 and 32.
    pub stride: f32,
}

impl FceDecodeConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] with the field, its value and what would be right.
    pub fn validate(&self) -> Result<()> {
        if !(1..=64).contains(&self.degree) {
            return Err(Error::config("decode.degree", self.degree, "1 to 64 harmonics"));
        }
        if !(4..=1000).contains(&self.points) {
            return Err(Error::config("decode.points", self.points, "4 to 1000 points"));
        }
        let powers = [("decode.alpha", self.alpha), ("decode.beta", self.beta)];
        if let Some((field, value)) = powers.into_iter().find(|(_, v)| !(0.0..=100.0).contains(v)) {
            return Err(Error::config(field, value, "a number from 0 to 100"));
        }
        let shares = [
            ("decode.score_threshold", f64::from(self.score_threshold)),
            ("decode.overlap_threshold", self.overlap_threshold),
        ];
        match shares.into_iter().find(|(_, v)| !(0.0..=1.0).contains(v)) {
            Some((field, value)) => Err(Error::config(field, value, "a number from 0 to 1")),
            None => Ok(()),
        }
    }

    /// The regions of all levels, best first. `scale` is how many pixels of the picture a pixel of the network's picture
    /// is, horizontally and vertically.
    ///
    /// # Errors
    /// [`Error::MapCount`], [`Error::MapSizes`] where the two kinds of maps of a level differ in size, [`Error::Scale`],
    /// also for a stride that is no number above 0.
    pub fn decode(&self, levels: &[FceLevel<'_>], scale: [f64; 2]) -> Result<Vec<Region>> {
        Ok(self.decode_counted(levels, scale)?.regions)
    }

    /// As [`FceDecodeConfig::decode`], with the number of candidates that are no regions.
    ///
    /// # Errors
    /// Those of [`FceDecodeConfig::decode`].
    pub fn decode_counted(&self, levels: &[FceLevel<'_>], scale: [f64; 2]) -> Result<Detected> {
        let scale = checked_scale(scale)?;
        let basis = FourierBasis::new(self.degree, self.points);
        let mut contours = Vec::new();
        let mut too_many = 0;
        for level in levels {
            contours.extend(self.level(level, &basis, &mut too_many)?);
        }
        let outline = |contour: ScoredOutline| {
            let points = match self.outline {
                FceOutline::Polygon => contour.points,
                FceOutline::Quad => {
                    let rect = min_area_rect(&contour.points).ok_or(DropReason::NoOutline)?;
                    order_quad(rect.corners).to_vec()
                }
            };
            region(points, [0.0; 2], scale, f64::from(contour.score))
        };
        let mut detected = collect(self.best(contours, &mut too_many).into_iter().map(outline));
        detected.dropped.add_many(DropReason::TooMany, too_many);
        Ok(detected)
    }

    /// The contours of one level in pixels of the network's picture, best first. What is beyond the limits is added to
    /// `too_many`.
    fn level(
        &self,
        level: &FceLevel<'_>,
        basis: &FourierBasis,
        too_many: &mut usize,
    ) -> Result<Vec<ScoredOutline>> {
        let FceLevel { classes, signatures, stride } = level;
        let harmonics = 2 * self.degree + 1;
        classes.expect("FCENet's classes", CLASSES)?;
        signatures.expect("FCENet's signatures", 2 * harmonics)?;
        checked_scale([f64::from(*stride); 2])?;
        let (width, height) = (classes.width(), classes.height());
        if (signatures.width(), signatures.height()) != (width, height) {
            let sizes = [[width, height], [signatures.width(), signatures.height()]];
            return Err(Error::MapSizes { sizes });
        }
        let scores = self.scores(classes)?;
        let mut contours = Vec::new();
        for region in self.proposals(&scores, too_many)? {
            let contour = |at: usize| {
                let (x, y) = (at % width, at / width);
                let value = |k: usize| signatures.channel(k)[at];
                let signature: Vec<[f64; 2]> = (0..harmonics)
                    .map(|k| {
                        let mut c = [value(k), value(harmonics + k)];
                        if k == self.degree {
                            c = [c[0] + x as f32, c[1] + y as f32];
                        }
                        c.map(|v| f64::from(v * stride))
                    })
                    .collect();
                ScoredOutline { points: basis.contour(&signature), score: scores.data()[at] }
            };
            contours.extend(self.best(region.into_iter().map(contour).collect(), too_many));
        }
        Ok(self.best(contours, too_many))
    }

    /// The best of contours that overlap.
    fn best(&self, contours: Vec<ScoredOutline>, too_many: &mut usize) -> Vec<ScoredOutline> {
        let (best, more) = best_of(contours, self.overlap_threshold, self.max_regions);
        *too_many += more;
        best
    }

    /// The pixels that propose contours, by centre region.
    fn proposals(&self, scores: &Map<f32>, too_many: &mut usize) -> Result<Vec<Vec<usize>>> {
        let (width, height) = (scores.width(), scores.height());
        let centres = scores.above(self.score_threshold);
        let mut regions = Vec::new();
        for border in find_contours(&centres, Retrieval::External, Approximation::Simple) {
            // Holes count too.
            let mut area = Window::around(&border.points, [width, height])?;
            let outline = area.local(&border.points);
            fill_poly(&mut area.mask, &outline, 1);
            let pixels = area.pixels().map(|[x, y]| y * width + x);
            regions.push(pixels.filter(|&at| scores.data()[at] > 0.0).collect::<Vec<_>>());
        }
        let mut all = regions.concat();
        if all.len() > self.max_proposals {
            *too_many += all.len() - self.max_proposals;
            // Of equal scores the first.
            let better =
                |a: &usize, b: &usize| scores.data()[*b].total_cmp(&scores.data()[*a]).then(a.cmp(b));
            let (best, _, _) = all.select_nth_unstable_by(self.max_proposals, better);
            let mut stays = vec![false; width * height];
            best.iter().for_each(|&at| stays[at] = true);
            regions.iter_mut().for_each(|region| region.retain(|&at| stays[at]));
        }
        Ok(regions)
    }

    /// The probability of text to the power of `alpha` times that of its centre to the power of `beta`.
    fn scores(&self, classes: &Maps<'_>) -> Result<Map<f32>> {
        let softmax = |other: f32, this: f32| {
            let top = other.max(this);
            let (other, this) = ((other - top).exp(), (this - top).exp());
            this / (other + this)
        };
        let [not_text, text, not_centre, centre] = std::array::from_fn(|i| classes.channel(i));
        let score = |i: usize| {
            softmax(not_text[i], text[i]).powf(self.alpha) * softmax(not_centre[i], centre[i]).powf(self.beta)
        };
        let scores = (0..text.len()).map(score).collect();
        Ok(Map::new(classes.width(), classes.height(), scores)?)
    }
}
