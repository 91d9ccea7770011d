use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clap::ValueEnum;
use glyphic::quantize::{Calibration, Candidate, Range, candidates, prepare, quantize};
use glyphic::{
    Detector, DetectorConfig, Device, Image, Recognizer, RecognizerConfig, Weights, detector_network,
    load_detector, load_recognizer, recognizer_network, set_hash,
};
use glyphic_core::{Page, TextInstance, write_file};
use glyphic_eval::{DetectionOptions, IouOptions, Metric, RecognitionScore, Sweep, evaluate_detection};
use glyphic_graph::{Graph, Observer, ValueId};
use glyphic_labels::formats::{ReadOptions, Reader, Record, Truth};
use glyphic_zoo::Task;

use super::export::one_stage;
use crate::exit::{Exit, Failure, OrExit};
use crate::progress::Progress;

/// Images that the loss of each layer alone is measured on.
const PROBES: usize = 8;

/// Crops that are read together.
const BATCH: usize = 32;

/// Quantises a model to 8-bit integers, and writes it as ONNX if its score does not fall by more than is allowed.
///
/// Weights of convolutions and linear layers become signed bytes with a scale for each output channel; their inputs become
/// unsigned bytes, with ranges measured on labelled images. Scores of the float and the 8-bit model are printed: hmean (IoU)
/// of a detector, word accuracy without case and symbols of a recognizer. If the loss is larger than --max-loss, the layers
/// that disturb the output most stay float, as few as possible; if even the least sensitive layer loses too much, nothing is
/// written and the exit code is 1.
///
/// The file holds QuantizeLinear and DequantizeLinear around each quantised layer; ONNX Runtime runs it too.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Model: a name listed by `glyphic models`, or a TOML file
    #[arg(value_name = "NAME|FILE")]
    model: String,
    /// Weights: safetensors, ONNX, or a .pth checkpoint of MMOCR [default: the model's own]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Labelled images on which scores are measured, in any format that `glyphic data convert` reads
    #[arg(long, value_name = "FILE|DIR")]
    data: PathBuf,
    /// Largest loss of the score
    #[arg(long, value_name = "LOSS", default_value_t = 0.003, allow_negative_numbers = true)]
    max_loss: f64,
    /// Number of images on which ranges of activations are measured
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    calibrate: u32,
    /// Labelled images on which ranges are measured [default: the first ones of --data]
    #[arg(long, value_name = "FILE|DIR")]
    calibration_data: Option<PathBuf>,
    /// Choice of the range of an activation
    #[arg(long, value_enum, default_value_t)]
    range: RangeName,
    /// Output file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print the error of the output that each layer causes alone
    #[arg(long)]
    verbose: bool,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum RangeName {
    /// The range with the least mean squared error
    #[default]
    Mse,
    /// All but 0.01 % of the values at either end
    Percentile,
    /// From the smallest to the largest value
    Max,
}

impl From<RangeName> for Range {
    fn from(name: RangeName) -> Self {
        match name {
            RangeName::Mse => Self::LeastError,
            RangeName::Percentile => Self::Percentile(1e-4),
            RangeName::Max => Self::Whole,
        }
    }
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    if !args.max_loss.is_finite() {
        let message = format!("invalid --max-loss {}; expected a number such as 0.003", args.max_loss);
        return Err(Failure::new(Exit::Usage, message));
    }
    let (stage, network) = resolve(&args)?;
    let network = prepare(network).or_exit(Exit::Model)?;
    let all = candidates(&network).or_exit(Exit::Model)?;
    if all.is_empty() {
        return Err(Failure::new(Exit::Model, format!("{} has no layer that can be quantised", args.model)));
    }
    let data = records(&args.data, &stage)?;
    let count = args.calibrate as usize;
    let samples = match &args.calibration_data {
        Some(path) => images(&mut records(path, &stage)?.iter().take(count))?,
        None => images(&mut data.iter().take(count))?,
    };

    let float = stage.score("float", &network, &data)?;
    println!("{}, {} images", stage.metric(), data.len());
    println!("float: {float:.4}");

    let calibration = Calibration::default();
    stage.watched(&network, calibration.observer(&network, &all), &samples)?;
    let grids = calibration.grids(args.range.into());
    let seen: Vec<Candidate> = all.iter().filter(|c| grids.contains_key(&c.input)).cloned().collect();
    for unseen in all.iter().filter(|c| !grids.contains_key(&c.input)) {
        eprintln!("warning: {} stays in floats: no sample showed what it is given", unseen.name);
    }
    let quantized = |chosen: &[Candidate]| quantize(&network, chosen, &grids).or_exit(Exit::Model);

