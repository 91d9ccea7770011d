//! What every decoder must hold: targets drawn from a text decode to that text, and nothing makes it panic.

use glyphic_core::geometry::iou;
use glyphic_core::{Point, Region};
use glyphic_imgproc::ScoredQuad;
use glyphic_regions::drrg::targets::DrrgTargets;
use glyphic_regions::drrg::{
    DrrgComponent, DrrgDecodeConfig, DrrgGraphConfig, DrrgOrder, DrrgProposalConfig, RotatedRoi, pool_rotated,
};
use glyphic_regions::fcenet::targets::FcenetTargets;
use glyphic_regions::fcenet::{FceDecodeConfig, FceLevel, FceOutline};
use glyphic_regions::maskrcnn::{InstanceMask, MaskDecodeConfig, MaskRule};
use glyphic_regions::panet::PanDecodeConfig;
use glyphic_regions::panet::targets::PanetTargets;
use glyphic_regions::psenet::targets::PsenetTargets;
use glyphic_regions::psenet::{PseDecodeConfig, PseExpansion};
use glyphic_regions::targets::Outlines;
use glyphic_regions::textsnake::targets::TextsnakeTargets;
use glyphic_regions::textsnake::{SnakeDecodeConfig, SnakeRule};
use glyphic_regions::{Error, Maps, MaskOutline};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const SIDE: usize = 320;
const UNSCALED: [f64; 2] = [1.0, 1.0];

/// The logit of something sure.
const SURE: f32 = 6.0;

fn logits(mask: impl IntoIterator<Item = bool>) -> impl Iterator<Item = f32> {
    mask.into_iter().map(|inside| if inside { SURE } else { -SURE })
}

