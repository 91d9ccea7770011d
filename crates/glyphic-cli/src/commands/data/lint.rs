use std::path::PathBuf;

use glyphic_core::{DICT36, DICT90, LATIN, Vocab, read_dict};
use glyphic_labels::LineInput;
use glyphic_labels::lint::Linter;

use super::{Count, Source};
use crate::exit::{Exit, Failure, OrExit};
use crate::output::print;

/// Looks for what would spoil a training.
///
/// Labels that cannot be read; pictures that are missing, broken, of another size than their label says or turned by EXIF;
/// polygons that are broken, cross themselves or lie outside; empty texts, characters outside the vocabulary, texts longer
/// than CTC's time steps; pictures that occur twice, in a split or in two. Ends with 3 where anything is found.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The labels, in any format; several are splits of one data set
    #[arg(required = true)]
    labels: Vec<PathBuf>,
    #[command(flatten)]
    source: Source,
    /// The characters that a recognizer knows: latin, dict36, dict90, or a file of one character a line
    #[arg(long, default_value = "latin", value_name = "NAME|FILE")]
    vocab: String,
    /// Pixels that a time step of the recognizer covers, at a height of 32
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
