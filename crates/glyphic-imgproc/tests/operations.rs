//! What the operations promise beyond equality with the reference.

use std::path::Path;

use glyphic_core::{
    Image, Point, Rect,
    geometry::{point_in_polygon, point_outline_distance, signed_area},
};
use glyphic_imgproc::*;
use proptest::prelude::*;
use serde::Deserialize;

/// A picture whose red grows to the right and whose green grows downwards.
fn ramp(width: u32, height: u32) -> Image {
    let rgb =
        (0..height).flat_map(|y| (0..width).flat_map(move |x| [x as u8 * 2, y as u8 * 2, 77])).collect();
    Image::from_rgb(width, height, rgb).unwrap()
}

fn p(x: f64, y: f64) -> Point {
    Point::new(x, y)
}

#[derive(Deserialize)]
struct Antialiased {
    size: [u32; 2],
    to: [u32; 2],
    rgb: Vec<u8>,
    resized: Vec<u8>,
}

#[test]
fn the_antialiased_resize_is_within_a_level_of_pillow() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pillow_resizes.json");
    let cases: Vec<Antialiased> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for case in cases {
        let image = Image::from_rgb(case.size[0], case.size[1], case.rgb).unwrap();
        let resized = resize_antialiased(&image, case.to[0], case.to[1]).unwrap();
        let worst = resized.rgb().iter().zip(&case.resized).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(worst <= 1, "{:?} to {:?}: {worst} levels", case.size, case.to);
    }
}

#[test]
fn a_size_without_pixels_or_beyond_the_limit_is_refused() {
    let image = ramp(8, 8);
    type Resize = fn(&Image, u32, u32) -> Result<Image>;
    let resizes: [Resize; 3] = [resize_linear, resize_nearest, resize_antialiased];
    for resize in resizes {
        assert!(matches!(resize(&image, 0, 5), Err(Error::Empty { .. })));
        assert!(matches!(resize(&image, 5, 0), Err(Error::Empty { .. })));
        assert!(matches!(resize(&image, 5, u32::MAX), Err(Error::TooLarge { .. })));
        assert_eq!(resize(&image, 8, 8).unwrap().rgb(), image.rgb());
    }
    assert!(matches!(Map::new(0, 3, Vec::<u8>::new()), Err(Error::Empty { .. })));
    assert!(matches!(Map::new(2, 3, vec![0u8; 5]), Err(Error::ValueCount { expected: 6, got: 5, .. })));
    assert!(matches!(Map::new(usize::MAX, 2, vec![0u8; 5]), Err(Error::Empty { .. })));
}

#[test]
fn a_large_resize_has_the_same_values_in_colour_in_grey_and_in_floats() {
    // Large enough to be computed in parallel.
    let image = ramp(100, 120);
    let large = resize_linear(&image, 900, 700).unwrap();
    let red = Map::new(100, 120, image.rgb().iter().step_by(3).copied().collect()).unwrap();
    let one_channel = resize_linear_u8(&red, 900, 700).unwrap();
    assert!(large.rgb().iter().step_by(3).eq(one_channel.data()));
    let float = resize_linear_f32(&red.map(f32::from), 900, 700).unwrap();
    for (a, b) in one_channel.data().iter().zip(float.data()) {
        assert!((f32::from(*a) - b).abs() < 1.0);
    }
}

#[test]
fn an_upright_quad_is_cut_out_as_it_is() {
    let image = ramp(60, 40);
    let corners = [p(10.0, 5.0), p(30.0, 5.0), p(30.0, 17.0), p(10.0, 17.0)];
    let crop = crop_quad(&image, corners, Border::Replicate).unwrap();
    let cut = crop_rect(&image, Rect { x0: 10.0, y0: 5.0, x1: 30.0, y1: 17.0 });
    assert_eq!((crop.width(), crop.height()), (20, 12));
    assert_eq!(crop.rgb(), cut.rgb());
}

