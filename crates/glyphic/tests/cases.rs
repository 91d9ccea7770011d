//! Small pictures that were once read badly, each with its text in a file beside it.

use std::collections::HashMap;
use std::path::PathBuf;

use glyphic::{Image, Orientation, Page, Reader, ReaderConfig};

/// Case, and the share of its words that must be read to the letter.
const CASES: [(&str, f64); 18] = [
    ("a4-small-print", 0.95),
    ("big", 1.0),
    ("code", 0.5),
    ("full-stops", 0.85),
    ("letters", 0.55),
    ("long-lines", 0.95),
    ("plate", 1.0),
    ("ruled-table", 0.7),
    ("single-7", 1.0),
    ("single-tight", 1.0),
    ("sideways", 0.9),
    ("spaces", 0.75),
    ("strip", 0.8),
    ("tilt", 0.8),
    ("upside-down", 0.9),
    ("vertical", 0.9),
    ("vertical-heads", 1.0),
    ("white-on-clear", 0.9),
];

fn case(name: &str) -> (Image, String) {
    let path = |extension: &str| {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(format!("{name}.{extension}"))
    };
    let text = std::fs::read_to_string(path("txt")).expect("every case has its text");
    (Image::open(path("png")).expect("every case has its picture"), text)
}

fn read(name: &str) -> (Page, String) {
    let (image, text) = case(name);
    let reader = Reader::builder().build().expect("the shipped models load");
    (reader.read(&image).expect("a picture is read"), text)
}

/// The share of the expected words that were read, each as often as it stands there.
fn recall(page: &Page, expected: &str) -> f64 {
    let mut read: HashMap<String, usize> = HashMap::new();
    for word in page.text().split_whitespace() {
        *read.entry(word.to_owned()).or_default() += 1;
    }
    let words: Vec<&str> = expected.split_whitespace().collect();
    let found = words
        .iter()
        .filter(|word| read.get_mut(**word).filter(|count| **count > 0).map(|count| *count -= 1).is_some());
    found.count() as f64 / words.len() as f64
}

#[test]
fn cases_are_read() {
    let read = CASES.map(|(name, least)| {
        let (page, expected) = read(name);
        (name, recall(&page, &expected), least, page.text())
    });
    let failed: Vec<_> = read.iter().filter(|(_, recall, least, _)| recall < least).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

/// A picture turned by 180 degrees.
fn turned_over(image: &Image) -> Image {
    let (pixels, _) = image.rgb().as_chunks::<3>();
    let turned: Vec<[u8; 3]> = pixels.iter().rev().copied().collect();
    Image::from_rgb(image.width(), image.height(), turned.into_flattened()).expect("as many pixels")
}

#[test]
fn the_orientation_of_pages_is_found_and_their_words_stand_in_the_pixels_of_the_original() {
    let reader = Reader::builder().build().expect("the shipped models load");
    let (sideways, text) = case("sideways");
    let cases = [
        (turned_over(&case("upside-down").0), 0),
        (sideways.clone(), 90),
        (case("upside-down").0, 180),
        (turned_over(&sideways), 270),
    ];
    for (image, degrees) in cases {
        let page = reader.read(&image).expect("a picture is read");
        assert_eq!((page.orientation, page.width, page.height), (degrees, image.width(), image.height()));
        assert!(recall(&page, &text) >= 0.9, "{degrees}: {}", page.text());
        // From the middle of the first line's left end to its right one, as it is read.
        let [tl, tr, ..] = page.lines[0].polygon.points() else { panic!("{:?}", page.lines[0]) };
        let (x, y) = (tr.x - tl.x, tr.y - tl.y);
        let direction = [(0, x > y.abs()), (90, y > x.abs()), (180, -x > y.abs()), (270, -y > x.abs())];
        assert!(direction.contains(&(degrees, true)), "{degrees}: {tl:?} {tr:?}");
        let (middle_x, middle_y) =
            ((tl.x + tr.x) / f64::from(page.width), (tl.y + tr.y) / f64::from(page.height));
        let at_top =
            [(0, middle_y < 1.0), (90, middle_x > 1.0), (180, middle_y > 1.0), (270, middle_x < 1.0)];
        assert!(at_top.contains(&(degrees, true)), "{degrees}: {tl:?} {tr:?}");
    }
}

#[test]
fn an_orientation_that_is_set_is_not_questioned() {
    let (image, text) = case("upside-down");
    for (orientation, degrees, read) in [(Orientation::Keep, 0, false), (Orientation::UpsideDown, 180, true)]
    {
        let mut config = ReaderConfig::default();
        config.reading.orientation = orientation;
        let reader = Reader::builder().config(config).build().expect("the shipped models load");
        let page = reader.read(&image).expect("a picture is read");
        assert_eq!(page.orientation, degrees);
        assert_eq!(recall(&page, &text) > 0.5, read, "{orientation:?}: {}", page.text());
    }
}

#[test]
fn a_line_upside_down_on_an_upright_page_is_read() {
    let (strip, text) = case("strip");
    let over = turned_over(&strip);
    let (width, height) = (strip.width(), strip.height());
    let mut page = Image::filled(width, 10 * height, [255; 3]).expect("a picture");
    for (row, line) in [(1, &strip), (4, &over), (7, &strip)] {
        let at = (row * width * height) as usize * 3;
        page.rgb_mut()[at..at + line.rgb().len()].copy_from_slice(line.rgb());
    }
    let reader = Reader::builder().build().expect("the shipped models load");
    let read = reader.read(&page).expect("a picture is read");
    let thrice = format!("{text} {text} {text}");
    assert_eq!(read.orientation, 0);
    assert!(recall(&read, &thrice) >= 0.8, "{}", read.text());
}

#[test]
fn no_full_stop_of_clean_print_is_lost() {
    let (page, expected) = read("full-stops");
    let stops = |text: &str| text.matches('.').count();
    assert!(stops(&page.text()) + 1 >= stops(&expected), "{}", page.text());
}

#[test]
fn every_line_of_a_page_of_small_print_is_found() {
    let (page, expected) = read("a4-small-print");
    let lines = expected.lines().filter(|line| !line.trim().is_empty()).count();
    let starts = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let read = page.text();
    let found = expected.lines().filter(|line| read.lines().any(|l| starts(l) == starts(line))).count();
    assert!(found * 100 >= lines * 95, "{found} of {lines} lines");
    assert!(page.dropped.count(glyphic_core::DropReason::LowScore) == 0, "{}", page.dropped);
}

#[test]
fn cells_of_a_ruled_table_are_lines_of_their_own() {
    let (page, _) = read("ruled-table");
    let crossing: Vec<&str> =
        page.lines.iter().map(|l| l.text.as_str()).filter(|text| text.split(' ').count() > 3).collect();
    assert!(crossing.is_empty(), "{crossing:?}");
}
