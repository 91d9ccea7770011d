//! Runs an ONNX model on the tensors of a folder: reads `input_NAME.pb`, writes `output_INDEX.pb`. Where a third argument is
//! given the model is first written there, read again, and run from that file.

use std::{error::Error, fs, path::PathBuf};

use glyphic_graph::Session;
use glyphic_onnx::{open, tensor_from_bytes, tensor_to_bytes, to_bytes};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [model, folder, written @ ..] = &args[..] else {
        return Err("usage: onnx_run MODEL.onnx FOLDER [WRITTEN.onnx]".into());
    };
    let folder = PathBuf::from(folder);
    let mut graph = open(model)?;
    if let [written, ..] = written {
        fs::write(written, to_bytes(&graph)?)?;
        graph = open(written)?;
    }
    let nodes = graph.nodes.len();
    let session = Session::new(graph)?;
    eprintln!("{nodes} nodes, {} after optimisation", session.graph().nodes.len());
    let mut inputs = Vec::new();
    for input in &session.graph().inputs {
        let name = input.name.replace(['/', ':'], "_");
        inputs.push((
            input.name.as_str(),
            tensor_from_bytes(&fs::read(folder.join(format!("input_{name}.pb")))?)?,
        ));
    }
    for (i, output) in session.run(&inputs)?.iter().enumerate() {
        fs::write(folder.join(format!("output_{i}.pb")), tensor_to_bytes(output))?;
    }
    Ok(())
}
