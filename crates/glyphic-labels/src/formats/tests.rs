use std::fs;
use std::path::PathBuf;

use glyphic_core::{Entity, Polygon, Region, TextInstance, Transcript};
use glyphic_testing::packs;
use tempfile::TempDir;

use super::*;
use crate::Error;
use crate::findings::Location;

fn temp() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

fn instance(flat: &[f64], text: Option<&str>, ignore: bool) -> TextInstance {
    let polygon = Polygon::from_flat(flat).expect("a polygon");
    let mut instance = TextInstance::new(Region { polygon, score: 1.0 });
    instance.transcript = text.map(Transcript::truth);
    instance.ignore = ignore;
    instance
}

fn record(file_name: &str, truth: Truth) -> Record {
    Record {
        at: Location { file: PathBuf::from("made").into(), line: 1 },
        file_name: file_name.to_owned(),
        picture: Picture::None,
        size: Some((200, 100)),
        truth,
        fields: Vec::new(),
        links: Vec::new(),
    }
}

/// Upright rectangles and single words, which every format of regions holds.
fn plain() -> Vec<Record> {
    let scene = |name: &str, shift: f64, words: &[(&str, bool)]| {
        let instances = words.iter().enumerate().map(|(k, (word, ignore))| {
            let (x, y) = (shift + 20.0 * k as f64, 10.0 * k as f64);
            instance(&[x, y, x + 18.0, y, x + 18.0, y + 9.0, x, y + 9.0], Some(word), *ignore)
        });
        record(name, Truth::Instances(instances.collect()))
    };
    vec![
        scene("one.jpg", 4.0, &[("Straße", false), ("it's", false), ("a,b\"c", false)]),
        scene("two.jpg", 5.5, &[("中文", false), ("\\n", false)]),
        scene("three.jpg", 0.0, &[("x&<y>", false)]),
    ]
}

fn write(dir: &TempDir, name: &str, format: Format, records: &[Record]) -> (PathBuf, Written) {
    write_as(dir, name, format, LabelFiles::Text, records)
}

fn write_as(
    dir: &TempDir,
    name: &str,
    format: Format,
    label_files: LabelFiles,
    records: &[Record],
) -> (PathBuf, Written) {
    let path = dir.path().join(name);
    let options = WriteOptions { label_files, ..WriteOptions::default() };
    let mut writer = Writer::create(&path, format, &options).expect("writable");
    for record in records {
        writer.put(record).unwrap_or_else(|e| panic!("{format}: {e}"));
    }
    let written = writer.finish().expect("written");
    (path, written)
}

fn read_as(path: &std::path::Path, format: Option<Format>) -> Vec<crate::Result<Record>> {
    let options = ReadOptions { format, ..ReadOptions::default() };
    Reader::open(path, &options).unwrap_or_else(|e| panic!("{format:?}: {e}")).collect()
}

fn read(path: &std::path::Path, format: Option<Format>) -> Vec<Record> {
    let records = read_as(path, format).into_iter().collect::<crate::Result<Vec<_>>>();
    records.unwrap_or_else(|e| panic!("{format:?}: {e}"))
}

/// What must come back: a picture's name; the outline, text and ignore of each region.
type Essence = (String, Vec<(Vec<f64>, String, bool)>);

fn essence(records: &[Record]) -> Vec<Essence> {
    let mut all: Vec<_> = records
        .iter()
        .map(|r| {
            let Truth::Instances(instances) = &r.truth else { panic!("regions") };
            let regions =
                instances.iter().map(|i| (i.region.polygon.to_flat(), i.text().to_owned(), i.ignore));
            (r.file_name.clone(), regions.collect())
        })
        .collect();
    // A folder's files come by name.
    all.sort_by(|a: &Essence, b| a.0.cmp(&b.0));
    all
}

fn file_name(format: Format) -> &'static str {
    match format {
        Format::MmocrDet | Format::WildReceipt => "labels.txt",
        Format::Coco | Format::TextOcr | Format::Mmocr1 | Format::LabelStudio => "labels.json",
        Format::Svt => "labels.xml",
        Format::SynthText => "gt.mat",
        Format::PaddleDet => "paddle.txt",
        _ => "labels",
    }
}

const SCENES: [Format; 15] = [
    Format::Funsd,
    Format::MmocrDet,
    Format::Mmocr1,
    Format::Coco,
    Format::TextOcr,
    Format::Icdar2013,
    Format::Icdar2015,
    Format::Icdar2017,
    Format::TotalText,
    Format::Sroie,
    Format::SynthText,
    Format::Svt,
    Format::WildReceipt,
    Format::PaddleDet,
    Format::LabelStudio,
];

#[test]
fn every_format_of_regions_gives_back_what_was_written_and_is_told_from_its_content() {
    for format in SCENES {
        let dir = temp();
        let (path, written) = write(&dir, file_name(format), format, &plain());
        assert_eq!((written.records, written.losses.len()), (3, 0), "{format}: {:?}", written.losses);
        let got = essence(&read(&path, None));
        let expected = essence(&plain());
        assert_eq!(got.len(), expected.len(), "{format}");
        for (got, expected) in got.iter().zip(&expected) {
            assert_eq!(got.0, expected.0, "{format}");
            for (a, b) in got.1.iter().zip(&expected.1) {
                assert_eq!((&a.1, a.2), (&b.1, b.2), "{format}");
                let near = a.0.iter().zip(&b.0).all(|(x, y)| (x - y).abs() < 1e-9);
                assert!(near && a.0.len() == b.0.len(), "{format}: {:?} {:?}", a.0, b.0);
            }
            assert_eq!(got.1.len(), expected.1.len(), "{format}");
        }
        let detected = Format::detect(&path).expect("told");
        assert_eq!(detected, format);
    }
}

#[test]
fn ignored_regions_stay_ignored_in_every_format_that_marks_them() {
    let quad = [10.0, 10.0, 60.0, 12.0, 58.0, 40.0, 9.0, 38.0];
    let records = [record(
        "a.jpg",
        Truth::Instances(vec![instance(&quad, Some("no"), true), instance(&quad, Some("yes"), false)]),
    )];
    for format in SCENES.into_iter().chain([Format::Ctw1500]) {
        // These mark nothing.
        if matches!(format, Format::Sroie | Format::Funsd) {
            continue;
        }
        let dir = temp();
        let (path, written) = write(&dir, file_name(format), format, &records);
        let got = essence(&read(&path, Some(format)));
        let ignores: Vec<bool> = got[0].1.iter().map(|r| r.2).collect();
        assert_eq!(ignores, [true, false], "{format}");
        let holds = got[0].1[0].1 == "no";
        assert_eq!(
            written.losses.contains_key("texts of regions to ignore are not held"),
            !holds,
            "{format}"
        );
    }
}

