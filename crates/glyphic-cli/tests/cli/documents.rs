//! Documents in and out: files of several pages, every format, searchable PDF, Tesseract's arguments.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::common::{glyphic, photo, with_stdin};

const INPUT: i32 = 3;

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../glyphic-core/tests/fixtures")
        .join(name)
        .display()
        .to_string()
}

/// A small picture of a page and its text.
fn case(name: &str) -> (String, String) {
    let path = |extension: &str| {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../glyphic/tests/cases")
            .join(format!("{name}.{extension}"))
    };
    (path("png").display().to_string(), fs::read_to_string(path("txt")).unwrap())
}

fn pages(json_lines: &str) -> Vec<Value> {
    json_lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn words(page: &Value) -> Vec<&str> {
    page["instances"].as_array().unwrap().iter().filter_map(|word| word["text"].as_str()).collect()
}

/// Runs a tool of Debian's; `None`, said on standard error, where it is not installed.
fn tool(package: &str, args: &[&str]) -> Option<String> {
    let (name, args) = args.split_first().unwrap();
    match Command::new(name).args(args).output() {
        Ok(out) => {
            let said = String::from_utf8_lossy(&out.stderr);
            assert!(out.status.success(), "{name} {args:?}: {}\n{said}", out.status);
            Some(String::from_utf8_lossy(&out.stdout).into_owned())
        }
        Err(e) => {
            eprintln!("skipped: {name} of Debian's package {package} cannot be run: {e}");
            None
        }
    }
}

#[test]
fn every_page_of_a_file_is_read() {
    for file in ["three-pages.tif", "three-frames.gif"] {
        let out = glyphic(&["read", &fixture(file), "--format", "jsonl"]).ok();
        let pages = pages(&out);
        assert_eq!(
            pages.iter().map(|p| p["page"].as_u64().unwrap()).collect::<Vec<_>>(),
            [1, 2, 3],
            "{file}"
        );
        for (page, word) in pages.iter().zip(["ONE", "TWO", "THREE"]) {
            assert!(words(page).contains(&word), "{file}: {word} is not in {:?}", words(page));
        }
    }
    let out = glyphic(&["read", &fixture("three-pages.tif"), "--format", "jsonl", "--pages", "2-"]).ok();
    assert_eq!(pages(&out).iter().map(|p| p["page"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 3]);
    let run = glyphic(&["read", &fixture("three-pages.tif"), "--pages", "2,7"]);
    run.fails(INPUT, &["3 pages", "no page 7"]);
    assert!(run.stdout.contains("TWO"), "{}", run.stdout);
}

#[test]
fn a_jpeg_cut_in_half_is_read_with_a_warning() {
    let path = fixture("cut-in-half.jpg");
    let run = glyphic(&["read", &path, "--format", "jsonl"]);
    assert!(run.stderr.contains("warning") && run.stderr.contains("ends early"), "{}", run.stderr);
    assert_eq!(pages(&run.ok()).len(), 1);
}

#[test]
fn a_page_that_stands_turned_says_so_in_json() {
    let (path, text) = case("upside-down");
    let page = pages(&glyphic(&["read", &path, "--format", "jsonl"]).ok()).remove(0);
    assert_eq!(page["orientation"], 180);
    let expected: Vec<&str> = text.split_whitespace().collect();
    let found = words(&page).iter().filter(|word| expected.contains(word)).count();
    assert!(10 * found >= 9 * expected.len(), "{:?}", words(&page));
    let kept = glyphic(&["read", &path, "--format", "jsonl", "--orientation", "keep"]).ok();
    assert!(pages(&kept)[0].get("orientation").is_none());
}

#[test]
fn pictures_beyond_the_limit_are_refused_and_larger_limits_are_heeded() {
    let folder = tempfile::tempdir().unwrap();
    let wide = folder.path().join("wide.png");
    image::RgbImage::from_pixel(21_000, 300, image::Rgb([255; 3])).save(&wide).unwrap();
    let wide = wide.display().to_string();
    let page = pages(&glyphic(&["read", &wide, "--format", "jsonl"]).ok()).remove(0);
    assert_eq!((page["width"].as_u64(), page["height"].as_u64()), (Some(21_000), Some(300)));
    glyphic(&["read", &wide, "--max-pixels", "6000000"]).fails(INPUT, &["wide.png", "21000", "6000000"]);
}

#[test]
fn one_run_writes_several_formats_and_each_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let (picture, _) = case("ruled-table");
    let out = folder.path().join("page");
    let formats = "text,json,jsonl,markdown,html,hocr,alto,page,tsv,csv,pdf";
    glyphic(&["read", &picture, "--format", formats, "--out", &out.display().to_string()]).ok();
    let file = |extension: &str| folder.path().join(format!("page.{extension}")).display().to_string();
    let mut names: Vec<String> =
        fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().display().to_string()).collect();
    names.sort();
    let expected = [
        "page.csv",
        "page.hocr",
        "page.html",
        "page.json",
        "page.jsonl",
        "page.md",
        "page.page.xml",
        "page.pdf",
        "page.tsv",
        "page.txt",
        "page.xml",
    ];
    assert_eq!(names, expected);
    let page = pages(&fs::read_to_string(file("jsonl")).unwrap()).remove(0);
    let read = words(&page).join(" ");
    for extension in ["hocr", "xml", "page.xml"] {
        tool("libxml2-utils", &["xmllint", "--nonet", "--noout", &file(extension)]);
    }
    tool("qpdf", &["qpdf", "--check", &file("pdf")]);
    if let Some(text) = tool("poppler-utils", &["pdftotext", "-raw", &file("pdf"), "-"]) {
        let mut found: Vec<&str> = text.split_whitespace().collect();
        let mut expected: Vec<&str> = read.split(' ').collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
    // The text layer that was written is read back, with the words where they stood.
    let layer =
        glyphic(&["read", &file("pdf"), "--format", "jsonl", "--pdf-text", "only", "--dpi", "200"]).ok();
    let layer = pages(&layer).remove(0);
    assert_eq!(layer["text_source"], "text_layer");
    for word in page["instances"].as_array().unwrap() {
        let near = layer["instances"].as_array().unwrap().iter().any(|other| {
            let at = |w: &Value, i: usize| w["polygon"][i].as_f64().unwrap();
            other["text"] == word["text"] && (0..8).all(|i| (at(other, i) - at(word, i)).abs() < 5.5)
        });
        assert!(near, "{word} is not where it stood");
    }
}

#[test]
fn text_is_added_to_a_pdf_whose_own_bytes_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (picture, _) = case("ruled-table");
    let path = |name: &str| folder.path().join(name).display().to_string();
    // A PDF of a picture without any text.
    let image = glyphic_core::Image::open(&picture).unwrap();
    let mut scan = glyphic_pdf::SearchablePdf::new(fs::File::create(path("scan.pdf")).unwrap()).unwrap();
    scan.page(&image, None, 200.0, &[]).unwrap();
    scan.finish().unwrap();
    glyphic(&["read", &path("scan.pdf"), "--format", "pdf,jsonl", "--out", &path("searchable")]).ok();
    let (scan, searchable) = (fs::read(path("scan.pdf")).unwrap(), fs::read(path("searchable.pdf")).unwrap());
    assert!(searchable.starts_with(&scan) && searchable.len() < scan.len() + 8_000, "{}", searchable.len());
    tool("qpdf", &["qpdf", "--check", &path("searchable.pdf")]);
    let read = pages(&fs::read_to_string(path("searchable.jsonl")).unwrap()).remove(0);
    let layer = glyphic(&["read", &path("searchable.pdf"), "--format", "jsonl", "--pdf-text", "only"]).ok();
    let layer = pages(&layer).remove(0);
    let sorted = |page: &Value| {
        let mut words: Vec<String> = words(page).into_iter().map(str::to_owned).collect();
        words.sort();
        words
    };
    assert!(sorted(&read).len() > 5);
    assert_eq!(sorted(&layer), sorted(&read));
    // Standard input is read once and used twice.
    let piped = path("piped.pdf");
    with_stdin(&["read", "-", "--format", "pdf", "--out", &piped], &scan).ok();
    assert_eq!(fs::read(&piped).unwrap(), searchable);
}

