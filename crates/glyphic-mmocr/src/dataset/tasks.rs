use std::collections::BTreeMap;

use glyphic_core::{Entity, EntityText, OutlineTruth, Point};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::dataset::{Dataset, Info, Loader, Truths};
use crate::{Error, Result};
use glyphic_labels::Error as LabelError;
use glyphic_labels::Location;
use glyphic_labels::json::reason;
use glyphic_labels::json::{flag, segmentation};

/// Takes what a task needs out of an annotation.
pub(super) fn typed<T: DeserializeOwned>(info: Info, at: &Location, expected: &'static str) -> Result<T> {
    serde_json::from_value(Value::Object(info))
        .map_err(|e| Error::from(LabelError::Label { at: at.clone(), reason: reason(&e), expected }))
}

pub(super) fn wrong(at: &Location, reason: impl Into<String>, expected: &'static str) -> Error {
    Error::from(LabelError::Label { at: at.clone(), reason: reason.into(), expected })
}

/// Crops with their texts.
pub struct OcrDataset {
    /// Its annotations, with `filename` and `text`.
    pub loader: Loader,
    /// Before each file name.
    pub img_prefix: String,
    /// See [`Dataset::test_mode`].
    pub test_mode: bool,
}

/// What a recognition pipeline is given.
#[derive(Debug, Clone, PartialEq)]
pub struct OcrItem {
    /// The annotation.
    pub img_info: Info,
    /// Before the file name.
    pub img_prefix: String,
    /// What the crop says.
    pub text: String,
}

fn text_of(info: &Info, at: &Location) -> Result<String> {
    let text = info.get("text").and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| wrong(at, "there is no text", "an annotation with filename and text"))
}

impl Truths for OcrDataset {
    type Truth = String;
    type Error = Error;

    fn truths(&self) -> Result<Vec<String>> {
        texts(&self.loader)
    }
}

impl Dataset for OcrDataset {
    type Item = OcrItem;

    fn len(&self) -> usize {
        self.loader.len()
    }

    fn test_mode(&self) -> bool {
        self.test_mode
    }

    fn prepare(&self, index: usize) -> Result<OcrItem> {
        let img_info = self.loader.get(index)?;
        let text = text_of(&img_info, &self.loader.location(index))?;
        Ok(OcrItem { img_info, img_prefix: self.img_prefix.clone(), text })
    }
}

fn texts(loader: &Loader) -> Result<Vec<String>> {
    (0..loader.len()).map(|i| text_of(&loader.get(i)?, &loader.location(i))).collect()
}

/// Crops with a box for each character.
pub struct OcrSegDataset {
    /// Its annotations, with `file_name`, `annotations` and, to evaluate, `text`.
    pub loader: Loader,
    /// Before each file name.
    pub img_prefix: String,
    /// See [`Dataset::test_mode`].
    pub test_mode: bool,
}

/// What a segmentation-based recognizer's pipeline is given.
#[derive(Debug, Clone, PartialEq)]
pub struct OcrSegItem {
    /// The crop's file.
    pub filename: String,
    /// Before the file name.
    pub img_prefix: String,
    /// Its characters.
    pub ann_info: CharAnnotations,
}

/// Characters and where they stand, in pixels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CharAnnotations {
    /// The characters.
    pub chars: Vec<String>,
    /// Left, top, right, bottom of each.
    pub char_rects: Vec<[f64; 4]>,
    /// The corners of each, `x1, y1, ..., x4, y4`.
    pub char_quads: Vec<[f64; 8]>,
}

#[derive(Deserialize)]
struct Char {
    char_box: Vec<f64>,
    char_text: String,
    char_box_type: Option<String>,
}

#[derive(Deserialize)]
struct SegInfo {
    file_name: String,
    annotations: Vec<Char>,
}

impl Truths for OcrSegDataset {
    type Truth = String;
    type Error = Error;

    fn truths(&self) -> Result<Vec<String>> {
        texts(&self.loader)
    }
}

impl Dataset for OcrSegDataset {
    type Item = OcrSegItem;

    fn len(&self) -> usize {
        self.loader.len()
    }

    fn test_mode(&self) -> bool {
        self.test_mode
    }

