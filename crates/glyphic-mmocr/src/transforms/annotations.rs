//! Annotations and arrays into a [`Scene`].

use std::collections::BTreeMap;

use glyphic_core::Point;
use glyphic_imgproc::{Map, Raster};
use serde::{Deserialize, Serialize};

use super::{Picture, Scene};
use crate::{Error, Result};

/// What a dataset says of a picture, as MMOCR's `ann_info`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Annotation {
    /// Upright boxes of texts, `[x0, y0, x1, y1]`.
    pub bboxes: Vec<[f64; 4]>,
    /// A class a text.
    pub labels: Vec<i64>,
    /// The polygons of each text, each `[x1, y1, x2, y2, ...]`.
    pub masks: Vec<Vec<Vec<f64>>>,
    /// The polygons of each ignored text.
    pub masks_ignore: Vec<Vec<Vec<f64>>>,
    /// A class a pixel.
    pub seg_map: Option<Raster<u8>>,
    /// Height that the annotation gives the picture.
    pub height: usize,
    /// Width that the annotation gives the picture.
    pub width: usize,
    /// Everything else, by name.
    pub extra: BTreeMap<String, serde_json::Value>,
}

/// Takes the wanted annotations: MMOCR's `LoadTextAnnotations`.
///
/// A polygon needs an even count of at least 6 numbers; coordinates become single precision. Of a text with several
/// polygons the first stands for its outline, its bitmap holds all. A text without a polygon is dropped with its label
/// and box (the reference keeps an empty entry, on which later steps fail).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoadTextAnnotations {
    /// Whether boxes are wanted.
    pub with_bbox: bool,
    /// Whether labels are wanted.
    pub with_label: bool,
    /// Whether outlines are wanted.
    pub with_mask: bool,
    /// Whether the class map is wanted.
    pub with_seg: bool,
    /// Whether everything else is wanted.
    pub with_extra_fields: bool,
    /// Whether texts are drawn into bitmaps as well, `gt_masks` and `gt_masks_ignore`.
    pub poly2mask: bool,
    /// Whether bitmaps have the size of the picture instead of the one the annotation gives it.
    pub use_img_shape: bool,
}

impl Default for LoadTextAnnotations {
    fn default() -> Self {
        Self {
            with_bbox: true,
            with_label: true,
            with_mask: false,
            with_seg: false,
            with_extra_fields: false,
            poly2mask: true,
            use_img_shape: false,
        }
    }
}

const STEP: &str = "LoadTextAnnotations";

impl LoadTextAnnotations {
    /// Puts the annotations into the scene. Returns how many texts were dropped for want of a polygon.
    ///
    /// # Errors
    /// [`Error::Step`] where lists differ in length, a class map is wanted but missing, or bitmaps would not have the
    /// picture's size.
    pub fn apply(&self, annotation: &Annotation, scene: &mut Scene) -> Result<usize> {
        let fail = |reason: String| Err(Error::Step { step: STEP, reason });
        let n = annotation.masks.len();
        if self.with_bbox {
            scene.boxes.clone_from(&annotation.bboxes);
        }
        if self.with_label {
            scene.labels.clone_from(&annotation.labels);
        }
        let mut dropped = 0;
        if self.with_mask {
            for (name, count) in [("bboxes", scene.boxes.len()), ("labels", scene.labels.len())] {
                if count != 0 && count != n {
                    return fail(format!("{count} {name}, but masks of {n} texts"));
                }
            }
            if self.poly2mask {
                let given = [annotation.height, annotation.width];
                let size = if self.use_img_shape { scene.meta.ori_shape } else { given };
                if size != scene.picture.size() {
                    let real = scene.picture.size();
                    return fail(format!(
                        "bitmaps of {size:?} (height, width) for a picture of {real:?}; correct the annotation or set \
                         use_img_shape"
                    ));
                }
                for (name, texts) in
                    [("gt_masks", &annotation.masks), ("gt_masks_ignore", &annotation.masks_ignore)]
                {
                    let bitmap = |polygons: &Vec<Vec<f64>>| -> Result<Picture> {
                        Ok(polygon_mask(&valid(polygons), size[0], size[1])?.into())
                    };
                    scene.masks.insert(name.to_owned(), texts.iter().map(bitmap).collect::<Result<_>>()?);
                }
            }
            let outlines = |texts: &[Vec<Vec<f64>>]| -> Vec<Vec<Point>> {
                texts.iter().map(|polygons| valid(polygons).into_iter().next().unwrap_or_default()).collect()
            };
            scene.texts = outlines(&annotation.masks);
            scene.ignored = outlines(&annotation.masks_ignore);
            let before = scene.texts.len() + scene.ignored.len();
            scene.ignored.retain(|t| !t.is_empty());
            let kept: Vec<bool> = scene.texts.iter().map(|t| !t.is_empty()).collect();
            scene.keep_texts(&kept);
            dropped = before - scene.texts.len() - scene.ignored.len();
        }
        if self.with_seg {
            let Some(map) = &annotation.seg_map else {
                return fail("with_seg is set, but the annotation has no seg_map".to_owned());
            };
            scene.masks.insert("gt_semantic_seg".to_owned(), vec![Picture::U8(map.clone())]);
        }
        if self.with_extra_fields {
            scene.extra.extend(annotation.extra.iter().map(|(k, v)| (format!("gt_{k}"), v.clone())));
        }
        Ok(dropped)
    }
}