#[test]
fn tesseracts_arguments_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (picture, text) = case("ruled-table");
    let out = folder.path().join("out").display().to_string();
    glyphic(&["tesseract", &picture, &out, "-l", "eng+deu", "--psm", "6", "--oem", "1", "tsv", "hocr"]).ok();
    let (tsv, hocr) = (format!("{out}.tsv"), format!("{out}.hocr"));
    assert!(fs::read_to_string(&tsv).unwrap().starts_with("level\tpage_num"));
    assert!(fs::read_to_string(&hocr).unwrap().contains("ocr_page"));
    assert!(!PathBuf::from(format!("{out}.txt")).exists());
    let bytes = fs::read(&picture).unwrap();
    let first = text.split_whitespace().next().unwrap();
    let read = with_stdin(&["tesseract", "stdin", "stdout"], &bytes).ok();
    assert!(read.contains(first), "{first} is not in {read}");
    let run = with_stdin(
        &["tesseract", "-", "-", "-l", "jpn", "-c", "tessedit_create_tsv=1", "-c", "load_system_dawg=0"],
        &bytes,
    );
    assert!(run.stderr.contains("jpn") && run.stderr.contains("load_system_dawg"), "{}", run.stderr);
    assert_eq!(run.ok().lines().next(), fs::read_to_string(&tsv).unwrap().lines().next());
}

