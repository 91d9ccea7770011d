//! Pages as hOCR, ALTO, PAGE-XML, TSV, Markdown, HTML and CSV.

use glyphic_core::{
    Alternative, CharSpan, DropReason, Emphasis, Line, Page, Point, Polygon, Rect, Region, TextInstance,
    Transcript,
};
use glyphic_document::{
    BlockKind, Format, PAGE_SCHEMA, PageInfo, PageRecord, PageWriter, Records, TextSource, blocks,
    invalid_characters, joined, layout,
};
use serde_json::Value;

/// A page of lines: left, top, text height, text. Characters are half as wide as high.
fn page(lines: &[(f64, f64, f64, &str)]) -> Page {
    let mut page = Page::new(1000, 800);
    for (x, y, height, text) in lines {
        let first = page.instances.len();
        let pitch = height / 2.0;
        let outline = |from: usize, count: usize| {
            let (x0, x1) = (x + pitch * from as f64, x + pitch * (from + count) as f64);
            Polygon::from_rect(Rect { x0, y0: *y, x1, y1: y + height }).unwrap()
        };
        let mut at = 0;
        for word in text.split(' ') {
            let count = word.chars().count();
            let share = |i: usize| i as f32 / count as f32;
            let span = |(i, char)| CharSpan { char, score: 0.5, start: share(i), end: share(i + 1) };
            let chars = word.chars().enumerate().map(span);
            let transcript = Transcript {
                text: word.to_owned(),
                score: 0.5,
                chars: chars.collect(),
                ..Transcript::default()
            };
            let region = Region { polygon: outline(at, count), score: 0.9 };
            page.instances.push(TextInstance { transcript: Some(transcript), ..TextInstance::new(region) });
            at += count + 1;
        }
        let instances = (first..page.instances.len()).collect();
        let polygon = outline(0, text.chars().count());
        page.lines.push(Line { polygon, text: (*text).to_owned(), score: 0.5, instances });
    }
    page
}

fn report() -> Page {
    page(&[
        (50.0, 40.0, 40.0, "Annual report"),
        (50.0, 120.0, 20.0, "The number of visi-"),
        (50.0, 146.0, 20.0, "tors <rose> & fell"),
        (50.0, 220.0, 20.0, "• parks"),
        (50.0, 246.0, 20.0, "• pools"),
        (50.0, 320.0, 20.0, "Year"),
        (300.0, 320.0, 20.0, "Visitors"),
        (50.0, 350.0, 20.0, "2019"),
        (300.0, 350.0, 20.0, "1,204"),
    ])
}

fn written(format: Format, pages: &[Page]) -> String {
    let mut writer = PageWriter::new(Vec::new(), format, Records::Read);
    for page in pages {
        let info = PageInfo { dpi: Some(200.0), ..PageInfo::from("a <b> \"c\".png") };
        writer.put(info, page).unwrap();
    }
    String::from_utf8(writer.finish().unwrap()).unwrap()
}

#[test]
fn blocks_are_headings_paragraphs_items_and_tables_in_reading_order() {
    let page = report();
    let kinds: Vec<(BlockKind, usize)> = blocks(&page).iter().map(|b| (b.kind, b.lines.len())).collect();
    let expected = [
        (BlockKind::Heading, 1),
        (BlockKind::Paragraph, 2),
        (BlockKind::ListItem, 1),
        (BlockKind::ListItem, 1),
        (BlockKind::Table, 4),
    ];
    assert_eq!(kinds, expected);
}

/// A page of a report: running header with the page's number, text, a figure's caption, footer.
fn running(header: &[(f64, f64, f64, &'static str)], footer: &[(f64, f64, f64, &'static str)]) -> Page {
    let text = [
        "A survey of rivers",
        "was made in 1987",
        "by many hands",
        "Figure 3 shows it",
        "all and more",
        "of the same",
    ];
    let body = text.iter().zip(0..).map(|(text, i)| (50.0, 150.0 + 26.0 * f64::from(i), 20.0, *text));
    let caption = [(50.0, 400.0, 18.0, "Figure 3: Rivers"), (50.0, 424.0, 18.0, "by their length")];
    page(&header.iter().copied().chain(body).chain(caption).chain(footer.iter().copied()).collect::<Vec<_>>())
}

