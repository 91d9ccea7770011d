//! PaddleOCR's labels for detection: the file, a TAB, a JSON list of `transcription` and `points`; `###` or `*` marks what
//! is to be ignored. Key information has a `label` (or `key_cls`) each as well.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::formats::lines::Root;
use crate::formats::outline::{ILLEGIBLE, Instances};
use crate::formats::records::{LineRecords, Records};
use crate::formats::sink::Form;
use crate::formats::values::{json_into, marked_text};
use crate::formats::{Format, Picture, Record, Truth, json};
use crate::{Error, Result};

#[derive(Deserialize)]
struct Annotation {
    transcription: Option<String>,
    points: Vec<[f64; 2]>,
    #[serde(alias = "key_cls")]
    label: Option<String>,
}

pub(super) fn open(path: &Path, images: Option<&Path>) -> Result<Box<dyn Records>> {
    const EXPECTED: &str = "the picture's file name, a TAB, a JSON list of transcription and points";
    let mut root = Root::new(path, images);
    LineRecords::open(path, move |line, at, warnings| {
        let fail = |reason: &str| {
            Err(Error::Label { at: at.clone(), reason: reason.to_owned(), expected: EXPECTED })
        };
        let Some((name, list)) = line.split_once('\t') else { return fail("there is no TAB in the line") };
        if name.is_empty() {
            return fail("there is no file name before the TAB");
        }
        let annotations: Vec<Annotation> = json::parse(list.as_bytes(), at, EXPECTED)?;
        let mut instances = Instances::new(at, warnings);
        for a in annotations {
            let flat: Vec<f64> = a.points.into_iter().flatten().collect();
            let ignore = matches!(a.transcription.as_deref(), Some(ILLEGIBLE | "*"));
            instances.add(&flat, a.transcription, ignore, a.label);
        }
        Ok(Record {
            at: at.clone(),
            file_name: name.to_owned(),
            picture: Picture::File(root.join(name)),
            size: None,
            truth: Truth::Instances(instances.done()),
            fields: Vec::new(),
            links: Vec::new(),
        })
    })
}

#[derive(Serialize)]
struct AnnotationOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    transcription: Option<&'a str>,
    points: Vec<[f64; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
}

pub(super) fn form() -> Form {
    Box::new(|record, line, _| {
        let Truth::Instances(instances) = &record.truth else { return Ok(()) };
        if record.file_name.contains(['\t', '\n', '\r']) {
            return Err(Error::Unfit {
                at: record.at.clone(),
                format: Format::PaddleDet.name(),
                reason: format!("the file name {:?} holds a TAB or line break", record.file_name),
            });
        }
        line.push_str(&record.file_name);
        line.push('\t');
        let list = instances.iter().map(|i| AnnotationOut {
            transcription: marked_text(i, Format::PaddleDet),
            points: i.region.polygon.points().iter().map(|p| [p.x, p.y]).collect(),
            label: i.label.as_deref(),
        });
        json_into(&list.collect::<Vec<_>>(), record, Format::PaddleDet, line)
    })
}