#[test]
fn broken_documents_are_named_and_the_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let pdf =
        |objects: &str| format!("%PDF-1.4\n{objects}\ntrailer << /Root 1 0 R >>\nstartxref\n9999\n%%EOF\n");
    let page = |size: &str| {
        format!(
            "1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> \
             endobj\n3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 {size}] >> endobj"
        )
    };
    let none = "1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n2 0 obj << /Type /Pages /Kids [] /Count 0 >> endobj";
    let files = [
        ("no-pages.pdf", pdf(none)),
        ("text.pdf", "%PDF-1.4\nand nothing else".to_owned()),
        ("wrong-xref.pdf", pdf(&page("200 100"))),
        ("huge.pdf", pdf(&page("14400 14400"))),
    ];
    for (name, bytes) in &files {
        fs::write(path(name), bytes).unwrap();
    }
    for (name, words) in [("no-pages.pdf", "page"), ("text.pdf", "pages cannot be found")] {
        glyphic(&["read", &path(name).display().to_string()]).fails(INPUT, &[name, words]);
    }
    // A wrong table of objects is mended; a page of 5 x 5 metres is drawn as large as the limit allows.
    let lines = |args: &[&str]| pages(&glyphic(args).ok());
    let one =
        lines(&["read", &path("wrong-xref.pdf").display().to_string(), "--format", "jsonl", "--dpi", "72"]);
    assert_eq!((one[0]["width"].as_u64(), one[0]["height"].as_u64()), (Some(200), Some(100)));
    let huge = path("huge.pdf").display().to_string();
    glyphic(&["read", &huge, "--dpi", "600"]).fails(INPUT, &["page 1", "100000000"]);
    // The others of a folder are read.
    fs::copy(photo(), path("z.jpg")).unwrap();
    let given = folder.path().display().to_string();
    let run = glyphic(&["read", &given, "--format", "jsonl", "--dpi", "72", "--max-pixels", "4000000"]);
    run.fails(INPUT, &["no-pages.pdf", "text.pdf", "huge.pdf", "3 of 5"]);
    assert_eq!(pages(&run.stdout).len(), 2);
}

fn pdf_fixture(name: &str) -> String {
    format!("{}/../glyphic-pdf/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn scans_of_every_codec_are_read_and_encrypted_ones_where_no_password_is_needed() {
    for name in ["jbig2.pdf", "jpx.pdf", "encrypted-no-password.pdf"] {
        let out = glyphic(&["read", &pdf_fixture(name)]).ok();
        for word in ["Harbour", "report", "1907", "48210"] {
            assert!(out.contains(word), "{name}: {word} is not in {out}");
        }
    }
    let locked = pdf_fixture("encrypted-password.pdf");
    glyphic(&["read", &locked]).fails(INPUT, &["encrypted-password.pdf", "needs a password"]);
    // Text is added to an encrypted file as well.
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.pdf").display().to_string();
    glyphic(&["read", &pdf_fixture("encrypted-no-password.pdf"), "--format", "pdf", "--out", &out]).ok();
    tool("qpdf", &["qpdf", "--check", &out]);
    if let Some(text) = tool("poppler-utils", &["pdftotext", &out, "-"]) {
        assert!(text.contains("Harbour report 1907"), "{text}");
    }
}

#[test]
fn a_page_that_cannot_be_drawn_is_named_and_the_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.pdf").display().to_string();
    // The image of the first page would take four exabytes.
    let image = "<< /Type /XObject /Subtype /Image /Width 2000000000 /Height 2000000000 /BitsPerComponent 8 /ColorSpace \
                 /DeviceGray /Length 4 >>\nstream\nabcd\nendstream";
    let page = |contents: &str| {
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] {contents} /Resources << /XObject << /I 5 0 R >> >> >>"
        )
    };
    let pdf = format!(
        "%PDF-1.4\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n2 0 obj << /Type /Pages /Kids [3 0 R 6 0 R] /Count 2 >> \
         endobj\n3 0 obj {} endobj\n4 0 obj << /Length 30 >>\nstream\nq 200 0 0 100 0 0 cm /I Do Q  \nendstream endobj\n5 0 \
         obj {image} endobj\n6 0 obj {} endobj\ntrailer << /Root 1 0 R >>\n",
        page("/Contents 4 0 R"),
        page("")
    );
    fs::write(&path, pdf).unwrap();
    let run = glyphic(&["read", &path, "--format", "jsonl", "--dpi", "72"]);
    assert!(run.stderr.contains("bomb.pdf, page 1"), "{}", run.stderr);
    assert!(pages(&run.stdout).iter().any(|page| page["page"] == 2), "{}", run.stdout);
}

