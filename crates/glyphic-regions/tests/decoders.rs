//! The decoders of PSENet, PAN, TextSnake, FCENet and DRRG against the reference.

use glyphic_core::{Point, Region};
use glyphic_imgproc::{Map, ScoredQuad, TieOrder, merge_quads, skeletonize};
use glyphic_regions::drrg::{
    DrrgComponent, DrrgDecodeConfig, DrrgGraphConfig, DrrgOrder, DrrgProposalConfig, geometry_features,
    normalized_adjacency,
};
use glyphic_regions::fcenet::{FceDecodeConfig, FceLevel, FceOutline, FourierBasis, ScoredOutline, poly_nms};
use glyphic_regions::panet::PanDecodeConfig;
use glyphic_regions::psenet::{PseDecodeConfig, PseExpansion};
use glyphic_regions::textsnake::{Disk, SnakeDecodeConfig, SnakeRule, merge_disks};
use glyphic_regions::{Maps, MaskOutline};
use glyphic_testing::Case;
use glyphic_testing::golden::cases;
use serde_json::Value;

const UNSCALED: [f64; 2] = [1.0, 1.0];

/// A stored list of maps `[channels, height, width]`.
struct Stored {
    values: Vec<f32>,
    shape: [usize; 3],
}

impl Stored {
    fn of(case: &Case, name: &str) -> Self {
        let (shape, values) = case.tensor(name);
        Self { values, shape: shape.try_into().unwrap() }
    }

    fn maps(&self) -> Maps<'_> {
        Maps::new(&self.values, self.shape).unwrap()
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

/// A boundary of the reference: its vertices, clockwise from the same first one, and its score.
fn boundary(row: &[f64]) -> (Vec<Point>, f64) {
    let (score, flat) = row.split_last().unwrap();
    let mut points: Vec<Point> = flat.chunks_exact(2).map(|c| Point::new(c[0], c[1])).collect();
    if points.len() > 3 && points.first() == points.last() {
        points.pop();
    }
    if glyphic_core::geometry::signed_area(&points) < 0.0 {
        points[1..].reverse();
    }
    (points, *score)
}

fn near(a: &[Point], b: &[Point], tolerance: f64) -> bool {
    let close = |(a, b): (&Point, &Point)| (a.x - b.x).abs() <= tolerance && (a.y - b.y).abs() <= tolerance;
    a.len() == b.len() && a.iter().zip(b).all(close)
}

/// Whether two outlines have the same vertices, wherever they start.
fn near_as_cycle(a: &[Point], b: &[Point], tolerance: f64) -> bool {
    let mut turned = b.to_vec();
    (0..b.len()).any(|_| {
        turned.rotate_left(1);
        near(a, &turned, tolerance)
    })
}

#[track_caller]
fn assert_regions(what: &str, got: &[Region], expected: &Value, same: impl Fn(&[Point], &[Point]) -> bool) {
    let expected = rows(expected);
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (region, row)) in got.iter().zip(&expected).enumerate() {
        let (points, score) = boundary(row);
        assert!(
            (f64::from(region.score) - score).abs() < 1e-5,
            "{what} {i}: {} is not {score}",
            region.score
        );
        let got = region.polygon.points();
        assert!(same(got, &points), "{what} {i}: {got:?} is not {points:?}");
    }
}

#[test]
fn pan_regions_equal_the_reference() {
    for case in cases("C_post_pan") {
        let preds = Stored::of(&case, "input/preds");
        let default = PanDecodeConfig {
            text_threshold: case.config["min_text_confidence"].as_f64().unwrap() as f32,
            kernel_threshold: case.config["min_kernel_confidence"].as_f64().unwrap() as f32,
            embedding_distance: case.config["min_text_avg_confidence"].as_f64().unwrap() as f32,
            min_score: case.config["min_text_avg_confidence"].as_f64().unwrap(),
            min_area: case.config["min_text_area"].as_u64().unwrap() as usize,
            outline: MaskOutline::Polygon,
        };
        assert_eq!(default, PanDecodeConfig::default());
        let outputs = &case.entry["json_outputs"];
        let got = default.decode(&preds.maps(), UNSCALED).unwrap();
        assert_regions(&case.name, &got, &outputs["boundaries_poly"], |a, b| a == b);
        let low = PanDecodeConfig { min_score: 0.5, embedding_distance: 0.5, ..default.clone() };
        let got = low.decode(&preds.maps(), UNSCALED).unwrap();
        assert_regions(&case.name, &got, &outputs["boundaries_poly_avg0.5"], |a, b| a == b);
        let quad = PanDecodeConfig { outline: MaskOutline::Quad, ..default };
        let got = quad.decode(&preds.maps(), UNSCALED).unwrap();
        assert_regions(&case.name, &got, &outputs["boundaries_quad"], |a, b| near_as_cycle(a, b, 1e-3));
    }
}

