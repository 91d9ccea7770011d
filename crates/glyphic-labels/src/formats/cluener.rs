//! CLUENER: `{"text", "label": {class: {surface: [[start, end], ...]}}}` a line, positions in characters, the end the last
//! one's. <https://arxiv.org/abs/2001.04351>

use std::collections::BTreeMap;
use std::path::Path;

use glyphic_core::Entity;
use serde::{Deserialize, Serialize};

use crate::findings::Warning;
use crate::formats::records::{LineRecords, Records};
use crate::formats::sink::Form;
use crate::formats::values::json_into;
use crate::formats::{Format, Picture, Record, Truth};
use crate::json::parse_unique;
use crate::{Error, Result};

type Labels = BTreeMap<String, BTreeMap<String, Vec<[i64; 2]>>>;

#[derive(Deserialize, Serialize)]
struct Line {
    text: String,
    #[serde(default)]
    label: Labels,
}

/// The characters of an entity; `None` where the text does not have them.
fn span(chars: &[char], entity: &Entity) -> Option<String> {
    let start = usize::try_from(entity.start).ok()?;
    let last = usize::try_from(entity.end).ok()?;
    (start <= last).then_some(())?;
    Some(chars.get(start..last.checked_add(1)?)?.iter().collect())
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
                    let entity = Entity::new(label.clone(), start, last);
                    let held = span(&chars, &entity);
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
                    entities.push(entity);
                }
            }
        }
        entities.sort_by(|a, b| (a.start, a.end, &a.category).cmp(&(b.start, b.end, &b.category)));
        Ok(Record {
            at: at.clone(),
            file_name: String::new(),
            picture: Picture::None,
            size: None,
            truth: Truth::Sentence { text: line.text, entities },
            fields: Vec::new(),
            links: Vec::new(),
        })
    })
}

pub(super) fn form() -> Form {
    Box::new(|record, out, _| {
        let Truth::Sentence { text, entities } = &record.truth else { return Ok(()) };
        let chars: Vec<char> = text.chars().collect();
        let mut label = Labels::new();
        for e in entities {
            let surface = span(&chars, e).ok_or_else(|| Error::Unfit {
                at: record.at.clone(),
                format: Format::Cluener.name(),
                reason: format!(
                    "{} from character {} to {} is outside of the text of {} characters",
                    e.category,
                    e.start,
                    e.end,
                    chars.len()
                ),
            })?;
            label.entry(e.category.clone()).or_default().entry(surface).or_default().push([e.start, e.end]);
        }
        json_into(&Line { text: text.clone(), label }, record, Format::Cluener, out)
    })
}