#[test]
fn outlines_survive_where_the_format_holds_them_and_are_counted_where_not() {
    let curve = [0.0, 10.0, 20.0, 2.0, 40.0, 10.0, 40.0, 25.0, 20.0, 17.5, 0.0, 25.0];
    let records = [record("a.jpg", Truth::Instances(vec![instance(&curve, Some("bow"), false)]))];
    for (format, exact) in [
        (Format::MmocrDet, true),
        (Format::Mmocr1, true),
        (Format::Coco, true),
        (Format::TextOcr, true),
        (Format::TotalText, true),
        (Format::PaddleDet, true),
        (Format::LabelStudio, true),
        (Format::Icdar2013, false),
        (Format::Icdar2015, false),
        (Format::Svt, false),
        (Format::SynthText, false),
        (Format::WildReceipt, false),
        (Format::Ctw1500, false),
    ] {
        let dir = temp();
        let (path, written) = write(&dir, file_name(format), format, &records);
        let flat = essence(&read(&path, Some(format))).remove(0).1.remove(0).0;
        let near = flat.len() == curve.len() && flat.iter().zip(&curve).all(|(a, b)| (a - b).abs() < 1e-9);
        assert_eq!(near, exact, "{format}: {flat:?}");
        assert_eq!(written.losses.is_empty(), exact, "{format}: {:?}", written.losses);
    }
}

#[test]
fn ctw1500_has_seven_vertices_along_each_side() {
    let dir = temp();
    let (path, written) = write(&dir, "ctw", Format::Ctw1500, &plain());
    assert!(written.losses.is_empty(), "a quadrilateral's outline is the same with 14 vertices");
    let text = fs::read_to_string(path.join("one.txt")).expect("written");
    assert!(text.starts_with("4,0,7,0,10,0,13,0,16,0,19,0,22,0,22,9,19,9,"), "{text}");
    assert!(text.lines().next().expect("a line").ends_with(",####Straße"), "{text}");
    assert_eq!(Format::detect(&path).expect("told"), Format::Ctw1500);
    // The XML of the training set.
    let xml = r#"<Annotations>
 <image file="0001.jpg"><box height="9" left="4" top="0" width="18">
  <label>R&amp;D ###</label>
  <segs>4,0,7,0,10,0,13,0,16,0,19,0,22,0,22,9,19,9,16,9,13,9,10,9,7,9,4,9</segs>
  <pts x="4" y="0"/></box></image>
</Annotations>"#;
    fs::create_dir(dir.path().join("xml")).expect("writable");
    fs::write(dir.path().join("xml/0001.xml"), xml).expect("writable");
    let got = essence(&read(&dir.path().join("xml"), None));
    assert_eq!((got[0].0.as_str(), got[0].1[0].1.as_str(), got[0].1[0].0.len()), ("0001.jpg", "R&D ###", 28));
    fs::write(dir.path().join("xml/0002.xml"), xml.replace("22,9,19", "22,x,19")).expect("writable");
    let errors: Vec<String> = read_as(&dir.path().join("xml"), None)
        .into_iter()
        .filter_map(|r| r.err())
        .map(|e| e.to_string())
        .collect();
    assert!(
        errors.len() == 1 && errors[0].contains("0002.xml:2") && errors[0].contains("\"x\""),
        "{errors:?}"
    );
}

#[test]
fn label_files_of_xml_and_matlab_give_back_what_their_text_does() {
    let curve = [0.0, 10.0, 20.0, 2.0, 40.0, 10.25, 40.0, 25.0, 20.0, 17.5, 0.0, 25.0];
    let mut records = plain();
    records.push(record(
        "bow.jpg",
        Truth::Instances(vec![
            instance(&curve, Some("R&D \"x\""), false),
            instance(&curve, Some("no"), true),
            instance(&curve, None, true),
        ]),
    ));
    records.push(record("empty.jpg", Truth::Instances(Vec::new())));
    for (format, files, first) in [
        (Format::Ctw1500, LabelFiles::Xml, "bow.xml"),
        (Format::TotalText, LabelFiles::Matlab, "poly_gt_bow.mat"),
    ] {
        let dir = temp();
        let (text, _) = write(&dir, "text", format, &records);
        let (other, written) = write_as(&dir, "other", format, files, &records);
        assert!(other.join(first).is_file(), "{format}");
        assert_eq!(Format::detect(&other).expect("told"), format);
        let (got, expected) = (read(&other, None), read(&text, Some(format)));
        assert_eq!(essence(&got), essence(&expected), "{format}");
        assert_eq!((got.len(), got[0].file_name.as_str()), (5, "bow.jpg"), "{format}");
        assert_eq!(written.losses["texts of regions to ignore are not held"], 1, "{format}");
    }
    for (format, files, told) in [
        (Format::Icdar2015, LabelFiles::Xml, "ctw1500 has"),
        (Format::Ctw1500, LabelFiles::Matlab, "totaltext has"),
        (Format::TotalText, LabelFiles::Xml, "ctw1500 has"),
    ] {
        let dir = temp();
        let options = WriteOptions { label_files: files, ..WriteOptions::default() };
        let error = Writer::create(dir.path().join("out"), format, &options).err().expect("no such files");
        assert!(matches!(error, Error::Setup { .. }) && error.to_string().contains(told), "{error}");
    }
}

