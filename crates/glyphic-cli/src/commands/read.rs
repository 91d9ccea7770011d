use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use glyphic::Reader;
use glyphic_document::{Format, Records};
use glyphic_zoo::Task;

use crate::{
    args::{LanguageArgs, Level, ReaderArgs},
    exit::{Exit, Failure, OrExit},
    inputs,
    results::Results,
};

/// Reads the text in pictures: words and lines in reading order.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Pictures, folders of pictures, or - for standard input
    #[arg(required = true, value_name = "IMAGE|DIR|-")]
    images: Vec<PathBuf>,
    /// How results are written
    #[arg(long, value_enum, default_value_t)]
    format: ReadFormat,
    /// The file results go to; for overlays the folder, or the file of a single picture
    #[arg(long, value_name = "PATH", required_if_eq("format", "overlay"))]
    out: Option<PathBuf>,
    /// Print on standard error how many lines and words were read and how many candidates were left out, by reason
    #[arg(long)]
    verbose: bool,
    /// What one region is [default: the model's own, auto]
    #[arg(long, value_enum)]
    level: Option<Level>,
    #[command(flatten)]
    language: LanguageArgs,
    #[command(flatten)]
    models: ReaderArgs,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum ReadFormat {
    /// Lines of text; above each picture's its name, where there are several
    #[default]
    Text,
    /// One JSON document: an array of pictures
    Json,
    /// A JSON object a picture, one a line
    Jsonl,
    /// The pictures with what was read drawn over them, PNG
    Overlay,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let images = inputs::collect(&args.images)?;
    let mut models = args.models.resolve()?;
    if let Some(level) = args.level {
        models.config.set_level(level.into()).context("--level").or_exit(Exit::Usage)?;
    }
    args.language.apply(&mut models.config);
    let device = args.models.device.open()?;
    let reader = Reader::builder()
        .detector_weights(models.weights(Task::Detect).or_exit(Exit::Usage)?)
        .recognizer_weights(models.weights(Task::Recognize).or_exit(Exit::Usage)?)
        .config(models.config)
        .device(device)
        .build()
        .or_exit(Exit::Model)?;
    let mut results = match (args.format, args.out.as_deref()) {
        (ReadFormat::Overlay, out) => Results::overlays(out.unwrap_or(Path::new(".")), images.len())?,
        (ReadFormat::Text, out) => {
            Results::stream(Format::Text { named: images.len() > 1 }, Records::Read, out)?
        }
        (ReadFormat::Json, out) => Results::stream(Format::Json, Records::Read, out)?,
        (ReadFormat::Jsonl, out) => Results::stream(Format::JsonLines, Records::Read, out)?,
    };
    let failed = inputs::in_batches(&images, 1, |progress, batch| {
        for (input, image) in batch {
            let page = reader.read(&image).or_exit(Exit::Model)?;
            if args.verbose {
                let (lines, words) = (page.lines.len(), page.instances.len());
                let dropped = &page.dropped;
                progress.say(format!("{}: {lines} lines, {words} words; left out: {dropped}", input.name));
            }
            progress.aside(|| results.put(input, &image, &page))?;
        }
        Ok(())
    })?;
    results.finish()?;
    failed.result()
}
