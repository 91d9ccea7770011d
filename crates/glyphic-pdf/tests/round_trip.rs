//! PDF that is written here, read back here and by other programs.

use std::process::Command;

use glyphic_core::{Image, ImageLimits, Polygon, Rect};
use glyphic_pdf::{Dpi, Error, PageText, PdfFile, SearchablePdf, TextWord, add_text};

fn word(text: &str, x: f64, y: f64, width: f64, height: f64) -> TextWord {
    let rect = Rect { x0: x, y0: y, x1: x + width, y1: y + height };
    TextWord { text: text.to_owned(), polygon: Polygon::from_rect(rect).unwrap() }
}

fn words() -> Vec<TextWord> {
    vec![
        word("Invoice", 100.0, 100.0, 240.0, 40.0),
        word("Größe", 360.0, 100.0, 160.0, 40.0),
        word("(x)\\<&>", 100.0, 300.0, 90.0, 24.0),
    ]
}

/// A page of 1000 by 1400 pixels at 200 dpi, a grey bar on white.
fn picture() -> Image {
    let mut image = Image::filled(1000, 1400, [255, 255, 255]).unwrap();
    let row = 1000 * 3;
    image.rgb_mut()[700 * row..720 * row].fill(90);
    image
}

fn searchable(pages: &[Vec<TextWord>]) -> Vec<u8> {
    let mut pdf = SearchablePdf::new(Vec::new()).unwrap();
    for words in pages {
        pdf.page(&picture(), None, 200.0, words).unwrap();
    }
    pdf.finish().unwrap()
}

/// The words of a page's text layer are those written, within `pixels`.
fn holds(bytes: &[u8], page: usize, expected: &[TextWord], pixels: f64) {
    let page = PdfFile::open(bytes.to_vec(), "test.pdf")
        .unwrap()
        .page(page, Dpi::Auto, ImageLimits::default())
        .unwrap();
    assert_eq!((page.image.width(), page.image.height()), (1000, 1400), "{} dpi", page.dpi);
    let texts: Vec<&str> = page.layer.words.iter().map(|w| w.text.as_str()).collect();
    assert_eq!(texts, expected.iter().map(|w| w.text.as_str()).collect::<Vec<_>>());
    for (found, expected) in page.layer.words.iter().zip(expected) {
        let (a, b) = (found.polygon.bounds(), expected.polygon.bounds());
        let off = [a.x0 - b.x0, a.x1 - b.x1, a.y0 - b.y0, a.y1 - b.y1];
        assert!(off.iter().all(|d| d.abs() < pixels), "{}: {a:?} {b:?}", found.text);
    }
}

#[test]
fn pictures_and_words_come_back_from_a_searchable_pdf() {
    let bytes = searchable(&[words(), Vec::new()]);
    holds(&bytes, 0, &words(), 4.0);
    let file = PdfFile::open(bytes, "test.pdf").unwrap();
    let page = file.page(1, Dpi::Auto, ImageLimits::default()).unwrap();
    assert!(page.layer.words.is_empty() && !page.layer.is_sane());
    assert!(page.image.pixel(500, 710)[0].abs_diff(90) < 3 && page.image.pixel(500, 600)[0] > 252);
    assert!(matches!(
        file.page(2, Dpi::Auto, ImageLimits::default()),
        Err(Error::NoPage { page: 3, pages: 2, .. })
    ));
}

#[test]
fn text_is_appended_to_a_pdf_and_the_file_stays_as_it_is() {
    let before = searchable(&[Vec::new(), Vec::new()]);
    let file = PdfFile::open(before.clone(), "test.pdf").unwrap();
    let to_page = file.page(1, Dpi::Auto, ImageLimits::default()).unwrap().to_page;
    let after = add_text(&before, "test.pdf", &[PageText::new(1, &words(), to_page).unwrap()]).unwrap();
    assert!(
        after.starts_with(&before) && after.len() < before.len() + 4096,
        "{} {}",
        before.len(),
        after.len()
    );
    holds(&after, 1, &words(), 4.0);
    let page = PdfFile::open(after, "test.pdf").unwrap().page(1, Dpi::Auto, ImageLimits::default()).unwrap();
    assert_eq!(page.image.rgb(), file.page(1, Dpi::Auto, ImageLimits::default()).unwrap().image.rgb());
}

