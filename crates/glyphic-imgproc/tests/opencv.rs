//! Image operations against stored results of OpenCV 4.8.1.

use std::path::Path;

use glyphic_core::{Image, Point};
use glyphic_imgproc::*;
use serde::{Deserialize, de::DeserializeOwned};

fn fixture<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let cases: Vec<T> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(cases.len() >= 8);
    cases
}

fn map_of(width: usize, height: usize, bits: &str) -> Map<u8> {
    Map::new(width, height, bits.bytes().map(|b| b - b'0').collect()).unwrap()
}

fn bits_of(map: &Map<u8>) -> String {
    map.data().iter().map(|v| if *v != 0 { '1' } else { '0' }).collect()
}

fn border(flat: &[i32]) -> Vec<Pixel> {
    flat.chunks_exact(2).map(|c| [c[0], c[1]]).collect()
}

fn flat(contours: &[Contour]) -> Vec<Vec<i32>> {
    contours.iter().map(|c| c.points.as_flattened().to_vec()).collect()
}

#[derive(Deserialize)]
struct MapCase {
    width: usize,
    height: usize,
    bits: String,
    list_simple: Vec<Vec<i32>>,
    external_simple: Vec<Vec<i32>>,
    list_none: Option<Vec<Vec<i32>>>,
    approx: Vec<ApproxCase>,
    components: [usize; 2],
    kernel: [usize; 2],
    erode: String,
    dilate: String,
}

#[derive(Deserialize)]
struct ApproxCase {
    length: f64,
    share: f64,
    points: Option<Vec<i32>>,
}

fn map_cases() -> impl Iterator<Item = (usize, Map<u8>, MapCase)> {
    let cases: Vec<MapCase> = fixture("opencv_maps.json");
    cases.into_iter().enumerate().map(|(i, c)| (i, map_of(c.width, c.height, &c.bits), c))
}

#[test]
fn contours_are_those_of_opencv_in_its_order() {
    for (i, map, case) in map_cases() {
        let list = find_contours(&map, Retrieval::List, Approximation::Simple);
        assert_eq!(flat(&list), case.list_simple, "case {i}, all borders");
        let external = find_contours(&map, Retrieval::External, Approximation::Simple);
        assert_eq!(flat(&external), case.external_simple, "case {i}, outer borders");
        assert!(external.iter().all(|c| !c.hole));
        if let Some(expected) = case.list_none {
            let list = find_contours(&map, Retrieval::List, Approximation::None);
            assert_eq!(flat(&list), expected, "case {i}, all pixels");
        }
    }
}

#[test]
fn approx_poly_dp_keeps_the_vertices_that_opencv_keeps() {
    let mut compared = 0;
    for (i, _, case) in map_cases() {
        for (contour, expected) in case.list_simple.iter().zip(&case.approx) {
            let contour = border(contour);
            let length = arc_length(&contour);
            assert!((length - expected.length).abs() < 1e-6 * expected.length.max(1.0), "case {i}: {length}");
            let kept = approx_poly_dp(&contour, expected.share * expected.length);
            // OpenCV fails on some borders that run back over themselves; we must only return.
            let Some(points) = &expected.points else { continue };
            assert_eq!(kept.as_flattened(), points, "case {i}, border {contour:?}, share {}", expected.share);
            compared += 1;
        }
    }
    assert!(compared > 100);
}

#[test]
fn components_are_as_many_as_opencv_finds_and_cover_the_map() {
    for (i, map, case) in map_cases() {
        for (connectivity, count) in
            [Connectivity::Four, Connectivity::Eight].into_iter().zip(case.components)
        {
            let components = connected_components(&map, connectivity);
            assert_eq!(components.list.len(), count, "case {i}, {connectivity:?}");
            let covered: usize = components.list.iter().map(|c| c.area).sum();
            assert_eq!(covered, map.data().iter().filter(|v| **v != 0).count());
            for (label, value) in components.labels.data().iter().zip(map.data()) {
                assert_eq!(*label == 0, *value == 0);
            }
        }
    }
}

