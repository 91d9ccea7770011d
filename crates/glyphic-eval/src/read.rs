//! Prediction files: our own, and what other tools write.
//!
//! | task | shapes of an entry |
//! |---|---|
//! | detection, end to end | `{"file_name", "instances": [{"polygon", "score", "text"}], "lines"}`; MMOCR's `{"filename", "boundary_result": [[x1, y1, ..., score]]}`, `{"filename", "result": [{"box", "box_score", "text"}]}` and `{"det_polygons", "det_scores", "rec_texts"}` |
//! | recognition | `{"file_name", "text", "score"}`; MMOCR's `{"text", "score": [...]}` and `{"rec_texts": [...], "rec_scores": [...]}`; lines of `file<TAB>text` or `file text` |
//! | key information | as end to end, with `label` (or `entity`) in each instance, or `{"file_name", "labels": [...], "classes"}`; MMOCR's `{"nodes": [[probability of each class]]}` |
//! | entities | `{"text", "label": {category: {surface: [[start, end]]}}}`, `{"entities": [{"category", "start", "end"}]}`, MMOCR's `[[category, start, end]]` |
//!
//! A file holds JSON lines, a list of entries or one entry; a folder holds such files, and an entry without a name is that
//! of its file. Unknown fields are passed over.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use glyphic_core::{Point, Rect};
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::measure::box_corners;
use crate::{
    ClassifiedPage, Entity, EntityText, Error, PredictedCrop, PredictedPage, PredictedText, Result,
    most_probable,
};

/// Reads the predictions of detection or end-to-end reading of a file or folder, in its order.
///
/// # Errors
/// [`Error::Read`], [`Error::EmptyFolder`], [`Error::Pickle`], [`Error::Utf8`], [`Error::Json`] and [`Error::Record`].
pub fn read_predicted_pages(path: impl AsRef<Path>) -> Result<Vec<PredictedPage>> {
    read(path.as_ref(), parse_predicted_pages, |page, name| page.file_name.get_or_insert(name))
}

/// Reads the predictions of recognition of a file or folder, in its order.
///
/// # Errors
/// As [`read_predicted_pages`].
pub fn read_predicted_crops(path: impl AsRef<Path>) -> Result<Vec<PredictedCrop>> {
    read(path.as_ref(), parse_predicted_crops, |crop, name| crop.file_name.get_or_insert(name))
}

/// Reads the classes of boxes of a file or folder, in its order.
///
/// # Errors
/// As [`read_predicted_pages`].
pub fn read_classified_pages(path: impl AsRef<Path>) -> Result<Vec<ClassifiedPage>> {
    read(path.as_ref(), parse_classified_pages, |page, name| page.file_name.get_or_insert(name))
}

/// Reads texts with entities of a file, truth or predictions, in its order.
///
/// # Errors
/// As [`read_predicted_pages`].
pub fn read_entity_texts(path: impl AsRef<Path>) -> Result<Vec<EntityText>> {
    let (name, text) = content(path.as_ref())?;
    parse_entity_texts(&text, &name)
}

fn read<T>(
    path: &Path,
    parse: fn(&str, &str) -> Result<Vec<T>>,
    name: fn(&mut T, String) -> &mut String,
) -> Result<Vec<T>> {
    let cannot = |path: &Path| {
        let path = path.to_owned();
        |source| Error::Read { path, source }
    };
    if !path.is_dir() {
        let (file, text) = content(path)?;
        return parse(&text, &file);
    }
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(path).map_err(cannot(path))? {
        let file = entry.map_err(cannot(path))?.path();
        if file.extension().is_some_and(|e| e.eq_ignore_ascii_case("json") || e.eq_ignore_ascii_case("jsonl"))
        {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(Error::EmptyFolder { path: path.to_owned() });
    }
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let (source, text) = content(&file)?;
        let mut entries = parse(&text, &source)?;
        if let ([entry], Some(stem)) = (&mut entries[..], file.file_stem()) {
            name(entry, stem.to_string_lossy().into_owned());
        }
        all.append(&mut entries);
    }
    Ok(all)
}

