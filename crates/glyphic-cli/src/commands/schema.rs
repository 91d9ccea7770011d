use glyphic_document::PAGE_SCHEMA;

use crate::{exit::Failure, output::print};

/// Prints the JSON Schema of a page as `read --format jsonl` and `detect` write it; `--format json` writes an array of them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: Args) -> Result<(), Failure> {
    print(PAGE_SCHEMA)
}
