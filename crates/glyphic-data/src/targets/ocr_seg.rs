//! Targets of segmentation-based recognition: shrunk character boxes.
//!
//! Liao et al., "Scene Text Recognition from Two-Dimensional Perspective", AAAI 2019,
//! <https://arxiv.org/abs/1809.06508>.

use std::path::PathBuf;

use glyphic_imgproc::{Map, Pixel, fill_convex};
use serde::{Deserialize, Serialize};

use super::Compat;
use crate::{Error, Result};

/// How boxes of characters are given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CharBoxes {
    /// `[x_min, y_min, x_max, y_max]`.
    #[default]
    CharRects,
    /// `[x1, y1, x2, y2, x3, y3, x4, y4]`.
    CharQuads,
}

impl CharBoxes {
    /// The numbers of a box.
    pub fn numbers(self) -> usize {
        match self {
            Self::CharRects => 4,
            Self::CharQuads => 8,
        }
    }
}

/// How the targets of segmentation-based recognition are drawn.
///
/// By default all of the padding is marked as such; [`Compat::Mmocr021`] leaves out what lies below the picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OcrSegTargets {
    /// Size of the attention kernels against the character, above 0, below 1.
    pub attn_shrink_ratio: f64,
    /// Size of the segmentation kernels against the character, above 0, below 1.
    pub seg_shrink_ratio: f64,
    /// How boxes are given.
    pub box_type: CharBoxes,
    /// The value of padding in both kernel maps.
    pub pad_val: i32,
    /// The classes of a scene's characters; where numbers are given it is not looked at.
    pub label_convertor: SegClasses,
    /// Whose behaviour is wanted.
    pub compat: Compat,
}

impl Default for OcrSegTargets {
    fn default() -> Self {
        Self {
            attn_shrink_ratio: 0.5,
            seg_shrink_ratio: 0.25,
            box_type: CharBoxes::CharRects,
            pad_val: 255,
            label_convertor: SegClasses::default(),
            compat: Compat::Fixed,
        }
    }
}

/// The classes of characters, as MMOCR's `SegConvertor` numbers them: background 0, the dictionary from 1 on, then the
/// unknown character.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SegClasses {
    /// Named for MMOCR's configurations; only `SegConvertor` is there.
    #[serde(rename = "type")]
    pub kind: String,
    /// `DICT36` or `DICT90`, where no list or file is given.
    pub dict_type: String,
    /// A file of characters, one a line.
    pub dict_file: Option<PathBuf>,
    /// The characters.
    pub dict_list: Option<Vec<char>>,
    /// Whether there is a class for characters that are not in the dictionary.
    pub with_unknown: bool,
    /// Whether characters are lower-cased first.
    pub lower: bool,
    /// Named for MMOCR's configurations; targets do not depend on it.
    pub max_seq_len: Option<usize>,
}

impl Default for SegClasses {
    fn default() -> Self {
        Self {
            kind: "SegConvertor".to_owned(),
            dict_type: "DICT36".to_owned(),
            dict_file: None,
            dict_list: None,
            with_unknown: true,
            lower: false,
            max_seq_len: None,
        }
    }
}

impl SegClasses {
    /// The characters, the first of class 1.
    ///
    /// # Errors
    /// [`Error::Setup`] for another kind or dictionary, [`Error::Core`] for a file that is none.
    pub fn characters(&self) -> Result<Vec<char>> {
        let wrong = |reason: String| Err(Error::Setup { what: "SegConvertor", reason });
        if self.kind != "SegConvertor" {
            return wrong(format!(
                "type is {:?}, only SegConvertor numbers characters for segmentation",
                self.kind
            ));
        }
        if let Some(list) = &self.dict_list {
            return Ok(list.clone());
        }
        if let Some(path) = &self.dict_file {
            return Ok(glyphic_core::read_dict(path)?.chars().collect());
        }
        match self.dict_type.as_str() {
            "DICT36" => Ok(glyphic_core::DICT36.chars().collect()),
            "DICT90" => Ok(glyphic_core::DICT90.chars().collect()),
            other => wrong(format!("dict_type is {other:?}, it must be DICT36 or DICT90")),
        }
    }

    /// The class of each text, which should be one character.
    ///
    /// # Errors
    /// As for [`SegClasses::characters`], and an error for a character that is not in the dictionary where there
    /// is no class for those.
    pub fn classes(&self, texts: &[impl AsRef<str>]) -> Result<Vec<i32>> {
        let characters = self.characters()?;
        let class = |text: &str| -> Result<i32> {
            let text = if self.lower { text.to_lowercase() } else { text.to_owned() };
            let mut chars = text.chars();
            let found = match (chars.next(), chars.next()) {
                (Some(c), None) => characters.iter().position(|known| *known == c),
                _ => None,
            };
            match found {
                Some(i) => Ok(i as i32 + 1),
                None if self.with_unknown => Ok(characters.len() as i32 + 1),
                None => {
                    let reason = format!("{text:?} is not in the dictionary, and with_unknown is false");
                    Err(Error::Setup { what: "SegConvertor", reason })
                }
            }
        };
        texts.iter().map(|t| class(t.as_ref())).collect()
    }
}

/// Target maps of a line of text, each `[height, width]`.
#[derive(Debug, Clone, PartialEq)]
pub struct OcrSegMaps {
    /// Height in pixels, padding included.
    pub height: usize,
    /// Width in pixels, padding included.
    pub width: usize,
    /// 1 inside attention kernels, `pad_val` on padding, else 0.
    pub attention: Vec<i32>,
    /// A character's class inside its segmentation kernel, `pad_val` on padding, else 0.
    pub segmentation: Vec<i32>,
    /// 0 on padding, else 1.
    pub mask: Vec<i32>,
    /// The boxes in pixels of the resized picture, whole numbers.
    pub boxes: Vec<Vec<i64>>,
}