#[test]
fn a_jpeg_is_stored_as_it_is() {
    let jpeg = picture().encode(image::ImageFormat::Jpeg).unwrap();
    let mut pdf = SearchablePdf::new(Vec::new()).unwrap();
    pdf.page(&picture(), Some(&jpeg), 200.0, &words()).unwrap();
    let bytes = pdf.finish().unwrap();
    assert!(bytes.windows(jpeg.len()).any(|w| w == jpeg));
    assert!(bytes.len() < jpeg.len() + 4096, "{} {}", bytes.len(), jpeg.len());
    holds(&bytes, 0, &words(), 4.0);
}

#[test]
fn what_cannot_be_read_says_why() {
    let open = |bytes: &[u8]| PdfFile::open(bytes.to_vec(), "bad.pdf").map(|_| ()).unwrap_err().to_string();
    assert!(open(b"no pdf at all").contains("does not begin with %PDF-"));
    assert!(open(b"%PDF-1.7\n%%EOF\n").contains("bad.pdf"));
    let file = PdfFile::open(searchable(&[Vec::new()]), "big.pdf").unwrap();
    let limits = ImageLimits { max_side: 65_535, max_pixels: 1_000_000 };
    let error = file.page(0, Dpi::Fixed(2400.0), limits).unwrap_err().to_string();
    assert!(error.contains("page 1") && error.contains("12000x16800"), "{error}");
    let fits = file.page(0, Dpi::Auto, limits).unwrap();
    assert!(u64::from(fits.image.width()) * u64::from(fits.image.height()) <= 1_000_000);
}

#[test]
fn a_cut_or_garbled_file_never_panics() {
    let bytes = searchable(&[words()]);
    for cut in (0..bytes.len()).step_by(bytes.len() / 12) {
        if let Ok(file) = PdfFile::open(bytes[..cut].to_vec(), "cut.pdf") {
            let _ = file.page(0, Dpi::Auto, ImageLimits::default());
        }
        let _ = add_text(&bytes[..cut], "cut.pdf", &[]);
    }
}

/// Whether a program is there; said where it is not, since then nothing is tested.
fn missing(program: &str) -> bool {
    let missing = Command::new(program).arg("--version").output().is_err();
    if missing {
        eprintln!("SKIPPED: {program} is not installed (Debian: poppler-utils, qpdf)");
    }
    missing
}

