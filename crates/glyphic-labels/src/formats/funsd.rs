//! FUNSD: a JSON file a form, of entities with a class, their words and the entities that they are linked with.
//! <https://guillaumejaume.github.io/FUNSD>

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::findings::{Findings, Location, Warning};
use crate::formats::folder::{FileForm, FolderRecords, Labelled};
use crate::formats::json;
use crate::formats::outline::{Instances, from_bounds};
use crate::formats::records::Records;
use crate::formats::values::{bounds_of, json_into};
use crate::formats::{Format, Truth};
use crate::{Error, Result};

const EXPECTED: &str = "{\"form\": [{\"id\", \"box\": [left, top, right, bottom], \"text\", \"label\", \"words\", \"linking\"}]}";

#[derive(Deserialize)]
struct Form {
    form: Vec<Entity>,
}

#[derive(Deserialize)]
struct Entity {
    id: i64,
    #[serde(rename = "box")]
    bounds: [f64; 4],
    text: Option<String>,
    label: Option<String>,
    #[serde(default)]
    linking: Vec<[i64; 2]>,
}

/// A region is an entity; its words are in its text.
pub(super) fn open(path: &Path, images: Option<&Path>) -> Result<Box<dyn Records>> {
    FolderRecords::open(path, images, Format::Funsd, &["json"], &[], Box::new(form_of))
}

fn form_of(file: &Path, warnings: &mut Findings<Warning>) -> Result<Labelled> {
    let at = Location { file: file.into(), line: 1 };
    let bytes = std::fs::read(file).map_err(|source| Error::Read { path: file.to_owned(), source })?;
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    let Form { form } = json::parse(bytes, &at, EXPECTED)?;
    let mut instances = Instances::new(&at, warnings);
    let (mut ids, mut links) = (HashMap::new(), Vec::new());
    for entity in form {
        let index = instances.len();
        if instances.add(&from_bounds(entity.bounds), entity.text, false, entity.label).is_some()
            && ids.insert(entity.id, index).is_some()
        {
            let reason = format!("the id {} stands twice in a form", entity.id);
            return Err(Error::Label { at: at.clone(), reason, expected: "another id for each entity" });
        }
        links.extend(entity.linking);
    }
    let links = instances.linked(links, |id| ids.get(&id).copied());
    Ok(Labelled { instances: instances.done(), links, ..Labelled::default() })
}

#[derive(Serialize)]
struct FormOut<'a> {
    form: Vec<EntityOut<'a>>,
}

#[derive(Serialize)]
struct EntityOut<'a> {
    #[serde(rename = "box")]
    bounds: [f64; 4],
    text: &'a str,
    label: &'a str,
    words: Vec<WordOut<'a>>,
    linking: BTreeSet<[usize; 2]>,
    id: usize,
}

/// The region as its only word: where the others stand in it is not known.
#[derive(Serialize)]
struct WordOut<'a> {
    #[serde(rename = "box")]
    bounds: [f64; 4],
    text: &'a str,
}

pub(super) fn form() -> FileForm {
    Box::new(|record, losses| {
        let Truth::Instances(instances) = &record.truth else { return Ok(Vec::new()) };
        let entities = instances.iter().enumerate().map(|(id, instance)| {
            let bounds = bounds_of(&instance.region.polygon, losses);
            let text = instance.text();
            EntityOut {
                bounds,
                text,
                label: instance.label.as_deref().unwrap_or("other"),
                words: vec![WordOut { bounds, text }],
                linking: record.links.iter().filter(|link| link.contains(&id)).copied().collect(),
                id,
            }
        });
        let mut text = String::new();
        json_into(&FormOut { form: entities.collect() }, record, Format::Funsd, &mut text)?;
        text.push('\n');
        Ok(text.into_bytes())
    })
}