const WHAT: &str = "OCRSeg targets";

impl OcrSegTargets {
    /// The maps of characters, whose `boxes` are in pixels of a picture of size `image` that was resized to `resized`
    /// and padded to `padded`, each `[height, width]`; `classes` are the characters' class indices.
    ///
    /// # Errors
    /// [`Error::Setup`] for a ratio out of range, sizes without pixels or where padding is smaller than the picture,
    /// and where there are not as many classes as boxes; [`Error::Outline`] for a box of another count of numbers or
    /// with one that is not finite.
    pub fn maps(
        &self,
        image: [usize; 2],
        resized: [usize; 2],
        padded: [usize; 2],
        boxes: &[impl AsRef<[f64]>],
        classes: &[i32],
    ) -> Result<OcrSegMaps> {
        let fail = |reason: String| Err(Error::Setup { what: WHAT, reason });
        for (name, ratio) in
            [("attn_shrink_ratio", self.attn_shrink_ratio), ("seg_shrink_ratio", self.seg_shrink_ratio)]
        {
            if !(ratio > 0.0 && ratio < 1.0) {
                return fail(format!("{name} is {ratio}, it must be above 0 and below 1"));
            }
        }
        if [image, resized].iter().flatten().any(|side| *side == 0) {
            return fail(format!("{image:?} resized to {resized:?} (height, width) has no pixels"));
        }
        if padded[0] < resized[0] || padded[1] < resized[1] {
            return fail(format!("padding to {padded:?} (height, width) cuts a picture of {resized:?}"));
        }
        if boxes.len() != classes.len() {
            return fail(format!("{} boxes, but {} classes", boxes.len(), classes.len()));
        }
        let scale = [1.0 * resized[1] as f64 / image[1] as f64, 1.0 * resized[0] as f64 / image[0] as f64];
        let scaled = |(index, numbers): (usize, &[f64])| -> Result<Vec<i64>> {
            let expected = self.box_type.numbers();
            let wrong = |reason| Err(Error::Outline { list: "boxes", index, reason });
            if numbers.len() != expected {
                return wrong(format!("{} numbers, a box of this kind has {expected}", numbers.len()));
            }
            if let Some(v) = numbers.iter().find(|v| !v.is_finite()) {
                return wrong(format!("coordinate {v} is not finite"));
            }
            Ok(numbers
                .iter()
                .zip(scale.iter().cycle())
                .map(|(v, s)| (v * s).round_ties_even() as i64)
                .collect())
        };
        let boxes: Vec<Vec<i64>> =
            boxes.iter().map(AsRef::as_ref).enumerate().map(scaled).collect::<Result<_>>()?;
        let [height, width] = padded;
        let rows = if self.compat.is_reference() { resized[0] } else { height };
        let kernels = |ratio: f64, class: &dyn Fn(usize) -> i32| -> Result<Vec<i32>> {
            let mut map = Map::filled(width, height, 0i32)?;
            pad(&mut map, resized, rows, self.pad_val);
            for (i, numbers) in boxes.iter().enumerate() {
                fill_convex(&mut map, &self.shrunk(numbers, ratio), class(i));
            }
            Ok(map.into_data())
        };
        let mut mask = Map::filled(width, height, 1i32)?;
        pad(&mut mask, resized, rows, 0);
        Ok(OcrSegMaps {
            height,
            width,
            attention: kernels(self.attn_shrink_ratio, &|_| 1)?,
            segmentation: kernels(self.seg_shrink_ratio, &|i| classes[i])?,
            mask: mask.into_data(),
            boxes,
        })
    }

    fn shrunk(&self, numbers: &[i64], ratio: f64) -> Vec<Pixel> {
        let pixel = |x: f64, y: f64| [x.round_ties_even() as i32, y.round_ties_even() as i32];
        let wide: Vec<f64> = numbers.iter().map(|v| *v as f64).collect();
        if self.box_type == CharBoxes::CharRects {
            let (x, y) = (wide[0] + wide[2], wide[1] + wide[3]);
            let (w, h) = ((wide[2] - wide[0]) * ratio, (wide[3] - wide[1]) * ratio);
            let [x0, y0] = pixel((x - w) / 2.0, (y - h) / 2.0);
            let [x1, y1] = pixel((x + w) / 2.0, (y + h) / 2.0);
            return vec![[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
        }
        let corner = |i: usize| (wide[i % 4 * 2], wide[i % 4 * 2 + 1]);
        (0..4)
            .map(|i| {
                let ((x, y), (bx, by), (ax, ay)) = (corner(i), corner(i + 3), corner(i + 1));
                let length = |dx: f64, dy: f64| (dx * dx + dy * dy).sqrt();
                let (before, after) = (length(bx - x, by - y), length(ax - x, ay - y));
                let least = before.min(after);
                let share = |side: f64| if least == 0.0 { 0.0 } else { ratio * least / side };
                let (b, a) = (share(before), share(after));
                pixel(x + (bx - x) * b + (ax - x) * a, y + (by - y) * b + (ay - y) * a)
            })
            .collect()
    }
}

/// Marks what lies right of the picture, and below it down to `rows`.
fn pad(map: &mut Map<i32>, resized: [usize; 2], rows: usize, value: i32) {
    for y in 0..rows {
        let from = if y < resized[0] { resized[1] } else { 0 };
        map.row_mut(y)[from..].fill(value);
    }
}
