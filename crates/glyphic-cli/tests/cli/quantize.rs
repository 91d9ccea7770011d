//! `glyphic quantize`: the gate, and what it writes.

use std::fs;

use crate::common::{glyphic, synth_config};

#[test]
fn a_recognizer_is_written_in_8_bits_only_if_it_loses_no_more_than_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (config, lines, out) = (synth_config(folder.path()), path("lines"), path("int8.onnx"));
    glyphic(&["synth", "lines", "--config", &config, "--count", "6", "--seed", "3", "--out", &lines]).ok();
    let quantize = |loss: &str| {
        let data = ["quantize", "crnn_lite", "--data", &lines, "--calibrate", "4", "--range", "max"];
        glyphic(&[&data[..], &["--max-loss", loss, "--out", &out]].concat())
    };

    // Better by more than 1 is impossible.
    let refused = quantize("-1.5");
    refused.fails(1, &["nothing was written", "--max-loss allows -1.5", "word accuracy"]);
    assert!(refused.stdout.contains("float: ") && refused.stdout.contains("int8, "), "{}", refused.stdout);
    assert!(!fs::exists(&out).unwrap());

    let written = quantize("1").ok();
    let last = written.lines().last().unwrap();
    let share: Vec<usize> =
        last.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    assert!(share[1] == share[2] && share[1] > 15, "all layers in 8 bits: {last}");
    let float = fs::metadata(concat!(env!("CARGO_MANIFEST_DIR"), "/../../weights/crnn_lite.onnx")).unwrap();
    let bytes = fs::metadata(&out).unwrap();
    assert!(bytes.len() < float.len(), "{} and {} bytes in 16 bits", bytes.len(), float.len());

    // It reads, and is not quantised again.
    let mut crops: Vec<_> = fs::read_dir(folder.path().join("lines/crops")).unwrap().collect();
    crops.sort_by_key(|entry| entry.as_ref().unwrap().path());
    let crop = crops[0].as_ref().unwrap().path().display().to_string();
    let read = glyphic(&["recognize", &crop, "--weights", &out]).ok();
    assert_eq!(read.lines().count(), 1, "{read}");
    let again =
        glyphic(&["quantize", "crnn_lite", "--weights", &out, "--data", &lines, "--out", &path("x.onnx")]);
    again.fails(4, &["quantised already"]);
    glyphic(&["quantize", "dbnet_lite", "--data", &lines, "--out", &path("x.onnx")])
        .fails(3, &["expected regions of images"]);
}
