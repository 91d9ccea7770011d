//! ICDAR's lists of word crops: `word_1.png, "READER"` a line, a backslash before quotes and backslashes of the text.

use std::path::Path;

use crate::findings::Location;
use crate::formats::icdar::{quoted, unquoted};
use crate::formats::lines::Root;
use crate::formats::records::{LineRecords, Records};
use crate::formats::sink::{Form, Losses};
use crate::formats::values::one_line;
use crate::formats::{Format, Picture, Record, Truth};
use crate::{Error, Result};

pub(super) fn open(path: &Path, images: Option<&Path>) -> Result<Box<dyn Records>> {
    let mut root = Root::new(path, images);
    LineRecords::open(path, move |line, at, _| parse(line, at, &mut root))
}

/// Name and quoted text, the name's comma the last one before a quote, since names may hold commas.
pub(super) fn fields(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let (name, text) = line.match_indices(',').find_map(|(at, _)| {
        let text = line[at + 1..].trim_start();
        (text.len() > 1 && text.starts_with('"') && text.ends_with('"')).then_some((&line[..at], text))
    })?;
    (!name.trim().is_empty()).then_some((name.trim(), text))
}

fn parse(line: &str, at: &Location, root: &mut Root) -> Result<Record> {
    let Some((name, text)) = fields(line) else {
        return Err(Error::Label {
            at: at.clone(),
            reason: "there is no file name, comma and text in double quotes".to_owned(),
            expected: "word_1.png, \"TEXT\"",
        });
    };
    Ok(Record {
        at: at.clone(),
        file_name: name.to_owned(),
        picture: Picture::File(root.join(name)),
        size: None,
        truth: Truth::Text(unquoted(text).into_owned()),
        fields: Vec::new(),
        links: Vec::new(),
    })
}

/// Writes the line of a record.
pub(super) fn form() -> Form {
    Box::new(|record, line, _: &mut Losses| {
        let Truth::Text(text) = &record.truth else { return Ok(()) };
        one_line(text, record, Format::IcdarWords)?;
        one_line(&record.file_name, record, Format::IcdarWords)?;
        line.push_str(&format!("{}, {}", record.file_name, quoted(text)));
        Ok(())
    })
}
