//! The `glyphic` command: data to standard output, messages and progress to standard error.

mod args;
mod commands;
mod exit;
mod inputs;
mod output;
mod progress;
mod results;

use std::process::ExitCode;

use clap::Parser;

use exit::Exit;

/// Reads text in pictures.
#[derive(Debug, Parser)]
#[command(name = "glyphic", version, propagate_version = true, after_help = exit::HELP)]
struct Cli {
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> ExitCode {
    match commands::run(Cli::parse().command) {
        Ok(()) => Exit::Success.into(),
        Err(failure) if failure.is_broken_pipe() => Exit::Success.into(),
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit.into()
        }
    }
}
