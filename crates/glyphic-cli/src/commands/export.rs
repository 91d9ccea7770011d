use std::path::{Path, PathBuf};

use glyphic::{Models, Weights, export_detector, export_extractor, export_recognizer};
use glyphic_core::write_file;
use glyphic_graph::{DType, Dim, Graph, Session, Tensor};
use glyphic_zoo::Task;

use super::extract;
use crate::exit::{Exit, Failure, OrExit};

/// Exports a model as ONNX, for glyphic (`--weights FILE.onnx`) and other runtimes.
///
/// Batch size and image size are dynamic, and weights keep their names. The metadata hold the configuration with its
/// preprocessing, the vocabulary and a hash of the weights. The exported file is loaded and run, and the largest difference
/// from the original network is printed. A
/// recognizer that writes character by character is exported with its encoder and its step in one file; for other runtimes both
/// are also written separately, as NAME.encoder.onnx and NAME.step.onnx.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Model: a name listed by `glyphic models`, a TOML file, or the config.toml of a training
    #[arg(value_name = "NAME|FILE")]
    model: String,
    /// Weights: safetensors, ONNX, or a .pth checkpoint of MMOCR [default: the model's own]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Output file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Store weights as float16
    #[arg(long)]
    f16: bool,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    if let Some((config, weights)) = extract::named(&args.model, args.weights.clone())? {
        let graph = export_extractor(&config, &weights).or_exit(Exit::Model)?;
        return write(&args, graph).map(|_| ());
    }
    let expected = "a detector, a recognizer or an extractor";
    let (task, models, weights) = one_stage(&args.model, args.weights.as_deref(), expected)?;
    let graph = match task {
        Task::Detect => export_detector(&models.config.detector, &weights),
        Task::Recognize => export_recognizer(&models.config.recognizer, &weights),
    };
    let written = write(&args, graph.or_exit(Exit::Model)?)?;
    if task == Task::Recognize {
        for (name, part) in models.config.recognizer.parts(&written).or_exit(Exit::Model)? {
            let path = args.out.with_extension(format!("{name}.onnx"));
            write_file(&path, &glyphic_onnx::to_bytes(&part).or_exit(Exit::Model)?).or_exit(Exit::Output)?;
            eprintln!("{}: the {name}", path.display());
        }
    }
    Ok(())
}

/// The one stage that a model configures, and its weights: those of the file, or the model's own.
pub(super) fn one_stage(
    model: &str,
    weights: Option<&Path>,
    expected: &str,
) -> Result<(Task, Models, Weights), Failure> {
    let mut models = Models::default();
    let applied = models.add(model).or_exit(Exit::Usage)?;
    let task = match (applied.detector, applied.recognizer) {
        (true, false) => Task::Detect,
        (false, true) => Task::Recognize,
        (both, _) => {
            let count = if both { "two models" } else { "no model" };
            let message = format!("{model} configures {count}; expected {expected}");
            return Err(Failure::new(Exit::Usage, message));
        }
    };
    if let Some(path) = weights {
        models.set_weights(task, path.to_owned());
    }
    let weights = models.weights(task).or_exit(Exit::Usage)?;
    Ok((task, models, weights))
}

/// Writes a network, and tells how much it differs when it is read again. Gives it as it was written.
fn write(args: &Args, graph: Graph) -> Result<Graph, Failure> {
    let written = if args.f16 { graph.clone().halved() } else { graph.clone() };
    let bytes = glyphic_onnx::to_bytes(&written).or_exit(Exit::Model)?;
    write_file(&args.out, &bytes).or_exit(Exit::Output)?;
    let again = glyphic_onnx::from_bytes(&bytes).or_exit(Exit::Model)?;
    let (difference, largest) = difference(graph, again).or_exit(Exit::Model)?;
    eprintln!(
        "{}: {} bytes, {} values; largest difference {difference:.2e} of values up to {largest:.2e}",
        args.out.display(),
        bytes.len(),
        written.constants.values().map(Tensor::len).sum::<usize>(),
    );
    Ok(written)
}

/// The size of a free axis in the comparison: a multiple of what any network halves.
const SIZE: usize = 128;

/// The largest difference between the outputs of two graphs of one network, and the largest output.
fn difference(a: Graph, b: Graph) -> glyphic_graph::Result<(f32, f32)> {
    let mut inputs: Vec<(String, Tensor)> = Vec::new();
    for input in a.inputs.iter().filter(|input| input.dtype == DType::F32) {
        let size = |dim: &Dim| match dim {
            Dim::Known(size) => *size,
            Dim::Symbol(name) if name == "batch" => 1,
            _ => SIZE,
        };
        let shape: Vec<usize> = input.shape.iter().flatten().map(size).collect();
        // Any numbers of every size from -1 to 1.
        let values = (0..shape.iter().product::<usize>() as u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0);
        inputs.push((input.name.clone(), Tensor::from_f32(&shape, values.collect())?));
    }
    let run = |graph: Graph| {
        let inputs: Vec<(&str, Tensor)> = inputs.iter().map(|(name, t)| (name.as_str(), t.clone())).collect();
        Session::new(graph)?.run(&inputs)
    };
    let (mut difference, mut largest) = (0.0f32, 0.0f32);
    for (a, b) in run(a)?.iter().zip(&run(b)?) {
        for (a, b) in a.as_f32().unwrap_or_default().iter().zip(b.as_f32().unwrap_or_default()) {
            difference = difference.max((a - b).abs());
            largest = largest.max(a.abs());
        }
    }
    Ok((difference, largest))
}
