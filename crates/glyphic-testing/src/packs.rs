//! Small packs that tests draw themselves.

use std::fs;
use std::path::Path;

use glyphic_core::Image;
use tempfile::TempDir;

/// A picture whose pixels depend on `tag`, so that two are never alike.
pub fn picture(width: u32, height: u32, tag: u32) -> Image {
    let tag = tag % 1000;
    let rgb = (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .flat_map(|(x, y)| [(x * 3 + tag * 40) as u8, (y * 5 + tag) as u8, ((x ^ y) + tag * 7) as u8])
        .collect();
    Image::from_rgb(width, height, rgb).expect("valid")
}

/// A detection pack with these lines of labels; pictures named in `images` with their sizes.
pub fn detection(lines: &[&str], images: &[(&str, u32, u32)]) -> TempDir {
    let dir = TempDir::new().expect("a temporary folder");
    fs::create_dir(dir.path().join("images")).expect("writable");
    for (tag, (name, w, h)) in (0..).zip(images) {
        picture(*w, *h, tag).save(dir.path().join("images").join(name)).expect("writable");
    }
    fs::write(dir.path().join("gt.jsonl"), lines.join("\n")).expect("writable");
    dir
}

/// A recognition pack of these labels, with a crop for each name before a TAB.
pub fn recognition(labels: &str, size: impl Fn(usize) -> (u32, u32)) -> TempDir {
    let dir = TempDir::new().expect("a temporary folder");
    fs::create_dir(dir.path().join("crops")).expect("writable");
    for (i, line) in labels.lines().enumerate() {
        if let Some((name, _)) = line.split_once('\t').filter(|(name, _)| !name.is_empty()) {
            let (w, h) = size(i);
            picture(w, h, i as u32).save(dir.path().join("crops").join(name)).expect("writable");
        }
    }
    fs::write(dir.path().join("labels.tsv"), labels).expect("writable");
    dir
}

/// Writes a broken picture over a good one.
pub fn spoil(dir: &Path, file: &str) {
    fs::write(dir.join(file), b"this is no picture").expect("writable");
}