/// The file's name for messages and its text.
fn content(path: &Path) -> Result<(String, String)> {
    let name = path.display().to_string();
    let bytes = fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    if let [0x80, 0..=5, ..] = bytes[..] {
        return Err(Error::Pickle { path: path.to_owned() });
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        let before = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        Error::Utf8 { name: name.clone(), line, byte: before.len() - line_start + 1 }
    })?;
    Ok((name, text))
}

/// An entry and where it stands.
type Placed<T> = (String, T);

/// The entries of JSON lines, of a list, or one alone.
fn entries<T: DeserializeOwned>(text: &str, name: &str) -> Result<Vec<Placed<T>>> {
    // A byte order mark is no part of the first entry.
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('[') {
        let list: Vec<T> = serde_json::from_str(text).map_err(|e| json(&e, name, 0))?;
        return Ok(list.into_iter().enumerate().map(|(i, entry)| (format!("entry {i}"), entry)).collect());
    }
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let Some((_, first)) = lines.clone().next() else { return Ok(Vec::new()) };
    // An entry that is spread over lines ends too early in its first.
    if serde_json::from_str::<IgnoredAny>(first).is_err_and(|e| e.is_eof()) {
        let entry = serde_json::from_str(text).map_err(|e| json(&e, name, 0))?;
        return Ok(vec![("entry 0".to_owned(), entry)]);
    }
    let entry = |(i, line)| match serde_json::from_str(line) {
        Ok(entry) => Ok((format!("line {}", i + 1), entry)),
        Err(e) => Err(json(&e, name, i)),
    };
    lines.by_ref().map(entry).collect()
}

