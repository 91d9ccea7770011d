//! Samples that cannot be trained on: counted, named, and too many of them refused.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::observer::Observer;
use crate::{Error, Result};

/// So many are told to the user; the file lists all.
const TOLD: usize = 20;

/// A share is taken of at least this many samples: the first of a run may be a bad one.
const LEAST: u64 = 200;

/// What was skipped in a run. `skipped.txt` in its folder has a line for each sample.
pub(crate) struct SkippedSamples {
    path: PathBuf,
    limit: f64,
    known: BTreeSet<String>,
}

impl SkippedSamples {
    /// `limit` is the share of samples that may be skipped.
    pub(crate) fn open(run: &Path, limit: f64) -> Result<Self> {
        let path = run.join("skipped.txt");
        let known = match fs::read_to_string(&path) {
            Ok(text) => text.lines().map(str::to_owned).collect(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => BTreeSet::new(),
            Err(e) => return Err(Error::io(&path, e)),
        };
        Ok(Self { path, limit, known })
    }

    /// Names the samples that are new.
    pub(crate) fn add(&mut self, reasons: &[String], observer: &mut dyn Observer) -> Result<()> {
        for reason in reasons {
            let line = reason.replace(['\n', '\r'], " ");
            if self.known.contains(&line) {
                continue;
            }
            let file = OpenOptions::new().create(true).append(true).open(&self.path);
            file.and_then(|mut file| writeln!(file, "{line}")).map_err(|e| Error::io(&self.path, e))?;
            if self.known.len() < TOLD {
                observer.message(&format!("skipped: {line}"));
            } else if self.known.len() == TOLD {
                observer.message(&format!("more skipped samples are listed in {}", self.path.display()));
            }
            self.known.insert(line);
        }
        Ok(())
    }

    /// Whether `skipped` of `drawn` samples are allowed.
    ///
    /// # Errors
    /// [`Error::Skipped`] where they are too many.
    pub(crate) fn check(&self, skipped: u64, drawn: u64, last: Option<&String>) -> Result<()> {
        if skipped as f64 <= self.limit * drawn.max(LEAST) as f64 {
            return Ok(());
        }
        let last = last.cloned().unwrap_or_default();
        Err(Error::Skipped { skipped, drawn, limit: self.limit, last, list: self.path.clone() })
    }
}
