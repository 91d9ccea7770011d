use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;
use glyphic::{Orientation, Reader, find_layout, order_into_lines};
use glyphic_core::{Page, Rect, Region, TextInstance, Transcript};
use glyphic_document::{Format, Records, TextSource, invalid_characters};
use glyphic_pdf::TextLayer;
use glyphic_zoo::Task;

use super::extract::{self, ExtractFormat};
use crate::{
    args::{LanguageArgs, Level, ReaderArgs},
    exit::{Exit, Failure, OrExit},
    inputs::{self, InputArgs, Loaded},
    results::{Kind, Results},
};

/// Reads the text of images and PDF files: words and lines in reading order.
#[derive(Debug, clap::Args)]
#[command(mut_arg("images", |images| images.required_unless_present("files_from")))]
pub(crate) struct Args {
    #[command(flatten)]
    inputs: InputArgs,
    /// Output formats, comma-separated; several need --out
    #[arg(long, value_enum, value_delimiter = ',', default_value = "text")]
    format: Vec<ReadFormat>,
    /// Output file; for several formats the name that each format's extension is added to; for overlays and
    /// PAGE-XML the folder, or the file of a single image
    #[arg(long, value_name = "PATH", required_if_eq("format", "overlay"), required_if_eq("format", "pdf"))]
    out: Option<PathBuf>,
    /// What happens with the text that a PDF page holds as text
    #[arg(long, value_enum, default_value_t)]
    pdf_text: PdfText,
    /// Degrees clockwise by which text stands turned: decided per page, not looked at, or known
    /// [default: the configuration's, auto]
    #[arg(long, value_enum)]
    orientation: Option<PageOrientation>,
    /// Text keeps its place on the page, by spaces and empty lines
    #[arg(long)]
    layout: bool,
    /// Undo hyphens at line ends in Markdown and HTML
    #[arg(long)]
    dehyphenate: bool,
    /// Write the confidence and the outline of each character into JSON
    #[arg(long)]
    char_scores: bool,
    /// Leave out text read with less confidence, 0 to 1 [default: the configuration's, 0.5]
    #[arg(long, value_name = "SCORE")]
    min_score: Option<f32>,
    /// Write up to N texts of each word into JSON and hOCR: the one that is read, and others that it may be, with their
    /// confidences; 1 to 1024. The beam search finds 8 of them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    n_best: Option<u16>,
    /// Print the number of lines, words and rejected candidates, by reason, to standard error
    #[arg(long)]
    verbose: bool,
    /// Granularity of detected regions: words, lines, or decided per image [default: the model's own, auto]
    #[arg(long, value_enum)]
    level: Option<Level>,
    /// Extract the fields of receipts: the text format is then a table of fields, JSON has fields, items and classified boxes,
    /// overlays show the class of each text
    #[arg(long)]
    extract: bool,
    /// Extractor: a name listed by `glyphic models` or a TOML file, see `glyphic extract` [default: the shipped one]
    #[arg(long, value_name = "NAME|FILE", requires = "extract")]
    extractor: Option<String>,
    /// Weights of the extractor [default: the extractor's own]
    #[arg(long, value_name = "FILE", requires = "extractor")]
    extractor_weights: Option<PathBuf>,
    #[command(flatten)]
    language: LanguageArgs,
    #[command(flatten)]
    models: ReaderArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReadFormat {
    /// Lines of text; above each image's its name, where there are several
    Text,
    /// One JSON document: an array of pages
    Json,
    /// JSON Lines, one object per page
    Jsonl,
    /// Markdown: headings, lists, tables, keys with values, paragraphs, places of figures
    Markdown,
    /// HTML of headings, lists, tables, keys with values, paragraphs, places of figures
    Html,
    /// hOCR 1.2
    Hocr,
    /// ALTO 4.4
    Alto,
    /// PAGE-XML 2019-07-15, one file per page
    Page,
    /// Tab-separated rows as Tesseract writes them
    Tsv,
    /// The tables, and keys with values, as CSV
    Csv,
    /// Searchable PDF: images as pages, or the PDF that is read, with the text over them, invisible
    Pdf,
    /// The images with what was read drawn over them, PNG
    Overlay,
}

/// How text stands on its pages.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum PageOrientation {
    /// Decided for each page from what its lines read like
    Auto,
    /// Pages are read as they are
    Keep,
    /// Upright
    #[value(name = "0")]
    Upright,
    /// Running down
    #[value(name = "90")]
    Clockwise,
    /// Upside down
    #[value(name = "180")]
    UpsideDown,
    /// Running up
    #[value(name = "270")]
    CounterClockwise,
}

