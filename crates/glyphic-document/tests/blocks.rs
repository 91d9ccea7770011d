//! Tables with spans, figures with captions, bold and italic print: found, and written in every format.

use glyphic_core::{Emphasis, Line, Page, Point, Polygon, Rect, Region, TextInstance, Transcript};
use glyphic_document::{
    BlockKind, Format, PageInfo, PageRecord, PageWriter, Records, Table, blocks, parse_pages,
};

fn rect(x0: f64, y0: f64, x1: f64, y1: f64) -> Polygon {
    Polygon::from_rect(Rect { x0, y0, x1, y1 }).unwrap()
}

/// A page, 1000 by 800 pixels, of lines: left, top, right, bottom, text. Words share a line's width by their letters.
fn page(lines: &[([f64; 4], &str)]) -> Page {
    let mut page = Page::new(1000, 800);
    for ([x0, y0, x1, y1], text) in lines {
        let first = page.instances.len();
        let pitch = (x1 - x0) / text.chars().count() as f64;
        let mut at = 0.0;
        for word in text.split(' ') {
            let width = word.chars().count() as f64;
            let polygon = rect(x0 + pitch * at, *y0, x0 + pitch * (at + width), *y1);
            let transcript = Some(Transcript::truth(word));
            page.instances
                .push(TextInstance { transcript, ..TextInstance::new(Region { polygon, score: 1.0 }) });
            at += width + 1.0;
        }
        let instances = (first..page.instances.len()).collect();
        let polygon = rect(*x0, *y0, *x1, *y1);
        page.lines.push(Line { polygon, text: (*text).to_owned(), score: 1.0, instances });
    }
    page
}

fn written(format: Format, page: &Page) -> String {
    let mut writer = PageWriter::new(Vec::new(), format, Records::Read);
    writer.put(PageInfo { page: Some(2), ..PageInfo::from("a scan.pdf") }, page).unwrap();
    String::from_utf8(writer.finish().unwrap()).unwrap()
}

fn only_table(page: &Page) -> Table {
    let mut tables = blocks(page).into_iter().filter_map(|block| block.table);
    let table = tables.next().expect("a table");
    assert_eq!(tables.next(), None);
    table
}

/// Texts of a table's places.
fn grid(page: &Page) -> Vec<Vec<String>> {
    let text =
        |cell: &&[usize]| cell.iter().map(|i| page.lines[*i].text.as_str()).collect::<Vec<_>>().join(" ");
    only_table(page).grid().iter().map(|row| row.iter().map(text).collect()).collect()
}

/// Keys and values.
fn pairs(page: &Page) -> Vec<(String, String)> {
    let pairs = blocks(page).into_iter().filter_map(|block| block.pair);
    pairs.map(|pair| (pair.key, pair.value)).collect()
}

/// What spans more than a place: its text, row, column, rows and columns.
fn spans(page: &Page) -> Vec<(String, [usize; 4])> {
    let of = |table: Table| table.cells.into_iter().filter(|cell| cell.row_span * cell.column_span > 1);
    let text =
        |lines: &[usize]| lines.iter().map(|i| page.lines[*i].text.clone()).collect::<Vec<_>>().join(" ");
    let span = |c: glyphic_document::Cell| (text(&c.lines), [c.row, c.column, c.row_span, c.column_span]);
    of(only_table(page)).map(span).collect()
}

/// A table whose columns show by how they stand: a heading over two of them, and an empty cell.
fn aligned() -> Page {
    page(&[
        ([100.0, 100.0, 180.0, 120.0], "Region"),
        ([325.0, 100.0, 485.0, 120.0], "Visitors by year"),
        ([300.0, 126.0, 350.0, 146.0], "2019"),
        ([460.0, 126.0, 510.0, 146.0], "2020"),
        ([100.0, 152.0, 160.0, 172.0], "North"),
        ([300.0, 152.0, 350.0, 172.0], "1,204"),
        ([460.0, 152.0, 510.0, 172.0], "87"),
        ([100.0, 178.0, 160.0, 198.0], "South"),
        ([300.0, 178.0, 350.0, 198.0], "940"),
        ([460.0, 178.0, 510.0, 198.0], "112"),
    ])
}

