use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};
use clap::ValueEnum;
use glyphic_core::{AtomicFolder, Page, Sample};
use glyphic_synth::{LineSynth, PageSynth, SynthConfig};
use rayon::prelude::*;
use serde::Serialize;

use crate::{
    exit::{Exit, Failure, OrExit},
    progress::Progress,
};

/// Pictures drawn before they are written: enough for every thread, little enough for the memory.
const CHUNK: u64 = 64;

/// Renders synthetic images of text with exact ground truth, for training and evaluation.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Kind of images
    #[arg(value_enum)]
    kind: Kind,
    /// Output folder, which must not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Number of images
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// Random seed; the same seed gives the same images
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    /// Configuration file, TOML: fonts, words, sizes
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Crops of one text line: crops/ and labels.tsv
    Lines,
    /// Whole images with word polygons: images/ and gt.jsonl
    Pages,
}

/// A line of gt.jsonl.
#[derive(Serialize)]
struct Truth<'a> {
    file_name: &'a str,
    width: u32,
    height: u32,
    annotations: Vec<Annotation<'a>>,
}

#[derive(Serialize)]
struct Annotation<'a> {
    polygon: Vec<f64>,
    text: &'a str,
    ignore: bool,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let mut config = match &args.config {
        Some(path) => load(path).or_exit(Exit::Usage)?,
        None => SynthConfig::default(),
    };
    config.seed = args.seed.unwrap_or(config.seed);
    if args.out.exists() {
        let message = format!("{} exists already; name a new folder", args.out.display());
        return Err(Failure::new(Exit::Usage, message));
    }
    let draw: Box<dyn Fn(Range<u64>) -> Vec<Sample>> = match args.kind {
        Kind::Lines => {
            let synth = LineSynth::new(config).or_exit(Exit::Usage)?;
            Box::new(move |range| synth.lines(range).collect())
        }
        Kind::Pages => {
            let synth = PageSynth::new(config).or_exit(Exit::Usage)?;
            Box::new(move |range| synth.pages(range).collect())
        }
    };
    write(&args, draw.as_ref())
        .with_context(|| format!("cannot write {}", args.out.display()))
        .or_exit(Exit::Output)
}

fn load(path: &Path) -> anyhow::Result<SynthConfig> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).map_err(|e| anyhow!("{}: {e}", path.display()))
}

/// The folder appears whole or not at all.
fn write(args: &Args, draw: &dyn Fn(Range<u64>) -> Vec<Sample>) -> anyhow::Result<()> {
    let pack = AtomicFolder::create(&args.out)?;
    let folder = pack.partial();
    let (images, labels) = match args.kind {
        Kind::Lines => ("crops", "labels.tsv"),
        Kind::Pages => ("images", "gt.jsonl"),
    };
    fs::create_dir(folder.join(images))?;
    let progress = Progress::new(usize::try_from(args.count).unwrap_or(usize::MAX));
    let mut truth = String::new();
    for start in (0..args.count).step_by(CHUNK as usize) {
        let samples = draw(start..(start + CHUNK).min(args.count));
        let names: Vec<String> = (start..).take(samples.len()).map(|i| format!("{i:06}.png")).collect();
        samples.par_iter().zip(&names).try_for_each(|(sample, name)| -> anyhow::Result<()> {
            sample.image.save(folder.join(images).join(name))?;
            progress.step();
            Ok(())
        })?;
        for (sample, name) in samples.iter().zip(&names) {
            truth.push_str(&match args.kind {
                Kind::Lines => {
                    format!("{name}\t{}\n", sample.truth.instances.first().map_or("", |i| i.text()))
                }
                Kind::Pages => serde_json::to_string(&truth_of(name, &sample.truth))? + "\n",
            });
        }
    }
    fs::write(folder.join(labels), truth)?;
    pack.commit()?;
    Ok(())
}

fn truth_of<'a>(file_name: &'a str, page: &'a Page) -> Truth<'a> {
    let annotations = page.instances.iter().map(|i| Annotation {
        polygon: i.region.polygon.to_flat(),
        text: i.text(),
        ignore: i.ignore,
    });
    Truth { file_name, width: page.width, height: page.height, annotations: annotations.collect() }
}
