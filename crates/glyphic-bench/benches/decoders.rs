//! The decoders of all detectors alone, on the maps that a picture of 1280x736 has, with thirty texts as their targets draw them.
//! Time is the processor's: `cargo bench -p glyphic-bench --bench decoders`.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};

use criterion::{Criterion, criterion_group, criterion_main};
use glyphic_bench::CpuTime;
use glyphic_core::Point;
use glyphic_detect::dbnet::targets::DbnetTargets;
use glyphic_detect::dbnet::{DbDecodeConfig, ProbabilityMap};
use glyphic_detect::drrg::targets::DrrgTargets;
use glyphic_detect::drrg::{DrrgComponent, DrrgDecodeConfig, DrrgGraphConfig, DrrgProposalConfig};
use glyphic_detect::engine::{Frame, Network};
use glyphic_detect::fcenet::targets::FcenetTargets;
use glyphic_detect::fcenet::{FceDecodeConfig, FceLevel};
use glyphic_detect::panet::PanDecodeConfig;
use glyphic_detect::panet::targets::PanetTargets;
use glyphic_detect::psenet::PseDecodeConfig;
use glyphic_detect::psenet::targets::PsenetTargets;
use glyphic_detect::targets::Outlines;
use glyphic_detect::textsnake::SnakeDecodeConfig;
use glyphic_detect::textsnake::targets::TextsnakeTargets;
use glyphic_detect::{DetectorModel, Maps, MaskRcnnConfig};
use glyphic_graph::Tensor;
use glyphic_imgproc::Map;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Columns and rows of the picture.
const SIZE: [usize; 2] = [1280, 736];
const SCALE: [f64; 2] = [1.0, 1.0];
const TEXTS: usize = 30;
/// PSENet's and PAN's maps are four times smaller than the picture.
const COARSE: usize = 4;

/// Five columns of six texts, 110 by 40 pixels, each turned a little, on maps that are `stride` times smaller than the picture.
fn page(stride: usize) -> Outlines {
    let scale = stride as f64;
    let text = |i: usize| {
        let (x, y) = (128.0 + 256.0 * (i % 5) as f64, 62.0 + 122.0 * (i / 5) as f64);
        let (sin, cos) = (0.1 * i as f64 - 1.5).sin_cos();
        [[-55.0, -20.0], [55.0, -20.0], [55.0, 20.0], [-55.0, 20.0]]
            .map(|[u, v]: [f64; 2]| {
                Point::new((x + u * cos - v * sin) / scale, (y + u * sin + v * cos) / scale)
            })
            .to_vec()
    };
    let [width, height] = SIZE.map(|side| side / stride);
    Outlines { height, width, texts: (0..TEXTS).map(text).collect(), ignored: Vec::new() }
}

fn logits<T: PartialEq + Default>(mask: &[T]) -> impl Iterator<Item = f32> + '_ {
    mask.iter().map(|v| if *v == T::default() { -6.0 } else { 6.0 })
}

fn kernels(c: &mut Criterion<CpuTime>) {
    let page = page(COARSE);
    let drawn = PsenetTargets::default().maps_of(&page).expect("a page");
    let values: Vec<f32> = drawn.kernels.iter().flat_map(|kernel| logits(kernel)).collect();
    let maps = Maps::new(&values, [7, page.height, page.width]).expect("the length fits");
    let config = PseDecodeConfig::default();
    assert_eq!(config.decode(&maps, SCALE).expect("maps").len(), TEXTS);
    c.bench_function("PSENet decoding, 30 texts on 1280x736", |b| {
        b.iter(|| config.decode(black_box(&maps), SCALE))
    });

    let drawn = PanetTargets::default().maps_of(&page).expect("a page");
    let mut values: Vec<f32> = drawn.kernels.iter().flat_map(|kernel| logits(kernel)).collect();
    for _ in 0..4 {
        values.extend(drawn.kernels[0].iter().map(|v| f32::from(*v)));
    }
    let maps = Maps::new(&values, [6, page.height, page.width]).expect("the length fits");
    let config = PanDecodeConfig::default();
    assert_eq!(config.decode(&maps, SCALE).expect("maps").len(), TEXTS);
    c.bench_function("PAN decoding, 30 texts on 1280x736", |b| {
        b.iter(|| config.decode(black_box(&maps), SCALE))
    });
}

