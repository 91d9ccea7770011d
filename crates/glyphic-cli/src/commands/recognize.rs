use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;
use glyphic::load_recognizer;
use glyphic_core::{Image, Transcript};
use glyphic_document::TextRecord;
use glyphic_zoo::Task;

use crate::{
    args::{LanguageArgs, ModelArgs, share},
    exit::{Exit, Failure, OrExit},
    inputs::{self, Input, InputArgs},
    output::Output,
};

/// Crops that go through the network together.
const BATCH: usize = 32;

/// Recognizes the text of crops that hold one word or one line each.
#[derive(Debug, clap::Args)]
#[command(mut_arg("images", |images| images.required_unless_present("files_from")))]
pub(crate) struct Args {
    #[command(flatten)]
    inputs: InputArgs,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: RecognizeFormat,
    /// Output file [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write up to N texts of each crop: the one that is read, and others that it may hold, with their confidences; 1 to 1024.
    /// The beam search finds 8 of them for each word
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    n_best: Option<u16>,
    /// Leave out crops read with less confidence, 0 to 1: their number and names go to standard error
    #[arg(long, value_name = "SCORE", value_parser = share)]
    min_score: Option<f32>,
    #[command(flatten)]
    language: LanguageArgs,
    #[command(flatten)]
    model: ModelArgs,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum RecognizeFormat {
    /// Plain text; with several crops, each preceded by its file name and a tab; with --n-best a line for each text, and its
    /// confidence behind a tab
    #[default]
    Text,
    /// JSON Lines, one object per crop
    Jsonl,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let images = args.inputs.collect()?;
    let (mut config, weights) = args.model.resolve(Task::Recognize)?;
    args.language.apply(&mut config)?;
    if let Some(count) = args.n_best {
        config.set_n_best(usize::from(count)).context("--n-best").or_exit(Exit::Usage)?;
    }
    let device = args.model.device.open()?;
    let recognizer = load_recognizer(&config.recognizer, &weights, &device).or_exit(Exit::Model)?;
    let mut output = Output::open(args.out.as_deref())?;
    let mut left_out = 0_usize;
    let failed = inputs::in_batches(&images, &args.inputs.opening(), BATCH, |progress, batch| {
        let (names, crops): (Vec<&Input>, Vec<Image>) =
            batch.into_iter().map(|(input, loaded)| (input, loaded.image)).unzip();
        let transcripts = recognizer.recognize(&crops).or_exit(Exit::Model)?;
        for (input, transcript) in names.into_iter().zip(transcripts) {
            if args.min_score.is_some_and(|least| transcript.score < least) {
                left_out += 1;
                let name = &input.name;
                progress.say(format!("{name}: left out, read with confidence {:.3}", transcript.score));
                continue;
            }
            let Transcript { text, score, alternatives, .. } = transcript;
            let line = match args.format {
                RecognizeFormat::Text => {
                    let name = if images.len() == 1 { String::new() } else { format!("{}\t", input.name) };
                    let row = |text: &str, score: f32| match args.n_best {
                        Some(_) => format!("{name}{text}\t{score:.4}"),
                        None => format!("{name}{text}"),
                    };
                    let others = alternatives.iter().map(|other| row(&other.text, other.score));
                    std::iter::once(row(&text, score)).chain(others).collect::<Vec<_>>().join("\n")
                }
                RecognizeFormat::Jsonl => {
                    let record = TextRecord { file_name: input.name.clone(), text, score, alternatives };
                    serde_json::to_string(&record).or_exit(Exit::Output)?
                }
            };
            progress.aside(|| output.put(&(line + "\n")))?;
        }
        Ok(())
    })?;
    output.finish()?;
    if let Some(least) = args.min_score.filter(|_| left_out > 0) {
        eprintln!("{left_out} crops are left out: read with a confidence below {least}");
    }
    failed.result()
}
