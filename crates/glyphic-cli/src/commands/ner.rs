use std::path::{Path, PathBuf};

use anyhow::Context;
use glyphic::{FoundEntity, Weights};
use serde::Serialize;

use crate::{
    exit::{Exit, Failure, OrExit},
    output::Output,
};

/// Finds named entities in texts: JSON Lines, one object per text with its entities. No weights are shipped.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Text, file with one text per line, or - for standard input
    #[arg(value_name = "TEXT|FILE|-")]
    input: String,
    /// Model: a TOML file with [ner.bert_softmax], or the config.toml of its training
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Vocabulary, one token per line
    #[arg(long, value_name = "FILE")]
    vocabulary: PathBuf,
    /// Weights: safetensors, ONNX, or a checkpoint of MMOCR or HuggingFace
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// Output file [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct Record<'a> {
    text: &'a str,
    entities: Vec<FoundEntity>,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let name = args.model.display().to_string();
    let text = read(&args.model).or_exit(Exit::Usage)?;
    let text = glyphic::model_of_training(&text).unwrap_or(text);
    let config = glyphic::parse_entity_finder(&text, &name).or_exit(Exit::Usage)?;
    let vocabulary = read(&args.vocabulary).or_exit(Exit::Usage)?;
    let weights = Weights::File(args.weights);
    let finder = glyphic::load_entity_finder(&config, &vocabulary, &weights).or_exit(Exit::Model)?;
    let input = match args.input.as_str() {
        "-" => std::io::read_to_string(std::io::stdin()).context("cannot read standard input"),
        path if Path::new(path).is_file() => read(Path::new(path)),
        text => Ok(text.to_owned()),
    };
    let input = input.or_exit(Exit::Input)?;
    let mut output = Output::open(args.out.as_deref())?;
    for text in input.lines() {
        let entities = finder.find(text).map_err(glyphic_core::Error::from).or_exit(Exit::Model)?;
        let line = serde_json::to_string(&Record { text, entities }).or_exit(Exit::Output)?;
        output.put(&(line + "\n"))?;
    }
    output.finish()
}
