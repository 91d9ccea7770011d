//! Label Studio's JSON export of OCR projects: a list of tasks; the results of a task share an id by region, coordinates
//! are percents of the picture. <https://labelstud.io/templates/optical_character_recognition>

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::findings::{Findings, Location, Warning};
use crate::formats::json::{self, Elements};
use crate::formats::lines::Root;
use crate::formats::out::OutFile;
use crate::formats::outline::{ILLEGIBLE, Instances};
use crate::formats::records::Records;
use crate::formats::sink::{Losses, Sink as FormatSink};
use crate::formats::values::{json_into, marked_text, size_of};
use crate::formats::{Format, Picture, Record, Truth};
use crate::{Error, Result};

const EXPECTED: &str = "a task with data and annotations, as Label Studio exports it";

/// Where uploads and local files are served.
const SERVED: [&str; 2] = ["/data/local-files/?d=", "/data/upload/"];

#[derive(Deserialize)]
struct Task {
    data: Map<String, Value>,
    #[serde(default, alias = "completions")]
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Annotation {
    #[serde(default)]
    result: Vec<Part>,
    #[serde(default)]
    was_cancelled: bool,
}

#[derive(Deserialize)]
struct Part {
    id: Option<String>,
    /// The regions that a relation joins.
    from_id: Option<String>,
    to_id: Option<String>,
    original_width: Option<u32>,
    original_height: Option<u32>,
    #[serde(default)]
    value: Shape,
}

#[derive(Deserialize, Default)]
struct Shape {
    x: Option<f64>,
    y: Option<f64>,
    width: Option<f64>,
    height: Option<f64>,
    #[serde(default)]
    rotation: f64,
    points: Option<Vec<[f64; 2]>>,
    text: Option<Value>,
    #[serde(alias = "rectanglelabels", alias = "polygonlabels")]
    labels: Option<Vec<String>>,
}

impl Shape {
    /// The outline in pixels. A rectangle turns about its top-left corner, clockwise.
    fn outline(&self, (w, h): (f64, f64)) -> Option<Vec<f64>> {
        if let Some(points) = &self.points {
            return Some(points.iter().flat_map(|p| [p[0] * w / 100.0, p[1] * h / 100.0]).collect());
        }
        let (x, y) = (self.x? * w / 100.0, self.y? * h / 100.0);
        let (width, height) = (self.width? * w / 100.0, self.height? * h / 100.0);
        let (sin, cos) = if self.rotation == 0.0 { (0.0, 1.0) } else { self.rotation.to_radians().sin_cos() };
        let corner = |dx: f64, dy: f64| [x + dx * cos - dy * sin, y + dx * sin + dy * cos];
        Some([corner(0.0, 0.0), corner(width, 0.0), corner(width, height), corner(0.0, height)].concat())
    }
}

pub(super) struct Reader {
    elements: Elements,
    root: Root,
}

impl Reader {
    pub(super) fn open(path: &Path, images: Option<&Path>) -> Result<Self> {
        Ok(Self { elements: Elements::open(path, None)?, root: Root::new(path, images) })
    }

