//! This project's folders.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::findings::{Findings, Location, Warning};
use crate::formats::json;
use crate::formats::lines::Root;
use crate::formats::out::{OutFile, OutFolder, Spool};
use crate::formats::outline::{ILLEGIBLE, Instances};
use crate::formats::records::{LineRecords, Records};
use crate::formats::sink::{Losses, Sink};
use crate::formats::values::size_of;
use crate::formats::{Format, Kind, Picture, Record, Truth, text};
use crate::{Error, Result};

#[derive(Deserialize)]
struct Line {
    file_name: String,
    width: Option<u32>,
    height: Option<u32>,
    #[serde(default)]
    annotations: Vec<Annotation>,
    #[serde(default)]
    key: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    links: Vec<[usize; 2]>,
}

#[derive(Deserialize)]
struct Annotation {
    polygon: Vec<f64>,
    text: Option<String>,
    ignore: Option<bool>,
    label: Option<serde_json::Value>,
    entity: Option<serde_json::Value>,
}

pub(super) fn open(folder: &Path) -> Result<Box<dyn Records>> {
    // The label file in a pack names the pack as well.
    let folder = match folder.file_name().and_then(|n| n.to_str()) {
        Some("gt.jsonl" | "labels.tsv") if folder.is_file() => folder.parent().unwrap_or(folder),
        _ => folder,
    };
    let (kind, labels) = recognise(folder)?;
    let folder = folder.to_owned();
    match kind {
        PackKind::Detection => {
            LineRecords::open(&labels, move |line, at, warnings| detection(&folder, line, at, warnings))
        }
        PackKind::Recognition => {
            let mut root = Root::new(&labels, Some(&folder.join("crops")));
            LineRecords::open(&labels, move |line, at, _| text::parse(line, at, "\t", &mut root))
        }
    }
}

/// One line of `gt.jsonl`.
fn detection(folder: &Path, line: &str, at: &Location, warnings: &mut Findings<Warning>) -> Result<Record> {
    let line: Line = json::parse(
        line.as_bytes(),
        at,
        "a JSON object with file_name, width, height and annotations, each with polygon: [x1, y1, ...]",
    )?;
    if line.file_name.is_empty() {
        return Err(Error::Label {
            at: at.clone(),
            reason: "file_name is empty".to_owned(),
            expected: "the name of a file in images/",
        });
    }
    let mut instances = Instances::new(at, warnings);
    // Which instance an annotation became.
    let mut index = Vec::with_capacity(line.annotations.len());
    for a in line.annotations {
        let illegible = a.ignore.is_none() && a.text.as_deref() == Some(ILLEGIBLE);
        let label = class_of(a.entity.as_ref(), a.label.as_ref());
        let next = instances.len();
        let added = instances.add(&a.polygon, a.text, a.ignore.unwrap_or(false) || illegible, label);
        index.push(added.map(|_| next));
    }
    let links = instances.linked(line.links, |annotation| index.get(annotation).copied().flatten());
    Ok(Record {
        at: at.clone(),
        picture: Picture::File(folder.join("images").join(&line.file_name)),
        file_name: line.file_name,
        size: line.width.zip(line.height),
        truth: Truth::Instances(instances.done()),
        fields: line.key.map(fields_of).unwrap_or_default(),
        links,
    })
}

/// The class of a region: what `entity` names, else `label`. An `entity` that is a number beside a `label` is the region's
/// place among the picture's entities, as FUNSD has it.
pub(super) fn class_of(
    entity: Option<&serde_json::Value>,
    label: Option<&serde_json::Value>,
) -> Option<String> {
    let label = label.and_then(label_of);
    match entity {
        Some(serde_json::Value::String(name)) => Some(name.clone()),
        other => label.or_else(|| other.and_then(label_of)),
    }
}

/// A label, be it a name or a number.
pub(super) fn label_of(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(label) => Some(label.clone()),
        other => Some(other.to_string()),
    }
}

/// Fields of a picture as a whole.
pub(super) fn fields_of(map: serde_json::Map<String, serde_json::Value>) -> Vec<(String, String)> {
    map.into_iter().map(|(k, v)| (k, label_of(&v).unwrap_or_default())).collect()
}

#[derive(Serialize)]
struct LineOut<'a> {
    file_name: &'a str,
    width: u32,
    height: u32,
    annotations: Vec<AnnotationOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    links: &'a [[usize; 2]],
}

#[derive(Serialize)]
struct AnnotationOut<'a> {
    polygon: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    ignore: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity: Option<&'a str>,
}

