use glyphic_core::Point;
use glyphic_testing::golden::{self, Case, Tolerance};
use proptest::prelude::*;
use serde_json::Value;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::Error;
use crate::dbnet::targets::DbnetTargets;
use crate::drrg::targets::DrrgTargets;
use crate::fcenet::targets::{FcenetTargets, fourier_signature, from_the_top, resample_outline};
use crate::panet::targets::PanetTargets;
use crate::psenet::targets::PsenetTargets;
use crate::textsnake::targets::TextsnakeTargets;

fn rng(seed: &[u64; 1]) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed[0])
}

fn flat(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn points(value: &Value) -> Vec<Point> {
    let rows = value.as_array().expect("points").iter();
    rows.map(|p| Point::new(flat(p)[0], flat(p)[1])).collect()
}

fn outlines_of(case: &Case) -> Outlines {
    let inputs = &case.entry["json_inputs"];
    let size = flat(&inputs["image_h_w"]);
    let list =
        |key: &str| -> Vec<Vec<f64>> { inputs[key].as_array().expect("polygons").iter().map(flat).collect() };
    let (texts, ignored) = (list("polygons"), list("polygons_ignored"));
    Outlines::from_flat(size[0] as usize, size[1] as usize, &texts, &ignored).expect("valid")
}

fn wide<T: Copy + Into<f64>>(values: &[T]) -> Vec<f32> {
    values.iter().map(|v| (*v).into() as f32).collect()
}

#[test]
fn panet_and_psenet_kernels_equal_the_reference() {
    for case in golden::cases("D_targets_panet_").into_iter().chain(golden::cases("D_targets_psenet_")) {
        let outlines = outlines_of(&case);
        let maps = if case.name.contains("panet") {
            let shrink_ratio = flat(&case.config["shrink_ratio"]);
            PanetTargets { shrink_ratio, compat: Compat::Mmocr021, ..PanetTargets::default() }
                .maps_of(&outlines)
        } else {
            PsenetTargets { compat: Compat::Mmocr021, ..PsenetTargets::default() }.maps_of(&outlines)
        };
        let maps = maps.expect("valid");
        let kernels = maps.kernels.concat();
        let shape = [maps.kernels.len(), maps.height, maps.width];
        case.assert_tensor("target/gt_kernels", &shape, &wide(&kernels), Tolerance::Exact);
        case.assert_tensor(
            "target/gt_mask",
            &[1, maps.height, maps.width],
            &wide(&maps.mask),
            Tolerance::Exact,
        );
    }
}

#[test]
fn textsnake_maps_equal_the_reference() {
    for case in golden::cases("D_targets_textsnake_") {
        let maps = TextsnakeTargets::default().maps_of(&outlines_of(&case)).expect("valid");
        let shape = [1, maps.height, maps.width];
        for (name, values, tolerance) in [
            ("text_mask", wide(&maps.text_mask), Tolerance::Exact),
            ("center_region_mask", wide(&maps.center_region_mask), Tolerance::Exact),
            ("mask", wide(&maps.mask), Tolerance::Exact),
            ("radius_map", maps.radius, Tolerance::Abs(1e-4)),
            ("sin_map", maps.sin, Tolerance::Abs(1e-4)),
            ("cos_map", maps.cos, Tolerance::Abs(1e-4)),
        ] {
            case.assert_tensor(&format!("target/gt_{name}"), &shape, &values, tolerance);
        }
    }
}

#[test]
fn fcenet_levels_equal_the_reference() {
    for case in golden::cases("D_targets_fcenet_") {
        let targets = FcenetTargets { compat: Compat::Mmocr021, ..FcenetTargets::default() };
        let levels = targets.levels_of(&outlines_of(&case)).expect("valid");
        for (name, level) in ["p3_maps", "p4_maps", "p5_maps"].iter().zip(levels) {
            let shape = [level.channels, level.height, level.width];
            case.assert_tensor(&format!("target/{name}"), &shape, &level.maps, Tolerance::Abs(1e-4));
        }
    }
}

#[test]
fn drrg_maps_equal_the_reference_and_components_lie_within_their_jitter() {
    for case in golden::cases("D_targets_drrg_") {
        let targets = DrrgTargets { compat: Compat::Mmocr021, ..DrrgTargets::default() };
        let maps = targets.maps_of(&outlines_of(&case), &mut rng(&[7])).expect("valid");
        let shape = [1, maps.height, maps.width];
        for (name, values, tolerance) in [
            ("text_mask", wide(&maps.text_mask), Tolerance::Exact),
            ("center_region_mask", wide(&maps.center_region_mask), Tolerance::Exact),
            ("mask", wide(&maps.mask), Tolerance::Exact),
            ("top_height_map", maps.top_height, Tolerance::Abs(1e-4)),
            ("bot_height_map", maps.bot_height, Tolerance::Abs(1e-4)),
            ("sin_map", maps.sin, Tolerance::Abs(1e-4)),
            ("cos_map", maps.cos, Tolerance::Abs(1e-4)),
        ] {
            case.assert_tensor(&format!("target/gt_{name}"), &shape, &values, tolerance);
        }
        let (shape, expected) = case.tensor("target/gt_comp_attribs");
        assert_eq!(shape, [600, 8]);
        assert_eq!(maps.comp_attribs.len(), expected.len());
        let count = maps.comp_attribs[0] as usize;
        assert_eq!(count, expected[0] as usize, "{}", case.name);
        // Theirs are ours, each moved by at most a tenth of its size either way, and in the same order.
        let still = DrrgTargets { jitter_level: 0.0, ..targets }
            .maps_of(&outlines_of(&case), &mut rng(&[7]))
            .expect("valid")
            .comp_attribs;
        for (ours, theirs) in still.chunks_exact(8).zip(expected.chunks_exact(8)).take(count) {
            let [_, x, y, h, w, cos, sin, label] = *ours else { panic!("eight columns") };
            let (across, along) = (h * cos.abs() + w * sin.abs(), h * sin.abs() + w * cos.abs());
            for (a, b, reach) in
                [(x, theirs[1], across), (y, theirs[2], along), (h, theirs[3], h), (w, theirs[4], w)]
            {
                assert!((a - b).abs() <= 0.1 * reach + 1e-3, "{}: {ours:?}, not {theirs:?}", case.name);
            }
            assert_eq!(label, theirs[7], "{}: {ours:?}, not {theirs:?}", case.name);
        }
        for row in maps.comp_attribs.chunks_exact(8).take(count) {
            assert!((row[5].hypot(row[6]) - 1.0).abs() < 1e-3, "{row:?}");
        }
        assert!(maps.comp_attribs[count * 8..].iter().all(|v| *v == 0.0));
    }
}

#[test]
fn parts_of_the_generators_equal_the_reference() {
    let rows = golden::case("D_target_parts").json();
    let rows = rows["rows"].as_array().expect("rows").clone();
    assert!(rows.len() > 10);
    let close = |got: &[Point], expected: &Value, what: &str| {
        let expected = points(expected);
        assert_eq!(got.len(), expected.len(), "{what}");
        for (g, e) in got.iter().zip(&expected) {
            assert!((g.x - e.x).abs() < 1e-4 && (g.y - e.y).abs() < 1e-4, "{what}: {g:?}, {e:?}");
        }
    };
    for row in &rows {
        let outline = points(&row["polygon"]);
        let ends = find_head_tail(&outline, 2.0).expect("at least four vertices");
        let expected: Vec<Vec<f64>> =
            row["find_head_tail"].as_array().expect("ends").iter().map(flat).collect();
        let got: Vec<Vec<f64>> = ends.iter().map(|e| e.iter().map(|i| *i as f64).collect()).collect();
        assert_eq!(got, expected, "{outline:?}");
        let Sides { top, bottom } = sides(&outline, 2.0).expect("at least four vertices");
        close(&top, &row["top"], "top");
        close(&bottom, &row["bottom"], "bottom");
        let n = row["resampled_top"].as_array().expect("points").len();
        close(&resample_line(&top, n), &row["resampled_top"], "resampled top");
        close(&resample_line(&bottom, n), &row["resampled_bottom"], "resampled bottom");
        let around = resample_outline(&outline);
        assert_eq!(around.len() as u64, row["resample_polygon_len"].as_u64().expect("a count"));
        let every: Vec<Point> = around.iter().step_by(37).copied().collect();
        close(&every, &row["resample_polygon_every_37"], "resampled outline");
        let first = flat(&row["normalize_polygon_first"]);
        let start = from_the_top(around)[0];
        assert!((start.x - first[0]).hypot(start.y - first[1]) < 1e-4, "{start:?}, {first:?}");
        let signature = fourier_signature(&outline, 5);
        for (got, expected) in signature.iter().zip(row["fourier_signature_k5"].as_array().expect("rows")) {
            let expected = flat(expected);
            assert!((got[0] - expected[0]).hypot(got[1] - expected[1]) < 1e-4, "{got:?}, {expected:?}");
        }
    }
}

fn text(numbers: &[f64]) -> Vec<Point> {
    numbers.chunks_exact(2).map(|c| Point::new(c[0], c[1])).collect()
}

fn page(texts: Vec<Vec<Point>>, ignored: Vec<Vec<Point>>) -> Outlines {
    Outlines { height: 96, width: 128, texts, ignored }
}

/// All maps of all generators, one after the other; an error as its text.
fn everything(outlines: &Outlines) -> Vec<Result<Vec<f32>, String>> {
    let kernels = |maps: KernelMaps| [wide(&maps.kernels.concat()), wide(&maps.mask)].concat();
    let said = |e: Error| e.to_string();
    vec![
        DbnetTargets::default()
            .maps_of(outlines)
            .map(|m| [wide(&m.shrink), wide(&m.shrink_mask), m.thr, wide(&m.thr_mask)].concat())
            .map_err(said),
        PanetTargets::default().maps_of(outlines).map(kernels).map_err(said),
        PsenetTargets::default().maps_of(outlines).map(kernels).map_err(said),
        TextsnakeTargets::default()
            .maps_of(outlines)
            .map(|m| [wide(&m.text_mask), wide(&m.mask), m.radius, m.sin, m.cos].concat())
            .map_err(said),
        FcenetTargets::default()
            .levels_of(outlines)
            .map(|l| l.into_iter().flat_map(|l| l.maps).collect())
            .map_err(said),
        DrrgTargets::default()
            .maps_of(outlines, &mut rng(&[1]))
            .map(|m| [m.top_height, m.bot_height, m.sin, m.cos, m.comp_attribs].concat())
            .map_err(said),
    ]
}

#[test]
fn bad_outlines_and_pictures_without_pixels_are_refused_with_their_place() {
    let quad = text(&[10.0, 10.0, 60.0, 12.0, 60.0, 30.0, 10.0, 28.0]);
    let far = text(&[1e300, 0.0, 1e300, 5.0, 0.0, 5.0, 3.0, 3.0]);
    let nan = text(&[10.0, f64::NAN, 60.0, 12.0, 60.0, 30.0]);
    for (outlines, expected) in [
        (page(vec![quad.clone(), Vec::new()], vec![]), "texts[1]: 0 vertices, at least 3 are needed"),
        (page(vec![], vec![quad[..2].to_vec()]), "ignored[0]: 2 vertices"),
        (page(vec![nan], vec![]), "texts[0]: vertex (10, NaN) is not within"),
        (page(vec![], vec![far]), "ignored[0]: vertex (1000"),
        (Outlines { height: 0, ..page(vec![quad], vec![]) }, "128x0 has no pixels"),
    ] {
        for result in everything(&outlines) {
            let error = result.expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
    }
    assert!(Outlines::from_flat(5, 5, &[vec![1.0, 2.0, 3.0]], &[] as &[Vec<f64>]).is_err());
}

#[test]
fn strange_outlines_are_drawn_without_panic_and_every_value_is_finite() {
    let strange = [
        text(&[5.0, 5.0, 5.0, 5.0, 5.0, 5.0]),
        text(&[5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0]),
        text(&[0.0, 0.0, 50.0, 50.0, 100.0, 100.0, 20.0, 20.0]),
        text(&[10.0, 10.0, 60.0, 60.0, 60.0, 10.0, 10.0, 60.0]),
        text(&[-500.0, -500.0, -400.0, -500.0, -400.0, -450.0, -500.0, -450.0]),
        text(&[-1e7, -1e7, 1e7, -1e7, 1e7, 1e7, -1e7, 1e7]),
        text(&[3.0, 3.0, 40.0, 3.0, 20.0, 60.0]),
        (0..900)
            .map(|i| f64::from(i) / 143.0)
            .map(|a| Point::new(60.0 + 30.0 * a.cos(), 48.0 + 20.0 * a.sin()))
            .collect(),
    ];
    for outline in strange {
        for outlines in [page(vec![outline.clone()], vec![]), page(vec![], vec![outline.clone()])] {
            for maps in everything(&outlines) {
                let maps = maps.expect("drawn");
                assert!(maps.iter().all(|v| v.is_finite()), "{:?}", &outline[..3]);
            }
        }
    }
}

#[test]
fn options_out_of_range_are_refused() {
    let outlines = page(vec![], vec![]);
    for targets in [
        TextsnakeTargets { resample_step: 0.0, ..TextsnakeTargets::default() },
        TextsnakeTargets { center_region_shrink_ratio: f64::NAN, ..TextsnakeTargets::default() },
        TextsnakeTargets { orientation_thr: -1.0, ..TextsnakeTargets::default() },
    ] {
        assert!(matches!(targets.maps_of(&outlines), Err(Error::Setup { .. })), "{targets:?}");
    }
    for targets in [
        FcenetTargets { fourier_degree: 0, ..FcenetTargets::default() },
        FcenetTargets { level_size_divisors: vec![8, 0, 2], ..FcenetTargets::default() },
        FcenetTargets { level_size_divisors: vec![8], ..FcenetTargets::default() },
        FcenetTargets { level_size_divisors: vec![8, 16, 100], ..FcenetTargets::default() },
    ] {
        assert!(matches!(targets.levels_of(&outlines), Err(Error::Setup { .. })), "{targets:?}");
    }
    for shrink_ratio in [vec![], vec![0.0], vec![1.5], vec![f64::NAN]] {
        let targets = PanetTargets { shrink_ratio, ..PanetTargets::default() };
        assert!(matches!(targets.maps_of(&outlines), Err(Error::Setup { .. })), "{targets:?}");
    }
    let drrg = DrrgTargets { min_width: 9.0, max_width: 8.0, ..DrrgTargets::default() };
    assert!(matches!(drrg.maps_of(&outlines, &mut rng(&[1])), Err(Error::Setup { .. })));
}

#[test]
fn where_the_reference_is_wrong_the_default_is_right() {
    let long = text(&[2.0, 40.0, 126.0, 40.0, 126.0, 60.0, 2.0, 60.0]);
    let outlines = page(vec![long], vec![]);
    let reference = FcenetTargets { compat: Compat::Mmocr021, ..FcenetTargets::default() };
    let (right, wrong) = (
        FcenetTargets::default().levels_of(&outlines).expect("valid"),
        reference.levels_of(&outlines).expect("valid"),
    );
    let at =
        |levels: &[crate::fcenet::targets::FcenetLevel], level: usize, channel: usize, x: usize, y: usize| {
            let l = &levels[level];
            l.maps[(channel * l.height + y) * l.width + x]
        };
    // A text longer than the picture is high belongs to the last level, not to none.
    assert_eq!((at(&right, 2, 0, 2, 1), at(&wrong, 2, 0, 2, 1)), (1.0, 0.0));
    // A waist: the text falls apart, and both parts stay.
    let waist = text(&[
        4.0, 10.0, 50.0, 10.0, 60.0, 28.0, 70.0, 10.0, 120.0, 10.0, 120.0, 50.0, 70.0, 50.0, 60.0, 32.0,
        50.0, 50.0, 4.0, 50.0,
    ]);
    let kernels = |compat| {
        let targets = PanetTargets { shrink_ratio: vec![0.7], compat, ..PanetTargets::default() };
        let maps = targets.maps_of(&page(vec![waist.clone()], vec![])).expect("valid");
        [30, 100].map(|x| maps.kernels[0][30 * 128 + x])
    };
    assert_eq!(kernels(Compat::Fixed), [1, 1]);
    assert_eq!(kernels(Compat::Mmocr021).iter().sum::<u16>(), 1);
}

#[test]
fn points_stay_on_the_line_however_close_its_vertices_are() {
    let line: Vec<Point> = (0..40).map(|i| Point::new(f64::from(i), 10.0 + f64::from(i % 2))).collect();
    let points = resample_line(&line, 8);
    assert_eq!(points.len(), 8);
    assert!(points.iter().all(|p| (9.9..=11.1).contains(&p.y) && (0.0..=39.0).contains(&p.x)), "{points:?}");
    let gaps: Vec<f64> = points.windows(2).map(|w| w[1].x - w[0].x).collect();
    assert!(gaps.iter().all(|gap| (gap - 39.0 / 7.0).abs() < 1e-5), "{gaps:?}");
    assert_eq!(resample_line(&line[..1], 8), []);
}

#[test]
fn a_triangle_is_ignored_where_a_text_needs_two_sides() {
    let triangle = text(&[10.0, 10.0, 100.0, 10.0, 50.0, 80.0]);
    let maps = TextsnakeTargets::default().maps_of(&page(vec![triangle], vec![])).expect("valid");
    let at = 30 * 128 + 50;
    assert_eq!((maps.text_mask[at], maps.mask[at], maps.center_region_mask[at]), (0, 0, 0));
}

fn quads() -> impl Strategy<Value = Vec<Point>> {
    (10.0..50.0f64, 10.0..50.0f64, 24.0..60.0f64, 10.0..30.0f64, -6.0..6.0f64).prop_map(
        |(x, y, w, h, lean)| text(&[x, y, x + w, y + lean, x + w - lean, y + h + lean, x - lean, y + h]),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn centre_regions_lie_inside_their_texts_with_half_the_height_as_radius(quad in quads()) {
        let maps = TextsnakeTargets::default().maps_of(&page(vec![quad.clone()], vec![])).expect("valid");
        let area = glyphic_core::geometry::signed_area(&quad).abs();
        let longest = quad[0].distance(quad[1]).max(quad[1].distance(quad[2]));
        let text_mask = glyphic_imgproc::Map::new(128, 96, maps.text_mask.clone()).expect("a map");
        // Both are cut to whole pixels, each on its own.
        let text_mask = glyphic_imgproc::dilate(&text_mask, 3, 3);
        let mut inside = 0;
        for i in 0..maps.radius.len() {
            if maps.center_region_mask[i] == 1 {
                inside += 1;
                prop_assert_eq!(text_mask.data()[i], 1);
                let (radius, unit) = (f64::from(maps.radius[i]), maps.sin[i].hypot(maps.cos[i]));
                prop_assert!(radius > 0.0 && radius < longest, "{}", radius);
                prop_assert!((unit - 1.0).abs() < 1e-5);
                // A text's area is about its length times twice the radius.
                prop_assert!(2.0 * radius * longest > 0.5 * area);
            } else {
                prop_assert_eq!(maps.radius[i], 0.0);
            }
        }
        prop_assert!(inside > 0);
    }

    #[test]
    fn fourier_coefficients_draw_the_outline_again(quad in quads()) {
        let signature = fourier_signature(&quad, 12);
        for i in 0..50 {
            let t = std::f64::consts::TAU * f64::from(i) / 50.0;
            let (mut x, mut y) = (0.0, 0.0);
            for (k, [re, im]) in (-12..=12).zip(&signature) {
                let (sin, cos) = (t * f64::from(k)).sin_cos();
                x += re * cos - im * sin;
                y += re * sin + im * cos;
            }
            let off = glyphic_core::geometry::point_outline_distance(Point::new(x, y), &quad);
            prop_assert!(off < 3.0, "{} pixels beside the outline", off);
        }
    }

    #[test]
    fn kernels_shrink_with_their_ratio(quad in quads()) {
        let maps = PsenetTargets::default().maps_of(&page(vec![quad], vec![])).expect("valid");
        for pair in maps.kernels.windows(2) {
            let map = |kernel: &[u16]| {
                let values = kernel.iter().map(|v| *v as u8).collect();
                glyphic_imgproc::Map::new(128, 96, values).expect("a map")
            };
            // Corners are rounded to whole pixels, so that a smaller kernel's may stick out by one.
            let (large, small) = (glyphic_imgproc::dilate(&map(&pair[0]), 3, 3), map(&pair[1]));
            prop_assert!(large.data().iter().zip(small.data()).all(|(large, small)| small <= large));
            let count = |kernel: &[u16]| kernel.iter().filter(|v| **v > 0).count();
            prop_assert!(count(&pair[1]) <= count(&pair[0]));
        }
    }
}