    fn record(
        element: Result<(Location, &[u8])>,
        root: &mut Root,
        warnings: &mut Findings<Warning>,
    ) -> Result<Record> {
        let (at, bytes) = element?;
        let task: Task = json::parse(bytes, &at, EXPECTED)?;
        let fail =
            |reason: &str| Error::Label { at: at.clone(), reason: reason.to_owned(), expected: EXPECTED };
        let url = ["ocr", "image", "img"]
            .iter()
            .find_map(|key| task.data.get(*key)?.as_str())
            .or_else(|| task.data.values().find_map(Value::as_str))
            .ok_or_else(|| fail("data names no picture"))?;
        let file_name = name_of(url);
        let mut instances = Instances::new(&at, warnings);
        let mut regions = task.annotations.into_iter().filter(|a| !a.was_cancelled);
        let parts = regions.next().map(|a| a.result).unwrap_or_default();
        if regions.next().is_some() {
            instances.remark("there are several annotations of the picture", "the first of them is taken");
        }
        let size = parts.iter().find_map(|p| p.original_width.zip(p.original_height));
        // The parts of a region in the order in which regions begin.
        let mut order = Vec::new();
        let mut by_id: BTreeMap<String, Vec<Part>> = BTreeMap::new();
        let (mut index, mut relations) = (BTreeMap::new(), Vec::new());
        for (k, part) in parts.into_iter().enumerate() {
            if let (Some(from), Some(to)) = (&part.from_id, &part.to_id) {
                relations.push([from.clone(), to.clone()]);
                continue;
            }
            let id = part.id.clone().unwrap_or_else(|| format!("\0{k}"));
            if !by_id.contains_key(&id) {
                order.push(id.clone());
            }
            by_id.entry(id).or_default().push(part);
        }
        for id in order {
            let parts = by_id.remove(&id).unwrap_or_default();
            let (w, h) = size.ok_or_else(|| fail("there is no original_width and original_height"))?;
            let Some(flat) = parts.iter().find_map(|p| p.value.outline((f64::from(w), f64::from(h)))) else {
                instances.skip("the region has neither rectangle nor polygon", "it is left out");
                continue;
            };
            let text = parts.iter().find_map(|p| p.value.text.as_ref()).map(|text| match text {
                Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"),
                other => other.as_str().unwrap_or_default().to_owned(),
            });
            let label = parts.iter().find_map(|p| p.value.labels.as_ref()?.first().cloned());
            let ignore = text.as_deref() == Some(ILLEGIBLE);
            let next = instances.len();
            if instances.add(&flat, text, ignore, label).is_some() {
                index.insert(id, next);
            }
        }
        let pairs = relations.iter().map(|pair| pair.each_ref().map(String::as_str));
        let links = instances.linked(pairs, |id| index.get(id).copied());
        Ok(Record {
            picture: Picture::File(root.join(&file_name)),
            file_name,
            size,
            truth: Truth::Instances(instances.done()),
            fields: Vec::new(),
            links,
            at,
        })
    }
}

/// The picture's path behind what Label Studio puts before it.
fn name_of(url: &str) -> String {
    for served in SERVED {
        if let Some((_, rest)) = url.split_once(served) {
            // An upload is in a folder of its project's number.
            let rest = match rest.split_once('/') {
                Some((number, name))
                    if served.ends_with("upload/") && number.bytes().all(|b| b.is_ascii_digit()) =>
                {
                    name
                }
                _ => rest,
            };
            return rest.to_owned();
        }
    }
    match url.split_once("://") {
        Some((_, rest)) => rest.rsplit('/').next().unwrap_or(rest).to_owned(),
        None => url.to_owned(),
    }
}

impl Records for Reader {
    fn next(&mut self, warnings: &mut Findings<Warning>) -> Option<Result<Record>> {
        Some(Self::record(self.elements.next()?, &mut self.root, warnings))
    }
}

/// Writes tasks with one annotation each.
pub(super) struct Sink {
    out: OutFile,
    tasks: usize,
}

impl Sink {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let mut out = OutFile::create(path)?;
        out.put("[")?;
        Ok(Self { out, tasks: 0 })
    }
}

impl FormatSink for Sink {
    fn put(&mut self, record: &Record, _: &mut Losses) -> Result<()> {
        let Truth::Instances(instances) = &record.truth else { return Ok(()) };
        let (width, height) = size_of(record, Format::LabelStudio)?;
        let mut result = Vec::new();
        for (k, i) in instances.iter().enumerate() {
            let percent = |p: &glyphic_core::Point| {
                json!([p.x * 100.0 / f64::from(width), p.y * 100.0 / f64::from(height)])
            };
            let points: Vec<Value> = i.region.polygon.points().iter().map(percent).collect();
            let id = format!("region{k}");
            let mut part = |kind: &str, from: &str, key: &str, value: Value| {
                let mut shape = json!({ "points": points, "closed": true });
                shape[key] = value;
                result.push(json!({
                    "original_width": width, "original_height": height, "image_rotation": 0,
                    "id": id, "from_name": from, "to_name": "image", "type": kind, "value": shape,
                }));
            };
            part("polygon", "poly", "closed", Value::Bool(true));
            if let Some(label) = &i.label {
                part("labels", "label", "labels", json!([label]));
            }
            if let Some(text) = marked_text(i, Format::LabelStudio) {
                part("textarea", "transcription", "text", json!([text]));
            }
        }
        result.extend(record.links.iter().map(|[from, to]| {
            let [from, to] = [from, to].map(|k| format!("region{k}"));
            json!({ "type": "relation", "from_id": from, "to_id": to, "direction": "right" })
        }));
        let task = json!({
            "id": self.tasks + 1,
            "data": { "ocr": record.file_name },
            "annotations": [{ "result": result, "was_cancelled": false }],
        });
        let mut text = if self.tasks == 0 { "\n" } else { ",\n" }.to_owned();
        json_into(&task, record, Format::LabelStudio, &mut text)?;
        self.tasks += 1;
        self.out.put(text)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.out.put("\n]\n")?;
        self.out.commit()
    }
}
