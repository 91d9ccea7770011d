//! One file a command.

mod config;
mod data;
mod detect;
mod doctor;
mod eval;
#[cfg(feature = "train")]
mod export;
mod extract;
mod language_model;
mod models;
mod ner;
#[cfg(feature = "train")]
mod quantize;
mod read;
mod recognize;
mod schema;
mod synth;
mod tesseract;
#[cfg(feature = "train")]
mod train;

use clap::Subcommand;

use crate::exit::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Read(read::Args),
    Detect(detect::Args),
    Recognize(recognize::Args),
    Extract(extract::Args),
    Tesseract(tesseract::Args),
    Ner(ner::Args),
    #[cfg(feature = "train")]
    Train(train::Args),
    Eval(eval::Args),
    #[cfg(feature = "train")]
    Export(export::Args),
    #[cfg(feature = "train")]
    Quantize(quantize::Args),
    Synth(synth::Args),
    LanguageModel(language_model::Args),
    Data(data::Args),
    Models(models::Args),
    Config(config::Args),
    Schema(schema::Args),
    Doctor(doctor::Args),
}

pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Read(args) => read::run(args),
        Command::Detect(args) => detect::run(args),
        Command::Recognize(args) => recognize::run(args),
        Command::Extract(args) => extract::run(args),
        Command::Tesseract(args) => tesseract::run(args),
        Command::Ner(args) => ner::run(args),
        #[cfg(feature = "train")]
        Command::Train(args) => train::run(args),
        Command::Eval(args) => eval::run(args),
        #[cfg(feature = "train")]
        Command::Export(args) => export::run(args),
        #[cfg(feature = "train")]
        Command::Quantize(args) => quantize::run(args),
        Command::Synth(args) => synth::run(args),
        Command::LanguageModel(args) => language_model::run(args),
        Command::Data(args) => data::run(args),
        Command::Models(args) => models::run(args),
        Command::Config(args) => config::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Doctor(args) => doctor::run(args),
    }
}
