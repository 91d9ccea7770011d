//! Work on data sets, whatever format their labels are in.

mod convert;
mod lint;
mod lmdb;
mod show;
mod stats;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use glyphic_labels::formats::{Format, ReadOptions, Reader};
use glyphic_labels::{Findings, Warning};
use indicatif::{ProgressBar, ProgressStyle};

use crate::exit::{Exit, Failure, OrExit};

/// Converts, previews, checks and summarizes datasets in any supported label format.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Convert(convert::Args),
    Lmdb(lmdb::Args),
    Show(show::Args),
    Lint(lint::Args),
    Stats(stats::Args),
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Command::Convert(args) => convert::run(args),
        Command::Lmdb(args) => lmdb::run(args),
        Command::Show(args) => show::run(args),
        Command::Lint(args) => lint::run(args),
        Command::Stats(args) => stats::run(args),
    }
}

/// How labels are read.
#[derive(Debug, clap::Args)]
struct Source {
    /// Format of the labels [default: detected from their content]
    #[arg(long, value_name = "FORMAT")]
    from: Option<Format>,
    /// Folder of the images [default: the folder of the labels]
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// Separator between file name and text in the format `text`; \t is a tab [default: a tab if there is one, else a
    /// space]
    #[arg(long, value_name = "TEXT", value_parser = separator)]
    separator: Option<String>,
}

impl Source {
    fn options(&self) -> ReadOptions {
        ReadOptions { format: self.from, images: self.images.clone(), separator: self.separator.clone() }
    }

    fn open(&self, path: &Path) -> Result<Reader, Failure> {
        Reader::open(path, &self.options()).or_exit(Exit::Input)
    }
}

fn separator(value: &str) -> Result<String, String> {
    match value.replace("\\t", "\t") {
        empty if empty.is_empty() => Err("name at least one character".to_owned()),
        other => Ok(other),
    }
}

/// Says what was put right on reading: the first on a line each, and how many there were.
fn say_warnings(warnings: &Findings<Warning>) {
    warnings.first.iter().for_each(|w| eprintln!("warning: {w}"));
    if let Some(rest) = warnings.count.checked_sub(warnings.first.len()).filter(|n| *n > 0) {
        eprintln!("warning: ... and {rest} more");
    }
}

/// Counts records on standard error, where that is a terminal.
struct Count(ProgressBar);

impl Count {
    fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        // The template is a constant; were it wrong, the default style would do.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} records  {per_sec}  {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    fn step(&self) {
        self.0.inc(1);
    }

    fn say(&self, message: impl std::fmt::Display) {
        self.0.suspend(|| eprintln!("{message}"));
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
