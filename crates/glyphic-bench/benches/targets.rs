//! Training targets of a picture of 640 x 640 pixels with 30 quadrilaterals of about 75 x 30 pixels, on one thread, in the processor's
//! seconds.
//!
//! The bounds are those of the reference's seconds on one core, 50 times as fast for DBNet: 1.5 ms; TextSnake and FCENet
//! 3 ms each.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use glyphic_bench::CpuTime;
use glyphic_core::Point;
use glyphic_detect::dbnet::targets::{DbnetMaps, DbnetTargets};
use glyphic_detect::drrg::targets::DrrgTargets;
use glyphic_detect::fcenet::targets::FcenetTargets;
use glyphic_detect::panet::targets::PanetTargets;
use glyphic_detect::psenet::targets::PsenetTargets;
use glyphic_detect::targets::Outlines;
use glyphic_detect::textsnake::targets::TextsnakeTargets;
use glyphic_mmocr::transforms::generator;

const SIDE: usize = 640;

fn outlines() -> Outlines {
    let quad = |i: u32| -> Vec<Point> {
        let (x, y) = (20.0 + f64::from(i % 5) * 122.0, 20.0 + f64::from(i / 5) * 100.0);
        let (w, h) = (60.0 + f64::from(i % 4) * 12.0, 22.0 + f64::from(i % 3) * 8.0);
        let lean = f64::from(i % 7) - 3.0;
        [(x, y), (x + w, y + lean), (x + w, y + h + lean), (x, y + h)].map(|(x, y)| Point::new(x, y)).into()
    };
    Outlines { height: SIDE, width: SIDE, texts: (0..30).map(quad).collect(), ignored: Vec::new() }
}

fn targets(c: &mut Criterion<CpuTime>) {
    let outlines = outlines();
    let mut group = c.benchmark_group("targets of 30 texts on 640x640");
    let (dbnet, panet, psenet) = (DbnetTargets::default(), PanetTargets::default(), PsenetTargets::default());
    group.bench_function("DBNet", |b| b.iter(|| dbnet.maps_of(black_box(&outlines)).expect("valid")));
    let mut maps = DbnetMaps::default();
    group.bench_function("DBNet, in the memory of earlier maps", |b| {
        b.iter(|| dbnet.maps_into(black_box(&outlines), &mut maps).expect("valid"));
    });
    group.bench_function("PANet", |b| b.iter(|| panet.maps_of(black_box(&outlines)).expect("valid")));
    group.bench_function("PSENet", |b| b.iter(|| psenet.maps_of(black_box(&outlines)).expect("valid")));
    let (textsnake, fcenet, drrg) =
        (TextsnakeTargets::default(), FcenetTargets::default(), DrrgTargets::default());
    group.bench_function("TextSnake", |b| b.iter(|| textsnake.maps_of(black_box(&outlines)).expect("valid")));
    group.bench_function("FCENet", |b| b.iter(|| fcenet.levels_of(black_box(&outlines)).expect("valid")));
    let mut rng = generator(1, 0);
    group.bench_function("DRRG", |b| {
        b.iter(|| drrg.maps_of(black_box(&outlines), &mut rng).expect("valid"));
    });
    group.finish();
}

criterion_group!(name = benches; config = Criterion::default().with_measurement(CpuTime); targets = targets);
criterion_main!(benches);
