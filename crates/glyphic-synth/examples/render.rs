//! Writes packs of rendered lines and pages.
//!
//! `render lines --count 1000 --seed 1 --out DIR` writes `DIR/crops/*.png` and `DIR/labels.tsv` (`file<TAB>text`).
//! `render lines --count 1000 --seed 1 --shard FILE` writes one file of records, every crop resized to height 32:
//! width u32 LE, height u32 LE, text length in bytes u32 LE, the text in UTF-8, then `width * height * 3` bytes RGB.
//!
//! `render pages --count 1000 --seed 1 --out DIR` writes `DIR/images/*.jpg` and `DIR/gt.jsonl`, one line an image. The
//! annotations are lines for receipts and documents, words for scenes, unless `--level` says otherwise.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::U8x3,
};
use glyphic_core::{Image, Line, Polygon, Sample};
use glyphic_synth::{LineSynth, PageKind, PageSynth, SynthConfig};
use image::{
    ExtendedColorType, ImageEncoder,
    codecs::{jpeg, png},
};
use rayon::prelude::*;
use serde_json::json;

/// Height of a shard's crops in pixels.
const SHARD_HEIGHT: u32 = 32;
/// Samples drawn before any is written: enough for every thread, little enough to hold.
const BATCH: u64 = 2048;
/// As [`BATCH`], for pages.
const PAGE_BATCH: u64 = 64;

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Crops of one line each.
    Lines {
        #[command(flatten)]
        common: Common,
        /// One binary file in place of a folder of PNGs.
        #[arg(long)]
        shard: Option<PathBuf>,
        /// The first sample's index.
        #[arg(long, default_value_t = 0)]
        start: u64,
    },
    /// Whole pictures with every word or line outlined.
    Pages {
        #[command(flatten)]
        common: Common,
        /// What is annotated.
        #[arg(long, value_enum, default_value_t = Level::Kind)]
        level: Level,
        /// Scenes alone; every kind in its share without it.
        #[arg(long)]
        scenes: bool,
        /// The first sample's index.
        #[arg(long, default_value_t = 0)]
        start: u64,
    },
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Level {
    /// What a page's kind has in real data: words of scenes, lines of receipts and documents.
    Kind,
    Word,
    Line,
    /// Words, and beside them lines under "lines" and whether it is a "scene".
    Both,
}

#[derive(clap::Args)]
struct Common {
    #[arg(long)]
    count: u64,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[arg(long)]
    out: Option<PathBuf>,
    #[arg(long)]
    threads: Option<usize>,
    /// Folders of fonts in place of the system's.
    #[arg(long)]
    fonts: Vec<PathBuf>,
    /// Folders of photographs without text to set text upon.
    #[arg(long)]
    grounds: Vec<PathBuf>,
    /// Share of signs that curve, 0 to 1.
    #[arg(long)]
    curved: Option<f32>,
    /// Share of line crops that are single words of signs, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    sign_words: f32,
    /// Draw flat ink on a flat ground.
    #[arg(long)]
    clean: bool,
}

impl Common {
    fn config(&self) -> Result<SynthConfig> {
        if let Some(threads) = self.threads {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
        }
        let mut config = SynthConfig {
            seed: self.seed,
            degrade: !self.clean,
            sign_words: self.sign_words,
            ..SynthConfig::default()
        };
        if let Some(curved) = self.curved {
            config.curved = curved;
        }
        if !self.fonts.is_empty() {
            config.font_dirs.clone_from(&self.fonts);
        }
        config.ground_dirs.clone_from(&self.grounds);
        Ok(config)
    }
}

fn main() -> Result<()> {
    match Args::parse().what {
        What::Lines { common, shard, start } => lines(&common, shard.as_deref(), start),
        What::Pages { common, level, scenes, start } => pages(&common, level, scenes, start),
    }
}

fn pages(common: &Common, level: Level, scenes: bool, start: u64) -> Result<()> {
    let synth = PageSynth::new(common.config()?)?;
    let begun = Instant::now();
    let Some(folder) = &common.out else { bail!("name the folder to write to with --out DIR") };
    let images = folder.join("images");
    fs::create_dir_all(&images).with_context(|| format!("cannot create {}", images.display()))?;
    let mut truth = BufWriter::new(File::create(folder.join("gt.jsonl"))?);
    for range in batches(start, common.count, PAGE_BATCH) {
        let first = range.start;
        let page = |i| if scenes { synth.page_of(PageKind::Scene, i) } else { synth.page(i) };
        let samples: Vec<Sample> = range.into_par_iter().map(page).collect();
        let rows: Vec<String> = samples
            .into_iter()
            .enumerate()
            .map(|(i, sample)| {
                let index = first + i as u64;
                let name = format!("{index:08}.jpg");
                let mut file = BufWriter::new(File::create(images.join(&name))?);
                jpeg::JpegEncoder::new_with_quality(&mut file, 92).write_image(
                    sample.image.rgb(),
                    sample.image.width(),
                    sample.image.height(),
                    ExtendedColorType::Rgb8,
                )?;
                file.flush()?;
                let scene = scenes || synth.kind(index) == PageKind::Scene;
                let level = match level {
                    Level::Kind => Some(if scene { Level::Word } else { Level::Line }),
                    Level::Both => None,
                    one => Some(one),
                };
                Ok(page_row(&name, &sample, level, scene))
            })
            .collect::<Result<_>>()?;
        for row in rows {
            writeln!(truth, "{row}")?;
        }
    }
    truth.flush()?;
    report(common.count, begun);
    Ok(())
}