/// The kinds of blocks with their text.
fn kinds(page: &Page) -> Vec<(BlockKind, String)> {
    blocks(page).iter().map(|b| (b.kind, joined(page, &b.lines, false))).collect()
}

#[test]
fn headers_and_footers_have_the_number_of_the_page_or_small_print_across_from_it() {
    let (header, footer) = (BlockKind::Header, BlockKind::Footer);
    let of = |kind: BlockKind, page: &Page| -> Vec<String> {
        kinds(page).into_iter().filter(|(k, _)| *k == kind).map(|(_, text)| text).collect()
    };
    let title = (50.0, 40.0, 20.0, "Rivers of the world");
    let page = running(&[title, (900.0, 40.0, 20.0, "12")], &[]);
    assert_eq!(of(header, &page), ["Rivers of the world 12"]);
    let page = running(&[(50.0, 40.0, 14.0, "RIVERS AND LAKES")], &[(480.0, 750.0, 14.0, "- 3 -")]);
    assert_eq!(
        (of(header, &page), of(footer, &page)),
        (vec!["RIVERS AND LAKES".into()], vec!["- 3 -".into()])
    );
    let page =
        running(&[title], &[(50.0, 750.0, 20.0, "Annual report"), (800.0, 750.0, 20.0, "Page 2 of 9")]);
    assert_eq!((of(header, &page).len(), of(footer, &page)), (0, vec!["Annual report Page 2 of 9".into()]));
    // No number, a number that is none of a page, a number in large print, close to the text, far from the edge, one of several.
    for (above, below) in [
        (vec![title], vec![(50.0, 750.0, 20.0, "Annual report")]),
        (vec![title, (900.0, 40.0, 20.0, "1987")], vec![(800.0, 750.0, 20.0, "2.30")]),
        (vec![(50.0, 40.0, 40.0, "Chapter"), (900.0, 40.0, 40.0, "3")], vec![]),
        (vec![(50.0, 120.0, 20.0, "Total"), (900.0, 120.0, 20.0, "3")], vec![]),
        (vec![], vec![(480.0, 600.0, 14.0, "3")]),
        (vec![], vec![(50.0, 750.0, 20.0, "27"), (480.0, 750.0, 20.0, "Under"), (800.0, 750.0, 20.0, "1")]),
    ] {
        let page = running(&above, &below);
        assert!(of(header, &page).is_empty() && of(footer, &page).is_empty(), "{above:?} {below:?}");
    }
}

#[test]
fn captions_begin_with_the_number_of_a_figure_or_table() {
    let page = running(&[], &[]);
    let captions: Vec<_> = kinds(&page).into_iter().filter(|(kind, _)| *kind == BlockKind::Caption).collect();
    assert_eq!(captions, [(BlockKind::Caption, "Figure 3: Rivers by their length".to_owned())]);
    for (text, caption) in [
        ("Table 2.1. Costs", true),
        ("Abb. 7: Netz", true),
        ("Table 2 lists", false),
        ("figure 3: so", false),
    ] {
        let page = self::page(&[(50.0, 150.0, 20.0, text)]);
        assert_eq!(kinds(&page)[0].0 == BlockKind::Caption, caption, "{text}");
    }
}

#[test]
fn headers_footers_and_captions_stand_in_every_format() {
    let page = running(&[(900.0, 40.0, 14.0, "12")], &[]);
    for (format, pieces) in [
        (
            Format::Html { dehyphenate: false },
            ["<header>12</header>", "<figcaption>Figure 3: Rivers by their length</figcaption>"],
        ),
        (Format::Markdown { dehyphenate: false }, ["12\n\n", "Figure 3: Rivers by their length\n"]),
        (Format::Hocr, ["class='ocr_header'", "class='ocr_caption'"]),
        (Format::Alto, ["TAGREFS=\"header\"", "TAGREFS=\"caption\""]),
        (Format::PageXml, ["type=\"header\"", "type=\"caption\""]),
    ] {
        let text = written(format, std::slice::from_ref(&page));
        assert!(pieces.iter().all(|piece| text.contains(piece)), "{format:?}: {text}");
    }
}