#[test]
fn pse_regions_equal_the_reference() {
    for case in cases("C_post_pse") {
        let preds = Stored::of(&case, "input/preds");
        let default = PseDecodeConfig {
            kernel_threshold: case.config["min_kernel_confidence"].as_f64().unwrap() as f32,
            min_score: case.config["min_text_avg_confidence"].as_f64().unwrap(),
            min_kernel_area: case.config["min_kernel_area"].as_u64().unwrap() as usize,
            min_area: case.config["min_text_area"].as_u64().unwrap() as usize,
            expansion: PseExpansion::AtOnce,
            outline: MaskOutline::Polygon,
        };
        assert_eq!(
            PseDecodeConfig { expansion: PseExpansion::Progressive, ..default.clone() },
            PseDecodeConfig::default()
        );
        let outputs = &case.entry["json_outputs"];
        let got = default.decode(&preds.maps(), UNSCALED).unwrap();
        assert_regions(&case.name, &got, &outputs["boundaries_poly"], |a, b| a == b);
        let low = PseDecodeConfig { min_score: 0.5, min_area: 200, ..default.clone() };
        let got = low.decode(&preds.maps(), UNSCALED).unwrap();
        assert_regions(&case.name, &got, &outputs["boundaries_poly_avg0.5_area200"], |a, b| a == b);
        let quad = PseDecodeConfig { outline: MaskOutline::Quad, ..default };
        let got = quad.decode(&preds.maps(), UNSCALED).unwrap();
        assert_regions(&case.name, &got, &outputs["boundaries_quad"], |a, b| near_as_cycle(a, b, 1e-3));
    }
}

#[test]
fn textsnake_regions_and_skeletons_equal_the_reference() {
    for case in cases("C_post_textsnake") {
        let (shape, centre) = case.tensor("input/gt_center");
        let centre = Map::new(shape[1], shape[0], centre.iter().map(|v| *v as u8).collect()).unwrap();
        let (_, expected) = case.tensor("skeleton_of_gt_center");
        let skeleton = skeletonize(&centre);
        let wrong = skeleton.data().iter().zip(&expected).filter(|(a, b)| f32::from(**a) != **b).count();
        assert_eq!(wrong, 0, "{}: pixels of the skeleton", case.name);

        let preds = Stored::of(&case, "input/preds");
        let number = |name: &str| case.config[name].as_f64().unwrap();
        let config = SnakeDecodeConfig {
            centre_threshold: number("min_center_region_confidence") as f32,
            min_centre_area: number("min_center_area"),
            disk_overlap: number("disk_overlap_thr"),
            radius_ratio: number("radius_shrink_ratio") as f32,
            rule: SnakeRule::Mmocr021,
            ..SnakeDecodeConfig::default()
        };
        let got = config.decode(&preds.maps(), UNSCALED).unwrap();
        assert_regions(&case.name, &got, &case.entry["json_outputs"]["boundaries_poly"], |a, b| a == b);
    }
}

#[test]
fn disks_merge_as_in_the_reference() {
    for case in cases("C_post_textsnake") {
        let disk = |row: Vec<f64>| Disk { centre: [row[0], row[1]], radius: row[2], score: row[3] };
        let disks: Vec<Disk> =
            rows(&case.entry["json_inputs"]["merge_disks_in"]).into_iter().map(disk).collect();
        for overlap in ["0.03", "0.6"] {
            let expected = &case.entry["json_outputs"][format!("merge_disks_thr{overlap}")];
            let expected: Vec<Disk> = rows(expected).into_iter().map(disk).collect();
            let got = merge_disks(disks.clone(), overlap.parse().unwrap());
            assert_eq!(got.len(), expected.len(), "{} {overlap}", case.name);
            for (a, b) in got.iter().zip(&expected) {
                let flat = |d: &Disk| [d.centre[0], d.centre[1], d.radius, d.score];
                let close = flat(a).iter().zip(flat(b)).all(|(a, b)| (a - b).abs() < 1e-9);
                assert!(close, "{} {overlap}: {a:?} is not {b:?}", case.name);
            }
        }
    }
}

