use std::collections::BTreeMap;

use glyphic_core::{Point, Sample};
use glyphic_imgproc::{Affine, Around, Interpolation, Map, Raster, Sides, Value};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Pixels of bytes or of single precision, `[height, width, channels]`.
#[derive(Debug, Clone, PartialEq)]
pub enum Picture {
    /// 0 to 255.
    U8(Raster<u8>),
    /// Any range, as after normalisation.
    F32(Raster<f32>),
}

/// Evaluates an expression for the raster inside and wraps the result again.
macro_rules! each {
    ($picture:expr, $raster:ident => $result:expr) => {
        match $picture {
            Picture::U8($raster) => Picture::U8($result),
            Picture::F32($raster) => Picture::F32($result),
        }
    };
}

fn around<T: Value>(fill: Around<f32>) -> Around<T> {
    match fill {
        Around::Colour(colour) => Around::Colour(colour.map(T::from_f32)),
        Around::Edge => Around::Edge,
    }
}

/// Black.
pub const BLACK: Around<f32> = Around::Colour([0.0; 4]);

impl Picture {
    /// Rows, at least 1.
    pub fn height(&self) -> usize {
        match self {
            Self::U8(r) => r.height(),
            Self::F32(r) => r.height(),
        }
    }

    /// Columns, at least 1.
    pub fn width(&self) -> usize {
        match self {
            Self::U8(r) => r.width(),
            Self::F32(r) => r.width(),
        }
    }

    /// Values a pixel.
    pub fn channels(&self) -> usize {
        match self {
            Self::U8(r) => r.channels(),
            Self::F32(r) => r.channels(),
        }
    }

    /// `[height, width]`.
    pub fn size(&self) -> [usize; 2] {
        [self.height(), self.width()]
    }

    /// See [`Raster::resize_linear`].
    pub fn resize_linear(&self, height: usize, width: usize) -> Result<Self> {
        Ok(each!(self, r => r.resize_linear(height, width)?))
    }

    /// See [`Raster::resize_nearest`].
    pub fn resize_nearest(&self, height: usize, width: usize) -> Result<Self> {
        Ok(each!(self, r => r.resize_nearest(height, width)?))
    }

    /// Sides multiplied by a factor and rounded half up, by the nearest pixel: the `rescale` of mmdet's bitmaps.
    ///
    /// # Errors
    /// [`Error::Pixels`] for a side of 0 or above 65,536.
    pub fn rescale_nearest(&self, factor: f64) -> Result<Self> {
        let [height, width] = self.size().map(|side| (side as f64 * factor + 0.5) as usize);
        self.resize_nearest(height, width)
    }

    /// See [`Raster::resize_cubic`].
    pub fn resize_cubic(&self, height: usize, width: usize) -> Result<Self> {
        Ok(each!(self, r => r.resize_cubic(height, width)?))
    }

    /// See [`Raster::crop`].
    pub fn crop(&self, x0: usize, y0: usize, x1: usize, y1: usize) -> Result<Self> {
        Ok(each!(self, r => r.crop(x0, y0, x1, y1)?))
    }

    /// See [`Raster::pad`].
    pub fn pad(&self, sides: Sides, fill: Around<f32>) -> Result<Self> {
        Ok(each!(self, r => r.pad(sides, around(fill))?))
    }

    /// See [`Raster::flip`].
    pub fn flip(&self, horizontal: bool, vertical: bool) -> Self {
        each!(self, r => r.flip(horizontal, vertical))
    }

    /// See [`Raster::quarter_turns`].
    pub fn quarter_turns(&self, quarters: usize) -> Self {
        each!(self, r => r.quarter_turns(quarters))
    }

    /// See [`Raster::reversed_channels`].
    pub fn reversed_channels(self) -> Self {
        each!(self, r => r.reversed_channels())
    }

    /// See [`Raster::warp_affine`].
    pub fn warp(
        &self,
        map: &Affine,
        [height, width]: [usize; 2],
        how: Interpolation,
        fill: Around<f32>,
    ) -> Result<Self> {
        Ok(each!(self, r => r.warp_affine(map, height, width, how, around(fill))?))
    }

    /// A picture of one colour, of the same kind.
    pub fn like(&self, [height, width]: [usize; 2], colour: [f32; 4]) -> Result<Self> {
        fn filled<T: Value>(
            of: &Raster<T>,
            height: usize,
            width: usize,
            colour: [f32; 4],
        ) -> Result<Raster<T>> {
            Ok(Raster::filled(height, width, of.channels(), colour.map(T::from_f32))?)
        }
        Ok(each!(self, r => filled(r, height, width, colour)?))
    }

