//! Writes the network of every detector, the encoder (or the whole network, where there is no other part) of every
//! recognizer, and BERT as ONNX, with random weights, for `peers/networks.py --exported DIR`:
//!
//!     cargo run --profile bench -p glyphic-bench --example export_networks -- DIR
//!
//! DIR/shapes.json says the input's shape for each file. Each file has one input; the share of a crop's width that is content,
//! the level that a page is read at, and that every character counts, are constants in it.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use glyphic_detect::drrg::DrrgConfig;
use glyphic_detect::{DetectorConfig, DetectorModel, MaskRcnnConfig};
use glyphic_extract::ner::bert_softmax::NerConfig;
use glyphic_graph::{Dim, Graph, Tensor};
use glyphic_nn::checkpoint::StateDict;
use glyphic_recognize::RecognizerConfig;
use glyphic_recognize::abinet::AbinetConfig;
use glyphic_recognize::crnn::CrnnConfig;
use glyphic_recognize::nrtr::NrtrConfig;
use glyphic_recognize::parseq::ParseqConfig;
use glyphic_recognize::sar::SarConfig;
use glyphic_recognize::satrn::SatrnConfig;
use glyphic_recognize::svtr::SvtrConfig;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Side of a detector's picture.
const SIDE: usize = 640;
/// Width and height of a recognizer's crop, before it is prepared.
const CROP: [u32; 2] = [160, 32];
/// Characters of a sentence.
const SENTENCE: usize = 128;

/// Numbers of every size from -0.05 to 0.05, of a scale and a variance's place 1: a network that neither dies nor overflows.
fn random(names: Vec<(String, Vec<usize>)>) -> StateDict {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    let mut dict = StateDict::new();
    for (name, shape) in names {
        let fan = shape.iter().skip(1).product::<usize>().max(1) as f32;
        let values: Vec<f32> = (0..shape.iter().product())
            .map(|_| match shape.len() {
                1 if name.ends_with("running_var") || name.ends_with("weight") => 1.0 + 0.2 * next(),
                1 => 0.1 * next(),
                // Variance 1 / fan: that of an even distribution of width 1 is a twelfth.
                _ => next() * (12.0 / fan).sqrt(),
            })
            .collect();
        dict.insert(name, &shape, &values);
    }
    dict
}

/// The graph with the image, or a sentence's characters, as its only input.
fn single(mut graph: Graph) -> Result<Graph> {
    for input in std::mem::take(&mut graph.inputs) {
        if ["image", "tokens"].contains(&input.name.as_str()) {
            graph.inputs.push(input);
            continue;
        }
        let free = if input.name == "mask" { [1, SENTENCE] } else { [1, 1] };
        let size = |(i, dim): (usize, &Dim)| match dim {
            Dim::Known(size) => *size,
            _ => free.get(i).copied().unwrap_or(1),
        };
        let shape: Vec<usize> = input.shape.iter().flatten().enumerate().map(size).collect();
        let ones = Tensor::from_f32(&shape, vec![1.0; shape.iter().product()])?;
        graph.constants.insert(input.value, ones);
    }
    Ok(graph)
}

fn write(folder: &Path, name: &str, graph: Graph) -> Result<()> {
    std::fs::write(folder.join(format!("{name}.onnx")), glyphic_onnx::to_bytes(&single(graph)?)?)?;
    eprintln!("{name}");
    Ok(())
}

fn detector(name: &str, config: &DetectorConfig) -> Result<Graph> {
    let graph = config.graph(&random(config.state_names()))?;
    Ok(match (name, config) {
        (_, DetectorConfig::Drrg(_)) => {
            graph.cut(DrrgConfig::PARTS[0].inputs, DrrgConfig::PARTS[0].outputs)?
        }
        (_, DetectorConfig::MaskRcnn(_)) => {
            graph.cut(MaskRcnnConfig::PARTS[0].inputs, MaskRcnnConfig::PARTS[0].outputs)?
        }
        // Words, as scenes are read.
        ("dbnet_lite", _) => graph.cut(&["image", "line"], &["probability"])?,
        _ => graph,
    })
}

fn recognizer(config: &RecognizerConfig) -> Result<(Graph, [usize; 4])> {
    let fresh = config.fresh_weights()?;
    let mut weights = random(config.state_names()?);
    // What is computed and not learnt stays: positions, a spline's matrices.
    for name in ["position", "pos_", "GridGenerator", "stn_fc2", "inv_delta", "P_hat"] {
        for known in fresh.names().filter(|known| known.contains(name)) {
            let Some(value) = fresh.get(known) else { continue };
            weights.insert(known.to_owned(), &value.shape, &value.data);
        }
    }
    let graph = config.graph(&weights)?;
    let parts = config.parts(&graph)?;
    let graph = parts.into_iter().find(|(name, _)| *name == "encoder").map_or(graph, |(_, encoder)| encoder);
    let preprocess = config.model().preprocess();
    let (channels, height) = preprocess.input();
    let width = preprocess.width(CROP[0], CROP[1]).padded;
    Ok((graph, [1, channels, height as usize, width as usize]))
}

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).ok_or("usage: export_networks DIR")?;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    let mut shapes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (name, config) in DetectorConfig::all() {
        write(folder, name, detector(name, &config)?)?;
        shapes.insert(name.to_owned(), vec![1, 3, SIDE, SIDE]);
    }
    let variants: [(&str, RecognizerConfig); 9] = [
        ("crnn_tps", CrnnConfig::tps().into()),
        ("nrtr_1by8_1by4", NrtrConfig::r31_1by8_1by4().into()),
        ("nrtr_modality", NrtrConfig::modality_transform().into()),
        ("sar_sequential", SarConfig::sequential().into()),
        ("satrn_small", SatrnConfig::small().into()),
        ("abinet_vision", AbinetConfig::vision_only().into()),
        ("svtr_small", SvtrConfig::small().into()),
        ("svtr_base", SvtrConfig::base().into()),
        ("parseq_tiny", ParseqConfig::tiny().into()),
    ];
    for (name, config) in RecognizerConfig::all().into_iter().chain(variants) {
        let (graph, shape) = recognizer(&config)?;
        write(folder, name, graph)?;
        shapes.insert(name.to_owned(), shape.to_vec());
    }
    write(folder, "bert_base", NerConfig::default().init(&glyphic_nn::device::cpu()).graph()?)?;
    shapes.insert("bert_base".to_owned(), vec![1, SENTENCE]);
    let text: Vec<String> = shapes.iter().map(|(name, shape)| format!("  {name:?}: {shape:?}")).collect();
    std::fs::write(folder.join("shapes.json"), format!("{{\n{}\n}}\n", text.join(",\n")))?;
    Ok(())
}
