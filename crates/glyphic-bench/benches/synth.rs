//! Synthetic lines and pages; needs the fonts of `scripts/install-fonts.sh`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use glyphic_synth::{LineSynth, PageSynth, SynthConfig};

fn synth(c: &mut Criterion) {
    let lines = LineSynth::new(SynthConfig::default()).expect("fonts are installed");
    let pages = PageSynth::beside(&lines);
    let mut group = c.benchmark_group("synth");
    group.sample_size(10);
    group.throughput(Throughput::Elements(200));
    group.bench_function("200 lines, one thread", |b| {
        b.iter(|| (0..200).map(|i| lines.line(i).image.width()).sum::<u32>())
    });
    group.throughput(Throughput::Elements(10));
    group.bench_function("10 pages, one thread", |b| {
        b.iter(|| (0..10).map(|i| pages.page(i).image.width()).sum::<u32>())
    });
    group.finish();
}

criterion_group!(benches, synth);
criterion_main!(benches);
