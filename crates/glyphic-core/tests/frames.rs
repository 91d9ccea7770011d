//! Files of several pictures.

use glyphic_core::{Frame, Frames, Image, ImageLimits};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn frames(bytes: &[u8]) -> Vec<Image> {
    let frames = Frames::open(bytes, "test", ImageLimits::default()).unwrap();
    frames.map(|frame| frame.unwrap().image).collect()
}

#[test]
fn every_page_of_a_tiff_and_every_frame_of_a_gif_is_given() {
    for name in ["three-pages.tif", "three-frames.gif"] {
        let images = frames(&fixture(name));
        assert_eq!(images.len(), 3, "{name}");
        assert!(images[0].rgb() != images[1].rgb() && images[1].rgb() != images[2].rgb(), "{name}");
    }
}

#[test]
fn a_tiff_whose_pages_run_in_a_circle_ends_with_a_warning() {
    let mut bytes = fixture("three-pages.tif");
    assert_eq!(&bytes[..4], b"II\x2a\0");
    // The offset behind the last directory, which is 0, is set to the first directory.
    let first: [u8; 4] = bytes[4..8].try_into().unwrap();
    let mut at = u32::from_le_bytes(first) as usize;
    loop {
        let count = usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
        let link = at + 2 + 12 * count;
        let next = u32::from_le_bytes(bytes[link..link + 4].try_into().unwrap()) as usize;
        if next == 0 {
            bytes[link..link + 4].copy_from_slice(&first);
            break;
        }
        at = next;
    }
    let frames: Vec<_> =
        Frames::open(&bytes, "test", ImageLimits::default()).unwrap().map(Result::unwrap).collect();
    assert_eq!(frames.len(), 3);
    assert!(frames[2].warning.as_ref().is_some_and(|w| w.contains("circle")), "{:?}", frames[2].warning);
}

#[test]
fn a_jpeg_that_ends_early_is_given_with_a_warning_and_a_whole_one_without() {
    let warning = |bytes: &[u8]| {
        let mut frames = Frames::open(bytes, "test", ImageLimits::default()).unwrap();
        frames.next().unwrap().unwrap().warning
    };
    assert!(warning(&fixture("cut-in-half.jpg")).is_some_and(|w| w.contains("ends early")));
    let whole = Image::filled(64, 48, [200, 10, 10]).unwrap().encode(image::ImageFormat::Jpeg).unwrap();
    assert_eq!(warning(&whole), None);
    assert!(warning(&whole[..whole.len() - 2]).is_some());
}

#[test]
fn limits_hold_for_animations() {
    let limits = ImageLimits { max_side: 10, max_pixels: 1_000 };
    assert!(Frames::open(&fixture("three-frames.gif"), "test", limits).is_err());
}

#[test]
fn every_frame_of_an_animated_png_is_given() {
    let path = format!("{}/tests/fixtures/formats/animated.png", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).unwrap();
    let frames: Vec<Frame> =
        Frames::open(&bytes, "a.png", ImageLimits::default()).unwrap().map(Result::unwrap).collect();
    assert_eq!(frames.len(), 3);
    for (i, frame) in frames.iter().enumerate() {
        let at = |box_: usize| frame.image.pixel(7 + 10 * box_ as u32, 9);
        for box_ in 0..3 {
            assert_eq!(at(box_), if box_ == i { [0; 3] } else { [255; 3] }, "frame {i}, box {box_}");
        }
    }
    for cut in [60, bytes.len() / 2, bytes.len() - 20] {
        let frames = Frames::open(&bytes[..cut], "a.png", ImageLimits::default());
        assert!(frames.is_err() || frames.unwrap().any(|frame| frame.is_err()), "cut at {cut}");
    }
}
