use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use glyphic::{Extracted, ExtractorConfig, PageExtractor, Reader, Weights};
use glyphic_core::{Image, Page, Transcript};
use glyphic_document::PageInfo;
use serde::Serialize;

use super::read::{PdfText, read_page};
use crate::{
    args::DeviceArgs,
    exit::{Exit, Failure, OrExit},
    inputs::{self, Input, InputArgs, Opening},
    ocr,
    output::Output,
    results::{FileKind, PageFiles},
};

/// Extracts fields from receipts and forms: reads images, or takes OCR made elsewhere, classifies each text and joins texts
/// into fields.
#[derive(Debug, clap::Args)]
#[command(mut_arg("images", |images| images.required_unless_present_any(["files_from", "ocr"])))]
pub(crate) struct Args {
    #[command(flatten)]
    inputs: InputArgs,
    /// OCR made elsewhere in place of images: JSON of glyphic, PaddleOCR, Textract or Azure, hOCR or ALTO
    #[arg(long, value_name = "FILE", conflicts_with_all = ["images", "files_from"])]
    ocr: Option<PathBuf>,
    /// Extractor: a name listed by `glyphic models`, a TOML file with [extractor.sdmgr], or the config.toml of its training
    /// [default: the shipped extractor of receipts]
    #[arg(long, value_name = "NAME|FILE")]
    model: Option<String>,
    /// Weights of the extractor: safetensors, ONNX, or a .pth checkpoint of MMOCR [default: the model's own]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: ExtractFormat,
    /// Output file; for overlays the folder, or the file of a single image
    #[arg(long, value_name = "PATH", required_if_eq("format", "overlay"))]
    out: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, ValueEnum)]
pub(crate) enum ExtractFormat {
    /// JSON Lines, one object per image: fields, items, pairs, and each box with its class
    #[default]
    Json,
    /// A table of fields and items
    Table,
    /// PNG images with each text and its class drawn on them
    Overlay,
}

#[derive(Serialize)]
struct Record<'a> {
    file_name: &'a str,
    /// Of a file of several pages, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<usize>,
    #[serde(flatten)]
    fields: &'a glyphic::Fields,
    boxes: Vec<BoxRecord<'a>>,
    links: &'a [glyphic::ExtractedLink],
}

#[derive(Serialize)]
struct BoxRecord<'a> {
    polygon: Vec<f64>,
    text: &'a str,
    label: &'a str,
    score: f32,
}

/// The extractor of a name of the catalog, or of a TOML file that configures one, with the weights to be used. `None` for
/// other models.
pub(crate) fn named(
    model: &str,
    weights: Option<PathBuf>,
) -> Result<Option<(ExtractorConfig, Weights)>, Failure> {
    let (text, own) = match glyphic_zoo::extractor(model) {
        Ok(row) => (row.config().to_owned(), Some(Weights::Catalog(row.name.clone()))),
        Err(_) => match std::fs::read_to_string(model) {
            Ok(text) => (glyphic::model_of_training(&text).unwrap_or(text), None),
            Err(_) => return Ok(None),
        },
    };
    // What is wrong inside the table is said below, with its line.
    if !text.parse::<toml::Table>().is_ok_and(|table| table.contains_key("extractor")) {
        return Ok(None);
    }
    let config = glyphic::parse_extractor(&text, model).or_exit(Exit::Usage)?;
    let Some(weights) = weights.map(Weights::File).or(own) else {
        let message = format!("{model} comes without weights: give --weights FILE");
        return Err(Failure::new(Exit::Usage, message));
    };
    Ok(Some((config, weights)))
}

