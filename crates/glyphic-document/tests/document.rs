//! Pages written and read back.

use std::io::{self, Write};

use glyphic_core::{Image, Line, Page, Polygon, Rect, Region, TextInstance, Transcript};
use glyphic_document::{
    Error, Format, Overlay, PageWriter, Records, overlay, parse_pages, parse_texts, read_pages, text,
};
use proptest::prelude::*;

fn rect(x: f64, y: f64, w: f64, h: f64) -> Polygon {
    Polygon::from_rect(Rect { x0: x, y0: y, x1: x + w, y1: y + h }).unwrap()
}

fn word(x: f64, text: &str) -> TextInstance {
    let transcript = Transcript { text: text.to_owned(), score: 0.5, ..Transcript::default() };
    let region = Region { polygon: rect(x, 40.0, 30.0, 12.0), score: 0.875 };
    TextInstance { transcript: Some(transcript), ..TextInstance::new(region) }
}

fn page() -> Page {
    let line = Line {
        polygon: rect(10.0, 40.0, 70.0, 12.0),
        text: "caf\u{e9} \u{20ac}5".to_owned(),
        score: 0.75,
        instances: vec![0, 1],
    };
    Page {
        width: 100,
        height: 80,
        instances: vec![word(10.0, "caf\u{e9}"), word(50.0, "\u{20ac}5")],
        lines: vec![line],
        ..Page::default()
    }
}

fn written(format: Format, records: Records, pages: &[(&str, Page)]) -> String {
    let mut writer = PageWriter::new(Vec::new(), format, records);
    for (name, page) in pages {
        writer.put(*name, page).unwrap();
    }
    String::from_utf8(writer.finish().unwrap()).unwrap()
}

#[test]
fn text_is_the_lines_in_order_with_headings_where_asked() {
    let named =
        written(Format::Text { named: true }, Records::Read, &[("a", page()), ("b", Page::new(1, 1))]);
    assert_eq!(named, "==> a <==\ncaf\u{e9} \u{20ac}5\n\n==> b <==\n");
    assert_eq!(
        written(Format::Text { named: false }, Records::Read, &[("a", page())]),
        "caf\u{e9} \u{20ac}5\n"
    );
    let words = Page { lines: Vec::new(), ..page() };
    assert_eq!(text(&words), "caf\u{e9}\n\u{20ac}5\n");
}

#[test]
fn json_lines_have_their_stable_shape() {
    assert_eq!(
        written(Format::JsonLines, Records::Read, &[("a.png", page())]),
        concat!(
            r#"{"file_name":"a.png","width":100,"height":80,"instances":["#,
            r#"{"polygon":[10.0,40.0,40.0,40.0,40.0,52.0,10.0,52.0],"score":0.875,"text":"café","text_score":0.5},"#,
            r#"{"polygon":[50.0,40.0,80.0,40.0,80.0,52.0,50.0,52.0],"score":0.875,"text":"€5","text_score":0.5}],"#,
            r#""lines":[{"polygon":[10.0,40.0,80.0,40.0,80.0,52.0,10.0,52.0],"text":"café €5","score":0.75,"instances":[0,1]}],"#,
            r#""blocks":[{"kind":"paragraph","polygon":[10.0,40.0,80.0,40.0,80.0,52.0,10.0,52.0],"lines":[0]}]}"#,
            "\n"
        )
    );
    let mut detected = page();
    detected.lines.clear();
    detected.instances.truncate(1);
    detected.instances[0].transcript = None;
    assert_eq!(
        written(Format::JsonLines, Records::Detected, &[("a.png", detected)]),
        concat!(
            r#"{"file_name":"a.png","width":100,"height":80,"instances":["#,
            r#"{"polygon":[10.0,40.0,40.0,40.0,40.0,52.0,10.0,52.0],"score":0.875}]}"#,
            "\n"
        )
    );
}