fn rectangle([x, y]: [f64; 2], [width, height]: [f64; 2], angle: f64) -> Vec<Point> {
    let (sin, cos) = angle.sin_cos();
    [[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]
        .map(|[u, v]| [u * width, v * height])
        .map(|[u, v]| Point::new(x + u * cos - v * sin, y + u * sin + v * cos))
        .to_vec()
}

/// A ribbon along an arc that is open downwards.
fn arc([x, y]: [f64; 2], radius: f64, height: f64, span: f64) -> Vec<Point> {
    let side = |r: f64| {
        (0..8).map(move |i| {
            let angle = (f64::from(i) / 7.0 - 0.5) * span;
            Point::new(x + r * angle.sin(), y - r * angle.cos())
        })
    };
    let mut lower: Vec<Point> = side(radius - height / 2.0).collect();
    lower.reverse();
    side(radius + height / 2.0).chain(lower).collect()
}

/// A straight or bent text in the middle of the picture.
fn text() -> impl Strategy<Value = Vec<Point>> {
    let straight = (110.0..230.0f64, 30.0..55.0f64, 0.0..std::f64::consts::PI, 0.0..1.0f64).prop_map(
        |(width, height, angle, shift)| rectangle([160.0 + shift, 160.0 - shift], [width, height], angle),
    );
    let bent = (80.0..120.0f64, 30.0..50.0f64, 1.2..2.4f64)
        .prop_map(|(radius, height, span)| arc([160.0, 200.0], radius, height, span));
    prop_oneof![straight, bent]
}

fn outlines(texts: &[Vec<Point>]) -> Outlines {
    Outlines { height: SIDE, width: SIDE, texts: texts.to_vec(), ignored: Vec::new() }
}

/// Checks that there is one region a text and that each covers its own.
fn assert_found(regions: &[Region], texts: &[Vec<Point>], least: f64) -> Result<(), TestCaseError> {
    prop_assert_eq!(regions.len(), texts.len(), "{:?}", regions);
    for text in texts {
        let near = |region: &&Region| {
            let bounds = region.polygon.bounds();
            let inside =
                |p: &Point| (bounds.x0..=bounds.x1).contains(&p.x) && (bounds.y0..=bounds.y1).contains(&p.y);
            let centre = text.iter().fold(Point::new(0.0, 0.0), |c, p| Point::new(c.x + p.x, c.y + p.y));
            let count = text.len() as f64;
            inside(&Point::new(centre.x / count, centre.y / count)) || text.iter().any(inside)
        };
        let best = regions.iter().filter(near).map(|r| iou(r.polygon.points(), text)).fold(0.0, f64::max);
        prop_assert!(best > least, "IoU {} of {:?}: {:?}", best, text, regions);
    }
    Ok(())
}

fn pse_maps(page: &Outlines) -> Vec<f32> {
    let maps = PsenetTargets::default().maps_of(page).unwrap();
    maps.kernels.iter().flat_map(|kernel| logits(kernel.iter().map(|v| *v > 0))).collect()
}

fn pse_regions(config: &PseDecodeConfig, page: &Outlines) -> Vec<Region> {
    let values = pse_maps(page);
    config
        .decode(
            &Maps::new(&values, [values.len() / (page.height * page.width), page.height, page.width])
                .unwrap(),
            UNSCALED,
        )
        .unwrap()
}

/// Each text with an embedding of its own.
fn pan_regions(page: &Outlines) -> Vec<Region> {
    let maps = PanetTargets::default().maps_of(page).unwrap();
    let mut values: Vec<f32> =
        maps.kernels.iter().flat_map(|kernel| logits(kernel.iter().map(|v| *v > 0))).collect();
    for i in 0..4u16 {
        values.extend(maps.kernels[0].iter().map(|v| f32::from(*v * (i + 1))));
    }
    PanDecodeConfig::default()
        .decode(&Maps::new(&values, [6, page.height, page.width]).unwrap(), UNSCALED)
        .unwrap()
}

fn snake_regions(page: &Outlines) -> Vec<Region> {
    let maps = TextsnakeTargets::default().maps_of(page).unwrap();
    let mut values: Vec<f32> = logits(maps.text_mask.iter().map(|v| *v > 0)).collect();
    values.extend(logits(maps.center_region_mask.iter().map(|v| *v > 0)));
    values.extend([maps.sin, maps.cos, maps.radius].concat());
    SnakeDecodeConfig::default()
        .decode(&Maps::new(&values, [5, page.height, page.width]).unwrap(), UNSCALED)
        .unwrap()
}

fn fce_regions(page: &Outlines, outline: FceOutline) -> Vec<Region> {
    let targets = FcenetTargets::default();
    let drawn = targets.levels_of(page).unwrap();
    let maps: Vec<(Vec<f32>, &[f32])> = drawn
        .iter()
        .map(|level| {
            let size = level.height * level.width;
            let (masks, signatures) = level.maps.split_at(3 * size);
            let classes = [0, 0, 1, 1].map(|i| &masks[i * size..][..size]);
            let sign = |k: usize| if k.is_multiple_of(2) { -1.0 } else { 1.0 };
            let classes = classes.iter().enumerate().flat_map(|(k, mask)| {
                logits(mask.iter().map(|v| *v > 0.0)).map(move |logit| sign(k) * logit)
            });
            (classes.collect(), signatures)
        })
        .collect();
    let levels: Vec<FceLevel<'_>> = drawn
        .iter()
        .zip(&maps)
        .zip(&targets.level_size_divisors)
        .map(|((level, (classes, signatures)), stride)| FceLevel {
            classes: Maps::new(classes, [4, level.height, level.width]).unwrap(),
            signatures: Maps::new(signatures, [22, level.height, level.width]).unwrap(),
            stride: *stride as f32,
        })
        .collect();
    FceDecodeConfig { outline, ..FceDecodeConfig::default() }.decode(&levels, UNSCALED).unwrap()
}

/// With a graph network that is always right.
fn drrg_regions(page: &Outlines) -> Vec<Region> {
    let targets = DrrgTargets::default();
    let maps = targets.maps_of(page, &mut ChaCha8Rng::seed_from_u64(7)).unwrap();
    let mut values: Vec<f32> = logits(maps.text_mask.iter().map(|v| *v > 0)).collect();
    values.extend(logits(maps.center_region_mask.iter().map(|v| *v > 0)));
    values.extend([maps.sin, maps.cos, maps.top_height, maps.bot_height].concat());
    let maps = Maps::new(&values, [6, page.height, page.width]).unwrap();
    let components = DrrgProposalConfig::default().propose(&maps).unwrap();
    let edges = DrrgGraphConfig::default().build(&maps, &components).unwrap().edges();
    let text_of = |i: usize| {
        let [x, y] = components[i].centre.map(|v| v as f64);
        page.texts.iter().position(|text| glyphic_core::geometry::point_in_polygon(Point::new(x, y), text))
    };
    let scores: Vec<f64> =
        edges.iter().map(|[a, b]| f64::from(u8::from(text_of(*a) == text_of(*b)))).collect();
    let quads: Vec<ScoredQuad> = components.iter().map(DrrgComponent::quad).collect();
    DrrgDecodeConfig::default().decode(&quads, &edges, &scores, UNSCALED).unwrap()
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_text_drawn_as_kernels_comes_back(text in text()) {
        let texts = [text];
        assert_found(&pse_regions(&PseDecodeConfig::default(), &outlines(&texts)), &texts, 0.9)?;
        assert_found(&pan_regions(&outlines(&texts)), &texts, 0.9)?;
    }

    #[test]
    fn a_text_drawn_as_a_snake_comes_back_but_for_its_corners(text in text()) {
        let texts = [text];
        // Its ends are round: of a text twice as long as high a tenth is missing, and pixels at the edge.
        assert_found(&snake_regions(&outlines(&texts)), &texts, 0.75)?;
    }

    #[test]
    fn a_text_drawn_as_a_fourier_signature_comes_back(text in text()) {
        let texts = [text];
        assert_found(&fce_regions(&outlines(&texts), FceOutline::Polygon), &texts, 0.8)?;
    }

    #[test]
    fn a_text_drawn_as_components_comes_back(text in text()) {
        let texts = [text];
        assert_found(&drrg_regions(&outlines(&texts)), &texts, 0.8)?;
    }
}

/// Three lines, the lower two a few pixels apart.
fn page() -> Vec<Vec<Point>> {
    vec![
        rectangle([150.0, 60.0], [180.0, 32.0], 0.05),
        rectangle([160.0, 170.0], [200.0, 36.0], 0.0),
        rectangle([160.0, 212.0], [200.0, 36.0], 0.0),
    ]
}

#[test]
fn every_text_of_a_page_comes_back() {
    let texts = page();
    for (what, regions) in [
        ("PSENet", pse_regions(&PseDecodeConfig::default(), &outlines(&texts))),
        ("PAN", pan_regions(&outlines(&texts))),
        ("TextSnake", snake_regions(&outlines(&texts))),
        ("FCENet", fce_regions(&outlines(&texts), FceOutline::Polygon)),
        ("FCENet's quads", fce_regions(&outlines(&texts), FceOutline::Quad)),
        ("DRRG", drrg_regions(&outlines(&texts))),
    ] {
        assert_found(&regions, &texts, 0.8).unwrap_or_else(|e| panic!("{what}: {e}"));
    }
}

/// As many texts as fit, each of 26 by 20 pixels.
#[test]
fn a_page_of_a_thousand_texts_comes_back() {
    let centre = |i: usize| [16.0 + 32.0 * (i % 40) as f64, 25.0 + 50.0 * (i / 40) as f64];
    let texts: Vec<Vec<Point>> = (0..1000).map(|i| rectangle(centre(i), [26.0, 20.0], 0.0)).collect();
    let page = Outlines { height: 1280, width: 1280, texts, ignored: Vec::new() };
    for (what, regions) in [
        ("PSENet", pse_regions(&PseDecodeConfig::default(), &page)),
        ("PAN", pan_regions(&page)),
        ("TextSnake", snake_regions(&page)),
        ("FCENet", fce_regions(&page, FceOutline::Polygon)),
        ("DRRG", drrg_regions(&page)),
    ] {
        assert_found(&regions, &page.texts, 0.5).unwrap_or_else(|e| panic!("{what}: {e}"));
    }
}

#[test]
fn texts_that_touch_part_where_their_kernels_do() {
    // A thick text beside a thin one: grown at once from the smallest kernels, the thick one loses its edge.
    let texts =
        vec![rectangle([160.0, 100.0], [240.0, 80.0], 0.0), rectangle([160.0, 150.0], [240.0, 20.0], 0.0)];
    assert_found(&pse_regions(&PseDecodeConfig::default(), &outlines(&texts)), &texts, 0.9).unwrap();
    let at_once = PseDecodeConfig { expansion: PseExpansion::AtOnce, ..PseDecodeConfig::default() };
    assert!(assert_found(&pse_regions(&at_once, &outlines(&texts)), &texts, 0.9).is_err());
    assert_found(&pan_regions(&outlines(&texts)), &texts, 0.9).unwrap();
}

#[test]
fn quads_have_four_corners_and_scales_count() {
    let texts = page();
    let config = PseDecodeConfig { outline: MaskOutline::Quad, ..PseDecodeConfig::default() };
    let values = pse_maps(&outlines(&texts));
    let maps = Maps::new(&values, [7, SIDE, SIDE]).unwrap();
    let regions = config.decode(&maps, [2.0, 4.0]).unwrap();
    assert_eq!(regions.len(), texts.len());
    for region in regions {
        assert_eq!(region.polygon.points().len(), 4);
        let back = region.polygon.map(|p| Point::new(p.x / 2.0, p.y / 4.0)).unwrap();
        assert!(texts.iter().any(|text| iou(back.points(), text) > 0.9), "{back:?}");
    }
}

/// Values of every kind.
fn value() -> impl Strategy<Value = f32> {
    prop_oneof![
        6 => -8.0..8.0f32,
        2 => Just(SURE),
        1 => prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 1e38, -1e38, 1e-40, 3e9]),
    ]
}

