//! Times an ONNX file for `crates/glyphic-bench/peers/networks.py`: `onnx_speed FILE 1x3x640x640 THREADS`.
//!
//! A line "SECONDS" on standard input is answered by `[CPU ms, wall ms]` of the median run within that time. `profile` in
//! place of a number prints the shortest wall time of each step over some runs.

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

use cpu_time::ProcessTime;
use glyphic_graph::{Session, Tensor};

/// Runs of which a profile gives the shortest times.
const PROFILES: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, file, shape, threads] = &arguments[..] else {
        return Err("usage: onnx_speed FILE SHAPE THREADS".into());
    };
    rayon::ThreadPoolBuilder::new().num_threads(threads.parse()?).build_global()?;
    let shape = shape.split('x').map(str::parse).collect::<Result<Vec<usize>, _>>()?;
    let session = Session::new(glyphic_onnx::open(file)?)?;
    let name = session.graph().inputs[0].name.clone();
    let count: usize = shape.iter().product();
    let values = (0..count as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32);
    let input = Tensor::from_f32(&shape, values.collect())?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line == "profile" {
            let mut steps = session.profile(&[(&name, input.clone())])?;
            for _ in 0..PROFILES {
                let again = session.profile(&[(&name, input.clone())])?;
                steps.iter_mut().zip(again).for_each(|(step, (_, seconds))| step.1 = step.1.min(seconds));
            }
            for (node, seconds) in steps {
                println!("{:9.3} ms  {node}", seconds * 1e3);
            }
            continue;
        }
        let limit: f64 = line.parse()?;
        let start = Instant::now();
        let mut runs = Vec::new();
        while runs.is_empty() || start.elapsed().as_secs_f64() < limit {
            let (cpu, wall) = (ProcessTime::now(), Instant::now());
            session.run(&[(&name, input.clone())])?;
            runs.push([cpu.elapsed().as_secs_f64() * 1e3, wall.elapsed().as_secs_f64() * 1e3]);
        }
        let median = |i: usize| {
            let mut sorted: Vec<f64> = runs.iter().map(|r| r[i]).collect();
            sorted.sort_by(f64::total_cmp);
            sorted[sorted.len() / 2]
        };
        println!("[{}, {}]", median(0), median(1));
        std::io::stdout().flush()?;
    }
    Ok(())
}