/// The same with rules around each cell: the first cell takes two rows, a row of one cell below.
fn ruled() -> Page {
    let mut page = aligned();
    let more = self::page(&[([100.0, 210.0, 420.0, 230.0], "Counted by hand")]);
    let first = page.instances.len();
    page.instances.extend(more.instances);
    let note = Line { instances: (first..first + 3).collect(), ..more.lines[0].clone() };
    page.lines.push(note);
    // Two lines of one cell, which stand apart in the reading order.
    page.lines[4].text = "North and".to_owned();
    page.cells = vec![
        rect(92.0, 96.0, 288.0, 147.0),
        rect(290.0, 96.0, 600.0, 121.0),
        rect(290.0, 123.0, 440.0, 147.0),
        rect(442.0, 123.0, 600.0, 147.0),
        rect(92.0, 149.0, 288.0, 202.0),
        rect(290.0, 149.0, 440.0, 174.0),
        rect(442.0, 149.0, 600.0, 174.0),
        rect(290.0, 176.0, 440.0, 202.0),
        rect(442.0, 176.0, 600.0, 202.0),
        rect(92.0, 204.0, 600.0, 234.0),
    ];
    page
}

#[test]
fn a_heading_over_two_columns_spans_them_where_the_columns_show() {
    let page = aligned();
    let rows = [
        ["Region", "Visitors by year", ""],
        ["", "2019", "2020"],
        ["North", "1,204", "87"],
        ["South", "940", "112"],
    ];
    assert_eq!(grid(&page), rows.map(|row| row.map(str::to_owned).to_vec()));
    assert_eq!(spans(&page), [("Visitors by year".to_owned(), [0, 1, 1, 2])]);
}

#[test]
fn cells_that_rules_close_take_rows_and_columns() {
    let page = ruled();
    let expected = [
        ("Region".to_owned(), [0, 0, 2, 1]),
        ("Visitors by year".to_owned(), [0, 1, 1, 2]),
        ("North and South".to_owned(), [2, 0, 2, 1]),
        ("Counted by hand".to_owned(), [4, 0, 1, 3]),
    ];
    assert_eq!(spans(&page), expected);
    let table = only_table(&page);
    assert_eq!((table.rows, table.columns), (5, 3));
    let places: usize = table.cells.iter().map(|cell| cell.row_span * cell.column_span).sum();
    assert_eq!(places, 15, "each place is covered once");
}

#[test]
fn boxes_without_text_and_single_rows_are_no_tables() {
    let mut empty = page(&[([100.0, 300.0, 300.0, 320.0], "Signature")]);
    empty.cells = (0..6).map(|i| f64::from(i) * 52.0).map(|x| rect(x, 100.0, x + 50.0, 150.0)).collect();
    assert!(blocks(&empty).iter().all(|block| block.kind != BlockKind::Table));
    let second: Vec<Polygon> =
        empty.cells.iter().map(|c| c.map(|p| Point::new(p.x, p.y + 52.0)).unwrap()).collect();
    empty.cells.extend(second);
    assert!(blocks(&empty).iter().all(|block| block.kind != BlockKind::Table), "no text in them");
}

#[test]
fn spans_stand_in_every_format_that_has_tables() {
    let page = ruled();
    let html = written(Format::Html { dehyphenate: false }, &page);
    for piece in [
        "<tr><td rowspan=\"2\">Region</td><td colspan=\"2\">Visitors by year</td></tr>",
        "<tr><td>2019</td><td>2020</td></tr>",
        "<tr><td>940</td><td>112</td></tr>",
        "<tr><td colspan=\"3\">Counted by hand</td></tr>",
    ] {
        assert!(html.contains(piece), "{piece} is not in {html}");
    }
    let markdown = written(Format::Markdown { dehyphenate: false }, &page);
    assert!(
        markdown.contains("| Region | Visitors by year |  |\n| --- | --- | --- |\n|  | 2019 | 2020 |\n"),
        "{markdown}"
    );
    assert!(markdown.contains("| Counted by hand |  |  |\n"), "{markdown}");
    assert!(written(Format::Csv, &page).starts_with("Region,Visitors by year,\r\n,2019,2020\r\n"));
    let xml = written(Format::PageXml, &page);
    for piece in [
        "<TableRegion id=\"region_1\" rows=\"5\" columns=\"3\">",
        "<TableCellRole rowIndex=\"0\" columnIndex=\"0\" rowSpan=\"2\" colSpan=\"1\" header=\"false\"/>",
        "<TableCellRole rowIndex=\"4\" columnIndex=\"0\" rowSpan=\"1\" colSpan=\"3\" header=\"false\"/>",
    ] {
        assert!(xml.contains(piece), "{piece} is not in {xml}");
    }
    let record = serde_json::to_value(PageRecord::read("a.png", &page)).unwrap();
    let rows = &record["blocks"][0]["rows"];
    assert_eq!(record["blocks"][0]["kind"], "table");
    assert_eq!(
        rows[0]["cells"][1],
        serde_json::json!({ "column": 1, "row_span": 1, "column_span": 2, "lines": [1] })
    );
    assert_eq!(rows[3]["cells"].as_array().unwrap().len(), 2, "the first column belongs to the row above");
}

