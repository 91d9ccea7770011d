//! Checkpoints from which a killed run continues to the same weights.

use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::{ModuleOptimizer, OptimizerRecord};
use burn::store::ModuleRecord;
use serde::{Deserialize, Serialize};

use crate::log::write_atomic;
use crate::{Error, Result};

/// What a run needs besides its tensors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) step: u64,
    pub(crate) samples: u64,
    /// Samples drawn that could not be trained on.
    #[serde(default)]
    pub(crate) skipped: u64,
    pub(crate) minutes: f64,
    /// The best score so far of the metric that counts.
    pub(crate) best: Option<f64>,
}

/// Checkpoints kept; the last but one is for a newest one that turns out to be damaged.
const KEPT: usize = 2;

/// Writes `checkpoints/<step>/` whole or not at all, then drops the oldest.
pub(crate) fn save<M: Module>(
    run: &Path,
    progress: &Progress,
    net: &M,
    average: &M,
    optimizer: &ModuleOptimizer,
) -> Result<()> {
    let folder = run.join("checkpoints");
    let partial = folder.join("partial");
    let write = || -> Result<()> {
        let _ = fs::remove_dir_all(&partial);
        fs::create_dir_all(&partial).map_err(|e| Error::io(&partial, e))?;
        let record = |what: &str, result: std::result::Result<(), burn::store::RecordError>| {
            result.map_err(|e| Error::Checkpoint { path: partial.join(what), reason: e.to_string() })
        };
        record("net.bpk", net.clone().into_record().save(partial.join("net.bpk")))?;
        record("average.bpk", average.clone().into_record().save(partial.join("average.bpk")))?;
        record("optimizer.bpk", optimizer.save(partial.join("optimizer.bpk")))?;
        let text = serde_json::to_string(progress).unwrap_or_default();
        write_atomic(&partial.join("progress.json"), text.as_bytes())?;
        let target = folder.join(format!("{:09}", progress.step));
        let _ = fs::remove_dir_all(&target);
        fs::rename(&partial, &target).map_err(|e| Error::io(&target, e))
    };
    write().inspect_err(|_| {
        let _ = fs::remove_dir_all(&partial);
    })?;
    let kept = list(run);
    for old in &kept[..kept.len().saturating_sub(KEPT)] {
        fs::remove_dir_all(old).map_err(|e| Error::io(old, e))?;
    }
    Ok(())
}

/// The checkpoints of a run, oldest first.
pub(crate) fn list(run: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(run.join("checkpoints"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("progress.json").exists())
        .filter(|path| path.file_name().is_some_and(|n| n != "partial"))
        .collect();
    found.sort();
    found
}

/// What a run continues from.
pub(crate) struct Resumed<M: Module> {
    pub(crate) folder: PathBuf,
    pub(crate) progress: Progress,
    pub(crate) net: M,
    pub(crate) average: M,
    pub(crate) optimizer: ModuleOptimizer,
}

/// Loads the newest checkpoint of a run that can be read, `None` where there is none at all; `warn` is told of damaged ones
/// that are passed over.
///
/// # Errors
/// The newest checkpoint's, where none can be read.
pub(crate) fn resume<M: Module>(
    run: &Path,
    net: &M,
    average: &M,
    optimizer: impl Fn() -> ModuleOptimizer,
    mut warn: impl FnMut(&Error),
) -> Result<Option<Resumed<M>>> {
    let mut failed: Option<Error> = None;
    for folder in list(run).into_iter().rev() {
        match load(&folder, net.clone(), average.clone(), optimizer()) {
            Ok((progress, net, average, optimizer)) => {
                if let Some(error) = &failed {
                    warn(error);
                }
                return Ok(Some(Resumed { folder, progress, net, average, optimizer }));
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(None), Err)
}

/// Loads a checkpoint into fresh ones of the same configuration.
fn load<M: Module>(
    folder: &Path,
    net: M,
    average: M,
    optimizer: ModuleOptimizer,
) -> Result<(Progress, M, M, ModuleOptimizer)> {
    let fail = |what: &str, reason: String| Error::Checkpoint { path: folder.join(what), reason };
    let progress = progress(folder)?;
    let module = |what: &str, module: M| -> Result<M> {
        let record = ModuleRecord::load(folder.join(what)).map_err(|e| fail(what, e.to_string()))?;
        module.try_load_record(record).map_err(|e| fail(what, e.to_string()))
    };
    let net = module("net.bpk", net)?;
    let average = module("average.bpk", average)?;
    let record = OptimizerRecord::load(folder.join("optimizer.bpk"))
        .map_err(|e| fail("optimizer.bpk", e.to_string()))?;
    Ok((progress, net, average, optimizer.load_record(record)))
}

fn progress(folder: &Path) -> Result<Progress> {
    let path = folder.join("progress.json");
    let text = fs::read_to_string(&path).map_err(|e| Error::io(&path, e))?;
    serde_json::from_str(&text).map_err(|e| Error::Checkpoint { path, reason: e.to_string() })
}
