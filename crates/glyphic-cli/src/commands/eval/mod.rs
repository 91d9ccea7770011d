mod inputs;

use std::{
    fmt::Display,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Subcommand, ValueEnum};
use glyphic_core::write_file;
use glyphic_eval::{
    ClassList, DetectionLevel, DetectionOptions, EndToEndOptions, Ic13Options, IouOptions, KieOptions,
    Metric, NerRule, OutlineRule, ProtocolChoice, Sweep, ThresholdScore, evaluate_detection,
    evaluate_end_to_end, evaluate_kie, evaluate_ner, evaluate_recognition, plot_thresholds, sweep_end_to_end,
    sweep_recognition,
};
use glyphic_labels::formats::Format as LabelFormat;
use serde::Serialize;

use crate::{
    exit::{Exit, Failure, OrExit},
    output::Output,
};

/// Evaluates predictions of any system against ground truth.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Text detection: recall, precision and hmean
    Det(Det),
    /// Text recognition: word accuracy, 1-N.E.D., character and word error rates
    Rec(Rec),
    /// End-to-end text spotting: recall, precision and hmean of regions with the right text
    E2e(E2e),
    /// Key information extraction: F1 of the class of each box
    Kie(Kie),
    /// Named entity recognition: precision, recall and F1 by category
    Ner(Ner),
}

