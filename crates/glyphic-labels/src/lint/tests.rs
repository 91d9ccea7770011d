use glyphic_core::DICT36;
use glyphic_testing::packs;

use super::*;
use crate::PackOptions;

fn vocab() -> Vocab {
    Vocab::ctc(DICT36).expect("no character twice")
}

#[test]
fn empty_texts_and_broken_pictures_of_a_pack_are_named() {
    let dir = packs::recognition("a.png\tabc\nb.png\t\nc.png\tabc", |_| (60, 20));
    packs::spoil(dir.path(), "crops/c.png");
    let pack = LazyPack::open(dir.path(), &PackOptions::default()).expect("a pack");
    let whole = lint_pack(&pack).expect("findings are no errors");
    assert_eq!((whole.empty.count, whole.broken.count, whole.usable), (1, 1, None));
}

#[test]
fn detection_packs_are_told_about_polygons_outside_and_broken_ones() {
    let lines = [
        r#"{"file_name": "a.png", "annotations": [{"polygon": [5, 5, 40, 5, 40, 20, 5, 20], "text": "in"},
           {"polygon": [65, 5, 90, 5, 90, 20, 65, 20], "text": "out"}, {"polygon": [1, 2], "text": "none"}]}"#
            .replace('\n', ""),
        r#"{"file_name": "b.png", "width": 9, "height": 9, "annotations": []}"#.to_owned(),
    ];
    let dir = packs::detection(&[&lines[0], &lines[1]], &[("a.png", 60, 40), ("b.png", 30, 20)]);
    let pack = LazyPack::open(dir.path(), &PackOptions::default()).expect("a pack");
    let report = lint_pack(&pack).expect("findings are no errors");
    assert_eq!((report.broken.count, report.outside.count, report.polygons.count), (1, 1, 1), "{report}");
    assert!(report.outside.first[0].contains("annotation 1"), "{report}");
}

#[test]
fn splits_are_told_what_they_share_and_what_is_broken_in_any_format() {
    let train = packs::recognition("a.png\tabc\nb.png\tdef", |_| (60, 20));
    let val = packs::recognition("a.png\tabc\nx.png\tx!z\nx.png\txyz", |_| (60, 20));
    // Labels of another format over the same pictures, with a broken line and a picture that is gone.
    std::fs::write(
        val.path().join("crops/labels.txt"),
        "x.png\tx!z\nbroken\na.png\tabc\nx.png\t \ngone.png\tabc\n",
    )
    .expect("writable");
    let vocab = vocab();
    let mut linter = Linter::new(Some(&vocab), LineInput::default());
    let mut calls = 0;
    let first = linter.lint(train.path(), &ReadOptions::default(), |_| calls += 1).expect("opened");
    assert!(first.is_clean() && first.count() == 0 && calls == 2, "{first}");
    assert_eq!((first.samples, first.usable), (2, Some(2)));
    let labels = val.path().join("crops/labels.txt");
    let second = linter.lint(&labels, &ReadOptions::default(), |_| ()).expect("opened");
    assert_eq!((second.samples, second.usable), (5, Some(1)), "{second}");
    let counts = [
        second.labels.count,
        second.shared.count,
        second.repeated.count,
        second.broken.count,
        second.empty.count,
        second.unknown_chars.len(),
    ];
    assert_eq!(counts, [1, 1, 1, 1, 1, 1 + usize::from(second.unknown_chars.len() > 1)], "{second}");
    assert_eq!((second.shared.first[0].0.line, second.shared.first[0].1.line), (3, 1));
    let text = second.to_string();
    for words in
        ["labels.txt:2: there is no TAB", "gone.png does not exist", "as in another split", "as before"]
    {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
}

#[test]
fn pictures_that_exif_turns_are_named() {
    // The smallest EXIF segment: orientation 6, a quarter turn.
    let jpeg = packs::picture(40, 20, 3).encode(image::ImageFormat::Jpeg).expect("encoded");
    let mut exif =
        b"\xFF\xE1\x00\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
    exif.splice(0..0, jpeg[..2].iter().copied());
    exif.extend(&jpeg[2..]);
    let dir = packs::detection(
        &[
            r#"{"file_name": "a.jpg", "annotations": [{"polygon": [1, 25, 9, 25, 9, 35, 1, 35], "text": "x"}, {"polygon": [25, 1, 35, 1, 35, 9, 25, 9], "text": "y"}]}"#,
        ],
        &[],
    );
    std::fs::write(dir.path().join("images/a.jpg"), exif).expect("writable");
    let report = Linter::new(None, LineInput::default())
        .lint(dir.path(), &ReadOptions::default(), |_| ())
        .expect("opened");
    // Upright it is 20 wide and 40 high: the second region lies outside.
    assert_eq!(
        (report.turned.count, report.outside.count, report.broken.count, report.usable),
        (1, 1, 0, None)
    );
    assert!(report.to_string().contains("EXIF turns"), "{report}");
}

#[test]
fn sentences_are_not_held_against_a_recognizer_and_told_where_they_occur_twice() {
    let dir = tempfile::TempDir::new().expect("a temporary folder");
    let line = |text: &str, at: [usize; 2]| {
        format!(r#"{{"text": "{text}", "label": {{"name": {{"李明": [[{}, {}]]}}}}}}"#, at[0], at[1])
    };
    let write = |name: &str, lines: &[String]| {
        let path = dir.path().join(name);
        std::fs::write(&path, lines.join("\n")).expect("writable");
        path
    };
    let train = write(
        "train.jsonl",
        &[line("李明在北京", [0, 1]), line("我是李明", [2, 3]), line("李明在北京", [0, 1])],
    );
    let val = write("val.jsonl", &[line("我是李明", [2, 3]), line("他是李明吗", [0, 1])]);
    let vocab = vocab();
    let mut linter = Linter::new(Some(&vocab), LineInput::default());
    let first = linter.lint(&train, &ReadOptions::default(), |_| ()).expect("opened");
    assert_eq!(
        (first.samples, first.usable, first.count(), first.repeated.count),
        (3, None, 1, 1),
        "{first}"
    );
    let second = linter.lint(&val, &ReadOptions::default(), |_| ()).expect("opened");
    assert_eq!((second.count(), second.shared.count, second.polygons.count), (2, 1, 1), "{second}");
    assert!(second.to_string().contains("the same sentence as in another split"), "{second}");
}
