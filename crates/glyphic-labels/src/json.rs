//! JSON of labels: parsed with file and line, and the fields that tools write in several ways.

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::findings::Location;
use crate::{Error, Result};

/// serde's reason without its own line number, which would count inside the element.
pub fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let reason = text.split_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    // A type of this crate says nothing to who wrote the label.
    match reason.split_once("expected struct ") {
        Some((wrong, _)) => format!("{wrong}expected an object"),
        None => reason.to_owned(),
    }
}

/// Parses the JSON of one line or element that begins at `at`.
///
/// # Errors
/// [`Error::Label`] with the line.
pub fn parse<T: DeserializeOwned>(json: &[u8], at: &Location, expected: &'static str) -> Result<T> {
    serde_json::from_slice(json).map_err(|e| Error::Label {
        at: Location { file: at.file.clone(), line: at.line + e.line().saturating_sub(1) },
        reason: format!("column {}: {}", e.column(), reason(&e)),
        expected,
    })
}

/// [`parse`] into maps, which do not tell a member that stands twice.
///
/// # Errors
/// [`Error::Label`], also for a member that stands twice.
pub fn parse_unique<T: DeserializeOwned>(json: &[u8], at: &Location, expected: &'static str) -> Result<T> {
    parse::<UniqueMembers>(json, at, expected)?;
    parse(json, at, expected)
}

/// Any JSON in which no object has a member twice: a map would keep the last one and say nothing.
struct UniqueMembers;

impl<'de> Deserialize<'de> for UniqueMembers {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for UniqueMembers {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Self, A::Error> {
        while list.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> std::result::Result<Self, A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = object.next_key::<String>()? {
            object.next_value::<Self>()?;
            if let Some(key) = seen.replace(key) {
                return Err(serde::de::Error::custom(format!("duplicate field `{key}`")));
            }
        }
        Ok(self)
    }
}

/// Python's truth of a flag that may be a number.
pub fn flag(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        Some(Value::Number(n)) => n.as_f64() != Some(0.0),
        Some(_) => true,
    }
}

/// The vertices of COCO's `segmentation`: a list of numbers, or a list of such lists, of which the first counts.
///
/// # Errors
/// What is wrong with it, in words.
pub fn segmentation(value: &Value) -> Result<Vec<f64>, String> {
    let numbers = |list: &[Value]| list.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>();
    match value {
        Value::Array(list) if list.iter().all(Value::is_number) && !list.is_empty() => {
            numbers(list).ok_or_else(|| "a coordinate is no number".to_owned())
        }
        Value::Array(list) => match list.first() {
            Some(Value::Array(first)) => numbers(first).ok_or_else(|| "a coordinate is no number".to_owned()),
            Some(_) => Err("segmentation is no list of lists of numbers".to_owned()),
            None => Err("segmentation is empty".to_owned()),
        },
        Value::Object(_) => Err("segmentation is a mask, not a polygon".to_owned()),
        _ => Err("segmentation is no list".to_owned()),
    }
}