fn textsnake(c: &mut Criterion<CpuTime>) {
    let drawn = TextsnakeTargets::default().maps_of(&page(1)).expect("a page");
    let mut values: Vec<f32> = logits(&drawn.text_mask).chain(logits(&drawn.center_region_mask)).collect();
    values.extend([drawn.sin, drawn.cos, drawn.radius].concat());
    let maps = Maps::new(&values, [5, SIZE[1], SIZE[0]]).expect("the length fits");
    let config = SnakeDecodeConfig::default();
    assert_eq!(config.decode(&maps, SCALE).expect("maps").len(), TEXTS);
    c.bench_function("TextSnake decoding, 30 texts on 1280x736", |b| {
        b.iter(|| config.decode(black_box(&maps), SCALE));
    });
}

fn fcenet(c: &mut Criterion<CpuTime>) {
    let targets = FcenetTargets::default();
    let drawn = targets.levels_of(&page(1)).expect("a page");
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
    assert_eq!(config.decode(&levels, SCALE).expect("levels").len(), TEXTS);
    c.bench_function("FCENet decoding, 30 texts on 1280x736", |b| {
        b.iter(|| config.decode(black_box(&levels), SCALE));
    });
}

fn drrg(c: &mut Criterion<CpuTime>) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let drawn = DrrgTargets::default().maps_of(&page(1), &mut rng).expect("a page");
    let mut values: Vec<f32> = logits(&drawn.text_mask).chain(logits(&drawn.center_region_mask)).collect();
    values.extend([drawn.sin, drawn.cos, drawn.top_height, drawn.bot_height].concat());
    let maps = Maps::new(&values, [6, SIZE[1], SIZE[0]]).expect("the length fits");
    let propose = DrrgProposalConfig::default();
    c.bench_function("DRRG proposals, 30 texts on 1280x736", |b| {
        b.iter(|| propose.propose(black_box(&maps)))
    });

    let components = propose.propose(&maps).expect("maps");
    // As many maps as the neck gives, and the six.
    let features: Vec<f32> = (0..38 * SIZE[0] * SIZE[1]).map(|i| (i % 97) as f32 * 0.01).collect();
    let features = Maps::new(&features, [38, SIZE[1], SIZE[0]]).expect("the length fits");
    let graph = DrrgGraphConfig::default();
    c.bench_function("DRRG local graphs, 30 texts on 1280x736", |b| {
        b.iter(|| graph.build(black_box(&features), &components));
    });

    let quads: Vec<_> = components.iter().map(DrrgComponent::quad).collect();
    let edges = graph.build(&features, &components).expect("components").edges();
    let text_of = |i: usize| {
        let [x, y] = components[i].centre;
        (y / 122) * 5 + x / 256
    };
    let scores: Vec<f64> =
        edges.iter().map(|[a, b]| f64::from(u8::from(text_of(*a) == text_of(*b)))).collect();
    let config = DrrgDecodeConfig::default();
    assert_eq!(config.decode(&quads, &edges, &scores, SCALE).expect("edges").len(), TEXTS);
    c.bench_function("DRRG decoding, 30 texts on 1280x736", |b| {
        b.iter(|| config.decode(black_box(&quads), &edges, &scores, SCALE));
    });
}

fn dbnet(c: &mut Criterion<CpuTime>) {
    let drawn = DbnetTargets::default().maps_of(&page(1)).expect("a page");
    let [width, height] = SIZE;
    let values = drawn.shrink.iter().map(|v| if *v == 0 { 0.02 } else { 0.95 }).collect();
    let map =
        ProbabilityMap { values: Map::new(width, height, values).expect("the length fits"), scale: SCALE };
    let config = DbDecodeConfig::default();
    assert_eq!(config.decode(&map).len(), TEXTS);
    c.bench_function("DB decoding, 30 texts on 1280x736", |b| b.iter(|| config.decode(black_box(&map))));
}

/// Heads that take the first proposals, which are the surest ones, for texts that fill their boxes.
struct Heads {
    seen: AtomicUsize,
}