    fn prepare(&self, index: usize) -> Result<OcrSegItem> {
        const EXPECTED: &str =
            "file_name and annotations, each with char_text and char_box of 4 or 8 numbers";
        let at = self.loader.location(index);
        let info: SegInfo = typed(self.loader.get(index)?, &at, EXPECTED)?;
        if info.annotations.is_empty() {
            return Err(wrong(&at, "there are no annotations", EXPECTED));
        }
        let mut ann_info = CharAnnotations::default();
        for c in info.annotations {
            let (rect, quad) = match c.char_box[..] {
                [a, b, w, h] => {
                    let [x0, y0, x1, y1] = match c.char_box_type.as_deref() {
                        None | Some("xyxy") => [a, b, w, h],
                        Some("xywh") => [a, b, a + w, b + h],
                        Some(other) => {
                            return Err(wrong(&at, format!("char_box_type {other:?}"), "xyxy or xywh"));
                        }
                    };
                    ([x0, y0, x1, y1], [x0, y0, x1, y0, x1, y1, x0, y1])
                }
                [x1, y1, x2, y2, x3, y3, x4, y4] => {
                    let (xs, ys) = ([x1, x2, x3, x4], [y1, y2, y3, y4]);
                    let least = |v: [f64; 4]| v.into_iter().fold(f64::INFINITY, f64::min);
                    let most = |v: [f64; 4]| v.into_iter().fold(f64::NEG_INFINITY, f64::max);
                    ([least(xs), least(ys), most(xs), most(ys)], [x1, y1, x2, y2, x3, y3, x4, y4])
                }
                _ => return Err(wrong(&at, format!("char_box of {} numbers", c.char_box.len()), EXPECTED)),
            };
            ann_info.chars.push(c.char_text);
            ann_info.char_rects.push(rect);
            ann_info.char_quads.push(quad);
        }
        Ok(OcrSegItem { filename: info.file_name, img_prefix: self.img_prefix.clone(), ann_info })
    }
}

/// Pictures with outlines of texts, a JSON object a line.
pub struct TextDetDataset {
    /// Its annotations, with `file_name`, `height`, `width` and `annotations`.
    pub loader: Loader,
    /// Before each file name.
    pub img_prefix: String,
    /// See [`Dataset::test_mode`].
    pub test_mode: bool,
}

/// What a detection pipeline is given.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectionItem {
    /// The picture's file.
    pub filename: String,
    /// Its height in pixels.
    pub height: u32,
    /// Its width in pixels.
    pub width: u32,
    /// Before the file name.
    pub img_prefix: String,
    /// Its texts.
    pub ann_info: DetectionAnnotations,
}

/// The texts of a picture, those to ignore apart. Coordinates are pixels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DetectionAnnotations {
    /// Four numbers a text, as they stand in the annotation ([`TextDetDataset`]: `bbox` unchanged, that is x, y, width,
    /// height; [`IcdarDataset`](crate::dataset::IcdarDataset): left, top, right, bottom).
    pub bboxes: Vec<[f32; 4]>,
    /// The class of each.
    pub labels: Vec<i64>,
    /// The vertices of each, `x1, y1, ...`; empty where there are none.
    pub masks: Vec<Vec<f64>>,
    /// As `bboxes`, of texts to ignore.
    pub bboxes_ignore: Vec<[f32; 4]>,
    /// As `masks`, of texts to ignore.
    pub masks_ignore: Vec<Vec<f64>>,
}

/// What results are held against.
pub(super) fn outlines(file_name: String, ann: DetectionAnnotations) -> OutlineTruth {
    let points = |masks: Vec<Vec<f64>>| -> Vec<Vec<Point>> {
        masks.iter().map(|flat| flat.chunks_exact(2).map(|c| Point::new(c[0], c[1])).collect()).collect()
    };
    OutlineTruth { file_name, outlines: points(ann.masks), ignored: points(ann.masks_ignore) }
}

#[derive(Deserialize)]
struct SceneInfo {
    file_name: String,
    height: Option<u32>,
    width: Option<u32>,
    #[serde(default)]
    annotations: Vec<Region>,
}

#[derive(Deserialize)]
struct Region {
    bbox: [f64; 4],
    category_id: Option<i64>,
    iscrowd: Option<Value>,
    segmentation: Option<Value>,
}

