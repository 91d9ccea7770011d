//! TextOCR: a JSON document with the objects `imgs` and `anns` (by id) and `imgToAnns`. The text `.` marks what is to be
//! ignored. <https://textvqa.org/textocr/>

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::findings::{Findings, Location, Warning};
use crate::formats::coco::{Image, Joined, Parse};
use crate::formats::json;
use crate::formats::lines::Root;
use crate::formats::out::{OutFile, Spool};
use crate::formats::outline::{Instances, from_xywh};
use crate::formats::sink::{Losses, Sink as FormatSink};
use crate::formats::values::{json_into, marked_text, size_of, xywh};
use crate::formats::{Format, Record, Truth};

const IGNORED: &str = ".";

#[derive(Deserialize)]
struct Annotation {
    points: Option<Vec<f64>>,
    bbox: Option<[f64; 4]>,
    utf8_string: Option<String>,
}

pub(super) fn open(path: &Path, images: Option<&Path>) -> Result<Joined<Parse>> {
    Joined::open(path, images, ["imgs", "anns"], Format::TextOcr, parse)
}

fn parse(
    image: &[u8],
    at: &Location,
    annotations: &[(Location, Vec<u8>)],
    root: &mut Root,
    warnings: &mut Findings<Warning>,
) -> Result<Record> {
    let image: Image = json::parse(image, at, "an image with id, file_name, width and height")?;
    let mut instances = Instances::new(at, warnings);
    for (place, bytes) in annotations {
        let a: Annotation = json::parse(bytes, place, "an annotation with points and utf8_string")?;
        let Some(flat) = a.points.or_else(|| a.bbox.map(|b| from_xywh(b).to_vec())) else {
            instances.skip("there are neither points nor bbox", "it is left out");
            continue;
        };
        let ignore = a.utf8_string.as_deref() == Some(IGNORED);
        instances.add(&flat, a.utf8_string, ignore, None);
    }
    Ok(image.record(at, root, instances))
}

#[derive(Serialize)]
struct ImageOut<'a> {
    id: &'a str,
    width: u32,
    height: u32,
    set: &'a str,
    file_name: &'a str,
}

#[derive(Serialize)]
struct AnnotationOut<'a> {
    id: &'a str,
    image_id: &'a str,
    bbox: [f64; 4],
    #[serde(skip_serializing_if = "Option::is_none")]
    utf8_string: Option<&'a str>,
    points: Vec<f64>,
    area: f64,
}

/// Writes the images as they come, the other two objects behind them at the end.
pub(super) struct Sink {
    out: OutFile,
    annotations: Spool,
    index: Spool,
    images: usize,
}

impl Sink {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let mut out = OutFile::create(path)?;
        out.put("{\"imgs\": {")?;
        Ok(Self { out, annotations: Spool::new(path)?, index: Spool::new(path)?, images: 0 })
    }
}

impl FormatSink for Sink {
    fn put(&mut self, record: &Record, _: &mut Losses) -> Result<()> {
        let Truth::Instances(instances) = &record.truth else { return Ok(()) };
        let (width, height) = size_of(record, Format::TextOcr)?;
        let between = if self.images == 0 { "\n" } else { ",\n" };
        let id = format!("{:012}", self.images);
        let mut image = format!("{between}\"{id}\": ");
        let head = ImageOut { id: &id, width, height, set: "train", file_name: &record.file_name };
        json_into(&head, record, Format::TextOcr, &mut image)?;
        let (mut text, mut ids) = (String::new(), Vec::new());
        for (k, i) in instances.iter().enumerate() {
            let name = format!("{id}_{}", k + 1);
            text.push_str(if self.annotations.len == 0 && k == 0 { "\n" } else { ",\n" });
            text.push_str(&format!("\"{name}\": "));
            let polygon = &i.region.polygon;
            let annotation = AnnotationOut {
                id: &name,
                image_id: &id,
                bbox: xywh(polygon),
                utf8_string: marked_text(i, Format::TextOcr),
                points: polygon.to_flat(),
                area: polygon.area(),
            };
            json_into(&annotation, record, Format::TextOcr, &mut text)?;
            ids.push(name);
        }
        let mut index = format!("{between}\"{id}\": ");
        json_into(&ids, record, Format::TextOcr, &mut index)?;
        self.images += 1;
        self.out.put(image)?;
        self.annotations.put(text)?;
        self.index.put(index)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let Self { out, annotations, index, .. } = &mut *self;
        out.put("\n},\n\"anns\": {")?;
        out.append(annotations)?;
        out.put("\n},\n\"imgToAnns\": {")?;
        out.append(index)?;
        out.put("\n}}\n")?;
        self.out.commit()
    }
}
