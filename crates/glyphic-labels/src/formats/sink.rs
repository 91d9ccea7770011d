//! What a format does to write.

use std::collections::BTreeMap;
use std::path::Path;

use crate::Result;
use crate::formats::Record;
use crate::formats::out::OutFile;

/// Counts of what a format could not hold.
#[derive(Default)]
pub(crate) struct Losses(pub(super) BTreeMap<&'static str, usize>);

impl Losses {
    pub(crate) fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }
}

/// What is said where a format has no place for [`glyphic_core::Transcript::chars`].
pub(crate) const CHARS_LOST: &str = "places of characters are not held";

/// What a format does to write.
pub(crate) trait Sink: Send {
    fn put(&mut self, record: &Record, losses: &mut Losses) -> Result<()>;
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Writes one record's line, element or file.
pub(crate) type Form = Box<dyn FnMut(&Record, &mut String, &mut Losses) -> Result<()> + Send>;

/// Formats of a record a line.
pub(crate) struct LineSink {
    out: OutFile,
    form: Form,
    line: String,
}

impl LineSink {
    pub(crate) fn create(path: &Path, form: Form) -> Result<Box<dyn Sink>> {
        Ok(Box::new(Self { out: OutFile::create(path)?, form, line: String::new() }))
    }
}

impl Sink for LineSink {
    fn put(&mut self, record: &Record, losses: &mut Losses) -> Result<()> {
        self.line.clear();
        (self.form)(record, &mut self.line, losses)?;
        self.line.push('\n');
        self.out.put(&self.line)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.out.commit()
    }
}