#[test]
fn a_page_that_stands_turned_has_the_blocks_of_the_upright_one() {
    let upright = report();
    for (orientation, width, height) in [(90, 800, 1000), (180, 1000, 800), (270, 800, 1000)] {
        let turn = |x: f64, y: f64| match orientation {
            90 => Point::new(800.0 - y, x),
            180 => Point::new(1000.0 - x, 800.0 - y),
            _ => Point::new(y, 1000.0 - x),
        };
        let mut page = Page { width, height, orientation, ..report() };
        let lines = page.lines.iter_mut().map(|line| &mut line.polygon);
        for polygon in page.instances.iter_mut().map(|word| &mut word.region.polygon).chain(lines) {
            *polygon = polygon.map(|p| turn(p.x, p.y)).unwrap();
        }
        assert_eq!(layout(&page), layout(&upright), "{orientation}");
        let (found, expected) = (blocks(&page), blocks(&upright));
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(
                (found.kind, &found.lines, &found.table),
                (expected.kind, &expected.lines, &expected.table)
            );
            let Rect { x0, y0, x1, y1 } = expected.bounds;
            let (a, b) = (turn(x0, y0), turn(x1, y1));
            assert_eq!(
                [found.bounds.x0, found.bounds.y0, found.bounds.x1, found.bounds.y1],
                [a.x.min(b.x), a.y.min(b.y), a.x.max(b.x), a.y.max(b.y)]
            );
        }
    }
}

#[test]
fn every_line_is_in_one_block() {
    let page = report();
    let mut lines: Vec<usize> = blocks(&page).into_iter().flat_map(|b| b.lines).collect();
    lines.sort_unstable();
    assert_eq!(lines, (0..page.lines.len()).collect::<Vec<_>>());
}

#[test]
fn hyphens_at_line_ends_are_undone_between_small_letters_only() {
    let page =
        page(&[(0.0, 0.0, 20.0, "visi-"), (0.0, 25.0, 20.0, "tors of Baden-"), (0.0, 50.0, 20.0, "Baden")]);
    assert_eq!(joined(&page, &[0, 1, 2], true), "visitors of Baden- Baden");
    assert_eq!(joined(&page, &[0, 1], false), "visi- tors of Baden-");
}

#[test]
fn markdown_has_headings_lists_and_tables() {
    let text = written(Format::Markdown { dehyphenate: true }, &[report()]);
    for piece in [
        "# Annual report\n\n",
        "The number of visitors \\<rose> & fell\n\n",
        "- parks\n- pools\n\n",
        "| Year | Visitors |\n| --- | --- |\n| 2019 | 1,204 |\n",
    ] {
        assert!(text.contains(piece), "{piece:?} is not in {text}");
    }
}

#[test]
fn tables_are_written_as_csv() {
    assert_eq!(written(Format::Csv, &[report()]), "Year,Visitors\r\n2019,\"1,204\"\r\n");
}

#[test]
fn rows_of_tsv_are_those_of_tesseract() {
    let text = written(Format::Tsv, &[report(), Page::new(10, 10)]);
    let rows: Vec<Vec<&str>> = text.lines().map(|row| row.split('\t').collect()).collect();
    assert!(rows.iter().all(|row| row.len() == 12), "{text}");
    assert_eq!(rows[0][0], "level");
    assert_eq!(rows[1][..11], ["1", "1", "0", "0", "0", "0", "0", "0", "1000", "800", "-1"]);
    assert_eq!(rows.iter().filter(|row| row[0] == "5").count(), report().instances.len());
    assert_eq!(rows.last().unwrap()[..2], ["1", "2"]);
}

#[test]
fn layout_keeps_columns_and_gaps() {
    let text = layout(&report());
    let rows: Vec<&str> = text.lines().collect();
    let (year, value) = (rows[rows.len() - 2], rows[rows.len() - 1]);
    assert_eq!(year.find("Visitors"), value.find("1,204"));
    assert!(year.starts_with("Year  "), "{text}");
    assert!(text.contains("report\n\n"), "{text}");
}