#[test]
fn fcenet_regions_of_each_level_and_of_all_equal_the_reference() {
    for case in cases("C_post_fce") {
        let number = |name: &str| case.config[name].as_f64().unwrap();
        let strides = numbers(&case.config["scales"]);
        let stored = |level: usize, kind: &str| Stored::of(&case, &format!("input/level{level}_{kind}"));
        let maps: Vec<[Stored; 2]> =
            (0..strides.len()).map(|i| [stored(i, "cls"), stored(i, "reg")]).collect();
        let levels: Vec<FceLevel<'_>> = maps
            .iter()
            .zip(&strides)
            .map(|([classes, signatures], stride)| FceLevel {
                classes: classes.maps(),
                signatures: signatures.maps(),
                stride: *stride as f32,
            })
            .collect();
        let outputs = &case.entry["json_outputs"];
        for set in rows(&case.config["alpha_beta_sets"]) {
            let config = FceDecodeConfig {
                degree: number("fourier_degree") as usize,
                points: number("num_reconstr_points") as usize,
                alpha: set[0] as f32,
                beta: set[1] as f32,
                score_threshold: number("score_thr") as f32,
                overlap_threshold: number("nms_thr"),
                ..FceDecodeConfig::default()
            };
            let name = |level: &str| format!("{level}_a{:.1}_b{:.1}_poly", set[0], set[1]);
            // Whole numbers of which the last bit before the cut may differ.
            let same = |a: &[Point], b: &[Point]| near(a, b, 1.0);
            for (i, level) in levels.iter().enumerate() {
                let name = name(&format!("level{i}"));
                let got = config.decode(std::slice::from_ref(level), UNSCALED).unwrap();
                assert_regions(&format!("{} {name}", case.name), &got, &outputs[&name], same);
            }
            let name = name("all_levels");
            let got = config.decode(&levels, UNSCALED).unwrap();
            assert_regions(&format!("{} {name}", case.name), &got, &outputs[&name], same);
        }
        // The reference returns polygons where quads are asked for.
        let config = FceDecodeConfig { alpha: 1.2, ..FceDecodeConfig::default() };
        let rescaled = &outputs["all_levels_quad_rescaled"];
        let unscaled = config.decode(&levels, UNSCALED).unwrap();
        let scale = {
            let (expected, got) = (boundary(&rows(rescaled)[0]).0[0], unscaled[0].polygon.points()[0]);
            [expected.x / got.x, expected.y / got.y]
        };
        let got = config.decode(&levels, scale).unwrap();
        assert_regions(&case.name, &got, rescaled, |a, b| near(a, b, 1.0 * scale[0].max(scale[1])));
        let quads = FceDecodeConfig { outline: FceOutline::Quad, ..config }.decode(&levels, scale).unwrap();
        assert!(quads.len() == got.len() && quads.iter().all(|quad| quad.polygon.points().len() == 4));
    }
}

#[test]
fn fourier_signatures_become_the_reference_contours() {
    for case in cases("C_post_fce") {
        let parts = case.entry["json_inputs"]["fourier2poly_in_real_imag"].as_array().unwrap();
        let [real, imaginary] = [rows(&parts[0]), rows(&parts[1])];
        let basis = FourierBasis::new((real[0].len() - 1) / 2, 50);
        let expected = rows(&case.entry["json_outputs"]["fourier2poly_50"]);
        for ((real, imaginary), expected) in real.iter().zip(&imaginary).zip(&expected) {
            let signature: Vec<[f64; 2]> = real.iter().zip(imaginary).map(|(x, y)| [*x, *y]).collect();
            let got: Vec<f64> = basis.contour(&signature).iter().flat_map(|p| [p.x, p.y]).collect();
            assert_eq!(&got, expected, "{}", case.name);
        }
    }
}

