//! One file a command.

mod config;
#[cfg(feature = "tools")]
mod data;
mod detect;
mod doctor;
#[cfg(feature = "tools")]
mod eval;
#[cfg(feature = "train")]
mod export;
mod extract;
#[cfg(feature = "tools")]
mod language_model;
mod models;
mod ner;
#[cfg(feature = "train")]
mod quantize;
mod read;
mod recognize;
mod schema;
#[cfg(feature = "tools")]
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
    #[cfg(feature = "tools")]
    Eval(eval::Args),
    #[cfg(feature = "train")]
    Export(export::Args),
    #[cfg(feature = "train")]
    Quantize(quantize::Args),
    #[cfg(feature = "tools")]
    Synth(synth::Args),
    #[cfg(feature = "tools")]
    LanguageModel(language_model::Args),
    #[cfg(feature = "tools")]
    Data(data::Args),
    Models(models::Args),
    Config(config::Args),
    Schema(schema::Args),
    Doctor(doctor::Args),
}

/// Commands that this build was made without, and the feature that brings them.
pub(crate) const ABSENT: &[(&str, &str)] = &[
    #[cfg(not(feature = "tools"))]
    ("data", "tools"),
    #[cfg(not(feature = "tools"))]
    ("eval", "tools"),
    #[cfg(not(feature = "tools"))]
    ("synth", "tools"),
    #[cfg(not(feature = "tools"))]
    ("language-model", "tools"),
    #[cfg(not(feature = "train"))]
    ("train", "train"),
    #[cfg(not(feature = "train"))]
    ("export", "train"),
    #[cfg(not(feature = "train"))]
    ("quantize", "train"),
];

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
        #[cfg(feature = "tools")]
        Command::Eval(args) => eval::run(args),
        #[cfg(feature = "train")]
        Command::Export(args) => export::run(args),
        #[cfg(feature = "train")]
        Command::Quantize(args) => quantize::run(args),
        #[cfg(feature = "tools")]
        Command::Synth(args) => synth::run(args),
        #[cfg(feature = "tools")]
        Command::LanguageModel(args) => language_model::run(args),
        #[cfg(feature = "tools")]
        Command::Data(args) => data::run(args),
        Command::Models(args) => models::run(args),
        Command::Config(args) => config::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Doctor(args) => doctor::run(args),
    }
}