#[test]
fn synthtext_holds_the_places_of_characters_where_all_of_a_picture_are_known() {
    let chart = |record: &mut Record| {
        let Truth::Instances(instances) = &mut record.truth else { panic!("regions") };
        for transcript in instances.iter_mut().filter_map(|i| i.transcript.as_mut()) {
            let n = transcript.text.chars().count() as f32;
            let place = |(i, char)| {
                let i = i as f32;
                glyphic_core::CharSpan { char, score: 1.0, start: i / n, end: (i + 0.75) / n }
            };
            transcript.chars = transcript.text.chars().enumerate().map(place).collect();
        }
    };
    let slanted = [10.0, 10.0, 60.0, 22.0, 58.0, 40.0, 9.0, 33.0];
    let mut records = plain();
    records.push(record("slanted.jpg", Truth::Instances(vec![instance(&slanted, Some("Wide"), false)])));
    records.iter_mut().for_each(chart);
    // One word of the second picture has none.
    let Truth::Instances(instances) = &mut records[1].truth else { panic!("regions") };
    instances[0].transcript = instances[0].transcript.take().map(|t| Transcript::truth(t.text));

    let chars = |record: &Record| -> Vec<Vec<glyphic_core::CharSpan>> {
        let Truth::Instances(instances) = &record.truth else { panic!("regions") };
        instances.iter().filter_map(|i| i.transcript.as_ref()).map(|t| t.chars.clone()).collect()
    };
    let dir = temp();
    let (path, written) = write(&dir, "gt.mat", Format::SynthText, &records);
    assert_eq!(written.losses.into_iter().collect::<Vec<_>>(), [("places of characters are not held", 1)]);
    let got = read(&path, None);
    assert_eq!(essence(&got), essence(&records));
    for (k, (got, expected)) in got.iter().zip(&records).enumerate() {
        let (got, expected) = (chars(got), chars(expected));
        if k == 1 {
            assert!(got.iter().all(Vec::is_empty), "{got:?}");
            continue;
        }
        assert_eq!(got.len(), expected.len());
        for (a, b) in got.iter().flatten().zip(expected.iter().flatten()) {
            let near = (a.start - b.start).abs() < 1e-5 && (a.end - b.end).abs() < 1e-5;
            assert!(near && a.char == b.char, "{a:?} {b:?}");
        }
        assert_eq!(
            got.iter().map(Vec::len).collect::<Vec<_>>(),
            expected.iter().map(Vec::len).collect::<Vec<_>>()
        );
    }
    // The boxes themselves: the first character of the upright "Straße".
    let boxes =
        mat::MatFile::open(&path).expect("a file").cells("charBB").expect("read").expect("there").next();
    let Some(Ok(mat::Value::Numbers { dims, data })) = boxes else { panic!("numbers") };
    assert_eq!(dims, [2, 4, 6 + 4 + 5]);
    assert_eq!(data[..8], [4.0, 0.0, 6.25, 0.0, 6.25, 9.0, 4.0, 9.0]);
    // Other formats say what they lose; a file without any has no charBB.
    let (_, written) = write(&dir, "icdar", Format::Icdar2015, &records[..1]);
    assert_eq!(written.losses["places of characters are not held"], 3);
    let (path, _) = write(&dir, "bare.mat", Format::SynthText, &plain());
    assert!(mat::MatFile::open(&path).expect("a file").cells("charBB").expect("read").is_none());
}

#[test]
fn synthtext_divides_texts_of_several_words_where_that_is_asked_for() {
    // Words, and where each stands along its region, by characters whose places are known or else by their number.
    let quad = [10.0, 10.0, 110.0, 20.0, 110.0, 40.0, 10.0, 30.0];
    let text = " Café au  lait";
    let place = |(i, char)| {
        let start = (i as f32) * 0.05;
        glyphic_core::CharSpan { char, score: 1.0, start, end: start + 0.04 }
    };
    let placed: Vec<_> = text.chars().enumerate().map(place).collect();
    let along = |start: f64, end: f64| {
        let (x0, x1, y0, y1) =
            (10.0 + 100.0 * start, 10.0 + 100.0 * end, 10.0 + 10.0 * start, 10.0 + 10.0 * end);
        [x0, y0, x1, y1, x1, y1 + 20.0, x0, y0 + 20.0]
    };
    let n = 14.0;
    let by_number = [(1.0 / n, 5.0 / n), (6.0 / n, 8.0 / n), (10.0 / n, 1.0)];
    let by_chars = [(0.05, 0.24), (0.30, 0.39), (0.50, 0.69)];
    // Where a word would have no width, the places of its characters are of no use.
    let flat: Vec<_> = placed.iter().map(|c| glyphic_core::CharSpan { start: 0.5, end: 0.5, ..*c }).collect();
    for (chars, expected, charted) in
        [(vec![], by_number, false), (placed, by_chars, true), (flat, by_number, false)]
    {
        let mut one = instance(&quad, Some(text), false);
        one.transcript.as_mut().expect("a text").chars.clone_from(&chars);
        let dir = temp();
        let path = dir.path().join("gt.mat");
        let options = WriteOptions { split_words: true, ..WriteOptions::default() };
        let mut writer = Writer::create(&path, Format::SynthText, &options).expect("new");
        writer.put(&record("8/a.jpg", Truth::Instances(vec![one]))).expect("words");
        let losses = writer.finish().expect("written").losses;
        assert_eq!(losses["texts of several words are divided, and their regions with them"], 1);
        let Truth::Instances(got) = read(&path, None).remove(0).truth else { panic!("regions") };
        assert_eq!(got.iter().map(TextInstance::text).collect::<Vec<_>>(), ["Café", "au", "lait"]);
        for (got, (start, end)) in got.iter().zip(expected) {
            let flat = got.region.polygon.to_flat();
            let near = flat.iter().zip(along(start, end)).all(|(a, b)| (a - b).abs() < 1e-3);
            assert!(near, "{flat:?} is not {:?}", along(start, end));
            let chars = &got.transcript.as_ref().expect("a text").chars;
            assert_eq!(chars.len(), if charted { got.text().chars().count() } else { 0 });
            if let [first, .., last] = &chars[..] {
                assert!(first.start.abs() < 1e-4 && (last.end - 1.0).abs() < 1e-4, "{chars:?}");
            }
        }
    }
    let options = WriteOptions { split_words: true, ..WriteOptions::default() };
    assert!(Writer::create(temp().path().join("a"), Format::Coco, &options).is_err());
    let mut writer = Writer::create(temp().path().join("b.mat"), Format::SynthText, &options).expect("new");
    let blank = record("a.jpg", Truth::Instances(vec![instance(&quad, Some(" "), false)]));
    assert!(writer.put(&blank).expect_err("no word").to_string().contains("is not one word"));
}

#[test]
fn labels_survive_where_a_format_holds_them() {
    let flat = [10.0, 10.0, 60.0, 10.0, 60.0, 40.0, 10.0, 40.0];
    for (format, label) in [
        (Format::MmocrDet, "Total_value"),
        (Format::Mmocr1, "Total_value"),
        (Format::WildReceipt, "Total_value"),
        (Format::PaddleDet, "Total_value"),
        (Format::LabelStudio, "Total_value"),
        (Format::Funsd, "answer"),
        (Format::Icdar2017, "Latin"),
    ] {
        let mut one = instance(&flat, Some("9.90"), false);
        one.label = Some(label.to_owned());
        let dir = temp();
        let (path, _) =
            write(&dir, file_name(format), format, &[record("a.jpg", Truth::Instances(vec![one]))]);
        let Truth::Instances(got) = read(&path, None).remove(0).truth else { panic!("regions") };
        assert_eq!(got[0].label.as_deref(), Some(label), "{format}");
    }
}

