//! The training loop: one for every model.

use std::collections::BTreeMap;
use std::time::Instant;

use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer, SgdConfig, momentum::MomentumConfig};
use burn::tensor::Device;
use glyphic_data::{Loader, LoaderOptions, SamplePlan};

use crate::checkpoint::{self, Progress, Resumed};
use crate::config::{Optimizer, RunConfig};
use crate::log::{Log, LogRow};
use crate::memory;
use crate::observer::{Observer, Summary};
use crate::params::{Rates, Statistics, clip_by_global_norm, update_average};
use crate::skipped::SkippedSamples;
use crate::trainable::Trainable;
use crate::{Error, Result};

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

/// Threads that prepare batches: `workers`, or one less than the machine has.
fn worker_threads(workers: usize) -> usize {
    if workers > 0 {
        return workers;
    }
    std::thread::available_parallelism().map_or(1, |n| n.get().saturating_sub(1).max(1))
}

/// Trains `net` until `config.steps`, from the newest checkpoint under `config.out` that can be read, where there is one.
///
/// `net` has autodiff on. The run's folder holds `log.jsonl`, `curve.svg`, `checkpoints/`, `last.safetensors` and
/// `best.safetensors` (both of the averaged weights).
pub(crate) fn train<M: Trainable>(
    model: &M,
    plan: SamplePlan<M>,
    net: M::Net,
    config: &RunConfig,
    device: &Device,
    mut skipped: SkippedSamples,
    observer: &mut dyn Observer,
) -> Result<Summary> {
    memory::keep_freed();
    let folder = config.out.as_path();
    let average = net.valid();
    let wrong = |reason: String| Error::Config { path: "run.rate_factors".into(), reason };
    let rates = Rates::new(&net, &config.rate_factors).map_err(wrong)?;
    let fresh = || optimizer(&config.optimizer);
    let warn = |error: &Error| observer.message(&format!("warning: {error}; using the checkpoint before it"));
    let (mut progress, mut net, mut average, mut optimizer) =
        match checkpoint::resume(folder, &net, &average, fresh, warn)? {
            Some(Resumed { folder, progress, net, average, optimizer }) => {
                observer.message(&format!("resuming from step {} ({})", progress.step, folder.display()));
                (progress, net, average, optimizer)
            }
            None => (Progress::default(), net, average, fresh()),
        };
    let threads = worker_threads(config.workers);
    let options = LoaderOptions { threads, queue: 2 * threads };
    let mut loader = Loader::new(plan, options, progress.step)?;
    let mut waited = 0.0;
    let mut log = Log::open(folder, progress.step)?;
    let mut since = Since::new(progress.samples, waited);
    let mut not_finite = 0;
    let before = progress.minutes;
    let began = Instant::now();

    while progress.step < config.steps {
        let rate = config.schedule.rate(config.optimizer.learning_rate(), progress.step, config.steps);
        let prepared = loader.next()?;
        waited += loader.wait_report().waited.as_secs_f64();
        progress.samples += prepared.len as u64;
        progress.skipped += prepared.skipped.len() as u64;
        skipped.add(&prepared.skipped, observer)?;
        skipped.check(progress.skipped, progress.samples + progress.skipped, prepared.skipped.last())?;

        let statistics = Statistics::of(&net);
        let loss = model.loss(&net, &prepared.batch, device)?;
        let value = f64::from(loss.clone().into_scalar::<f32>());
        let gradients = GradientsParams::from_grads(loss.backward(), &net);
        let (gradients, norm) = clip_by_global_norm(&net, gradients, config.max_gradient_norm);
        if value.is_finite() && norm.is_finite() && statistics.stay_finite(&net) {
            drop(statistics);
            net = optimizer.step(rates.at(rate).map_err(wrong)?, net, gradients);
            average = update_average(average, &net, progress.step + 1, config.average_decay);
            since.add(value);
            not_finite = 0;
        } else {
            // The forward pass has put the batch into the running statistics already.
            net = statistics.restore(net);
            not_finite += 1;
            let failure = Error::NotFinite {
                step: progress.step,
                loss: value,
                norm,
                count: not_finite,
                batch: prepared.places.join(", "),
            };
            if not_finite >= NOT_FINITE_LIMIT {
                return Err(failure);
            }
            observer.message(&format!("step skipped: {failure}"));
        }
        progress.step += 1;
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
                data_wait: since.waited(waited),
                skipped: progress.skipped,
                scores: BTreeMap::new(),
            };
            if validates {
                let scores = model.validate(&average, device)?;
                row.scores = scores.all;
                let metadata = BTreeMap::from([
                    ("steps".to_owned(), progress.step.to_string()),
                    ("samples".to_owned(), progress.samples.to_string()),
                    ("seed".to_owned(), config.seed.to_string()),
                ]);
                model.export(&average, &folder.join("last.safetensors"), &metadata)?;
                // Without validation sets the newest weights are the best known.
                let better = match (scores.decisive, progress.best) {
                    (Some(score), Some(best)) => score > best,
                    _ => true,
                };
                if better {
                    progress.best = scores.decisive;
                    model.export(&average, &folder.join("best.safetensors"), &metadata)?;
                }
            }
            observer.row(&row);
            log.push(row)?;
            since = Since::new(progress.samples, waited);
        }
        if last || progress.step.is_multiple_of(config.checkpoint_every) {
            checkpoint::save(folder, &progress, &net, &average, &optimizer)?;
        }
    }
    Ok(Summary {
        steps: progress.step,
        samples: progress.samples,
        skipped: progress.skipped,
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use burn::tensor::{Tensor, TensorData};
    use glyphic_data::{Drawn, FnSource, Mixture, PlanOptions, Recipe, SampleRng};
    use glyphic_nn::checkpoint::state_dict;
    use glyphic_nn::layers::{ConvBlock, ConvBlockConfig};

    use super::*;
    use crate::trainable::{Scores, seeded};

    /// Learns the mean of numbers; the samples of one batch are not numbers.
    struct Toy {
        bad: u64,
    }

    impl Recipe for Toy {
        type Sample = u64;
        type Item = u64;
        type Batch = Vec<u64>;

        fn item(&self, sample: u64, _: Drawn, _: &mut SampleRng) -> Result<u64, String> {
            Ok(sample)
        }

        fn batch(&self, items: Vec<u64>) -> glyphic_data::Result<Vec<u64>> {
            Ok(items)
        }
    }

    impl Trainable for Toy {
        type Net = ConvBlock;

        fn init(&self, device: &Device) -> ConvBlock {
            ConvBlockConfig::new([1, 2], [1, 1]).init(device)
        }

        fn loss(&self, net: &ConvBlock, batch: &Vec<u64>, device: &Device) -> Result<Tensor<1>> {
            let value = |i: &u64| if i / 2 == self.bad { f32::NAN } else { (i % 7) as f32 };
            let values = TensorData::new(batch.iter().map(value).collect(), [batch.len(), 1, 1, 1]);
            let output = net.forward(Tensor::<4>::from_data(values, device));
            let difference = output.sub_scalar(1.0);
            Ok((difference.clone() * difference).mean())
        }

        fn validate(&self, _: &ConvBlock, _: &Device) -> Result<Scores> {
            Ok(Scores::default())
        }
    }

    #[derive(Default)]
    struct Messages(Vec<String>, Vec<f64>);

    impl Observer for Messages {
        fn step(&mut self, _: u64, _: u64, loss: f64, _: f64) {
            self.1.push(loss);
        }

        fn row(&mut self, _: &LogRow) {}

        fn message(&mut self, text: &str) {
            self.0.push(text.to_owned());
        }
    }

    fn run_toy(out: &Path, bad: u64, steps: u64, seen: &mut Messages) -> Result<Summary> {
        let device = glyphic_nn::device::cpu().autodiff();
        let config = RunConfig { out: out.to_owned(), steps, checkpoint_every: 30, ..RunConfig::default() };
        let model = Arc::new(Toy { bad });
        let source = FnSource::new("numbers", false, Ok::<u64, glyphic_data::Error>);
        let options = PlanOptions { seed: 1, batch_size: 2, pool: 1 };
        let plan = SamplePlan::new(Mixture::single(source)?, Arc::clone(&model), options)?;
        let net = seeded(&device, 1, || model.init(&device));
        let skipped = SkippedSamples::open(out, 0.1)?;
        train(&*model, plan, net, &config, &device, skipped, seen)
    }

    #[test]
    fn a_step_that_is_not_finite_leaves_the_running_statistics_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let mut seen = Messages::default();
        run_toy(folder.path(), 50, 60, &mut seen).unwrap();
        // The loss is finite even there, for the activation makes 0 of what is not a number.
        assert!(seen.1.iter().all(|loss| loss.is_finite()), "{:?}", &seen.1[49..]);
        assert!(seen.0.iter().any(|m| m.contains("step 50") && m.contains("numbers")), "{:?}", seen.0);

        // Both the averaged weights and the network itself, which the checkpoint holds.
        let exported = glyphic_nn::checkpoint::read(folder.path().join("last.safetensors")).unwrap();
        let device = glyphic_nn::device::cpu().autodiff();
        let net = Toy { bad: 0 }.init(&device);
        let resumed = checkpoint::resume(
            folder.path(),
            &net,
            &net.valid(),
            || optimizer(&Optimizer::default()),
            |_| {},
        );
        let trained = state_dict(&resumed.unwrap().unwrap().net);
        for dict in [exported, trained] {
            for name in dict.names() {
                assert!(dict.get(name).unwrap().data.iter().all(|v| v.is_finite()), "{name}");
            }
            let mean = dict.get("bn.running_mean").unwrap().data;
            assert!(mean.iter().any(|v| *v != 0.0), "the statistics follow the other batches");
        }
    }

    #[test]
    fn a_damaged_newest_checkpoint_falls_back_on_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        run_toy(folder.path(), u64::MAX, 60, &mut Messages::default()).unwrap();
        let checkpoints = checkpoint::list(folder.path());
        let newest = checkpoints[1].join("net.bpk");
        let bytes = std::fs::read(&newest).unwrap();
        std::fs::write(&newest, &bytes[..bytes.len() / 2]).unwrap();
        let mut seen = Messages::default();
        let summary = run_toy(folder.path(), u64::MAX, 62, &mut seen).unwrap();
        assert_eq!((summary.steps, seen.1.len()), (62, 32));
        assert!(
            seen.0[0].contains("net.bpk") && seen.0[0].contains("the checkpoint before it"),
            "{:?}",
            seen.0
        );
        assert!(seen.0[1].contains("resuming from step 30"), "{:?}", seen.0);
        // Nothing to fall back on: the error is the newest one's.
        for checkpoint in checkpoint::list(folder.path()) {
            std::fs::write(checkpoint.join("net.bpk"), b"").unwrap();
        }
        let error = run_toy(folder.path(), u64::MAX, 90, &mut Messages::default()).unwrap_err().to_string();
        assert!(error.contains("000000062"), "{error}");
    }
}