    /// Lays a picture of the same kind over this one.
    ///
    /// # Errors
    /// [`Error::Step`] where the kinds or the numbers of channels differ.
    pub fn paste(&mut self, other: &Self, x: usize, y: usize) -> Result<()> {
        match (self, other) {
            (Self::U8(a), Self::U8(b)) if a.channels() == b.channels() => a.paste(b, x, y),
            (Self::F32(a), Self::F32(b)) if a.channels() == b.channels() => a.paste(b, x, y),
            _ => {
                let reason = "the pictures differ in kind or channels".to_owned();
                return Err(Error::Step { step: "paste", reason });
            }
        }
        Ok(())
    }

    /// The bytes.
    ///
    /// # Errors
    /// [`Error::Step`] for single precision; `step` stands in the error.
    pub fn bytes(&self, step: &'static str) -> Result<&Raster<u8>> {
        match self {
            Self::U8(r) => Ok(r),
            Self::F32(_) => {
                let reason =
                    "it needs a picture of bytes, this one was made floating point before".to_owned();
                Err(Error::Step { step, reason })
            }
        }
    }

    /// As single precision; bytes keep their range.
    pub fn to_f32(&self) -> Raster<f32> {
        match self {
            Self::U8(r) => r.map(f32::from),
            Self::F32(r) => r.clone(),
        }
    }
}

impl From<Map<u8>> for Picture {
    fn from(map: Map<u8>) -> Self {
        Self::U8(map.into())
    }
}

impl From<Map<f32>> for Picture {
    fn from(map: Map<f32>) -> Self {
        Self::F32(map.into())
    }
}

/// What a network reads: `[channels, height, width]`, single precision.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Channels, height, width.
    pub shape: [usize; 3],
    /// The values.
    pub data: Vec<f32>,
}

/// A character and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Character {
    /// What it says.
    pub text: String,
    /// Its outline in pixels: the four corners of its box.
    pub outline: Vec<Point>,
}

impl Character {
    /// From a box `[x_min, y_min, x_max, y_max]`.
    pub fn from_rect(text: impl Into<String>, [x0, y0, x1, y1]: [f64; 4]) -> Self {
        let outline = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)].map(|(x, y)| Point::new(x, y)).into();
        Self { text: text.into(), outline }
    }

    /// From corners `[x1, y1, x2, y2, x3, y3, x4, y4]`.
    pub fn from_quad(text: impl Into<String>, quad: [f64; 8]) -> Self {
        let outline = quad.chunks_exact(2).map(|c| Point::new(c[0], c[1])).collect();
        Self { text: text.into(), outline }
    }

    /// The upright box around it, `[x_min, y_min, x_max, y_max]`.
    pub fn rect(&self) -> [f64; 4] {
        bounds(&self.outline)
    }
}

/// The upright box around points, `[x0, y0, x1, y1]`.
pub(super) fn bounds(points: &[Point]) -> [f64; 4] {
    points.iter().fold([f64::MAX, f64::MAX, f64::MIN, f64::MIN], |b, p| {
        [b[0].min(p.x), b[1].min(p.y), b[2].max(p.x), b[3].max(p.y)]
    })
}

/// What a pipeline remembers of a picture. Sizes are `[height, width]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Meta {
    /// Size when it was loaded.
    pub ori_shape: [usize; 2],
    /// Size now.
    pub img_shape: [usize; 2],
    /// Size after resizing, before padding.
    pub resize_shape: [usize; 2],
    /// Size with padding.
    pub pad_shape: [usize; 2],
    /// Share of the width that is no padding, 0 to 1.
    pub valid_ratio: f64,
    /// Width, height, width, height over what they were before the last resize.
    pub scale_factor: [f32; 4],
}

/// A picture and everything that must move with it. Each step changes all of it alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// The picture.
    pub picture: Picture,
    /// The picture as a network takes it, once a step has made it so.
    pub tensor: Option<Tensor>,
    /// Outlines of texts (`gt_masks` as polygons), in pixels. They may reach over the edges.
    pub texts: Vec<Vec<Point>>,
    /// Outlines of texts that neither reward nor punish (`gt_masks_ignore`).
    pub ignored: Vec<Vec<Point>>,
    /// A class a text (`gt_labels`), or none at all.
    pub labels: Vec<i64>,
    /// An upright box a text (`gt_bboxes`), `[x0, y0, x1, y1]`, or none at all.
    pub boxes: Vec<[f64; 4]>,
    /// Characters of a line of text.
    pub characters: Vec<Character>,
    /// Maps of the picture's size, by name: bitmaps of instances, targets.
    pub masks: BTreeMap<String, Vec<Picture>>,
    /// Targets that are not of the picture's size, by name.
    pub levels: BTreeMap<String, Tensor>,
    /// `[n, n, 5]` relations between the boxes of a form: dx, dy, and ratios of sizes.
    pub relations: Vec<[f32; 5]>,
    /// Further annotations, by name.
    pub extra: BTreeMap<String, serde_json::Value>,
    /// Sizes and scales.
    pub meta: Meta,
}

