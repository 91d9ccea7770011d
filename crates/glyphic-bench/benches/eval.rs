//! Metrics on sets of the size of a benchmark's. `cargo bench -p glyphic-bench --bench eval`.
//!
//! In the processor's seconds, for which the bounds stand on one thread: 40 ms for hmean-iou, 30 ms for hmean-ic13, 60 ms
//! for recognition; on two threads they are the sum of both. And by the clock, which two threads nearly halve where nothing
//! else runs.

use std::hint::black_box;

use criterion::measurement::Measurement;
use criterion::{Criterion, criterion_group, criterion_main};
use glyphic_bench::CpuTime;
use glyphic_core::Point;
use glyphic_eval::{Ic13Options, IouOptions, RecognitionScore, eval_hmean_ic13, eval_hmean_iou};

/// Images of the detection set: 30 predictions, 27 truths and 3 ignored truths each.
const IMAGES: usize = 500;
/// Pairs of the recognition set: 3 to 14 characters, a third with one substitution.
const PAIRS: usize = 100_000;

/// A small generator, so that every run measures the same set.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % n
    }

    fn unit(&mut self) -> f64 {
        self.below(1 << 30) as f64 / f64::from(1 << 30)
    }
}

type Outlines = Vec<Vec<Vec<Point>>>;

/// Words on a page of 1280 x 720, and predictions a few pixels beside them.
fn detections() -> (Outlines, Outlines, Outlines) {
    let mut dice = Dice(1);
    let (mut predictions, mut truths, mut ignored) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..IMAGES {
        let mut words: Vec<Vec<Point>> = (0..30)
            .map(|_| {
                let (x, y) = (dice.unit() * 1200.0, dice.unit() * 690.0);
                let (w, h, tilt) =
                    (40.0 + dice.unit() * 70.0, 15.0 + dice.unit() * 30.0, dice.unit() * 0.4 - 0.2);
                let corner = |dx: f64, dy: f64| {
                    Point::new(x + dx * tilt.cos() - dy * tilt.sin(), y + dx * tilt.sin() + dy * tilt.cos())
                };
                vec![corner(0.0, 0.0), corner(w, 0.0), corner(w, h), corner(0.0, h)]
            })
            .collect();
        let mut beside = |p: &Point| Point::new(p.x + dice.unit() * 6.0 - 3.0, p.y + dice.unit() * 6.0 - 3.0);
        predictions.push(words.iter().map(|w| w.iter().map(&mut beside).collect()).collect());
        ignored.push(words.split_off(27));
        truths.push(words);
    }
    (predictions, truths, ignored)
}

fn texts() -> Vec<(String, String)> {
    let mut dice = Dice(2);
    let letters: Vec<char> = ('a'..='z').chain('A'..='Z').chain('0'..='9').collect();
    (0..PAIRS)
        .map(|i| {
            let length = 3 + dice.below(12);
            let truth: Vec<char> = (0..length).map(|_| letters[dice.below(62) as usize]).collect();
            let mut read = truth.clone();
            if i % 3 == 0 {
                read[dice.below(length) as usize] = letters[dice.below(62) as usize];
            }
            (read.into_iter().collect(), truth.into_iter().collect())
        })
        .collect()
}

fn metrics<M: Measurement>(c: &mut Criterion<M>, name: &str, threads: &[usize]) {
    let (predictions, truths, ignored) = detections();
    let pairs = texts();
    let mut group = c.benchmark_group(name);
    group.sample_size(20);
    for &threads in threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
        let on = match threads {
            1 => "1 thread".to_owned(),
            n => format!("{n} threads"),
        };
        group.bench_function(format!("hmean-iou, 500 images of 30, {on}"), |b| {
            let options = IouOptions::default();
            b.iter(|| pool.install(|| black_box(eval_hmean_iou(&predictions, &truths, &ignored, &options))))
        });
        group.bench_function(format!("hmean-ic13, 500 images of 30, {on}"), |b| {
            let options = Ic13Options::default();
            b.iter(|| pool.install(|| black_box(eval_hmean_ic13(&predictions, &truths, &ignored, &options))))
        });
        group.bench_function(format!("recognition, 100000 pairs, {on}"), |b| {
            b.iter(|| pool.install(|| black_box(RecognitionScore::new(&pairs))))
        });
    }
    group.finish();
}

fn processor(c: &mut Criterion<CpuTime>) {
    metrics(c, "eval, processor", &[1, 2]);
}

fn clock(c: &mut Criterion) {
    metrics(c, "eval, clock", &[1, 2]);
}

criterion_group!(name = by_processor; config = Criterion::default().with_measurement(CpuTime); targets = processor);
criterion_group!(by_clock, clock);
criterion_main!(by_processor, by_clock);
