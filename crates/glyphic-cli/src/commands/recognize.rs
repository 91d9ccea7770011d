use std::path::PathBuf;

use clap::ValueEnum;
use glyphic::load_recognizer;
use glyphic_core::{Image, Transcript};
use glyphic_document::TextRecord;
use glyphic_zoo::Task;

use crate::{
    args::{LanguageArgs, ModelArgs},
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
    #[command(flatten)]
    language: LanguageArgs,
    #[command(flatten)]
    model: ModelArgs,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum RecognizeFormat {
    /// Plain text; with several crops, each preceded by its file name and a tab
    #[default]
    Text,
    /// JSON Lines, one object per crop
    Jsonl,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let images = args.inputs.collect()?;
    let (mut config, weights) = args.model.resolve(Task::Recognize)?;
    args.language.apply(&mut config)?;
    let device = args.model.device.open()?;
    let recognizer = load_recognizer(&config.recognizer, &weights, &device).or_exit(Exit::Model)?;
    let mut output = Output::open(args.out.as_deref())?;
    let failed = inputs::in_batches(&images, &args.inputs.opening(), BATCH, |progress, batch| {
        let (names, crops): (Vec<&Input>, Vec<Image>) =
            batch.into_iter().map(|(input, loaded)| (input, loaded.image)).unzip();
        let transcripts = recognizer.recognize(&crops).or_exit(Exit::Model)?;
        for (input, transcript) in names.into_iter().zip(transcripts) {
            let line = match args.format {
                RecognizeFormat::Text if images.len() == 1 => transcript.text,
                RecognizeFormat::Text => format!("{}\t{}", input.name, transcript.text),
                RecognizeFormat::Jsonl => {
                    let Transcript { text, score, .. } = transcript;
                    let record = TextRecord { file_name: input.name.clone(), text, score };
                    serde_json::to_string(&record).or_exit(Exit::Output)?
                }
            };
            progress.aside(|| output.put(&(line + "\n")))?;
        }
        Ok(())
    })?;
    output.finish()?;
    failed.result()
}