#[test]
fn suppressed_polygons_are_those_of_the_reference() {
    for case in cases("C_post_fce") {
        let outline = |row: &Vec<f64>| {
            let (score, flat) = row.split_last().unwrap();
            let points = flat.chunks_exact(2).map(|c| Point::new(c[0], c[1])).collect();
            ScoredOutline { points, score: *score as f32 }
        };
        let input = rows(&case.entry["json_inputs"]["poly_nms_in"]);
        for threshold in ["0.1", "0.3", "0.6"] {
            let expected = rows(&case.entry["json_outputs"][format!("poly_nms_thr{threshold}")]);
            let expected: Vec<ScoredOutline> = expected.iter().map(outline).collect();
            let got = poly_nms(input.iter().map(outline).collect(), threshold.parse().unwrap());
            assert_eq!(got, expected, "{} {threshold}", case.name);
        }
    }
}

fn quads(value: &Value) -> Vec<ScoredQuad> {
    let quad = |row: Vec<f64>| ScoredQuad {
        corners: std::array::from_fn(|i| [row[2 * i] as f32, row[2 * i + 1] as f32]),
        score: row[8] as f32,
    };
    rows(value).into_iter().map(quad).collect()
}

fn edges(value: &Value) -> Vec<[usize; 2]> {
    rows(value).into_iter().map(|e| [e[0] as usize, e[1] as usize]).collect()
}

/// Regions in any order.
#[track_caller]
fn assert_region_set(what: &str, got: &[Region], expected: &Value) {
    let mut expected: Vec<(Vec<Point>, f64)> = rows(expected).iter().map(|row| boundary(row)).collect();
    assert_eq!(got.len(), expected.len(), "{what}");
    for region in got {
        let same = |(points, score): &(Vec<Point>, f64)| {
            points == region.polygon.points() && (f64::from(region.score) - score).abs() < 1e-5
        };
        let Some(place) = expected.iter().position(same) else {
            panic!("{what}: {region:?} is none of {expected:?}")
        };
        expected.remove(place);
    }
}

#[test]
fn drrg_regions_equal_the_reference() {
    for case in cases("C_post_drrg") {
        let inputs = &case.entry["json_inputs"];
        let (components, edges) = (quads(&inputs["text_comps"]), edges(&inputs["edges"]));
        for link in numbers(&case.config["link_thr"]) {
            let config = DrrgDecodeConfig {
                link_threshold: link,
                max_length: case.config["edge_len_thr"].as_f64().unwrap(),
            };
            let got = config.decode(&components, &edges, &numbers(&inputs["scores"]), UNSCALED).unwrap();
            let expected = &case.entry["json_outputs"][format!("boundaries_link{link}")];
            assert_region_set(&format!("{} {link}", case.name), &got, expected);
        }
    }
}

