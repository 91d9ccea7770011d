//! Steps of recognition pipelines.

use glyphic_core::geometry::{intersection_area, order_quad, signed_area};
use glyphic_core::{Image, Point};
use glyphic_imgproc::{Affine, Around, Border, Interpolation, Raster, Sides, crop_quad};
use serde::{Deserialize, Serialize};

use super::draw::{hit, uniform};
use super::scene::BLACK;
use super::{Character, Draws, OneOrMany, Picture, Scene, Tensor};
use crate::{Error, Result};
use glyphic_core::Compat;
use glyphic_data::targets::CharBoxes;

/// Brings a crop to the height a network reads, keeping its shape, and pads it on the right: MMOCR's `ResizeOCR`.
///
/// The width becomes the nearest multiple of `1 / width_downsample_ratio`, half to even. By default it is at least 1
/// and computed from the picture's own size; [`Compat::Mmocr021`] computes it from [`Meta::img_shape`](super::Meta),
/// which a step before may have left behind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResizeOcr {
    /// Height in pixels; of several, a device takes the one of its rank.
    pub height: OneOrMany<usize>,
    /// The narrowest result in pixels.
    #[serde(default)]
    pub min_width: Option<OneOrMany<usize>>,
    /// The widest result in pixels; narrower ones are padded to it.
    #[serde(default)]
    pub max_width: Option<OneOrMany<usize>>,
    /// Whether the shape is kept; where not, every crop is stretched to `max_width`.
    #[serde(default = "yes")]
    pub keep_aspect_ratio: bool,
    /// The value of padding.
    #[serde(default)]
    pub img_pad_value: u8,
    /// Width of the network's features over that of its input, above 0 and at most 1.
    #[serde(default = "sixteenth")]
    pub width_downsample_ratio: f64,
    /// Named for MMOCR's configurations; only `cv2` is there.
    #[serde(default)]
    pub backend: Option<String>,
    /// Whose behaviour is wanted.
    #[serde(default)]
    pub compat: Compat,
}

fn yes() -> bool {
    true
}

fn sixteenth() -> f64 {
    1.0 / 16.0
}

/// What [`ResizeOcr`] does to a size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OcrSize {
    /// Height in pixels.
    pub height: usize,
    /// Width of the crop itself.
    pub content: usize,
    /// Width with padding.
    pub padded: usize,
    /// The width asked for over `max_width`, at most 1; 1 without a `max_width`.
    pub valid_ratio: f64,
}

/// The widest result where no `max_width` says otherwise, in pixels: a file of one row must not fill the memory.
const WIDEST: f64 = 65_536.0;

impl ResizeOcr {
    /// The size for a crop of `height` x `width` pixels on the device of this rank.
    ///
    /// # Errors
    /// [`Error::Setup`] for options that give no size.
    pub fn size(&self, height: usize, width: usize, rank: usize) -> Result<OcrSize> {
        let fail = |reason: &str| Err(Error::Setup { what: "ResizeOCR", reason: reason.to_owned() });
        if self.backend.as_deref().is_some_and(|b| b != "cv2") {
            return fail("backend must be cv2 or left out");
        }
        let Some(target) = self.height.of(rank).filter(|h| *h > 0) else {
            return fail("height must be at least 1");
        };
        let bound = |list: &Option<OneOrMany<usize>>| list.as_ref().and_then(|l| l.of(rank));
        let (min, max) = (bound(&self.min_width), bound(&self.max_width));
        if max == Some(0) {
            return fail("max_width must be at least 1");
        }
        if !self.keep_aspect_ratio {
            let Some(max) = max else { return fail("max_width is needed where keep_aspect_ratio is false") };
            return Ok(OcrSize { height: target, content: max, padded: max, valid_ratio: 1.0 });
        }
        if !(self.width_downsample_ratio > 0.0 && self.width_downsample_ratio <= 1.0) {
            return fail("width_downsample_ratio must be above 0 and at most 1");
        }
        let mut new = (target as f64 / height.max(1) as f64 * width as f64).ceil();
        let divisor = (1.0 / self.width_downsample_ratio).trunc();
        if new % divisor != 0.0 {
            new = (new / divisor).round_ties_even() * divisor;
        }
        let new = (new.min(WIDEST) as usize).max(min.unwrap_or(1)).max(1);
        Ok(match max {
            None => OcrSize { height: target, content: new, padded: new, valid_ratio: 1.0 },
            Some(max) => OcrSize {
                height: target,
                content: new.min(max),
                padded: max,
                valid_ratio: (new as f64 / max as f64).min(1.0),
            },
        })
    }

