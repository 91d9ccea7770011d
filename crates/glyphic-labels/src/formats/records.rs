//! What a format does to read.

use std::path::Path;

use crate::Result;
use crate::findings::{Findings, Location, Warning};
use crate::formats::Record;
use crate::formats::lines::Lines;

/// What a format does to read.
pub(crate) trait Records: Send {
    /// The next record, `None` at the end. After an error in one record the following ones may still come.
    fn next(&mut self, warnings: &mut Findings<Warning>) -> Option<Result<Record>>;
}

/// Formats of a record a line.
pub(crate) struct LineRecords<P> {
    lines: Lines,
    parse: P,
}

impl<P> LineRecords<P>
where
    P: FnMut(&str, &Location, &mut Findings<Warning>) -> Result<Record> + Send + 'static,
{
    pub(crate) fn open(path: &Path, parse: P) -> Result<Box<dyn Records>> {
        Ok(Box::new(Self { lines: Lines::open(path)?, parse }))
    }
}

impl<P> Records for LineRecords<P>
where
    P: FnMut(&str, &Location, &mut Findings<Warning>) -> Result<Record> + Send,
{
    fn next(&mut self, warnings: &mut Findings<Warning>) -> Option<Result<Record>> {
        Some(self.lines.next()?.and_then(|(at, line)| (self.parse)(line, &at, warnings)))
    }
}