/// The polygons with an even count of at least 6 numbers, rounded to single precision.
fn valid(polygons: &[Vec<f64>]) -> Vec<Vec<Point>> {
    let narrow = |v: f64| f64::from(v as f32);
    polygons
        .iter()
        .filter(|p| p.len() >= 6 && p.len().is_multiple_of(2))
        .map(|p| p.chunks_exact(2).map(|c| Point::new(narrow(c[0]), narrow(c[1]))).collect())
        .collect()
}

/// The pixels that polygons cover, as COCO's tools draw them: the outline is walked on a grid five times finer, and a
/// column of pixels changes between outside and inside where the walk crosses its centre. Several polygons add up.
///
/// # Errors
/// [`Error::Pixels`] where a side is 0.
pub fn polygon_mask(polygons: &[Vec<Point>], height: usize, width: usize) -> Result<Map<u8>> {
    let mut mask = Map::filled(width, height, 0u8)?;
    for polygon in polygons {
        let crossings = crossings(polygon, height, width);
        for column in crossings.chunk_by(|a, b| a[0] == b[0]) {
            for pair in column.chunks(2) {
                let end = pair.get(1).map_or(height, |p| p[1]);
                for y in pair[0][1]..end.min(height) {
                    mask.row_mut(y)[column[0][0]] = 1;
                }
            }
        }
    }
    Ok(mask)
}

/// Where an outline crosses the centres of pixel columns, `[x, y]` by column, from top to bottom.
fn crossings(polygon: &[Point], height: usize, width: usize) -> Vec<[usize; 2]> {
    const FINER: f64 = 5.0;
    // A walk of more steps than this lies almost wholly outside.
    const FARTHEST: f64 = 10_000_000.0;
    let fine = |v: f64| (FINER * v.clamp(-FARTHEST, FARTHEST) + 0.5) as i64;
    let grid: Vec<[i64; 2]> = polygon.iter().map(|p| [fine(p.x), fine(p.y)]).collect();
    let mut out = Vec::new();
    let mut previous: Option<[i64; 2]> = None;
    let mut step = |at: [i64; 2]| {
        if let Some(from) = previous.filter(|from| from[0] != at[0]) {
            let x = if at[0] < from[0] { at[0] } else { at[0] - 1 };
            let column = (x as f64 + 0.5) / FINER - 0.5;
            if column.floor() == column && column >= 0.0 && column <= width as f64 - 1.0 {
                let y = ((at[1].min(from[1]) as f64 + 0.5) / FINER - 0.5).clamp(0.0, height as f64).ceil();
                out.push([column as usize, y as usize]);
            }
        }
        previous = Some(at);
    };
    for (i, &start) in grid.iter().enumerate() {
        let end = grid[(i + 1) % grid.len()];
        let (dx, dy) = ((end[0] - start[0]).abs(), (end[1] - start[1]).abs());
        let wide = dx >= dy;
        let backwards = if wide { start[0] > end[0] } else { start[1] > end[1] };
        let (a, b) = if backwards { (end, start) } else { (start, end) };
        let n = dx.max(dy);
        let (major, minor) = if wide { (0, 1) } else { (1, 0) };
        let slope = if n == 0 { 0.0 } else { (b[minor] - a[minor]) as f64 / n as f64 };
        for d in 0..=n {
            let t = if backwards { n - d } else { d };
            let mut at = [0; 2];
            at[major] = a[major] + t;
            at[minor] = (a[minor] as f64 + slope * t as f64 + 0.5) as i64;
            step(at);
        }
    }
    out.sort_unstable();
    out
}

/// How many channels a loaded picture has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColorType {
    /// Three.
    #[default]
    Color,
    /// One.
    Grayscale,
    /// As given.
    Unchanged,
}

/// The order of a picture's colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelOrder {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Blue, green, red: OpenCV's.
    Bgr,
}

/// Makes a scene of an array: MMOCR's `LoadImageFromNdarray`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoadImageFromNdarray {
    /// Whether the picture becomes single precision (its range stays 0 to 255).
    pub to_float32: bool,
    /// The channels wanted.
    pub color_type: ColorType,
    /// The order of the array's colours, which matters for grey.
    pub channel_order: ChannelOrder,
}

impl LoadImageFromNdarray {
    /// A scene of the array.
    ///
    /// # Errors
    /// [`Error::Pixels`] for an array without pixels.
    pub fn apply(&self, array: Raster<u8>) -> Result<Scene> {
        let (height, width) = (array.height(), array.width());
        let array = match (self.color_type, array.channels()) {
            (ColorType::Grayscale, 3) => {
                // OpenCV's weights in 14 bits, of red, green, blue.
                let mut weights = [4899u32, 9617, 1868];
                if self.channel_order == ChannelOrder::Bgr {
                    weights.reverse();
                }
                let grey = |p: &[u8]| {
                    let sum: u32 = p.iter().zip(weights).map(|(v, w)| u32::from(*v) * w).sum();
                    ((sum + (1 << 13)) >> 14) as u8
                };
                Raster::new(height, width, 1, array.data().chunks_exact(3).map(grey).collect())?
            }
            (ColorType::Color, 1) => {
                Raster::new(height, width, 3, array.data().iter().flat_map(|v| [*v; 3]).collect())?
            }
            _ => array,
        };
        Ok(Scene::new(if self.to_float32 { Picture::F32(array.map(f32::from)) } else { Picture::U8(array) }))
    }
}
