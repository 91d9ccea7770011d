//! Maps of noise as large as a page's, in which every pixel may be text: decoders end, and return no more than their limits
//! allow.

use glyphic_regions::Maps;
use glyphic_regions::drrg::{DrrgComponent, DrrgDecodeConfig, DrrgGraphConfig, DrrgProposalConfig};
use glyphic_regions::fcenet::{FceDecodeConfig, FceLevel};
use glyphic_regions::textsnake::SnakeDecodeConfig;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SIDE: usize = 1280;
const UNSCALED: [f64; 2] = [1.0, 1.0];

/// Values evenly from `reach` below the mean to `reach` above it.
fn noise(rng: &mut ChaCha8Rng, count: usize, [mean, reach]: [f32; 2]) -> Vec<f32> {
    (0..count).map(|_| mean + reach * (2.0 * rng.random::<f32>() - 1.0)).collect()
}

/// One map after the other.
fn maps(kinds: &[[f32; 2]]) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    kinds.iter().flat_map(|kind| noise(&mut rng, SIDE * SIDE, *kind)).collect()
}

/// Regions of noise with logits of text of this kind and coefficients up to `reach` pixels of a level.
fn fcenet(config: &FceDecodeConfig, logit: [f32; 2], reach: f32) -> usize {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let drawn = [8, 16, 32].map(|stride| {
        let side = SIDE / stride;
        let classes = [[0.0; 2], logit, [0.0; 2], logit];
        let classes: Vec<f32> = classes.iter().flat_map(|kind| noise(&mut rng, side * side, *kind)).collect();
        (side, classes, noise(&mut rng, 22 * side * side, [0.0, reach]))
    });
    let levels: Vec<FceLevel<'_>> = drawn
        .iter()
        .map(|(side, classes, signatures)| FceLevel {
            classes: Maps::new(classes, [4, *side, *side]).unwrap(),
            signatures: Maps::new(signatures, [22, *side, *side]).unwrap(),
            stride: (SIDE / side) as f32,
        })
        .collect();
    config.decode(&levels, UNSCALED).unwrap().len()
}

#[test]
fn fcenet_ends_where_every_pixel_is_text() {
    let config = FceDecodeConfig::default();
    assert!(fcenet(&config, [9.0, 0.0], 3.0) <= config.max_regions);
}

#[test]
fn fcenet_ends_on_thin_contours_that_do_not_suppress_each_other() {
    let config = FceDecodeConfig::default();
    assert!(fcenet(&config, [9.0, 1.0], 0.3) <= config.max_regions);
}

#[test]
fn fcenet_ends_on_specks() {
    let config = FceDecodeConfig::default();
    assert!(fcenet(&config, [0.0, 9.0], 3.0) <= config.max_regions);
}

#[test]
fn fcenet_returns_no_more_than_its_limits() {
    let few = FceDecodeConfig { max_regions: 20, ..FceDecodeConfig::default() };
    assert_eq!(fcenet(&few, [0.0, 9.0], 0.3), 20);
    let few = FceDecodeConfig { max_proposals: 4, ..FceDecodeConfig::default() };
    let count = fcenet(&few, [0.0, 9.0], 0.3);
    assert!((1..=3 * 4).contains(&count), "{count} of four pixels on each of three levels");
}

/// Components of noise with logits and half heights of these kinds.
fn drrg(config: &DrrgProposalConfig, logit: [f32; 2], height: [f32; 2]) -> (Vec<f32>, Vec<DrrgComponent>) {
    let values = maps(&[logit, logit, [0.0, 1.0], [0.0, 1.0], height, height]);
    let components = config.propose(&Maps::new(&values, [6, SIDE, SIDE]).unwrap()).unwrap();
    (values, components)
}

#[test]
fn drrg_ends_where_every_pixel_is_text() {
    let config = DrrgProposalConfig::default();
    for height in [[1.0, 0.0], [8.0, 6.0]] {
        let (_, components) = drrg(&config, [9.0, 0.0], height);
        assert!(components.len() <= config.max_components);
    }
}

#[test]
fn drrg_ends_on_specks_with_graph_and_regions() {
    let config = DrrgProposalConfig::default();
    let (values, components) = drrg(&config, [2.0, 4.0], [3.0, 2.0]);
    assert!(components.len() <= config.max_components);
    let graph = DrrgGraphConfig::default();
    let edges = graph.build(&Maps::new(&values, [6, SIDE, SIDE]).unwrap(), &components).unwrap().edges();
    let quads: Vec<_> = components.iter().map(DrrgComponent::quad).collect();
    let regions =
        DrrgDecodeConfig::default().decode(&quads, &edges, &vec![1.0; edges.len()], UNSCALED).unwrap();
    assert!(regions.len() <= quads.len() / 2);
}

#[test]
fn drrg_returns_the_best_components_up_to_its_limits() {
    let all = DrrgProposalConfig::default();
    let (_, components) = drrg(&all, [9.0, 4.0], [8.0, 6.0]);
    let few = DrrgProposalConfig { max_components: 40, ..all.clone() };
    let (_, best) = drrg(&few, [9.0, 4.0], [8.0, 6.0]);
    assert!(best.len() == 40 && components.len() > 40);
    let least = best.iter().map(|c| c.score).fold(f32::INFINITY, f32::min);
    assert!(components.iter().filter(|c| c.score > least).count() < 40);
    let (_, fewer) = drrg(&DrrgProposalConfig { max_quads: 50, ..all }, [9.0, 4.0], [8.0, 6.0]);
    assert!((1..=50).contains(&fewer.len()), "{} components of fifty rectangles", fewer.len());
}

/// Regions of noise with logits and radii of these kinds.
fn textsnake(config: &SnakeDecodeConfig, logit: [f32; 2], radius: [f32; 2]) -> usize {
    let values = maps(&[logit, logit, [0.0, 1.0], [0.0, 1.0], radius]);
    config.decode(&Maps::new(&values, [5, SIDE, SIDE]).unwrap(), UNSCALED).unwrap().len()
}

#[test]
fn textsnake_ends_where_every_pixel_is_text() {
    textsnake(&SnakeDecodeConfig::default(), [9.0, 0.0], [300.0, 299.0]);
}

#[test]
fn textsnake_ends_on_specks() {
    textsnake(&SnakeDecodeConfig::default(), [2.0, 4.0], [0.0, 1.0]);
}

#[test]
fn textsnake_grows_no_more_disks_of_a_line_than_its_limit() {
    let one = SnakeDecodeConfig { max_pixels: 1, ..SnakeDecodeConfig::default() };
    let lines = textsnake(&SnakeDecodeConfig::default(), [0.0, 9.0], [4.0, 0.0]);
    assert!(lines > 100, "{lines}");
    assert_eq!(textsnake(&one, [0.0, 9.0], [4.0, 0.0]), lines, "each line keeps its best pixel");
    let none = SnakeDecodeConfig { max_pixels: 0, ..SnakeDecodeConfig::default() };
    assert_eq!(textsnake(&none, [0.0, 9.0], [4.0, 0.0]), 0);
}
