use std::path::PathBuf;

use glyphic_core::{DICT36, DICT90, LATIN, Vocab, read_dict};
use glyphic_labels::LineInput;
use glyphic_labels::lint::Linter;

use super::{Count, Source};
use crate::exit::{Exit, Failure, OrExit};
use crate::output::print;

/// Checks a dataset for problems that affect training.
///
/// Reports labels that cannot be parsed; images that are missing, corrupt, rotated by EXIF or of another size than labelled;
/// polygons that are invalid, self-intersecting or outside the image; empty texts, characters outside the vocabulary, texts
/// too long for CTC; and images that occur more than once, within a split or across splits. The exit code is 3 where
/// anything is found.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Labels in any supported format; several paths are splits of one dataset
    #[arg(required = true)]
    labels: Vec<PathBuf>,
    #[command(flatten)]
    source: Source,
    /// Vocabulary of the recognizer: latin, dict36, dict90, or a file with one character per line
    #[arg(long, default_value = "latin", value_name = "NAME|FILE")]
    vocab: String,
    /// Width of one time step of the recognizer, in pixels at a crop height of 32
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=32))]
    stride: Option<u32>,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let chars = match args.vocab.as_str() {
        "latin" => LATIN.to_owned(),
        "dict36" => DICT36.to_owned(),
        "dict90" => DICT90.to_owned(),
        file => read_dict(file).or_exit(Exit::Usage)?,
    };
    let vocab = Vocab::ctc(&chars).or_exit(Exit::Usage)?;
    let mut input = LineInput::default();
    input.stride = args.stride.unwrap_or(input.stride);
    let mut linter = Linter::new(Some(&vocab), input);
    let mut found = 0;
    for labels in &args.labels {
        let count = Count::new();
        let report = linter.lint(labels, &args.source.options(), |_| count.step()).or_exit(Exit::Input)?;
        drop(count);
        found += report.count();
        print(&format!("{}: {report}", labels.display()))?;
    }
    match found {
        0 => Ok(()),
        n => Err(Failure::new(Exit::Input, format!("{n} findings"))),
    }
}
