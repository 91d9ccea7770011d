//! CLUENER: `{"text", "label": {class: {surface: [[start, end], ...]}}}` a line, positions in characters, the end the last
//! one's. <https://arxiv.org/abs/2001.04351>

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::findings::Warning;
use crate::formats::records::{LineRecords, Records};
use crate::formats::sink::Form;
use crate::formats::values::json_into;
use crate::formats::{Entity, Format, Picture, Record, Truth};
use crate::json::parse_unique;

type Labels = BTreeMap<String, BTreeMap<String, Vec<[usize; 2]>>>;

#[derive(Deserialize, Serialize)]
struct Line {
    text: String,
    #[serde(default)]
    label: Labels,
}

pub(super) fn open(path: &Path) -> Result<Box<dyn Records>> {
    LineRecords::open(path, |line, at, warnings| {
        let line: Line = parse_unique(
            line.as_bytes(),
            at,
            "a JSON object with text and label: {class: {surface: [[first, last], ...]}}",
        )?;
        let chars: Vec<char> = line.text.chars().collect();
        let mut entities = Vec::new();
        for (label, surfaces) in line.label {
            for (surface, spans) in surfaces {
                for [start, last] in spans {
                    let held: Option<String> =
                        chars.get(start..last.saturating_add(1)).map(|c| c.iter().collect());
                    if held.as_deref() != Some(&surface) {
                        let held = held.map_or("nothing".to_owned(), |h| format!("{h:?}"));
                        warnings.add(Warning {
                            at: at.clone(),
                            annotation: entities.len(),
                            reason: format!("characters {start} to {last} are {held}, not {surface:?}"),
                            remedy: "the entity is left out",
                        });
                        continue;
                    }
                    entities.push(Entity { label: label.clone(), start, end: last + 1 });
                }
            }
        }
        entities.sort_by(|a, b| (a.start, a.end, &a.label).cmp(&(b.start, b.end, &b.label)));
        Ok(Record {
            at: at.clone(),
            file_name: String::new(),
            picture: Picture::None,
            size: None,
            truth: Truth::Sentence { text: line.text, entities },
            fields: Vec::new(),
        })
    })
}

pub(super) fn form() -> Form {
    Box::new(|record, out, _| {
        let Truth::Sentence { text, entities } = &record.truth else { return Ok(()) };
        let chars: Vec<char> = text.chars().collect();
        let mut label = Labels::new();
        for e in entities.iter().filter(|e| e.start < e.end) {
            let surface: String = chars.get(e.start..e.end).unwrap_or_default().iter().collect();
            label.entry(e.label.clone()).or_default().entry(surface).or_default().push([e.start, e.end - 1]);
        }
        json_into(&Line { text: text.clone(), label }, record, Format::Cluener, out)
    })
}