/// Any JSON; an object that has a member twice is an error, where a map would keep the last one and say nothing.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, v: bool) -> std::result::Result<Value, E> {
        Ok(v.into())
    }

    fn visit_i64<E>(self, v: i64) -> std::result::Result<Value, E> {
        Ok(v.into())
    }

    fn visit_u64<E>(self, v: u64) -> std::result::Result<Value, E> {
        Ok(v.into())
    }

    fn visit_f64<E>(self, v: f64) -> std::result::Result<Value, E> {
        Ok(v.into())
    }

    fn visit_str<E>(self, v: &str) -> std::result::Result<Value, E> {
        Ok(v.into())
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Unique(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> std::result::Result<Value, A::Error> {
        let mut members = serde_json::Map::new();
        while let Some((key, Unique(value))) = object.next_entry::<String, Unique>()? {
            if members.contains_key(&key) {
                return Err(serde::de::Error::custom(format!("duplicate field `{key}`")));
            }
            members.insert(key, value);
        }
        Ok(members.into())
    }
}

/// The error with its place, behind so many lines.
fn json(error: &serde_json::Error, name: &str, lines_before: usize) -> Error {
    let reason = error.to_string();
    // The message ends with the place inside of what was parsed.
    let reason = reason.rsplit_once(" at line ").map_or(reason.as_str(), |(reason, _)| reason);
    let reason = match reason {
        // Python writes NaN and Infinity.
        "expected value" => "a value of JSON is expected, which has no NaN or Infinity",
        reason => reason,
    };
    Error::Json {
        name: name.to_owned(),
        line: lines_before + error.line(),
        column: error.column(),
        reason: reason.to_owned(),
    }
}

#[derive(Deserialize)]
#[serde(expecting = "an object with what was found in a picture")]
struct RawPage {
    #[serde(alias = "filename", alias = "img_path")]
    file_name: Option<String>,
    #[serde(alias = "annotations")]
    instances: Option<Vec<RawInstance>>,
    lines: Option<Vec<RawInstance>>,
    boundary_result: Option<Vec<Vec<f64>>>,
    result: Option<Vec<RawBox>>,
    det_polygons: Option<Vec<Vec<f64>>>,
    det_scores: Option<Vec<f64>>,
    rec_texts: Option<Vec<String>>,
    nodes: Option<Vec<Vec<f32>>>,
    labels: Option<Vec<Value>>,
    classes: Option<usize>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object with polygon, score, text or label")]
struct RawInstance {
    polygon: Vec<f64>,
    score: Option<f64>,
    text: Option<String>,
    label: Option<Value>,
    entity: Option<String>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object with box, box_score and text")]
struct RawBox {
    #[serde(rename = "box")]
    outline: Vec<f64>,
    box_score: Option<f64>,
    text: Option<String>,
    label: Option<Value>,
}

/// Predictions of detection or end-to-end reading; `name` stands in errors. See [`read_predicted_pages`].
///
/// # Errors
/// [`Error::Json`] and [`Error::Record`].
pub fn parse_predicted_pages(text: &str, name: &str) -> Result<Vec<PredictedPage>> {
    let page = |(place, raw): Placed<RawPage>| page(raw, &At { name, place });
    entries(text, name)?.into_iter().map(page).collect()
}

/// A place in a prediction file.
struct At<'a> {
    name: &'a str,
    place: String,
}

impl At<'_> {
    fn wrong<T>(&self, reason: String, expected: &'static str) -> Result<T> {
        Err(Error::Record { name: self.name.to_owned(), place: self.place.clone(), reason, expected })
    }
}

fn page(raw: RawPage, at: &At<'_>) -> Result<PredictedPage> {
    let lines = match raw.lines {
        Some(lines) => lines.into_iter().enumerate().map(|(i, l)| instance(l, "lines", i, at)).collect(),
        None => Ok(Vec::new()),
    }?;
    let instances = if let Some(instances) = raw.instances {
        instances.into_iter().enumerate().map(|(i, r)| instance(r, "instances", i, at)).collect()
    } else if let Some(rows) = raw.boundary_result {
        rows.iter().enumerate().map(|(i, row)| boundary(row, i, at)).collect()
    } else if let Some(boxes) = raw.result {
        boxes.into_iter().enumerate().map(|(i, b)| end_to_end(b, i, at)).collect()
    } else if let Some(polygons) = raw.det_polygons {
        let counts = [raw.det_scores.as_ref().map(Vec::len), raw.rec_texts.as_ref().map(Vec::len)];
        if let Some(got) = counts.into_iter().flatten().find(|n| *n != polygons.len()) {
            return at.wrong(
                format!("{} det_polygons stand beside a list of {got}", polygons.len()),
                "as many det_scores and rec_texts as det_polygons",
            );
        }
        let (scores, mut texts) = (raw.det_scores, raw.rec_texts);
        let one = |(i, polygon): (usize, &Vec<f64>)| {
            Ok(PredictedText {
                outline: points(polygon, "det_polygons", i, at)?,
                score: scores.as_ref().map_or(1.0, |s| s[i]),
                text: texts.as_mut().map(|t| std::mem::take(&mut t[i])),
                label: None,
            })
        };
        polygons.iter().enumerate().map(one).collect()
    } else if lines.is_empty() {
        at.wrong(
            "it holds no predictions".to_owned(),
            "one of the fields instances, lines, boundary_result, result and det_polygons",
        )
    } else {
        Ok(Vec::new())
    };
    Ok(PredictedPage { file_name: raw.file_name, instances: instances?, lines })
}

fn instance(raw: RawInstance, field: &str, index: usize, at: &At<'_>) -> Result<PredictedText> {
    Ok(PredictedText {
        outline: points(&raw.polygon, field, index, at)?,
        score: raw.score.unwrap_or(1.0),
        text: raw.text,
        label: label(raw.entity, raw.label),
    })
}

/// A row of MMOCR's detectors: x, y, ..., score.
fn boundary(row: &[f64], index: usize, at: &At<'_>) -> Result<PredictedText> {
    match row {
        [numbers @ .., score] if numbers.len().is_multiple_of(2) => Ok(PredictedText {
            outline: points(numbers, "boundary_result", index, at)?,
            score: *score,
            ..PredictedText::default()
        }),
        _ => at.wrong(
            format!("boundary_result[{index}] has {} numbers", row.len()),
            "x1, y1, x2, y2, ... and a score, which is an odd number",
        ),
    }
}

fn end_to_end(raw: RawBox, index: usize, at: &At<'_>) -> Result<PredictedText> {
    let outline = match raw.outline[..] {
        [x0, y0, x1, y1] => box_corners(Rect { x0, y0, x1, y1 }).to_vec(),
        _ => points(&raw.outline, "result", index, at)?,
    };
    Ok(PredictedText {
        outline,
        score: raw.box_score.unwrap_or(1.0),
        text: raw.text,
        label: label(None, raw.label),
    })
}

fn points(numbers: &[f64], field: &str, index: usize, at: &At<'_>) -> Result<Vec<Point>> {
    if !numbers.len().is_multiple_of(2) {
        return at.wrong(
            format!("the outline of {field}[{index}] has {} numbers", numbers.len()),
            "x1, y1, x2, y2, ..., which is an even number",
        );
    }
    Ok(numbers.chunks_exact(2).map(|c| Point::new(c[0], c[1])).collect())
}

/// A class by its name or number.
fn label(entity: Option<String>, label: Option<Value>) -> Option<String> {
    entity.or_else(|| match label {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name),
        Some(other) => Some(other.to_string()),
    })
}