#[test]
fn locality_aware_suppression_equals_the_reference() {
    for case in cases("C_post_drrg") {
        let input = quads(&case.entry["json_inputs"]["lanms_in"]);
        for threshold in ["0.3", "0.1"] {
            let expected = quads(&case.entry["json_outputs"][format!("lanms_thr{threshold}")]);
            let got = merge_quads(&input, threshold.parse().unwrap(), TieOrder::Libstdcxx, usize::MAX);
            assert_eq!(got.len(), expected.len(), "{} {threshold}", case.name);
            for (a, b) in got.iter().zip(&expected) {
                let close = a
                    .corners
                    .as_flattened()
                    .iter()
                    .zip(b.corners.as_flattened())
                    .all(|(a, b)| (a - b).abs() < 1e-3);
                assert!(
                    close && (a.score - b.score).abs() < 1e-5,
                    "{} {threshold}: {a:?} is not {b:?}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn what_the_graph_network_is_told_equals_the_reference() {
    for case in cases("C_post_drrg") {
        let adjacency = rows(&case.entry["json_inputs"]["adjacency"]);
        let expected = rows(&case.entry["json_outputs"]["normalize_adjacent_matrix"]).concat();
        let got = normalized_adjacency(&adjacency.concat(), adjacency.len());
        assert_eq!(got.len(), expected.len());
        assert!(got.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9), "{}: {got:?}", case.name);

        let geometry: Vec<[f64; 6]> = rows(&case.entry["json_inputs"]["feature_embedding_in"])
            .into_iter()
            .map(|row| row.try_into().unwrap())
            .collect();
        let expected = rows(&case.entry["json_outputs"]["feature_embedding_120"]).concat();
        let got = geometry_features(&geometry, 120);
        assert_eq!(got.len(), expected.len());
        assert!(got.iter().zip(&expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6), "{}", case.name);
    }
}

/// The parts of DRRG's graph around its network.
#[test]
fn drrg_graphs_equal_the_reference() {
    for case in cases("C_drrg_graph") {
        let config = &case.config["head"];
        let number = |name: &str| config[name].as_f64().unwrap();
        let preds = Stored::of(&case, "input/pred_maps");
        let propose = DrrgProposalConfig {
            text_threshold: number("text_region_thr") as f32,
            centre_threshold: number("center_region_thr") as f32,
            order: DrrgOrder::Mmocr021,
            ..DrrgProposalConfig::default()
        };
        let components = propose.propose(&preds.maps()).unwrap();
        let ours = place_of_each(&case, &components);

        let (_, mut features) = case.tensor("input/features");
        features.extend(&preds.values);
        let [_, height, width] = preds.shape;
        let channels = features.len() / (height * width);
        let maps = Maps::new(&features, [channels, height, width]).unwrap();
        let graph = DrrgGraphConfig { order: DrrgOrder::Mmocr021, ..DrrgGraphConfig::default() };
        let ordered: Vec<DrrgComponent> = ours.iter().map(|&i| components[i]).collect();
        let graphs = graph.build(&maps, &ordered).unwrap();

        let expected_edges = edges(&case.entry["json_outputs"]["edges"]);
        assert_eq!(graphs.edges(), expected_edges, "{}", case.name);

        // A local graph's nodes stand in the order of a set there.
        let members = case.stored("local_graphs");
        let [count, nodes] = members.shape[..] else { panic!("two dimensions") };
        assert_eq!((count, nodes), (graphs.members.len(), graphs.nodes));
        let features = case.stored("node_feats");
        let adjacency = case.stored("adjacent");
        let (mut compared, mut worst) = (0, 0.0f64);
        for (pivot, own) in graphs.members.iter().enumerate() {
            let theirs: Vec<usize> =
                members.i64()[pivot * nodes..][..own.len()].iter().map(|&n| n as usize).collect();
            let place = |i: usize| match theirs.get(i) {
                Some(member) => own.iter().position(|m| m == member).expect("the same members"),
                None => i,
            };
            let mut compare = |expected: &glyphic_testing::golden::Stored,
                               row: usize,
                               length: usize,
                               value: &dyn Fn(usize) -> f32| {
                let first = row * length;
                let start = first.next_multiple_of(expected.step);
                for at in (start..first + length).step_by(expected.step) {
                    worst =
                        worst.max((f64::from(value(at - first)) - expected.values[at / expected.step]).abs());
                    compared += 1;
                }
            };
            for i in 0..nodes {
                let row = pivot * nodes + place(i);
                compare(&features, pivot * nodes + i, graphs.length, &|k| {
                    graphs.features[row * graphs.length + k]
                });
                compare(&adjacency, pivot * nodes + i, nodes, &|j| graphs.adjacency[row * nodes + place(j)]);
            }
        }
        assert!(worst < 1e-4, "{}: off by {worst}", case.name);
        assert_eq!(compared, features.values.len() + adjacency.values.len());

        let scores = numbers(&case.entry["json_outputs"]["edge_scores"]);
        let quads: Vec<ScoredQuad> = ordered.iter().map(DrrgComponent::quad).collect();
        for (name, expected) in case.entry["json_outputs"].as_object().unwrap() {
            let Some(link) = name.strip_prefix("boundaries_link") else { continue };
            let config =
                DrrgDecodeConfig { link_threshold: link.parse().unwrap(), ..DrrgDecodeConfig::default() };
            let got = config.decode(&quads, &expected_edges, &scores, UNSCALED).unwrap();
            assert_region_set(&format!("{} {name}", case.name), &got, expected);
        }
    }
}

/// For each stored component which of ours it is.
fn place_of_each(case: &Case, components: &[DrrgComponent]) -> Vec<usize> {
    let stored = case.stored("text_comps");
    assert_eq!(stored.shape, [components.len(), 9], "{}", case.name);
    let place = |row: &[f64]| {
        let same = |component: &DrrgComponent| {
            let corners = component.corners.as_flattened().iter().zip(row);
            let mut close = corners.map(|(a, b)| (f64::from(*a) - b).abs() < 1e-2);
            close.all(|close| close) && (f64::from(component.score) - row[8]).abs() < 1e-4
        };
        components
            .iter()
            .position(same)
            .unwrap_or_else(|| panic!("{}: no {row:?} in {components:?}", case.name))
    };
    stored.values.chunks_exact(9).map(place).collect()
}