    /// The crop resized and padded; characters and maps move along.
    ///
    /// # Errors
    /// Those of [`ResizeOcr::size`], [`Error::Pixels`] for a side above 65,536.
    pub fn apply(&self, scene: &mut Scene, rank: usize) -> Result<()> {
        let [height, width] =
            if self.compat.is_reference() { scene.meta.img_shape } else { scene.picture.size() };
        let size = self.size(height, width, rank)?;
        scene.resize(size.height, size.content)?;
        if size.padded > size.content {
            let sides = Sides { right: size.padded - size.content, ..Sides::default() };
            scene.pad(sides, Around::Colour([f32::from(self.img_pad_value); 4]))?;
        }
        scene.meta.img_shape = [size.height, size.content];
        scene.meta.valid_ratio = size.valid_ratio;
        Ok(())
    }
}

/// Makes the picture a tensor `[channels, height, width]`, bytes divided by 255: MMOCR's `ToTensorOCR`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToTensorOcr {}

impl ToTensorOcr {
    /// The tensor of a picture. Single precision is taken as it is.
    pub fn tensor(&self, picture: &Picture) -> Tensor {
        let shape = [picture.channels(), picture.height(), picture.width()];
        let data = match picture {
            Picture::U8(r) => r.planes(|v| f32::from(v) / 255.0),
            Picture::F32(r) => r.planes(|v| v),
        };
        Tensor { shape, data }
    }

    /// Sets [`Scene::tensor`].
    pub fn apply(&self, scene: &mut Scene) {
        scene.tensor = Some(self.tensor(&scene.picture));
    }
}

/// Subtracts a mean a channel and divides by a deviation: MMOCR's `NormalizeOCR`. The channels' order is the caller's:
/// MMOCR's pipelines give blue first although their numbers are for red first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NormalizeOcr {
    /// A value a channel.
    pub mean: Vec<f32>,
    /// A value a channel, not 0.
    pub std: Vec<f32>,
}

fn tensor_of<'a>(scene: &'a mut Scene, step: &'static str) -> Result<&'a mut Tensor> {
    let reason = "there is no tensor yet, ToTensorOCR must come before".to_owned();
    scene.tensor.as_mut().ok_or(Error::Step { step, reason })
}

impl NormalizeOcr {
    /// Normalises a tensor in place.
    ///
    /// # Errors
    /// [`Error::Setup`] where the counts of numbers and channels differ or a deviation is 0 or not finite.
    pub fn normalize(&self, tensor: &mut Tensor) -> Result<()> {
        let channels = tensor.shape[0];
        let fail = |reason: String| Err(Error::Setup { what: "NormalizeOCR", reason });
        if self.mean.len() != channels || self.std.len() != channels {
            let (m, s) = (self.mean.len(), self.std.len());
            return fail(format!("{m} means and {s} deviations for {channels} channels"));
        }
        if let Some(std) = self.std.iter().find(|s| !s.is_finite() || **s == 0.0) {
            return fail(format!("a deviation is {std}, it must be finite and not 0"));
        }
        let plane = tensor.shape[1] * tensor.shape[2];
        for ((values, mean), std) in tensor.data.chunks_exact_mut(plane).zip(&self.mean).zip(&self.std) {
            values.iter_mut().for_each(|v| *v = (*v - mean) / std);
        }
        Ok(())
    }

    /// Normalises [`Scene::tensor`].
    ///
    /// # Errors
    /// As for [`NormalizeOcr::normalize`], and [`Error::Step`] where there is no tensor.
    pub fn apply(&self, scene: &mut Scene) -> Result<()> {
        self.normalize(tensor_of(scene, "NormalizeOCR")?)
    }
}

/// Cuts a word out of a picture by its corners, now and then jittered: MMOCR's `OnlineCropOCR`.
///
/// `jitter_prob` is the probability of a jitter; under [`Compat::Mmocr021`] it is that of none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OnlineCropOcr {
    /// Where a dataset's entry holds the corners; for bindings.
    pub box_keys: Vec<String>,
    /// Probability of a jitter, 0 to 1.
    pub jitter_prob: f64,
    /// How far a corner moves sideways at most, over the box's height.
    pub max_jitter_ratio_x: f64,
    /// How far a corner moves up or down at most, over the box's height.
    pub max_jitter_ratio_y: f64,
    /// Whose behaviour is wanted.
    pub compat: Compat,
}

