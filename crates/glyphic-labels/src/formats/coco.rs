//! COCO: a JSON document with `images`, `annotations` and `categories`. The annotations of an image may stand anywhere in
//! the document: what is kept in memory is where they stand, not what they say.
//! <https://cocodataset.org/#format-data>

use std::collections::{BTreeMap, BTreeSet, HashMap, hash_map};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::vec;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::findings::{Findings, Location, Warning};
use crate::formats::json::{self, Scanner, Span, Spans};
use crate::formats::line_json::coco_outline;
use crate::formats::lines::Root;
use crate::formats::out::{OutFile, Spool};
use crate::formats::outline::{ILLEGIBLE, Instances};
use crate::formats::records::Records;
use crate::formats::sink::{Losses, Sink as FormatSink};
use crate::formats::values::{size_of, xywh};
use crate::formats::{Format, Picture, Record, Truth};
use crate::json::flag;
use crate::{Error, Result};

/// An id, be it a number or a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(untagged)]
pub(super) enum Id {
    Number(i64),
    Name(String),
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(id) => write!(f, "{id}"),
            Self::Name(id) => write!(f, "{id:?}"),
        }
    }
}

/// A document of images and annotations that are joined by the image's id.
pub(super) struct Joined<P> {
    spans: Spans,
    images: vec::IntoIter<(Id, Span)>,
    /// By image, in the order of the document.
    annotations: Vec<(Id, Span, usize)>,
    root: Root,
    parse: P,
    /// What is wrong between the tables, told with the first record.
    references: Findings<Warning>,
}

#[derive(Deserialize)]
struct WithId {
    id: Id,
}

#[derive(Deserialize)]
struct WithImage {
    id: Option<Id>,
    image_id: Id,
    category_id: Option<Id>,
}

/// Collects what the annotations of a document refer to.
#[derive(Default)]
struct References {
    /// Of each id of an annotation its line.
    ids: HashMap<Id, u32>,
    /// Of each category that annotations name the first of them: its number and line; and how many there are.
    categories: BTreeMap<Id, (usize, u32, usize)>,
    /// The ids in `categories`, where the document has the list.
    known: Option<BTreeSet<Id>>,
    found: Findings<Warning>,
}

impl References {
    fn annotation(&mut self, number: usize, at: &Location, annotation: WithImage) {
        let line = at.line as u32;
        if let Some(category) = annotation.category_id {
            self.categories.entry(category).or_insert((number, line, 0)).2 += 1;
        }
        if let Some(id) = annotation.id {
            match self.ids.entry(id) {
                hash_map::Entry::Occupied(first) => {
                    let reason = format!(
                        "the annotation id {} is not unique, first on line {}",
                        first.key(),
                        first.get()
                    );
                    self.found.add(warning(at, number, reason, "both annotations are kept"));
                }
                hash_map::Entry::Vacant(free) => drop(free.insert(line)),
            }
        }
    }

    /// Checks what is known at the end of the document. `annotations` are sorted by image, `images` are the ids there are.
    fn finish(
        mut self,
        file: &Arc<Path>,
        annotations: &[(Id, Span, usize)],
        images: &BTreeSet<&Id>,
        names: [&str; 2],
    ) -> Findings<Warning> {
        let place = |line: u32| Location { file: file.clone(), line: line as usize };
        for (image, span, number) in annotations.iter().filter(|(image, ..)| !images.contains(image)) {
            let reason = format!("the image id {image} is not in {:?}", names[0]);
            self.found.add(warning(&place(span.line), *number, reason, "the annotation is left out"));
        }
        let Some(known) = &self.known else { return self.found };
        for (id, (number, line, count)) in self.categories.iter().filter(|(id, _)| !known.contains(id)) {
            let others = if *count > 1 { format!(" ({count} annotations)") } else { String::new() };
            let reason = format!("the category id {id} is not in \"categories\"{others}");
            self.found.add(warning(
                &place(*line),
                *number,
                reason,
                "the annotation is kept without a category",
            ));
        }
        self.found
    }
}

fn warning(at: &Location, annotation: usize, reason: String, remedy: &'static str) -> Warning {
    Warning { at: at.clone(), annotation, reason, remedy }
}

fn id_of<T: DeserializeOwned>(json: &[u8], at: &Location, expected: &'static str) -> Result<T> {
    json::parse(json, at, expected)
}

