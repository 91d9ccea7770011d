use std::path::PathBuf;

use glyphic_data::formats::{Format, WriteOptions};

use super::{Source, convert::convert};
use crate::exit::Failure;

/// Makes an LMDB of crops and texts; regions of pictures are cut out.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The labels, in any format
    #[arg(value_name = "FROM")]
    labels: PathBuf,
    /// The folder to make; it must not exist
    #[arg(value_name = "TO")]
    out: PathBuf,
    #[command(flatten)]
    source: Source,
    /// The layout of MMOCR 0.2.1: lines of file name and text alone, with the keys 0, 1, ... and total_number
    #[arg(long)]
    mmocr021: bool,
    /// Leave out what cannot be read, and say so; else nothing is written
    #[arg(long)]
    skip_broken: bool,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let layout = if args.mmocr021 { Format::LmdbLines } else { Format::Lmdb };
    convert(&args.labels, &args.source, &args.out, layout, &WriteOptions::default(), false, args.skip_broken)
}
