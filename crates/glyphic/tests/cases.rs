//! Small pictures that were once read badly, each with its text in a file beside it.

use std::collections::HashMap;
use std::path::PathBuf;

use glyphic::{Image, Page, Reader};

/// Case, and the share of its words that must be read to the letter.
const CASES: [(&str, f64); 14] = [
    ("a4-small-print", 0.95),
    ("big", 1.0),
    ("code", 0.5),
    ("full-stops", 0.85),
    ("letters", 0.6),
    ("long-lines", 0.95),
    ("plate", 1.0),
    ("ruled-table", 0.7),
    ("single-7", 1.0),
    ("single-tight", 1.0),
    ("spaces", 0.75),
    ("strip", 0.8),
    ("tilt", 0.8),
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