#[test]
fn links_survive_where_a_format_holds_them_and_are_counted_where_not() {
    let mut records = plain();
    records[0].links = vec![[0, 2], [1, 2]];
    for format in Format::ALL.into_iter().filter(|format| format.holds(Kind::Instances)) {
        let dir = temp();
        if format == Format::Pack {
            // The picture itself goes into a pack.
            packs::picture(200, 100, 0).save(dir.path().join("one.png")).expect("writable");
            records[0].picture = Picture::File(dir.path().join("one.png"));
        }
        let (path, written) = write(&dir, file_name(format), format, &records[..1]);
        let lost = written.losses.get("links between regions are not held");
        if format.holds_links() {
            assert_eq!(read(&path, Some(format))[0].links, records[0].links, "{format}");
            assert_eq!(lost, None, "{format}");
        } else {
            assert_eq!(lost, Some(&2), "{format}");
        }
    }
}

#[test]
fn forms_of_funsd_are_read_with_their_links_and_broken_links_are_told() {
    let dir = temp();
    let form = r#"{"form": [
        {"box": [10, 10, 60, 24], "text": "Date:", "label": "question",
         "words": [{"box": [10, 10, 60, 24], "text": "Date:"}], "linking": [[3, 7], [3, 9], [3, 3]], "id": 3},
        {"box": [80, 10, 140, 24], "text": "12 May", "label": "answer", "words": [], "linking": [[3, 7]], "id": 7},
        {"box": [10, 40, 60, 54], "text": "", "label": "other", "words": [], "linking": [], "id": 8}]}"#;
    let annotations = dir.path().join("annotations");
    fs::create_dir(&annotations).expect("writable");
    fs::create_dir(dir.path().join("images")).expect("writable");
    packs::picture(200, 100, 0).save(dir.path().join("images/0001.png")).expect("writable");
    fs::write(annotations.join("0001.json"), form).expect("writable");
    for path in [dir.path(), &annotations, &annotations.join("0001.json")] {
        let mut reader = Reader::open(path, &ReadOptions::default()).expect("told from its content");
        assert_eq!(reader.format(), Format::Funsd);
        let record = reader.next().expect("a form").expect("read");
        assert_eq!((record.file_name.as_str(), record.links.as_slice()), ("0001.png", &[[0, 1]][..]));
        assert!(record.picture.exists());
        let page = record.page().expect("the picture is there");
        let labels: Vec<_> = page.instances.iter().map(|i| i.label.as_deref().unwrap()).collect();
        assert_eq!(labels, ["question", "answer", "other"]);
        assert_eq!((page.instances[1].text(), page.instances[2].ignore), ("12 May", true));
        assert_eq!(page.links, [[0, 1]]);
        // A link to nothing and one to itself.
        assert_eq!(reader.warnings().count, 2);
    }
    fs::write(annotations.join("0001.json"), form.replace("\"id\": 7", "\"id\": 3")).expect("writable");
    let error = read_as(dir.path(), None).remove(0).expect_err("an id twice").to_string();
    assert!(error.contains("0001.json") && error.contains("the id 3 stands twice"), "{error}");
}

#[test]
fn wildreceipt_keeps_the_numbers_of_a_class_list_that_is_there() {
    let flat = [10.0, 10.0, 60.0, 10.0, 60.0, 40.0, 10.0, 40.0];
    let labelled = |label: &str| {
        let mut one = instance(&flat, Some("9.90"), false);
        one.label = Some(label.to_owned());
        record("a.jpg", Truth::Instances(vec![one]))
    };
    let dir = temp();
    fs::write(dir.path().join("class_list.txt"), "0 Ignore\n1 Store\n2 Total\n").expect("writable");
    let (path, _) = write(&dir, "test.txt", Format::WildReceipt, &[labelled("Total")]);
    assert!(fs::read_to_string(&path).expect("written").contains("\"label\":2"));
    assert_eq!(fs::read_to_string(dir.path().join("dict.txt")).expect("written"), ".\n0\n9\n");
    let mut writer = Writer::create(dir.path().join("b.txt"), Format::WildReceipt, &WriteOptions::default())
        .expect("writable");
    let error = writer.put(&labelled("Date")).expect_err("not in the list").to_string();
    assert!(error.contains("\"Date\"") && error.contains("class_list.txt"), "{error}");
    drop(writer);
    assert!(!dir.path().join("b.txt").exists(), "nothing half-written stays behind");
}

#[test]
fn sroie_keeps_the_fields_of_a_receipt() {
    let dir = temp();
    let mut records = plain();
    records[0].fields = vec![("company".into(), "A & B".into()), ("total".into(), "9.00".into())];
    let (path, _) = write(&dir, "sroie", Format::Sroie, &records);
    let mut reader = Reader::open(&path, &ReadOptions::default()).expect("opened");
    let got: Vec<Record> = reader.by_ref().map(|r| r.expect("read")).collect();
    assert_eq!(got.iter().find(|r| r.file_name == "one.jpg").expect("there").fields, records[0].fields);
    assert_eq!(reader.warnings().count, 2, "two receipts are without fields");
}

fn crops() -> Vec<Record> {
    [
        ("a.png", "plain"),
        ("b.png", "two words"),
        ("c.png", "TAB\tin it"),
        ("d.png", " spaces "),
        ("ü.png", "中"),
    ]
    .map(|(name, text)| record(name, Truth::Text(text.to_owned())))
    .to_vec()
}