#[derive(Debug, clap::Args)]
struct Det {
    #[command(flatten)]
    files: Files,
    /// Criterion for a match of prediction and ground truth
    #[arg(long, value_enum, default_value_t)]
    metric: MetricName,
    /// IoU above which a pair matches, for hmean-iou [default: 0.5]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    iou: Option<f64>,
    /// Score thresholds to evaluate, comma-separated; predictions with exactly this score are kept
    /// [default: above 0.3, then 0.3 to 0.9 in steps of 0.1]
    #[arg(long, alias = "score-threshold", value_name = "SCORES", value_delimiter = ',', value_parser = share)]
    score_thresholds: Vec<f64>,
    /// Reproduce MMOCR 0.2.1, including its areas of self-intersecting polygons
    #[arg(long)]
    mmocr021: bool,
    /// Plot recall, precision and hmean over the score threshold
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Rec {
    #[command(flatten)]
    files: Files,
    /// Plot accuracy and coverage over a threshold on the recognizer's score
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct E2e {
    #[command(flatten)]
    files: Files,
    /// Matching protocol
    #[arg(long, value_enum, default_value_t)]
    protocol: ProtocolName,
    /// Intersection over union (IoU) above which a pair matches
    #[arg(long, value_name = "SHARE", value_parser = share, default_value_t = 0.5)]
    iou: f64,
    /// Ignore predictions with a detection score below this
    #[arg(long, value_name = "SCORE", value_parser = share)]
    score_threshold: Option<f64>,
    /// Compare case-sensitively
    #[arg(long)]
    match_case: bool,
    /// Ignore punctuation at the start and the end of a text
    #[arg(long)]
    ignore_end_symbols: bool,
    /// Plot recall, precision and hmean over the score threshold
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Kie {
    #[command(flatten)]
    files: Files,
    /// List of classes, one per line: index and name, as in WildReceipt's class list, or names alone
    /// [default: the classes that occur]
    #[arg(long, value_name = "FILE")]
    classes: Option<PathBuf>,
    /// Classes excluded from the report and the mean, by name or index, comma-separated
    #[arg(long, value_name = "CLASSES", value_delimiter = ',')]
    ignore: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct Ner {
    #[command(flatten)]
    files: Files,
    /// Reproduce MMOCR 0.2.1: an entity predicted twice counts as two hits
    #[arg(long)]
    mmocr021: bool,
}

#[derive(Debug, clap::Args)]
struct Files {
    /// Ground truth: labels in any format that `glyphic data convert` reads
    #[arg(long, value_name = "FILE|DIR")]
    truth: PathBuf,
    /// Format of the ground truth, e.g. pack, coco or icdar2015 [default: detected from its content]
    #[arg(long, value_name = "FORMAT")]
    truth_format: Option<LabelFormat>,
    /// Predictions: JSON Lines as glyphic writes them, MMOCR's results as JSON, or labels in any format
    #[arg(long, value_name = "FILE|DIR")]
    pred: PathBuf,
    /// Format of predictions that are labels, e.g. mmocr-det or label-studio [default: detected from their content]
    #[arg(long, value_name = "FORMAT")]
    pred_format: Option<LabelFormat>,
    /// Output format of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Output file of the report [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Output file for the matches and errors of each image: JSON Lines, one object per image
    #[arg(long, value_name = "FILE")]
    per_image: Option<PathBuf>,
    /// Number of CPU threads; scores do not depend on it [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// A table
    #[default]
    #[value(alias = "text")]
    Table,
    /// All values: each threshold, each image, each error
    Json,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum MetricName {
    /// Intersection over union (IoU) above 0.5
    #[default]
    HmeanIou,
    /// The ICDAR 2013 protocol, with splits and merges
    HmeanIc13,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum ProtocolName {
    /// bag-of-words where the ground truth is annotated by lines, else spotting
    #[default]
    Auto,
    /// Regions with IoU and equal text
    Spotting,
    /// The words of an image regardless of their position
    BagOfWords,
}

fn share(value: &str) -> Result<f64, String> {
    let share = value.parse::<f64>().ok().filter(|v| (0.0..=1.0).contains(v));
    share.ok_or_else(|| "a number from 0 to 1 is expected".to_owned())
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let files = match &args.task {
        Task::Det(Det { files, .. })
        | Task::Rec(Rec { files, .. })
        | Task::E2e(E2e { files, .. })
        | Task::Kie(Kie { files, .. })
        | Task::Ner(Ner { files, .. }) => files,
    };
    let threads = files.threads.map_or(0, usize::from);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().or_exit(Exit::Model)?;
    pool.install(|| match args.task {
        Task::Det(det) => detection(&det),
        Task::Rec(rec) => recognition(&rec),
        Task::E2e(e2e) => end_to_end(&e2e),
        Task::Kie(kie) => key_information(&kie),
        Task::Ner(ner) => entities(&ner),
    })
}

fn detection(args: &Det) -> Result<(), Failure> {
    let rule = if args.mmocr021 { OutlineRule::Mmocr021 } else { OutlineRule::EvenOdd };
    let metric = match args.metric {
        MetricName::HmeanIou => {
            let iou_threshold = args.iou.unwrap_or(IouOptions::default().iou_threshold);
            Metric::HmeanIou(IouOptions { iou_threshold, rule, ..IouOptions::default() })
        }
        MetricName::HmeanIc13 if args.iou.is_some() => {
            let message = "--iou goes with --metric hmean-iou: hmean-ic13 matches by shares of areas";
            return Err(Failure::new(Exit::Usage, message));
        }
        MetricName::HmeanIc13 => Metric::HmeanIc13(Ic13Options { rule, ..Ic13Options::default() }),
    };
    let sweep = match &args.score_thresholds[..] {
        [] => Sweep::default(),
        some => Sweep::at(some.to_vec()),
    };
    let truth = inputs::truth_pages(&args.files.truth, args.files.truth_format)?;
    let predictions = inputs::predicted_pages(&args.files.pred, args.files.pred_format)?;
    let report = evaluate_detection(&truth, &predictions, &DetectionOptions { metric, sweep });
    let report = report.or_exit(Exit::Input)?;
    args.files.write(&report, &report.instances.images)?;
    let Some(path) = &args.plot else { return Ok(()) };
    let options = DetectionOptions { metric, sweep: Sweep::fine() };
    let curve = evaluate_detection(&truth, &predictions, &options).or_exit(Exit::Input)?;
    // Where the truth is of lines, the lines show what a threshold does.
    let best = |level: &DetectionLevel| level.best.map_or(0.0, |b| b.score.hmean);
    let lines = curve.lines.as_ref().filter(|lines| best(lines) > best(&curve.instances));
    let (what, level) = lines.map_or(("instances", &curve.instances), |lines| ("lines", lines));
    plot(path, &format!("{} of {} images, {what}", report.metric, report.images), &level.thresholds)
}

fn recognition(args: &Rec) -> Result<(), Failure> {
    let truth = inputs::truth_texts(&args.files.truth, args.files.truth_format)?;
    let predictions = inputs::predicted_crops(&args.files.pred, args.files.pred_format)?;
    let report = evaluate_recognition(&truth, &predictions).or_exit(Exit::Input)?;
    args.files.write(&report, &report.texts)?;
    let Some(path) = &args.plot else { return Ok(()) };
    let curve = sweep_recognition(&truth, &predictions, &Sweep::fine().thresholds).or_exit(Exit::Input)?;
    plot(path, &format!("recognition of {} texts", report.score.pairs), &curve)
}

fn end_to_end(args: &E2e) -> Result<(), Failure> {
    let options = EndToEndOptions {
        protocol: match args.protocol {
            ProtocolName::Auto => ProtocolChoice::Auto,
            ProtocolName::Spotting => ProtocolChoice::Spotting,
            ProtocolName::BagOfWords => ProtocolChoice::BagOfWords,
        },
        iou: IouOptions { iou_threshold: args.iou, ..IouOptions::default() },
        min_score: args.score_threshold,
        ignore_case: !args.match_case,
        ignore_end_symbols: args.ignore_end_symbols,
    };
    let truth = inputs::truth_pages(&args.files.truth, args.files.truth_format)?;
    let predictions = inputs::predicted_pages(&args.files.pred, args.files.pred_format)?;
    let report = evaluate_end_to_end(&truth, &predictions, &options).or_exit(Exit::Input)?;
    args.files.write(&report, &report.instances.images)?;
    let Some(path) = &args.plot else { return Ok(()) };
    let thresholds = Sweep::fine().thresholds;
    let curve = sweep_end_to_end(&truth, &predictions, &options, &thresholds).or_exit(Exit::Input)?;
    plot(path, &format!("end to end on {} images", report.images), &curve)
}

fn key_information(args: &Kie) -> Result<(), Failure> {
    let classes = args.classes.as_deref().map(class_list).transpose()?;
    let options = KieOptions { classes, ignored: args.ignore.clone() };
    let truth = inputs::truth_pages(&args.files.truth, args.files.truth_format)?;
    let predictions = inputs::classified_pages(&args.files.pred, args.files.pred_format)?;
    let report = evaluate_kie(&truth, &predictions, &options).or_exit(Exit::Input)?;
    args.files.write(&report, &report.images)
}

fn class_list(path: &Path) -> Result<ClassList, Failure> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"));
    ClassList::parse(&text.or_exit(Exit::Input)?, &name).or_exit(Exit::Input)
}

fn entities(args: &Ner) -> Result<(), Failure> {
    for (name, format) in [("truth", args.files.truth_format), ("pred", args.files.pred_format)] {
        if let Some(format) = format.filter(|f| *f != LabelFormat::Cluener) {
            let message =
                format!("--{name}-format {format}: entities are read from {}", LabelFormat::Cluener);
            return Err(Failure::new(Exit::Usage, message));
        }
    }
    let rule = if args.mmocr021 { NerRule::Mmocr021 } else { NerRule::OneToOne };
    let truth = inputs::entity_texts(&args.files.truth)?;
    let predictions = inputs::entity_texts(&args.files.pred)?;
    let report = evaluate_ner(&truth, &predictions, rule).or_exit(Exit::Input)?;
    args.files.write(&report, &report.each)
}

impl Files {
    /// Writes the report, and each image's where it is asked for.
    fn write(&self, report: &(impl Serialize + Display), images: &[impl Serialize]) -> Result<(), Failure> {
        let text = match self.format {
            Format::Table => report.to_string(),
            Format::Json => serde_json::to_string_pretty(report).or_exit(Exit::Output)? + "\n",
        };
        let mut output = Output::open(self.out.as_deref())?;
        output.put(&text)?;
        output.finish()?;
        let Some(path) = &self.per_image else { return Ok(()) };
        let mut output = Output::open(Some(path))?;
        let mut lines = String::new();
        for image in images {
            lines.push_str(&serde_json::to_string(image).or_exit(Exit::Output)?);
            lines.push('\n');
        }
        output.put(&lines)?;
        output.finish()
    }
}

fn plot(path: &Path, title: &str, curve: &[ThresholdScore]) -> Result<(), Failure> {
    let svg = plot_thresholds(title, curve);
    write_file(path, svg.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
        .or_exit(Exit::Output)
}
