//! What can be trained.

mod detection;
mod recognition;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use glyphic_data::{Loader, LoaderOptions, Pixels, Plan};
use glyphic_nn::checkpoint::{self, DType, LoadOptions, save_safetensors};
use serde::{Deserialize, Serialize};

pub use detection::{DetectionConfig, DetectionSource, Outlines};
pub use recognition::{RecognitionConfig, RecognitionSource};

pub(crate) use detection::DetectionTask;
pub(crate) use recognition::RecognitionTask;

use crate::{Error, Result};

/// Where training samples come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A folder of labelled pictures or crops.
    Pack(PathBuf),
    /// Text rendered on the fly.
    Synth(glyphic_synth::SynthConfig),
}

/// One set to validate on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationSet {
    /// Its name in the scores.
    pub name: String,
    /// Its folder.
    pub pack: PathBuf,
    /// Use the first so many samples.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// The weight of a source that names none.
fn one() -> f64 {
    1.0
}

fn mean(scores: &[f64]) -> f64 {
    scores.iter().sum::<f64>() / scores.len().max(1) as f64
}

/// The numbers a network reads.
fn floats(pixels: &Pixels) -> Result<Vec<f32>> {
    pixels.as_f32().map(<[f32]>::to_vec).ok_or_else(|| Error::Config {
        path: PathBuf::from("batches.format"),
        reason: "training reads normalised floats: leave `format` out or set `f32`".to_owned(),
    })
}

/// Batches in order, and how long the network has waited for them.
struct Feed<P: Plan> {
    loader: Loader<P>,
    /// Seconds.
    waited: f64,
}

impl<P: Plan> Feed<P> {
    /// From batch `step` on.
    fn new(plan: P, workers: usize, step: u64) -> Result<Self> {
        let threads = worker_threads(workers);
        let loader = Loader::new(plan, LoaderOptions { threads, queue: 2 * threads }, step)?;
        Ok(Self { loader, waited: 0.0 })
    }

    fn batch(&mut self, step: u64) -> Result<P::Batch> {
        debug_assert_eq!(step, self.loader.state().step);
        let batch = self.loader.next()?;
        self.waited += self.loader.wait_report().waited.as_secs_f64();
        Ok(batch)
    }
}

/// Threads that make batches: `workers`, or all but one of the machine's.
fn worker_threads(workers: usize) -> usize {
    if workers > 0 {
        return workers;
    }
    std::thread::available_parallelism().map_or(1, |n| n.get().saturating_sub(1).max(1))
}

/// The back-end's generator is one for the whole process; a network is drawn from it undisturbed.
static GENERATOR: Mutex<()> = Mutex::new(());

/// A network whose weights depend on the seed alone. Burn draws weights when they are first looked at, so all are
/// looked at here.
fn seeded<M: Module>(device: &Device, seed: u64, init: impl FnOnce() -> M) -> M {
    struct Look;
    impl ModuleVisitor for Look {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let _ = param.val();
        }
    }
    let _undisturbed = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(seed);
    let net = init();
    net.visit(&mut Look);
    net
}

/// Loads the weights a run begins with.
fn load_init<M: Module>(net: &mut M, path: Option<&Path>) -> Result<()> {
    if let Some(path) = path {
        checkpoint::load_into(net, &checkpoint::read(path)?, &LoadOptions::default())?;
    }
    Ok(())
}

/// Half-precision weights: the average's noise is far above their rounding.
fn export<M: Module>(net: &M, path: &Path, metadata: BTreeMap<String, String>) -> Result<()> {
    Ok(save_safetensors(net, path, DType::F16, &metadata)?)
}
