//! Shares of areas never exceed 1 by rounding.

use std::slice::from_ref;

use glyphic_core::Point;
use glyphic_eval::{OutlineRule, ignored_predictions};

/// A rectangle of this size, turned about its centre.
fn turned(x: f64, y: f64, width: f64, height: f64, angle: f64) -> Vec<Point> {
    let (sin, cos) = angle.sin_cos();
    let corners = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)];
    let turn = |(dx, dy): (f64, f64)| {
        let (dx, dy) = (dx * width / 2.0, dy * height / 2.0);
        Point::new(x + dx * cos - dy * sin, y + dx * sin + dy * cos)
    };
    corners.into_iter().map(turn).collect()
}

#[test]
fn a_detection_all_of_which_is_ignored_stays_where_the_threshold_is_one() {
    for rule in [OutlineRule::EvenOdd, OutlineRule::Mmocr021] {
        let mut below = 0;
        for k in 0..4000 {
            let k = f64::from(k);
            let (x, y) = (100.0 + (k * 0.37).sin() * 40.0, 80.0 + (k * 0.73).cos() * 30.0);
            let inside = turned(x, y, 10.0 + k % 37.0 / 3.0, 5.0 + k % 11.0 / 7.0, k * 0.011);
            let around = turned(x, y, 10.0 + k % 37.0 / 3.0, 9.0 + k % 11.0 / 7.0, k * 0.011);
            for ignored in [&around, &inside] {
                let at = |threshold: f64| {
                    ignored_predictions(from_ref(&inside), from_ref(ignored), threshold, rule).unwrap().len()
                };
                assert_eq!(at(1.0), 0, "{inside:?} in {ignored:?}");
                below += at(0.999);
            }
        }
        assert_eq!(below, 8000);
    }
}
