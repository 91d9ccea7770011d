//! What the training of every task shares: opening packs, and running the loop over a mixture of sources.

use std::path::Path;
use std::sync::Arc;

use glyphic_data::{Mixture, PlanOptions, SamplePlan};
use glyphic_labels::{LazyPack, PackOptions};

use crate::config::RunConfig;
use crate::observer::{Observer, Summary};
use crate::run;
use crate::skipped::SkippedSamples;
use crate::trainable::{Trainable, seeded};
use crate::{Error, Result};

/// A model that cannot be trained.
pub(super) fn foreign(name: &'static str) -> Error {
    let reason = format!("the network of `{name}` is not defined here, so that it cannot be trained");
    Error::Config { path: "model".into(), reason }
}

/// Opens a pack without the samples whose labels cannot be read or whose pictures are missing; those are named, and too many
/// of them are refused.
pub(super) fn open_pack(
    path: &Path,
    skipped: &mut SkippedSamples,
    observer: &mut dyn Observer,
) -> Result<LazyPack> {
    let options = PackOptions { skip_broken: true, ..PackOptions::default() };
    let pack = LazyPack::open(path, &options)?;
    let broken = pack.skipped();
    skipped.add(&broken.first, observer)?;
    if broken.count > broken.first.len() {
        let more = broken.count - broken.first.len();
        observer.message(&format!("skipped: {more} more labels of {}", path.display()));
    }
    skipped.check(broken.count as u64, (broken.count + pack.len()) as u64, broken.first.last())?;
    Ok(pack)
}

/// Runs the loop over a model and the mixture of its sources.
pub(super) fn train<M: Trainable>(
    model: M,
    mixture: Mixture<M::Sample>,
    options: PlanOptions,
    run: &RunConfig,
    skipped: SkippedSamples,
    observer: &mut dyn Observer,
) -> Result<Summary> {
    let device = glyphic_nn::device::parse(&run.device)?.autodiff();
    let model = Arc::new(model);
    if run.steps <= run.schedule.warmup_steps {
        observer.message(&format!(
            "warning: run.schedule.warmup_steps = {} is not less than run.steps = {}: the learning rate only rises",
            run.schedule.warmup_steps, run.steps
        ));
    }
    let mut net = seeded(&device, run.seed, || model.init(&device));
    if let Some(init) = &run.init {
        init.load(&mut net, observer)?;
    }
    let plan = SamplePlan::new(mixture, Arc::clone(&model), options)?;
    run::train(&*model, plan, net, run, &device, skipped, observer)
}