fn maps(channels: usize, side: usize) -> impl Strategy<Value = (Vec<f32>, [usize; 3])> {
    (1..side, 1..side).prop_flat_map(move |(height, width)| {
        let values = prop::collection::vec(value(), channels * height * width);
        values.prop_map(move |values| (values, [channels, height, width]))
    })
}

fn assert_sound(regions: &[Region]) -> Result<(), TestCaseError> {
    for region in regions {
        prop_assert!(region.polygon.points().iter().all(|p| p.x.is_finite() && p.y.is_finite()));
        prop_assert!(!region.score.is_nan());
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn maps_of_anything_give_regions_or_none((values, shape) in maps(7, 28), min_area in 0usize..20) {
        for outline in [MaskOutline::Polygon, MaskOutline::Quad] {
            let all = Maps::new(&values, shape).unwrap();
            for expansion in [PseExpansion::Progressive, PseExpansion::AtOnce] {
                let config = PseDecodeConfig { min_area, min_score: 0.0, expansion, outline, ..PseDecodeConfig::default() };
                assert_sound(&config.decode(&all, UNSCALED).unwrap())?;
            }
            let six = Maps::new(&values[..values.len() / 7 * 6], [6, shape[1], shape[2]]).unwrap();
            let config = PanDecodeConfig { min_area, min_score: 0.0, outline, ..PanDecodeConfig::default() };
            assert_sound(&config.decode(&six, UNSCALED).unwrap())?;
        }
        let five = Maps::new(&values[..values.len() / 7 * 5], [5, shape[1], shape[2]]).unwrap();
        for rule in [SnakeRule::Right, SnakeRule::Mmocr021] {
            let config = SnakeDecodeConfig { min_centre_area: 0.0, rule, ..SnakeDecodeConfig::default() };
            assert_sound(&config.decode(&five, UNSCALED).unwrap())?;
        }
    }

    #[test]
    fn levels_of_anything_give_regions_or_none((values, [_, height, width]) in maps(4 + 22, 14)) {
        let (classes, signatures) = values.split_at(4 * height * width);
        let level = FceLevel {
            classes: Maps::new(classes, [4, height, width]).unwrap(),
            signatures: Maps::new(signatures, [22, height, width]).unwrap(),
            stride: 8.0,
        };
        for outline in [FceOutline::Polygon, FceOutline::Quad] {
            let config = FceDecodeConfig { outline, ..FceDecodeConfig::default() };
            assert_sound(&config.decode(&[level, level], UNSCALED).unwrap())?;
        }
    }

    #[test]
    fn components_of_anything_give_graphs_and_regions((values, shape) in maps(6, 28), scores in prop::collection::vec(value(), 64)) {
        let maps = Maps::new(&values, shape).unwrap();
        for order in [DrrgOrder::Stable, DrrgOrder::Mmocr021] {
            let propose = DrrgProposalConfig { min_centre_area: 0, order, ..DrrgProposalConfig::default() };
            let components = propose.propose(&maps).unwrap();
            let graphs = DrrgGraphConfig { order, ..DrrgGraphConfig::default() }.build(&maps, &components).unwrap();
            prop_assert_eq!(graphs.features.len(), graphs.members.len() * graphs.nodes * graphs.length);
            let edges = graphs.edges();
            let scores: Vec<f64> = scores.iter().cycle().take(edges.len()).map(|v| f64::from(*v)).collect();
            let quads: Vec<ScoredQuad> = components.iter().map(DrrgComponent::quad).collect();
            assert_sound(&DrrgDecodeConfig::default().decode(&quads, &edges, &scores, UNSCALED).unwrap())?;
        }
        // Components need not come from proposals.
        let quads: Vec<ScoredQuad> = scores
            .chunks_exact(9)
            .map(|c| ScoredQuad { corners: std::array::from_fn(|i| [c[2 * i], c[2 * i + 1]]), score: c[8] })
            .collect();
        let edges: Vec<[usize; 2]> = (1..quads.len()).map(|i| [i, i - 1]).collect();
        let config = DrrgDecodeConfig { link_threshold: 0.0, max_length: 1e9 };
        assert_sound(&config.decode(&quads, &edges, &vec![1.0; edges.len()], UNSCALED).unwrap())?;
    }

    #[test]
    fn rectangles_of_anything_are_pooled((values, shape) in maps(2, 28), roi in prop::collection::vec(value(), 5)) {
        let maps = Maps::new(&values, shape).unwrap();
        let roi = RotatedRoi { centre: [roi[0], roi[1]], width: roi[2], height: roi[3], angle: roi[4] };
        prop_assert_eq!(pool_rotated(&maps, &roi, [4, 3]).len(), 24);
    }
}

#[test]
fn what_no_decoder_reads_is_an_error() {
    let values = [0.0; 9];
    let maps = Maps::new(&values, [9, 1, 1]).unwrap();
    let wrong_count = [
        PanDecodeConfig::default().decode(&maps, UNSCALED).unwrap_err(),
        SnakeDecodeConfig::default().decode(&maps, UNSCALED).unwrap_err(),
        DrrgProposalConfig::default().propose(&maps).unwrap_err(),
        FceDecodeConfig::default()
            .decode(&[FceLevel { classes: maps, signatures: maps, stride: 8.0 }], UNSCALED)
            .unwrap_err(),
    ];
    for error in wrong_count {
        assert!(matches!(error, Error::MapCount { got: 9, .. }), "{error}");
    }
    let signatures = [0.0; 44];
    let level = FceLevel {
        classes: Maps::new(&values[..4], [4, 1, 1]).unwrap(),
        signatures: Maps::new(&signatures, [22, 1, 2]).unwrap(),
        stride: 8.0,
    };
    let error = FceDecodeConfig::default().decode(&[level], UNSCALED).unwrap_err();
    assert!(matches!(error, Error::MapSizes { sizes: [[1, 1], [2, 1]] }), "{error}");
    for scale in [[0.0, 1.0], [1.0, f64::NAN], [-1.0, 1.0], [f64::INFINITY, 1.0]] {
        let error = PseDecodeConfig::default().decode(&maps, scale).unwrap_err();
        assert!(matches!(error, Error::Scale { .. }), "{error}");
    }
    let quad = ScoredQuad { corners: [[0.0; 2]; 4], score: 1.0 };
    for (edges, scores) in [(vec![[0, 1]], vec![]), (vec![[0, 2]], vec![1.0])] {
        let error = DrrgDecodeConfig::default().decode(&[quad; 2], &edges, &scores, UNSCALED).unwrap_err();
        assert!(matches!(error, Error::Edges { .. }), "{error}");
    }
}

#[test]
fn settings_that_cannot_be_are_an_error() {
    let wrong = [
        PseDecodeConfig { kernel_threshold: 1.5, ..PseDecodeConfig::default() }.validate(),
        PanDecodeConfig { embedding_distance: f32::NAN, ..PanDecodeConfig::default() }.validate(),
        PanDecodeConfig { min_score: -0.1, ..PanDecodeConfig::default() }.validate(),
        SnakeDecodeConfig { disk_overlap: -1.0, ..SnakeDecodeConfig::default() }.validate(),
        FceDecodeConfig { degree: 0, ..FceDecodeConfig::default() }.validate(),
        FceDecodeConfig { points: 3, ..FceDecodeConfig::default() }.validate(),
        DrrgProposalConfig { max_width: 1.0, ..DrrgProposalConfig::default() }.validate(),
        DrrgGraphConfig { geometry_length: 121, ..DrrgGraphConfig::default() }.validate(),
        DrrgDecodeConfig { link_threshold: 2.0, ..DrrgDecodeConfig::default() }.validate(),
    ];
    for (i, result) in wrong.into_iter().enumerate() {
        assert!(matches!(result, Err(Error::Config { .. })), "{i}");
    }
    PseDecodeConfig::default().validate().unwrap();
    PanDecodeConfig::default().validate().unwrap();
    SnakeDecodeConfig::default().validate().unwrap();
    FceDecodeConfig::default().validate().unwrap();
    DrrgProposalConfig::default().validate().unwrap();
    DrrgGraphConfig::default().validate().unwrap();
    DrrgDecodeConfig::default().validate().unwrap();
}

#[test]
fn of_a_mask_in_pieces_the_largest_is_returned_or_as_the_reference_does_the_lowest() {
    let mut logits = vec![-9.0f32; 28 * 28];
    for (rows, columns) in [(2..12, 2..26), (24..27, 4..8)] {
        for y in rows {
            for x in columns.clone() {
                logits[y * 28 + x] = 9.0;
            }
        }
    }
    let mask = InstanceMask { logits: &logits, side: 28, rect: [10.0, 20.0, 66.0, 76.0], score: 0.9 };
    let top = |rule| {
        let config = MaskDecodeConfig { rule, outline: MaskOutline::Polygon, ..MaskDecodeConfig::default() };
        let region = config.outline(&mask, [100, 100]).unwrap().unwrap();
        region.polygon.points().iter().map(|p| p.y).fold(f64::INFINITY, f64::min)
    };
    assert!(top(MaskRule::Right) < 26.0, "{}", top(MaskRule::Right));
    assert!(top(MaskRule::Mmocr021) > 60.0);
    let quad = MaskDecodeConfig::default().outline(&mask, [100, 100]).unwrap().unwrap();
    assert_eq!(quad.polygon.points().len(), 4);
}