/// The extractor to be used and its weights: the shipped one where none is named.
fn choose(model: Option<&str>, weights: Option<PathBuf>) -> Result<(ExtractorConfig, Weights), Failure> {
    let model = model.unwrap_or(glyphic_zoo::DEFAULT_EXTRACTOR);
    named(model, weights)?.ok_or_else(|| {
        let known: Vec<&str> = glyphic_zoo::extractors().iter().map(|row| row.name.as_str()).collect();
        let message = match Path::new(model).exists() {
            true => format!("{model} configures no extractor; expected [extractor.sdmgr]"),
            false => {
                format!("no extractor {model:?}: neither a file nor a shipped one ({})", known.join(", "))
            }
        };
        Failure::new(Exit::Usage, message)
    })
}

/// The extractor to be used, built.
pub(crate) fn load(model: Option<&str>, weights: Option<PathBuf>) -> Result<PageExtractor, Failure> {
    let (config, weights) = choose(model, weights)?;
    glyphic::load_extractor(&config, &weights).or_exit(Exit::Model)
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let device = args.device.open()?;
    let (config, weights) = choose(args.model.as_deref(), args.weights)?;
    let ExtractorConfig::Sdmgr(sdmgr) = &config;
    if args.ocr.is_some() && sdmgr.visual.is_some() {
        let message = "the model needs images (extractor.sdmgr.visual), which --ocr does not have";
        return Err(Failure::new(Exit::Usage, message.to_owned()));
    }
    let extractor = glyphic::load_extractor(&config, &weights).or_exit(Exit::Model)?;
    let out = args.out.as_deref();
    let Some(path) = &args.ocr else {
        let reader = Reader::builder().device(device).build().or_exit(Exit::Model)?;
        let images = args.inputs.collect()?;
        let writer = Writer::open(args.format, out, images.len())?;
        return read(&reader, &extractor, &images, &args.inputs.opening(), PdfText::default(), writer);
    };
    let pages = ocr::read(path).or_exit(Exit::Input)?;
    let mut writer = Writer::open(args.format, out, pages.len())?;
    let (count, mut refused) = (pages.len(), 0);
    for (name, page) in pages {
        // The paper that overlays are drawn on.
        let side = |side: u32| side.clamp(1, 8192);
        let blank = Image::filled(side(page.width), side(page.height), [255; 3]).or_exit(Exit::Input)?;
        match glyphic::extract(&extractor, &blank, &page).context(name.clone()) {
            Ok(found) => writer.put(&PageInfo::from(name.as_str()), &blank, &found)?,
            Err(error) if count == 1 => return Err(error).or_exit(Exit::Input),
            Err(error) => {
                refused += 1;
                eprintln!("error: {error:#}");
            }
        }
    }
    writer.finish()?;
    refusals(refused, count)
}

/// An error where nothing could be extracted from some of the pages.
fn refusals(refused: usize, count: usize) -> Result<(), Failure> {
    match refused {
        0 => Ok(()),
        _ => {
            let message = format!("nothing could be extracted from {refused} of {count} pages");
            Err(Failure::new(Exit::Input, message))
        }
    }
}

/// Reads images and extracts from them. One of several from which nothing can be extracted is reported and left out.
pub(crate) fn read(
    reader: &Reader,
    extractor: &PageExtractor,
    images: &[Input],
    opening: &Opening,
    pdf_text: PdfText,
    mut writer: Writer,
) -> Result<(), Failure> {
    let (mut count, mut refused) = (0, 0);
    let failed = inputs::in_batches(images, opening, 1, |progress, batch| {
        for (input, loaded) in batch {
            count += 1;
            let (page, source) = read_page(reader, &loaded, pdf_text)?;
            let info = input.info(&loaded, source);
            let name = info.page.map_or_else(|| input.name.clone(), |n| format!("{}, page {n}", input.name));
            match glyphic::extract(extractor, &loaded.image, &page).context(name) {
                Ok(found) => progress.aside(|| writer.put(&info, &loaded.image, &found))?,
                Err(error) if images.len() == 1 && info.page.is_none() => {
                    return Err(error).or_exit(Exit::Input);
                }
                Err(error) => {
                    refused += 1;
                    progress.say(format!("error: {error:#}"));
                }
            }
        }
        Ok(())
    })?;
    writer.finish()?;
    failed.result()?;
    refusals(refused, count)
}