/// The vertices of a `segmentation`; none where there is none.
pub(super) fn mask(value: Option<&Value>, at: &Location) -> Result<Vec<f64>> {
    match value.filter(|v| !v.is_null()) {
        None => Ok(Vec::new()),
        Some(value) => segmentation(value).map_err(|r| wrong(at, r, "segmentation: [[x1, y1, ...]]")),
    }
}

impl TextDetDataset {
    fn parts(&self, index: usize) -> Result<(SceneInfo, DetectionAnnotations)> {
        let at = self.loader.location(index);
        let mut info: SceneInfo = typed(
            self.loader.get(index)?,
            &at,
            "file_name, height, width and annotations, each with bbox, category_id and segmentation",
        )?;
        let mut ann = DetectionAnnotations::default();
        for region in std::mem::take(&mut info.annotations) {
            let bbox = region.bbox.map(|v| v as f32);
            let mask = mask(region.segmentation.as_ref(), &at)?;
            if flag(region.iscrowd.as_ref()) {
                ann.bboxes_ignore.push(bbox);
                ann.masks_ignore.push(mask);
            } else {
                let label = region.category_id;
                ann.labels
                    .push(label.ok_or_else(|| wrong(&at, "there is no category_id", "a category_id each"))?);
                ann.bboxes.push(bbox);
                ann.masks.push(mask);
            }
        }
        Ok((info, ann))
    }
}

impl Truths for TextDetDataset {
    type Truth = OutlineTruth;
    type Error = Error;

    fn truths(&self) -> Result<Vec<OutlineTruth>> {
        let truth = |i| self.parts(i).map(|(info, ann)| outlines(info.file_name, ann));
        (0..self.loader.len()).map(truth).collect()
    }
}

impl Dataset for TextDetDataset {
    type Item = DetectionItem;

    fn len(&self) -> usize {
        self.loader.len()
    }

    fn test_mode(&self) -> bool {
        self.test_mode
    }

    fn prepare(&self, index: usize) -> Result<DetectionItem> {
        let (info, ann_info) = self.parts(index)?;
        let at = self.loader.location(index);
        let size = info.height.zip(info.width);
        let (height, width) =
            size.ok_or_else(|| wrong(&at, "there is no height or width", "both, in pixels"))?;
        Ok(DetectionItem {
            filename: info.file_name,
            height,
            width,
            img_prefix: self.img_prefix.clone(),
            ann_info,
        })
    }
}

/// Sentences with named entities.
pub struct NerDataset {
    /// Its annotations, with `text` and `label`.
    pub loader: Loader,
    /// See [`Dataset::test_mode`]; the reference never has it.
    pub test_mode: bool,
}

/// What a named entity pipeline is given.
#[derive(Debug, Clone, PartialEq)]
pub struct NerItem {
    /// The sentence.
    pub text: String,
    /// Its entities: class to surface to `[[first, last], ...]`, in characters.
    pub label: Value,
}

impl Truths for NerDataset {
    type Truth = EntityText;
    type Error = Error;

    /// The categories of a sentence in the order of their names, as JSON objects are held here; positions as they stand.
    fn truths(&self) -> Result<Vec<EntityText>> {
        const EXPECTED: &str = "label: {class: {surface: [[first, last], ...]}}, positions in characters";
        let truth = |i: usize| {
            let NerItem { text, label } = self.prepare(i)?;
            let labels: BTreeMap<String, BTreeMap<String, Vec<[i64; 2]>>> = serde_json::from_value(label)
                .map_err(|e| wrong(&self.loader.location(i), reason(&e), EXPECTED))?;
            let mut entities = Vec::new();
            for (category, surfaces) in labels {
                let places = surfaces.into_values().flatten();
                entities.extend(places.map(|[start, end]| Entity::new(category.clone(), start, end)));
            }
            Ok(EntityText { text: Some(text), entities })
        };
        (0..self.loader.len()).map(truth).collect()
    }
}

impl Dataset for NerDataset {
    type Item = NerItem;

    fn len(&self) -> usize {
        self.loader.len()
    }

    fn test_mode(&self) -> bool {
        self.test_mode
    }

    fn prepare(&self, index: usize) -> Result<NerItem> {
        let at = self.loader.location(index);
        let mut info = self.loader.get(index)?;
        let label = info.remove("label");
        let label =
            label.ok_or_else(|| wrong(&at, "there is no label", "an annotation with text and label"))?;
        Ok(NerItem { text: text_of(&info, &at)?, label })
    }
}
