//! A line a crop: its file, a separator, its text.
//!
//! Only the first separator divides, so that spaces and TABs in the text survive; nothing is trimmed. Where the name before
//! it is no file, but one up to a later separator is, that one divides.

use std::path::Path;

use crate::findings::Location;
use crate::formats::lines::{Lines, Root};
use crate::formats::records::{LineRecords, Records};
use crate::formats::sink::{Form, Losses};
use crate::formats::{Format, Picture, Record, Truth};
use crate::{Error, Result};

/// A TAB where the first line has one, else a space.
fn separator_of(path: &Path) -> Result<String> {
    let mut lines = Lines::open(path)?;
    let tab = match lines.next() {
        Some(Ok((_, line))) => line.contains('\t'),
        Some(Err(_)) | None => false,
    };
    Ok(if tab { "\t" } else { " " }.to_owned())
}

pub(super) fn open(
    path: &Path,
    images: Option<&Path>,
    separator: Option<String>,
) -> Result<Box<dyn Records>> {
    let separator = match separator.filter(|s| !s.is_empty()) {
        Some(separator) => separator,
        None => separator_of(path)?,
    };
    let mut root = Root::new(path, images);
    LineRecords::open(path, move |line, at, _| parse(line, at, &separator, &mut root))
}

/// So many places are tried where the first does not name a file.
const PLACES: usize = 32;

/// The file name and the text of a line: divided at the first separator, unless a file is found only where the name goes
/// on to a later one, since names may hold spaces.
fn divided<'a>(line: &'a str, separator: &str, root: &Root) -> Option<(&'a str, &'a str)> {
    let first = line.split_once(separator)?;
    if first.1.contains(separator) && !root.has(first.0) {
        let places = line.match_indices(separator).skip(1).take(PLACES);
        let mut later = places.map(|(at, _)| (&line[..at], &line[at + separator.len()..]));
        if let Some(found) = later.find(|(name, _)| root.has(name)) {
            return Some(found);
        }
    }
    Some(first)
}

pub(super) fn parse(line: &str, at: &Location, separator: &str, root: &mut Root) -> Result<Record> {
    let fail = |reason: String| {
        Err(Error::Label { at: at.clone(), reason, expected: "the crop's file name, a separator, its text" })
    };
    let Some((name, text)) = divided(line, separator, root) else {
        let what = if separator == "\t" { "TAB".to_owned() } else { format!("separator {separator:?}") };
        return fail(format!("there is no {what} in the line"));
    };
    if name.is_empty() {
        return fail("there is no file name before the separator".to_owned());
    }
    Ok(Record {
        at: at.clone(),
        file_name: name.to_owned(),
        picture: Picture::File(root.join(name)),
        size: None,
        truth: Truth::Text(text.to_owned()),
        fields: Vec::new(),
        links: Vec::new(),
    })
}

/// Writes the line of a record.
pub(super) fn form(format: Format, separator: String) -> Form {
    Box::new(move |record, line, _: &mut Losses| {
        let Truth::Text(text) = &record.truth else { return Ok(()) };
        put(record, text, &separator, format, line)
    })
}

pub(super) fn put(
    record: &Record,
    text: &str,
    separator: &str,
    format: Format,
    line: &mut String,
) -> Result<()> {
    let unfit = |reason: String| Err(Error::Unfit { at: record.at.clone(), format: format.name(), reason });
    let name = record.file_name.as_str();
    if name.contains(separator) {
        return unfit(format!("the file name {name:?} holds the separator {separator:?}; take another one"));
    }
    if name.contains(['\n', '\r']) || text.contains(['\n', '\r']) {
        return unfit("there is a line break in it; a JSON format holds it".to_owned());
    }
    line.push_str(name);
    line.push_str(separator);
    line.push_str(text);
    Ok(())
}