impl Default for OnlineCropOcr {
    fn default() -> Self {
        Self {
            box_keys: ["x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4"].map(str::to_owned).into(),
            jitter_prob: 0.5,
            max_jitter_ratio_x: 0.05,
            max_jitter_ratio_y: 0.02,
            compat: Compat::Fixed,
        }
    }
}

/// The corners cut to the picture, clockwise from the top-left one.
fn corners_in(picture: &Picture, quad: [f64; 8]) -> Result<[Point; 4]> {
    if quad.iter().any(|v| !v.is_finite()) {
        let reason = format!("the corners {quad:?} must be finite");
        return Err(Error::Step { step: "OnlineCropOCR", reason });
    }
    let (w, h) = (picture.width() as f64, picture.height() as f64);
    Ok(order_quad([0, 1, 2, 3].map(|i| Point::new(quad[2 * i].clamp(0.0, w), quad[2 * i + 1].clamp(0.0, h)))))
}

/// A quadrilateral straightened, `[x1, y1, ..., x4, y4]`; what lies outside the picture is black. MMOCR's `warp_img`
/// without jitter.
///
/// # Errors
/// [`Error::Step`] for a picture of floating point or of two or four channels and for corners that are not finite,
/// [`Error::Pixels`] where three corners lie on a line.
pub fn warp_crop(picture: &Picture, quad: [f64; 8]) -> Result<Picture> {
    straighten(picture, corners_in(picture, quad)?)
}

fn straighten(picture: &Picture, corners: [Point; 4]) -> Result<Picture> {
    let step = "OnlineCropOCR";
    let bytes = picture.bytes(step)?;
    let grey = bytes.channels() == 1;
    let three = if grey {
        let data = bytes.data().iter().flat_map(|v| [*v; 3]).collect();
        Raster::new(bytes.height(), bytes.width(), 3, data)?
    } else {
        bytes.clone()
    };
    let image = Image::try_from(three)?;
    let crop = Raster::from(&crop_quad(&image, corners, Border::Constant([0; 3]))?);
    if grey {
        let first = crop.data().iter().step_by(3).copied().collect();
        return Ok(Picture::U8(Raster::new(crop.height(), crop.width(), 1, first)?));
    }
    Ok(Picture::U8(crop))
}

/// The upright box around a quadrilateral with a margin, cut to the picture: MMOCR's `crop_img`. The margins are shares
/// of the shorter side, one along the longer side, one along the shorter.
///
/// # Errors
/// [`Error::Step`] for corners that are not finite, [`Error::Pixels`] where nothing is left.
pub fn box_crop(
    picture: &Picture,
    quad: [f64; 8],
    long_edge_pad: f64,
    short_edge_pad: f64,
) -> Result<Picture> {
    let corners = corners_in(picture, quad)?;
    let [x0, y0, x1, y1] = super::scene::bounds(&corners);
    let (wide, tall) = (x1 - x0, y1 - y0);
    let font = wide.min(tall);
    let (across, down) = if tall < wide {
        (long_edge_pad * font, short_edge_pad * font)
    } else {
        (short_edge_pad * font, long_edge_pad * font)
    };
    let (w, h) = (picture.width() as f64, picture.height() as f64);
    let at = |v: f64, most: f64| v.trunc().clamp(0.0, most) as usize;
    picture.crop(at(x0 - across, w), at(y0 - down, h), at(x1 + across, w), at(y1 + down, h))
}

/// Corners moved at random, each by up to these shares of the longer of the second and the fourth side: MMOCR's
/// `box_jitter`.
pub fn jitter(corners: [Point; 4], ratio_x: f64, ratio_y: f64, rng: &mut impl Draws) -> [Point; 4] {
    let height = corners[1].distance(corners[2]).max(corners[3].distance(corners[0]));
    corners.map(|p| {
        let dx = uniform(rng, -1.0, 1.0) * ratio_x * height;
        Point::new(p.x + dx, p.y + uniform(rng, -1.0, 1.0) * ratio_y * height)
    })
}

impl OnlineCropOcr {
    /// The crop of the corners `[x1, y1, ..., x4, y4]`, in any order.
    ///
    /// # Errors
    /// As for [`warp_crop`], and [`Error::Setup`] for a probability or ratio outside 0 to 1.
    pub fn crop(&self, picture: &Picture, quad: [f64; 8], rng: &mut impl Draws) -> Result<Picture> {
        for (name, value) in [
            ("jitter_prob", self.jitter_prob),
            ("max_jitter_ratio_x", self.max_jitter_ratio_x),
            ("max_jitter_ratio_y", self.max_jitter_ratio_y),
        ] {
            if !(0.0..=1.0).contains(&value) {
                let reason = format!("{name} is {value}, it must be 0 to 1");
                return Err(Error::Setup { what: "OnlineCropOCR", reason });
            }
        }
        let mut corners = corners_in(picture, quad)?;
        let reference = self.compat.is_reference();
        let jitters = if reference { rng.unit() > self.jitter_prob } else { hit(rng, self.jitter_prob) };
        if jitters {
            corners = jitter(corners, self.max_jitter_ratio_x, self.max_jitter_ratio_y, rng);
        }
        straighten(picture, corners)
    }

