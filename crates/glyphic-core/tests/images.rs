//! Pictures of every kind become upright RGB; files that are none give an error that says why.

use glyphic_core::{Error, Image, ImageLimits};
use image::{ExtendedColorType, ImageFormat};

fn decode(bytes: &[u8]) -> Result<Image, Error> {
    Image::decode(bytes, "picture", ImageLimits::default())
}

// A PNG writer of its own: the encoders at hand write neither palettes nor broken headers.

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |mut c, b| {
        c ^= u32::from(*b);
        for _ in 0..8 {
            c = if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 };
        }
        c
    })
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [kind, data].concat();
    [&(data.len() as u32).to_be_bytes()[..], &body, &crc(&body).to_be_bytes()].concat()
}

fn png_start(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let header = [&size[..], &[depth, colour, 0, 0, 0]].concat();
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header)].concat()
}

/// `rows` hold the samples of each row; deflate stores them as they are.
fn png(size: (u32, u32), depth: u8, colour: u8, extra: &[Vec<u8>], rows: &[&[u8]]) -> Vec<u8> {
    let raw: Vec<u8> = rows.iter().flat_map(|row| [&[0u8][..], row].concat()).collect();
    let (mut a, mut b) = (1u32, 0u32);
    for byte in &raw {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    let length = raw.len() as u16;
    let mut data = vec![0x78, 0x01, 1];
    data.extend(length.to_le_bytes());
    data.extend((!length).to_le_bytes());
    data.extend(&raw);
    data.extend((b << 16 | a).to_be_bytes());
    let start = png_start(size.0, size.1, depth, colour);
    [start, extra.concat(), chunk(b"IDAT", &data), chunk(b"IEND", &[])].concat()
}

/// A name, the file, and the colours of its two pixels.
type PngCase = (&'static str, Vec<u8>, [[u8; 3]; 2]);

#[test]
fn every_colour_type_of_png_becomes_rgb() {
    let palette = chunk(b"PLTE", &[10, 20, 30, 200, 100, 50]);
    let transparency = chunk(b"tRNS", &[255, 0]);
    #[rustfmt::skip]
    let cases: [PngCase; 9] = [
        ("grey", png((2, 1), 8, 0, &[], &[&[0, 90]]), [[0; 3], [90; 3]]),
        ("one bit", png((2, 1), 1, 0, &[], &[&[0b0100_0000]]), [[0; 3], [255; 3]]),
        ("16-bit grey", png((2, 1), 16, 0, &[], &[&[0x80, 0x00, 0xff, 0xff]]), [[128; 3], [255; 3]]),
        ("rgb", png((2, 1), 8, 2, &[], &[&[1, 2, 3, 4, 5, 6]]), [[1, 2, 3], [4, 5, 6]]),
        ("16-bit rgb", png((2, 1), 16, 2, &[], &[&[0, 0, 0x80, 0x80, 0xff, 0xff, 0xff, 0xff, 0, 0, 0x40, 0x40]]),
            [[0, 128, 255], [255, 0, 64]]),
        ("palette", png((2, 1), 8, 3, std::slice::from_ref(&palette), &[&[1, 0]]), [[200, 100, 50], [10, 20, 30]]),
        ("transparent palette", png((2, 1), 8, 3, &[palette, transparency], &[&[1, 0]]), [[255; 3], [10, 20, 30]]),
        ("grey and alpha", png((2, 1), 8, 4, &[], &[&[40, 255, 40, 0]]), [[40; 3], [255; 3]]),
        ("rgba", png((2, 1), 8, 6, &[], &[&[200, 100, 0, 255, 200, 100, 0, 128]]),
            [[200, 100, 0], [227, 177, 127]]),
    ];
    for (name, bytes, [left, right]) in cases {
        let image = decode(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!((image.width(), image.height()), (2, 1), "{name}");
        assert_eq!([image.pixel(0, 0), image.pixel(1, 0)], [left, right], "{name}");
    }
}

/// Four quarters of 16x16 and 16x24 pixels: red, green, blue, white.
fn quarters() -> Image {
    let mut image = Image::filled(32, 48, [0; 3]).unwrap();
    for (i, pixel) in image.rgb_mut().chunks_exact_mut(3).enumerate() {
        let (right, lower) = (i % 32 >= 16, i / 32 >= 24);
        pixel.copy_from_slice(&quarter_colour(right, lower));
    }
    image
}

fn quarter_colour(right: bool, lower: bool) -> [u8; 3] {
    match (right, lower) {
        (false, false) => [255, 0, 0],
        (true, false) => [0, 255, 0],
        (false, true) => [0, 0, 255],
        (true, true) => [255, 255, 255],
    }
}

/// An EXIF block whose one entry is the orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let mut tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    tiff.extend([orientation, 0, 0, 0, 0, 0, 0]);
    tiff
}

fn jpeg_with_orientation(orientation: u8) -> Vec<u8> {
    let jpeg = quarters().encode(ImageFormat::Jpeg).unwrap();
    let body = [b"Exif\0\0".to_vec(), exif(orientation)].concat();
    let length = (body.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &body, &jpeg[2..]].concat()
}

#[test]
fn all_eight_exif_orientations_are_turned_upright() {
    // Which stored quarter (right, lower) comes to the top-left and to the top-right.
    let cases = [
        (1, (false, false), (true, false)),
        (2, (true, false), (false, false)),
        (3, (true, true), (false, true)),
        (4, (false, true), (true, true)),
        (5, (false, false), (false, true)),
        (6, (false, true), (false, false)),
        (7, (true, true), (true, false)),
        (8, (true, false), (true, true)),
    ];
    for (orientation, top_left, top_right) in cases {
        let image = decode(&jpeg_with_orientation(orientation)).unwrap();
        let size = if orientation < 5 { (32, 48) } else { (48, 32) };
        assert_eq!((image.width(), image.height()), size, "orientation {orientation}");
        for (x, (right, lower)) in [(4, top_left), (image.width() - 5, top_right)] {
            let (got, expected) = (image.pixel(x, 4), quarter_colour(right, lower));
            let near = got.iter().zip(expected).all(|(a, b)| a.abs_diff(b) < 12);
            assert!(near, "orientation {orientation}, column {x}: {got:?} is not {expected:?}");
        }
    }
}

#[test]
fn an_orientation_out_of_range_leaves_the_picture_as_stored() {
    for orientation in [0, 9, 255] {
        let image = decode(&jpeg_with_orientation(orientation)).unwrap();
        assert_eq!((image.width(), image.height()), (32, 48));
    }
}

#[test]
fn cmyk_jpeg_has_the_right_colours() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cmyk.jpg");
    let image = Image::open(path).unwrap();
    for (x, expected) in [(2, [255u8, 0, 0]), (29, [0, 255, 255])] {
        let got = image.pixel(x, 8);
        let near = got.iter().zip(expected).all(|(a, b)| a.abs_diff(b) < 16);
        assert!(near, "column {x}: {got:?} is not {expected:?}");
    }
}

#[test]
fn every_format_that_the_error_names_is_read() {
    let image = quarters();
    let formats =
        [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::WebP, ImageFormat::Pnm];
    for format in formats {
        let decoded = decode(&image.encode(format).unwrap()).unwrap_or_else(|e| panic!("{format:?}: {e}"));
        assert_eq!(decoded.rgb(), image.rgb(), "{format:?}");
    }
    let gif = image.encode(ImageFormat::Gif).unwrap();
    assert_eq!(decode(&gif).unwrap().pixel(0, 0), [255, 0, 0]);
}

#[test]
fn files_that_are_no_picture_give_an_error_that_says_why() {
    let png = quarters().encode(ImageFormat::Png).unwrap();
    let jpeg = quarters().encode(ImageFormat::Jpeg).unwrap();
    let zero = [png_start(0, 0, 8, 2), chunk(b"IEND", &[])].concat();
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("nothing", Vec::new(), "the file is empty"),
        ("text", b"Dear reader,\nthis is no picture.\n".to_vec(), "no known image format"),
        ("the start of a JPEG", jpeg[..jpeg.len() / 2].to_vec(), ""),
        ("three bytes of a JPEG", jpeg[..3].to_vec(), ""),
        ("the start of a PNG", png[..png.len() / 2].to_vec(), ""),
        ("0x0 pixels", zero, ""),
        ("noise after a PNG signature", [b"\x89PNG\r\n\x1a\n".to_vec(), vec![0x5a; 200]].concat(), ""),
    ];
    for (name, bytes, reason) in cases {
        match decode(&bytes) {
            Err(e @ Error::Decode { .. }) => {
                let message = e.to_string();
                assert!(message.contains("picture") && message.contains(reason), "{name}: {message}");
            }
            Err(e) => panic!("{name}: {e}"),
            Ok(image) => panic!("{name} was read as {}x{}", image.width(), image.height()),
        }
    }
}