#[derive(Deserialize)]
#[serde(expecting = "an object with the text of a crop")]
struct RawCrop {
    #[serde(alias = "filename", alias = "img_path")]
    file_name: Option<String>,
    text: Option<String>,
    score: Option<RawScore>,
    rec_texts: Option<Vec<String>>,
    rec_scores: Option<Vec<f64>>,
}

/// One score, or one for each character.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a score, or a list of one for each character")]
enum RawScore {
    One(f64),
    Each(Vec<f64>),
}

impl RawScore {
    fn mean(self) -> f64 {
        match self {
            Self::One(score) => score,
            Self::Each(scores) => scores.iter().sum::<f64>() / scores.len().max(1) as f64,
        }
    }
}

/// Predictions of recognition; `name` stands in errors. See [`read_predicted_crops`].
///
/// # Errors
/// [`Error::Json`] and [`Error::Record`].
pub fn parse_predicted_crops(text: &str, name: &str) -> Result<Vec<PredictedCrop>> {
    let text = text.trim_start_matches('\u{feff}');
    if !text.trim_start().starts_with(['{', '[']) {
        return text
            .lines()
            .enumerate()
            .filter(|(_, l)| !l.trim().is_empty())
            .map(|l| labelled(l, name))
            .collect();
    }
    let crop = |(place, raw): Placed<RawCrop>| {
        let (text, score) = match (raw.text, raw.rec_texts) {
            (Some(text), _) => (text, raw.score.map(RawScore::mean)),
            (None, Some(mut texts)) if texts.len() == 1 => {
                (texts.remove(0), raw.rec_scores.and_then(|s| s.first().copied()))
            }
            _ => {
                let at = At { name, place };
                return at.wrong("it has no text".to_owned(), "a field text, or rec_texts with one text");
            }
        };
        Ok(PredictedCrop { file_name: raw.file_name, text, score: score.unwrap_or(1.0) })
    };
    entries(text, name)?.into_iter().map(crop).collect()
}

/// `file<TAB>text`, else `file text`. Spaces belong to the text.
fn labelled((i, line): (usize, &str), name: &str) -> Result<PredictedCrop> {
    let Some((file, text)) = line.split_once('\t').or_else(|| line.split_once(' ')) else {
        let at = At { name, place: format!("line {}", i + 1) };
        return at.wrong(format!("{line:?} has no TAB"), "the crop's file name, a TAB, its text");
    };
    Ok(PredictedCrop { file_name: Some(file.to_owned()), text: text.to_owned(), score: 1.0 })
}

/// Classes of boxes; `name` stands in errors. See [`read_classified_pages`].
///
/// # Errors
/// [`Error::Json`] and [`Error::Record`].
pub fn parse_classified_pages(text: &str, name: &str) -> Result<Vec<ClassifiedPage>> {
    let page = |(place, raw): Placed<RawPage>| {
        let at = At { name, place };
        if let Some(labels) = raw.labels {
            let labels = labels.into_iter().map(|l| label(None, Some(l)));
            return classified(raw.file_name, labels.collect(), raw.classes.unwrap_or(0), &at);
        }
        let (labels, classes): (Vec<Option<String>>, usize) = match (raw.nodes, raw.instances, raw.result) {
            (Some(nodes), _, _) => {
                let class = |row: &Vec<f32>| most_probable(row).map(|class| class.to_string());
                (nodes.iter().map(class).collect(), nodes.iter().map(Vec::len).max().unwrap_or(0))
            }
            (_, Some(all), _) => (all.into_iter().map(|i| label(i.entity, i.label)).collect(), 0),
            (_, _, Some(all)) => (all.into_iter().map(|b| label(None, b.label)).collect(), 0),
            _ => {
                return at.wrong(
                    "it holds no classes".to_owned(),
                    "one of the fields labels, instances, nodes and result",
                );
            }
        };
        classified(raw.file_name, labels, classes, &at)
    };
    entries(text, name)?.into_iter().map(page).collect()
}

