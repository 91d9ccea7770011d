//! From text, centre lines, directions and radii to regions, on plain slices.

use glyphic_core::geometry::signed_area;
use glyphic_core::{Detected, DropReason, Region};
use glyphic_imgproc::{
    Approximation, Contour, Map, Pixel, Retrieval, fill_circle, fill_poly, find_contours, points, skeletonize,
};
use serde::{Deserialize, Serialize};

use super::disks::{Disk, merge_disks};
use crate::maps::{checked_scale, logit, sigmoid};
use crate::outline::{collect, region};
use crate::window::{Window, drawn};
use crate::{Error, Maps, Result};

/// Steps a radius in which a pixel of the skeleton walks to the sides of its centre region.
const STEPS: f32 = 0.03;

/// The least step, in pixels: radii near 0 would walk nearly for ever.
const MIN_STEP: f32 = 0.01;

/// Disks up to this radius, in pixels, are not drawn.
const MIN_RADIUS: f64 = 1.0;

/// Borders of fewer vertices are no text.
const MIN_VERTICES: usize = 5;

/// What is done where MMOCR 0.2.1 goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnakeRule {
    /// Centre lines may reach the first column; of a text whose disks lie apart the largest piece is returned.
    #[default]
    Right,
    /// The first column ends a centre region; of a text whose disks lie apart the lowest piece is returned.
    Mmocr021,
}

/// How regions are read off the maps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SnakeDecodeConfig {
    /// A pixel lies on a centre line where that probability times the one of text is above this, 0 to 1.
    pub centre_threshold: f32,
    /// Centre regions of less area are dropped, in pixels of the map.
    pub min_centre_area: f64,
    /// Disks join whose centres are no farther apart than this share of the sum of their radii.
    pub disk_overlap: f64,
    /// Radii are multiplied by this.
    pub radius_ratio: f32,
    /// Of a centre line no more pixels grow disks, those of the best scores: in noise a line may fill the map.
    pub max_pixels: usize,
    /// What is done where the reference goes wrong.
    pub rule: SnakeRule,
}

impl Default for SnakeDecodeConfig {
    /// MMOCR's values. It has no limit; ours is more than the longest line of a page has.
    fn default() -> Self {
        Self {
            centre_threshold: 0.2,
            min_centre_area: 30.0,
            disk_overlap: 0.03,
            radius_ratio: 1.03,
            max_pixels: 5000,
            rule: SnakeRule::Right,
        }
    }
}

