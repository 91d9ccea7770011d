use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use glyphic::load_detector;
use glyphic_core::{Detected, Page, TextInstance};
use glyphic_document::{Format, Records};
use glyphic_zoo::Task;

use crate::{
    args::{Level, ModelArgs},
    exit::{Exit, Failure, OrExit},
    inputs,
    results::Results,
};

/// Finds the text in pictures, without reading it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Pictures, folders of pictures, or - for standard input
    #[arg(required = true, value_name = "IMAGE|DIR|-")]
    images: Vec<PathBuf>,
    /// How results are written
    #[arg(long, value_enum, default_value_t)]
    format: DetectFormat,
    /// The file results go to; for overlays the folder, or the file of a single picture
    #[arg(long, value_name = "PATH", required_if_eq("format", "overlay"))]
    out: Option<PathBuf>,
    /// Print on standard error how many regions were found and how many candidates were left out, by reason
    #[arg(long)]
    verbose: bool,
    /// What one region is [default: the model's own, auto]
    #[arg(long, value_enum)]
    level: Option<Level>,
    #[command(flatten)]
    model: ModelArgs,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum DetectFormat {
    /// A JSON object a picture, one a line
    #[default]
    Jsonl,
    /// One JSON document: an array of pictures
    Json,
    /// The pictures with the outlines drawn over them, PNG
    Overlay,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let images = inputs::collect(&args.images)?;
    let (mut config, weights) = args.model.resolve(Task::Detect)?;
    if let Some(level) = args.level {
        config.set_level(level.into()).context("--level").or_exit(Exit::Usage)?;
    }
    let device = args.model.device.open()?;
    let detector = load_detector(&config.detector, &weights, &device).or_exit(Exit::Model)?;
    let mut results = match (args.format, args.out.as_deref()) {
        (DetectFormat::Overlay, out) => Results::overlays(out.unwrap_or(Path::new(".")), images.len())?,
        (DetectFormat::Jsonl, out) => Results::stream(Format::JsonLines, Records::Detected, out)?,
        (DetectFormat::Json, out) => Results::stream(Format::Json, Records::Detected, out)?,
    };
    let failed = inputs::in_batches(&images, 1, |progress, batch| {
        for (input, image) in batch {
            let mut detected = detector.detect_counted(std::slice::from_ref(&image)).or_exit(Exit::Model)?;
            let Detected { regions, dropped } = detected.pop().unwrap_or_default();
            let mut page = Page::new(image.width(), image.height());
            page.instances = regions.into_iter().map(TextInstance::new).collect();
            page.dropped = dropped;
            if args.verbose {
                let found = page.instances.len();
                progress.say(format!("{}: {found} regions; left out: {}", input.name, page.dropped));
            }
            progress.aside(|| results.put(input, &image, &page))?;
        }
        Ok(())
    })?;
    results.finish()?;
    failed.result()
}
