//! How fast batches are made of packs: `throughput recognition|detection FOLDER... [--threads N]`.
//!
//! Detection packs serve both; recognition reads their texts one by one. Pictures are read once before the clock
//! starts, so that recognition measures crops from memory.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use glyphic_core::Sample;
use glyphic_core::{LATIN, Vocab};
use glyphic_data::augment::RecognitionAugment;
use glyphic_data::{
    CropOptions, DetectionOptions, DetectionPlan, Loader, LoaderOptions, Mixture, Plan, RecognitionOptions,
    RecognitionPlan, Source, TextCrops, TextSample,
};
use glyphic_labels::{LazyPack, PackOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let task = args.next().ok_or("name recognition or detection first")?;
    let mut folders = Vec::new();
    let mut threads = 2;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--threads" => threads = args.next().ok_or("--threads needs a number")?.parse()?,
            folder => folders.push(LazyPack::open(folder, &PackOptions::default())?),
        }
    }
    let options = LoaderOptions { threads, ..LoaderOptions::default() };
    match task.as_str() {
        "recognition" => {
            for augment in [RecognitionAugment::none(), RecognitionAugment::default()] {
                let mut parts: Vec<(Arc<dyn Source<Item = TextSample>>, f64)> = Vec::new();
                for pack in &folders {
                    let crops = TextCrops::new(pack.clone(), &CropOptions::default())?;
                    (0..crops.len()).try_for_each(|i| crops.get(i).map(drop))?;
                    parts.push((Arc::new(crops), 1.0));
                }
                let name = if augment == RecognitionAugment::none() { "plain" } else { "augmented" };
                let plan = RecognitionOptions { augment, ..RecognitionOptions::default() };
                let plan = RecognitionPlan::new(Mixture::new(parts)?, Vocab::ctc(LATIN)?, plan)?;
                let rate = measure(plan, options, 160, |b| b.len)?;
                println!("{name}: {rate:.0} crops/s on {threads} threads");
            }
        }
        "detection" => {
            let parts = folders
                .iter()
                .map(|pack| (Arc::new(pack.clone()) as Arc<dyn Source<Item = Sample>>, 1.0))
                .collect();
            let plan = DetectionPlan::new(Mixture::new(parts)?, DetectionOptions::default())?;
            let rate = measure(plan, options, 24, |b| b.len)?;
            println!("{rate:.1} pictures of 640x640 a second on {threads} threads");
        }
        other => return Err(format!("{other:?} is neither recognition nor detection").into()),
    }
    Ok(())
}

fn measure<P: Plan>(
    plan: P,
    options: LoaderOptions,
    batches: usize,
    len: impl Fn(&P::Batch) -> usize,
) -> Result<f64, glyphic_data::Error> {
    let mut loader = Loader::new(plan, options, 0)?;
    // The queue is full by then, as it is in the middle of a run.
    let warm = options.queue * loader.plan().unit_len();
    for _ in 0..warm {
        loader.next()?;
    }
    let started = Instant::now();
    let mut made = 0;
    for _ in 0..batches {
        made += len(&loader.next()?);
    }
    Ok(made as f64 / started.elapsed().as_secs_f64())
}