/// Whether tags close in the order in which they open, and every attribute and entity is well formed.
fn well_formed(xml: &str) -> Vec<(String, Vec<(String, String)>)> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let (mut found, mut open) = (Vec::new(), Vec::new());
    loop {
        match reader.read_event().unwrap_or_else(|e| panic!("{e} in {xml}")) {
            Event::Start(tag) => {
                open.push(tag.name().as_ref().to_owned());
                found.push(element(&tag));
            }
            Event::Empty(tag) => found.push(element(&tag)),
            Event::End(_) => drop(open.pop().unwrap()),
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(open.is_empty(), "{xml}");
    found
}

fn element(tag: &quick_xml::events::BytesStart<'_>) -> (String, Vec<(String, String)>) {
    let text = |bytes: &str| bytes.to_owned();
    let attributes = tag.attributes().map(|a| a.unwrap()).map(|a| (text(a.key.as_ref()), text(&a.value)));
    (text(tag.name().as_ref()), attributes.collect())
}

#[test]
fn hocr_alto_and_page_are_well_formed_and_hold_every_word_once() {
    let mut nasty = page(&[(10.0, 10.0, 20.0, "a\u{0}b<&>\u{b} \"x'\u{ffff}")]);
    nasty.instances[0].region.polygon =
        Polygon::from_rect(Rect { x0: -40.0, y0: -10.0, x1: 5000.0, y1: 9000.0 }).unwrap();
    assert_eq!(invalid_characters(&nasty), 3);
    let running = running(
        &[(900.0, 40.0, 14.0, "12")],
        &[(50.0, 750.0, 20.0, "Annual report"), (800.0, 750.0, 20.0, "12")],
    );
    for page in [report(), running, nasty, Page::new(5, 5)] {
        let words = page.instances.len();
        let count = |xml: &str, name: &str, key: &str, value: &str| {
            let holds = |a: &(String, String)| a.0 == key && (value.is_empty() || a.1 == value);
            well_formed(xml).iter().filter(|(n, a)| n == name && a.iter().any(holds)).count()
        };
        let pages = [page.clone(), page.clone()];
        let hocr = written(Format::Hocr, &pages);
        assert_eq!(count(&hocr, "span", "class", "ocrx_word"), 2 * words, "{hocr}");
        assert_eq!(count(&hocr, "div", "class", "ocr_page"), 2);
        let alto = written(Format::Alto, &pages);
        assert_eq!(count(&alto, "String", "CONTENT", ""), 2 * words, "{alto}");
        let page_xml = written(Format::PageXml, &pages[..1]);
        assert_eq!(count(&page_xml, "Word", "id", ""), words, "{page_xml}");
    }
}

#[test]
fn identifiers_are_unique_in_a_file() {
    for format in [Format::Hocr, Format::Alto] {
        let xml = written(format, &[report(), report()]);
        let mut ids: Vec<String> = well_formed(&xml)
            .into_iter()
            .flat_map(|(_, attributes)| attributes)
            .filter(|(key, _)| key.eq_ignore_ascii_case("id"))
            .map(|(_, value)| value)
            .collect();
        let all = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all, "{format:?}");
    }
}

#[test]
fn character_scores_stand_in_json_where_they_are_asked_for() {
    let page = report();
    let json = |records| {
        let mut writer = PageWriter::new(Vec::new(), Format::JsonLines, records);
        writer.put("a.png", &page).unwrap();
        String::from_utf8(writer.finish().unwrap()).unwrap()
    };
    assert!(!json(Records::Read).contains("char_scores"));
    let with_chars = json(Records::ReadWithChars);
    assert!(with_chars.contains("\"char_scores\":[0.5,0.5,0.5,0.5,0.5,0.5]"));
    let record: Value = serde_json::from_str(with_chars.lines().next().unwrap()).unwrap();
    for (instance, word) in record["instances"].as_array().unwrap().iter().zip(&page.instances) {
        let outlines = instance["char_polygons"].as_array().unwrap();
        let numbers =
            |v: &Value| -> Vec<f64> { v.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect() };
        let word_left = word.region.polygon.bounds().x0;
        assert_eq!(outlines.len(), word.text().chars().count());
        assert!((numbers(&outlines[0])[0] - word_left).abs() < 0.01, "{instance}");
        for pair in outlines.windows(2) {
            assert_eq!(
                numbers(&pair[0])[2],
                numbers(&pair[1])[0],
                "characters stand side by side: {instance}"
            );
        }
    }
}

