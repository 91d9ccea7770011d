//! Prediction files of all shapes.

use glyphic_core::Point;
use glyphic_eval::{
    Entity, Error, PredictedPage, PredictedText, parse_classified_pages, parse_entity_texts,
    parse_predicted_crops, parse_predicted_pages, read_classified_pages, read_entity_texts,
    read_predicted_crops, read_predicted_pages,
};
use proptest::prelude::*;

fn square(text: Option<&str>, score: f64) -> PredictedText {
    let outline = [(0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0)].map(|(x, y)| Point::new(x, y)).to_vec();
    PredictedText { outline, score, text: text.map(str::to_owned), label: None }
}

fn page(name: Option<&str>, instances: Vec<PredictedText>) -> PredictedPage {
    PredictedPage { file_name: name.map(str::to_owned), instances, lines: Vec::new() }
}

#[test]
fn pages_of_every_shape_say_the_same() {
    let with_text = page(Some("a.jpg"), vec![square(Some("cat"), 0.75)]);
    let without_text = page(Some("a.jpg"), vec![square(None, 0.75)]);
    for (text, expected) in [
        // Our own lines.
        (
            r#"{"file_name": "a.jpg", "width": 9, "instances": [{"polygon": [0,0,9,0,9,9,0,9], "score": 0.75, "text": "cat"}]}"#,
            &with_text,
        ),
        // A detector's result, alone and in the list of a test run.
        (r#"{"filename": "a.jpg", "boundary_result": [[0,0,9,0,9,9,0,9,0.75]]}"#, &without_text),
        ("[\n {\"filename\": \"a.jpg\",\n \"boundary_result\": [[0,0,9,0,9,9,0,9,0.75]]}\n]", &without_text),
        // End to end, one entry over several lines, and with a rectangle.
        (
            "{\n \"filename\": \"a.jpg\",\n \"result\": [{\"box\": [0,0,9,0,9,9,0,9], \"box_score\": 0.75, \"text\": \"cat\", \"text_score\": 1}]}",
            &with_text,
        ),
        (
            r#"{"filename": "a.jpg", "result": [{"box": [0,0,9,9], "box_score": 0.75, "text": "cat"}]}"#,
            &with_text,
        ),
        // The other release's.
        (
            r#"{"file_name": "a.jpg", "det_polygons": [[0,0,9,0,9,9,0,9]], "det_scores": [0.75], "rec_texts": ["cat"], "rec_scores": [0.5]}"#,
            &with_text,
        ),
        // A byte order mark, CRLF and blank lines.
        (
            "\u{feff}\r\n{\"filename\": \"a.jpg\", \"boundary_result\": [[0,0,9,0,9,9,0,9,0.75]]}\r\n\r\n",
            &without_text,
        ),
    ] {
        assert_eq!(parse_predicted_pages(text, "p").unwrap(), std::slice::from_ref(expected), "{text}");
    }
    let nameless =
        parse_predicted_pages(r#"[{"boundary_result": []}, {"boundary_result": []}]"#, "p").unwrap();
    assert_eq!(nameless, [page(None, vec![]), page(None, vec![])]);
    assert_eq!(parse_predicted_pages(" \n", "p").unwrap(), []);
    let scoreless = parse_predicted_pages(r#"{"instances": [{"polygon": []}]}"#, "p").unwrap();
    assert_eq!((scoreless[0].instances[0].score, scoreless[0].instances[0].outline.len()), (1.0, 0));
}

#[test]
fn broken_entries_are_named_with_their_place() {
    let good = "{\"boundary_result\": []}\n";
    for (text, words) in [
        (format!("{good}{{\"boundary_result\": [}}"), &["pred, line 2, column 22"][..]),
        (format!("{good}\n{{\"boundary_result\": "), &["pred, line 3", "EOF"]),
        (format!("[{}, 7]", good.trim()), &["pred, line 1", "expected an object with what was found"]),
        ("[\n{\"boundary_result\": [[1, 2],\n".to_owned(), &["pred, line", "EOF"]),
        (
            format!("{good}{{\"file_name\": \"a\"}}"),
            &["pred, line 2: it holds no predictions", "boundary_result"],
        ),
        (
            "[{\"boundary_result\": [[1,2,3,4,5,6,7,8]]}]".to_owned(),
            &["entry 0: boundary_result[0] has 8 numbers", "a score"],
        ),
        (
            "{\"instances\": [{\"polygon\": [1,2,3]}]}".to_owned(),
            &["line 1: the outline of instances[0] has 3 numbers"],
        ),
        ("{\"instances\": [{\"polygon\": [1e999,2]}]}".to_owned(), &["line 1", "out of range"]),
        ("{\"instances\": [{\"text\": \"x\"}]}".to_owned(), &["line 1", "missing field `polygon`"]),
        (
            "{\"det_polygons\": [[0,0,1,0,1,1]], \"det_scores\": []}".to_owned(),
            &["1 det_polygons stand beside a list of 0"],
        ),
    ] {
        let error = parse_predicted_pages(&text, "pred").unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "{text}: no {word:?} in {error}");
        }
    }
}

#[test]
fn crops_of_every_shape_say_the_same() {
    let got = |text: &str| -> Vec<(Option<String>, String, f64)> {
        let crops = parse_predicted_crops(text, "p").unwrap();
        crops.into_iter().map(|c| (c.file_name, c.text, c.score)).collect()
    };
    let named = |text: &str, score| vec![(Some("a.png".to_owned()), text.to_owned(), score)];
    for (text, expected) in [
        (r#"{"file_name": "a.png", "text": "two words", "score": 0.5}"#, named("two words", 0.5)),
        (r#"[{"filename": "a.png", "text": "ab", "score": [0.25, 0.75]}]"#, named("ab", 0.5)),
        (r#"{"file_name": "a.png", "rec_texts": ["ab"], "rec_scores": [0.5]}"#, named("ab", 0.5)),
        (r#"[{"text": "", "score": []}]"#, vec![(None, String::new(), 0.0)]),
        ("a.png\ttwo  words \r\n", named("two  words ", 1.0)),
        ("\u{feff}a.png two words\n\n", named("two words", 1.0)),
    ] {
        assert_eq!(got(text), expected, "{text}");
    }
    for (text, word) in [
        ("a.png\tx\nalone", "line 2: \"alone\" has no TAB"),
        ("[{\"score\": 1}]", "entry 0: it has no text"),
        ("{\"text\": \"a\"}\n{\"text\": \"a\"", "line 2"),
    ] {
        let error = parse_predicted_crops(text, "p").unwrap_err().to_string();
        assert!(error.contains(word), "{text}: {error}");
    }
}

#[test]
fn classes_come_from_labels_entities_and_the_most_probable() {
    for (text, labels, classes) in [
        (
            r#"{"instances": [{"polygon": [], "label": 3}, {"polygon": [], "label": "Date", "score": 1}]}"#,
            &["3", "Date"][..],
            0,
        ),
        (r#"{"annotations": [{"polygon": [], "label": 3, "entity": "Total"}]}"#, &["Total"], 0),
        (
            r#"{"filename": "x", "result": [{"box": [0,0,1,1], "label": "Tax", "label_score": 0.5}]}"#,
            &["Tax"],
            0,
        ),
        (r#"[{"nodes": [[0.1, 0.8, 0.1], [0.4, 0.2, 0.4]], "edges": [[1]]}]"#, &["1", "0"], 3),
    ] {
        let pages = parse_classified_pages(text, "p").unwrap();
        assert_eq!(
            (&pages[0].labels[..], pages[0].classes),
            (&labels.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>()[..], classes)
        );
    }
    for (text, word) in [
        (r#"{"boundary_result": []}"#, "it holds no classes"),
        (r#"{"instances": [{"polygon": []}]}"#, "box 0 has no class"),
        (r#"{"nodes": [[]]}"#, "box 0 has no class"),
    ] {
        let error = parse_classified_pages(text, "p").unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn entities_of_every_shape_say_the_same() {
    let expected = [Entity::new("name", 2, 4), Entity::new("name", 7, 7)];
    for text in [
        r#"{"text": "x", "label": {"name": {"abc": [[2, 4]], "d": [[7, 7]]}}}"#,
        r#"{"text": "x", "entities": [{"category": "name", "start": 2, "end": 4}, {"type": "name", "start": 7, "end": 7}]}"#,
        r#"{"entities": [["name", 2, 4], ["name", 7, 7]]}"#,
        r#"[["name", 2, 4], ["name", 7, 7]]"#,
        r#"[[["name", 2, 4], ["name", 7, 7]]]"#,
        "[\n [\n  [\"name\", 2, 4], [\"name\", 7, 7]]]",
    ] {
        let texts = parse_entity_texts(text, "p").unwrap();
        assert_eq!((texts.len(), &texts[0].entities[..]), (1, &expected[..]), "{text}");
    }
    let lines = parse_entity_texts("[[\"name\", 2, 4]]\n[]\n", "p").unwrap();
    assert_eq!(lines.iter().map(|t| t.entities.len()).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(parse_entity_texts("[[], []]", "p").unwrap().len(), 2);
    for (text, word) in [
        ("{\"text\": \"x\"}", "line 1: it holds no entities"),
        ("{\"label\": {\"a\": {\"b\": [[1.5, 2]]}}}", "a \"b\" stands at [1.5,2]"),
        ("[[[\"a\", 1]]]", "entry 0: entity 0 is [\"a\",1]"),
        ("[[\"a\", 1, 2]]\n[[\"a\", 1,", "line 2"),
    ] {
        let error = parse_entity_texts(text, "p").unwrap_err().to_string();
        assert!(error.contains(word), "{text}: {error}");
    }
}

#[test]
fn a_folder_gives_its_files_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("notes.txt", "none of these");
    assert!(matches!(read_predicted_pages(folder.path()), Err(Error::EmptyFolder { .. })));
    write("img_2.json", r#"{"boundary_result": []}"#);
    write("img_1.json", r#"{"det_polygons": [[0, 0, 1, 0, 1, 1]], "det_scores": [0.5]}"#);
    let pages = read_predicted_pages(folder.path()).unwrap();
    let names: Vec<_> = pages.iter().map(|p| p.file_name.as_deref().unwrap()).collect();
    assert_eq!(names, ["img_1", "img_2"]);
    write("img_3.json", "{");
    let error = read_predicted_pages(folder.path()).unwrap_err().to_string();
    assert!(error.contains("img_3.json, line 1"), "{error}");
}

#[test]
fn pickles_other_encodings_and_missing_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pred");
    std::fs::write(&path, b"\x80\x04\x95").unwrap();
    let pickle = read_predicted_pages(&path).unwrap_err();
    assert!(matches!(pickle, Error::Pickle { .. }) && pickle.to_string().contains("json.dump"), "{pickle}");
    std::fs::write(&path, b"a.png\tx\nb.png\t\xe9t\xe9\n").unwrap();
    let latin = read_predicted_crops(&path).unwrap_err();
    assert!(matches!(latin, Error::Utf8 { line: 2, byte: 7, .. }), "{latin:?}");
    let missing = folder.path().join("missing");
    for error in [
        read_predicted_pages(&missing).unwrap_err(),
        read_predicted_crops(&missing).unwrap_err(),
        read_classified_pages(&missing).unwrap_err(),
        read_entity_texts(&missing).unwrap_err(),
    ] {
        let source = std::error::Error::source(&error).expect("the system's reason").to_string();
        assert!(error.to_string().contains("missing") && !error.to_string().contains(&source), "{error}");
    }
}

#[test]
fn an_entity_file_in_which_a_member_stands_twice_is_an_error_with_its_place() {
    let good = r#"{"text": "ab", "label": {"name": {"a": [[0, 0]]}}}"#;
    let twice = r#"{"text": "ab", "label": {"name": {"a": [[0, 0]]}, "name": {"b": [[1, 1]]}}}"#;
    let error = parse_entity_texts(&format!("{good}\n{twice}\n"), "p").unwrap_err();
    assert!(matches!(error, Error::Json { line: 2, .. }), "{error:?}");
    assert!(error.to_string().contains("duplicate field `name`"), "{error}");
    assert_eq!(parse_entity_texts(good, "p").unwrap()[0].entities.len(), 1);
    let high = parse_predicted_crops(r#"{"text": "a", "score": "high"}"#, "p").unwrap_err().to_string();
    assert!(high.contains("a score, or a list") && !high.contains("RawScore"), "{high}");
    let nan = parse_predicted_pages(r#"[{"boundary_result": [[1, 2, NaN]]}]"#, "p").unwrap_err().to_string();
    assert!(nan.contains("no NaN"), "{nan}");
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(text in "[\\[\\]{}\",:0-9a-z\\n\\t. -]{0,80}") {
        let _ = parse_predicted_pages(&text, "p");
        let _ = parse_predicted_crops(&text, "p");
        let _ = parse_classified_pages(&text, "p");
        let _ = parse_entity_texts(&text, "p");
    }

    #[test]
    fn numbers_survive_to_the_last_bit(v in prop::collection::vec(-1e4..1e4f64, 8), score in 0.0..1.0f64) {
        let row: Vec<f64> = v.iter().copied().chain([score]).collect();
        let text = serde_json::json!([{"boundary_result": [row]}]).to_string();
        let page = &parse_predicted_pages(&text, "p").unwrap()[0];
        let got: Vec<f64> = page.instances[0].outline.iter().flat_map(|p| [p.x, p.y]).collect();
        prop_assert_eq!((got, page.instances[0].score), (v, score));
    }
}
