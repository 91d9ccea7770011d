use std::{fmt::Display, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

/// From this many images on progress is shown.
const SHOWN_FROM: usize = 4;

/// Progress on standard error, where that is a terminal and the work takes a while.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(len: usize) -> Self {
        if len < SHOWN_FROM {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(len as u64);
        // The template is a constant; were it wrong, the default style would do.
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {pos}/{len}  {per_sec}  {eta} left  {wide_msg}")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// What is being worked on.
    pub(crate) fn on(&self, name: &str) {
        self.0.set_message(name.to_owned());
    }

    pub(crate) fn step(&self) {
        self.0.inc(1);
    }

    /// Runs what writes to the terminal, without tearing the bar.
    pub(crate) fn aside<T>(&self, f: impl FnOnce() -> T) -> T {
        self.0.suspend(f)
    }

    /// A message on standard error.
    pub(crate) fn say(&self, message: impl Display) {
        self.aside(|| eprintln!("{message}"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
