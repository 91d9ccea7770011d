use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use glyphic::load_detector;
use glyphic_core::{Detected, Page, TextInstance};
use glyphic_document::{Format, Records, TextSource};
use glyphic_zoo::Task;

use crate::{
    args::{Level, ModelArgs},
    exit::{Exit, Failure, OrExit},
    inputs::{self, InputArgs},
    results::{FileKind, PageFiles, Results},
};

/// Detects text regions in images, without recognizing them.
#[derive(Debug, clap::Args)]
#[command(mut_arg("images", |images| images.required_unless_present("files_from")))]
pub(crate) struct Args {
    #[command(flatten)]
    inputs: InputArgs,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: DetectFormat,
    /// Output file; for overlays the folder, or the file of a single image
    #[arg(long, value_name = "PATH", required_if_eq("format", "overlay"))]
    out: Option<PathBuf>,
    /// Print the number of regions and of rejected candidates, by reason, to standard error
    #[arg(long)]
    verbose: bool,
    /// Granularity of detected regions: words, lines, or decided per image [default: the model's own, auto]
    #[arg(long, value_enum)]
    level: Option<Level>,
    #[command(flatten)]
    model: ModelArgs,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum DetectFormat {
    /// JSON Lines, one object per image
    #[default]
    Jsonl,
    /// A JSON array with one object per image
    Json,
    /// PNG images with the outlines drawn on them
    Overlay,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let images = args.inputs.collect()?;
    let (mut config, weights) = args.model.resolve(Task::Detect)?;
    if let Some(level) = args.level {
        config.set_level(level.into()).context("--level").or_exit(Exit::Usage)?;
    }
    let device = args.model.device.open()?;
    let detector = load_detector(&config.detector, &weights, &device).or_exit(Exit::Model)?;
    let mut results = match (args.format, args.out.as_deref()) {
        (DetectFormat::Overlay, out) => {
            let out = out.unwrap_or(Path::new("."));
            Results::Files(PageFiles::open(FileKind::Overlay, out, images.len())?)
        }
        (DetectFormat::Jsonl, out) => Results::stream(Format::JsonLines, Records::Detected, out)?,
        (DetectFormat::Json, out) => Results::stream(Format::Json, Records::Detected, out)?,
    };
    let failed = inputs::in_batches(&images, &args.inputs.opening(), 1, |progress, batch| {
        for (input, loaded) in batch {
            let image = &loaded.image;
            let info = input.info(&loaded, TextSource::default());
            let mut detected = detector.detect_counted(std::slice::from_ref(image)).or_exit(Exit::Model)?;
            let Detected { regions, dropped, .. } = detected.pop().unwrap_or_default();
            let mut page = Page::new(image.width(), image.height());
            page.instances = regions.into_iter().map(TextInstance::new).collect();
            page.dropped = dropped;
            if args.verbose {
                let found = page.instances.len();
                progress.say(format!("{}: {found} regions; left out: {}", input.name, page.dropped));
            }
            progress.aside(|| results.put(input, &loaded, &info, &page))?;
        }
        Ok(())
    })?;
    results.finish()?;
    failed.result()
}