#[test]
fn json_is_one_array_for_any_number_of_pages() {
    for pages in [vec![], vec![("a", page())], vec![("a", page()), ("b \"x\"", Page::new(3, 4))]] {
        let json = written(Format::Json, Records::Read, &pages);
        let parsed: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
        assert_eq!(parsed.len(), pages.len());
        for (value, (name, page)) in parsed.iter().zip(&pages) {
            assert_eq!(value["file_name"], *name);
            assert_eq!(value["instances"].as_array().unwrap().len(), page.instances.len());
            assert_eq!(value["lines"].as_array().unwrap().len(), page.lines.len());
        }
    }
}

#[test]
fn coordinates_are_rounded_to_hundredths_but_a_sliver_keeps_its_area() {
    let mut page = Page::new(10, 10);
    for polygon in [rect(1.23456, 2.0, 3.0, 4.0), rect(1.0, 1.0, 3.0, 0.001)] {
        page.instances.push(TextInstance::new(Region { polygon, score: 1.0 }));
    }
    let json = written(Format::JsonLines, Records::Detected, &[("a", page)]);
    assert!(json.contains("[1.23,2.0,4.23,2.0,4.23,6.0,1.23,6.0]") && json.contains("1.001"), "{json}");
    assert_eq!(parse_pages(&json, "a.jsonl").unwrap()[0].1.instances.len(), 2);
}

#[test]
fn predictions_of_others_are_read_with_what_they_have() {
    let lines = "\u{feff}{\"file_name\":\"a\",\"model\":\"x\",\"instances\":[{\"polygon\":[0,0,9,0,9,5]}]}\r\n\n\
                 {\"file_name\":\"b\",\"instances\":[]}";
    let pages = parse_pages(lines, "p.jsonl").unwrap();
    assert_eq!((pages[0].0.as_str(), pages[1].0.as_str()), ("a", "b"));
    assert_eq!(
        (pages[0].1.instances[0].region.score, pages[0].1.instances[0].transcript.is_none()),
        (1.0, true)
    );
    assert_eq!(
        parse_texts("{\"file_name\":\"a\",\"text\":\"x y\"}", "t").unwrap(),
        [("a".into(), "x y".into())]
    );
}