    /// Cuts out the scene's first text, if it has one of four corners; its characters are dropped with the rest.
    ///
    /// # Errors
    /// As for [`OnlineCropOcr::crop`].
    pub fn apply(&self, scene: &mut Scene, rng: &mut impl Draws) -> Result<()> {
        let Some(Ok(corners)) = scene.texts.first().map(|t| <[Point; 4]>::try_from(t.as_slice())) else {
            return Ok(());
        };
        let mut quad = [0.0; 8];
        for (pair, p) in quad.chunks_exact_mut(2).zip(corners) {
            pair.copy_from_slice(&[p.x, p.y]);
        }
        let crop = self.crop(&scene.picture, quad, rng)?;
        let mut cut = Scene::new(crop);
        cut.meta.ori_shape = scene.meta.ori_shape;
        cut.extra = std::mem::take(&mut scene.extra);
        *scene = cut;
        Ok(())
    }
}

/// Adds pixels on each side at random, the edge repeated: MMOCR's `RandomPaddingOCR`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomPaddingOcr {
    /// The most pixels on the left, above, on the right and below, over the width or height.
    pub max_ratio: [f64; 4],
    /// How a dataset gives characters' boxes; for bindings, a scene's characters always move along.
    pub box_type: Option<CharBoxes>,
}

impl Default for RandomPaddingOcr {
    fn default() -> Self {
        Self { max_ratio: [0.1, 0.2, 0.1, 0.2], box_type: None }
    }
}

impl RandomPaddingOcr {
    /// How much is added to a picture of `height` x `width` pixels.
    pub fn draw(&self, height: usize, width: usize, rng: &mut impl Draws) -> Sides {
        let mut side = |i: usize, size: usize| {
            let share = rng.uniform(0.0, self.max_ratio[i]).clamp(0.0, 10.0);
            (share * size as f64).round_ties_even() as usize
        };
        Sides { left: side(0, width), top: side(1, height), right: side(2, width), bottom: side(3, height) }
    }

    /// Pads the scene.
    ///
    /// # Errors
    /// [`Error::Pixels`] for a side above 65,536.
    pub fn apply(&self, scene: &mut Scene, rng: &mut impl Draws) -> Result<()> {
        let sides = self.draw(scene.picture.height(), scene.picture.width(), rng);
        scene.pad(sides, Around::Edge)
    }
}

/// Turns a line of text and its characters' boxes at random, on the same canvas: MMOCR's `RandomRotateImageBox`.
/// Characters of which less than 70 % stays inside are dropped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomRotateImageBox {
    /// The least angle in degrees, counter-clockwise.
    pub min_angle: f64,
    /// The largest.
    pub max_angle: f64,
    /// How a dataset gives characters' boxes. Turned rectangles become the upright boxes around them.
    pub box_type: CharBoxes,
}

impl Default for RandomRotateImageBox {
    fn default() -> Self {
        Self { min_angle: -10.0, max_angle: 10.0, box_type: CharBoxes::CharQuads }
    }
}

/// The least share of a character that must stay inside.
const LEAST_INSIDE: f64 = 0.7;

impl RandomRotateImageBox {
    /// An angle in degrees for a picture of this size: within the bounds, and no diagonal turns upright.
    pub fn draw(&self, height: usize, width: usize, rng: &mut impl Draws) -> f64 {
        let diagonal = (height as f64 / width as f64).atan().to_degrees();
        rng.uniform(self.min_angle.max(-diagonal), self.max_angle.min(diagonal))
    }

    /// Characters turned by an angle in radians about a centre `[x, y]`, counter-clockwise on the screen, without those
    /// that a picture of `[width, height]` pixels holds less than 70 % of.
    pub fn rotate_boxes(
        characters: &[Character],
        angle: f64,
        centre: [f64; 2],
        size: [f64; 2],
    ) -> Vec<Character> {
        let (sin, cos) = (-angle).sin_cos();
        let turn = |p: &Point| {
            let (dx, dy) = (p.x - centre[0], p.y - centre[1]);
            Point::new(dx * cos - dy * sin + centre[0], dx * sin + dy * cos + centre[1])
        };
        let frame =
            [(0.0, 0.0), (size[0], 0.0), (size[0], size[1]), (0.0, size[1])].map(|(x, y)| Point::new(x, y));
        let turned = |c: &Character| {
            let outline: Vec<Point> = c.outline.iter().map(turn).collect();
            let area = signed_area(&outline).abs();
            let inside = intersection_area(&outline, &frame);
            (area > 0.0 && inside / area >= LEAST_INSIDE).then(|| Character { text: c.text.clone(), outline })
        };
        characters.iter().filter_map(turned).collect()
    }

