//! The steps of MMOCR's pipelines, under its names, on plain pictures and outlines.
//!
//! Each step is a small struct that reads its options as MMOCR writes them, without `type`; [`Step`] is any of those
//! that change a scene, with it. [`LoadImageFromNdarray`] and [`LoadTextAnnotations`] make a scene, [`NerTransform`] and
//! [`ToTensorNer`] have texts instead. A [`Scene`] is a picture with everything that must move along. What is random is drawn from a generator
//! that the caller gives: [`generator`] makes one of a seed and an index.
//!
//! ```
//! use glyphic_mmocr::transforms::{Pipeline, Picture, Scene, generator};
//! use glyphic_imgproc::Raster;
//!
//! let pipeline: Pipeline = serde_json::from_str(
//!     r#"[{"type": "RandomRotateTextDet", "max_angle": 5},
//!         {"type": "EastRandomCrop", "target_size": [320, 320]},
//!         {"type": "DBNetTargets", "shrink_ratio": 0.4}]"#,
//! )?;
//! let scene = Scene::new(Picture::U8(Raster::filled(200, 300, 3, [255; 4])?));
//! let scenes = pipeline.apply(scene, &mut generator(7, 0))?;
//! assert_eq!(scenes[0].picture.size(), [320, 320]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where MMOCR 0.2.1 does what cannot be right, the default differs; [`Compat`] brings its behaviour back.

mod annotations;
mod colour;
mod crop;
mod draw;
mod format;
mod imgaug;
mod ner;
mod ocr;
mod rotate;
mod scale;
mod scene;
mod test_time;
mod values;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use annotations::{
    Annotation, ChannelOrder, ColorType, LoadImageFromNdarray, LoadTextAnnotations, polygon_mask,
};
pub use colour::{ColorJitter, ColourChange};
pub use crop::{EastRandomCrop, MaskType, RandomCropFlip, RandomCropInstances, RandomCropPolyInstances};
pub use draw::Draws;
pub use format::{CustomFormatBundle, KieFormatBundle, Visualize};
pub use imgaug::{Augmenter, ImgAug};
pub use ner::{NerSample, NerTensors, NerTransform, ToTensorNer};
pub use ocr::{
    FancyPca, NormalizeOcr, OcrSize, OnlineCropOcr, OpencvToPil, PilToOpencv, RandomPaddingOcr,
    RandomRotateImageBox, ResizeOcr, ToTensorOcr, box_crop, jitter, warp_crop,
};
pub use rotate::{RandomRotatePolyInstances, RandomRotateTextDet};
pub use scale::{RandomScaling, ResizeNoImg, ResizeType, ScaleAspectJitter, SquareResizePad};
pub use scene::{BLACK, Character, Meta, Picture, Scene, Tensor};
pub use test_time::MultiRotateAugOcr;
pub use values::{OneOrMany, OneOrPair};

use crate::Result;
pub use glyphic_core::Compat;
use glyphic_data::targets::{CharBoxes, OcrSegTargets};
use glyphic_regions::dbnet::targets::DbnetTargets;
use glyphic_regions::drrg::targets::DrrgTargets;
use glyphic_regions::fcenet::targets::FcenetTargets;
use glyphic_regions::panet::targets::PanetTargets;
use glyphic_regions::psenet::targets::PsenetTargets;
use glyphic_regions::targets::{KernelMaps, Outlines};
use glyphic_regions::textsnake::targets::TextsnakeTargets;

/// The generator for the sample of this index: the same on every machine and in every thread.
pub fn generator(seed: u64, index: u64) -> ChaCha8Rng {
    glyphic_data::rng(&[seed, index])
}