/// What of a value its schema does not describe.
fn undescribed(value: &Value, schema: &Value, root: &Value, path: &str) -> Vec<String> {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(name.trim_start_matches('#')).unwrap();
        return undescribed(value, target, root, path);
    }
    let is = |kind: &str| schema.get("type").is_none_or(|t| t == kind);
    match value {
        Value::Object(fields) if is("object") => {
            let required = schema["required"].as_array().into_iter().flatten();
            let missing = required.filter_map(Value::as_str).filter(|key| !fields.contains_key(*key));
            let mut wrong: Vec<String> = missing.map(|key| format!("{path}.{key} is missing")).collect();
            for (key, value) in fields {
                let path = format!("{path}.{key}");
                match schema["properties"].get(key).or(schema.get("additionalProperties")) {
                    Some(schema) => wrong.extend(undescribed(value, schema, root, &path)),
                    None => wrong.push(path),
                }
            }
            wrong
        }
        Value::Array(items) if is("array") => {
            items.iter().flat_map(|item| undescribed(item, &schema["items"], root, path)).collect()
        }
        Value::String(_) if is("string") => allowed(value, schema, path),
        Value::Number(n) if is("number") || (is("integer") && n.is_u64()) => allowed(value, schema, path),
        _ => vec![format!("{path} is {value}")],
    }
}

fn allowed(value: &Value, schema: &Value, path: &str) -> Vec<String> {
    match schema.get("enum").and_then(Value::as_array) {
        Some(values) if !values.contains(value) => vec![format!("{path} is {value}")],
        _ => Vec::new(),
    }
}

#[test]
fn the_schema_describes_all_that_json_holds() {
    let schema: Value = serde_json::from_str(PAGE_SCHEMA).unwrap();
    let mut page = Page { orientation: 90, ..report() };
    page.dropped.add(DropReason::LowTextScore);
    let info = PageInfo {
        page: Some(2),
        dpi: Some(150.0),
        text_source: TextSource::Mixed,
        ..PageInfo::from("a.pdf")
    };
    let full = serde_json::to_value(PageRecord::read_with_chars(&info, &page)).unwrap();
    assert_eq!(full.as_object().unwrap().len(), schema["properties"].as_object().unwrap().len());
    for record in [full, serde_json::to_value(PageRecord::detected("a.png", &report())).unwrap()] {
        assert_eq!(undescribed(&record, &schema, &schema, ""), Vec::<String>::new());
    }
    let wrong = serde_json::json!({ "file_name": 3, "width": 1, "height": 1, "more": 1 });
    let found = undescribed(&wrong, &schema, &schema, "");
    assert_eq!(found, [".instances is missing", ".file_name is 3", ".more"]);
}

/// Pages with what is hard on a format: no text, markup, control characters, boxes outside the page, turned pages.
fn hard_pages() -> Vec<Page> {
    let mut odd = page(&[
        (10.0, 10.0, 20.0, "a\u{0}b<&>\u{b} \"x'\u{ffff} ]]>"),
        (10.0, 60.0, 20.0, "e\u{301}t\u{e9} \u{5d0}\u{5d1}\u{5d2} \u{1f600}"),
        (10.0, 90.0, 20.0, "\u{1} \u{2}"),
    ]);
    odd.instances[0].region.polygon =
        Polygon::from_rect(Rect { x0: -40.0, y0: -10.0, x1: 5000.0, y1: 9000.0 }).unwrap();
    odd.lines[1].score = f32::NAN;
    odd.instances[1].transcript.as_mut().unwrap().score = 1.5;
    let mut wordless = report();
    wordless.lines.iter_mut().for_each(|line| line.instances.clear());
    let rect = |[x0, y0, x1, y1]: [f64; 4]| Polygon::from_rect(Rect { x0, y0, x1, y1 }).unwrap();
    let mut rich = report();
    rich.figures = vec![rect([500.0, 20.0, 900.0, 280.0]), rect([-20.0, 700.0, 4000.0, 900.0])];
    rich.cells = [[40.0, 310.0, 400.0, 344.0], [40.0, 346.0, 290.0, 380.0], [292.0, 346.0, 400.0, 380.0]]
        .map(rect)
        .into();
    rich.cells.push(rect([402.0, 310.0, 500.0, 380.0]));
    rich.instances[2].emphasis.bold = true;
    rich.instances[3].emphasis = Emphasis { bold: true, italic: true };
    vec![report(), odd, Page::new(5, 5), wordless, Page { orientation: 180, ..rich.clone() }, rich]
}

