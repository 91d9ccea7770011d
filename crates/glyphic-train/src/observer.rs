//! What a run reports.

use crate::log::LogRow;

/// What a run reports.
pub trait Observer {
    /// A step was done.
    fn step(&mut self, step: u64, steps: u64, loss: f64, samples_per_second: f64);

    /// A row was logged.
    fn row(&mut self, row: &LogRow);

    /// Something to tell the user.
    fn message(&mut self, text: &str);
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Steps done in all.
    pub steps: u64,
    /// Samples seen in all.
    pub samples: u64,
    /// Samples skipped in all because they cannot be trained on.
    pub skipped: u64,
    /// Minutes of training in all.
    pub minutes: f64,
    /// The best score of the metric that counts; `None` where nothing was validated.
    pub best: Option<f64>,
}
