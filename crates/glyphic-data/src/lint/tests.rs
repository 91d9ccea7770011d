use glyphic_core::DICT36;
use glyphic_labels::{LazyPack, PackOptions};
use glyphic_testing::packs;

use super::*;
use crate::CropOptions;

fn vocab() -> Vocab {
    Vocab::ctc(DICT36).expect("no character twice")
}

fn lint(dir: &tempfile::TempDir) -> LintReport {
    let pack = LazyPack::open(dir.path(), &PackOptions::default()).expect("a pack");
    let crops = TextCrops::new(pack, &CropOptions::default()).expect("has texts");
    lint_texts(&crops, &vocab(), LineInput::default()).expect("findings are no errors")
}

#[test]
fn clean_texts_give_no_words() {
    let report = lint(&packs::recognition("a.png\tAbc\nb.png\t123", |_| (60, 20)));
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.samples, report.usable), (2, Some(2)));
}

#[test]
fn characters_outside_the_vocabulary_are_counted_with_their_first_place() {
    let report = lint(&packs::recognition("a.png\tabc\nb.png\tb!d\nc.png\te!!é", |_| (60, 20)));
    let got: Vec<_> = report.unknown_chars.iter().map(|u| (u.char, u.count, u.first.line)).collect();
    assert_eq!(got, [('!', 3, 2), ('é', 1, 3)]);
    assert_eq!(report.usable, Some(1));
    let text = report.to_string();
    assert!(text.contains("lacks '!' (U+0021): 3 times, first at") && text.contains("\"b!d\""), "{text}");
}

#[test]
fn texts_longer_than_their_time_steps_are_found_blanks_between_repeats_counted() {
    // 24 pixels wide at height 32: 6 steps that it touches and one behind it.
    let labels = "a.png\tabcdefgh\nb.png\tabcdefghi\nc.png\taabbcc\nd.png\taabb";
    let report = lint(&packs::recognition(labels, |_| (24, 32)));
    let got: Vec<_> = report.too_long.first.iter().map(|t| (t.at.line, t.needed, t.steps)).collect();
    assert_eq!(got, [(1, 8, 7), (2, 9, 7), (3, 9, 7)]);
    assert_eq!((report.too_long.count, report.usable), (3, Some(1)));
}

#[test]
fn empty_texts_and_broken_pictures_are_named() {
    let dir = packs::recognition("a.png\tabc\nb.png\t\nc.png\tabc", |_| (60, 20));
    packs::spoil(dir.path(), "crops/c.png");
    let report = lint(&dir);
    assert_eq!((report.empty.count, report.empty.first[0].line), (1, 2));
    assert_eq!(report.broken.count, 1);
    assert!(report.broken.first[0].contains("labels.tsv:3"), "{report}");
    assert_eq!(report.usable, Some(1));
}

#[test]
fn crops_outside_their_picture_are_named() {
    let lines = [
        r#"{"file_name": "a.png", "annotations": [{"polygon": [5, 5, 40, 5, 40, 20, 5, 20], "text": "in"},
           {"polygon": [65, 5, 90, 5, 90, 20, 65, 20], "text": "out"}, {"polygon": [1, 2], "text": "none"}]}"#
            .replace('\n', ""),
        r#"{"file_name": "b.png", "width": 9, "height": 9, "annotations": []}"#.to_owned(),
    ];
    let dir = packs::detection(&[&lines[0], &lines[1]], &[("a.png", 60, 40), ("b.png", 30, 20)]);
    let texts = lint(&dir);
    assert_eq!((texts.samples, texts.usable, texts.outside.count), (2, Some(1), 1), "{texts}");
}

#[test]
fn many_findings_are_counted_and_twenty_named() {
    let labels: String = (0..30).map(|i| format!("{i}.png\tabc!\n")).collect();
    let dir = packs::recognition(&labels, |_| (60, 20));
    (0..30).for_each(|i| packs::spoil(dir.path(), &format!("crops/{i}.png")));
    let report = lint(&dir);
    assert_eq!((report.broken.count, report.broken.first.len()), (30, 20));
    assert!(report.to_string().contains("and 10 more broken pictures"), "{report}");
}