    /// Turns the scene.
    ///
    /// # Errors
    /// [`Error::Pixels`] never in practice: the size stays.
    pub fn apply(&self, scene: &mut Scene, rng: &mut impl Draws) -> Result<()> {
        let [height, width] = scene.picture.size();
        let (w, h) = (width as f64, height as f64);
        let angle = self.draw(height, width, rng);
        // Pixel centres lie half a pixel beyond their numbers.
        let map = Affine::rotation(Point::new(w / 2.0 - 0.5, h / 2.0 - 0.5), angle);
        let turn = |p: &Picture| p.warp(&map, [height, width], Interpolation::Nearest, BLACK);
        let picture = turn(&scene.picture)?;
        scene.change_masks(turn)?;
        let characters = std::mem::take(&mut scene.characters);
        let around = Affine::rotation(Point::new(w / 2.0, h / 2.0), angle);
        scene.move_points(|p| around.apply(p));
        scene.characters = Self::rotate_boxes(&characters, angle.to_radians(), [w / 2.0, h / 2.0], [w, h]);
        if self.box_type == CharBoxes::CharRects {
            scene.characters =
                scene.characters.iter().map(|c| Character::from_rect(c.text.clone(), c.rect())).collect();
        }
        scene.set_picture(picture);
        Ok(())
    }
}

/// Shifts all pixels along the main axes of ImageNet's colours (Krizhevsky et al., 2012): MMOCR's `FancyPCA`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FancyPca {
    /// The axes, a row each.
    pub eig_vec: [[f32; 3]; 3],
    /// The variance along each.
    pub eig_val: [f32; 3],
}

impl Default for FancyPca {
    fn default() -> Self {
        Self {
            eig_vec: [[-0.5675, -0.5808, -0.5836], [0.7192, -0.0045, -0.6948], [0.4009, -0.8140, 0.4203]],
            eig_val: [0.2175, 0.0188, 0.0045],
        }
    }
}

impl FancyPca {
    /// What is added to each channel.
    pub fn draw(&self, rng: &mut impl Draws) -> [f32; 3] {
        let weights = self.eig_val.map(|v| v * (rng.normal() * 0.1) as f32);
        std::array::from_fn(|c| (0..3).map(|i| weights[i] * self.eig_vec[i][c]).sum())
    }

    /// Shifts a tensor of three channels.
    ///
    /// # Errors
    /// [`Error::Step`] for another number of channels.
    pub fn shift(&self, tensor: &mut Tensor, rng: &mut impl Draws) -> Result<()> {
        if tensor.shape[0] != 3 {
            let reason = format!("it needs 3 channels, there are {}", tensor.shape[0]);
            return Err(Error::Step { step: "FancyPCA", reason });
        }
        let plane = tensor.shape[1] * tensor.shape[2];
        for (values, shift) in tensor.data.chunks_exact_mut(plane).zip(self.draw(rng)) {
            values.iter_mut().for_each(|v| *v += shift);
        }
        Ok(())
    }

    /// Shifts [`Scene::tensor`].
    ///
    /// # Errors
    /// As for [`FancyPca::shift`], and where there is no tensor.
    pub fn apply(&self, scene: &mut Scene, rng: &mut impl Draws) -> Result<()> {
        self.shift(tensor_of(scene, "FancyPCA")?, rng)
    }
}

/// Turns the order of the channels round, BGR to RGB: MMOCR's `OpencvToPil`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct OpencvToPil {}

/// Turns the order of the channels round, RGB to BGR: MMOCR's `PilToOpencv`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct PilToOpencv {}

fn swap(scene: &mut Scene) {
    scene.picture = scene.picture.clone().reversed_channels();
}

impl OpencvToPil {
    /// Swaps the picture's channels.
    pub fn apply(&self, scene: &mut Scene) {
        swap(scene);
    }
}

impl PilToOpencv {
    /// Swaps the picture's channels.
    pub fn apply(&self, scene: &mut Scene) {
        swap(scene);
    }
}
