//! From a page to the network's input; the same in training and in use.

use glyphic_core::geometry::sort_clockwise;
use glyphic_core::{Image, Page, Point, Polygon};

use super::SdmgrConfig;
use crate::kie::relations;
use crate::{Error, Result};

/// What the network is given of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct PageInput {
    /// The classes of each text's characters.
    pub texts: Vec<Vec<usize>>,
    /// `[n, n, 5]`, of the scaled picture.
    pub relations: Vec<f32>,
    /// Left, top, right, bottom of each box in the scaled picture.
    pub boxes: Vec<[f32; 4]>,
    /// The scaled picture's width and height.
    pub size: [u32; 2],
}

/// Side lengths of inputs are multiples of it.
pub(super) const DIVISOR: u32 = 32;

/// MMOCR's mean and deviation of red, green, blue.
const MEAN: [f32; 3] = [123.675, 116.28, 103.53];
const STD: [f32; 3] = [58.395, 57.12, 57.375];

impl SdmgrConfig {
    /// The input of a page's boxes and texts.
    ///
    /// # Errors
    /// [`Error::TooManyBoxes`].
    pub fn prepare(&self, page: &Page) -> Result<PageInput> {
        let boxes = page.instances.len();
        if boxes > self.max_boxes {
            return Err(Error::TooManyBoxes { boxes, most: self.max_boxes });
        }
        let vocabulary = self.vocabulary();
        let text = |text: &str| {
            text.chars().filter_map(|c| vocabulary.get(&c).copied()).take(self.max_chars).collect()
        };
        let corners: Vec<[f32; 8]> = page.instances.iter().map(|i| corners(&i.region.polygon)).collect();
        let (relations, bounds) = relations(&corners, self.norm);
        let (size, [sx, sy]) = self.scaled(page.width, page.height);
        let scales = [sx, sy, sx / sy, 1.0, sx / sy];
        Ok(PageInput {
            texts: page.instances.iter().map(|i| text(i.text())).collect(),
            relations: relations
                .iter()
                .flat_map(|r| std::array::from_fn::<f32, 5, _>(|k| r[k] * scales[k]))
                .collect(),
            boxes: bounds.iter().map(|b| [b[0] * sx, b[1] * sy, b[2] * sx, b[3] * sy]).collect(),
            size,
        })
    }

    /// Width and height of a scaled picture, and by how much each has changed.
    fn scaled(&self, width: u32, height: u32) -> ([u32; 2], [f32; 2]) {
        let (w, h) = (f64::from(width.max(1)), f64::from(height.max(1)));
        let (long, short) = (self.scale[0].max(self.scale[1]), self.scale[0].min(self.scale[1]));
        let scale = (f64::from(long) / w.max(h)).min(f64::from(short) / w.min(h));
        let to = [w, h].map(|side| ((side * scale + 0.5) as u32).max(1));
        (to, [(f64::from(to[0]) / w) as f32, (f64::from(to[1]) / h) as f32])
    }

    /// The scaled and normalised picture, padded with 0 on the right and below: `[3, height, width]` and height and width.
    ///
    /// # Errors
    /// [`Error::Image`] where it cannot be resized.
    pub fn picture(&self, image: &Image) -> Result<(Vec<f32>, [usize; 2])> {
        self.picture_stretched(image, [1.0; 2])
    }

    /// As [`SdmgrConfig::picture`], with the scaled picture's width and height multiplied by factors, as boxes may be in training.
    ///
    /// # Errors
    /// [`Error::Image`] where it cannot be resized.
    pub fn picture_stretched(&self, image: &Image, factors: [f64; 2]) -> Result<(Vec<f32>, [usize; 2])> {
        let ([width, height], _) = self.scaled(image.width(), image.height());
        let stretched = |side: u32, factor: f64| ((f64::from(side) * factor).round() as u32).max(1);
        let (width, height) = (stretched(width, factors[0]), stretched(height, factors[1]));
        let image = glyphic_imgproc::resize_linear(image, width, height)?;
        let [padded_height, padded_width] =
            [height, width].map(|side| side.next_multiple_of(DIVISOR) as usize);
        let mut planes = vec![0.0; 3 * padded_height * padded_width];
        let rows = image.rgb().chunks_exact(3 * width as usize);
        for (y, row) in rows.enumerate() {
            for (x, pixel) in row.chunks_exact(3).enumerate() {
                for c in 0..3 {
                    planes[(c * padded_height + y) * padded_width + x] =
                        (f32::from(pixel[c]) - MEAN[c]) / STD[c];
                }
            }
        }
        Ok((planes, [padded_height, padded_width]))
    }
}

/// Texts padded to the longest one, of one character at least: classes of characters, 0 behind the last one; 1 at each text's
/// last character, nowhere for a text without any; and the shape of both, `[n, length]`.
pub(super) fn padded(texts: &[&[usize]]) -> (Vec<usize>, Vec<f32>, [usize; 2]) {
    let length = texts.iter().map(|t| t.len()).max().unwrap_or(0).max(1);
    let mut chars = vec![0; texts.len() * length];
    let mut last = vec![0.0; texts.len() * length];
    for (i, text) in texts.iter().enumerate() {
        chars[i * length..][..text.len()].copy_from_slice(text);
        if let Some(end) = text.len().checked_sub(1) {
            last[i * length + end] = 1.0;
        }
    }
    (chars, last, [texts.len(), length])
}

/// The corners of a box, clockwise from the top-left one, in whole pixels as MMOCR has them. Of an outline of more or fewer
/// vertices than four, those of its upright rectangle.
fn corners(polygon: &Polygon) -> [f32; 8] {
    let points: [Point; 4] = match polygon.points() {
        [_, _, _, _] => {
            let sorted = sort_clockwise(polygon.points());
            [sorted[0], sorted[1], sorted[2], sorted[3]]
        }
        _ => {
            let b = polygon.bounds();
            [(b.x0, b.y0), (b.x1, b.y0), (b.x1, b.y1), (b.x0, b.y1)].map(|(x, y)| Point::new(x, y))
        }
    };
    let mut flat = [0.0; 8];
    for (to, p) in flat.chunks_exact_mut(2).zip(points) {
        (to[0], to[1]) = (p.x.trunc() as f32, p.y.trunc() as f32);
    }
    flat
}