/// Makes a record of an image and its annotations, each the bytes of its JSON.
pub(super) type Parse =
    fn(&[u8], &Location, &[(Location, Vec<u8>)], &mut Root, &mut Findings<Warning>) -> Result<Record>;

impl Joined<Parse> {
    /// Indexes a document whose images and annotations are the elements of the arrays (or members of the objects) of
    /// these names.
    pub(super) fn open(
        path: &Path,
        images: Option<&Path>,
        names: [&'static str; 2],
        format: Format,
        parse: Parse,
    ) -> Result<Self> {
        let mut scanner = Scanner::open(path)?;
        let mut found: [Option<Vec<(Id, Span)>>; 2] = [None, None];
        let mut references = References::default();
        let mut buffer = Vec::new();
        scanner.take(b'{')?;
        let mut first = true;
        while scanner.more(b'}', &mut first)? {
            let key = scanner.key()?;
            if key == "categories" && references.known.is_none() && scanner.peek()? == Some(b'[') {
                buffer.clear();
                let span = scanner.value(Some(&mut buffer))?;
                let at = Location { file: scanner.at().file, line: span.line as usize };
                let list: Vec<WithId> = json::parse(&buffer, &at, "categories, each with an id")?;
                references.known = Some(list.into_iter().map(|c| c.id).collect());
                continue;
            }
            let Some(which) = names.iter().position(|n| *n == key) else {
                scanner.value(None)?;
                continue;
            };
            if found[which].is_some() {
                return Err(scanner.fail(format!("there is a second {key:?}"), "one list of each"));
            }
            let mut elements = Vec::new();
            let object = scanner.peek()? == Some(b'{');
            let close = if object { b'}' } else { b']' };
            scanner.take(if object { b'{' } else { b'[' })?;
            let mut first = true;
            while scanner.more(close, &mut first)? {
                if object {
                    scanner.key()?;
                }
                buffer.clear();
                let span = scanner.value(Some(&mut buffer))?;
                let at = Location { file: scanner.at().file, line: span.line as usize };
                let id = match which {
                    0 => id_of::<WithId>(&buffer, &at, "an image with id, file_name, width and height")?.id,
                    _ => {
                        let annotation: WithImage = id_of(&buffer, &at, "an annotation with image_id")?;
                        let image = annotation.image_id.clone();
                        references.annotation(elements.len(), &at, annotation);
                        image
                    }
                };
                elements.push((id, span));
            }
            found[which] = Some(elements);
        }
        if scanner.peek()?.is_some() {
            return Err(scanner.fail("something stands behind the document", "one JSON document"));
        }
        let [list, annotations] = found;
        let missing = |name: &str| Error::NotFormat {
            path: path.to_owned(),
            format: format.name(),
            reason: format!("the document has no {name:?}"),
        };
        let list = list.ok_or_else(|| missing(names[0]))?;
        let annotations = annotations.ok_or_else(|| missing(names[1]))?;
        let numbered =
            annotations.into_iter().enumerate().map(|(number, (image, span))| (image, span, number));
        let mut annotations: Vec<(Id, Span, usize)> = numbered.collect();
        // Stable: the annotations of an image keep their order.
        annotations.sort_by(|a, b| a.0.cmp(&b.0));
        let mut ids: Vec<&(Id, Span)> = list.iter().collect();
        ids.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some(pair) = ids.windows(2).find(|w| w[0].0 == w[1].0) {
            return Err(Error::Label {
                at: Location { file: path.into(), line: pair[1].1.line as usize },
                reason: format!("the image id {} stands twice, first on line {}", pair[0].0, pair[0].1.line),
                expected: "an id of its own for each image",
            });
        }
        let images_there: BTreeSet<&Id> = list.iter().map(|(id, _)| id).collect();
        let references = references.finish(&path.into(), &annotations, &images_there, names);
        Ok(Self {
            spans: Spans::open(path)?,
            references,
            images: list.into_iter(),
            annotations,
            root: Root::new(path, images),
            parse,
        })
    }
}

impl Records for Joined<Parse> {
    fn next(&mut self, warnings: &mut Findings<Warning>) -> Option<Result<Record>> {
        warnings.append(std::mem::take(&mut self.references));
        let (id, span) = self.images.next()?;
        let from = self.annotations.partition_point(|(other, ..)| *other < id);
        let mine = self.annotations[from..].iter().take_while(|(other, ..)| *other == id);
        let spans: Vec<Span> = mine.map(|(_, span, _)| *span).collect();
        let read = || -> Result<Record> {
            let image = self.spans.read(span)?;
            let mut annotations = Vec::with_capacity(spans.len());
            for span in spans {
                annotations.push((self.spans.at(span), self.spans.read(span)?));
            }
            (self.parse)(&image, &self.spans.at(span), &annotations, &mut self.root, warnings)
        };
        Some(read())
    }
}

#[derive(Deserialize)]
pub(super) struct Image {
    pub(super) file_name: String,
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
}

impl Image {
    /// The picture with what stands on it.
    pub(super) fn record(self, at: &Location, root: &mut Root, instances: Instances<'_>) -> Record {
        Record {
            at: at.clone(),
            picture: Picture::File(root.join(&self.file_name)),
            file_name: self.file_name,
            size: self.width.zip(self.height),
            truth: Truth::Instances(instances.done()),
            fields: Vec::new(),
            links: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
struct Annotation {
    segmentation: Option<Value>,
    bbox: Option<[f64; 4]>,
    iscrowd: Option<Value>,
    ignore: Option<Value>,
    #[serde(alias = "utf8_string")]
    text: Option<String>,
}

pub(super) fn open(path: &Path, images: Option<&Path>) -> Result<Joined<Parse>> {
    Joined::open(path, images, ["images", "annotations"], Format::Coco, parse)
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
        let a: Annotation = json::parse(bytes, place, "an annotation with segmentation or bbox")?;
        let Some(flat) = coco_outline(a.segmentation.as_ref(), a.bbox, &mut instances) else { continue };
        let illegible = a.text.as_deref() == Some(ILLEGIBLE);
        instances.add(&flat, a.text, flag(a.iscrowd.as_ref()) || flag(a.ignore.as_ref()) || illegible, None);
    }
    Ok(image.record(at, root, instances))
}

#[derive(Serialize)]
struct ImageOut<'a> {
    id: usize,
    file_name: &'a str,
    height: u32,
    width: u32,
}

#[derive(Serialize)]
struct AnnotationOut<'a> {
    id: usize,
    image_id: usize,
    category_id: u8,
    iscrowd: u8,
    bbox: [f64; 4],
    area: f64,
    segmentation: [Vec<f64>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

/// Writes the images as they come, the annotations behind them at the end.
pub(super) struct Sink {
    out: OutFile,
    annotations: Spool,
    images: usize,
    next: usize,
}

impl Sink {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let mut out = OutFile::create(path)?;
        out.put("{\"images\": [")?;
        Ok(Self { out, annotations: Spool::new(path)?, images: 0, next: 0 })
    }
}

impl FormatSink for Sink {
    fn put(&mut self, record: &Record, _: &mut Losses) -> Result<()> {
        let Truth::Instances(instances) = &record.truth else { return Ok(()) };
        let (width, height) = size_of(record, Format::Coco)?;
        let id = self.images;
        let mut image = if id == 0 { "\n" } else { ",\n" }.to_owned();
        let head = ImageOut { id, file_name: &record.file_name, height, width };
        super::values::json_into(&head, record, Format::Coco, &mut image)?;
        let mut text = String::new();
        for i in instances {
            text.push_str(if self.next == 0 { "\n" } else { ",\n" });
            let polygon = &i.region.polygon;
            let annotation = AnnotationOut {
                id: self.next,
                image_id: id,
                category_id: 1,
                iscrowd: u8::from(i.ignore),
                bbox: xywh(polygon),
                area: polygon.area(),
                segmentation: [polygon.to_flat()],
                text: i.transcript.as_ref().map(|t| t.text.as_str()),
            };
            super::values::json_into(&annotation, record, Format::Coco, &mut text)?;
            self.next += 1;
        }
        self.images += 1;
        self.out.put(image)?;
        self.annotations.put(text)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.out.put("\n],\n\"categories\": [{\"id\": 1, \"name\": \"text\"}],\n\"annotations\": [")?;
        let Self { out, annotations, .. } = &mut *self;
        out.append(annotations)?;
        self.out.put("\n]}\n")?;
        self.out.commit()
    }
}