/// Two paragraphs with a figure and its caption between them.
fn illustrated() -> Page {
    let mut page = page(&[
        ([100.0, 100.0, 500.0, 120.0], "Before the figure there is text"),
        ([200.0, 300.0, 240.0, 320.0], "label"),
        ([100.0, 470.0, 400.0, 490.0], "Figure 3: Rivers"),
        ([100.0, 540.0, 500.0, 560.0], "And behind it there is more"),
    ]);
    page.figures = vec![rect(100.0, 150.0, 500.0, 450.0)];
    page
}

#[test]
fn figures_stand_before_their_captions_and_labels_stay() {
    let page = illustrated();
    let kinds: Vec<BlockKind> = blocks(&page).iter().map(|block| block.kind).collect();
    use BlockKind::{Caption, Figure, Paragraph};
    assert_eq!(kinds, [Paragraph, Paragraph, Figure, Caption, Paragraph]);
    let mut above = illustrated();
    above.figures = vec![rect(100.0, 500.0, 500.0, 530.0)];
    let kinds: Vec<BlockKind> = blocks(&above).iter().map(|block| block.kind).collect();
    assert_eq!(kinds, [Paragraph, Paragraph, Caption, Figure, Paragraph], "the caption stands above it");
    let mut alone = illustrated();
    alone.figures = vec![rect(600.0, 150.0, 900.0, 450.0), rect(100.0, 600.0, 500.0, 700.0)];
    let kinds: Vec<BlockKind> = blocks(&alone).iter().map(|block| block.kind).collect();
    assert_eq!(kinds, [Paragraph, Figure, Paragraph, Caption, Paragraph, Figure]);
}

#[test]
fn figures_are_named_in_every_format() {
    let page = illustrated();
    for (format, pieces) in [
        (
            Format::Html { dehyphenate: false },
            ["data-bbox=\"100 150 500 450\"", "</div><figcaption>Figure 3: Rivers</figcaption></figure>"],
        ),
        (
            Format::Markdown { dehyphenate: false },
            ["![Figure](a%20scan.pdf#page=2&xywh=100,150,400,300)\n\n", "Figure 3: Rivers\n"],
        ),
        (
            Format::Hocr,
            ["<div class='ocr_image' id='block_1_3' title='bbox 100 150 500 450'></div>", "ocr_caption"],
        ),
        (
            Format::Alto,
            ["<Illustration ID=\"block_1_3\" HPOS=\"100\" VPOS=\"150\" WIDTH=\"400\" HEIGHT=\"300\"/>", ""],
        ),
        (
            Format::PageXml,
            ["<ImageRegion id=\"region_3\"><Coords points=\"100,150 500,150", "type=\"caption\""],
        ),
    ] {
        let text = written(format, &page);
        assert!(pieces.iter().all(|piece| text.contains(piece)), "{format:?}: {text}");
        let count = |what: &str| text.matches(what).count();
        assert!(count("Figure 3: Rivers") <= 1 && count("label") <= 2, "{format:?}: {text}");
        assert!(text.contains("label") && text.contains("Rivers"), "{format:?}: {text}");
    }
    assert!(!written(Format::Tsv, &page).contains("\t300\t450\t"), "rows are text");
    let json = written(Format::JsonLines, &page);
    let (_, back) = parse_pages(&json, "a").unwrap().remove(0);
    assert_eq!((back.figures, back.lines.len()), (page.figures, page.lines.len()));
}

#[test]
fn bold_and_italic_words_are_marked() {
    let mut page = page(&[
        ([100.0, 100.0, 500.0, 120.0], "Read the whole man-"),
        ([100.0, 126.0, 500.0, 146.0], "ual first * please"),
        ([100.0, 200.0, 500.0, 260.0], "Heading"),
    ]);
    let (bold, italic) = (Emphasis { bold: true, italic: false }, Emphasis { bold: false, italic: true });
    for (word, emphasis) in [(2, bold), (3, bold), (4, bold), (5, italic), (8, bold)] {
        page.instances[word].emphasis = emphasis;
    }
    let markdown = written(Format::Markdown { dehyphenate: true }, &page);
    assert_eq!(markdown, "Read the **whole manual** *first* \\* please\n\n# Heading\n\n");
    let html = written(Format::Html { dehyphenate: true }, &page);
    assert!(
        html.contains(
            "<p>Read the <strong>whole manual</strong> <em>first</em> * please</p>\n<h2>Heading</h2>"
        ),
        "{html}"
    );
    let kept = written(Format::Html { dehyphenate: false }, &page);
    assert!(kept.contains("<strong>whole man- ual</strong>"), "{kept}");
    for (format, piece) in [
        (Format::Hocr, "<strong>whole</strong>"),
        (Format::Alto, "STYLE=\"italics\""),
        (Format::PageXml, "<TextStyle bold=\"true\"/>"),
        (Format::JsonLines, "\"text\":\"whole\",\"text_score\":1.0,\"bold\":true}"),
    ] {
        let text = written(format, &page);
        assert!(text.contains(piece), "{format:?}: {text}");
    }
}