impl Network for Heads {
    fn run(&self, part: usize, inputs: Vec<Tensor>) -> glyphic_detect::Result<Vec<Tensor>> {
        let count = inputs[0].shape()[0];
        if part == 2 {
            return Ok(vec![Tensor::from_f32(&[count, 1, 28, 28], vec![6.0; count * 28 * 28])?]);
        }
        let first = self.seen.fetch_add(count, Ordering::Relaxed);
        let scores = (first..first + count).flat_map(|i| if i < TEXTS { [6.0, -6.0] } else { [-6.0, 6.0] });
        let deltas = Tensor::from_f32(&[count, 4], vec![0.0; 4 * count])?;
        Ok(vec![Tensor::from_f32(&[count, 2], scores.collect())?, deltas])
    }
}

/// Proposals, pooling under a thousand of them, suppression, masks: all but the heads' networks.
fn mask_rcnn(c: &mut Criterion<CpuTime>) {
    let config = MaskRcnnConfig::default();
    let Outlines { texts, .. } = page(1);
    let ratios = config.anchors.ratios.len();
    let strides = MaskRcnnConfig::STRIDES;
    let sides = strides.map(|stride| SIZE.map(|side| side / stride));
    let level = |i: usize| {
        let [width, height] = sides[i];
        let values = (0..256 * width * height).map(|i| (i % 97) as f32 * 0.01).collect();
        Tensor::from_f32(&[1, 256, height, width], values).expect("the length fits")
    };
    let mut scores = sides.map(|[width, height]| vec![-6.0f32; ratios * width * height]);
    // The others are not all alike.
    for scores in &mut scores {
        scores.iter_mut().enumerate().for_each(|(i, score)| *score -= (i % 101) as f32 * 0.01);
    }
    let mut deltas = sides.map(|[width, height]| vec![0.0f32; 4 * ratios * width * height]);
    // The second level's anchor of the second ratio at the centre of a text becomes the text's box.
    let (fine, ratio, [width, height]) = (1, 1, sides[1]);
    let area = (config.anchors.scale * strides[fine] as f64).powi(2);
    let anchor_height = (area * config.anchors.ratios[ratio]).sqrt();
    let anchor_width = area / anchor_height;
    for text in &texts {
        let x: Vec<f64> = text.iter().map(|p| p.x).collect();
        let y: Vec<f64> = text.iter().map(|p| p.y).collect();
        let reach = |v: &[f64]| {
            let (low, high) = v.iter().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
            (low.midpoint(high), high - low)
        };
        let ((cx, w), (cy, h)) = (reach(&x), reach(&y));
        let stride = strides[fine] as f64;
        let (column, row) = ((cx / stride).round(), (cy / stride).round());
        let at = |channel: usize| (channel * height + row as usize) * width + column as usize;
        scores[fine][at(ratio)] = 6.0;
        let moves = [
            (cx - column * stride) / anchor_width,
            (cy - row * stride) / anchor_height,
            (w / anchor_width).ln(),
            (h / anchor_height).ln(),
        ];
        for (i, by) in moves.into_iter().enumerate() {
            deltas[fine][at(4 * ratio + i)] = by as f32;
        }
    }
    let maps = |values: Vec<f32>, [width, height]: [usize; 2]| {
        let channels = values.len() / (width * height);
        Tensor::from_f32(&[1, channels, height, width], values).expect("the length fits")
    };
    let levels = (0..4).map(level);
    let scores = scores.into_iter().zip(sides).map(|(values, side)| maps(values, side));
    let deltas = deltas.into_iter().zip(sides).map(|(values, side)| maps(values, side));
    let outputs: Vec<Tensor> = levels.chain(scores).chain(deltas).collect();
    let frame = Frame { input: SIZE, content: SIZE, scale: SCALE };
    let heads = || Heads { seen: AtomicUsize::new(0) };
    assert_eq!(config.decode(&outputs, &frame, &heads()).expect("outputs").regions.len(), TEXTS);
    c.bench_function("Mask R-CNN decoding, 30 texts on 1280x736", |b| {
        b.iter(|| config.decode(black_box(&outputs), &frame, &heads()));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).with_measurement(CpuTime);
    targets = dbnet, kernels, textsnake, fcenet, drrg, mask_rcnn
}
criterion_main!(benches);
