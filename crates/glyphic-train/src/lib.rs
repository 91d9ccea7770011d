//! Training: one readable loop for every model.
//!
//! [`train`] runs a [`TrainConfig`]: batches made ahead on threads, the loss, AdamW or SGD with global gradient clipping
//! and a schedule, a moving average of the weights, validation by the model's metric on the very code that serves
//! users, checkpoints from which a killed run continues to the same weights, a log and a plot. [`ModelConfig`] lists the
//! models, each of which is [`Trainable`].

mod batches;
mod checkpoint;
mod config;
mod error;
mod init;
mod log;
mod memory;
mod model;
mod observer;
mod params;
mod run;
mod schedule;
mod skipped;
mod sources;
mod tasks;
mod trainable;

use std::fs::{File, TryLockError};

pub use batches::{DetectionBatches, ExtractionBatches, PageAugment, RecognitionBatches, SentenceBatches};
pub use config::{Adamw, Batches, Optimizer, RunConfig, Sgd, TrainConfig};
pub use error::{Error, Result};
pub use init::{BackboneInit, Init};
pub use log::{LogRow, plot};
pub use model::ModelConfig;
pub use observer::{Observer, Summary};
pub use schedule::{Decay, Schedule};
pub use sources::{Outlines, SourceConfig, SourceKind, ValidationSet};
pub use trainable::{Scores, Trainable};

/// Trains what the configuration says, from the newest checkpoint in its folder where there is one. The folder gets a
/// copy of the resolved configuration as `config.toml`, and `skipped.txt` where samples were skipped; it is locked as long as
/// the run lasts.
///
/// # Errors
/// [`Error`]: a folder in which another run trains, data that cannot be read, more bad samples than
/// [`RunConfig::max_skipped`] allows, a device that is not there, a checkpoint of another model, a full disk, a loss that is
/// not finite. What was reached by the last checkpoint stays.
pub fn train(config: &TrainConfig, observer: &mut dyn Observer) -> Result<Summary> {
    let run = &config.run;
    std::fs::create_dir_all(&run.out).map_err(|e| Error::io(&run.out, e))?;
    let _lock = lock(run)?;
    log::write_atomic(&run.out.join("config.toml"), config.to_toml()?.as_bytes())?;
    tasks::train(config, observer)
}

/// The lock of a run's folder. The system drops it with the process, however that ends.
fn lock(run: &RunConfig) -> Result<File> {
    let path = run.out.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|e| Error::io(&path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked { path: run.out.clone() }),
        Err(TryLockError::Error(e)) => Err(Error::io(&path, e)),
    }
}