fn classified(
    file_name: Option<String>,
    labels: Vec<Option<String>>,
    classes: usize,
    at: &At<'_>,
) -> Result<ClassifiedPage> {
    if let Some(i) = labels.iter().position(Option::is_none) {
        return at.wrong(format!("box {i} has no class"), "a field label or entity in each box");
    }
    Ok(ClassifiedPage { file_name, labels: labels.into_iter().flatten().collect(), classes })
}

/// Texts with entities, truth or predictions; `name` stands in errors. See [`read_entity_texts`].
///
/// # Errors
/// [`Error::Json`] and [`Error::Record`].
pub fn parse_entity_texts(text: &str, name: &str) -> Result<Vec<EntityText>> {
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    // A line of its own for each text, and that may be a list too; only a list of lists of entities is a whole file.
    let first = lines.clone().next().and_then(|(_, line)| serde_json::from_str::<Value>(line).ok());
    let values: Vec<Placed<Unique>> = match first {
        Some(Value::Array(list)) if lines.clone().count() > 1 || is_entity(list.first()) => {
            let entry = |(i, line): (usize, &str)| match serde_json::from_str(line) {
                Ok(value) => Ok((format!("line {}", i + 1), value)),
                Err(e) => Err(json(&e, name, i)),
            };
            lines.by_ref().map(entry).collect::<Result<_>>()?
        }
        _ => entries(text, name)?,
    };
    values.into_iter().map(|(place, Unique(value))| entity_text(value, &At { name, place })).collect()
}

fn is_entity(value: Option<&Value>) -> bool {
    matches!(value, Some(Value::Array(e)) if e.first().is_some_and(Value::is_string))
}

const ENTITY: &str = "[category, start, end] or {\"category\", \"start\", \"end\"} with whole numbers";

fn entity_text(value: Value, at: &At<'_>) -> Result<EntityText> {
    let text = value["text"].as_str().map(str::to_owned);
    let list = match &value {
        Value::Array(list) => Some(list),
        _ => value["entities"].as_array(),
    };
    if let Some(list) = list {
        let entity = |(i, v): (usize, &Value)| match entity(v) {
            Some(entity) => Ok(entity),
            None => at.wrong(format!("entity {i} is {v}"), ENTITY),
        };
        return Ok(EntityText {
            text,
            entities: list.iter().enumerate().map(entity).collect::<Result<_>>()?,
        });
    }
    let Some(categories) = value["label"].as_object() else {
        return at
            .wrong("it holds no entities".to_owned(), "a field label or entities, or a list of entities");
    };
    let mut entities = Vec::new();
    for (category, surfaces) in categories {
        let surfaces = surfaces.as_object().into_iter().flatten();
        for (surface, places) in surfaces {
            for place in places.as_array().into_iter().flatten() {
                let (Some(start), Some(end)) = (place[0].as_i64(), place[1].as_i64()) else {
                    return at.wrong(
                        format!("{category} {surface:?} stands at {place}"),
                        "{category: {surface: [[start, end]]}} with whole numbers",
                    );
                };
                entities.push(Entity::new(category.clone(), start, end));
            }
        }
    }
    Ok(EntityText { text, entities })
}

fn entity(value: &Value) -> Option<Entity> {
    let field = |names: &[&str]| names.iter().map(|n| &value[*n]).find(|v| !v.is_null()).cloned();
    let [category, start, end] = match value {
        Value::Array(list) => <[Value; 3]>::try_from(list.clone()).ok()?,
        _ => [field(&["category", "label", "type"])?, field(&["start"])?, field(&["end"])?],
    };
    Some(Entity::new(category.as_str()?, start.as_i64()?, end.as_i64()?))
}
