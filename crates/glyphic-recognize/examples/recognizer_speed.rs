//! Milliseconds of the default recognizer's network by width, batch and threads, with its parameters and
//! multiply-adds. `speed [weights.safetensors]`; random weights are as fast.

use std::time::Instant;

use glyphic_graph::{Session, Tensor};
use glyphic_nn::checkpoint::{LoadOptions, load_into, read, state_names};
use glyphic_nn::device::cpu;
use glyphic_recognize::crnn_lite::{CrnnLiteConfig, HEIGHT};

/// Repetitions of each measurement; the fastest and the middle one are shown.
const RUNS: usize = 15;

/// Rows and columns (for an input of `width`) of what a layer puts out.
fn positions(layer: &str, width: usize) -> usize {
    let (rows, columns) = match layer {
        _ if layer.starts_with("stem") => (16, width / 2),
        _ if layer.starts_with("stages.0") => (8, width / 4),
        _ if layer.starts_with("stages.1") => (4, width / 4),
        _ if layer.starts_with("stages.2") => (2, width / 4),
        _ => (1, width / 4),
    };
    rows * columns
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = CrnnLiteConfig::default();
    let device = cpu();
    let mut net = config.init(config.vocab()?.len(), &device);
    if let Some(path) = std::env::args().nth(1) {
        load_into(&mut net, &read(path)?, &LoadOptions::default())?;
    }
    let names = state_names(&net);
    let count = |shape: &[usize]| shape.iter().product::<usize>();
    let parameters: usize =
        names.iter().filter(|(name, _)| !name.contains("running_")).map(|(_, shape)| count(shape)).sum();
    println!("parameters {parameters}");
    let net = Session::new(net.graph()?)?;
    for width in [224, 320] {
        let macs: usize = names
            .iter()
            .filter(|(_, shape)| shape.len() > 1)
            .map(|(name, shape)| count(shape) * positions(name, width))
            .sum();
        println!("{HEIGHT}x{width}: {:.1} million multiply-adds", macs as f64 / 1e6);
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
            for batch in [1, 16] {
                let shape = [batch, 3, HEIGHT as usize, width];
                let images = Tensor::from_f32(&shape, vec![0.5; shape.iter().product()])?;
                let mut times: Vec<f64> = pool.install(|| {
                    (0..RUNS)
                        .map(|_| {
                            let start = Instant::now();
                            assert!(
                                net.run(&[("image", images.clone())]).is_ok_and(|logits| logits.len() == 1)
                            );
                            start.elapsed().as_secs_f64() * 1e3 / batch as f64
                        })
                        .collect()
                });
                times.sort_by(f64::total_cmp);
                println!(
                    "  {threads} threads, batch {batch:>2}: {:7.2} ms a crop at best, {:7.2} in the middle",
                    times[0],
                    times[RUNS / 2]
                );
            }
        }
    }
    Ok(())
}
