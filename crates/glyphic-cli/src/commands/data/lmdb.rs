use glyphic_labels::formats::{Format, WriteOptions};

use super::convert::{Conversion, convert};
use crate::exit::Failure;

/// Writes an LMDB of crops and texts; annotated regions of images are cut out.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    conversion: Conversion,
    /// Write the layout of MMOCR 0.2.1: label lines without images, with the keys 0, 1, ... and total_number
    #[arg(long)]
    mmocr021: bool,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let layout = if args.mmocr021 { Format::LmdbLines } else { Format::Lmdb };
    convert(&args.conversion, layout, &WriteOptions::default(), false)
}