impl SnakeDecodeConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] with the field, its value and what would be right.
    pub fn validate(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.centre_threshold) {
            return Err(Error::config(
                "decode.centre_threshold",
                self.centre_threshold,
                "a number from 0 to 1",
            ));
        }
        let sizes = [
            ("decode.min_centre_area", self.min_centre_area),
            ("decode.disk_overlap", self.disk_overlap),
            ("decode.radius_ratio", f64::from(self.radius_ratio)),
        ];
        match sizes.into_iter().find(|(_, v)| !(v.is_finite() && *v >= 0.0)) {
            Some((field, value)) => Err(Error::config(field, value, "a number from 0 on")),
            None => Ok(()),
        }
    }

    /// The regions, the lowest centre line first.
    ///
    /// `maps` are `[5, H, W]`: the logits of text and centre line, sine and cosine of the direction in which the line
    /// runs, and the radius in pixels. `scale` is how many pixels of the picture a pixel of the maps is, horizontally and
    /// vertically.
    ///
    /// # Errors
    /// [`Error::MapCount`], [`Error::Scale`].
    pub fn decode(&self, maps: &Maps<'_>, scale: [f64; 2]) -> Result<Vec<Region>> {
        Ok(self.decode_counted(maps, scale)?.regions)
    }

    /// As [`SnakeDecodeConfig::decode`], with the number of candidates that are no regions.
    ///
    /// # Errors
    /// Those of [`SnakeDecodeConfig::decode`].
    pub fn decode_counted(&self, maps: &Maps<'_>, scale: [f64; 2]) -> Result<Detected> {
        maps.expect("TextSnake", 5)?;
        let scale = checked_scale(scale)?;
        let snake = Snake {
            text: maps.channel(0),
            centre: maps.channel(1),
            sin: maps.channel(2),
            cos: maps.channel(3),
            radius: maps.channel(4),
            width: maps.width(),
            height: maps.height(),
        };
        // Both factors must be above the threshold for the product to be.
        let least = logit(self.centre_threshold);
        let lines = snake.text.iter().zip(snake.centre).map(|(&text, &centre)| {
            let may = text > least && centre > least;
            u8::from(may && sigmoid(centre) * sigmoid(text) > self.centre_threshold)
        });
        let lines = Map::new(snake.width, snake.height, lines.collect())?;
        // What lies in holes belongs to the text around it: only outer borders count.
        let mut regions = Vec::new();
        for border in find_contours(&lines, Retrieval::External, Approximation::Simple) {
            regions.push(match signed_area(&points(&border.points)).abs() >= self.min_centre_area {
                true => self.region(&snake, &border, scale)?,
                false => Err(DropReason::TooSmall),
            });
        }
        Ok(collect(regions.into_iter()))
    }

    /// The text around a centre region.
    fn region(
        &self,
        snake: &Snake<'_>,
        border: &Contour,
        scale: [f64; 2],
    ) -> Result<Result<Region, DropReason>> {
        let mut area = Window::around(&border.points, [snake.width, snake.height])?;
        let outline = area.local(&border.points);
        fill_poly(&mut area.mask, &outline, 1);
        let skeleton = skeletonize(&area.mask);
        let first_column = match self.rule {
            SnakeRule::Right => 0,
            SnakeRule::Mmocr021 => 1,
        };
        let pixels = drawn(&skeleton).map(|place| [0, 1].map(|axis| area.origin[axis] + place[axis] as i32));
        let mut disks = Vec::new();
        for pixel in self.best_pixels(snake, pixels.collect()) {
            let step = snake.step(pixel);
            let inside = |y: f64, x: f64| {
                let (y, x) = (y as i32, x as i32);
                x >= first_column && area.contains([x, y])
            };
            let [top, bottom] = [1.0, -1.0].map(|sign| walk(pixel, step.map(|s| s * sign), inside));
            let centre = [1, 0].map(|axis| ((top[axis] + bottom[axis]) * 0.5) as i32);
            let at = snake.at(centre);
            let radius = snake.radius[at] * self.radius_ratio;
            let score = snake.score(at);
            if radius.is_finite() {
                let (radius, score) = (f64::from(radius), f64::from(score));
                disks.push(Disk { centre: centre.map(f64::from), radius, score });
            }
        }
        let mut disks = merge_disks(disks, self.disk_overlap);
        disks.retain(|disk| disk.radius > MIN_RADIUS);
        // A larger disk covers the maps as well.
        let largest = (snake.width + snake.height) as i32;
        let drawn: Vec<(Pixel, i32)> =
            disks.iter().map(|d| (d.centre.map(|v| v as i32), (d.radius as i32).min(largest))).collect();
        self.outline(snake, &drawn, scale)
    }

    /// The pixels of a centre line that grow disks, in their order.
    fn best_pixels(&self, snake: &Snake<'_>, pixels: Vec<Pixel>) -> Vec<Pixel> {
        if pixels.len() <= self.max_pixels {
            return pixels;
        }
        let mut scored: Vec<(f32, Pixel)> =
            pixels.into_iter().map(|p| (snake.score(snake.at(p)), p)).collect();
        // Of equal scores the first.
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        scored.truncate(self.max_pixels);
        scored.sort_by_key(|(_, [x, y])| [*y, *x]);
        scored.into_iter().map(|(_, pixel)| pixel).collect()
    }

    /// The outline and score of the union of disks; none without disks.
    fn outline(
        &self,
        snake: &Snake<'_>,
        disks: &[(Pixel, i32)],
        scale: [f64; 2],
    ) -> Result<Result<Region, DropReason>> {
        if disks.is_empty() {
            return Ok(Err(DropReason::NoOutline));
        }
        let corners: Vec<Pixel> = disks
            .iter()
            .flat_map(|(centre, radius)| {
                [centre.map(|v| v.saturating_sub(*radius)), centre.map(|v| v.saturating_add(*radius))]
            })
            .collect();
        let Window { mut mask, origin } = Window::around(&corners, [snake.width, snake.height])?;
        for (centre, radius) in disks {
            fill_circle(&mut mask, [centre[0] - origin[0], centre[1] - origin[1]], *radius, 1);
        }
        let contours = find_contours(&mask, Retrieval::External, Approximation::Simple);
        let size = |contour: &&Contour| signed_area(&points(&contour.points)).abs();
        let border = match self.rule {
            SnakeRule::Right => contours.iter().max_by(|a, b| size(a).total_cmp(&size(b))),
            SnakeRule::Mmocr021 => contours.first(),
        };
        let Some(border) = border.filter(|border| border.points.len() >= MIN_VERTICES) else {
            return Ok(Err(DropReason::NoOutline));
        };
        let (mut sum, mut count) = (0.0, 0.0);
        for y in 0..mask.height() {
            let start = snake.at([origin[0], origin[1] + y as i32]);
            for (inside, logit) in mask.row(y).iter().zip(&snake.text[start..]) {
                if *inside != 0 {
                    sum += f64::from(sigmoid(*logit));
                    count += 1.0;
                }
            }
        }
        let score = sum / (count + 1e-8);
        Ok(region(points(&border.points), origin.map(f64::from), scale, score))
    }
}

/// The maps by name.
struct Snake<'a> {
    text: &'a [f32],
    centre: &'a [f32],
    sin: &'a [f32],
    cos: &'a [f32],
    radius: &'a [f32],
    width: usize,
    height: usize,
}

impl Snake<'_> {
    /// Where a pixel of the maps stands.
    fn at(&self, [x, y]: Pixel) -> usize {
        debug_assert!((y as usize) < self.height);
        y as usize * self.width + x as usize
    }

    /// How sure it is that a centre line runs through a pixel.
    fn score(&self, at: usize) -> f32 {
        sigmoid(self.centre[at]) * sigmoid(self.text[at])
    }

    /// A step across the line, `[y, x]` in pixels; 0 where the maps say nothing.
    fn step(&self, pixel: Pixel) -> [f64; 2] {
        let at = self.at(pixel);
        let (sin, cos) = (self.sin[at], self.cos[at]);
        let scale = (1.0 / (sin * sin + cos * cos + 1e-8)).sqrt();
        let length = STEPS * self.radius[at];
        let length = if length.abs() < MIN_STEP { MIN_STEP.copysign(length) } else { length };
        let step = [length * (cos * scale), length * -(sin * scale)];
        let moves = step.iter().all(|v| v.is_finite()) && step.iter().any(|v| v.abs() > MIN_STEP / 2.0);
        if moves { step.map(f64::from) } else { [0.0; 2] }
    }
}

/// From a pixel on by a step as long as it stays inside, `[y, x]`.
fn walk(pixel: Pixel, step: [f64; 2], inside: impl Fn(f64, f64) -> bool) -> [f64; 2] {
    let mut at = [f64::from(pixel[1]), f64::from(pixel[0])];
    if step == [0.0; 2] {
        return at;
    }
    loop {
        let next = [at[0] + step[0], at[1] + step[1]];
        if !inside(next[0], next[1]) {
            return at;
        }
        at = next;
    }
}