/// Where results go.
pub(crate) enum Writer {
    /// Records, and whether they are a JSON array; then whether one is written.
    Json {
        output: Output,
        array: bool,
        begun: bool,
    },
    Table(Output),
    Overlay(PageFiles),
}

impl Writer {
    pub(crate) fn open(format: ExtractFormat, out: Option<&Path>, images: usize) -> Result<Self, Failure> {
        Ok(match format {
            ExtractFormat::Json => Self::Json { output: Output::open(out)?, array: false, begun: false },
            ExtractFormat::Table => Self::Table(Output::open(out)?),
            ExtractFormat::Overlay => {
                Self::Overlay(PageFiles::open(FileKind::Overlay, out.unwrap_or(Path::new(".")), images)?)
            }
        })
    }

    /// Records as one JSON array.
    pub(crate) fn array(out: Option<&Path>) -> Result<Self, Failure> {
        Ok(Self::Json { output: Output::open(out)?, array: true, begun: false })
    }

    fn put(&mut self, info: &PageInfo, image: &Image, found: &Extracted) -> Result<(), Failure> {
        match self {
            Self::Json { output, array: false, .. } => output.put(&(record(info, found)? + "\n")),
            Self::Json { output, begun, .. } => {
                let before = if std::mem::replace(begun, true) { ",\n" } else { "[\n" };
                output.put(&(before.to_owned() + &record(info, found)?))
            }
            Self::Table(output) => output.put(&table(info, found)),
            Self::Overlay(files) => files.put(image, info, &classified(found)),
        }
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Json { mut output, array: true, begun } => {
                output.put(if begun { "\n]\n" } else { "[]\n" })?;
                output.finish()
            }
            Self::Json { output, .. } | Self::Table(output) => output.finish(),
            Self::Overlay(_) => Ok(()),
        }
    }
}

fn record(info: &PageInfo, found: &Extracted) -> Result<String, Failure> {
    let boxes =
        found.page.instances.iter().zip(&found.extraction.scores).map(|(instance, score)| BoxRecord {
            polygon: instance.region.polygon.to_flat(),
            text: instance.text(),
            label: instance.label.as_deref().unwrap_or(""),
            score: *score,
        });
    let record = Record {
        file_name: &info.file_name,
        page: info.page,
        fields: &found.fields,
        boxes: boxes.collect(),
        links: &found.extraction.links,
    };
    serde_json::to_string(&record).or_exit(Exit::Output)
}

fn table(info: &PageInfo, found: &Extracted) -> String {
    let number = info.page.map_or(String::new(), |page| format!(", page {page}"));
    let mut rows = vec![format!("{}{number}\n", info.file_name)];
    let mut row =
        |key: &str, text: &str, score: f32| rows.push(format!("  {key:<14} {text}  ({score:.2})\n"));
    for (key, field) in &found.fields.fields {
        row(key, &field.text, field.score);
    }
    for item in &found.fields.items {
        let parts = [&item.quantity, &item.name, &item.price].into_iter().flatten();
        let score = parts.clone().map(|f| f.score).fold(1.0, f32::min);
        row("item", &parts.map(|f| f.text.as_str()).collect::<Vec<_>>().join(" | "), score);
    }
    for (question, answer) in &found.fields.pairs {
        row(&question.text, &answer.text, answer.score);
    }
    rows.concat()
}

/// The page with each text behind its class, for an overlay.
fn classified(found: &Extracted) -> Page {
    let mut page = found.page.clone();
    for (instance, score) in page.instances.iter_mut().zip(&found.extraction.scores) {
        let text = format!("{}: {}", instance.label.as_deref().unwrap_or(""), instance.text());
        instance.transcript = Some(Transcript { text, score: *score, ..Transcript::default() });
    }
    page
}
