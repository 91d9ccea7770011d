//! ICDAR 2019 SROIE: a text file of quadrilaterals a receipt, and its fields (company, date, address, total) as a JSON
//! object of the same name in a folder `entities` or `key`. Nothing is marked to be ignored.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::findings::{Findings, Location, Warning};
use crate::formats::folder::{FolderRecords, LabelFolder};
use crate::formats::pack::fields_of;
use crate::formats::records::Records;
use crate::formats::sink::{Form, Losses, Sink as FormatSink};
use crate::formats::{Format, Record, icdar, json};
use crate::{Error, Result};

/// Folders of the fields.
const FIELDS: [&str; 2] = ["entities", "key"];

pub(super) fn open(path: &Path, images: Option<&Path>) -> Result<Box<dyn Records>> {
    let beside = [path.to_owned(), path.parent().unwrap_or(Path::new("")).to_owned()];
    let fields = beside.iter().flat_map(|p| FIELDS.map(|n| p.join(n))).find(|p| p.is_dir());
    let parse = move |file: &Path, warnings: &mut Findings<Warning>| {
        let mut labelled = icdar::parse_file(file, Format::Sroie, warnings)?;
        if let (Some(folder), Some(name)) = (&fields, file.file_name()) {
            labelled.fields = fields_in(&folder.join(name), warnings)?;
        }
        Ok(labelled)
    };
    FolderRecords::open(path, images, Format::Sroie, &["txt"], &[], Box::new(parse))
}

fn fields_in(file: &Path, warnings: &mut Findings<Warning>) -> Result<Vec<(String, String)>> {
    let at = Location { file: file.into(), line: 1 };
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let reason = "there are no fields for this receipt".to_owned();
            warnings.add(Warning { at, annotation: 0, reason, remedy: "it is read without" });
            return Ok(Vec::new());
        }
        Err(source) => return Err(Error::Read { path: file.to_owned(), source }),
    };
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    let map: Map<String, Value> = json::parse(bytes, &at, "a JSON object of field names and texts")?;
    Ok(fields_of(map))
}

/// Writes `box/` and, where there are fields, `entities/`.
pub(super) struct Sink {
    folder: LabelFolder,
    form: Form,
}

impl Sink {
    pub(super) fn create(path: &Path) -> Result<Self> {
        Ok(Self { folder: LabelFolder::create(path, Format::Sroie)?, form: icdar::form(Format::Sroie) })
    }
}

impl FormatSink for Sink {
    fn put(&mut self, record: &Record, losses: &mut Losses) -> Result<()> {
        let name = PathBuf::from(self.folder.stem(record)? + ".txt");
        let mut text = String::new();
        (self.form)(record, &mut text, losses)?;
        self.folder.write(Path::new("box").join(&name), text.as_bytes())?;
        if !record.fields.is_empty() {
            let map: Map<String, Value> =
                record.fields.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect();
            let text = format!("{:#}\n", Value::Object(map));
            self.folder.write(Path::new("entities").join(&name), text.as_bytes())?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.folder.commit()
    }
}
