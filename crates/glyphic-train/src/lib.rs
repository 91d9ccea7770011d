//! Training: one readable loop for every task.
//!
//! [`train`] runs a [`TrainConfig`]: batches made ahead on threads, the loss, AdamW or SGD with global gradient clipping
//! and a schedule, a moving average of the weights, validation by the task's metric on the very code that serves
//! users, checkpoints from which a killed run goes on to the same weights, a log and a plot.

mod checkpoint;
mod config;
mod error;
mod log;
mod memory;
mod params;
mod run;
mod schedule;
mod tasks;

pub use config::{Adamw, Optimizer, RunConfig, Sgd, TaskConfig, TrainConfig};
pub use error::{Error, Result};
pub use log::{LogRow, plot};
pub use run::{Observer, Summary};
pub use schedule::{Decay, Schedule};
pub use tasks::{
    DetectionConfig, DetectionSource, Outlines, RecognitionConfig, RecognitionSource, SourceKind,
    ValidationSet,
};

/// Trains what the configuration says, from the newest checkpoint in its folder where there is one. The folder gets a
/// copy of the resolved configuration as `config.toml`.
///
/// # Errors
/// [`Error`]: data that cannot be read, a device that is not there, a checkpoint of another model, a full disk, a
/// loss that is no number. What was reached by the last checkpoint stays.
pub fn train(config: &TrainConfig, observer: &mut dyn Observer) -> Result<Summary> {
    let run = &config.run;
    let device = glyphic_nn::device::parse(&run.device)?.autodiff();
    std::fs::create_dir_all(&run.out).map_err(|e| Error::io(&run.out, e))?;
    log::write_atomic(&run.out.join("config.toml"), config.to_toml()?.as_bytes())?;
    let step = checkpoint::newest_step(&run.out)?;
    match &config.task {
        TaskConfig::Recognition(task) => {
            let (mut task, net) = tasks::RecognitionTask::new(run, task, &device, step, observer)?;
            run::train(&mut task, net, run, observer)
        }
        TaskConfig::Detection(task) => {
            let (mut task, net) = tasks::DetectionTask::new(run, task, &device, step, observer)?;
            run::train(&mut task, net, run, observer)
        }
    }
}
