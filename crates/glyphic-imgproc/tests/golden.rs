//! Geometry and image operations against the reference's golden vectors.

use glyphic_core::{
    Image, Point, Rect,
    geometry::{min_area_rect, order_quad, signed_area, sort_clockwise},
};
use glyphic_imgproc::*;
use glyphic_testing::golden;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn flat_points(numbers: &[f64]) -> Vec<Point> {
    numbers.chunks_exact(2).map(|c| Point::new(c[0], c[1])).collect()
}

/// The largest distance between the corners of two quadrilaterals, at the best rotation or reversal.
fn quad_distance(a: &[Point], b: &[Point]) -> f64 {
    let at = |start: usize, step: usize| {
        (0..4).map(|i| a[i].distance(b[(start + i * step) % 4])).fold(0.0, f64::max)
    };
    (0..4).flat_map(|start| [at(start, 1), at(start, 3)]).fold(f64::INFINITY, f64::min)
}

#[test]
fn vertices_are_sorted_as_the_reference_sorts_them() {
    for case in golden::cases("D_sort_vertex") {
        for row in case.json()["rows"].as_array().unwrap() {
            let input = flat_points(&numbers(&row["p"]));
            let expected = flat_points(&numbers(&row["sort_vertex8"]));
            let sorted = sort_clockwise(&input);
            let quad = order_quad(input.clone().try_into().unwrap());
            for ((a, q), b) in sorted.iter().zip(quad).zip(&expected) {
                assert!(a.distance(*b) < 1e-4 && *a == q, "{input:?}: {sorted:?} is not {expected:?}");
            }
        }
    }
}

#[test]
fn masks_become_the_reference_boundaries() {
    for case in golden::cases("C_mask_to_boundary") {
        let json = case.json();
        for row in json["rows"].as_array().unwrap() {
            let outline = pixels(&flat_points(&numbers(&row["polygon"])));
            let mut mask = Map::filled(256, 192, 0u8).unwrap();
            fill_poly(&mut mask, &outline, 1);
            let inside: Vec<Point> = (0..192)
                .flat_map(|y| (0..256).map(move |x| (x, y)))
                .filter(|&(x, y)| mask.at(x, y) != 0)
                .map(|(x, y)| Point::new(x as f64, y as f64))
                .collect();
            let quad = flat_points(&numbers(&row["quad"])[..8]);
            let error = quad_distance(&min_area_rect(&inside).unwrap().corners, &quad);
            assert!(error < 1e-3, "{outline:?}: {error} px");
            let expected = numbers(&row["seg_poly"]);
            let contours = find_contours(&mask, Retrieval::External, Approximation::Simple);
            let border: Vec<f64> = contours[0].points.as_flattened().iter().map(|v| f64::from(*v)).collect();
            assert_eq!(border, expected, "{outline:?}");
        }
        for row in json["tiny"].as_array().unwrap() {
            let points: Vec<Point> =
                row["points"].as_array().unwrap().iter().flat_map(|p| flat_points(&numbers(p))).collect();
            let quad = flat_points(&numbers(&row["quad"])[..8]);
            let error = quad_distance(&min_area_rect(&points).unwrap().corners, &quad);
            assert!(error < 1e-3, "{points:?}: {error} px");
        }
    }
}

#[test]
fn areas_and_sizes_of_polygons_are_the_reference_ones() {
    for case in golden::cases("D_target_parts") {
        for row in case.json()["rows"].as_array().unwrap() {
            let polygon: Vec<Point> =
                row["polygon"].as_array().unwrap().iter().flat_map(|p| flat_points(&numbers(p))).collect();
            let area = row["db_polygon_area"].as_f64().unwrap();
            assert!((signed_area(&polygon).abs() - area.abs()).abs() < 1e-6 * area.abs().max(1.0));
            let rect = min_area_rect(&points(&pixels(&polygon))).unwrap();
            let size = numbers(&row["db_polygon_size"]);
            let near = |a: f64, b: f64| (a - b).abs() < 1e-3;
            assert!(near(rect.width, size[0]) && near(rect.height, size[1]), "{rect:?} is not {size:?}");
        }
    }
}

#[test]
fn crops_are_the_reference_ones() {
    for case in golden::cases("D_crops") {
        let (shape, values) = case.tensor("input/img");
        let [height, width] = [shape[0] as u32, shape[1] as u32];
        let image = Image::from_rgb(width, height, values.iter().map(|v| *v as u8).collect()).unwrap();
        let (w, h) = (f64::from(width), f64::from(height));
        for (i, value) in case.entry["json_inputs"]["boxes"].as_array().unwrap().iter().enumerate() {
            // The reference clips a box to the picture before it straightens or crops it.
            let clipped: Vec<Point> = flat_points(&numbers(value))
                .into_iter()
                .map(|p| Point::new(p.x.clamp(0.0, w), p.y.clamp(0.0, h)))
                .collect();
            let corners: [Point; 4] = sort_clockwise(&clipped).try_into().unwrap();
            let warped = crop_quad(&image, corners, Border::Constant([0; 3])).unwrap();
            assert_near(&case, &format!("warp_{i}"), &warped);

            let bound = |f: fn(f64, f64) -> f64, start: f64, axis: fn(&Point) -> f64| {
                clipped.iter().map(axis).fold(start, f)
            };
            let (x0, x1) = (bound(f64::min, w, |p| p.x), bound(f64::max, 0.0, |p| p.x));
            let (y0, y1) = (bound(f64::min, h, |p| p.y), bound(f64::max, 0.0, |p| p.y));
            let size = (x1 - x0).min(y1 - y0);
            let (across, down) = if y1 - y0 < x1 - x0 { (0.4, 0.2) } else { (0.2, 0.4) };
            let (across, down) = (across * size, down * size);
            let rect = Rect {
                x0: (x0 - across).trunc(),
                x1: (x1 + across).trunc(),
                y0: (y0 - down).trunc(),
                y1: (y1 + down).trunc(),
            };
            assert_near(&case, &format!("crop_{i}"), &crop_rect(&image, rect));
        }
    }
}

/// At most 2 levels off anywhere, and exact for nearly all values.
fn assert_near(case: &golden::Case, name: &str, image: &Image) {
    let (shape, expected) = case.tensor(name);
    assert_eq!([image.height() as usize, image.width() as usize, 3], shape[..], "{name}");
    let off = |limit: f32| {
        image.rgb().iter().zip(&expected).filter(|(a, b)| (f32::from(**a) - **b).abs() > limit).count()
    };
    assert!(
        off(2.0) == 0 && off(0.0) * 50 <= expected.len(),
        "{name}: {} of {} differ",
        off(0.0),
        expected.len()
    );
}
