use glyphic_core::{Polygon, Region, TextInstance};
use glyphic_testing::golden;
use serde_json::Value;

use super::*;

fn instance(polygon: Polygon, ignore: bool) -> TextInstance {
    TextInstance { ignore, ..TextInstance::new(Region { polygon, score: 1.0 }) }
}

fn flat(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn page_of(case: &golden::Case) -> Page {
    let inputs = &case.entry["json_inputs"];
    let size = flat(&inputs["image_h_w"]);
    let mut page = Page::new(size[1] as u32, size[0] as u32);
    for (key, ignore) in [("polygons", false), ("polygons_ignored", true)] {
        for polygon in inputs[key].as_array().expect("polygons") {
            let polygon = Polygon::from_flat(&flat(polygon)).expect("valid");
            page.instances.push(instance(polygon, ignore));
        }
    }
    page
}

fn reference() -> DbnetTargets {
    DbnetTargets { border_distance: BorderDistance::NearestEnd, ..DbnetTargets::default() }
}

#[test]
fn the_maps_equal_the_reference() {
    for case in golden::cases("D_targets_dbnet_") {
        let maps = reference().maps(&page_of(&case)).expect("valid");
        let wide = |values: &[u8]| values.iter().map(|v| f32::from(*v)).collect::<Vec<_>>();
        for (name, values, tolerance) in [
            ("shrink", wide(&maps.shrink), golden::Tolerance::Exact),
            ("shrink_mask", wide(&maps.shrink_mask), golden::Tolerance::Exact),
            ("thr_mask", wide(&maps.thr_mask), golden::Tolerance::Exact),
            ("thr", maps.thr, golden::Tolerance::Abs(1e-4)),
        ] {
            let shape = [1, maps.height, maps.width];
            case.assert_tensor(&format!("target/gt_{name}"), &shape, &values, tolerance);
        }
    }
}

#[test]
fn distances_and_small_texts_are_judged_as_in_the_reference() {
    let rows = golden::case("D_target_parts").json();
    let mut compared = 0;
    for row in rows["rows"].as_array().expect("rows") {
        let points: Vec<Point> = row["polygon"]
            .as_array()
            .expect("points")
            .iter()
            .map(|p| Point::new(flat(p)[0], flat(p)[1]))
            .collect();
        let side = Side::new(points[0], points[1], BorderDistance::NearestEnd);
        for (y, line) in row["point2line_grid25"].as_array().expect("a grid").iter().enumerate() {
            for (x, expected) in flat(line).into_iter().enumerate() {
                let got = f64::from(side.square(x as f32 * 25.0, y as f32 * 25.0).sqrt());
                assert!((got - expected).abs() < 1e-3 * expected.max(1.0), "({x}, {y}): {got}, {expected}");
                compared += 1;
            }
        }
        if let Ok(polygon) = Polygon::new(points) {
            let whole = glyphic_imgproc::points(&pixels(polygon.points()));
            let invalid = row["db_invalid"].as_bool().expect("a flag");
            assert_eq!(reference().too_small(polygon.points(), &whole), invalid, "{polygon:?}");
        }
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn the_default_measures_to_the_side_where_the_reference_measures_to_its_end() {
    // The first side is short: beside its middle, beyond half its length, the reference goes wrong.
    let outline = [40.0, 40.0, 46.0, 40.0, 80.0, 40.0, 80.0, 80.0, 40.0, 80.0];
    let mut page = Page::new(120, 120);
    page.instances.push(instance(Polygon::from_flat(&outline).expect("valid"), false));
    let right = DbnetTargets::default().maps(&page).expect("valid");
    let wrong = reference().maps(&page).expect("valid");
    let distance = 40.0 * 40.0 * (1.0 - 0.16) / 160.0f32;
    for beside in 0..8 {
        let at = (40 - beside) * 120 + 43;
        let expected = 0.7 - 0.4 * beside as f32 / distance;
        assert!((right.thr[at] - expected).abs() < 1e-5, "{beside}: {}, {expected}", right.thr[at]);
        assert_eq!(wrong.thr[at] < expected - 1e-3, beside > 3, "{beside}: {}, {expected}", wrong.thr[at]);
    }
    assert!(right.thr.iter().zip(&wrong.thr).all(|(r, w)| r >= w));
}

#[test]
fn ignored_small_and_vanishing_texts_are_masked_and_not_learnt() {
    let mut page = Page::new(100, 100);
    let rect = |x: f64, y: f64, w: f64, h: f64| {
        Polygon::from_flat(&[x, y, x + w, y, x + w, y + h, x, y + h]).expect("valid")
    };
    page.instances = vec![
        instance(rect(10.0, 10.0, 30.0, 12.0), true),
        instance(rect(10.0, 40.0, 30.0, 5.0), false),
        instance(rect(60.0, 60.0, 30.0, 20.0), false),
        instance(rect(-40.0, 80.0, 60.0, 12.0), false),
        instance(rect(1e8, 1e8, 1e8, 1e8), false),
    ];
    let maps = DbnetTargets::default().maps(&page).expect("valid");
    let at = |map: &[u8], x: usize, y: usize| map[y * 100 + x];
    assert_eq!(
        (at(&maps.shrink_mask, 20, 15), at(&maps.shrink, 20, 15), at(&maps.thr_mask, 20, 15)),
        (0, 0, 0)
    );
    assert_eq!((at(&maps.shrink_mask, 20, 42), at(&maps.shrink, 20, 42)), (0, 0));
    assert_eq!(
        (at(&maps.shrink_mask, 75, 70), at(&maps.shrink, 75, 70), at(&maps.thr_mask, 75, 70)),
        (1, 1, 1)
    );
    assert_eq!(at(&maps.shrink, 5, 86), 2, "a text may begin outside");
    assert!(maps.thr.iter().all(|v| (0.3..=0.7).contains(v)));
}

#[test]
fn an_empty_page_and_values_out_of_range_are_answered() {
    let maps = DbnetTargets::default().maps(&Page::new(9, 5)).expect("valid");
    assert_eq!(maps.shrink, [0; 45]);
    assert_eq!(maps.shrink_mask, [1; 45]);
    assert_eq!(maps.thr, [0.3; 45]);
    assert!(DbnetTargets::default().maps(&Page::new(0, 5)).is_err());
    for (shrink_ratio, thr_max) in [(0.0, 0.7), (1.0, 0.7), (f64::NAN, 0.7), (0.4, 0.3), (0.4, 1.5)] {
        let targets = DbnetTargets { shrink_ratio, thr_max, ..DbnetTargets::default() };
        assert!(matches!(targets.check(), Err(Error::Setup { .. })), "{targets:?}");
    }
}

#[test]
fn pixels_between_neighbours_weigh_more_where_that_is_wanted() {
    let word =
        |x: f64| [(x, 20.0), (x + 40.0, 20.0), (x + 40.0, 36.0), (x, 36.0)].map(|(x, y)| Point::new(x, y));
    let outlines = Outlines {
        width: 128,
        height: 64,
        texts: vec![word(10.0).to_vec(), word(54.0).to_vec()],
        ..Outlines::default()
    };
    let maps =
        |gap_weight| DbnetTargets { gap_weight, ..DbnetTargets::default() }.maps_of(&outlines).unwrap();
    let (plain, weighted) = (maps(1), maps(4));
    assert!(plain.shrink_mask.iter().all(|&w| w == 1));
    assert_eq!(
        (&plain.shrink, &plain.thr, &plain.thr_mask),
        (&weighted.shrink, &weighted.thr, &weighted.thr_mask)
    );
    let at = |x: usize, y: usize| weighted.shrink_mask[y * 128 + x];
    // Four pixels lie between the words, which grow by some five on either side.
    assert_eq!((at(52, 28), at(30, 28), at(8, 28), at(120, 60)), (4, 1, 1, 1));
    let heavy: Vec<usize> = (0..128 * 64).filter(|&i| weighted.shrink_mask[i] == 4).collect();
    assert!(heavy.iter().all(|i| (44..60).contains(&(i % 128)) && weighted.shrink[*i] == 0), "{heavy:?}");
    assert!(DbnetTargets { gap_weight: 0, ..DbnetTargets::default() }.maps_of(&outlines).is_err());
}

#[test]
fn maps_drawn_in_the_memory_of_others_are_those_drawn_anew() {
    let square =
        |x: f64| [(x, 8.0), (x + 24.0, 8.0), (x + 24.0, 28.0), (x, 28.0)].map(|(x, y)| Point::new(x, y));
    let outlines = |width, x| Outlines {
        height: 40,
        width,
        texts: vec![square(x).to_vec(), square(x + 26.0).to_vec()],
        ignored: vec![square(x + 60.0).to_vec()],
    };
    for gap_weight in [1, 4] {
        let targets = DbnetTargets { gap_weight, ..DbnetTargets::default() };
        let mut maps = DbnetMaps::default();
        for outlines in [outlines(120, 4.0), outlines(160, 20.0), outlines(100, 10.0), outlines(100, 2.0)] {
            targets.maps_into(&outlines, &mut maps).expect("valid");
            assert_eq!(maps, targets.maps_of(&outlines).expect("valid"));
        }
        let (before, none) = (maps.clone(), Outlines { height: 0, ..outlines(100, 2.0) });
        targets.maps_into(&none, &mut maps).expect_err("no pixels");
        assert_eq!(maps, before);
    }
}
