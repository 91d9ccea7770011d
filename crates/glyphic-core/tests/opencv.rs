//! Geometry against stored results of OpenCV 4.8.1.

use std::path::Path;

use glyphic_core::geometry::{Point, convex_hull, min_area_rect};
use serde::Deserialize;

fn points(flat: &[f64]) -> Vec<Point> {
    flat.chunks_exact(2).map(|c| Point::new(c[0], c[1])).collect()
}

#[derive(Deserialize)]
struct RectCase {
    points: Vec<f64>,
    hull: Vec<f64>,
    #[serde(rename = "box")]
    corners: Vec<f64>,
    size: [f64; 2],
}

fn rect_cases() -> Vec<RectCase> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/opencv_rects.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn convex_hull_has_opencv_vertices_in_opencv_order() {
    for (i, case) in rect_cases().iter().enumerate() {
        let hull: Vec<f64> = convex_hull(&points(&case.points)).iter().flat_map(|p| [p.x, p.y]).collect();
        let near =
            hull.len() == case.hull.len() && hull.iter().zip(&case.hull).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(near, "case {i}: {hull:?} is not {:?}", case.hull);
    }
}

#[test]
fn min_area_rect_has_opencv_corners_and_size() {
    for (i, case) in rect_cases().iter().enumerate() {
        let rect = min_area_rect(&points(&case.points)).unwrap();
        let size_error = (rect.width - case.size[0]).abs().max((rect.height - case.size[1]).abs());
        assert!(size_error < 1e-3, "case {i}: {rect:?}, expected size {:?}", case.size);
        // OpenCV's boxPoints begin at our last corner.
        let expected = points(&case.corners);
        for (k, corner) in rect.corners.iter().enumerate() {
            let error = corner.distance(expected[(k + 1) % 4]);
            assert!(error < 1e-3, "case {i}: corner {k} is {corner:?}, expected {:?}", expected[(k + 1) % 4]);
        }
    }
}