/// The line of `gt.jsonl` of a record whose picture is stored as `file_name`.
pub(super) fn detection_line(record: &Record, file_name: &str, line: &mut String) -> Result<()> {
    let Truth::Instances(instances) = &record.truth else { return Ok(()) };
    let (width, height) = size_of(record, Format::Pack)?;
    let annotations = instances.iter().map(|i| AnnotationOut {
        polygon: i.region.polygon.to_flat(),
        text: i.transcript.as_ref().map(|t| t.text.as_str()),
        ignore: i.ignore,
        entity: i.label.as_deref(),
    });
    let key = (!record.fields.is_empty())
        .then(|| record.fields.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect());
    let out =
        LineOut { file_name, width, height, annotations: annotations.collect(), key, links: &record.links };
    super::values::json_into(&out, record, Format::Pack, line)
}

/// The name that a picture gets in a pack: its own without the folders that lead out of the pack.
pub(super) fn stored_name(record: &Record) -> String {
    let path = Path::new(&record.file_name);
    let inside = path.components().all(|c| matches!(c, std::path::Component::Normal(_)));
    let mut name = match inside {
        true => PathBuf::from(path),
        false => path.file_name().map(PathBuf::from).unwrap_or_default(),
    };
    // A picture in an LMDB has a key for a name.
    if name.extension().is_none() && matches!(record.picture, Picture::Stored { .. }) {
        let extension = record.head().map_or("jpg", |head| head.extension);
        name.set_extension(extension);
    }
    name.to_string_lossy().replace('\\', "/")
}

/// Our packs, whose kind the first record tells.
pub(super) struct PackSink {
    folder: OutFolder,
    labels: Spool,
    kind: Option<Kind>,
}

impl PackSink {
    pub(super) fn create(path: &Path) -> Result<Self> {
        Ok(Self { folder: OutFolder::create(path)?, labels: Spool::new(path)?, kind: None })
    }
}

impl Sink for PackSink {
    fn put(&mut self, record: &Record, _: &mut Losses) -> Result<()> {
        let kind = record.truth.kind();
        let unfit =
            |reason: String| Err(Error::Unfit { at: record.at.clone(), format: Format::Pack.name(), reason });
        if *self.kind.get_or_insert(kind) != kind {
            return unfit("a pack holds either regions or crops, and began with the other".to_owned());
        }
        let name = stored_name(record);
        if name.is_empty() {
            return unfit("its picture has no name".to_owned());
        }
        let mut line = String::new();
        let place = match &record.truth {
            Truth::Text(text) => {
                let renamed = Record { file_name: name.clone(), ..record.clone() };
                text::put(&renamed, text, "\t", Format::Pack, &mut line)?;
                "crops"
            }
            _ => {
                detection_line(record, &name, &mut line)?;
                "images"
            }
        };
        line.push('\n');
        self.folder.write(&Path::new(place).join(&name), &record.bytes()?)?;
        self.labels.put(line)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let (labels, place) = match self.kind {
            Some(Kind::Text) => ("labels.tsv", "crops"),
            _ => ("gt.jsonl", "images"),
        };
        let folder = self.folder.inside(place);
        std::fs::create_dir_all(&folder).map_err(|source| Error::Write { path: folder, source })?;
        let mut out = OutFile::create(&self.folder.inside(labels))?;
        out.append(&mut self.labels)?;
        out.commit()?;
        self.folder.commit()
    }
}

/// What a pack holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackKind {
    /// Whole pictures with polygons.
    Detection,
    /// Crops of one word or line each.
    Recognition,
}

/// What a folder is, and its label file.
pub(crate) fn recognise(folder: &Path) -> Result<(PackKind, PathBuf)> {
    let no_pack = |found: String| Err(Error::NoPack { path: folder.to_owned(), found });
    if !folder.is_dir() {
        return no_pack(if folder.exists() { "it is a file" } else { "it does not exist" }.to_owned());
    }
    let (gt, labels) = (folder.join("gt.jsonl"), folder.join("labels.tsv"));
    match (gt.is_file(), labels.is_file()) {
        (true, false) if folder.join("images").is_dir() => Ok((PackKind::Detection, gt)),
        (false, true) if folder.join("crops").is_dir() => Ok((PackKind::Recognition, labels)),
        (true, true) => no_pack("it holds both gt.jsonl and labels.tsv".to_owned()),
        (true, false) => no_pack("it holds gt.jsonl but no folder images/".to_owned()),
        (false, true) => no_pack("it holds labels.tsv but no folder crops/".to_owned()),
        (false, false) => {
            let mut parts: Vec<String> = std::fs::read_dir(folder)
                .map_err(|source| Error::Read { path: folder.to_owned(), source })?
                .filter_map(|entry| entry.ok())
                .filter(|entry| recognise(&entry.path()).is_ok())
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect();
            parts.sort();
            match parts.as_slice() {
                [] => no_pack("it holds neither gt.jsonl nor labels.tsv".to_owned()),
                parts => no_pack(format!("the packs are its folders {}, name one of them", parts.join(", "))),
            }
        }
    }
}
