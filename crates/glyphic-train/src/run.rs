//! The training loop: one for every task.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use burn::Tensor;
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer, SgdConfig, momentum::MomentumConfig};

use crate::checkpoint::{self, Progress};
use crate::config::{Optimizer, RunConfig};
use crate::log::{Log, LogRow};
use crate::memory;
use crate::params::{clip_by_global_norm, update_average};
use crate::{Error, Result};

/// What a task brings to the loop: a network, batches, a loss and a score.
pub(crate) trait Task {
    /// The network.
    type Net: Module;
    /// One batch.
    type Batch;

    /// Batch `step` of the run; the same for the same step, whatever came before.
    fn batch(&mut self, step: u64) -> Result<Self::Batch>;

    /// Samples in a batch.
    fn size(batch: &Self::Batch) -> usize;

    /// The names of a batch's samples, for a message.
    fn names(batch: &Self::Batch) -> String;

    /// The loss, `[1]`.
    fn loss(&self, net: &Self::Net, batch: &Self::Batch) -> Result<Tensor<1>>;

    /// Scores by `set/metric` of a network without autodiff, and the one that decides which weights are best.
    fn validate(&self, net: &Self::Net) -> Result<(BTreeMap<String, f64>, f64)>;

    /// Writes weights that load strictly by the names of their state dict.
    fn export(&self, net: &Self::Net, path: &Path, metadata: BTreeMap<String, String>) -> Result<()>;

    /// Seconds the loop has waited for batches so far.
    fn waited(&self) -> f64;
}

/// What a run tells while it goes on.
pub trait Observer {
    /// A step was done.
    fn step(&mut self, step: u64, steps: u64, loss: f64, samples_per_second: f64);

    /// A row was logged.
    fn row(&mut self, row: &LogRow);

    /// Something to tell the user.
    fn message(&mut self, text: &str);
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Steps done in all.
    pub steps: u64,
    /// Samples seen in all.
    pub samples: u64,
    /// Minutes of training in all.
    pub minutes: f64,
    /// The best score of the metric that counts; `None` where nothing was validated.
    pub best: Option<f64>,
}

/// Steps in a row whose loss or gradient may be no number before the run stops.
const NOT_FINITE_LIMIT: u32 = 10;

fn optimizer(config: &Optimizer) -> ModuleOptimizer {
    match config {
        Optimizer::Adamw(c) => AdamWConfig::new()
            .with_beta_1(c.beta_1)
            .with_beta_2(c.beta_2)
            .with_epsilon(1e-8)
            .with_weight_decay(c.weight_decay)
            .init(),
        Optimizer::Sgd(c) => SgdConfig::new()
            .with_momentum(Some(MomentumConfig::new().with_momentum(c.momentum).with_dampening(0.0)))
            .with_weight_decay(Some(burn::optim::decay::WeightDecayConfig::new(c.weight_decay)))
            .init(),
    }
}

/// Trains `net` until `config.steps`, from the newest checkpoint under `config.out` where there is one.
///
/// `net` has autodiff on. The run's folder holds `log.jsonl`, `curve.svg`, `checkpoints/`, `last.safetensors` and
/// `best.safetensors` (both of the averaged weights).
pub(crate) fn train<T: Task>(
    task: &mut T,
    net: T::Net,
    config: &RunConfig,
    observer: &mut dyn Observer,
) -> Result<Summary> {
    memory::keep_freed();
    let folder = config.out.as_path();
    std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    let average = net.valid();
    let (mut progress, mut net, mut average, mut optimizer) = match checkpoint::list(folder).last() {
        Some(newest) => {
            let loaded = checkpoint::load(newest, net, average, optimizer(&config.optimizer))?;
            observer.message(&format!("goes on from step {} ({})", loaded.0.step, newest.display()));
            loaded
        }
        None => (Progress::default(), net, average, optimizer(&config.optimizer)),
    };
    let mut log = Log::open(folder, progress.step)?;
    let mut since = Since::new(progress.samples, task.waited());
    let mut not_finite = 0;
    let before = progress.minutes;
    let began = Instant::now();

    while progress.step < config.steps {
        let rate = config.schedule.rate(config.optimizer.learning_rate(), progress.step, config.steps);
        let batch = task.batch(progress.step)?;
        let loss = task.loss(&net, &batch)?;
        let value = f64::from(loss.clone().into_scalar::<f32>());
        let gradients = GradientsParams::from_grads(loss.backward(), &net);
        let (gradients, norm) = clip_by_global_norm(&net, gradients, config.max_gradient_norm);
        if value.is_finite() && norm.is_finite() {
            net = optimizer.step(rate, net, gradients);
            average = update_average(average, &net, progress.step + 1, config.average_decay);
            since.add(value);
            not_finite = 0;
        } else {
            not_finite += 1;
            let failure = Error::NotFinite {
                step: progress.step,
                loss: value,
                norm,
                count: not_finite,
                batch: T::names(&batch),
            };
            if not_finite >= NOT_FINITE_LIMIT {
                return Err(failure);
            }
            observer.message(&format!("left out: {failure}"));
        }
        progress.step += 1;
        progress.samples += T::size(&batch) as u64;
        progress.minutes = before + began.elapsed().as_secs_f64() / 60.0;
        observer.step(progress.step, config.steps, value, since.rate(progress.samples));

        let last = progress.step == config.steps;
        let validates = last || progress.step.is_multiple_of(config.validate_every);
        if validates || progress.step.is_multiple_of(config.log_every) {
            let mut row = LogRow {
                step: progress.step,
                samples: progress.samples,
                minutes: progress.minutes,
                loss: since.mean(),
                learning_rate: rate,
                gradient_norm: norm,
                samples_per_second: since.rate(progress.samples),
                data_wait: since.waited(task.waited()),
                scores: BTreeMap::new(),
            };
            if validates {
                let (scores, decisive) = task.validate(&average)?;
                row.scores = scores;
                let metadata = BTreeMap::from([
                    ("steps".to_owned(), progress.step.to_string()),
                    ("samples".to_owned(), progress.samples.to_string()),
                    ("seed".to_owned(), config.seed.to_string()),
                ]);
                task.export(&average, &folder.join("last.safetensors"), metadata.clone())?;
                if progress.best.is_none_or(|best| decisive > best) {
                    progress.best = Some(decisive);
                    task.export(&average, &folder.join("best.safetensors"), metadata)?;
                }
            }
            observer.row(&row);
            log.push(row)?;
            since = Since::new(progress.samples, task.waited());
        }
        if last || progress.step.is_multiple_of(config.checkpoint_every) {
            checkpoint::save(folder, &progress, &net, &average, &optimizer)?;
        }
    }
    Ok(Summary {
        steps: progress.step,
        samples: progress.samples,
        minutes: progress.minutes,
        best: progress.best,
    })
}

/// What has happened since the last row.
struct Since {
    began: Instant,
    samples: u64,
    waited: f64,
    sum: f64,
    count: u64,
}

impl Since {
    fn new(samples: u64, waited: f64) -> Self {
        Self { began: Instant::now(), samples, waited, sum: 0.0, count: 0 }
    }

    fn add(&mut self, loss: f64) {
        self.sum += loss;
        self.count += 1;
    }

    fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }

    fn rate(&self, samples: u64) -> f64 {
        (samples - self.samples) as f64 / self.began.elapsed().as_secs_f64().max(1e-9)
    }

    fn waited(&self, waited: f64) -> f64 {
        ((waited - self.waited) / self.began.elapsed().as_secs_f64().max(1e-9)).clamp(0.0, 1.0)
    }
}