#[test]
fn a_jpeg_that_ends_early_makes_a_whole_pdf() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("cut.pdf").display().to_string();
    glyphic(&["read", &fixture("cut-in-half.jpg"), "--format", "pdf", "--out", &out]).ok();
    if let Some(said) = tool("qpdf", &["qpdf", "--check", &out]) {
        assert!(!said.contains("WARNING"), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn names_of_any_bytes_and_links_in_circles_are_read() {
    use std::os::unix::{ffi::OsStrExt as _, fs::symlink};
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("a folder");
    fs::create_dir(&inside).unwrap();
    symlink(folder.path(), inside.join("up")).unwrap();
    symlink("round", folder.path().join("round")).unwrap();
    let gif = fs::read(fixture("three-frames.gif")).unwrap();
    fs::write(inside.join("with <&> spaces.gif"), &gif).unwrap();
    fs::write(inside.join(std::ffi::OsStr::from_bytes(b"not \xff utf-8.gif")), &gif).unwrap();
    let out = folder.path().join("out").display().to_string();
    let given = folder.path().display().to_string();
    let args = ["read", &given, "--recursive", "--pages", "1", "--format", "jsonl,hocr,alto", "--out", &out];
    glyphic(&args).ok();
    let pages = pages(&fs::read_to_string(format!("{out}.jsonl")).unwrap());
    let names: Vec<&str> = pages.iter().filter_map(|page| page["file_name"].as_str()).collect();
    assert_eq!(names, ["a folder/not \u{fffd} utf-8.gif", "a folder/with <&> spaces.gif"]);
    for extension in ["hocr", "xml"] {
        tool("libxml2-utils", &["xmllint", "--nonet", "--noout", &format!("{out}.{extension}")]);
    }
}

#[test]
fn the_schema_is_printed() {
    let schema: Value = serde_json::from_str(&glyphic(&["schema"]).ok()).unwrap();
    assert_eq!(schema["properties"]["instances"]["type"], "array");
}

#[test]
fn a_ruled_table_of_a_picture_has_its_cells() {
    let (picture, text) = case("ruled-table");
    let csv = glyphic(&["read", &picture, "--format", "csv"]).ok();
    let rows: Vec<Vec<&str>> = csv.lines().map(|row| row.split(',').collect()).collect();
    assert_eq!((rows.len(), rows[0].len()), (text.lines().count(), 5), "{csv}");
    assert_eq!(rows[1], ["Bolts M6", "4", "0.35", "1.40", "A"]);
    let page = pages(&glyphic(&["read", &picture, "--format", "jsonl"]).ok()).remove(0);
    let kinds: Vec<&str> =
        page["blocks"].as_array().unwrap().iter().map(|b| b["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["table"]);
    assert_eq!(page["blocks"][0]["rows"].as_array().unwrap().len(), 8);
    let folder = tempfile::tempdir().unwrap();
    let html = folder.path().join("page.html").display().to_string();
    glyphic(&["read", &picture, "--format", "html", "--out", &html]).ok();
    assert_eq!(fs::read_to_string(html).unwrap().matches("<tr>").count(), 8);
}
