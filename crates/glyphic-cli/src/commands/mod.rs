//! One file a command.

mod config;
mod data;
mod detect;
mod doctor;
mod eval;
mod export;
mod language_model;
mod models;
mod read;
mod recognize;
mod synth;
mod train;

use clap::Subcommand;

use crate::exit::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Read(read::Args),
    Detect(detect::Args),
    Recognize(recognize::Args),
    Train(train::Args),
    Eval(eval::Args),
    Export(export::Args),
    Synth(synth::Args),
    LanguageModel(language_model::Args),
    Data(data::Args),
    Models(models::Args),
    Config(config::Args),
    Doctor(doctor::Args),
}

pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Read(args) => read::run(args),
        Command::Detect(args) => detect::run(args),
        Command::Recognize(args) => recognize::run(args),
        Command::Train(args) => train::run(args),
        Command::Eval(args) => eval::run(args),
        Command::Export(args) => export::run(args),
        Command::Synth(args) => synth::run(args),
        Command::LanguageModel(args) => language_model::run(args),
        Command::Data(args) => data::run(args),
        Command::Models(args) => models::run(args),
        Command::Config(args) => config::run(args),
        Command::Doctor(args) => doctor::run(args),
    }
}
