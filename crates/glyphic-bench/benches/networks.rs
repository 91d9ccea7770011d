//! Networks through the code that serves users, crops and pictures in, transcripts and regions out, and DBNet's decoding
//! alone.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use glyphic_core::{Image, Symbol};
use glyphic_detect::dbnet::{DbDecodeConfig, DbLevel, DbZoom, ProbabilityMap};
use glyphic_detect::{DbNetConfig, DetectorConfig};
use glyphic_imgproc::Map;
use glyphic_nn::Device;
use glyphic_nn::checkpoint::state_dict;
use glyphic_recognize::RecognizerConfig;
use glyphic_recognize::crnn::CrnnConfig;
use glyphic_recognize::crnn_lite::CrnnLiteConfig;
use glyphic_recognize::nrtr::NrtrConfig;

/// A picture with edges everywhere; its content does not matter to a convolution.
fn picture(width: u32, height: u32) -> Image {
    let rgb = (0..width * height * 3).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    Image::from_rgb(width, height, rgb).expect("the length fits")
}

fn detectors(c: &mut Criterion) {
    let device = Device::flex();
    for (name, config) in [("dbnet_lite", DbNetConfig::lite()), ("dbnet_r18", DbNetConfig::default())] {
        let weights = state_dict(&config.init(&device));
        // One look: fresh weights do not know how many a picture is worth.
        let mut config = config;
        config.level = config.level.map(|_| DbLevel::Line);
        config.zoom = DbZoom::default();
        config.input.resize.long_side = 640;
        config.input.resize.short_side = 640;
        let detector = DetectorConfig::Dbnet(config).build(&weights, &device).expect("fresh weights fit");
        let image = [picture(640, 640)];
        c.bench_function(&format!("{name} 640x640"), |b| b.iter(|| detector.detect(black_box(&image))));
    }
}

fn recognizers(c: &mut Criterion) {
    let device = Device::flex();
    let crnn = CrnnConfig::default();
    let lite = CrnnLiteConfig::default();
    let (crnn, lite) = (RecognizerConfig::Crnn(crnn), RecognizerConfig::CrnnLite(lite));
    for (name, config) in [("crnn", crnn), ("crnn_lite", lite)] {
        let weights = config.fresh_weights().expect("a vocabulary");
        let recognizer = config.build(&weights, None, &device).expect("fresh weights fit");
        for count in [1, 16] {
            let crops = vec![picture(320, 32); count];
            let id = format!("{name} 32x320, {count} crops");
            c.bench_function(&id, |b| b.iter(|| recognizer.recognize(black_box(&crops))));
        }
    }
}

/// What a text's length costs a network that writes class by class: no text ends, so all have the longest length.
fn writing(c: &mut Criterion) {
    for length in [10, 20, 40] {
        let mut nrtr = NrtrConfig { channels: [8, 8, 16, 32, 64], ..NrtrConfig::default() };
        nrtr.labels.max_length = length;
        let config = RecognizerConfig::from(nrtr);
        let mut weights = config.fresh_weights().expect("a vocabulary");
        let vocab = config.vocab().expect("a vocabulary");
        let end = vocab.special(Symbol::Start).expect("it has a start");
        let name = "decoder.classifier.bias";
        let mut bias = weights.get(name).expect("the classifier has a bias");
        bias.data[end] = -1e4;
        weights.insert(name, &bias.shape, &bias.data);
        let recognizer = config.build(&weights, None, &Device::flex()).expect("fresh weights fit");
        let crops = [picture(160, 32)];
        let id = format!("nrtr 32x160, {length} characters");
        c.bench_function(&id, |b| b.iter(|| recognizer.recognize(black_box(&crops))));
    }
}

/// A map of a full page: forty lines of twelve blobs.
fn decoding(c: &mut Criterion) {
    let (width, height) = (1280, 736);
    let mut values = vec![0.02_f32; width * height];
    for line in 0..40 {
        for word in 0..12 {
            for y in line * 18 + 4..line * 18 + 12 {
                let row = y * width + word * 105 + 8;
                values[row..row + 80].fill(0.9);
            }
        }
    }
    let map = ProbabilityMap {
        values: Map::new(width, height, values).expect("the length fits"),
        scale: [1.0, 1.0],
    };
    let config = DbDecodeConfig::default();
    c.bench_function("DB decoding, 480 words on 1280x736", |b| b.iter(|| config.decode(black_box(&map))));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = detectors, recognizers, writing, decoding
}
criterion_main!(benches);