/// A step that changes a [`Scene`], as MMOCR's configurations write it: `{"type": "ResizeOCR", "height": 32}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Step {
    /// See [`ResizeOcr`].
    #[serde(rename = "ResizeOCR")]
    ResizeOcr(ResizeOcr),
    /// See [`ToTensorOcr`].
    #[serde(rename = "ToTensorOCR")]
    ToTensorOcr(ToTensorOcr),
    /// See [`NormalizeOcr`].
    #[serde(rename = "NormalizeOCR")]
    NormalizeOcr(NormalizeOcr),
    /// See [`OnlineCropOcr`].
    #[serde(rename = "OnlineCropOCR")]
    OnlineCropOcr(OnlineCropOcr),
    /// See [`RandomPaddingOcr`].
    #[serde(rename = "RandomPaddingOCR")]
    RandomPaddingOcr(RandomPaddingOcr),
    /// See [`RandomRotateImageBox`].
    #[serde(alias = "RandomRotateImage")]
    RandomRotateImageBox(RandomRotateImageBox),
    /// See [`FancyPca`].
    #[serde(rename = "FancyPCA")]
    FancyPca(FancyPca),
    /// See [`OpencvToPil`].
    OpencvToPil(OpencvToPil),
    /// See [`PilToOpencv`].
    PilToOpencv(PilToOpencv),
    /// See [`ImgAug`].
    ImgAug(ImgAug),
    /// See [`EastRandomCrop`].
    EastRandomCrop(EastRandomCrop),
    /// See [`RandomCropInstances`].
    RandomCropInstances(RandomCropInstances),
    /// See [`RandomCropPolyInstances`].
    RandomCropPolyInstances(RandomCropPolyInstances),
    /// See [`RandomCropFlip`].
    RandomCropFlip(RandomCropFlip),
    /// See [`RandomRotateTextDet`].
    RandomRotateTextDet(RandomRotateTextDet),
    /// See [`RandomRotatePolyInstances`].
    RandomRotatePolyInstances(RandomRotatePolyInstances),
    /// See [`RandomScaling`].
    RandomScaling(RandomScaling),
    /// See [`ScaleAspectJitter`].
    ScaleAspectJitter(ScaleAspectJitter),
    /// See [`SquareResizePad`].
    SquareResizePad(SquareResizePad),
    /// See [`ColorJitter`].
    ColorJitter(ColorJitter),
    /// See [`MultiRotateAugOcr`].
    #[serde(rename = "MultiRotateAugOCR")]
    MultiRotateAugOcr(MultiRotateAugOcr),
    /// See [`CustomFormatBundle`].
    CustomFormatBundle(CustomFormatBundle),
    /// See [`KieFormatBundle`].
    #[serde(rename = "KIEFormatBundle")]
    KieFormatBundle(KieFormatBundle),
    /// See [`ResizeNoImg`].
    ResizeNoImg(ResizeNoImg),
    /// See [`DbnetTargets`]; maps `gt_shrink`, `gt_shrink_mask`, `gt_thr`, `gt_thr_mask`.
    #[serde(rename = "DBNetTargets")]
    DbnetTargets(DbnetTargets),
    /// See [`PanetTargets`]; maps `gt_kernels`, `gt_mask`.
    #[serde(rename = "PANetTargets")]
    PanetTargets(PanetTargets),
    /// See [`PsenetTargets`]; maps `gt_kernels`, `gt_mask`.
    #[serde(rename = "PSENetTargets")]
    PsenetTargets(PsenetTargets),
    /// See [`TextsnakeTargets`]; maps `gt_text_mask`, `gt_center_region_mask`, `gt_mask`, `gt_radius_map`, `gt_sin_map`,
    /// `gt_cos_map`.
    #[serde(rename = "TextSnakeTargets")]
    TextsnakeTargets(TextsnakeTargets),
    /// See [`FcenetTargets`]; tensors `p3_maps`, `p4_maps`, `p5_maps` in [`Scene::levels`].
    #[serde(rename = "FCENetTargets")]
    FcenetTargets(FcenetTargets),
    /// See [`DrrgTargets`]; maps `gt_text_mask`, `gt_center_region_mask`, `gt_mask`, `gt_top_height_map`,
    /// `gt_bot_height_map`, `gt_sin_map`, `gt_cos_map`, and `gt_comp_attribs` in [`Scene::levels`].
    #[serde(rename = "DRRGTargets")]
    DrrgTargets(DrrgTargets),
    /// See [`OcrSegTargets`]; maps `gt_kernels`: attention kernels, segmentation kernels, mask.
    #[serde(rename = "OCRSegTargets")]
    OcrSegTargets(OcrSegTargets),
}