#[test]
fn the_first_corner_decides_which_way_is_up() {
    let image = ramp(60, 40);
    let corners = [p(10.0, 5.0), p(30.0, 5.0), p(30.0, 17.0), p(10.0, 17.0)];
    let turned = [corners[2], corners[3], corners[0], corners[1]];
    let upside_down = crop_quad(&image, turned, Border::Replicate).unwrap();
    // The far edge of a quad lies between pixels, so the turned crop begins one pixel further on.
    assert_eq!(upside_down.pixel(0, 0), image.pixel(30, 17));
    assert_eq!(upside_down.pixel(19, 11), image.pixel(11, 6));
}

#[test]
fn a_ribbon_that_is_straight_is_the_quad() {
    let image = ramp(60, 40);
    let outline = [p(10.0, 5.0), p(17.0, 5.0), p(30.0, 5.0), p(30.0, 17.0), p(20.0, 17.0), p(10.0, 17.0)];
    let ribbon = crop_ribbon(&image, &outline, Border::Replicate).unwrap();
    let quad =
        crop_quad(&image, [outline[0], outline[2], outline[3], outline[5]], Border::Replicate).unwrap();
    assert_eq!((ribbon.width(), ribbon.height()), (20, 12));
    let worst = ribbon.rgb().iter().zip(quad.rgb()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(worst <= 1, "{worst}");
}

#[test]
fn a_ribbon_unrolls_an_arc() {
    // Rings around (100, 100): red tells the radius, so each row of the crop has one colour.
    let mut image = Image::filled(200, 110, [0; 3]).unwrap();
    for (i, pixel) in image.rgb_mut().chunks_exact_mut(3).enumerate() {
        let radius = p((i % 200) as f64, (i / 200) as f64).distance(p(100.0, 100.0));
        pixel[0] = radius.min(255.0) as u8;
    }
    let arc = |radius: f64, share: f64| {
        let angle = std::f64::consts::PI * (1.0 + share);
        p(100.0 + radius * angle.cos(), 100.0 + radius * angle.sin())
    };
    let top = (0..=16).map(|i| arc(90.0, f64::from(i) / 16.0));
    let bottom = (0..=16).map(|i| arc(70.0, 1.0 - f64::from(i) / 16.0));
    let outline: Vec<Point> = top.chain(bottom).collect();
    let crop = crop_ribbon(&image, &outline, Border::Replicate).unwrap();
    assert!((278..284).contains(&crop.width()) && (19..=20).contains(&crop.height()), "{crop:?}");
    for y in 0..crop.height() {
        let expected = 90.0 - 20.0 * f64::from(y) / f64::from(crop.height());
        for x in 0..crop.width() {
            let red = f64::from(crop.pixel(x, y)[0]);
            assert!((red - expected).abs() < 2.5, "({x}, {y}): {red} is not {expected}");
        }
    }
}

#[test]
fn outlines_that_cannot_be_cropped_give_an_error() {
    let image = ramp(60, 40);
    let line = [p(0.0, 0.0), p(10.0, 10.0), p(20.0, 20.0), p(30.0, 30.0)];
    assert!(matches!(crop_quad(&image, line, Border::Replicate), Err(Error::DegenerateQuad { .. })));
    assert!(matches!(crop_polygon(&image, &line, Border::Replicate), Err(Error::DegenerateQuad { .. })));
    assert!(crop_polygon(&image, &[], Border::Replicate).is_err());
    for broken in [f64::NAN, f64::INFINITY, 1e300] {
        let mut quad = [p(0.0, 0.0), p(10.0, 0.0), p(10.0, 10.0), p(0.0, 10.0)];
        quad[1].x = broken;
        assert!(crop_quad(&image, quad, Border::Replicate).is_err(), "{broken}");
        assert!(crop_polygon(&image, &quad, Border::Replicate).is_err(), "{broken}");
        assert!(crop_ribbon(&image, &quad, Border::Replicate).is_err(), "{broken}");
        crop_rect(&image, Rect { x0: broken, y0: broken, x1: broken, y1: broken });
    }
    assert!(matches!(crop_ribbon(&image, &line[..3], Border::Replicate), Err(Error::Ribbon { vertices: 3 })));
    let point = [p(5.0, 5.0); 4];
    assert!(matches!(crop_ribbon(&image, &point, Border::Replicate), Err(Error::Ribbon { .. })));
}

#[test]
fn a_rectangle_outside_the_picture_still_gives_a_pixel() {
    let image = ramp(60, 40);
    let crop = crop_rect(&image, Rect { x0: 100.0, y0: -20.0, x1: 120.0, y1: -3.0 });
    assert_eq!((crop.width(), crop.height()), (1, 1));
    assert_eq!(crop.pixel(0, 0), image.pixel(59, 0));
}

#[test]
fn a_polygon_of_any_shape_is_cropped_by_its_least_rectangle() {
    let image = ramp(60, 40);
    let outline = [p(10.0, 10.0), p(20.0, 6.0), p(30.0, 10.0), p(30.0, 20.0), p(10.0, 20.0)];
    let crop = crop_polygon(&image, &outline, Border::Replicate).unwrap();
    assert_eq!((crop.width(), crop.height()), (20, 14));
    assert_eq!(crop.pixel(0, 0), image.pixel(10, 6));
    // A bow tie has four corners but no inside that a perspective could straighten.
    let bow_tie = [p(10.0, 10.0), p(30.0, 20.0), p(30.0, 10.0), p(10.0, 20.0)];
    let crop = crop_polygon(&image, &bow_tie, Border::Replicate).unwrap();
    assert_eq!((crop.width(), crop.height()), (20, 10));
}

#[test]
fn quarter_turns_move_the_corners_and_undo_each_other() {
    let image = ramp(7, 4);
    let clockwise = rotate(&image, QuarterTurn::Clockwise);
    assert_eq!((clockwise.width(), clockwise.height()), (4, 7));
    assert_eq!(clockwise.pixel(3, 0), image.pixel(0, 0));
    assert_eq!(clockwise.pixel(3, 6), image.pixel(6, 0));
    assert_eq!(rotate(&clockwise, QuarterTurn::CounterClockwise).rgb(), image.rgb());
    let half = rotate(&image, QuarterTurn::Half);
    assert_eq!(rotate(&rotate(&image, QuarterTurn::Clockwise), QuarterTurn::Clockwise).rgb(), half.rgb());
    assert_eq!(half.pixel(0, 0), image.pixel(6, 3));
}

#[test]
fn drawing_colours_what_it_covers_and_nothing_else() {
    let red = [255, 0, 0];
    let mut image = Image::filled(40, 30, [0; 3]).unwrap();
    draw_line(&mut image, p(5.0, 10.0), p(30.0, 10.0), 3.0, red);
    assert_eq!([image.pixel(5, 10), image.pixel(17, 9), image.pixel(30, 11)], [red; 3]);
    assert_eq!([image.pixel(17, 13), image.pixel(34, 10)], [[0; 3]; 2]);

    let mut image = Image::filled(40, 30, [0; 3]).unwrap();
    draw_polygon(&mut image, &[p(5.0, 5.0), p(30.0, 5.0), p(30.0, 20.0)], 1.0, red);
    assert_eq!([image.pixel(10, 5), image.pixel(30, 12), image.pixel(20, 14)], [red; 3]);
    assert_eq!([image.pixel(25, 9), image.pixel(8, 15)], [[0; 3]; 2]);

    let mut image = Image::filled(40, 30, [100; 3]).unwrap();
    fill_rect(&mut image, Rect { x0: 3.0, y0: 4.0, x1: 6.0, y1: 8.0 }, [200, 0, 100], 0.5);
    assert_eq!([image.pixel(3, 4), image.pixel(6, 8)], [[150, 50, 100]; 2]);
    assert_eq!([image.pixel(2, 4), image.pixel(7, 8), image.pixel(3, 9)], [[100; 3]; 3]);
    fill_polygon(&mut image, &[p(20.0, 20.0), p(30.0, 20.0), p(25.0, 28.0)], [0; 3], 1.0);
    assert_eq!([image.pixel(25, 22), image.pixel(20, 20), image.pixel(20, 25)], [[0; 3], [0; 3], [100; 3]]);
}

#[test]
fn the_mean_counts_the_pixels_of_the_outline() {
    let mut map = Map::filled(10, 10, 0.0f32).unwrap();
    map.row_mut(2).fill(1.0);
    let mean = |outline: &[Pixel]| polygon_mean(&map, outline);
    assert_eq!(mean(&[[1, 2], [4, 2], [4, 3], [1, 3]]), Some(0.5));
    assert_eq!(mean(&[[3, 2]]), Some(1.0));
    assert_eq!(mean(&[[-5, 2], [20, 2]]), Some(1.0));
    assert_eq!(mean(&[]), None);
}

fn quad() -> impl Strategy<Value = [Point; 4]> {
    let corner =
        |x: f64, y: f64| (-20.0..20.0f64, -20.0..20.0f64).prop_map(move |(dx, dy)| p(x + dx, y + dy));
    [corner(0.0, 0.0), corner(120.0, 0.0), corner(120.0, 80.0), corner(0.0, 80.0)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_homography_maps_the_corners_and_its_inverse_maps_them_back(a in quad(), b in quad()) {
        let there = Homography::from_quads(a, b).unwrap();
        let back = there.inverse().unwrap();
        for (from, to) in a.into_iter().zip(b) {
            prop_assert!(there.apply(from).distance(to) < 1e-6);
            prop_assert!(back.apply(to).distance(from) < 1e-6);
        }
    }

    #[test]
    fn filling_covers_the_inside_and_stays_near_the_outline(
        outline in prop::collection::vec((-20..60i32, -20..50i32), 3..9),
    ) {
        let outline: Vec<Pixel> = outline.into_iter().map(|(x, y)| [x, y]).collect();
        let mut map = Map::filled(40, 30, 0u8).unwrap();
        fill_poly(&mut map, &outline, 1);
        let exact = points(&outline);
        for y in 0..30 {
            for x in 0..40 {
                let centre = p(x as f64, y as f64);
                // Edges that leave the map are cut to whole pixels first, which moves them by up to two.
                let near = point_outline_distance(centre, &exact) < 2.5;
                if !near {
                    prop_assert_eq!(map.at(x, y) == 1, point_in_polygon(centre, &exact), "({}, {})", x, y);
                }
            }
        }
    }

    #[test]
    fn every_component_has_one_outer_border_around_it(bits in prop::collection::vec(0..3u8, 24 * 17)) {
        let map = Map::new(24, 17, bits.into_iter().map(|b| u8::from(b > 1)).collect()).unwrap();
        let components = connected_components(&map, Connectivity::Eight);
        let contours = find_contours(&map, Retrieval::List, Approximation::None);
        prop_assert_eq!(contours.iter().filter(|c| !c.hole).count(), components.list.len());
        for contour in &contours {
            for (a, b) in contour.points.iter().zip(contour.points.iter().skip(1)) {
                prop_assert!(a[0].abs_diff(b[0]) <= 1 && a[1].abs_diff(b[1]) <= 1);
                prop_assert_eq!(map.at(a[0] as usize, a[1] as usize), 1);
            }
            let area = signed_area(&points(&contour.points));
            prop_assert!(if contour.hole { area > 0.0 } else { area <= 0.0 }, "{:?}", contour);
        }
    }

    #[test]
    fn anything_can_be_drawn_anywhere(
        values in prop::collection::vec(prop_oneof![-1e3..1e3f64, -1e30..1e30f64, Just(f64::NAN), Just(f64::INFINITY)], 8),
        thickness in 0.0..50.0f64,
    ) {
        let mut image = Image::filled(31, 17, [9; 3]).unwrap();
        let outline: Vec<Point> = values.chunks_exact(2).map(|c| p(c[0], c[1])).collect();
        draw_polygon(&mut image, &outline, thickness, [1, 2, 3]);
        fill_polygon(&mut image, &outline, [1, 2, 3], 0.5);
        let rect = Rect { x0: values[0], y0: values[1], x1: values[2], y1: values[3] };
        fill_rect(&mut image, rect, [1, 2, 3], values[4]);
        let mut map = Map::filled(31, 17, 0.5f32).unwrap();
        fill_convex(&mut map, &pixels(&outline), 1.0);
        polygon_mean(&map, &pixels(&outline));
        let _ = crop_polygon(&image, &outline, Border::Replicate);
        let _ = crop_ribbon(&image, &outline, Border::Replicate);
        crop_rect(&image, rect);
    }
}