/// Runs a checker over a file; `None` where it is not installed.
fn checked(program: &str, args: &[&str]) -> Option<String> {
    match std::process::Command::new(program).args(args).output() {
        Ok(out) => {
            let said =
                format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
            assert!(out.status.success(), "{program} {args:?}: {said}");
            Some(said)
        }
        Err(e) => {
            eprintln!("SKIPPED: {program}: {e}");
            None
        }
    }
}

#[test]
fn files_are_valid_by_the_schemas_of_their_formats() {
    // The schemas themselves, `alto-4-4.xsd` and `pagecontent.xsd`, are not part of this repository: ALTO's are those of
    // <https://www.loc.gov/standards/alto/>, PAGE's come with the Python package ocrd.
    let given = std::env::var_os("GLYPHIC_SCHEMAS").map(std::path::PathBuf::from);
    let find = "import importlib.util as u; s = u.find_spec('ocrd_validators'); print(s.submodule_search_locations[0])";
    let ocrd = std::process::Command::new("python3").args(["-c", find]).output().ok().and_then(|out| {
        let folder = std::path::PathBuf::from(String::from_utf8(out.stdout).ok()?.trim());
        out.status.success().then(|| folder.join("page.xsd"))
    });
    let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas/alto.xsd");
    let official = |name: &str| given.as_ref().map(|folder| folder.join(name)).filter(|path| path.is_file());
    let alto = [Some(own), official("alto-4-4.xsd")];
    let page = [official("pagecontent.xsd"), ocrd.filter(|path| path.is_file())];
    let folder = tempfile::tempdir().unwrap();
    for (i, one) in hard_pages().iter().enumerate() {
        for (format, schemas, records) in [
            (Format::Alto, &alto, Records::Read),
            (Format::PageXml, &page, Records::Read),
            (Format::Hocr, &[None, None], Records::Read),
        ] {
            let mut writer = PageWriter::new(Vec::new(), format, records);
            writer.put("a <b> \"c\".png", one).unwrap();
            let path = folder.path().join(format!("{i}.xml"));
            std::fs::write(&path, writer.finish().unwrap()).unwrap();
            let file = path.to_str().unwrap();
            checked("xmllint", &["--nonet", "--noout", file]);
            for schema in schemas.iter().flatten() {
                checked("xmllint", &["--nonet", "--noout", "--schema", schema.to_str().unwrap(), file]);
            }
            if format == Format::Hocr {
                checked("hocr-spec", &[file]);
            }
        }
    }
}

#[test]
fn other_texts_of_a_word_stand_in_json_and_hocr() {
    let mut with = report();
    let other = |text: &str, score| Alternative { text: text.to_owned(), score };
    if let Some(transcript) = &mut with.instances[0].transcript {
        transcript.alternatives = vec![other("Annua1", 0.25), other("<&>\u{0}", 0.0)];
    }
    let record = PageRecord::read("a.png", &with);
    let json = serde_json::to_value(&record).unwrap();
    assert_eq!(json["instances"][0]["alternatives"][0], serde_json::json!({"text": "Annua1", "score": 0.25}));
    assert!(json["instances"][1].get("alternatives").is_none());
    let schema: Value = serde_json::from_str(PAGE_SCHEMA).unwrap();
    assert_eq!(undescribed(&json, &schema, &schema, ""), Vec::<String>::new());
    let (_, page) = record.into_page();
    let back = page.instances[0].transcript.as_ref().unwrap();
    assert_eq!(back.alternatives, with.instances[0].transcript.as_ref().unwrap().alternatives);
    let hocr = written(Format::Hocr, std::slice::from_ref(&with));
    well_formed(&hocr);
    assert!(
        hocr.contains(
            "<span class='alternatives'><ins class='alt' title='nlp 0.693'>Annual</ins><del class='alt' title='nlp \
             1.386'>Annua1</del><del class='alt' title='nlp 20.723'>&lt;&amp;&gt;</del></span>"
        ),
        "{hocr}"
    );
}