impl Step {
    /// The step's name in MMOCR.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ResizeOcr(_) => "ResizeOCR",
            Self::ToTensorOcr(_) => "ToTensorOCR",
            Self::NormalizeOcr(_) => "NormalizeOCR",
            Self::OnlineCropOcr(_) => "OnlineCropOCR",
            Self::RandomPaddingOcr(_) => "RandomPaddingOCR",
            Self::RandomRotateImageBox(_) => "RandomRotateImageBox",
            Self::FancyPca(_) => "FancyPCA",
            Self::OpencvToPil(_) => "OpencvToPil",
            Self::PilToOpencv(_) => "PilToOpencv",
            Self::ImgAug(_) => "ImgAug",
            Self::EastRandomCrop(_) => "EastRandomCrop",
            Self::RandomCropInstances(_) => "RandomCropInstances",
            Self::RandomCropPolyInstances(_) => "RandomCropPolyInstances",
            Self::RandomCropFlip(_) => "RandomCropFlip",
            Self::RandomRotateTextDet(_) => "RandomRotateTextDet",
            Self::RandomRotatePolyInstances(_) => "RandomRotatePolyInstances",
            Self::RandomScaling(_) => "RandomScaling",
            Self::ScaleAspectJitter(_) => "ScaleAspectJitter",
            Self::SquareResizePad(_) => "SquareResizePad",
            Self::ColorJitter(_) => "ColorJitter",
            Self::MultiRotateAugOcr(_) => "MultiRotateAugOCR",
            Self::CustomFormatBundle(_) => "CustomFormatBundle",
            Self::KieFormatBundle(_) => "KIEFormatBundle",
            Self::ResizeNoImg(_) => "ResizeNoImg",
            Self::DbnetTargets(_) => "DBNetTargets",
            Self::PanetTargets(_) => "PANetTargets",
            Self::PsenetTargets(_) => "PSENetTargets",
            Self::TextsnakeTargets(_) => "TextSnakeTargets",
            Self::FcenetTargets(_) => "FCENetTargets",
            Self::DrrgTargets(_) => "DRRGTargets",
            Self::OcrSegTargets(_) => "OCRSegTargets",
        }
    }

    /// Changes a scene; test-time augmentation makes several of one.
    ///
    /// # Errors
    /// Those of the step, and [`crate::Error::Step`] and [`crate::Error::Outline`] for a scene whose parts do not fit
    /// together.
    pub fn apply<R: Draws>(&self, mut scene: Scene, rng: &mut R) -> Result<Vec<Scene>> {
        scene.check(self.name())?;
        let s = &mut scene;
        match self {
            Self::ResizeOcr(step) => step.apply(s, 0)?,
            Self::ToTensorOcr(step) => step.apply(s),
            Self::NormalizeOcr(step) => step.apply(s)?,
            Self::OnlineCropOcr(step) => step.apply(s, rng)?,
            Self::RandomPaddingOcr(step) => step.apply(s, rng)?,
            Self::RandomRotateImageBox(step) => step.apply(s, rng)?,
            Self::FancyPca(step) => step.apply(s, rng)?,
            Self::OpencvToPil(step) => step.apply(s),
            Self::PilToOpencv(step) => step.apply(s),
            Self::ImgAug(step) => step.apply(s, rng)?,
            Self::EastRandomCrop(step) => step.apply(s, rng)?,
            Self::RandomCropInstances(step) => step.apply(s, rng)?,
            Self::RandomCropPolyInstances(step) => {
                step.apply(s, rng)?;
            }
            Self::RandomCropFlip(step) => {
                step.apply(s, rng)?;
            }
            Self::RandomRotateTextDet(step) => {
                step.apply(s, rng)?;
            }
            Self::RandomRotatePolyInstances(step) => {
                step.apply(s, rng)?;
            }
            Self::RandomScaling(step) => step.apply(s, rng)?,
            Self::ScaleAspectJitter(step) => step.apply(s, rng)?,
            Self::SquareResizePad(step) => step.apply(s, rng)?,
            Self::ColorJitter(step) => step.apply(s, rng)?,
            Self::MultiRotateAugOcr(step) => return step.apply(scene, rng),
            Self::CustomFormatBundle(step) => step.apply(s)?,
            Self::KieFormatBundle(step) => step.apply(s),
            Self::ResizeNoImg(step) => step.apply(s)?,
            Self::DbnetTargets(step) => {
                let m = step.maps_of(&outlines(s))?;
                let thr = f32_map(s, m.thr)?;
                put(s, "gt_shrink", vec![u8_map(s, m.shrink)?]);
                put(s, "gt_shrink_mask", vec![u8_map(s, m.shrink_mask)?]);
                put(s, "gt_thr", vec![thr]);
                put(s, "gt_thr_mask", vec![u8_map(s, m.thr_mask)?]);
            }
            Self::PanetTargets(step) => {
                let maps = step.maps_of(&outlines(s))?;
                put_kernels(s, maps)?;
            }
            Self::PsenetTargets(step) => {
                let maps = step.maps_of(&outlines(s))?;
                put_kernels(s, maps)?;
            }
            Self::TextsnakeTargets(step) => {
                let m = step.maps_of(&outlines(s))?;
                put(s, "gt_text_mask", vec![u8_map(s, m.text_mask)?]);
                put(s, "gt_center_region_mask", vec![u8_map(s, m.center_region_mask)?]);
                put(s, "gt_mask", vec![u8_map(s, m.mask)?]);
                put(s, "gt_radius_map", vec![f32_map(s, m.radius)?]);
                put(s, "gt_sin_map", vec![f32_map(s, m.sin)?]);
                put(s, "gt_cos_map", vec![f32_map(s, m.cos)?]);
            }
            Self::FcenetTargets(step) => {
                for (i, level) in step.levels_of(&outlines(s))?.into_iter().enumerate() {
                    let shape = [level.channels, level.height, level.width];
                    s.levels.insert(format!("p{}_maps", i + 3), Tensor { shape, data: level.maps });
                }
            }
            Self::DrrgTargets(step) => {
                let seed = rng.whole(0, 1 << 31) as u64;
                let m = step.maps_of(&outlines(s), &mut generator(seed, 0))?;
                put(s, "gt_text_mask", vec![u8_map(s, m.text_mask)?]);
                put(s, "gt_center_region_mask", vec![u8_map(s, m.center_region_mask)?]);
                put(s, "gt_mask", vec![u8_map(s, m.mask)?]);
                put(s, "gt_top_height_map", vec![f32_map(s, m.top_height)?]);
                put(s, "gt_bot_height_map", vec![f32_map(s, m.bot_height)?]);
                put(s, "gt_sin_map", vec![f32_map(s, m.sin)?]);
                put(s, "gt_cos_map", vec![f32_map(s, m.cos)?]);
                let shape = [1, m.comp_attribs.len() / 8, 8];
                s.levels.insert("gt_comp_attribs".to_owned(), Tensor { shape, data: m.comp_attribs });
            }
            Self::OcrSegTargets(step) => {
                let maps = seg_maps(step, s)?;
                put(s, "gt_kernels", maps);
            }
        }
        Ok(vec![scene])
    }
}