    // The layers that disturb the output least come first.
    let probes = &samples[..samples.len().min(PROBES)];
    let expected = stage.outputs(&network, probes)?;
    let mut ranked: Vec<(f64, Candidate)> = Vec::with_capacity(seen.len());
    let progress = Progress::new(seen.len());
    for candidate in seen {
        progress.on(&candidate.name);
        let alone = quantized(std::slice::from_ref(&candidate))?;
        ranked.push((error(&expected, &stage.outputs(&alone, probes)?), candidate));
        progress.step();
    }
    drop(progress);
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    if args.verbose {
        for (error, candidate) in &ranked {
            eprintln!("{}: relative squared error of the output {error:.2e}", candidate.name);
        }
    }
    let ordered: Vec<Candidate> = ranked.into_iter().map(|(_, candidate)| candidate).collect();

    // As many layers as the loss allows: all, or the most that are found by halving.
    let (mut most, mut beyond, mut best) = (0, ordered.len() + 1, None);
    let (mut tried, mut last) = (ordered.len(), float);
    while tried > most && tried < beyond {
        let graph = quantized(&ordered[..tried])?;
        let score = stage.score("int8", &graph, &data)?;
        println!("int8, {tried} of {} layers: {score:.4} (loss {:.4})", all.len(), float - score);
        if float - score <= args.max_loss {
            (most, best) = (tried, Some((graph, score)));
        } else {
            (beyond, last) = (tried, score);
        }
        tried = (most + beyond) / 2;
    }
    let Some((mut graph, score)) = best else {
        let message = format!(
            "{}: with {} of {} layers in 8 bits the {} falls by {:.4}, from {float:.4} to {last:.4}; --max-loss allows {}; \
             nothing was written",
            args.model,
            beyond.min(ordered.len()),
            all.len(),
            stage.metric(),
            float - last,
            args.max_loss,
        );
        return Err(Failure::new(Exit::Refused, message));
    };
    let metric = stage.metric();
    let said = format!("int8, {most} of {} layers; {metric} {score:.4}, float {float:.4}", all.len());
    graph.metadata.insert("quantization".to_owned(), said);
    set_hash(&mut graph);
    let bytes = glyphic_onnx::to_bytes(&graph).or_exit(Exit::Model)?;
    // Told, so that it can be seen that what is written is what was measured.
    let again = glyphic_onnx::from_bytes(&bytes).or_exit(Exit::Model)?;
    let difference = error(&stage.outputs(&graph, probes)?, &stage.outputs(&again, probes)?);
    write_file(&args.out, &bytes).or_exit(Exit::Output)?;
    eprintln!(
        "{}: {} bytes, {most} of {} layers in 8 bits; relative squared difference when read again {difference:.1e}",
        args.out.display(),
        bytes.len(),
        all.len(),
    );
    Ok(())
}

/// What is quantised.
enum Stage {
    Detect(DetectorConfig),
    Recognize(RecognizerConfig),
}

fn resolve(args: &Args) -> Result<(Stage, Graph), Failure> {
    let expected = "a detector or a recognizer";
    let (task, models, weights) = one_stage(&args.model, args.weights.as_deref(), expected)?;
    let config = models.config;
    Ok(match task {
        Task::Detect => {
            let graph = detector_network(&config.detector, &weights).or_exit(Exit::Model)?;
            (Stage::Detect(config.detector), graph)
        }
        Task::Recognize => {
            let graph = recognizer_network(&config.recognizer, &weights).or_exit(Exit::Model)?;
            (Stage::Recognize(config.recognizer), graph)
        }
    })
}

/// The labels, all of the kind that the stage needs.
fn records(path: &Path, stage: &Stage) -> Result<Vec<Record>, Failure> {
    let mut all = Vec::new();
    for record in Reader::open(path, &ReadOptions::default()).or_exit(Exit::Input)? {
        let record = record.or_exit(Exit::Input)?;
        let needed = match (stage, &record.truth) {
            (Stage::Detect(_), Truth::Instances(_)) | (Stage::Recognize(_), Truth::Text(_)) => None,
            (Stage::Detect(_), _) => Some("regions of images"),
            (Stage::Recognize(_), _) => Some("texts of crops"),
        };
        if let Some(needed) = needed {
            let message = format!("{}: the labels are {}; expected {needed}", record.at, record.truth.kind());
            return Err(Failure::new(Exit::Input, message));
        }
        all.push(record);
    }
    if all.is_empty() {
        return Err(Failure::new(Exit::Input, format!("{}: no labelled images", path.display())));
    }
    Ok(all)
}

