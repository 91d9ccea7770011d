//! What a model brings to be trained.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use glyphic_data::Recipe;
use glyphic_nn::checkpoint::{DType, save_safetensors};

use crate::Result;

/// A model that can be trained: the [`Recipe`] makes targets of a sample and a batch of those, the rest is the network, its
/// loss, its metric and its export.
pub trait Trainable: Recipe {
    /// The network.
    type Net: Module;

    /// A network with fresh weights.
    fn init(&self, device: &Device) -> Self::Net;

    /// The loss of a batch, `[1]`.
    ///
    /// # Errors
    /// Those of the loss.
    fn loss(&self, net: &Self::Net, batch: &Self::Batch, device: &Device) -> Result<Tensor<1>>;

    /// The metric of a network without autodiff, on the code that serves users.
    ///
    /// # Errors
    /// Those of the model and of the data.
    fn validate(&self, net: &Self::Net, device: &Device) -> Result<Scores>;

    /// Writes weights that load strictly by the names of their state dict, in half precision: the noise of the averaged
    /// weights is far above its rounding.
    ///
    /// # Errors
    /// Those of [`save_safetensors`].
    fn export(&self, net: &Self::Net, path: &Path, metadata: &BTreeMap<String, String>) -> Result<()> {
        Ok(save_safetensors(net, path, DType::F16, metadata)?)
    }
}

/// Scores of a validation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scores {
    /// By `set/metric`.
    pub all: BTreeMap<String, f64>,
    /// The one that decides which weights are best: the mean over the sets. `None` where nothing was validated.
    pub decisive: Option<f64>,
}

impl Scores {
    pub(crate) fn new(all: BTreeMap<String, f64>, decisive: &[f64]) -> Self {
        let mean = decisive.iter().sum::<f64>() / decisive.len().max(1) as f64;
        Self { all, decisive: (!decisive.is_empty()).then_some(mean) }
    }
}

/// The back-end's generator is one for the whole process; a network is drawn from it undisturbed.
static GENERATOR: Mutex<()> = Mutex::new(());

/// A network whose weights depend on the seed alone. Burn draws weights when they are first used, so all are used here.
pub(crate) fn seeded<M: Module>(device: &Device, seed: u64, init: impl FnOnce() -> M) -> M {
    struct Touch;
    impl ModuleVisitor for Touch {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let _ = param.val();
        }
    }
    let _undisturbed = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(seed);
    let net = init();
    net.visit(&mut Touch);
    net
}
