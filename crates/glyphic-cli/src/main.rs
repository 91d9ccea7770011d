//! The `glyphic` command: data to standard output, messages and progress to standard error.

mod args;
mod commands;
mod exit;
mod inputs;
mod memory;
mod ocr;
mod output;
mod progress;
mod results;

use std::process::ExitCode;

use clap::Parser;
use clap::error::{ContextKind, ContextValue};

use exit::Exit;

/// Detects and recognizes text in images.
#[derive(Debug, Parser)]
#[command(name = "glyphic", version, propagate_version = true, after_help = exit::HELP)]
struct Cli {
    #[command(subcommand)]
    command: commands::Command,
}

/// A panic of the PDF renderer is told as the error of its page, and not on its own.
fn keep_guarded_panics_quiet() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !glyphic_pdf::is_guarded_thread() {
            default(panic);
        }
    }));
}

/// The command line, where clap's word on a command that is only absent from this build is not the whole truth.
fn parse() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| {
        let typed = match error.get(ContextKind::InvalidSubcommand) {
            Some(ContextValue::String(typed)) => typed.as_str(),
            _ => "",
        };
        if let Some((name, feature)) = commands::ABSENT.iter().find(|(name, _)| *name == typed) {
            eprintln!(
                "error: this build has no command '{name}'; build glyphic-cli without --no-default-features, or with --features {feature}"
            );
            std::process::exit(i32::from(Exit::Usage as u8));
        }
        error.exit()
    })
}

fn main() -> ExitCode {
    keep_guarded_panics_quiet();
    match commands::run(parse().command) {
        Ok(()) => Exit::Success.into(),
        Err(failure) if failure.is_broken_pipe() => Exit::Success.into(),
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit.into()
        }
    }
}