impl From<PageOrientation> for Orientation {
    fn from(orientation: PageOrientation) -> Self {
        match orientation {
            PageOrientation::Auto => Self::Auto,
            PageOrientation::Keep => Self::Keep,
            PageOrientation::Upright => Self::Upright,
            PageOrientation::Clockwise => Self::Clockwise,
            PageOrientation::UpsideDown => Self::UpsideDown,
            PageOrientation::CounterClockwise => Self::CounterClockwise,
        }
    }
}

/// What happens with a PDF page's own text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum PdfText {
    /// Take it where it makes sense; read the page otherwise, and the images on it that hold none
    #[default]
    Auto,
    /// Read every page
    Ignore,
    /// Take it, and read nothing
    Only,
}

impl Args {
    fn kinds(&self, inputs: usize) -> Vec<Kind> {
        let records = if self.char_scores { Records::ReadWithChars } else { Records::Read };
        let dehyphenate = self.dehyphenate;
        let kind = |format: &ReadFormat| match format {
            ReadFormat::Text if self.layout => Kind::Stream(Format::Layout, records),
            ReadFormat::Text => Kind::Stream(Format::Text { named: inputs > 1 }, records),
            ReadFormat::Json => Kind::Stream(Format::Json, records),
            ReadFormat::Jsonl => Kind::Stream(Format::JsonLines, records),
            ReadFormat::Markdown => Kind::Stream(Format::Markdown { dehyphenate }, records),
            ReadFormat::Html => Kind::Stream(Format::Html { dehyphenate }, records),
            ReadFormat::Hocr => Kind::Stream(Format::Hocr, records),
            ReadFormat::Alto => Kind::Stream(Format::Alto, records),
            ReadFormat::Page => Kind::PageXml,
            ReadFormat::Tsv => Kind::Stream(Format::Tsv, records),
            ReadFormat::Csv => Kind::Stream(Format::Csv, records),
            ReadFormat::Pdf => Kind::Pdf,
            ReadFormat::Overlay => Kind::Overlay,
        };
        let mut kinds: Vec<Kind> = Vec::new();
        for kind in self.format.iter().map(kind) {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        kinds
    }
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let images = args.inputs.collect()?;
    let mut models = args.models.resolve()?;
    if let Some(level) = args.level {
        models.config.set_level(level.into()).context("--level").or_exit(Exit::Usage)?;
    }
    if let Some(score) = args.min_score {
        models.config.reading.set_min_text_score(score);
    }
    if let Some(orientation) = args.orientation {
        models.config.reading.orientation = orientation.into();
    }
    args.language.apply(&mut models.config)?;
    if let Some(count) = args.n_best {
        models.config.set_n_best(usize::from(count)).context("--n-best").or_exit(Exit::Usage)?;
    }
    let device = args.models.device.open()?;
    let reader = Reader::builder()
        .detector_weights(models.weights(Task::Detect).or_exit(Exit::Usage)?)
        .recognizer_weights(models.weights(Task::Recognize).or_exit(Exit::Usage)?)
        .config(models.config)
        .device(device)
        .build()
        .or_exit(Exit::Model)?;
    if args.extract {
        let extractor = extract::load(args.extractor.as_deref(), args.extractor_weights)?;
        let out = args.out.as_deref();
        let writer = match args.format.as_slice() {
            [ReadFormat::Text] => extract::Writer::open(ExtractFormat::Table, out, images.len()),
            [ReadFormat::Json] => extract::Writer::array(out),
            [ReadFormat::Jsonl] => extract::Writer::open(ExtractFormat::Json, out, images.len()),
            [ReadFormat::Overlay] => extract::Writer::open(ExtractFormat::Overlay, out, images.len()),
            _ => {
                let message = "--extract writes one of the formats text, json, jsonl and overlay";
                Err(Failure::new(Exit::Usage, message))
            }
        };
        let opening = args.inputs.opening();
        return extract::read(&reader, &extractor, &images, &opening, args.pdf_text, writer?);
    }
    let kinds = args.kinds(images.len());
    let mut results = Results::open(&kinds, args.out.as_deref(), images.len())?;
    let xml = kinds.iter().any(|k| {
        matches!(k, Kind::PageXml | Kind::Stream(Format::Hocr | Format::Alto | Format::Html { .. }, _))
    });
    let failed = inputs::in_batches(&images, &args.inputs.opening(), 1, |progress, batch| {
        for (input, loaded) in batch {
            let (page, source) = read_page(&reader, &loaded, args.pdf_text)?;
            let info = input.info(&loaded, source);
            let name = info.page.map_or_else(|| input.name.clone(), |n| format!("{}, page {n}", input.name));
            if args.verbose {
                let (lines, words) = (page.lines.len(), page.instances.len());
                let dropped = &page.dropped;
                let source = match source {
                    TextSource::TextLayer => "; text layer",
                    TextSource::Mixed => "; text layer, images read",
                    _ => "",
                };
                progress.say(format!("{name}: {lines} lines, {words} words; left out: {dropped}{source}"));
            }
            let invalid = if xml { invalid_characters(&page) } else { 0 };
            if invalid > 0 {
                progress.say(format!("warning: {name}: {invalid} control characters are left out"));
            }
            for result in &mut results {
                progress.aside(|| result.put(input, &loaded, &info, &page))?;
            }
        }
        Ok(())
    })?;
    results.into_iter().try_for_each(Results::finish)?;
    failed.result()
}

/// A page's text: that of its text layer, or what is read off its picture, or both.
pub(super) fn read_page(
    reader: &Reader,
    loaded: &Loaded,
    pdf_text: PdfText,
) -> Result<(Page, TextSource), Failure> {
    let recognized = || reader.read(&loaded.image).or_exit(Exit::Model);
    let Some(layer) = &loaded.layer else { return Ok((recognized()?, TextSource::Picture)) };
    let of_layer = || {
        let mut page = Page::new(loaded.image.width(), loaded.image.height());
        page.instances = words(layer);
        page
    };
    let (mut page, source) = match pdf_text {
        PdfText::Ignore => return Ok((recognized()?, TextSource::Picture)),
        PdfText::Auto if !layer.is_sane() => return Ok((recognized()?, TextSource::Picture)),
        PdfText::Only => (of_layer(), TextSource::TextLayer),
        PdfText::Auto => {
            let pictures = layer.unread_pictures();
            let mut page = of_layer();
            if pictures.is_empty() {
                (page, TextSource::TextLayer)
            } else {
                let read = recognized()?;
                page.dropped = read.dropped;
                page.instances.extend(
                    read.instances
                        .into_iter()
                        .filter(|word| pictures.iter().any(|picture| holds_middle(picture, word))),
                );
                (page, TextSource::Mixed)
            }
        }
    };
    order_into_lines(&mut page);
    find_layout(&mut page, &loaded.image);
    Ok((page, source))
}

/// The words of a text layer, which is taken for certain.
fn words(layer: &TextLayer) -> Vec<TextInstance> {
    let word = |word: &glyphic_pdf::LayerWord| TextInstance {
        transcript: Some(Transcript::truth(word.text.clone())),
        emphasis: word.emphasis,
        ..TextInstance::new(Region { polygon: word.polygon.clone(), score: 1.0 })
    };
    layer.words.iter().map(word).collect()
}

fn holds_middle(rect: &Rect, word: &TextInstance) -> bool {
    let b = word.region.polygon.bounds();
    let (x, y) = ((b.x0 + b.x1) / 2.0, (b.y0 + b.y1) / 2.0);
    (rect.x0..=rect.x1).contains(&x) && (rect.y0..=rect.y1).contains(&y)
}
