//! Rasters against stored results of OpenCV 4.8.1, and what the crates around them rely on.

use std::path::Path;

use glyphic_core::{Image, Point};
use glyphic_imgproc::{Affine, Around, Error, Interpolation, Raster, Sides, fill_polys};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    affine: Vec<AffineCase>,
    cubic: Vec<CubicCase>,
}

#[derive(Deserialize)]
struct AffineCase {
    height: usize,
    width: usize,
    channels: usize,
    data: Vec<u8>,
    degrees: f64,
    shift: [f64; 2],
    to: [usize; 2],
    interpolation: String,
    border: [u8; 3],
    out: Vec<u8>,
}

#[derive(Deserialize)]
struct CubicCase {
    height: usize,
    width: usize,
    data: Vec<u8>,
    to: [usize; 2],
    out: Vec<u8>,
}

fn fixture() -> Fixture {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/opencv_rasters.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn affine_warps_are_opencvs() {
    let cases = fixture().affine;
    assert_eq!(cases.len(), 12);
    for case in cases {
        let raster = Raster::new(case.height, case.width, case.channels, case.data).unwrap();
        let centre = Point::new(case.width as f64 / 2.0, case.height as f64 / 2.0);
        let map = Affine::rotation(centre, case.degrees).shifted(case.shift[0], case.shift[1]);
        let nearest = case.interpolation == "nearest";
        let how = if nearest { Interpolation::Nearest } else { Interpolation::Linear };
        let [r, g, b] = case.border;
        let around = Around::Colour([r, g, b, 0]);
        let out = raster.warp_affine(&map, case.to[0], case.to[1], how, around).unwrap();
        let worst = out.data().iter().zip(&case.out).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(worst <= u8::from(!nearest), "{} degrees, {}: {worst}", case.degrees, case.interpolation);
        let float = raster.map(f32::from);
        let around = Around::Colour([f32::from(r), f32::from(g), f32::from(b), 0.0]);
        let out = float.warp_affine(&map, case.to[0], case.to[1], how, around).unwrap();
        let worst =
            out.data().iter().zip(&case.out).map(|(a, b)| (a - f32::from(*b)).abs()).fold(0.0, f32::max);
        assert!(worst < 1.0, "{} degrees, single precision: {worst}", case.degrees);
    }
}

#[test]
fn cubic_resizes_are_opencvs() {
    for case in fixture().cubic {
        let raster = Raster::new(case.height, case.width, 3, case.data).unwrap();
        let out = raster.resize_cubic(case.to[0], case.to[1]).unwrap();
        let worst = out.data().iter().zip(&case.out).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(worst <= 1, "{worst}");
    }
}

#[test]
fn one_raster_of_three_channels_is_resized_as_the_image_and_as_three_maps() {
    let data: Vec<u8> = (0..11 * 17 * 3).map(|i| (i * 37 % 251) as u8).collect();
    let image = Image::from_rgb(17, 11, data.clone()).unwrap();
    let raster = Raster::from(&image);
    let resized = raster.resize_linear(23, 9).unwrap();
    assert_eq!(resized.data(), glyphic_imgproc::resize_linear(&image, 9, 23).unwrap().rgb());
    let nearest = raster.resize_nearest(23, 9).unwrap();
    assert_eq!(nearest.data(), glyphic_imgproc::resize_nearest(&image, 9, 23).unwrap().rgb());
    let float = raster.map(f32::from).resize_linear(23, 9).unwrap();
    for (a, b) in float.data().iter().zip(resized.data()) {
        assert!((a - f32::from(*b)).abs() <= 1.0);
    }
    assert_eq!(Image::try_from(raster).unwrap().rgb(), data);
}

#[test]
fn sizes_and_channels_that_are_none_are_refused() {
    assert!(matches!(Raster::new(0, 2, 1, Vec::<u8>::new()), Err(Error::Empty { .. })));
    assert!(matches!(Raster::new(1, 2, 1, vec![0u8]), Err(Error::ValueCount { .. })));
    for channels in [0, 5] {
        assert!(matches!(Raster::new(1, 1, channels, vec![0u8; channels]), Err(Error::Channels { .. })));
        assert!(matches!(Raster::filled(1, 1, channels, [0u8; 4]), Err(Error::Channels { .. })));
    }
    let raster = Raster::new(3, 2, 1, vec![0u8; 6]).unwrap();
    assert!(matches!(raster.resize_linear(0, 3), Err(Error::Empty { .. })));
    assert!(matches!(raster.resize_cubic(3, 1 << 17), Err(Error::TooLarge { .. })));
    assert!(matches!(raster.crop(2, 0, 9, 9), Err(Error::Empty { .. })));
    let flat = Affine::new([1.0, 1.0, 0.0, 1.0, 1.0, 0.0]);
    let around = Around::Edge;
    assert!(matches!(
        raster.warp_affine(&flat, 2, 2, Interpolation::Nearest, around),
        Err(Error::Singular { .. })
    ));
    assert!(matches!(Image::try_from(raster), Err(Error::Channels { .. })));
}

#[test]
fn turns_flips_and_borders_put_pixels_where_they_belong() {
    let raster = Raster::new(2, 3, 1, vec![1u8, 2, 3, 4, 5, 6]).unwrap();
    let table: [(Raster<u8>, usize, &[u8]); 6] = [
        (raster.quarter_turns(1), 3, &[3, 6, 2, 5, 1, 4]),
        (raster.quarter_turns(2), 2, &[6, 5, 4, 3, 2, 1]),
        (raster.quarter_turns(3), 3, &[4, 1, 5, 2, 6, 3]),
        (raster.flip(true, false), 2, &[3, 2, 1, 6, 5, 4]),
        (raster.flip(false, true), 2, &[4, 5, 6, 1, 2, 3]),
        (raster.crop(1, 0, 9, 1).unwrap(), 1, &[2, 3]),
    ];
    for (got, height, expected) in table {
        assert_eq!((got.height(), got.data()), (height, expected));
    }
    let sides = Sides { left: 1, top: 1, right: 0, bottom: 0 };
    assert_eq!(raster.pad(sides, Around::Edge).unwrap().data(), [1, 1, 2, 3, 1, 1, 2, 3, 4, 4, 5, 6]);
    let dark = raster.pad(sides, Around::Colour([9; 4])).unwrap();
    assert_eq!(dark.data(), [9, 9, 9, 9, 9, 1, 2, 3, 9, 4, 5, 6]);
    let mut canvas = Raster::filled(2, 2, 1, [0u8; 4]).unwrap();
    canvas.paste(&raster, 1, 1);
    assert_eq!(canvas.data(), [0, 0, 0, 1]);
    let pixels = Raster::new(1, 2, 3, vec![1u8, 2, 3, 4, 5, 6]).unwrap();
    assert_eq!(pixels.planes(|v| v), [1, 4, 2, 5, 3, 6]);
    assert_eq!(pixels.reversed_channels().data(), [3, 2, 1, 6, 5, 4]);
}

#[test]
fn outlines_filled_together_cancel_where_they_overlap_but_for_their_borders() {
    let square = |x: i32| [[x, 1], [x + 6, 1], [x + 6, 7], [x, 7]];
    let mut map = glyphic_imgproc::Map::filled(14, 9, 0u8).unwrap();
    fill_polys(&mut map, &[square(1), square(4)], 1);
    assert_eq!(map.row(4), [0, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 0]);
}

proptest! {
    #[test]
    fn a_map_and_its_inverse_cancel(degrees in -180.0..180.0f64, x in -99.0..99.0f64, y in -99.0..99.0f64) {
        let map = Affine::rotation(Point::new(3.0, 4.0), degrees).shifted(2.0, -5.0);
        let back = map.inverse().unwrap().apply(map.apply(Point::new(x, y)));
        prop_assert!((back.x - x).abs() < 1e-9 && (back.y - y).abs() < 1e-9);
    }
}
