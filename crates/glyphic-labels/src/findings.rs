//! What is found in labels: where it stands, how often it occurs, and what was done about it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A place in a label file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The label file.
    pub file: Arc<Path>,
    /// The line, counted from 1.
    pub line: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// Something in a label file that was put right on reading, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Warning {
    /// Where.
    pub at: Location,
    /// Which annotation of the line, from 0.
    pub annotation: usize,
    /// What is wrong.
    pub reason: String,
    /// What was made of it.
    pub remedy: &'static str,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, annotation {}: {}; {}", self.at, self.annotation, self.reason, self.remedy)
    }
}

/// So many places of each kind of finding are named; the rest is counted.
pub(crate) const NAMED: usize = 20;

/// One kind of finding: how often it occurs, and the first places.
#[derive(Debug, Clone, PartialEq)]
pub struct Findings<T> {
    /// How often.
    pub count: usize,
    /// The first of them, twenty at most, in the order of the labels.
    pub first: Vec<T>,
}

impl<T> Default for Findings<T> {
    fn default() -> Self {
        Self { count: 0, first: Vec::new() }
    }
}

impl<T> Findings<T> {
    /// Takes over those of another part of the labels.
    pub fn append(&mut self, other: Self) {
        self.count += other.count;
        self.first.extend(other.first.into_iter().take(NAMED.saturating_sub(self.first.len())));
    }

    /// Counts one more; the first twenty are kept.
    pub fn add(&mut self, finding: T) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(finding);
        }
    }
}