fn texts(records: &[Record]) -> Vec<(&str, &str)> {
    records
        .iter()
        .map(|r| match &r.truth {
            Truth::Text(text) => (r.file_name.as_str(), text.as_str()),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn every_format_of_crops_gives_back_its_texts_spaces_and_tabs_included() {
    for format in [
        Format::Text,
        Format::PaddleRec,
        Format::IcdarWords,
        Format::MmocrRec,
        Format::Mmocr1,
        Format::LmdbLines,
    ] {
        let dir = temp();
        let (path, written) = write(&dir, "labels", format, &crops());
        assert!(written.losses.is_empty(), "{format}");
        assert_eq!(texts(&read(&path, None)), texts(&crops()), "{format}");
        let told = Format::detect(&path).expect("told");
        assert_eq!(told, if format == Format::PaddleRec { Format::Text } else { format });
    }
}

#[test]
fn any_separator_divides_once() {
    let dir = temp();
    let path = dir.path().join("labels.txt");
    fs::write(&path, "a.png||one||two\r\nb.png||\r\n").expect("writable");
    let options = ReadOptions { separator: Some("||".into()), format: Some(Format::Text), images: None };
    let got: Vec<Record> = Reader::open(&path, &options).expect("opened").map(|r| r.expect("read")).collect();
    assert_eq!(texts(&got), [("a.png", "one||two"), ("b.png", "")]);
    let mut writer = Writer::create(
        dir.path().join("out"),
        Format::Text,
        &WriteOptions { separator: Some(" ".into()), ..WriteOptions::default() },
    )
    .expect("writable");
    let error = writer.put(&record("a b.png", Truth::Text("x".into()))).expect_err("a space in the name");
    assert!(matches!(error, Error::Unfit { .. }) && error.to_string().contains("another one"), "{error}");
    let error = writer.put(&record("a.png", Truth::Text("x\ny".into()))).expect_err("a line break");
    assert!(error.to_string().contains("line break"), "{error}");
}

#[test]
fn sentences_keep_their_entities() {
    let entity = |category: &str, start, end| Entity::new(category, start, end);
    let truth = Truth::Sentence {
        text: "在上海的李明和李明".into(),
        entities: vec![entity("address", 1, 2), entity("name", 4, 5), entity("name", 7, 8)],
    };
    let dir = temp();
    let (path, _) = write(&dir, "ner.json", Format::Cluener, &[record("", truth.clone())]);
    assert!(fs::read_to_string(&path).expect("written").contains(r#"{"李明":[[4,5],[7,8]]}"#));
    assert_eq!(read(&path, None)[0].truth, truth);
    fs::write(&path, r#"{"text": "abc", "label": {"x": {"bc": [[0, 1]], "c": [[2, 9]], "a": [[0, 0]]}}}"#)
        .expect("writable");
    let mut reader = Reader::open(&path, &ReadOptions::default()).expect("opened");
    let Truth::Sentence { entities, .. } = reader.next().expect("one").expect("read").truth else { panic!() };
    assert_eq!((entities, reader.warnings().count), (vec![entity("x", 0, 0)], 2));
}

#[test]
fn packs_and_lmdb_hold_the_pictures_themselves() {
    let source = packs::recognition("a.png\tone\nb.png\ttwo words", |i| (20 + i as u32, 10));
    let records = read(source.path(), None);
    for format in [Format::Pack, Format::Lmdb] {
        let dir = temp();
        let (path, _) = write(&dir, "out", format, &records);
        let got = read(&path, None);
        for (k, (got, expected)) in got.iter().zip(&records).enumerate() {
            assert_eq!(got.truth, expected.truth, "{format}");
            assert_eq!(got.bytes().expect("read"), expected.bytes().expect("read"), "{format}");
            assert_eq!(got.dimensions().expect("read"), (20 + k as u32, 10));
            assert_eq!(
                got.page().expect("read").instances[0].text(),
                got.page().expect("read").instances[0].text()
            );
        }
        assert_eq!(got.len(), 2);
    }
    // From the database back to files, which need names.
    let dir = temp();
    let (lmdb, _) = write(&dir, "db", Format::Lmdb, &records);
    let (pack, _) = write(&dir, "pack", Format::Pack, &read(&lmdb, None));
    assert_eq!(
        texts(&read(&pack, None)),
        [("image-000000001.png", "one"), ("image-000000002.png", "two words")]
    );
    assert!(pack.join("crops/image-000000001.png").is_file());
}

#[test]
fn an_entity_that_is_a_number_is_no_class_beside_a_label() {
    let region = r#""polygon": [1, 1, 9, 1, 9, 9, 1, 9], "text": "x""#;
    for (fields, class) in [
        (r#""label": "question", "entity": 0"#, "question"),
        (r#""label": 3, "entity": "shop""#, "shop"),
        (r#""entity": 7"#, "7"),
    ] {
        let line = format!(
            r#"{{"file_name": "a.png", "width": 60, "height": 40, "annotations": [{{{region}, {fields}}}]}}"#
        );
        let source = packs::detection(&[&line], &[("a.png", 60, 40)]);
        let Truth::Instances(instances) = &read(source.path(), None)[0].truth else { panic!("{fields}") };
        assert_eq!(instances[0].label.as_deref(), Some(class), "{fields}");
    }
}

#[test]
fn a_pack_of_pictures_keeps_fields_and_refuses_names_that_lead_out_of_it() {
    let line = r#"{"file_name": "a.png", "width": 60, "height": 40, "key": {"total": "9.00"}, "annotations": [{"polygon": [1, 1, 9, 1, 9, 9, 1, 9], "text": "x", "entity": "shop"}]}"#;
    let source = packs::detection(&[line], &[("a.png", 60, 40)]);
    let mut records = read(source.path(), None);
    records[0].file_name = "../../a.png".into();
    let dir = temp();
    let (path, _) = write(&dir, "out", Format::Pack, &records);
    let got = read(&path, None);
    assert_eq!(got[0].file_name, "a.png");
    assert_eq!(got[0].fields, [("total".to_owned(), "9.00".to_owned())]);
    assert_eq!(got[0].truth, records[0].truth);
    let mut writer =
        Writer::create(dir.path().join("new"), Format::Pack, &WriteOptions::default()).expect("new");
    let error = writer.put(&record("gone.png", Truth::Instances(vec![]))).expect_err("no picture");
    assert!(matches!(error, Error::MissingImage { .. }), "{error:?}");
    let error = Writer::create(&path, Format::Pack, &WriteOptions::default()).err().expect("it is there");
    assert!(error.to_string().contains("exists already"), "{error}");
}

#[test]
fn regions_are_cut_into_crops() {
    let line = r####"{"file_name": "a.png", "annotations": [{"polygon": [5, 5, 25, 5, 25, 15, 5, 15], "text": "in"},
        {"polygon": [65, 5, 90, 5, 90, 20, 65, 20], "text": "out"}, {"polygon": [1, 1, 9, 1, 9, 9], "text": "###"}]}"####
        .replace('\n', "");
    let source = packs::detection(&[&line], &[("a.png", 60, 40)]);
    let made = cut(&read(source.path(), None)[0]).expect("cut");
    assert_eq!((made.left_out(), made.outside.len(), made.ignored), (2, 1, 1));
    let crops = made.crops;
    assert_eq!(texts(&crops), [("a_0.png", "in")]);
    let image = crops[0].image().expect("a picture");
    assert_eq!((image.width(), image.height()), (20, 10));
    assert_eq!(image.pixel(3, 2), packs::picture(60, 40, 0).pixel(8, 7));
}

#[test]
fn a_format_refuses_what_it_cannot_hold() {
    for format in Format::ALL {
        for (kind, truth) in [
            (Kind::Instances, Truth::Instances(Vec::new())),
            (Kind::Text, Truth::Text("x".into())),
            (Kind::Sentence, Truth::Sentence { text: "x".into(), entities: Vec::new() }),
        ] {
            if format.holds(kind) {
                continue;
            }
            let dir = temp();
            let mut writer =
                Writer::create(dir.path().join("out"), format, &WriteOptions::default()).expect("writable");
            let error = writer.put(&record("a.png", truth)).expect_err("another kind");
            assert!(matches!(error, Error::Unfit { .. }), "{format} {kind}: {error:?}");
            drop(writer);
            assert!(!dir.path().join("out").exists(), "{format}");
        }
    }
    for format in Format::ALL {
        assert_eq!(format.name().parse::<Format>().expect("its own name"), format);
    }
    assert!("icdar".parse::<Format>().expect_err("no such").to_string().contains("icdar2015"));
}

#[test]
fn texts_of_icdar_are_read_as_its_years_write_them() {
    for (format, content, expected) in [
        (Format::Icdar2013, "38 43 920 215 \"Tired, of\"\n", vec![("Tired, of", false)]),
        (
            Format::Icdar2013,
            "38, 43, 920, 215, \"a\"\"\r\n1, 1, 5, 5, \"###\"\n",
            vec![("a\"", false), ("###", true)],
        ),
        (
            Format::Icdar2015,
            "\u{feff}377,117,463,117,465,130,378,130,Genaxis Theatre\r\n1,1,9,1,9,9,1,9,###\r\n1,1,9,1,9,9,1,9,5,000 km\r\n",
            vec![("Genaxis Theatre", false), ("###", true), ("5,000 km", false)],
        ),
        (Format::Icdar2015, "1,1,9,1,9,9,1,9\n", vec![("", false)]),
        (
            Format::Icdar2017,
            "1,1,9,1,9,9,1,9,Arabic,\u{627},\n1,1,9,1,9,9,1,9,None,###\n",
            vec![("\u{627},", false), ("###", true)],
        ),
    ] {
        let dir = temp();
        fs::write(dir.path().join("gt_img_1.txt"), content).expect("writable");
        assert_eq!(Format::detect(dir.path()).expect("told"), format, "{content:?}");
        let got = read(dir.path(), None);
        let Truth::Instances(got) = &got[0].truth else { panic!("regions") };
        let got: Vec<_> = got.iter().map(|i| (i.text(), i.ignore)).collect();
        assert_eq!(got, expected, "{content:?}");
    }
    let dir = temp();
    fs::create_dir_all(dir.path().join("annotations/training")).expect("writable");
    fs::create_dir_all(dir.path().join("imgs/training")).expect("writable");
    fs::write(dir.path().join("annotations/training/gt_img_1.txt"), "1,1,9,1,9,9,1,9,x\n").expect("writable");
    packs::picture(20, 10, 1).save(dir.path().join("imgs/training/img_1.png")).expect("writable");
    let got = read(&dir.path().join("annotations/training"), None);
    assert_eq!((got[0].file_name.as_str(), got[0].picture.exists()), ("img_1.png", true));
}

#[test]
fn total_text_is_read_over_several_lines_and_as_matlab_table() {
    let dir = temp();
    let text = "x: [[206 251  386\n 542]], y: [[ 33  11  31\n  46]], ornt: [u'c'], transcriptions: [u'PETRO\\'S']\n\
        x: [[1 9 9 1]], y: [[1 1 9 9]], ornt: [u'#'], transcriptions: [u'#']\n\
        x: [[1 9 9 1]], y: [[1 1 9 9]], ornt: [u'h'], transcriptions: [u\"it's\"]\n\
        x: [[1 9 9 1]], y: [[1 1 9 9]], ornt: [], transcriptions: []\n";
    fs::write(dir.path().join("poly_gt_img1.txt"), text).expect("writable");
    let got = essence(&read(dir.path(), None));
    assert_eq!(got[0].0, "img1.jpg");
    let texts: Vec<_> = got[0].1.iter().map(|r| (r.1.as_str(), r.2)).collect();
    assert_eq!(texts, [("PETRO'S", false), ("#", true), ("it's", false), ("#", true)]);
    assert_eq!(got[0].1[0].0.len(), 8);
    // The table of cells, as the MATLAB files have it.
    let cell = |v: &[f64]| mat::doubles(&[1, v.len()], v);
    let columns = [
        mat::texts(&["x:"]),
        cell(&[1., 9., 9.]),
        mat::texts(&["y:"]),
        cell(&[1., 1., 9.]),
        mat::texts(&["Ab"]),
        mat::texts(&["m"]),
    ];
    let mut file = mat::file_header().to_vec();
    file.extend(mat::cells("polygt", &[1, 6], &columns));
    let folder = dir.path().join("mat");
    fs::create_dir(&folder).expect("writable");
    fs::write(folder.join("poly_gt_img7.mat"), &file).expect("writable");
    let got = essence(&read(&folder, None));
    assert_eq!((got[0].0.as_str(), got[0].1[0].1.as_str()), ("img7.jpg", "Ab"));
    assert_eq!(got[0].1[0].0, [1., 1., 9., 1., 9., 9.]);
}

#[test]
fn compressed_matlab_files_are_read_and_broken_ones_refused() {
    use std::io::Write;
    let dir = temp();
    let (path, _) = write(&dir, "gt.mat", Format::SynthText, &plain());
    let plain_bytes = fs::read(&path).expect("written");
    // Each variable deflated, as MATLAB and scipy save them.
    let mut packed = plain_bytes[..128].to_vec();
    let mut rest = &plain_bytes[128..];
    while !rest.is_empty() {
        let size = 8 + u32::from_le_bytes(rest[4..8].try_into().expect("four")) as usize;
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        zlib.write_all(&rest[..size]).expect("in memory");
        let data = zlib.finish().expect("in memory");
        packed.extend(15u32.to_le_bytes());
        packed.extend((data.len() as u32).to_le_bytes());
        packed.extend(data);
        rest = &rest[size..];
    }
    let compressed = dir.path().join("compressed.mat");
    fs::write(&compressed, &packed).expect("writable");
    assert_eq!(essence(&read(&compressed, None)), essence(&read(&path, None)));
    // Cut anywhere, or spoilt anywhere, it is an error or another content, and never more.
    for bytes in [&plain_bytes, &packed] {
        for cut in (0..bytes.len()).step_by(13) {
            fs::write(&compressed, &bytes[..cut]).expect("writable");
            let broken = match Reader::open(&compressed, &ReadOptions::default()) {
                Err(error) => Some(error),
                Ok(reader) => reader.filter_map(|r| r.err()).next(),
            };
            assert!(
                matches!(broken, Some(Error::Binary { .. } | Error::NotFormat { .. })),
                "cut at {cut}: {broken:?}"
            );
        }
        for at in (128..bytes.len()).step_by(7) {
            let mut spoilt = bytes.clone();
            spoilt[at] ^= 0x55;
            fs::write(&compressed, &spoilt).expect("writable");
            if let Ok(reader) = Reader::open(&compressed, &ReadOptions::default()) {
                reader.take(10).for_each(drop);
            }
        }
    }
    fs::write(&compressed, [b"MATLAB 7.3 MAT-file".as_slice(), &[0; 200]].concat()).expect("writable");
    let error = Reader::open(&compressed, &ReadOptions::default()).err().expect("HDF5").to_string();
    assert!(error.contains("-v7"), "{error}");
}

#[test]
fn synthtext_goes_on_where_words_and_regions_do_not_pair_up() {
    let dir = temp();
    let mut records = plain();
    let Truth::Instances(instances) = &mut records[0].truth else { panic!() };
    instances[0].transcript = Some(Transcript::truth("two words"));
    let mut writer =
        Writer::create(dir.path().join("gt.mat"), Format::SynthText, &WriteOptions::default()).expect("new");
    assert!(writer.put(&records[0]).expect_err("two words").to_string().contains("--split-words"));
    for (text, transcript, told) in [
        (["one two", "three"].as_slice(), None, "3 words for 1 regions"),
        (&["one"], Some("one"), "charBB has 8 numbers for 3 characters"),
    ] {
        let boxes = mat::doubles(&[2, 4], &[1., 1., 9., 1., 9., 9., 1., 9.]);
        let mut file = mat::file_header().to_vec();
        let odd_chars = mat::doubles(&[2, 4], &[1.; 8]);
        for (name, cell) in [
            ("imnames", mat::texts(&["8/a.jpg"])),
            ("wordBB", boxes),
            ("txt", mat::texts(text)),
            ("charBB", odd_chars),
        ] {
            file.extend(mat::cells(name, &[1, 1], &[cell]));
        }
        let path = dir.path().join("odd.mat");
        fs::write(&path, file).expect("writable");
        let mut reader = Reader::open(&path, &ReadOptions::default()).expect("opened");
        let got = reader.next().expect("one").expect("read");
        assert_eq!((got.file_name.as_str(), reader.warnings().count), ("8/a.jpg", 1));
        let Truth::Instances(got) = got.truth else { panic!() };
        assert_eq!(got[0].transcript, transcript.map(Transcript::truth));
        assert!(reader.warnings().first[0].to_string().contains(told), "{told}");
    }
}

#[test]
fn coco_finds_annotations_wherever_they_stand() {
    let dir = temp();
    let path = dir.path().join("instances.json");
    let text = r#"{"info": {"images": [1]},
"annotations": [
 {"id": 1, "image_id": 7, "bbox": [1, 1, 8, 8], "segmentation": [[1, 1, 9, 1, 9, 9]], "iscrowd": 0, "category_id": 1, "area": 32},
 {"id": 2, "image_id": 3, "bbox": [1, 1, 8, 4], "iscrowd": 1, "category_id": 1, "area": 32},
 {"id": 3, "image_id": 7, "bbox": [2, 2, 4, 4], "segmentation": {"counts": "x", "size": [1, 2]}}
],
"images": [{"id": 3, "file_name": "c.jpg", "width": 20, "height": 10}, {"id": 7, "file_name": "g.jpg"}],
"categories": [{"id": 1}]}"#;
    fs::write(&path, text).expect("writable");
    let mut reader = Reader::open(&path, &ReadOptions::default()).expect("opened");
    assert_eq!(reader.format(), Format::Coco);
    let got: Vec<Record> = reader.by_ref().map(|r| r.expect("read")).collect();
    let flat = essence(&got);
    assert_eq!(flat[0], ("c.jpg".into(), vec![(vec![1., 1., 9., 1., 9., 5., 1., 5.], String::new(), true)]));
    assert_eq!(flat[1].1.len(), 2);
    assert_eq!((got[0].size, got[1].size), (Some((20, 10)), None));
    assert_eq!(reader.warnings().count, 1);
    assert!(reader.warnings().first[0].to_string().contains("a mask"));
    for (from, to, line, words) in [
        ("\"image_id\": 3", "\"image\": 3", 4, "missing field `image_id`"),
        ("[2, 2, 4, 4]", "[2, 2, 4]", 5, "invalid length"),
        ("{\"id\": 7, ", "{\"id\": 3, ", 7, "the image id 3 stands twice"),
        ("\"categories\": [{\"id\": 1}]}", "\"categories\": [", 8, "ends here"),
        ("],\n\"images\"", "\n\"images\"", 7, "should"),
    ] {
        fs::write(&path, text.replace(from, to)).expect("writable");
        let options = ReadOptions { format: Some(Format::Coco), ..ReadOptions::default() };
        let error = match Reader::open(&path, &options) {
            Err(error) => error,
            Ok(reader) => reader.filter_map(|r| r.err()).next().expect("broken"),
        };
        let text = error.to_string();
        assert!(text.contains(&format!("instances.json:{line}")) && text.contains(words), "{from}: {text}");
    }
}

#[test]
fn label_studio_exports_are_read_with_rotation_and_lists_of_texts() {
    let dir = temp();
    let path = dir.path().join("export.json");
    let text = r#"[{"id": 5, "data": {"ocr": "/data/upload/3/ab12-page.jpg"}, "annotations": [{"result": [
 {"original_width": 200, "original_height": 100, "id": "r1", "type": "rectangle", "value": {"x": 10, "y": 10, "width": 20, "height": 10, "rotation": 90}},
 {"original_width": 200, "original_height": 100, "id": "r1", "type": "labels", "value": {"x": 10, "y": 10, "labels": ["Text"]}},
 {"original_width": 200, "original_height": 100, "id": "r1", "type": "textarea", "value": {"text": ["down"]}},
 {"original_width": 200, "original_height": 100, "id": "r2", "type": "polygonlabels", "value": {"points": [[0, 0], [50, 0], [50, 50]], "polygonlabels": ["Hand"]}}
]}]}]"#;
    fs::write(&path, text).expect("writable");
    let got = read(&path, None).remove(0);
    assert_eq!((got.file_name.as_str(), got.size), ("ab12-page.jpg", Some((200, 100))));
    let Truth::Instances(got) = got.truth else { panic!() };
    let b = got[0].region.polygon.bounds();
    assert_eq!([b.x0, b.y0, b.x1, b.y1].map(f64::round), [10.0, 10.0, 20.0, 50.0]);
    assert_eq!((got[0].text(), got[0].label.as_deref()), ("down", Some("Text")));
    assert_eq!(got[1].region.polygon.to_flat(), [0., 0., 100., 0., 100., 50.]);
    assert_eq!((got[1].transcript.is_none(), got[1].label.as_deref()), (true, Some("Hand")));
}

#[test]
fn a_broken_line_in_the_middle_is_told_with_its_place_and_the_rest_is_read() {
    for (name, good, bad, words) in [
        ("text", "a.png\tx", "b.png x", "no TAB"),
        (
            "mmocr-rec",
            r#"{"filename": "a.png", "text": "x"}"#,
            r#"{"filename": "a.png"}"#,
            "missing field `text`",
        ),
        (
            "mmocr-rec",
            r#"{"filename": "a.png", "text": "x"}"#,
            r#"{"filename": "a", "text": "x", "text": "y"}"#,
            "duplicate field `text`",
        ),
        ("mmocr-det", r#"{"file_name": "a.png", "annotations": []}"#, r#"{"file_name": "a.png", "#, "EOF"),
        ("wildreceipt", r#"{"file_name": "a.png", "annotations": []}"#, r#"["a"]"#, "invalid"),
        ("paddle-det", "a.png\t[]", "a.png\t[{\"points\": [[1]]}]", "invalid length"),
        ("cluener", r#"{"text": "x"}"#, r#"{"label": {}}"#, "missing field `text`"),
    ] {
        let dir = temp();
        let path = dir.path().join("labels.txt");
        fs::write(&path, format!("\u{feff}{good}\r\n\r\n{bad}\r\n{good}\r\n")).expect("writable");
        let got = read_as(&path, Some(name.parse().expect("a name")));
        assert_eq!(got.len(), 3, "{name}");
        assert!(got[0].is_ok() && got[2].is_ok(), "{name}");
        let error = got[1].as_ref().expect_err("broken");
        assert!(matches!(error, Error::Label { at, .. } if at.line == 3), "{name}: {error:?}");
        assert!(error.to_string().contains(words), "{name}: {error}");
    }
}

#[test]
fn other_encodings_are_told_with_line_and_byte() {
    let dir = temp();
    let path = dir.path().join("labels.txt");
    // A line of Latin-1 between lines of UTF-8.
    fs::write(&path, b"a.png caf\xc3\xa9\nb.png caf\xe9\nc.png ok\n").expect("writable");
    let got = read_as(&path, None);
    let error = got[1].as_ref().expect_err("Latin-1").to_string();
    assert!(error.contains("labels.txt:2") && error.contains("byte 10") && error.contains("0xe9"), "{error}");
    assert!(got[0].is_ok() && got[2].is_ok());
    fs::write(&path, b"\xff\xfea\0 \0b\0").expect("writable");
    let error = read_as(&path, Some(Format::Text)).remove(0).expect_err("UTF-16").to_string();
    assert!(error.contains("UTF-16"), "{error}");
    let error = Format::detect(&path).expect_err("UTF-16").to_string();
    assert!(error.contains("UTF-16"), "{error}");
}

#[test]
fn svt_is_read_with_its_lexicon_and_a_broken_end_is_told() {
    let dir = temp();
    let path = dir.path().join("test.xml");
    let text = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<tagset>\n  <image>\n    <imageName>img/14_03.jpg</imageName>\n    <address>341 Rd</address>\n    <lex>LIVING,ROOM</lex>\n    <Resolution x=\"1280\" y=\"880\" />\n    <taggedRectangles>\n      <taggedRectangle height=\"75\" width=\"236\" x=\"375\" y=\"253\">\n        <tag>LIVING&amp;</tag>\n      </taggedRectangle>\n    </taggedRectangles>\n  </image>\n</tagset>\n";
    fs::write(&path, text).expect("writable");
    let got = read(&path, None).remove(0);
    assert_eq!((got.file_name.as_str(), got.size, got.at.line), ("img/14_03.jpg", Some((1280, 880)), 3));
    assert_eq!(got.fields, [("lex".to_owned(), "LIVING,ROOM".to_owned())]);
    let Truth::Instances(got) = got.truth else { panic!() };
    assert_eq!((got[0].text(), got[0].region.polygon.bounds().x1), ("LIVING&", 611.0));
    fs::write(&path, &text[..text.len() - 40]).expect("writable");
    let error = read_as(&path, None).pop().expect("one").expect_err("cut").to_string();
    assert!(error.contains("test.xml:1"), "{error}");
    fs::write(&path, text.replace("x=\"375\"", "x=\"wide\"")).expect("writable");
    let error = read_as(&path, None).remove(0).expect_err("no number").to_string();
    assert!(error.contains("test.xml:9") && error.contains("\"wide\""), "{error}");
}

#[test]
fn what_is_no_format_is_told() {
    let dir = temp();
    let said = |path: &std::path::Path| Format::detect(path).expect_err("none").to_string();
    assert!(said(dir.path()).contains("holds no labels"));
    let path = dir.path().join("x");
    fs::write(&path, "").expect("writable");
    assert!(said(&path).contains("empty") && said(&path).contains("paddle-det"));
    fs::write(&path, "oneword\n").expect("writable");
    assert!(said(&path).contains("oneword"));
    assert!(said(&dir.path().join("gone")).contains("cannot read"));
    fs::write(dir.path().join("data.mdb"), "no database").expect("writable");
    assert!(said(dir.path()).contains("data.mdb, byte 0"), "{}", said(dir.path()));
}

#[test]
fn what_is_no_text_and_what_is_no_object_is_told() {
    let dir = temp();
    let broken = |name: &str, bytes: &[u8], format| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).expect("writable");
        let errors = read_as(&path, Some(format)).into_iter().filter_map(Result::err);
        errors.map(|e| e.to_string()).collect::<Vec<_>>().join("; ")
    };
    let wide: Vec<u8> = "a.png\tx\nb.png\ty\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(broken("wide.tsv", &wide, Format::Text).contains(":1: the line holds a byte 0"));
    let listed = broken("list.jsonl", b"7", Format::MmocrDet);
    assert!(listed.contains("integer `7`, expected an object;"), "{listed}");
    let twice = r#"{"text": "ab", "label": {"name": {"a": [[0, 0]]}, "name": {"b": [[1, 1]]}}}"#;
    let twice = broken("ner.jsonl", twice.as_bytes(), Format::Cluener);
    assert!(twice.contains(":1: column") && twice.contains("duplicate field `name`"), "{twice}");
    let (path, _) = write(&dir, "without_ending", Format::SynthText, &plain());
    assert_eq!(Format::detect(&path).expect("told"), Format::SynthText);
    let error = Writer::create(dir.path().join("none/a.txt"), Format::Text, &WriteOptions::default());
    assert!(
        matches!(error.err(), Some(Error::Write { source, .. }) if source.to_string().contains("no such folder"))
    );
}
