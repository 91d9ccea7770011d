//! Properties of the geometry that must hold for any points.

use glyphic_core::{
    Polygon,
    geometry::{
        Point, convex_hull, intersection_area, iou, min_area_rect, offset, order_quad, point_in_polygon,
        point_outline_distance, point_segment_distance, signed_area, sort_clockwise, union_area,
    },
};
use proptest::prelude::*;

fn point() -> impl Strategy<Value = Point> {
    (-300.0..900.0f64, -300.0..900.0f64).prop_map(|(x, y)| Point::new(x, y))
}

fn cloud(size: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Point>> {
    prop::collection::vec(point(), size)
}

/// Points on a coarse grid, so that they coincide and line up often.
fn grid_cloud() -> impl Strategy<Value = Vec<Point>> {
    prop::collection::vec((0..8i32, 0..8i32), 1..14)
        .prop_map(|v| v.into_iter().map(|(x, y)| Point::new(f64::from(x), f64::from(y))).collect())
}

/// A simple polygon: a star around a centre that it holds, clockwise, at least 5 px from centre to vertex.
fn star() -> impl Strategy<Value = Vec<Point>> {
    (point(), 0.1..1.0f64, prop::collection::vec((0.6..1.0f64, 50.0..120.0f64), 4..12)).prop_map(
        |(centre, size, arms)| {
            let turn: f64 = arms.iter().map(|(share, _)| share).sum();
            let mut angle = 0.0;
            arms.into_iter()
                .map(|(share, radius)| {
                    angle += share / turn * std::f64::consts::TAU;
                    let radius = radius * size;
                    Point::new(centre.x + radius * angle.cos(), centre.y + radius * angle.sin())
                })
                .collect()
        },
    )
}

fn area_of(pieces: &[Vec<Point>]) -> f64 {
    pieces.iter().map(|p| signed_area(p)).sum()
}

/// No edge shorter than 3 px and no corner sharper than about 30 degrees: at needles the reference's arcs, rounded to
/// pixels, cut the corner.
fn blunt(outline: &[Point]) -> bool {
    let n = outline.len();
    (0..n).all(|i| {
        let (a, b, c) = (outline[i], outline[(i + 1) % n], outline[(i + 2) % n]);
        let dot = (b.x - a.x) * (c.x - b.x) + (b.y - a.y) * (c.y - b.y);
        a.distance(b) >= 3.0 && dot > -0.85 * a.distance(b) * b.distance(c)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_hull_is_convex_clockwise_and_holds_every_point(points in prop_oneof![cloud(1..40), grid_cloud()]) {
        let hull = convex_hull(&points);
        prop_assert!(!hull.is_empty());
        let n = hull.len();
        for i in 0..n {
            let (a, b, c) = (hull[i], hull[(i + 1) % n], hull[(i + 2) % n]);
            if n > 2 {
                prop_assert!((b.x - a.x) * (c.y - b.y) - (b.y - a.y) * (c.x - b.x) > 0.0, "{:?}", hull);
                for p in &points {
                    let side = (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x);
                    prop_assert!(side > -1e-3 * a.distance(b).max(1.0), "{:?} lies outside {:?}", p, hull);
                }
            }
        }
    }

    #[test]
    fn the_least_rectangle_holds_every_point_and_is_no_larger_than_the_bounding_box(
        points in prop_oneof![cloud(1..40), grid_cloud()],
    ) {
        let rect = min_area_rect(&points).unwrap();
        let [a, b, c, d] = rect.corners;
        prop_assert!((a.distance(b) - rect.width).abs() < 1e-2 && (b.distance(c) - rect.height).abs() < 1e-2);
        prop_assert!((c.distance(d) - rect.width).abs() < 1e-2);
        prop_assert!(signed_area(&rect.corners) > -1e-2);
        let centre = Point::new((a.x + c.x) / 2.0, (a.y + c.y) / 2.0);
        // Measured along the longer side: corners in single precision say little about the direction of a short one.
        let wide = rect.width > rect.height;
        let (from, to, long, short) =
            if wide { (a, b, rect.width, rect.height) } else { (b, c, rect.height, rect.width) };
        let (ux, uy) = if long > 0.0 { ((to.x - from.x) / long, (to.y - from.y) / long) } else { (1.0, 0.0) };
        for p in &points {
            let (dx, dy) = (p.x - centre.x, p.y - centre.y);
            let along = (dx * ux + dy * uy).abs();
            let across = (dx * uy - dy * ux).abs();
            prop_assert!(along <= long / 2.0 + 0.02 && across <= short / 2.0 + 0.02, "{:?} outside {:?}", p, rect);
        }
        let (mut low, mut high) = (points[0], points[0]);
        for p in &points {
            low = Point::new(low.x.min(p.x), low.y.min(p.y));
            high = Point::new(high.x.max(p.x), high.y.max(p.y));
        }
        let bounding = (high.x - low.x) * (high.y - low.y);
        prop_assert!(rect.width * rect.height <= bounding * 1.001 + 0.1);
    }

    #[test]
    fn growing_holds_the_outline_at_the_distance(outline in star(), distance in 2.0..40.0f64) {
        let pieces = offset(&outline, distance);
        let whole: Vec<Point> = outline.iter().map(|p| Point::new(p.x.trunc(), p.y.trunc())).collect();
        if !blunt(&whole) {
            return Ok(());
        }
        prop_assert!(area_of(&pieces) > signed_area(&whole).abs());
        let outer = pieces.iter().max_by(|a, b| signed_area(a).total_cmp(&signed_area(b))).unwrap();
        for p in &whole {
            // A short arc at a sharp corner may be one chord through the corner.
            prop_assert!(point_in_polygon(*p, outer) || point_outline_distance(*p, outer) <= 1.0);
        }
        for p in pieces.iter().flatten() {
            let away = point_outline_distance(*p, &whole);
            prop_assert!((away - distance).abs() < 2.0, "{:?} is {} away", p, away);
        }
    }

    #[test]
    fn shrinking_stays_inside_and_vanishes_in_the_end(outline in star(), distance in 1.0..20.0f64) {
        let whole: Vec<Point> = outline.iter().map(|p| Point::new(p.x.trunc(), p.y.trunc())).collect();
        let pieces = offset(&outline, -distance);
        prop_assert!(area_of(&pieces) <= signed_area(&whole).abs());
        for p in pieces.iter().flatten() {
            // Vertices are rounded to pixels, so by one pixel a vertex may come to lie on the outline.
            let away = point_outline_distance(*p, &whole);
            prop_assert!((point_in_polygon(*p, &whole) || away <= 1.0) && away > distance - 2.0, "{:?}", p);
        }
        prop_assert!(offset(&outline, -500.0).is_empty());
    }

    #[test]
    fn any_points_can_be_moved_by_any_distance(
        outline in prop_oneof![cloud(0..12), grid_cloud()],
        distance in -60.0..60.0f64,
    ) {
        for p in offset(&outline, distance).iter().flatten() {
            prop_assert!(p.x.is_finite() && p.y.is_finite() && p.x.fract() == 0.0 && p.y.fract() == 0.0);
        }
    }

    #[test]
    fn overlap_is_symmetric_and_bounded(a in star(), b in star()) {
        let (area_a, area_b) = (signed_area(&a).abs(), signed_area(&b).abs());
        let (common, all) = (intersection_area(&a, &b), union_area(&a, &b));
        let scale = (area_a + area_b).max(1.0);
        prop_assert!((common - intersection_area(&b, &a)).abs() < 1e-6 * scale);
        prop_assert!(common >= 0.0 && common <= area_a.min(area_b) + 1e-6 * scale);
        prop_assert!((common + all - area_a - area_b).abs() < 1e-6 * scale, "{} + {}", common, all);
        prop_assert!((iou(&a, &a) - 1.0).abs() < 1e-9);
        prop_assert!((0.0..=1.0).contains(&iou(&a, &b)));
    }

    #[test]
    fn a_polygon_is_clockwise_whatever_order_it_was_given_in(mut points in star(), flip: bool) {
        if flip {
            points.reverse();
        }
        let first = points[0];
        let polygon = Polygon::new(points.clone()).unwrap();
        prop_assert!(polygon.area() > 0.0 && polygon.points()[0] == first);
        prop_assert!((polygon.area() - signed_area(&points).abs()).abs() < 1e-9 * polygon.area());
        points.push(first);
        prop_assert_eq!(Polygon::new(points).unwrap(), polygon.clone());
        prop_assert_eq!(Polygon::from_flat(&polygon.to_flat()).unwrap(), polygon);
    }

    #[test]
    fn sorting_keeps_the_points_and_does_not_depend_on_their_order(points in cloud(4..5), turn in 0..4usize) {
        let quad: [Point; 4] = points.clone().try_into().unwrap();
        let sorted = order_quad(quad);
        let mut turned = points.clone();
        turned.rotate_left(turn);
        prop_assert_eq!(sort_clockwise(&turned), sorted.to_vec());
        let mut kept = points;
        kept.retain(|p| !sorted.contains(p));
        prop_assert!(kept.is_empty());
    }

    #[test]
    fn the_distance_to_a_segment_is_the_least_of_its_points(p in point(), a in point(), b in point()) {
        let distance = point_segment_distance(p, a, b);
        let sampled = (0..=400)
            .map(|i| f64::from(i) / 400.0)
            .map(|t| p.distance(Point::new(a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t)))
            .fold(f64::INFINITY, f64::min);
        prop_assert!(distance <= sampled + 1e-9 && sampled <= distance + a.distance(b) / 400.0);
    }
}

fn square(x: f64, y: f64, side: f64) -> Vec<Point> {
    [(x, y), (x + side, y), (x + side, y + side), (x, y + side)].map(|(x, y)| Point::new(x, y)).to_vec()
}

#[test]
fn overlaps_of_known_shapes_have_known_areas() {
    let bow_tie = [(0.0, 0.0), (10.0, 10.0), (10.0, 0.0), (0.0, 10.0)].map(|(x, y)| Point::new(x, y));
    let twice: Vec<Point> = [square(0.0, 0.0, 10.0), square(0.0, 0.0, 10.0)].concat();
    let cases: [(&str, &[Point], f64); 6] = [
        ("half of itself", &square(5.0, 0.0, 10.0), 50.0),
        ("one that only touches", &square(10.0, 0.0, 10.0), 0.0),
        ("one far away", &square(90.0, 0.0, 10.0), 0.0),
        ("a bow tie over it", &bow_tie, 50.0),
        ("a square wound twice", &twice, 0.0),
        ("no polygon", &bow_tie[..2], 0.0),
    ];
    for (name, other, expected) in cases {
        let area = intersection_area(&square(0.0, 0.0, 10.0), other);
        assert!((area - expected).abs() < 1e-9, "{name}: {area}");
    }
}

#[test]
fn a_dumbbell_falls_apart_when_it_shrinks() {
    let flat = [0, 0, 30, 0, 30, 12, 60, 12, 60, 0, 90, 0, 90, 30, 60, 30, 60, 18, 30, 18, 30, 30, 0, 30];
    let outline: Vec<Point> =
        flat.chunks_exact(2).map(|c| Point::new(f64::from(c[0]), f64::from(c[1]))).collect();
    assert_eq!(offset(&outline, -5.0).len(), 2);
    assert_eq!(offset(&outline, 5.0).len(), 1);
}

#[test]
fn a_ring_that_closes_while_it_grows_keeps_a_hole() {
    let flat = [0, 0, 60, 0, 60, 60, 32, 60, 32, 50, 50, 50, 50, 10, 10, 10, 10, 50, 28, 50, 28, 60, 0, 60];
    let outline: Vec<Point> =
        flat.chunks_exact(2).map(|c| Point::new(f64::from(c[0]), f64::from(c[1]))).collect();
    let pieces = offset(&outline, 4.0);
    let holes = pieces.iter().filter(|p| signed_area(p) < 0.0).count();
    assert_eq!((pieces.len(), holes), (2, 1), "{pieces:?}");
}

#[test]
fn what_cannot_be_moved_gives_nothing() {
    let (nan, huge) = (Point::new(f64::NAN, 0.0), Point::new(1e300, 0.0));
    let mut broken = square(0.0, 0.0, 10.0);
    broken[1] = nan;
    let mut far = square(0.0, 0.0, 10.0);
    far[1] = huge;
    for (outline, distance) in [
        (vec![], 1.0),
        (vec![Point::default(); 5], 1.0),
        (broken, 1.0),
        (far, 1.0),
        (square(0.0, 0.0, 10.0), f64::NAN),
        (square(0.0, 0.0, 10.0), f64::INFINITY),
    ] {
        assert!(offset(&outline, distance).is_empty(), "{outline:?} by {distance}");
    }
}

#[test]
fn by_distance_zero_the_outline_comes_back() {
    let outline = square(3.0, 4.0, 10.0);
    let pieces = offset(&outline, 0.0);
    assert_eq!(pieces.len(), 1);
    assert_eq!(sort_clockwise(&pieces[0]), sort_clockwise(&outline));
}

#[test]
fn points_that_make_no_polygon_are_refused_with_the_reason() {
    let p = Point::new;
    let cases: [(&str, Vec<Point>); 5] = [
        ("2 vertices", vec![p(0.0, 0.0), p(1.0, 1.0)]),
        ("area is zero", vec![p(0.0, 0.0), p(1.0, 1.0), p(2.0, 2.0)]),
        ("not finite", vec![p(0.0, 0.0), p(f64::NAN, 1.0), p(2.0, 0.0)]),
        ("not finite", vec![p(0.0, 0.0), p(f64::INFINITY, 1.0), p(2.0, 0.0)]),
        ("0 vertices", vec![]),
    ];
    for (reason, points) in cases {
        let message = Polygon::new(points).unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    }
    assert!(Polygon::from_flat(&[0.0, 0.0, 1.0]).unwrap_err().to_string().contains("pair up"));
}
