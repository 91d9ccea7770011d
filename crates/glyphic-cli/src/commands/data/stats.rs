use std::path::PathBuf;

use clap::ValueEnum;
use glyphic_data::stats::Stats;

use super::{Count, Source};
use crate::exit::{Exit, Failure, OrExit};
use crate::output::print;

/// Prints statistics of a dataset: images, regions, texts, characters, classes and sizes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Labels in any supported format
    labels: PathBuf,
    #[command(flatten)]
    source: Source,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Form,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Form {
    /// A summary with the most frequent values
    #[default]
    Text,
    /// All values
    Json,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let mut reader = args.source.open(&args.labels)?;
    let count = Count::new();
    let stats = Stats::of(&mut reader, |_| count.step());
    drop(count);
    print(&match args.format {
        Form::Text => stats.to_string(),
        Form::Json => serde_json::to_string_pretty(&stats).or_exit(Exit::Output)? + "\n",
    })?;
    match stats.broken {
        0 => Ok(()),
        n => Err(Failure::new(
            Exit::Input,
            format!("{n} labels could not be read; `glyphic data lint` names them"),
        )),
    }
}
