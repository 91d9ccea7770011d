use std::path::PathBuf;

use glyphic::{Models, export_detector, export_recognizer};
use glyphic_core::write_file;
use glyphic_graph::{DType, Dim, Graph, Session, Tensor};
use glyphic_zoo::Task;

use crate::exit::{Exit, Failure, OrExit};

/// Writes a model as ONNX, for this program (`--weights FILE.onnx`) and others.
///
/// Batch and sizes are free, weights keep their names, and the metadata hold the configuration with its preprocessing, the
/// vocabulary and a hash of the weights. What was written is read again and run; the largest difference to the network in
/// memory is printed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A model that `glyphic models` lists, or a TOML file
    #[arg(value_name = "NAME|FILE")]
    model: String,
    /// Weights: safetensors, ONNX, or a .pth checkpoint of MMOCR [default: the model's own]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Store weights in 16 bits
    #[arg(long)]
    f16: bool,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let mut models = Models::default();
    let applied = models.add(&args.model).or_exit(Exit::Usage)?;
    let task = match (applied.detector, applied.recognizer) {
        (true, false) => Task::Detect,
        (false, true) => Task::Recognize,
        (both, _) => {
            let count = if both { "two models" } else { "no model" };
            let message = format!("{} configures {count}; expected a detector or a recognizer", args.model);
            return Err(Failure::new(Exit::Usage, message));
        }
    };
    if let Some(path) = args.weights {
        models.set_weights(task, path);
    }
    let weights = models.weights(task).or_exit(Exit::Usage)?;
    let graph = match task {
        Task::Detect => export_detector(&models.config.detector, &weights),
        Task::Recognize => export_recognizer(&models.config.recognizer, &weights),
    };
    let graph = graph.or_exit(Exit::Model)?;
    let written = if args.f16 { graph.clone().halved() } else { graph.clone() };
    let bytes = written.to_onnx().or_exit(Exit::Model)?;
    write_file(&args.out, &bytes).or_exit(Exit::Output)?;
    let again = Graph::from_onnx(&bytes).or_exit(Exit::Model)?;
    let (difference, largest) = difference(graph, again).or_exit(Exit::Model)?;
    eprintln!(
        "{}: {} bytes, {} values; largest difference {difference:.2e} of values up to {largest:.2e}",
        args.out.display(),
        bytes.len(),
        written.constants.values().map(Tensor::len).sum::<usize>(),
    );
    Ok(())
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
