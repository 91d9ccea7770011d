//! Label files that users of other tools reported, each in `cases/` with what is right.

use std::path::{Path, PathBuf};

use glyphic_labels::formats::{Format, ReadOptions, Reader, Record, Truth, WriteOptions, Writer, cut};
use glyphic_labels::lint::Linter;
use glyphic_labels::{Error, Findings, LineInput, Warning};

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name)
}

fn read(path: &Path, format: Option<Format>) -> (Vec<Record>, Findings<Warning>) {
    let options = ReadOptions { format, ..ReadOptions::default() };
    let mut reader = Reader::open(path, &options).unwrap();
    let records = reader.by_ref().collect::<Result<_, Error>>().unwrap();
    (records, reader.warnings().clone())
}

fn texts(records: &[Record]) -> Vec<&str> {
    fn of(record: &Record) -> Vec<&str> {
        match &record.truth {
            Truth::Text(text) => vec![text.as_str()],
            Truth::Instances(instances) => instances.iter().map(|i| i.text()).collect(),
            Truth::Sentence { .. } => Vec::new(),
        }
    }
    records.iter().flat_map(of).collect()
}

fn written(records: &[Record], format: Format, path: &Path) {
    let mut writer = Writer::create(path, format, &WriteOptions::default()).unwrap();
    records.iter().for_each(|r| writer.put(r).unwrap());
    writer.finish().unwrap();
}

#[test]
fn references_of_coco_that_lead_nowhere_are_named_on_reading_and_by_lint() {
    let path = case("dangling-coco/dangling.json");
    let (records, warnings) = read(&path, None);
    let Truth::Instances(kept) = &records[0].truth else { panic!("{:?}", records[0].truth) };
    assert_eq!((records.len(), kept.len(), warnings.count), (1, 1, 3));
    let said: Vec<String> = warnings.first.iter().map(Warning::to_string).collect();
    for words in [
        "annotation 1: the annotation id 1 is not unique",
        "annotation 0: the image id 9 is not in \"images\"; the annotation is left out",
        "annotation 1: the category id 7 is not in \"categories\"",
    ] {
        assert!(said.iter().any(|s| s.contains(words)), "no {words:?} in {said:?}");
    }
    let report =
        Linter::new(None, LineInput::default()).lint(&path, &ReadOptions::default(), |_| ()).unwrap();
    assert_eq!(report.polygons.count, 3, "{report}");
}

#[test]
fn sound_references_are_not_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("coco.json");
    let (records, _) = read(&case("dangling-coco/dangling.json"), None);
    written(&records, Format::Coco, &path);
    assert_eq!(read(&path, None).1.count, 0);
}

#[test]
fn a_class_that_the_list_lacks_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("train.txt");
    std::fs::write(dir.path().join("class_list.txt"), "0 Ignore\n1 Total\n").unwrap();
    let row = r#"{"file_name": "a.png", "height": 9, "width": 9, "annotations": [
        {"box": [1, 1, 5, 1, 5, 5, 1, 5], "text": "x", "label": 1},
        {"box": [1, 1, 5, 1, 5, 5, 1, 5], "text": "y", "label": 7}]}"#;
    std::fs::write(&path, row.replace('\n', " ")).unwrap();
    let (_, warnings) = read(&path, Some(Format::WildReceipt));
    assert_eq!(warnings.count, 1);
    let said = warnings.first[0].to_string();
    assert!(said.contains("annotation 1: the class 7 is not in class_list.txt"), "{said}");
}

#[test]
fn escapes_of_icdar_2013_are_undone_and_written() {
    let (records, _) = read(&case("icdar13-escapes/gt"), Some(Format::Icdar2013));
    assert_eq!(texts(&records), [r#"say "hi" \ x"#]);
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    written(&records, Format::Icdar2013, &out);
    let line = std::fs::read_to_string(out.join("gt_1.txt")).unwrap();
    assert_eq!(
        line,
        std::fs::read_to_string(case("icdar13-escapes/gt/gt_1.txt")).unwrap().trim_end().to_owned() + "\n"
    );
    assert_eq!(texts(&read(&out, Some(Format::Icdar2013)).0), texts(&records));
}

#[test]
fn lists_of_icdars_word_crops_are_a_format() {
    let path = case("icdar-words/gt.txt");
    assert_eq!(Format::detect(&path).unwrap(), Format::IcdarWords);
    let (records, _) = read(&path, None);
    assert_eq!(texts(&records), ["READER\"", "a, b"]);
    assert_eq!(records[1].file_name, "word_2.png");
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("gt.txt");
    written(&records, Format::IcdarWords, &out);
    assert_eq!(std::fs::read_to_string(&out).unwrap().trim(), std::fs::read_to_string(&path).unwrap().trim());
    std::fs::write(&out, "word_1.png, \"A\"\nword_2.png, B\n").unwrap();
    let mut reader = Reader::open(&out, &ReadOptions::default()).unwrap();
    assert!(reader.next().unwrap().is_ok());
    let error = reader.next().unwrap().unwrap_err().to_string();
    assert!(error.contains("gt.txt:2") && error.contains("double quotes"), "{error}");
}

#[test]
fn regions_that_give_no_crop_are_named_and_counted() {
    let path = case("outside-regions/out.txt");
    let (records, _) = read(&path, None);
    let made = cut(&records[0]).unwrap();
    let said: Vec<String> = made.outside.iter().map(Warning::to_string).collect();
    assert_eq!((made.crops.len(), made.left_out(), said.len()), (1, 1, 2), "{said:?}");
    assert!(said[0].contains("annotation 0: it lies outside") && said[0].contains("OUT"), "{said:?}");
    assert!(said[1].contains("annotation 1") && said[1].contains("11% of its area"), "{said:?}");
    let report =
        Linter::new(None, LineInput::default()).lint(&path, &ReadOptions::default(), |_| ()).unwrap();
    assert_eq!(report.outside.count, 2, "{report}");
    assert!(report.to_string().contains("11% of its area"), "{report}");
    let (records, warnings) = read(&case("outside-regions/Label.txt"), None);
    assert!(warnings.first[0].to_string().contains("not a polygon"), "{warnings:?}");
    let made = cut(&records[0]).unwrap();
    // The Z-ordered quadrilateral and the empty text are to be ignored.
    assert_eq!((made.ignored, made.without_text), (2, 0));
}

#[test]
fn a_file_name_with_a_space_is_looked_for() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("crops")).unwrap();
    std::fs::write(dir.path().join("crops/a b.png"), "x").unwrap();
    let path = dir.path().join("labels.txt");
    std::fs::copy(case("space-in-name/space-in-name.txt"), &path).unwrap();
    let (records, _) = read(&path, None);
    assert_eq!(
        (records[0].file_name.as_str(), texts(&records)),
        ("crops/a b.png", vec!["two words, one comma"])
    );
    // Without the file the first space divides.
    std::fs::remove_file(dir.path().join("crops/a b.png")).unwrap();
    assert_eq!(read(&path, None).0[0].file_name, "crops/a");
}