/// `level` is `None` for words and, beside them under "lines", lines.
fn page_row(name: &str, sample: &Sample, level: Option<Level>, scene: bool) -> String {
    let page = &sample.truth;
    let annotation = |polygon: &Polygon, text: &str, ignore: bool| json!({ "polygon": polygon.to_flat(), "text": text, "ignore": ignore });
    let words = || -> Vec<_> {
        page.instances.iter().map(|w| annotation(&w.region.polygon, w.text(), w.ignore)).collect()
    };
    let ignored = |l: &Line| l.instances.iter().all(|&i| page.instances[i].ignore);
    let lines =
        || -> Vec<_> { page.lines.iter().map(|l| annotation(&l.polygon, &l.text, ignored(l))).collect() };
    let annotations = if level == Some(Level::Line) { lines() } else { words() };
    let mut row =
        json!({ "file_name": name, "height": page.height, "width": page.width, "annotations": annotations });
    if level.is_none() {
        row["lines"] = lines().into();
        row["scene"] = scene.into();
    }
    row.to_string()
}

fn lines(common: &Common, shard: Option<&Path>, start: u64) -> Result<()> {
    let begun = Instant::now();
    let synth = LineSynth::new(common.config()?)?;
    eprintln!("{} faces in {:.1} s", synth.font_count(), begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    match (shard, &common.out) {
        (Some(file), None) => write_shard(&synth, file, start, common.count)?,
        (None, Some(folder)) => write_crops(&synth, folder, start, common.count)?,
        _ => bail!("name either --out DIR or --shard FILE"),
    }
    report(common.count, begun);
    Ok(())
}

fn report(count: u64, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64();
    let threads = rayon::current_num_threads();
    let rate = count as f64 / seconds;
    eprintln!(
        "{count} in {seconds:.1} s on {threads} threads: {rate:.0} a second, {:.0} a thread",
        rate / threads as f64
    );
}

fn batches(start: u64, count: u64, size: u64) -> impl Iterator<Item = std::ops::Range<u64>> {
    (start..start + count).step_by(size as usize).map(move |i| i..(i + size).min(start + count))
}

fn write_shard(synth: &LineSynth, file: &Path, start: u64, count: u64) -> Result<()> {
    let mut out = BufWriter::with_capacity(
        1 << 20,
        File::create(file).with_context(|| format!("cannot create {}", file.display()))?,
    );
    for range in batches(start, count, BATCH) {
        let records: Vec<Vec<u8>> = synth.lines(range).map(|s| record(&s)).collect::<Result<_>>()?;
        for record in records {
            out.write_all(&record)?;
        }
    }
    out.flush()?;
    Ok(())
}

fn record(sample: &Sample) -> Result<Vec<u8>> {
    let text = sample.truth.instances[0].text();
    let (w, h) = (sample.image.width(), sample.image.height());
    let width = ((f64::from(w) * f64::from(SHARD_HEIGHT) / f64::from(h)).round() as u32).max(1);
    let source = TypedImageRef::<U8x3>::from_buffer(w, h, sample.image.rgb())?;
    let mut rgb = vec![0; width as usize * SHARD_HEIGHT as usize * 3];
    let mut target = TypedImage::<U8x3>::from_buffer(width, SHARD_HEIGHT, &mut rgb)?;
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize_typed(&source, &mut target, &options)?;
    drop(target);
    let mut bytes = Vec::with_capacity(12 + text.len() + rgb.len());
    for n in [width, SHARD_HEIGHT, text.len() as u32] {
        bytes.extend(n.to_le_bytes());
    }
    bytes.extend(text.as_bytes());
    bytes.extend(rgb);
    Ok(bytes)
}

fn write_crops(synth: &LineSynth, folder: &Path, start: u64, count: u64) -> Result<()> {
    let crops = folder.join("crops");
    fs::create_dir_all(&crops).with_context(|| format!("cannot create {}", crops.display()))?;
    let mut labels = BufWriter::new(File::create(folder.join("labels.tsv"))?);
    for range in batches(start, count, BATCH) {
        let first = range.start;
        let rows: Vec<String> = synth
            .lines(range)
            .enumerate()
            .map(|(i, sample)| {
                let name = format!("{:08}.png", first + i as u64);
                fs::write(crops.join(&name), png_bytes(&sample.image)?)?;
                Ok(format!("{name}\t{}\n", sample.truth.instances[0].text()))
            })
            .collect::<Result<_>>()?;
        for row in rows {
            labels.write_all(row.as_bytes())?;
        }
    }
    labels.flush()?;
    Ok(())
}

fn png_bytes(image: &Image) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    png::PngEncoder::new_with_quality(&mut bytes, png::CompressionType::Fast, png::FilterType::Sub)
        .write_image(image.rgb(), image.width(), image.height(), ExtendedColorType::Rgb8)?;
    Ok(bytes)
}
