//! The decoders of PSENet, PAN, TextSnake, FCENet and DRRG alone, on maps of 640x640 with thirty texts as their targets
//! draw them.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use glyphic_core::Point;
use glyphic_detect::Maps;
use glyphic_detect::drrg::targets::DrrgTargets;
use glyphic_detect::drrg::{DrrgComponent, DrrgDecodeConfig, DrrgGraphConfig, DrrgProposalConfig};
use glyphic_detect::fcenet::targets::FcenetTargets;
use glyphic_detect::fcenet::{FceDecodeConfig, FceLevel};
use glyphic_detect::panet::PanDecodeConfig;
use glyphic_detect::panet::targets::PanetTargets;
use glyphic_detect::psenet::PseDecodeConfig;
use glyphic_detect::psenet::targets::PsenetTargets;
use glyphic_detect::targets::Outlines;
use glyphic_detect::textsnake::SnakeDecodeConfig;
use glyphic_detect::textsnake::targets::TextsnakeTargets;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const SIDE: usize = 640;
const SCALE: [f64; 2] = [1.0, 1.0];

/// Five columns of six texts, 95 by 36 pixels, each turned a little.
fn page() -> Outlines {
    let text = |i: usize| {
        let (x, y) = (64.0 + 128.0 * (i % 5) as f64, 53.0 + 106.0 * (i / 5) as f64);
        let (sin, cos) = (0.1 * i as f64 - 1.5).sin_cos();
        [[-47.5, -18.0], [47.5, -18.0], [47.5, 18.0], [-47.5, 18.0]]
            .map(|[u, v]: [f64; 2]| Point::new(x + u * cos - v * sin, y + u * sin + v * cos))
            .to_vec()
    };
    Outlines { height: SIDE, width: SIDE, texts: (0..30).map(text).collect(), ignored: Vec::new() }
}

fn logits<T: PartialEq + Default>(mask: &[T]) -> impl Iterator<Item = f32> + '_ {
    mask.iter().map(|v| if *v == T::default() { -6.0 } else { 6.0 })
}

fn kernels(c: &mut Criterion) {
    let drawn = PsenetTargets::default().maps_of(&page()).expect("a page");
    let values: Vec<f32> = drawn.kernels.iter().flat_map(|kernel| logits(kernel)).collect();
    let maps = Maps::new(&values, [7, SIDE, SIDE]).expect("the length fits");
    let config = PseDecodeConfig::default();
    assert_eq!(config.decode(&maps, SCALE).expect("maps").len(), 30);
    c.bench_function("PSENet decoding, 30 texts on 640x640", |b| {
        b.iter(|| config.decode(black_box(&maps), SCALE))
    });

    let drawn = PanetTargets::default().maps_of(&page()).expect("a page");
    let mut values: Vec<f32> = drawn.kernels.iter().flat_map(|kernel| logits(kernel)).collect();
    for _ in 0..4 {
        values.extend(drawn.kernels[0].iter().map(|v| f32::from(*v)));
    }
    let maps = Maps::new(&values, [6, SIDE, SIDE]).expect("the length fits");
    let config = PanDecodeConfig::default();
    assert_eq!(config.decode(&maps, SCALE).expect("maps").len(), 30);
    c.bench_function("PAN decoding, 30 texts on 640x640", |b| {
        b.iter(|| config.decode(black_box(&maps), SCALE))
    });
}

fn textsnake(c: &mut Criterion) {
    let drawn = TextsnakeTargets::default().maps_of(&page()).expect("a page");
    let mut values: Vec<f32> = logits(&drawn.text_mask).chain(logits(&drawn.center_region_mask)).collect();
    values.extend([drawn.sin, drawn.cos, drawn.radius].concat());
    let maps = Maps::new(&values, [5, SIDE, SIDE]).expect("the length fits");
    let config = SnakeDecodeConfig::default();
    assert_eq!(config.decode(&maps, SCALE).expect("maps").len(), 30);
    c.bench_function("TextSnake decoding, 30 texts on 640x640", |b| {
        b.iter(|| config.decode(black_box(&maps), SCALE));
    });
}

fn fcenet(c: &mut Criterion) {
    let targets = FcenetTargets::default();
    let drawn = targets.levels_of(&page()).expect("a page");
    let classes: Vec<Vec<f32>> = drawn
        .iter()
        .map(|level| {
            let size = level.height * level.width;
            let (text, centre) = (&level.maps[..size], &level.maps[size..2 * size]);
            let not = |mask| logits(mask).map(|v| -v);
            not(text).chain(logits(text)).chain(not(centre)).chain(logits(centre)).collect()
        })
        .collect();
    let levels: Vec<FceLevel<'_>> = drawn
        .iter()
        .zip(&classes)
        .zip(&targets.level_size_divisors)
        .map(|((level, classes), stride)| {
            let signatures = &level.maps[3 * level.height * level.width..];
            let maps = |values, channels| Maps::new(values, [channels, level.height, level.width]);
            FceLevel {
                classes: maps(classes, 4).expect("the length fits"),
                signatures: maps(signatures, 22).expect("the length fits"),
                stride: *stride as f32,
            }
        })
        .collect();
    let config = FceDecodeConfig::default();
    assert_eq!(config.decode(&levels, SCALE).expect("levels").len(), 30);
    c.bench_function("FCENet decoding, 30 texts on 640x640", |b| {
        b.iter(|| config.decode(black_box(&levels), SCALE));
    });
}

fn drrg(c: &mut Criterion) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let drawn = DrrgTargets::default().maps_of(&page(), &mut rng).expect("a page");
    let mut values: Vec<f32> = logits(&drawn.text_mask).chain(logits(&drawn.center_region_mask)).collect();
    values.extend([drawn.sin, drawn.cos, drawn.top_height, drawn.bot_height].concat());
    let maps = Maps::new(&values, [6, SIDE, SIDE]).expect("the length fits");
    let propose = DrrgProposalConfig::default();
    c.bench_function("DRRG proposals, 30 texts on 640x640", |b| b.iter(|| propose.propose(black_box(&maps))));

    let components = propose.propose(&maps).expect("maps");
    // As many maps as the neck gives, and the six.
    let features: Vec<f32> = (0..38 * SIDE * SIDE).map(|i| (i % 97) as f32 * 0.01).collect();
    let features = Maps::new(&features, [38, SIDE, SIDE]).expect("the length fits");
    let graph = DrrgGraphConfig::default();
    c.bench_function("DRRG local graphs, 30 texts on 640x640", |b| {
        b.iter(|| graph.build(black_box(&features), &components));
    });

    let quads: Vec<_> = components.iter().map(DrrgComponent::quad).collect();
    let edges = graph.build(&features, &components).expect("components").edges();
    let text_of = |i: usize| {
        let [x, y] = components[i].centre;
        (y / 107) * 5 + x / 128
    };
    let scores: Vec<f64> =
        edges.iter().map(|[a, b]| f64::from(u8::from(text_of(*a) == text_of(*b)))).collect();
    let config = DrrgDecodeConfig::default();
    assert_eq!(config.decode(&quads, &edges, &scores, SCALE).expect("edges").len(), 30);
    c.bench_function("DRRG decoding, 30 texts on 640x640", |b| {
        b.iter(|| config.decode(black_box(&quads), &edges, &scores, SCALE));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = kernels, textsnake, fcenet, drrg
}
criterion_main!(benches);