fn images(records: &mut dyn Iterator<Item = &Record>) -> Result<Vec<Image>, Failure> {
    records.map(|record| record.image().or_exit(Exit::Input)).collect()
}

/// A model ready to run.
enum Loaded {
    Detector(Box<dyn Detector>),
    Recognizer(Box<dyn Recognizer>),
}

impl Stage {
    fn metric(&self) -> &'static str {
        match self {
            Self::Detect(_) => "hmean (IoU)",
            Self::Recognize(_) => "word accuracy without case and symbols",
        }
    }

    fn load(&self, graph: &Graph) -> Result<Loaded, Failure> {
        let (weights, device) = (Weights::Network(Arc::new(graph.clone())), Device::default());
        Ok(match self {
            Self::Detect(config) => {
                Loaded::Detector(load_detector(config, &weights, &device).or_exit(Exit::Model)?)
            }
            Self::Recognize(config) => {
                Loaded::Recognizer(load_recognizer(config, &weights, &device).or_exit(Exit::Model)?)
            }
        })
    }

    /// The metric of a network.
    fn score(&self, what: &str, graph: &Graph, data: &[Record]) -> Result<f64, Failure> {
        let model = self.load(graph)?;
        let progress = Progress::new(data.len());
        progress.on(what);
        let (mut truths, mut pages, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        for batch in data.chunks(BATCH) {
            match &model {
                Loaded::Detector(detector) => {
                    for record in batch {
                        let image = record.image().or_exit(Exit::Input)?;
                        let page = |instances| {
                            let page = Page::new(image.width(), image.height());
                            (record.file_name.clone(), Page { instances, ..page })
                        };
                        let found = detector.detect(std::slice::from_ref(&image)).or_exit(Exit::Model)?;
                        let found = found.into_iter().flatten().map(TextInstance::new).collect();
                        if let Truth::Instances(instances) = &record.truth {
                            truths.push(page(instances.clone()));
                            pages.push(page(found));
                        }
                        progress.step();
                    }
                }
                Loaded::Recognizer(recognizer) => {
                    let crops = images(&mut batch.iter())?;
                    let read = recognizer.recognize(&crops).or_exit(Exit::Model)?;
                    for (record, read) in batch.iter().zip(read) {
                        if let Truth::Text(text) = &record.truth {
                            texts.push((read.text, text.clone()));
                        }
                        progress.step();
                    }
                }
            }
        }
        match model {
            Loaded::Detector(_) => {
                let metric = Metric::HmeanIou(IouOptions::default());
                let options = DetectionOptions { metric, sweep: Sweep::at(Vec::new()) };
                let report = evaluate_detection(&truths, &pages, &options).or_exit(Exit::Input)?;
                Ok(report.instances.all.hmean)
            }
            Loaded::Recognizer(_) => Ok(RecognitionScore::new(&texts).word_acc_ignore_case_symbol),
        }
    }

    /// Runs a network on images while somebody sees its values, always in the same order: on several threads crops are read as it
    /// happens.
    fn watched(&self, graph: &Graph, observer: Observer, images: &[Image]) -> Result<(), Failure> {
        let graph = Graph { observer: Some(observer), ..graph.clone() };
        let model = self.load(&graph)?;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().or_exit(Exit::Model)?;
        pool.install(|| match model {
            Loaded::Detector(detector) => images.iter().try_for_each(|image| {
                detector.detect(std::slice::from_ref(image)).map(drop).or_exit(Exit::Model)
            }),
            Loaded::Recognizer(recognizer) => recognizer.recognize(images).map(drop).or_exit(Exit::Model),
        })
    }

    /// The network's outputs on images, one after the other.
    fn outputs(&self, graph: &Graph, images: &[Image]) -> Result<Vec<f32>, Failure> {
        let wanted: Vec<ValueId> = graph.outputs.iter().map(|output| output.value).collect();
        let seen: Arc<Mutex<Vec<f32>>> = Arc::default();
        let into = Arc::clone(&seen);
        let observer = Observer::new(move |value, numbers| {
            if wanted.contains(&value) {
                into.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(numbers);
            }
        });
        self.watched(graph, observer, images)?;
        let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(seen)
    }
}

/// The sum of squared differences over that of squares; infinite where one decides otherwise and computes more.
fn error(expected: &[f32], got: &[f32]) -> f64 {
    if expected.len() != got.len() {
        return f64::INFINITY;
    }
    let square = |x: f32| f64::from(x) * f64::from(x);
    let differences: f64 = expected.iter().zip(got).map(|(a, b)| square(a - b)).sum();
    differences / expected.iter().map(|v| square(*v)).sum::<f64>().max(f64::MIN_POSITIVE)
}
