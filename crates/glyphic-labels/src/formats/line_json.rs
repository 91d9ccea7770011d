//! A JSON object a line, as MMOCR 0.x keeps its labels.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::findings::{Findings, Location, Warning};
use crate::formats::json;
use crate::formats::lines::Root;
use crate::formats::outline::{ILLEGIBLE, Instances, from_xywh};
use crate::formats::pack::class_of;
use crate::formats::records::{LineRecords, Records};
use crate::formats::sink::{Form, Losses};
use crate::formats::values::{json_into, size_of, xywh};
use crate::formats::{Format, Picture, Record, Truth};
use crate::json::{flag, segmentation};
use crate::{Error, Result};

#[derive(Deserialize)]
struct Scene {
    #[serde(alias = "filename")]
    file_name: String,
    width: Option<u32>,
    height: Option<u32>,
    #[serde(default)]
    annotations: Vec<Annotation>,
}

/// The outline stands under one of four names.
#[derive(Deserialize)]
struct Annotation {
    polygon: Option<Vec<f64>>,
    segmentation: Option<Value>,
    #[serde(rename = "box")]
    corners: Option<Vec<f64>>,
    bbox: Option<[f64; 4]>,
    iscrowd: Option<Value>,
    ignore: Option<Value>,
    text: Option<String>,
    label: Option<Value>,
    entity: Option<Value>,
}

#[derive(Deserialize)]
struct Crop {
    #[serde(alias = "file_name")]
    filename: String,
    text: String,
}

/// The outline of an annotation that has COCO's fields. What is wrong with `segmentation` is a warning where there is a
/// `bbox` to go by.
pub(super) fn coco_outline(
    segmentation_field: Option<&Value>,
    bbox: Option<[f64; 4]>,
    instances: &mut Instances<'_>,
) -> Option<Vec<f64>> {
    let several = |v: &Value| v.as_array().is_some_and(|l| l.len() > 1 && l.iter().all(Value::is_array));
    match segmentation_field.filter(|v| !v.is_null()).map(|v| (several(v), segmentation(v))) {
        Some((several, Ok(flat))) => {
            if several {
                instances.remark("segmentation has several parts", "the first of them is taken");
            }
            Some(flat)
        }
        Some((_, Err(reason))) => match bbox {
            Some(bbox) => {
                instances.remark(reason, "its bbox is taken");
                Some(from_xywh(bbox).to_vec())
            }
            None => {
                instances.skip(reason, "it is left out");
                None
            }
        },
        None => match bbox {
            Some(bbox) => Some(from_xywh(bbox).to_vec()),
            None => {
                instances.skip("there is neither segmentation nor bbox", "it is left out");
                None
            }
        },
    }
}

const SCENE: &str =
    "a JSON object with file_name and annotations, each with polygon, segmentation, box or bbox";

pub(super) fn detection(path: &Path, images: Option<&Path>) -> Result<Box<dyn Records>> {
    let mut root = Root::new(path, images);
    LineRecords::open(path, move |line, at, warnings| scene(line, at, &mut root, &[], warnings))
}

pub(super) fn scene(
    line: &str,
    at: &Location,
    root: &mut Root,
    classes: &[String],
    warnings: &mut Findings<Warning>,
) -> Result<Record> {
    let scene: Scene = json::parse(line.as_bytes(), at, SCENE)?;
    if scene.file_name.is_empty() {
        return Err(Error::Label {
            at: at.clone(),
            reason: "file_name is empty".to_owned(),
            expected: SCENE,
        });
    }
    let mut instances = Instances::new(at, warnings);
    for a in scene.annotations {
        let outline = match (a.polygon, a.corners) {
            (Some(flat), _) | (None, Some(flat)) => Some(flat),
            (None, None) => coco_outline(a.segmentation.as_ref(), a.bbox, &mut instances),
        };
        let Some(flat) = outline else { continue };
        let illegible = a.ignore.is_none() && a.text.as_deref() == Some(ILLEGIBLE);
        let ignore = flag(a.iscrowd.as_ref()) || flag(a.ignore.as_ref()) || illegible;
        let number = a.label.as_ref().and_then(Value::as_u64).and_then(|n| classes.get(n as usize));
        let named = number.filter(|name| !name.is_empty()).cloned();
        if let (Some(number), None, false) =
            (a.label.as_ref().and_then(Value::as_u64), &named, classes.is_empty())
        {
            instances
                .remark(format!("the class {number} is not in class_list.txt"), "its number is its label");
        }
        let label = named.map(Value::String).or(a.label);
        let label = class_of(a.entity.as_ref(), label.as_ref());
        instances.add(&flat, a.text, ignore, label);
    }
    Ok(Record {
        at: at.clone(),
        picture: Picture::File(root.join(&scene.file_name)),
        file_name: scene.file_name,
        size: scene.width.zip(scene.height),
        truth: Truth::Instances(instances.done()),
        fields: Vec::new(),
        links: Vec::new(),
    })
}

pub(super) fn recognition(path: &Path, images: Option<&Path>) -> Result<Box<dyn Records>> {
    let mut root = Root::new(path, images);
    LineRecords::open(path, move |line, at, _| crop(line, at, &mut root))
}

pub(super) fn crop(line: &str, at: &Location, root: &mut Root) -> Result<Record> {
    let crop: Crop = json::parse(line.as_bytes(), at, "a JSON object with filename and text")?;
    Ok(Record {
        at: at.clone(),
        picture: Picture::File(root.join(&crop.filename)),
        file_name: crop.filename,
        size: None,
        truth: Truth::Text(crop.text),
        fields: Vec::new(),
        links: Vec::new(),
    })
}

#[derive(Serialize)]
pub(super) struct SceneOut<'a, A> {
    pub(super) file_name: &'a str,
    pub(super) height: u32,
    pub(super) width: u32,
    pub(super) annotations: Vec<A>,
}

#[derive(Serialize)]
struct AnnotationOut<'a> {
    iscrowd: u8,
    category_id: u8,
    bbox: [f64; 4],
    segmentation: [Vec<f64>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
}

/// Writes `mmocr-det`.
pub(super) fn detection_form() -> Form {
    Box::new(|record, line, _: &mut Losses| {
        let Truth::Instances(instances) = &record.truth else { return Ok(()) };
        let (width, height) = size_of(record, Format::MmocrDet)?;
        let annotations = instances.iter().map(|i| AnnotationOut {
            iscrowd: u8::from(i.ignore),
            category_id: 1,
            bbox: xywh(&i.region.polygon),
            segmentation: [i.region.polygon.to_flat()],
            text: i.transcript.as_ref().map(|t| t.text.as_str()),
            label: i.label.as_deref(),
        });
        let annotations = annotations.collect();
        let out = SceneOut { file_name: &record.file_name, height, width, annotations };
        json_into(&out, record, Format::MmocrDet, line)
    })
}

#[derive(Serialize)]
struct CropOut<'a> {
    filename: &'a str,
    text: &'a str,
}

/// Writes `mmocr-rec`.
pub(super) fn recognition_form() -> Form {
    Box::new(|record, line, _: &mut Losses| {
        let Truth::Text(text) = &record.truth else { return Ok(()) };
        json_into(&CropOut { filename: &record.file_name, text }, record, Format::MmocrRec, line)
    })
}