impl Scene {
    /// A picture alone.
    pub fn new(picture: Picture) -> Self {
        let size = picture.size();
        let meta = Meta {
            ori_shape: size,
            img_shape: size,
            resize_shape: size,
            pad_shape: size,
            valid_ratio: 1.0,
            scale_factor: [1.0; 4],
        };
        Self {
            picture,
            tensor: None,
            texts: Vec::new(),
            ignored: Vec::new(),
            labels: Vec::new(),
            boxes: Vec::new(),
            characters: Vec::new(),
            masks: BTreeMap::new(),
            levels: BTreeMap::new(),
            relations: Vec::new(),
            extra: BTreeMap::new(),
            meta,
        }
    }

    /// Whether its parts fit together: as many labels and boxes as texts or none, maps of the picture's size, and
    /// coordinates below 2^30 pixels.
    ///
    /// # Errors
    /// [`Error::Step`] and [`Error::Outline`] for what does not.
    pub fn check(&self, step: &'static str) -> Result<()> {
        let fail = |reason: String| Err(Error::Step { step, reason });
        let n = self.texts.len();
        for (name, count) in [("labels", self.labels.len()), ("boxes", self.boxes.len())] {
            if count != 0 && count != n {
                return fail(format!("{count} {name} for {n} texts, there must be as many, or none"));
            }
        }
        let size = self.picture.size();
        for (name, maps) in &self.masks {
            if let Some(map) = maps.iter().find(|m| m.size() != size) {
                let (got, size) = (map.size(), size);
                return fail(format!("{name} is {got:?} (height, width), the picture {size:?}"));
            }
        }
        let characters: Vec<&[Point]> = self.characters.iter().map(|c| c.outline.as_slice()).collect();
        let of = |list: &[Vec<Point>]| -> Vec<Vec<Point>> { list.to_vec() };
        let lists = [
            ("texts", of(&self.texts)),
            ("ignored", of(&self.ignored)),
            ("characters", characters.iter().map(|c| c.to_vec()).collect()),
        ];
        for (list, outlines) in &lists {
            for (index, outline) in outlines.iter().enumerate() {
                let wrong = |reason: String| Err(Error::Outline { list, index, reason });
                if outline.is_empty() {
                    return wrong("it has no vertices".to_owned());
                }
                let far =
                    |v: f64| !matches!(v.abs().partial_cmp(&1_073_741_824.0), Some(std::cmp::Ordering::Less));
                if let Some(p) = outline.iter().find(|p| far(p.x) || far(p.y)) {
                    return wrong(format!(
                        "vertex ({}, {}) is not within 2^30 pixels of the origin",
                        p.x, p.y
                    ));
                }
            }
        }
        if let Some(index) = self.boxes.iter().position(|b| b.iter().any(|v| !v.is_finite())) {
            let reason = format!("{:?} is not finite", self.boxes[index]);
            return Err(Error::Outline { list: "boxes", index, reason });
        }
        Ok(())
    }

    /// Puts another picture in place; its size becomes the current one.
    pub fn set_picture(&mut self, picture: Picture) {
        let size = picture.size();
        self.picture = picture;
        self.meta.img_shape = size;
        self.meta.pad_shape = size;
    }

