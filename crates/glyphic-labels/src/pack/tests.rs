use std::fs;

use glyphic_testing::packs;

use super::*;

fn open(dir: &tempfile::TempDir) -> Result<LazyPack> {
    LazyPack::open(dir.path(), &PackOptions::default())
}

fn line(annotations: &str) -> String {
    format!(r#"{{"file_name": "a.png", "width": 60, "height": 40, "annotations": [{annotations}]}}"#)
}

fn one(annotations: &str) -> Result<LazyPack> {
    let line = line(annotations);
    open(&packs::detection(&[&line], &[("a.png", 60, 40)]))
}

#[test]
fn a_detection_pack_gives_pictures_with_their_truth() {
    let second = r#"{"file_name": "b.png", "annotations": [], "shot_by": {"unknown": ["fields"]}}"#;
    let first = line(
        r####"{"polygon": [5, 6, 40, 6.5, 40, 20, 5, 20], "text": "two words ", "entity": "shop", "label": 3, "weight": 2},
           {"polygon": [5, 25, 40, 25, 40, 35, 5, 35], "text": "x", "ignore": true, "label": 7},
           {"polygon": [1, 1, 4, 1, 4, 4], "text": "###"},
           {"polygon": [1, 1, 4, 1, 4, 4], "text": ""},
           {"polygon": [1, 1, 4, 1, 4, 4]}"####,
    )
    .replace('\n', "");
    let dir = packs::detection(&["\u{feff}", &first, "", second], &[("a.png", 60, 40), ("b.png", 7, 9)]);
    let pack = open(&dir).expect("valid");
    assert_eq!((pack.kind(), pack.len(), pack.warnings().len()), (PackKind::Detection, 2, 0));
    let sample = pack.get(0).expect("readable");
    assert_eq!(sample.image.rgb(), packs::picture(60, 40, 0).rgb());
    assert_eq!((sample.truth.width, sample.truth.height), (60, 40));
    let got: Vec<_> =
        sample.truth.instances.iter().map(|t| (t.text(), t.label.as_deref(), t.ignore)).collect();
    let expected = [
        ("two words ", Some("shop"), false),
        ("x", Some("7"), true),
        ("###", None, true),
        ("", None, true),
        ("", None, false),
    ];
    assert_eq!(got, expected);
    assert!(sample.truth.instances[4].transcript.is_none());
    assert_eq!(
        sample.truth.instances[0].region.polygon.to_flat(),
        [5.0, 6.0, 40.0, 6.5, 40.0, 20.0, 5.0, 20.0]
    );
    assert_eq!(pack.get(1).expect("readable").truth.instances.len(), 0);
    assert_eq!(pack.location(1).expect("in range").line, 4);
    assert_eq!(pack.iter().filter(Result::is_ok).count(), 2);
}

#[test]
fn a_recognition_pack_keeps_the_spaces_of_its_texts() {
    let dir =
        packs::recognition("a.png\t two  words \r\nb.png\tTAB\tin it\nc.png\t\n", |i| (20 + i as u32, 10));
    let pack = open(&dir).expect("valid");
    assert_eq!((pack.kind(), pack.len()), (PackKind::Recognition, 3));
    let texts: Vec<String> =
        pack.iter().map(|s| s.expect("readable").truth.instances[0].text().to_owned()).collect();
    assert_eq!(texts, [" two  words ", "TAB\tin it", ""]);
    let sample = pack.get(1).expect("readable");
    let bounds = sample.truth.instances[0].region.polygon.bounds();
    assert_eq!((bounds.width(), bounds.height()), (21.0, 10.0));
}

#[test]
fn a_limit_keeps_the_first_samples() {
    let dir = packs::recognition("a.png\ta\nb.png\tb\nnot a label", |_| (20, 10));
    let pack = LazyPack::open(dir.path(), &PackOptions { limit: Some(2), ..PackOptions::default() })
        .expect("the third is not read");
    assert_eq!(pack.len(), 2);
    assert!(matches!(pack.get(2), Err(Error::Index { index: 2, len: 2, .. })));
}

#[test]
fn invalid_polygons_become_ignored_regions_with_a_warning() {
    for (polygon, region) in [
        ("[5, 5, 30, 5, 5, 20, 30, 20]", Some([5.0, 5.0, 30.0, 20.0])), // crosses itself
        ("[5, 5, 30, 5]", Some([5.0, 5.0, 30.0, 6.0])),                 // two points
        ("[5, 5, 5, 5, 5, 5]", Some([5.0, 5.0, 6.0, 6.0])),             // one point three times
        ("[5, 5, 10, 10, 15, 15]", Some([5.0, 5.0, 15.0, 15.0])),       // a line
        ("[5, 5, 30, 5, 30, 20, 7]", Some([5.0, 5.0, 30.0, 20.0])),     // an odd number
        ("[]", None),
    ] {
        let good = r#"{"polygon": [5, 25, 40, 25, 40, 35, 5, 35], "text": "good"}"#;
        let pack =
            one(&format!(r#"{{"polygon": {polygon}, "text": "bad"}}, {good}"#)).expect("read all the same");
        let warning = &pack.warnings()[0];
        assert_eq!((pack.warnings().len(), warning.annotation, warning.at.line), (1, 0, 1), "{polygon}");
        assert!(warning.to_string().contains("gt.jsonl:1, annotation 0: not a polygon"), "{warning}");
        let instances = pack.instances(0).expect("a detection pack");
        let (bad, good) = instances.split_at(instances.len() - 1);
        assert!(!good[0].ignore);
        let got = bad.first().map(|t| {
            assert!(t.ignore && t.text() == "bad");
            let b = t.region.polygon.bounds();
            [b.x0, b.y0, b.x1, b.y1]
        });
        assert_eq!(got, region, "{polygon}");
    }
}

#[test]
fn broken_labels_name_file_line_and_what_is_expected() {
    let good = line("");
    for (bad, words) in [
        ("{\"file_name\": ", "EOF while parsing"),
        ("[1, 2]", "invalid type"),
        (r#"{"annotations": []}"#, "missing field `file_name`"),
        (r#"{"file_name": "", "annotations": []}"#, "file_name is empty"),
        (r#"{"file_name": "a.png", "annotations": [{"text": "no polygon"}]}"#, "missing field `polygon`"),
        (r#"{"file_name": "a.png", "width": -4, "annotations": []}"#, "invalid value"),
        (r#"{"file_name": "a.png", "annotations": [{"polygon": [1e999, 2, 3, 4, 5, 6]}]}"#, "out of range"),
    ] {
        let error = open(&packs::detection(&[&good, bad], &[("a.png", 60, 40)])).expect_err(bad);
        assert!(matches!(&error, Error::Label { at, .. } if at.line == 2), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("gt.jsonl:2") && text.contains(words) && text.contains("expected"), "{text}");
    }
    for (labels, line, words) in [("a.png\ta\nb.png b", 2, "no TAB"), ("\ta", 1, "no file name")] {
        let dir = packs::recognition(labels, |_| (20, 10));
        let error = open(&dir).expect_err(labels);
        assert!(matches!(&error, Error::Label { at, .. } if at.line == line), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let dir = packs::recognition("a.png\ta", |_| (20, 10));
    fs::write(dir.path().join("labels.tsv"), b"a.png\ta\nb.png\t\xff\xfe").expect("writable");
    let error = open(&dir).expect_err("not UTF-8").to_string();
    assert!(error.contains("labels.tsv:2") && error.contains("byte 7"), "{error}");
}

#[test]
fn a_missing_picture_is_named_with_its_label() {
    let second = r#"{"file_name": "gone.png", "annotations": []}"#;
    let dir = packs::detection(&[&line(""), second, second], &[("a.png", 60, 40)]);
    let error = open(&dir).expect_err("missing");
    assert!(matches!(&error, Error::MissingImage { at, more: 1, .. } if at.line == 2), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("gt.jsonl:2") && text.contains("gone.png") && text.contains("1 more"), "{text}");

    let dir = packs::detection(&[&line("")], &[("a.png", 60, 40)]);
    let pack = open(&dir).expect("all there");
    fs::remove_file(dir.path().join("images/a.png")).expect("it was there");
    assert!(matches!(pack.get(0), Err(Error::MissingImage { .. })));
}

#[test]
fn a_broken_picture_or_one_of_another_size_is_an_error_with_the_label() {
    let dir = packs::detection(&[&line("")], &[("a.png", 61, 40)]);
    let error = open(&dir).expect("indexed").get(0).expect_err("another size");
    assert!(matches!(error, Error::ImageSize { declared: (60, 40), found: (61, 40), .. }), "{error:?}");
    packs::spoil(dir.path(), "images/a.png");
    let error = open(&dir).expect("indexed").get(0).expect_err("broken");
    assert!(matches!(error, Error::Image { .. }), "{error:?}");
    assert!(error.to_string().contains("gt.jsonl:1"), "{error}");
}

#[test]
fn a_folder_that_is_no_pack_is_told_what_it_lacks() {
    let dir = tempfile::TempDir::new().expect("a temporary folder");
    let said = |path: &Path| {
        let error = LazyPack::open(path, &PackOptions::default()).expect_err("no pack");
        assert!(matches!(error, Error::NoPack { .. }), "{error:?}");
        error.to_string()
    };
    assert!(said(&dir.path().join("nowhere")).contains("does not exist"));
    assert!(said(dir.path()).contains("neither gt.jsonl nor labels.tsv"));
    let train = dir.path().join("train");
    fs::create_dir_all(train.join("images")).expect("writable");
    fs::write(train.join("gt.jsonl"), "").expect("writable");
    assert!(said(dir.path()).contains("its folders train"));
    assert!(said(&train.join("gt.jsonl")).contains("it is a file"));
    assert_eq!(LazyPack::open(&train, &PackOptions::default()).expect("empty, but a pack").len(), 0);
    fs::remove_dir(train.join("images")).expect("empty");
    assert!(said(&train).contains("no folder images/"));
}
