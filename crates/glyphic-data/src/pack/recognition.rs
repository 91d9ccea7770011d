use std::path::Path;

use super::{Record, Truth};
use crate::{Error, Location, Result};

/// One line of `labels.tsv`. Only the first TAB divides, and nothing is trimmed: spaces belong to the text.
pub(super) fn parse(folder: &Path, line: &str, at: &Location) -> Result<Record> {
    let fail = |reason: &str| {
        Err(Error::Label {
            at: at.clone(),
            reason: reason.to_owned(),
            expected: "the crop's file name, a TAB, its text",
        })
    };
    let Some((name, text)) = line.split_once('\t') else {
        return fail("there is no TAB in the line");
    };
    if name.is_empty() {
        return fail("there is no file name before the TAB");
    }
    Ok(Record {
        line: at.line,
        image: folder.join("crops").join(name),
        declared: None,
        truth: Truth::Text(text.to_owned()),
    })
}