    /// Moves everything but pixels. A box becomes the upright box around its moved corners.
    pub fn move_points(&mut self, f: impl Fn(Point) -> Point) {
        let outlines = self.texts.iter_mut().chain(&mut self.ignored);
        let outlines = outlines.chain(self.characters.iter_mut().map(|c| &mut c.outline));
        outlines.for_each(|outline| outline.iter_mut().for_each(|p| *p = f(*p)));
        for b in &mut self.boxes {
            let [x0, y0, x1, y1] = *b;
            let corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)].map(|(x, y)| f(Point::new(x, y)));
            *b = bounds(&corners);
        }
    }

    /// Keeps the texts, ignored texts and characters whose outlines pass; labels, boxes and bitmaps of instances
    /// (`gt_masks`) go with their texts.
    pub fn keep(&mut self, mut wanted: impl FnMut(&[Point]) -> bool) {
        let kept: Vec<bool> = self.texts.iter().map(|t| wanted(t)).collect();
        self.ignored.retain(|t| wanted(t));
        self.characters.retain(|c| wanted(&c.outline));
        self.keep_texts(&kept);
    }

    /// Keeps the texts that are marked, with their labels, boxes and bitmaps.
    pub(super) fn keep_texts(&mut self, kept: &[bool]) {
        fn sift<T>(list: &mut Vec<T>, kept: &[bool]) {
            if list.len() == kept.len() {
                let mut marks = kept.iter();
                list.retain(|_| *marks.next().unwrap_or(&true));
            }
        }
        if let Some(bitmaps) = self.masks.get_mut("gt_masks") {
            sift(bitmaps, kept);
        }
        sift(&mut self.labels, kept);
        sift(&mut self.boxes, kept);
        sift(&mut self.texts, kept);
    }

    /// The outlines of everything that must not be cut.
    pub(super) fn outlines(&self) -> impl Iterator<Item = &[Point]> {
        let characters = self.characters.iter().map(|c| &c.outline);
        self.texts.iter().chain(&self.ignored).chain(characters).map(Vec::as_slice)
    }

    /// Changes every map.
    pub(super) fn change_masks(&mut self, f: impl Fn(&Picture) -> Result<Picture>) -> Result<()> {
        for maps in self.masks.values_mut() {
            for map in maps {
                *map = f(map)?;
            }
        }
        Ok(())
    }

    /// Everything at another size: the picture bilinear, maps by the nearest pixel, boxes cut to the picture.
    ///
    /// # Errors
    /// [`Error::Pixels`] for a side of 0 or above 65,536.
    pub fn resize(&mut self, height: usize, width: usize) -> Result<()> {
        let picture = self.picture.resize_linear(height, width)?;
        self.resize_beside(height, width)?;
        self.set_picture(picture);
        Ok(())
    }

    /// [`Scene::resize`] without the picture.
    pub(super) fn resize_beside(&mut self, height: usize, width: usize) -> Result<()> {
        let [h, w] = self.picture.size();
        self.change_masks(|map| map.resize_nearest(height, width))?;
        let (sx, sy) = (width as f64 / w as f64, height as f64 / h as f64);
        self.move_points(|p| Point::new(p.x * sx, p.y * sy));
        self.cut_boxes(height, width);
        self.meta.scale_factor = [sx as f32, sy as f32, sx as f32, sy as f32];
        self.meta.resize_shape = [height, width];
        Ok(())
    }

    /// Cuts boxes to a picture's size.
    pub(super) fn cut_boxes(&mut self, height: usize, width: usize) {
        let (w, h) = (width as f64, height as f64);
        for b in &mut self.boxes {
            *b = [b[0].clamp(0.0, w), b[1].clamp(0.0, h), b[2].clamp(0.0, w), b[3].clamp(0.0, h)];
        }
    }

    /// The part in columns `x0..x1` of rows `y0..y1`. Outlines are moved, not cut; none is dropped.
    ///
    /// # Errors
    /// [`Error::Pixels`] where nothing is left.
    pub fn crop(&mut self, x0: usize, y0: usize, x1: usize, y1: usize) -> Result<()> {
        let picture = self.picture.crop(x0, y0, x1, y1)?;
        self.change_masks(|map| map.crop(x0, y0, x1, y1))?;
        self.move_points(|p| Point::new(p.x - x0 as f64, p.y - y0 as f64));
        self.set_picture(picture);
        Ok(())
    }

    /// Everything with pixels added on each side; maps are filled with 0.
    ///
    /// # Errors
    /// [`Error::Pixels`] for a side above 65,536.
    pub fn pad(&mut self, sides: Sides, fill: Around<f32>) -> Result<()> {
        let picture = self.picture.pad(sides, fill)?;
        self.change_masks(|map| map.pad(sides, BLACK))?;
        self.move_points(|p| Point::new(p.x + sides.left as f64, p.y + sides.top as f64));
        self.set_picture(picture);
        Ok(())
    }
}

impl From<&Sample> for Scene {
    fn from(sample: &Sample) -> Self {
        let mut scene = Self::new(Picture::U8((&sample.image).into()));
        for text in &sample.truth.instances {
            let list = if text.ignore { &mut scene.ignored } else { &mut scene.texts };
            list.push(text.region.polygon.points().to_vec());
        }
        scene
    }
}