#[test]
fn a_file_cut_off_anywhere_never_panics() {
    for format in
        [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::WebP]
    {
        let whole = quarters().encode(format).unwrap();
        for length in 0..whole.len() {
            match decode(&whole[..length]) {
                Ok(image) => {
                    assert_eq!((image.width(), image.height()), (32, 48), "{format:?} cut at {length}")
                }
                Err(e) => assert!(matches!(e, Error::Decode { .. }), "{format:?} cut at {length}: {e}"),
            }
        }
    }
}

#[test]
fn a_file_that_is_not_there_gives_its_path() {
    let error = Image::open("no/such/picture.png").unwrap_err();
    assert!(
        matches!(error, Error::Read { .. }) && error.to_string().contains("no/such/picture.png"),
        "{error}"
    );
}

#[test]
fn a_picture_beyond_the_limits_is_refused_before_its_pixels_are_read() {
    let bomb = [png_start(30_000, 30_000, 8, 2), chunk(b"IDAT", &[0x78, 0x01]), chunk(b"IEND", &[])].concat();
    assert!(matches!(decode(&bomb), Err(Error::TooLarge { width: 30_000, height: 30_000, .. })));
    let png = quarters().encode(ImageFormat::Png).unwrap();
    let limits = ImageLimits { max_side: 64, max_pixels: 1_000 };
    assert!(matches!(Image::decode(&png, "picture", limits), Err(Error::TooLarge { max_pixels: 1_000, .. })));
}