#[test]
fn blocks_of_others_are_passed_over() {
    for blocks in [
        "[{\"geometry\":[0,1]}]",
        "3",
        "null",
        "[{\"kind\":\"poem\",\"polygon\":[0,0,9,0,9,5],\"lines\":[]}]",
    ] {
        let line = format!("{{\"file_name\":\"a\",\"instances\":[],\"blocks\":{blocks}}}");
        let pages = parse_pages(&line, "a").unwrap();
        assert_eq!(pages[0].1, Page::default(), "{blocks}");
    }
}

#[test]
fn lines_that_go_on_with_a_cell_are_part_of_it() {
    let form = page(&[
        ([100.0, 100.0, 160.0, 120.0], "Item:"),
        ([300.0, 100.0, 480.0, 120.0], "Spectrometer"),
        ([100.0, 144.0, 220.0, 164.0], "Needed from:"),
        ([300.0, 144.0, 480.0, 164.0], "16 May 1994 and"),
        ([300.0, 167.0, 440.0, 187.0], "17 June 1994"),
        ([100.0, 208.0, 180.0, 228.0], "Purpose:"),
        ([300.0, 208.0, 480.0, 228.0], "Measuring before"),
        ([300.0, 231.0, 440.0, 251.0], "the second sowing"),
        ([100.0, 300.0, 180.0, 320.0], "Approval"),
    ]);
    let expected = [
        ("Item", "Spectrometer"),
        ("Needed from", "16 May 1994 and 17 June 1994"),
        ("Purpose", "Measuring before the second sowing"),
    ];
    assert_eq!(pairs(&form), expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let kinds: Vec<(BlockKind, usize)> = blocks(&form).iter().map(|b| (b.kind, b.lines.len())).collect();
    let pair = |lines| (BlockKind::KeyValue, lines);
    assert_eq!(kinds, [pair(2), pair(3), pair(3), (BlockKind::Paragraph, 1)]);
}

#[test]
fn a_title_in_bold_print_is_a_heading_and_a_label_is_none() {
    for (text, kind) in [
        ("2. Approval", BlockKind::Heading),
        ("Total: 12.50", BlockKind::Paragraph),
        ("Please note the date.", BlockKind::Paragraph),
    ] {
        let mut page = page(&[
            ([100.0, 100.0, 220.0, 120.0], text),
            ([100.0, 126.0, 400.0, 146.0], "By the head of the group"),
        ]);
        let words = page.lines[0].instances.clone();
        words.into_iter().for_each(|word| page.instances[word].emphasis.bold = true);
        let kinds: Vec<(BlockKind, usize)> = blocks(&page).iter().map(|b| (b.kind, b.lines.len())).collect();
        assert_eq!(kinds, [(kind, 1), (BlockKind::Paragraph, 1)], "{text}");
    }
}

#[test]
fn columns_of_running_text_are_no_table() {
    let mut lines = Vec::new();
    for row in 0..6 {
        let y = 100.0 + 24.0 * f64::from(row);
        lines.push(([100.0, y, 400.0, y + 18.0], "some words of the one column"));
        lines.push(([440.0, y, 740.0, y + 18.0], "and some more of the other"));
    }
    assert!(blocks(&page(&lines)).iter().all(|block| block.table.is_none()));
}

#[test]
fn a_figure_has_a_caption_without_a_mark_where_a_title_follows() {
    for (text, kind) in [("Figure 4 Rivers", BlockKind::Caption), ("Figure 4 shows", BlockKind::Paragraph)] {
        let mut page = page(&[([100.0, 470.0, 400.0, 490.0], text)]);
        assert_eq!(blocks(&page)[0].kind, BlockKind::Paragraph, "no figure");
        page.figures = vec![rect(100.0, 150.0, 500.0, 450.0)];
        assert_eq!(blocks(&page)[1].kind, kind, "{text}");
    }
}

#[test]
fn a_numbered_title_in_large_print_is_a_heading() {
    let mut lines = vec![([100.0, 60.0, 400.0, 100.0], "1. Rivers")];
    let text = "and so on for a while of text";
    lines.extend((0..4).map(|i| f64::from(i) * 26.0).map(|y| ([100.0, 140.0 + y, 500.0, 160.0 + y], text)));
    lines.push(([100.0, 280.0, 300.0, 300.0], "1. parks"));
    let page = page(&lines);
    let kinds: Vec<BlockKind> = blocks(&page).iter().map(|block| block.kind).collect();
    assert_eq!(kinds, [BlockKind::Heading, BlockKind::Paragraph, BlockKind::ListItem]);
}

#[test]
fn labels_with_a_colon_are_keys_of_what_stands_behind_or_beside_them() {
    let y = |row: usize| [100.0 + 26.0 * row as f64, 120.0 + 26.0 * row as f64];
    let line = |row: usize, x0: f64, x1: f64, text: &'static str| ([x0, y(row)[0], x1, y(row)[1]], text);
    let form = page(&[
        line(0, 100.0, 300.0, "Invoice no.: 4711"),
        line(0, 500.0, 560.0, "Date:"),
        line(0, 640.0, 760.0, "3 May 2019"),
        line(1, 100.0, 160.0, "Till"),
        line(1, 300.0, 340.0, ": 04"),
        line(2, 100.0, 160.0, "Total:"),
        line(2, 500.0, 530.0, "RM"),
        line(2, 560.0, 620.0, "12.50"),
        line(3, 100.0, 260.0, "Opened: 10:30"),
        line(3, 500.0, 600.0, "Signed:"),
    ]);
    let expected = [
        ("Invoice no.", "4711"),
        ("Date", "3 May 2019"),
        ("Till", "04"),
        ("Total", "RM 12.50"),
        ("Opened", "10:30"),
        ("Signed", ""),
    ];
    assert_eq!(pairs(&form), expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let lines: Vec<usize> = blocks(&form).into_iter().flat_map(|block| block.lines).collect();
    assert_eq!(lines, (0..form.lines.len()).collect::<Vec<_>>());

    let html = written(Format::Html { dehyphenate: false }, &form);
    assert!(html.contains("<dl>\n<dt>Invoice no.</dt><dd>4711</dd>\n"), "{html}");
    assert!(html.contains("<dt>Signed</dt><dd></dd>\n</dl>\n"), "{html}");
    let markdown = written(Format::Markdown { dehyphenate: false }, &form);
    assert!(markdown.contains("Date: 3 May 2019\\\nTill : 04\\\n"), "{markdown}");
    assert!(markdown.contains("Opened: 10:30\\\nSigned:\n"), "{markdown}");
    let csv = written(Format::Csv, &form);
    assert!(csv.starts_with("Invoice no.,4711\r\nDate,3 May 2019\r\n"), "{csv}");
    let json = written(Format::JsonLines, &form);
    assert!(
        json.contains(r#""kind":"key_value""#) && json.contains(r#""key":"Date","value":"3 May 2019""#),
        "{json}"
    );
    let (_, read) = parse_pages(&json, "a.jsonl").unwrap().remove(0);
    assert_eq!(pairs(&read), pairs(&form));
}

#[test]
fn a_colon_alone_makes_no_key() {
    let apart =
        |text| page(&[([100.0, 100.0, 400.0, 120.0], text), ([100.0, 126.0, 400.0, 146.0], "and so on")]);
    for text in [
        "Note: all sizes are in millimetres",
        "10:30 to 11:45",
        "https://example.org/forms",
        "Figure 3: Rivers",
        "1. Name: what you are called",
        "He said, and so did she: never",
    ] {
        assert_eq!(pairs(&apart(text)), [], "{text}");
    }
    // A row of a table with a head that ends so.
    let table = page(&[
        ([100.0, 100.0, 160.0, 120.0], "Sums:"),
        ([300.0, 100.0, 360.0, 120.0], "first"),
        ([400.0, 100.0, 460.0, 120.0], "second"),
        ([100.0, 126.0, 160.0, 146.0], "North"),
        ([300.0, 126.0, 360.0, 146.0], "1,200"),
        ([400.0, 126.0, 460.0, 146.0], "310"),
    ]);
    assert_eq!(pairs(&table), []);
    assert_eq!(grid(&table)[0], ["Sums:", "first", "second"]);
}
