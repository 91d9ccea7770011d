use std::{path::PathBuf, time::Duration};

use glyphic::device;
use glyphic_train::{Error, LogRow, Observer, TrainConfig};
use indicatif::{ProgressBar, ProgressStyle};

use crate::exit::{Exit, Failure, OrExit};

/// Trains a detector or recognizer. An interrupted run resumes from its latest checkpoint.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Training configuration, TOML; configs/train has one for each model
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// Folder of the run; overrides `run.out`
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Device: cpu, vulkan:0, wgpu:0 or cuda:0; overrides `run.device`
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Number of CPU threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let mut config = TrainConfig::open(&args.config).map_err(failure)?;
    if let Some(threads) = args.threads {
        device::set_threads(usize::from(threads)).or_exit(Exit::Model)?;
    }
    config.run.device = args.device.unwrap_or(config.run.device);
    config.run.out = args.out.unwrap_or(config.run.out);
    let summary = glyphic_train::train(&config, &mut Terminal::new(config.run.steps)).map_err(failure)?;
    let best = summary.best.map_or_else(String::new, |best| format!(", best score {best:.4}"));
    let skipped = match summary.skipped {
        0 => String::new(),
        count => format!(", {count} samples skipped (see skipped.txt)"),
    };
    eprintln!(
        "{} steps, {} samples{skipped}, {:.1} minutes{best}: {}",
        summary.steps,
        summary.samples,
        summary.minutes,
        config.run.out.display()
    );
    Ok(())
}

fn failure(error: Error) -> Failure {
    let exit = match &error {
        Error::Config { .. } => Exit::Usage,
        Error::Data(_) | Error::Synth(_) | Error::Skipped { .. } => Exit::Input,
        Error::Io { .. } | Error::Locked { .. } => Exit::Output,
        _ => Exit::Model,
    };
    Failure { exit, error: error.into() }
}

/// Shows a run on standard error: a bar where that is a terminal, a line for each row of the log.
struct Terminal(ProgressBar);

impl Terminal {
    fn new(steps: u64) -> Self {
        let bar = ProgressBar::new(steps);
        // The template is a constant; were it wrong, the default style would do.
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len}  {eta} left  {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(500));
        Self(bar)
    }
}

impl Observer for Terminal {
    fn step(&mut self, step: u64, _: u64, loss: f64, samples_per_second: f64) {
        self.0.set_position(step);
        self.0.set_message(format!("loss {loss:.4}, {samples_per_second:.1} samples/s"));
    }

    fn row(&mut self, row: &LogRow) {
        let scores: String = row.scores.iter().map(|(name, score)| format!("  {name} {score:.4}")).collect();
        self.message(&format!(
            "step {}  loss {:.4}  rate {:.2e}  {:.1} samples/s  {:.0}% of the time waiting for data{scores}",
            row.step,
            row.loss,
            row.learning_rate,
            row.samples_per_second,
            100.0 * row.data_wait
        ));
    }

    fn message(&mut self, text: &str) {
        self.0.suspend(|| eprintln!("{text}"));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
