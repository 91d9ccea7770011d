//! Seconds of the processor that networks which write class by class take: SAR on eight crops of 48x160 with 30 steps, and
//! NRTR by the length of the text. `RAYON_NUM_THREADS=1 writing_speed`; random weights, of which no text ends early.

use std::fs;

use glyphic_core::{Image, Symbol};
use glyphic_nn::device::cpu;
use glyphic_recognize::RecognizerConfig;
use glyphic_recognize::nrtr::NrtrConfig;
use glyphic_recognize::sar::SarConfig;

/// Repetitions; the fastest counts.
const RUNS: usize = 3;

/// Seconds that this process has had of the processor, as Linux counts them.
fn processor_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or_default();
    // User and system time, in hundredths of a second.
    (ticks(11) + ticks(12)) / 100.0
}

fn seconds(
    config: RecognizerConfig,
    bias: &str,
    size: [u32; 2],
    count: usize,
) -> Result<f64, Box<dyn std::error::Error>> {
    let mut weights = config.fresh_weights()?;
    let end = config.vocab()?.special(Symbol::Start).ok_or("it has no start")?;
    let mut values = weights.get(bias).ok_or("no such weights")?;
    values.data[end] = -1e4;
    weights.insert(bias, &values.shape, &values.data);
    let recognizer = config.build(&weights, None, &cpu())?;
    let [height, width] = size;
    let pixels = (0..width * height * 3).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let crops = vec![Image::from_rgb(width, height, pixels)?; count];
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let before = processor_seconds();
        recognizer.recognize(&crops)?;
        best = best.min(processor_seconds() - before);
    }
    Ok(best)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sar = seconds(SarConfig::default().into(), "decoder.prediction.bias", [48, 160], 8)?;
    println!("sar, 8 crops of 48x160, 30 steps: {sar:.2} s");
    for length in [10, 20, 40] {
        let mut config = NrtrConfig::default();
        config.labels.max_length = length;
        let nrtr = seconds(config.into(), "decoder.classifier.bias", [32, 160], 8)?;
        println!("nrtr, 8 crops of 32x160, {length} steps: {nrtr:.2} s");
    }
    Ok(())
}