#[test]
fn qpdf_finds_nothing_wrong() {
    if missing("qpdf") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let new = searchable(&[words(), Vec::new()]);
    let to_page = [0.36, 0.0, 0.0, -0.36, 0.0, 504.0];
    let added = add_text(&new, "test.pdf", &[PageText::new(1, &words(), to_page).unwrap()]).unwrap();
    for (name, bytes) in [("new.pdf", new), ("added.pdf", added)] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let output = Command::new("qpdf").arg("--check").arg(&path).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The words that pdftotext finds on the pages of a file, and where: left, top, right and bottom in points of the page as it
/// is shown. `None` where it is not installed.
fn pdftotext(bytes: &[u8]) -> Option<Vec<(String, [f64; 4])>> {
    if missing("pdftotext") {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.pdf");
    std::fs::write(&path, bytes).unwrap();
    let output = Command::new("pdftotext").args(["-bbox", "-cropbox"]).arg(&path).arg("-").output().unwrap();
    let html = String::from_utf8(output.stdout).unwrap();
    let word = |line: &str| {
        let (at, text) = line.trim().strip_prefix("<word ")?.strip_suffix("</word>")?.split_once('>')?;
        let at: Vec<f64> = at.split('"').filter_map(|v| v.parse().ok()).collect();
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        Some((text, at.try_into().ok()?))
    };
    Some(html.lines().filter_map(word).collect())
}

/// Each word is found once, within two points of where it stands in pixels at `dpi`.
fn found_within_two_points(bytes: &[u8], words: &[TextWord], dpi: f64, context: &str) {
    let Some(mut found) = pdftotext(bytes) else { return };
    assert_eq!(found.len(), words.len(), "{context}: {found:?}");
    for word in words {
        let b = word.polygon.bounds();
        let expected = [b.x0, b.y0, b.x1, b.y1].map(|v| v * 72.0 / dpi);
        let near = |(text, at): &(String, [f64; 4])| {
            *text == word.text && at.iter().zip(expected).all(|(a, e)| (a - e).abs() <= 2.0)
        };
        let Some(i) = found.iter().position(near) else {
            panic!("{context}: {} is not at {expected:?}: {found:?}", word.text)
        };
        found.remove(i);
    }
}

#[test]
fn pdftotext_finds_the_words_within_two_points() {
    found_within_two_points(&searchable(&[words()]), &words(), 200.0, "three words");
}

#[test]
fn words_of_any_script_come_back_one_by_one_among_others_and_on_pages_of_their_own() {
    let texts = [
        "na\u{ef}ve",
        "\u{20ac}5\u{2013}7",
        "\u{201c}Caf\u{e9}\u{201d}",
        "\u{141}\u{f3}d\u{17a}",
        "ab",
        "\u{2264}9",
        "\u{65e5}\u{672c}",
    ];
    let row = |texts: &[&str], y: f64| -> Vec<TextWord> {
        texts
            .iter()
            .zip(0..)
            .map(|(text, i)| word(text, 60.0 + 130.0 * f64::from(i), y, 100.0, 30.0))
            .collect()
    };
    for words in [row(&texts, 100.0), row(&texts[..3], 100.0), row(&texts[5..], 100.0)] {
        let bytes = searchable(std::slice::from_ref(&words));
        holds(&bytes, 0, &words, 4.0);
        found_within_two_points(&bytes, &words, 200.0, &words[0].text);
    }
    // Text that an earlier run left on a page stays readable beside that of another.
    let first = searchable(&[row(&texts[..3], 100.0)]);
    let to_page = [0.36, 0.0, 0.0, -0.36, 0.0, 504.0];
    let second = row(&texts[3..], 300.0);
    let both = add_text(&first, "test.pdf", &[PageText::new(0, &second, to_page).unwrap()]).unwrap();
    found_within_two_points(&both, &[row(&texts[..3], 100.0), second].concat(), 200.0, "both");
}

/// A page of print, 12 points high: words as wide as in a proportional face, somewhat higher and lower as a detector has it.
fn print() -> Vec<TextWord> {
    const TEXTS: [&str; 12] = [
        "Shipping",
        "of",
        "coal",
        "in",
        "Llandudno",
        "was",
        "MOSTLY",
        "illicit,",
        "while",
        "(1907)",
        "m\u{fc}\u{df}ige",
        "W.W.",
    ];
    let mut words = Vec::new();
    for line in 0..30 {
        let mut x = 60.0;
        for (i, text) in TEXTS.iter().cycle().skip(line % 5).take(11).enumerate() {
            let width: f64 = text.chars().map(|c| if "il.,(".contains(c) { 6.0 } else { 14.0 }).sum();
            let jitter = ((7 * line + 3 * i) % 4) as f64 - 1.5;
            words.push(word(text, x, 50.0 + 44.0 * line as f64 + jitter, width, 30.0 - jitter));
            x += width + 8.0;
        }
    }
    words
}

#[test]
fn a_page_of_print_takes_few_bytes_and_every_word_stands_where_it_was_read() {
    // The font counts once a file.
    let (with, without) = (searchable(&[print(), print()]), searchable(&[print(), Vec::new()]));
    let bytes = with.len() - without.len();
    assert!(bytes < 2816, "{bytes} bytes for {} words", print().len());
    found_within_two_points(&searchable(&[print()]), &print(), 200.0, "print");
    // The same page skewed by 7 degrees.
    let (sin, cos) = 7_f64.to_radians().sin_cos();
    let turn = |p: glyphic_core::Point| {
        glyphic_core::Point::new(p.x * cos - p.y * sin + 170.0, p.x * sin + p.y * cos)
    };
    let skewed: Vec<TextWord> = print()
        .into_iter()
        .filter(|word| word.polygon.bounds().y1 < 1200.0)
        .map(|word| TextWord { polygon: word.polygon.map(turn).unwrap(), ..word })
        .collect();
    let page = PdfFile::open(searchable(std::slice::from_ref(&skewed)), "skewed.pdf")
        .unwrap()
        .page(0, Dpi::Auto, ImageLimits::default())
        .unwrap();
    assert_eq!(page.layer.words.len(), skewed.len());
    for (found, expected) in page.layer.words.iter().zip(&skewed) {
        assert_eq!(found.text, expected.text);
        let (a, b) = (found.polygon.bounds(), expected.polygon.bounds());
        let off = [a.x0 - b.x0, a.x1 - b.x1, a.y0 - b.y0, a.y1 - b.y1];
        assert!(off.iter().all(|d| d.abs() < 5.5), "{}: {a:?} {b:?}", found.text);
    }
}

/// A PDF of one page with these entries and this content; all offsets of its table are wrong by `off`.
fn plain(entries: &str, content: &str, off: usize) -> Vec<u8> {
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        format!("<< /Type /Page /Parent 2 0 R {entries} /Contents 4 0 R /Resources << >> >>"),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
    ];
    let mut out = "%PDF-1.7\n".to_owned();
    let mut table = String::from("0000000000 65535 f \n");
    for (i, object) in objects.iter().enumerate() {
        table += &format!("{:010} 00000 n \n", out.len() + off);
        out += &format!("{} 0 obj\n{object}\nendobj\n", i + 1);
    }
    let at = out.len() + off;
    out += &format!("xref\n0 5\n{table}trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n{at}\n%%EOF\n");
    out.into_bytes()
}

/// Text is added to a page where its words stand as the page is shown.
fn added_where_seen(before: &[u8], context: &str) -> Vec<u8> {
    let file = PdfFile::open(before.to_vec(), context).unwrap();
    let page = file.page(0, Dpi::Fixed(200.0), ImageLimits::default()).unwrap();
    let text = PageText::new(0, &words(), page.to_page).unwrap();
    let after = add_text(before, context, &[text]).unwrap();
    found_within_two_points(&after, &words(), 200.0, context);
    let seen = PdfFile::open(after.clone(), context)
        .unwrap()
        .page(0, Dpi::Fixed(200.0), ImageLimits::default())
        .unwrap();
    assert_eq!(seen.image.rgb(), page.image.rgb(), "{context}: the page looks the same");
    assert_eq!(seen.layer.words.len(), words().len(), "{context}");
    for (found, expected) in seen.layer.words.iter().zip(words()) {
        let (a, b) = (found.polygon.bounds(), expected.polygon.bounds());
        let off = [a.x0 - b.x0, a.x1 - b.x1, a.y0 - b.y0, a.y1 - b.y1];
        assert!(off.iter().all(|d| d.abs() < 5.5), "{context}: {}: {a:?} {b:?}", found.text);
    }
    after
}

#[test]
fn words_stand_where_they_are_seen_however_the_page_is_turned() {
    let bar = "0.5 g 10 10 200 20 re f";
    for (entries, content) in [
        ("/MediaBox [0 0 420 560]", bar),
        ("/MediaBox [0 0 420 560] /Rotate 90", bar),
        ("/MediaBox [0 0 420 560] /Rotate 180", bar),
        ("/MediaBox [0 0 420 560] /Rotate 270", bar),
        ("/MediaBox [0 0 420 560] /Rotate -90", bar),
        ("/MediaBox [-300 -200 120 360]", bar),
        ("/MediaBox [420 560 0 0]", bar),
        ("/MediaBox [0 0 700 900] /CropBox [100 50 520 610]", bar),
        ("/MediaBox [0 0 700 900] /CropBox [100 50 520 610] /Rotate 90", bar),
        // What the page draws leaves the coordinates changed, or ends more than it began.
        ("/MediaBox [0 0 420 560]", "0 1 -1 0 420 0 cm 0.5 g 10 10 200 20 re f"),
        ("/MediaBox [0 0 420 560]", "q 3 0 0 3 50 50 cm q 0.5 g 1 1 20 20 re f"),
        ("/MediaBox [0 0 420 560]", "Q Q 0.5 g 2 0 0 2 7 7 cm 1 1 20 20 re f"),
    ] {
        let before = plain(entries, content, 0);
        let after = added_where_seen(&before, &format!("{entries} {content}"));
        assert!(after.starts_with(&before));
    }
}

#[test]
fn a_file_whose_table_of_objects_is_wrong_is_written_anew() {
    let before = plain("/MediaBox [0 0 420 560]", "0.5 g 10 10 200 20 re f", 77);
    let after = added_where_seen(&before, "wrong table");
    assert!(!after.starts_with(&before));
    if !missing("qpdf") {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anew.pdf");
        std::fs::write(&path, after).unwrap();
        let output = Command::new("qpdf").arg("--check").arg(&path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn images_of_every_codec_are_drawn_and_those_that_are_damaged_are_named() {
    let draw = |bytes: Vec<u8>| {
        PdfFile::open(bytes, "x.pdf").unwrap().page(0, Dpi::Auto, ImageLimits::default()).unwrap()
    };
    let fixture =
        |name: &str| std::fs::read(format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    for name in ["jbig2.pdf", "jpx.pdf", "encrypted-no-password.pdf"] {
        let page = draw(fixture(name));
        assert_eq!((page.image.width(), page.image.height()), (600, 160), "{name}");
        let dark = page.image.rgb().chunks_exact(3).filter(|p| p[0] < 128).count();
        assert!((3_000..20_000).contains(&dark), "{name}: {dark} dark pixels");
        assert_eq!(page.warnings, Vec::<String>::new(), "{name}");
    }
    let mut damaged = fixture("jpx.pdf");
    let at = damaged.windows(2).position(|w| w == b"\xff\x4f").unwrap();
    damaged[at..at + 600].fill(0x55);
    let page = draw(damaged);
    assert!(page.warnings.iter().any(|w| w.contains("cannot be decoded")), "{:?}", page.warnings);
    let locked = PdfFile::open(fixture("encrypted-password.pdf"), "locked.pdf").map(|_| ()).unwrap_err();
    assert!(matches!(locked, Error::Encrypted { .. }), "{locked}");
}

#[test]
fn images_are_drawn_at_their_own_resolution_and_read_where_no_text_covers_them() {
    // A third of the page is an image.
    let image = "q 300 0 0 150 50 50 cm BI /W 60 /H 30 /BPC 8 /CS /G ID ";
    let mut content = image.as_bytes().to_vec();
    content.extend([90; 1800]);
    content.extend(b" EI Q");
    let content: String = content.into_iter().map(char::from).collect();
    let before = plain("/MediaBox [0 0 420 360]", &content, 0);
    let page = |bytes: &[u8]| {
        let file = PdfFile::open(bytes.to_vec(), "x.pdf").unwrap();
        file.page(0, Dpi::Auto, ImageLimits::default()).unwrap()
    };
    let drawn = page(&before);
    assert_eq!((drawn.dpi, drawn.image.height()), (200.0, 1000), "more than one image: the usual resolution");
    let text = |y: f64| PageText::new(0, &[word("Heading", 300.0, y, 200.0, 40.0)], drawn.to_page).unwrap();
    let beside = page(&add_text(&before, "x.pdf", &[text(50.0)]).unwrap());
    let [unread] = beside.layer.unread_pictures()[..] else { panic!("{:?}", beside.layer) };
    let expected = [50.0, 160.0, 350.0, 310.0].map(|v| v * 200.0 / 72.0);
    let off =
        [unread.x0, unread.y0, unread.x1, unread.y1].into_iter().zip(expected).map(|(a, b)| (a - b).abs());
    assert!(off.fold(0.0, f64::max) < 1.5, "{unread:?} {expected:?}");
    let over = page(&add_text(&before, "x.pdf", &[text(600.0)]).unwrap());
    assert_eq!(over.layer.unread_pictures(), []);
    let mut scan = SearchablePdf::new(Vec::new()).unwrap();
    scan.page(&picture(), None, 137.0, &[]).unwrap();
    let scan = page(&scan.finish().unwrap());
    assert!(
        (scan.dpi - 137.0).abs() < 0.1 && scan.image.width() == 1000,
        "{} {}",
        scan.dpi,
        scan.image.width()
    );
}

#[test]
fn a_panic_of_the_renderer_is_the_error_of_its_page() {
    let image = "<< /Type /XObject /Subtype /Image /Width 2000000000 /Height 2000000000 /BitsPerComponent 8 /ColorSpace \
                 /DeviceGray /Length 4 >>\nstream\nabcd\nendstream";
    let pdf = format!(
        "%PDF-1.4\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n2 0 obj << /Type /Pages /Kids [3 0 R 6 0 R] /Count 2 >> \
         endobj\n3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents 4 0 R /Resources << /XObject << /I 5 \
         0 R >> >> >> endobj\n4 0 obj << /Length 30 >>\nstream\nq 200 0 0 100 0 0 cm /I Do Q  \nendstream endobj\n5 0 obj \
         {image} endobj\n6 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] >> endobj\ntrailer << /Root 1 0 R >>\n"
    );
    let file = PdfFile::open(pdf.into_bytes(), "bomb.pdf").unwrap();
    match file.page(0, Dpi::Auto, ImageLimits::default()) {
        Ok(page) => assert!(!page.warnings.is_empty(), "the image is missing and nothing says so"),
        Err(error) => assert!(error.to_string().contains("bomb.pdf, page 1"), "{error}"),
    }
    assert!(file.page(1, Dpi::Auto, ImageLimits::default()).is_ok());
    assert!(!glyphic_pdf::is_guarded_thread());
}