#[test]
fn erode_and_dilate_equal_opencv() {
    for (i, map, case) in map_cases() {
        let [w, h] = case.kernel;
        assert_eq!(bits_of(&erode(&map, w, h)), case.erode, "case {i}, erode {w}x{h}");
        assert_eq!(bits_of(&dilate(&map, w, h)), case.dilate, "case {i}, dilate {w}x{h}");
    }
}

#[derive(Deserialize)]
struct FillCase {
    width: usize,
    height: usize,
    points: Vec<i32>,
    fill: String,
    hull: Vec<i32>,
    convex: String,
}

#[test]
fn fills_set_the_pixels_that_opencv_sets() {
    for (i, case) in fixture::<FillCase>("opencv_fills.json").iter().enumerate() {
        let mut map = Map::filled(case.width, case.height, 0u8).unwrap();
        fill_poly(&mut map, &border(&case.points), 1);
        assert_eq!(bits_of(&map), case.fill, "case {i}: {}x{} {:?}", case.width, case.height, case.points);
        let mut map = Map::filled(case.width, case.height, 0u8).unwrap();
        fill_convex(&mut map, &border(&case.hull), 1);
        assert_eq!(bits_of(&map), case.convex, "case {i}: {}x{} {:?}", case.width, case.height, case.hull);
    }
}

#[derive(Deserialize)]
struct ResizeCase {
    size: [u32; 2],
    to: [u32; 2],
    rgb: Vec<u8>,
    linear: Vec<u8>,
    nearest: Vec<u8>,
    gray: Vec<u8>,
    map: Vec<f32>,
    map_linear: Vec<f32>,
}

#[test]
fn resizes_equal_opencv() {
    for (i, case) in fixture::<ResizeCase>("opencv_resizes.json").iter().enumerate() {
        let ([w, h], [tw, th]) = (case.size, case.to);
        let image = Image::from_rgb(w, h, case.rgb.clone()).unwrap();
        let name = format!("case {i}: {w}x{h} to {tw}x{th}");
        assert_eq!(resize_linear(&image, tw, th).unwrap().rgb(), case.linear, "{name}");
        assert_eq!(resize_nearest(&image, tw, th).unwrap().rgb(), case.nearest, "{name}");
        let [w, h, tw, th] = [w, h, tw, th].map(|v| v as usize);
        let red = Map::new(w, h, case.rgb.iter().step_by(3).copied().collect()).unwrap();
        assert_eq!(resize_linear_u8(&red, tw, th).unwrap().data(), case.gray, "{name}");
        let map = Map::new(w, h, case.map.clone()).unwrap();
        let resized = resize_linear_f32(&map, tw, th).unwrap();
        for (a, b) in resized.data().iter().zip(&case.map_linear) {
            assert!((a - b).abs() < 3e-6, "{name}: {a} is not {b}");
        }
    }
}

#[derive(Deserialize)]
struct WarpCase {
    size: [u32; 2],
    to: [u32; 2],
    rgb: Vec<u8>,
    corners: Vec<f64>,
    constant: Vec<u8>,
    replicate: Vec<u8>,
}

#[test]
fn warps_equal_opencv() {
    for (i, case) in fixture::<WarpCase>("opencv_warps.json").iter().enumerate() {
        let image = Image::from_rgb(case.size[0], case.size[1], case.rgb.clone()).unwrap();
        let [w, h] = case.to.map(f64::from);
        let narrow = |v: f64| f64::from(v as f32);
        let corners: [Point; 4] =
            std::array::from_fn(|k| Point::new(narrow(case.corners[2 * k]), narrow(case.corners[2 * k + 1])));
        let upright = [[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]].map(|[x, y]| Point::new(x, y));
        let transform = Homography::from_quads(corners, upright).unwrap();
        for (border, expected) in
            [(Border::Constant([0; 3]), &case.constant), (Border::Replicate, &case.replicate)]
        {
            let warped = warp_perspective(&image, &transform, case.to[0], case.to[1], border).unwrap();
            assert_eq!(warped.rgb(), expected, "case {i}, {border:?}");
        }
    }
}