#[test]
fn pixel_data_must_fit_the_size() {
    for (width, height, bytes) in
        [(2, 2, 11), (0, 4, 0), (4, 0, 12), (u32::MAX, u32::MAX, 3), (u32::MAX, 5, 3)]
    {
        let result = Image::from_rgb(width, height, vec![0; bytes]);
        assert!(matches!(result, Err(Error::PixelCount { .. })), "{width}x{height} from {bytes} bytes");
    }
    assert!(Image::filled(0, 3, [0; 3]).is_err());
    assert!(Image::filled(u32::MAX, u32::MAX, [0; 3]).is_err());
}

#[test]
fn a_saved_picture_reads_back_and_a_failed_save_leaves_nothing() {
    let folder = std::env::temp_dir().join(format!("glyphic-images-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let image = quarters();
    image.save(folder.join("a.png")).unwrap();
    assert_eq!(Image::open(folder.join("a.png")).unwrap().rgb(), image.rgb());
    let missing = folder.join("none").join("a.png");
    let error = image.save(&missing).unwrap_err();
    assert!(matches!(error, Error::Write { .. }) && error.to_string().contains("cannot write"), "{error}");
    assert!(image.save(folder.join("a.unknown")).is_err());
    let names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["a.png"]);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_clone_is_not_changed_with_its_original() {
    let mut image = quarters();
    let clone = image.clone();
    image.rgb_mut().fill(7);
    assert_eq!(clone.pixel(0, 0), [255, 0, 0]);
    assert_eq!(image.pixel(0, 0), [7; 3]);
}

#[test]
fn grey_jpeg_becomes_rgb() {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::write_buffer_with_format(&mut bytes, &[90u8; 64], 8, 8, ExtendedColorType::L8, ImageFormat::Jpeg)
        .unwrap();
    let pixel = decode(bytes.get_ref()).unwrap().pixel(3, 3);
    assert!(pixel.iter().all(|v| v.abs_diff(90) < 3), "{pixel:?}");
}

#[test]
fn what_is_transparent_lies_over_white_and_light_drawings_over_black() {
    // Three pixels of four are transparent, of whatever colour; the fourth is the drawing.
    for (drawn, ground) in [([255, 255, 255, 255], 0), ([0, 0, 0, 255], 255), ([200, 30, 30, 255], 255)] {
        let rgba: Vec<u8> = [drawn, [9, 9, 9, 0], [250, 250, 250, 0], [9, 9, 9, 0]].concat();
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::write_buffer_with_format(&mut bytes, &rgba, 4, 1, ExtendedColorType::Rgba8, ImageFormat::Png)
            .unwrap();
        let image = decode(bytes.get_ref()).unwrap();
        assert_eq!(image.pixel(0, 0), drawn[..3]);
        assert_eq!(image.pixel(1, 0), [ground; 3], "under {drawn:?}");
    }
}

/// What a fixture's middle of each box must be: black at (15, 8), grey or colour at (35, 8), white at (2, 2) and (45, 20), black
/// at (55, 15).
fn boxes(name: &str) -> [[u8; 3]; 5] {
    let path = format!("{}/tests/fixtures/formats/{name}", env!("CARGO_MANIFEST_DIR"));
    let image = Image::open(&path).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((image.width(), image.height()), (61, 24), "{name}");
    [(15, 8), (35, 8), (2, 2), (45, 20), (55, 15)].map(|(x, y)| image.pixel(x, y))
}

#[test]
fn tiff_of_any_sample_and_fax_compression_is_decoded() {
    const GREY: [u8; 3] = [128; 3];
    for (name, middle, tolerance) in [
        ("float_grey.tiff", GREY, 1),
        ("float_stretched.tiff", GREY, 1),
        ("float_rgb.tiff", [255, 128, 0], 1),
        ("float64.tiff", GREY, 1),
        ("float16.tiff", GREY, 1),
        ("int16.tiff", GREY, 1),
        ("grey4.tiff", GREY, 9),
        ("grey2.tiff", GREY, 43),
        ("ycbcr.tiff", [255, 0, 0], 20),
        // The grey box was black when it was sent.
        ("fax_group3.tiff", [0; 3], 0),
        ("fax_group3_2d.tiff", [0; 3], 0),
        ("fax_group3_lsb.tiff", [0; 3], 0),
        ("fax_rle.tiff", [0; 3], 0),
        ("fax_group4_lsb.tiff", [0; 3], 0),
        ("fax_white.tiff", [0; 3], 0),
        ("ycck.jpg", [255, 0, 0], 20),
    ] {
        let expected = [[0; 3], middle, [255; 3], [255; 3], [0; 3]];
        for (got, expected) in boxes(name).iter().zip(expected) {
            let far = got.iter().zip(expected).any(|(a, b)| a.abs_diff(b) > tolerance);
            assert!(!far, "{name}: {got:?} where {expected:?} is due");
        }
    }
}

#[test]
fn a_tiff_that_no_crate_decodes_says_what_it_is() {
    let path = format!("{}/tests/fixtures/formats/palette8.tiff", env!("CARGO_MANIFEST_DIR"));
    let error = Image::open(path).unwrap_err().to_string();
    assert!(error.contains("palette8.tiff") && error.contains("RGBPalette"), "{error}");
}

#[test]
fn a_fax_that_ends_early_keeps_its_lines_and_one_of_nothing_is_an_error() {
    let path = format!("{}/tests/fixtures/formats/fax_group3.tiff", env!("CARGO_MANIFEST_DIR"));
    let whole = std::fs::read(path).unwrap();
    for cut in 0..whole.len() {
        // Whatever is missing, nothing panics.
        let _ = Image::decode(&whole[..cut], "cut.tiff", ImageLimits::default());
    }
    let limits = ImageLimits { max_side: 60, max_pixels: 1000 };
    let error = Image::decode(&whole, "fax.tiff", limits).unwrap_err();
    assert!(matches!(error, Error::TooLarge { width: 61, height: 24, .. }), "{error}");
}
