use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use glyphic_core::Page;
use glyphic_data::{LazyPack, PackOptions};
use glyphic_document::{read_pages, read_texts};
use glyphic_eval::{
    DetectionOptions, EndToEndOptions, Ic13Options, IouOptions, Metric, NamedPage, ProtocolChoice,
    evaluate_detection, evaluate_end_to_end, evaluate_recognition,
};
use serde::Serialize;

use crate::{
    exit::{Exit, Failure, OrExit},
    output::Output,
};

/// Scores predictions, glyphic's or anybody's, against the truth.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Detection: are the texts found? Recall, precision and hmean
    Det {
        #[command(flatten)]
        files: Files,
        /// When a prediction matches a truth
        #[arg(long, value_enum, default_value_t)]
        metric: MetricName,
    },
    /// Recognition: are the crops read right? Word accuracies, 1-N.E.D, character and word error rates
    Rec {
        #[command(flatten)]
        files: Files,
    },
    /// End to end: are the texts found and read right?
    E2e {
        #[command(flatten)]
        files: Files,
        /// How texts are compared
        #[arg(long, value_enum, default_value_t)]
        protocol: ProtocolName,
        /// Upper and lower case differ
        #[arg(long)]
        match_case: bool,
        /// Symbols before and behind a text do not matter
        #[arg(long)]
        ignore_end_symbols: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Files {
    /// A folder with the truth: gt.jsonl and images/, or labels.tsv and crops/
    #[arg(long, value_name = "PACK")]
    truth: PathBuf,
    /// The predictions, JSON lines
    #[arg(long, value_name = "FILE")]
    pred: PathBuf,
    /// How the report is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Where the report goes [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// A table
    #[default]
    Text,
    /// Everything: each threshold, each image, each mistake
    Json,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum MetricName {
    /// Intersection over union above 0.5
    #[default]
    HmeanIou,
    /// ICDAR 2013's, with splits and merges
    HmeanIc13,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum ProtocolName {
    /// Bag of words where the truth's boxes are lines, else spotting
    #[default]
    Auto,
    /// Each text at its place
    Spotting,
    /// The words of an image, wherever they stand
    BagOfWords,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.task {
        Task::Det { files, metric } => {
            let metric = match metric {
                MetricName::HmeanIou => Metric::HmeanIou(IouOptions::default()),
                MetricName::HmeanIc13 => Metric::HmeanIc13(Ic13Options::default()),
            };
            let options = DetectionOptions { metric, ..DetectionOptions::default() };
            let report = evaluate_detection(
                &truth(&files.truth)?,
                &read_pages(&files.pred).or_exit(Exit::Input)?,
                &options,
            );
            write(&files, &report.or_exit(Exit::Input)?)
        }
        Task::Rec { files } => {
            let truth: Vec<(String, String)> = truth(&files.truth)?
                .into_iter()
                .map(|(name, page)| (name, page.instances.first().map_or("", |i| i.text()).to_owned()))
                .collect();
            let report = evaluate_recognition(&truth, &read_texts(&files.pred).or_exit(Exit::Input)?);
            write(&files, &report.or_exit(Exit::Input)?)
        }
        Task::E2e { files, protocol, match_case, ignore_end_symbols } => {
            let options = EndToEndOptions {
                protocol: match protocol {
                    ProtocolName::Auto => ProtocolChoice::Auto,
                    ProtocolName::Spotting => ProtocolChoice::Spotting,
                    ProtocolName::BagOfWords => ProtocolChoice::BagOfWords,
                },
                ignore_case: !match_case,
                ignore_end_symbols,
                ..EndToEndOptions::default()
            };
            let report = evaluate_end_to_end(
                &truth(&files.truth)?,
                &read_pages(&files.pred).or_exit(Exit::Input)?,
                &options,
            );
            write(&files, &report.or_exit(Exit::Input)?)
        }
    }
}

/// The truth's pages by file name.
fn truth(folder: &Path) -> Result<Vec<NamedPage>, Failure> {
    let pack = LazyPack::open(folder, &PackOptions::default()).or_exit(Exit::Input)?;
    for warning in pack.warnings() {
        eprintln!("warning: {warning}");
    }
    (0..pack.len()).map(|i| named_page(&pack, i).or_exit(Exit::Input)).collect()
}

fn named_page(pack: &LazyPack, index: usize) -> Result<(String, Page), glyphic_data::Error> {
    let name = pack.image_path(index)?.file_name().map(|n| n.display().to_string()).unwrap_or_default();
    Ok((name, pack.get(index)?.truth))
}

fn write(files: &Files, report: &(impl Serialize + std::fmt::Display)) -> Result<(), Failure> {
    let text = match files.format {
        Format::Text => report.to_string(),
        Format::Json => serde_json::to_string_pretty(report).or_exit(Exit::Output)? + "\n",
    };
    let mut output = Output::open(files.out.as_deref())?;
    output.put(&text)?;
    output.finish()
}
