//! A whole picture through the default reader.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use glyphic::{Image, Reader};

fn read(c: &mut Criterion) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/receipt.jpg");
    let image = Image::open(path).expect("the example is part of the repository");
    let reader = Reader::builder().build().expect("the default weights are embedded");
    c.bench_function("read examples/receipt.jpg", |b| b.iter(|| reader.read(black_box(&image))));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = read
}
criterion_main!(benches);
