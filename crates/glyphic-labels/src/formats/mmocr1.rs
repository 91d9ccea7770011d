//! MMOCR 1.x: a JSON document with `metainfo` and `data_list`, of pictures with polygons or of crops with texts.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::findings::{Findings, Warning};
use crate::formats::json::{self, Elements};
use crate::formats::lines::Root;
use crate::formats::out::OutFile;
use crate::formats::outline::{ILLEGIBLE, Instances, from_bounds};
use crate::formats::pack::label_of;
use crate::formats::records::Records;
use crate::formats::sink::{Losses, Sink as FormatSink};
use crate::formats::values::{json_into, size_of};
use crate::formats::{Format, Kind, Picture, Record, Truth};
use crate::json::flag;
use crate::{Error, Result};

#[derive(Deserialize)]
struct Item {
    img_path: String,
    width: Option<u32>,
    height: Option<u32>,
    #[serde(default)]
    instances: Vec<Instance>,
}

#[derive(Deserialize)]
struct Instance {
    polygon: Option<Vec<f64>>,
    bbox: Option<[f64; 4]>,
    ignore: Option<Value>,
    text: Option<String>,
    label: Option<Value>,
}

pub(super) struct Reader {
    elements: Elements,
    root: Root,
}

impl Reader {
    pub(super) fn open(path: &Path, images: Option<&Path>) -> Result<Self> {
        Ok(Self { elements: Elements::open(path, Some("data_list"))?, root: Root::new(path, images) })
    }

    fn record(
        element: Result<(crate::Location, &[u8])>,
        root: &mut Root,
        warnings: &mut Findings<Warning>,
    ) -> Result<Record> {
        const EXPECTED: &str = "an object with img_path and instances, each with polygon, bbox or text";
        let (at, bytes) = element?;
        let item: Item = json::parse(bytes, &at, EXPECTED)?;
        let crop = matches!(item.instances.as_slice(), [one] if one.polygon.is_none() && one.bbox.is_none());
        let truth = if crop {
            let text = item.instances.into_iter().next().and_then(|i| i.text);
            Truth::Text(text.ok_or_else(|| Error::Label {
                at: at.clone(),
                reason: "the instance has neither polygon, bbox nor text".to_owned(),
                expected: EXPECTED,
            })?)
        } else {
            let mut instances = Instances::new(&at, warnings);
            for i in item.instances {
                let Some(flat) = i.polygon.or_else(|| i.bbox.map(|b| from_bounds(b).to_vec())) else {
                    instances.skip("there is neither polygon nor bbox", "it is left out");
                    continue;
                };
                let illegible = i.ignore.is_none() && i.text.as_deref() == Some(ILLEGIBLE);
                let label = i.label.as_ref().and_then(label_of);
                instances.add(&flat, i.text, flag(i.ignore.as_ref()) || illegible, label);
            }
            Truth::Instances(instances.done())
        };
        Ok(Record {
            picture: Picture::File(root.join(&item.img_path)),
            file_name: item.img_path,
            size: item.width.zip(item.height),
            truth,
            fields: Vec::new(),
            links: Vec::new(),
            at,
        })
    }
}

impl Records for Reader {
    fn next(&mut self, warnings: &mut Findings<Warning>) -> Option<Result<Record>> {
        Some(Self::record(self.elements.next()?, &mut self.root, warnings))
    }
}

#[derive(Serialize)]
struct ItemOut<'a> {
    img_path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    instances: Vec<InstanceOut<'a>>,
}

#[derive(Serialize, Default)]
struct InstanceOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    polygon: Option<Vec<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bbox: Option<[f64; 4]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bbox_label: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ignore: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
}

/// Writes the document; the first record tells of which kind.
pub(super) struct Sink {
    out: OutFile,
    kind: Option<Kind>,
}

impl Sink {
    pub(super) fn create(path: &Path) -> Result<Self> {
        Ok(Self { out: OutFile::create(path)?, kind: None })
    }

    fn head(&mut self, kind: Kind) -> Result<()> {
        self.kind = Some(kind);
        let meta = match kind {
            Kind::Text => r#""dataset_type": "TextRecogDataset", "task_name": "textrecog""#,
            _ => {
                r#""dataset_type": "TextDetDataset", "task_name": "textdet", "category": [{"id": 0, "name": "text"}]"#
            }
        };
        self.out.put(format!("{{\"metainfo\": {{{meta}}},\n\"data_list\": ["))
    }
}

impl FormatSink for Sink {
    fn put(&mut self, record: &Record, _: &mut Losses) -> Result<()> {
        let kind = record.truth.kind();
        let first = self.kind.is_none();
        match self.kind {
            None => self.head(kind)?,
            Some(begun) if begun == kind => {}
            Some(begun) => {
                return Err(Error::Unfit {
                    at: record.at.clone(),
                    format: Format::Mmocr1.name(),
                    reason: format!("the document began with {begun}; it holds one kind"),
                });
            }
        }
        let (size, instances) = match &record.truth {
            Truth::Text(text) => (record.size, vec![InstanceOut { text: Some(text), ..Default::default() }]),
            Truth::Instances(instances) => {
                let out = instances.iter().map(|i| {
                    let b = i.region.polygon.bounds();
                    InstanceOut {
                        polygon: Some(i.region.polygon.to_flat()),
                        bbox: Some([b.x0, b.y0, b.x1, b.y1]),
                        bbox_label: Some(0),
                        ignore: Some(i.ignore),
                        text: i.transcript.as_ref().map(|t| t.text.as_str()),
                        label: i.label.as_deref(),
                    }
                });
                (Some(size_of(record, Format::Mmocr1)?), out.collect())
            }
            Truth::Sentence { .. } => return Ok(()),
        };
        let (width, height) = (size.map(|s| s.0), size.map(|s| s.1));
        let item = ItemOut { img_path: &record.file_name, height, width, instances };
        let mut text = if first { "\n" } else { ",\n" }.to_owned();
        json_into(&item, record, Format::Mmocr1, &mut text)?;
        self.out.put(text)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if self.kind.is_none() {
            self.head(Kind::Instances)?;
        }
        self.out.put("\n]}\n")?;
        self.out.commit()
    }
}