fn outlines(scene: &Scene) -> Outlines {
    let [height, width] = scene.picture.size();
    Outlines { height, width, texts: scene.texts.clone(), ignored: scene.ignored.clone() }
}

fn put(scene: &mut Scene, name: &str, maps: Vec<Picture>) {
    scene.masks.insert(name.to_owned(), maps);
}

fn u8_map(scene: &Scene, data: Vec<u8>) -> Result<Picture> {
    let [height, width] = scene.picture.size();
    Ok(Picture::U8(glyphic_imgproc::Raster::new(height, width, 1, data)?))
}

fn f32_map(scene: &Scene, data: Vec<f32>) -> Result<Picture> {
    let [height, width] = scene.picture.size();
    Ok(Picture::F32(glyphic_imgproc::Raster::new(height, width, 1, data)?))
}

/// The maps of a scene's characters, which steps before have brought to the picture's size.
fn seg_maps(step: &OcrSegTargets, scene: &Scene) -> Result<Vec<Picture>> {
    let texts: Vec<&str> = scene.characters.iter().map(|c| c.text.as_str()).collect();
    let classes = step.label_convertor.classes(&texts)?;
    let boxes: Vec<Vec<f64>> = scene
        .characters
        .iter()
        .map(|c| match step.box_type {
            CharBoxes::CharRects => c.rect().into(),
            CharBoxes::CharQuads => c.outline.iter().flat_map(|p| [p.x, p.y]).collect(),
        })
        .collect();
    let padded = scene.picture.size();
    let resized = [0, 1].map(|i| scene.meta.resize_shape[i].min(padded[i]));
    let maps = step.maps(resized, resized, padded, &boxes, &classes)?;
    let wide = |map: Vec<i32>| map.into_iter().map(|v| v as f32).collect();
    [maps.attention, maps.segmentation, maps.mask].map(|m| f32_map(scene, wide(m))).into_iter().collect()
}

fn put_kernels(scene: &mut Scene, maps: KernelMaps) -> Result<()> {
    let wide = |kernel: Vec<u16>| kernel.into_iter().map(f32::from).collect();
    let kernels = maps.kernels.into_iter().map(|k| f32_map(scene, wide(k))).collect::<Result<_>>()?;
    let mask = u8_map(scene, maps.mask)?;
    put(scene, "gt_kernels", kernels);
    put(scene, "gt_mask", vec![mask]);
    Ok(())
}

/// Steps, one after the other.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pipeline(pub Vec<Step>);

impl Pipeline {
    /// The scene after all steps: one, or several where a step is a test-time augmentation.
    ///
    /// # Errors
    /// Those of [`Step::apply`].
    pub fn apply<R: Draws>(&self, scene: Scene, rng: &mut R) -> Result<Vec<Scene>> {
        let mut scenes = vec![scene];
        for step in &self.0 {
            let mut next = Vec::with_capacity(scenes.len());
            for scene in scenes {
                next.extend(step.apply(scene, rng)?);
            }
            scenes = next;
        }
        Ok(scenes)
    }
}

#[cfg(test)]
mod tests;