#[test]
fn a_line_that_is_no_record_is_named_with_its_number() {
    let good = "{\"file_name\":\"a\",\"instances\":[]}\n";
    for (bad, reason) in [
        ("not json", "expected"),
        ("{\"instances\":[]}", "file_name"),
        ("{\"file_name\":\"b\",\"instances\":[{\"polygon\":[1,2,3]}]}", "polygon"),
        ("{\"file_name\":\"b\",\"instances\":[{\"polygon\":[0,0,1,1,2,2]}]}", "area"),
    ] {
        let error = parse_pages(&format!("{good}{bad}"), "p.jsonl").unwrap_err();
        assert!(matches!(&error, Error::Record { line: 2, .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains("p.jsonl, line 2") && message.contains(reason), "{message}");
    }
    let beyond = "{\"file_name\":\"a\",\"instances\":[],\"lines\":[{\"polygon\":[0,0,9,0,9,5],\"text\":\"\",\"instances\":[3]}]}";
    let error = parse_pages(beyond, "p").unwrap_err();
    assert!(matches!(error, Error::Instance { line: 1, text_line: 0, instance: 3, instances: 0, .. }));
    assert!(matches!(read_pages("no/such/file"), Err(Error::Read { .. })));
}

/// Takes a number of bytes, then fails as a full disk or a closed pipe does.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let n = bytes.len().min(self.0);
        self.0 -= n;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error_wherever_it_happens() {
    for format in [Format::Text { named: true }, Format::Json, Format::JsonLines] {
        let all = written(format, Records::Read, &[("a", page())]).len();
        for room in 0..all {
            let mut writer = PageWriter::new(Full(room), format, Records::Read);
            let result = writer.put("a", &page()).and_then(|()| writer.finish().map(drop));
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::StorageFull, "{format:?} {room}");
        }
    }
}

#[test]
fn an_overlay_marks_the_text_and_leaves_the_picture_it_was_given() {
    let image = Image::filled(100, 80, [255; 3]).unwrap();
    let drawn = overlay(&image, &page(), Overlay::default());
    assert_eq!((drawn.width(), drawn.height()), (100, 80));
    assert!(image.rgb().iter().all(|v| *v == 255));
    assert_ne!(drawn.pixel(45, 40), [255; 3], "the line's upper edge");
    assert_eq!(drawn.pixel(95, 75), [255; 3], "far from any text");
    let plain = overlay(&image, &page(), Overlay { labels: false });
    assert_eq!(plain.pixel(20, 33), [255; 3]);
    assert_ne!(drawn.pixel(20, 33), [255; 3], "the label stands above the line");
}

#[test]
fn crowded_text_is_set_beside_the_picture() {
    let image = Image::filled(200, 100, [90; 3]).unwrap();
    let mut page = Page::new(200, 100);
    for row in 0..6 {
        let top = f64::from(row) * 16.0;
        let polygon = rect(4.0, top, 192.0, 15.0);
        page.lines.push(Line {
            polygon,
            text: "as close as on a receipt".into(),
            score: 0.9,
            instances: Vec::new(),
        });
    }
    let drawn = overlay(&image, &page, Overlay::default());
    assert_eq!((drawn.width(), drawn.height()), (400, 100));
    assert_eq!(drawn.pixel(100, 8), [90; 3], "the picture is not written over");
    let dark = (200..400).filter(|x| drawn.pixel(*x, 8)[0] < 100).count();
    assert!(dark > 10, "the sheet holds the text");
}

#[test]
fn confidence_shows_in_the_colour() {
    let image = Image::filled(100, 80, [255; 3]).unwrap();
    let edge = |score: f32| {
        let mut page = page();
        page.lines[0].score = score;
        page.instances.clear();
        overlay(&image, &page, Overlay { labels: false }).pixel(45, 40)
    };
    let (low, high) = (edge(0.1), edge(1.0));
    assert!(low[0] > low[1] && high[1] > high[0], "{low:?} {high:?}");
}

proptest! {
    #[test]
    fn an_overlay_takes_any_polygon_text_and_score(
        corners in prop::collection::vec(-1e4..1e4f64, 6..12), text in "\\PC{0,40}|.{0,5}", score in prop::num::f32::ANY,
        width in 1u32..60, height in 1u32..60,
    ) {
        let Ok(polygon) = Polygon::from_flat(&corners[..corners.len() / 2 * 2]) else { return Ok(()) };
        let mut page = Page::new(width, height);
        page.lines.push(Line { polygon, text, score, instances: Vec::new() });
        let image = Image::filled(width, height, [9; 3]).unwrap();
        let drawn = overlay(&image, &page, Overlay::default());
        prop_assert!(drawn.height() == height && [width, 2 * width].contains(&drawn.width()));
    }

    #[test]
    fn what_is_written_is_read_back(texts in prop::collection::vec(".{0,12}", 0..6), xs in prop::collection::vec(0u32..900, 6)) {
        let mut page = Page::new(1000, 80);
        for (text, x) in texts.iter().zip(&xs) {
            page.instances.push(word(f64::from(*x) / 4.0, text));
        }
        if !page.instances.is_empty() {
            let instances = (0..page.instances.len()).collect();
            page.lines.push(Line { polygon: rect(0.5, 1.25, 9.0, 9.0), text: texts.join(" "), score: 0.3, instances });
        }
        let json = written(Format::JsonLines, Records::Read, &[("x/y.png", page.clone())]);
        prop_assert_eq!(json.lines().count(), 1);
        prop_assert_eq!(parse_pages(&json, "x").unwrap(), [("x/y.png".to_owned(), page)]);
    }
}
