//! OCR that was made elsewhere: glyphic's JSON, hOCR, ALTO, and results of PaddleOCR, Amazon Textract and Azure.

mod cloud;

use std::path::Path;

use anyhow::{Context, Result, bail};
use glyphic_core::{Page, Polygon, Rect, Region, TextInstance, Transcript};
use glyphic_document::PageRecord;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value;

/// What a file holds.
#[derive(Default)]
struct Ocr {
    /// Pages, by the names of their pictures where it has them.
    pages: Vec<(String, Page)>,
    /// Lines that could not become boxes, each with the reason.
    left_out: Vec<String>,
}

/// The pages of a file, by the names of their pictures, or by its own where it has none. The format is told by the content.
/// Lines that are left out are counted and named on standard error.
pub(crate) fn read(path: &Path) -> Result<Vec<(String, Page)>> {
    let shown = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {shown}"))?;
    let text = String::from_utf8(bytes).ok().with_context(|| format!("{shown} is not UTF-8"))?;
    let Ocr { mut pages, left_out } = parse(&text).with_context(|| shown.to_string())?;
    if !left_out.is_empty() {
        eprintln!("{shown}: {} lines left out: {}", left_out.len(), left_out.join("; "));
    }
    let own = path.file_name().map_or_else(String::new, |name| name.display().to_string());
    pages.iter_mut().filter(|(name, _)| name.is_empty()).for_each(|(name, _)| name.clone_from(&own));
    Ok(pages)
}

fn parse(text: &str) -> Result<Ocr> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let ocr = match text.chars().next() {
        Some('{' | '[') => Ocr { pages: json(text)?, left_out: Vec::new() },
        Some('<') => xml(text)?,
        _ => bail!(
            "neither JSON nor XML; JSON of glyphic, PaddleOCR, Textract and Azure, hOCR and ALTO are read"
        ),
    };
    if ocr.pages.is_empty() {
        bail!("no page of text in it");
    }
    Ok(ocr)
}

fn json(text: &str) -> Result<Vec<(String, Page)>> {
    let values: Vec<Value> = serde_json::Deserializer::from_str(text)
        .into_iter()
        .collect::<Result<_, _>>()
        .context("broken JSON")?;
    let mut pages = Vec::new();
    for value in values {
        match value {
            // glyphic's `--format json` and PaddleOCR's lists of results.
            Value::Array(list) if list.iter().all(|v| v.get("instances").is_some()) => {
                for value in list {
                    pages.push(record(value)?);
                }
            }
            Value::Array(list) if list.iter().any(is_paddle_line) => {
                pages.push((String::new(), paddle(&list)?))
            }
            Value::Array(list) => {
                for value in list {
                    match value {
                        Value::Array(lines) => pages.push((String::new(), paddle(&lines)?)),
                        // A page without text.
                        Value::Null => pages.push((String::new(), paddle(&[])?)),
                        Value::Object(_) => pages.push(paddlex(&value)?),
                        other => bail!("{other} is no page of text"),
                    }
                }
            }
            value if value.get("instances").is_some() => pages.push(record(value)?),
            value => match cloud::pages(&value) {
                Some(found) => pages.extend(found?),
                None => pages.push(paddlex(&value)?),
            },
        }
    }
    Ok(pages)
}

fn record(value: Value) -> Result<(String, Page)> {
    let record: PageRecord = serde_json::from_value(value).context("not as `glyphic read` writes it")?;
    let (name, page) = record.into_page();
    for (i, line) in page.lines.iter().enumerate() {
        if let Some(missing) = line.instances.iter().find(|k| **k >= page.instances.len()) {
            bail!("line {i} holds word {missing}, but there are {} words", page.instances.len());
        }
    }
    Ok((name, sized(page)))
}

/// `[[[x, y] x 4], [text, score]]`
fn is_paddle_line(value: &Value) -> bool {
    value.get(0).and_then(|b| b.get(0)).and_then(|p| p.get(0)).is_some_and(Value::is_number)
        && value.get(1).and_then(|t| t.get(0)).is_some_and(Value::is_string)
}

fn paddle(lines: &[Value]) -> Result<Page> {
    let mut page = Page::new(0, 0);
    for (i, line) in lines.iter().enumerate() {
        if !is_paddle_line(line) {
            bail!("line {i} is {line}; expected [[[x, y], ...], [text, score]]");
        }
        let score = line[1].get(1).and_then(Value::as_f64).unwrap_or(1.0);
        page.instances.push(instance(polygon(&line[0], i)?, line[1][0].as_str().unwrap_or(""), score));
    }
    Ok(sized(page))
}

/// `{"rec_texts", "rec_scores", "rec_polys" or "dt_polys", "input_path"}`, PaddleOCR 3's; inside `res` as it is saved.
fn paddlex(value: &Value) -> Result<(String, Page)> {
    let value = value.get("res").unwrap_or(value);
    let list = |key: &str| value.get(key).and_then(Value::as_array);
    let (Some(texts), Some(polygons)) = (list("rec_texts"), list("rec_polys").or(list("dt_polys"))) else {
        bail!(
            "an object without `instances` (glyphic's), `rec_texts` and `rec_polys` (PaddleOCR's), `Blocks` (Textract's) or \
             `analyzeResult` (Azure's)"
        );
    };
    if texts.len() != polygons.len() {
        bail!("{} rec_texts but {} polygons", texts.len(), polygons.len());
    }
    let mut page = Page::new(0, 0);
    for (i, (text, outline)) in texts.iter().zip(polygons).enumerate() {
        let score = list("rec_scores").and_then(|s| s.get(i)).and_then(Value::as_f64).unwrap_or(1.0);
        let text = text.as_str().with_context(|| format!("rec_texts[{i}] is {text}; expected a text"))?;
        page.instances.push(instance(polygon(outline, i)?, text, score));
    }
    let name = value.get("input_path").and_then(Value::as_str).unwrap_or("");
    Ok((Path::new(name).file_name().map_or_else(String::new, |n| n.display().to_string()), sized(page)))
}

fn polygon(points: &Value, line: usize) -> Result<Polygon> {
    let points: Vec<[f64; 2]> = serde_json::from_value(points.clone())
        .with_context(|| format!("the outline of line {line} is {points}; expected [[x, y], ...]"))?;
    Polygon::from_flat(points.as_flattened()).with_context(|| format!("the outline of line {line}"))
}

fn instance(polygon: Polygon, text: &str, score: f64) -> TextInstance {
    let transcript = Transcript { text: text.to_owned(), score: score as f32, ..Transcript::default() };
    TextInstance { transcript: Some(transcript), ..TextInstance::new(Region { polygon, score: 1.0 }) }
}

/// A page without a size reaches as far as its boxes.
fn sized(mut page: Page) -> Page {
    if page.width == 0 || page.height == 0 {
        for instance in &page.instances {
            let bounds = instance.region.polygon.bounds();
            page.width = page.width.max(bounds.x1.clamp(1.0, 1e6) as u32);
            page.height = page.height.max(bounds.y1.clamp(1.0, 1e6) as u32);
        }
        (page.width, page.height) = (page.width.max(1), page.height.max(1));
    }
    page
}

/// hOCR's lines (`ocr_line` and its kin, `bbox` in the title) and ALTO's (`TextLine` of `String`).
fn xml(text: &str) -> Result<Ocr> {
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    let mut found = Lines::default();
    let mut depth = 0_usize;
    loop {
        let at = reader.buffer_position();
        match reader.read_event().with_context(|| format!("broken XML at byte {at}"))? {
            Event::Eof => break,
            Event::Start(tag) if !VOID.contains(&tag.local_name().as_ref()) => {
                depth += 1;
                found.begin(&tag, depth)?;
            }
            Event::Start(tag) | Event::Empty(tag) => {
                found.begin(&tag, depth + 1)?;
                found.end(depth + 1);
            }
            Event::Text(piece) => {
                found.add(&quick_xml::escape::unescape(&piece).unwrap_or_else(|_| (*piece).into()));
            }
            Event::CData(piece) => found.add(&piece),
            Event::GeneralRef(name) => {
                // An entity that XML does not know stands as it is written.
                let entity = format!("&{};", &*name);
                found.add(&quick_xml::escape::unescape(&entity).unwrap_or_else(|_| entity.as_str().into()));
            }
            Event::End(_) => {
                found.end(depth);
                depth = depth.saturating_sub(1);
            }
            _ => {}
        }
    }
    found.end(0);
    let pages = found.ocr.pages.into_iter().map(|(name, page)| (name, sized(page))).collect();
    Ok(Ocr { pages, ..found.ocr })
}

/// HTML's elements without an end tag.
const VOID: [&str; 10] = ["area", "base", "br", "col", "hr", "img", "input", "link", "meta", "wbr"];

/// hOCR's classes of lines.
const LINES: [&str; 4] = ["ocr_line", "ocr_header", "ocr_caption", "ocr_textfloat"];

/// The lines of hOCR and ALTO.
#[derive(Default)]
struct Lines {
    ocr: Ocr,
    open: Option<OpenLine>,
    count: usize,
}

struct OpenLine {
    /// At which it began.
    depth: usize,
    rect: Rect,
    text: String,
    /// ALTO's text stands in attributes.
    alto: bool,
}

impl Lines {
    fn begin(&mut self, tag: &BytesStart, depth: usize) -> Result<()> {
        let attribute = |name: &str| -> Option<String> {
            let found = tag.html_attributes().flatten().find(|a| a.key.local_name().as_ref() == name)?;
            let unescaped = quick_xml::escape::unescape(&found.value).map(std::borrow::Cow::into_owned);
            Some(unescaped.unwrap_or_else(|_| found.value.clone().into_owned()))
        };
        let number = |name: &str| attribute(name).and_then(|v| v.parse::<f64>().ok());
        match tag.local_name().as_ref() {
            "Page" => {
                let size = |name| number(name).unwrap_or(0.0).clamp(0.0, 1e6) as u32;
                self.ocr.pages.push((String::new(), Page::new(size("WIDTH"), size("HEIGHT"))));
            }
            "TextLine" => {
                let side = |name| number(name).unwrap_or(0.0);
                let (x0, y0) = (side("HPOS"), side("VPOS"));
                let rect = Rect { x0, y0, x1: x0 + side("WIDTH"), y1: y0 + side("HEIGHT") };
                self.open(OpenLine { depth, rect, text: String::new(), alto: true });
            }
            "br" => self.add(" "),
            "String" => {
                if let (Some(line), Some(content)) = (&mut self.open, attribute("CONTENT")) {
                    line.text.extend([" ", &content]);
                }
            }
            _ => {
                let class = attribute("class").unwrap_or_default();
                let title = attribute("title").unwrap_or_default();
                if class == "ocr_page" {
                    let name = title.split("image ").nth(1).and_then(|rest| rest.split('"').nth(1));
                    let name = name.and_then(|n| Path::new(n).file_name()).map(|n| n.display().to_string());
                    let page = bbox(&title).map_or(Page::new(0, 0), |r| {
                        Page::new(r.x1.clamp(0.0, 1e6) as u32, r.y1.clamp(0.0, 1e6) as u32)
                    });
                    self.ocr.pages.push((name.unwrap_or_default(), page));
                } else if LINES.contains(&class.as_str()) {
                    let rect = bbox(&title).with_context(|| format!("a line without a bbox: {title:?}"))?;
                    self.open(OpenLine { depth, rect, text: String::new(), alto: false });
                }
            }
        }
        Ok(())
    }

    /// A line that is still open ends where another begins.
    fn open(&mut self, line: OpenLine) {
        self.end(0);
        self.open = Some(line);
    }

    fn add(&mut self, text: &str) {
        if let Some(line) = self.open.as_mut().filter(|line| !line.alto) {
            line.text.push_str(text);
        }
    }

    /// Ends the open line where an element of this depth ends. A line without text or area is left out.
    fn end(&mut self, depth: usize) {
        let Some(OpenLine { rect, text, .. }) = self.open.take_if(|line| depth <= line.depth) else { return };
        self.count += 1;
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let Rect { x0, y0, x1, y1 } = rect;
        let place = format!("line {} at {x0} {y0} {x1} {y1}", self.count);
        if text.is_empty() {
            return self.ocr.left_out.push(format!("{place} has no text"));
        }
        let Ok(polygon) = Polygon::from_rect(rect) else {
            return self.ocr.left_out.push(format!("{place} has no area: {text:?}"));
        };
        if self.ocr.pages.is_empty() {
            self.ocr.pages.push((String::new(), Page::new(0, 0)));
        }
        if let Some((_, page)) = self.ocr.pages.last_mut() {
            page.instances.push(instance(polygon, &text, 1.0));
        }
    }
}

fn bbox(title: &str) -> Option<Rect> {
    let numbers: Vec<f64> = title
        .split(';')
        .find_map(|part| part.trim().strip_prefix("bbox "))?
        .split_whitespace()
        .map_while(|v| v.parse().ok())
        .collect();
    let [x0, y0, x1, y1] = numbers[..] else { return None };
    Some(Rect { x0, y0, x1, y1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        let pages = parse(source).unwrap().pages;
        pages.iter().flat_map(|(_, p)| p.instances.iter().map(|i| i.text().to_owned())).collect()
    }

    #[test]
    fn results_of_other_readers_are_read() {
        let hocr = r#"<!DOCTYPE html><html><head><meta charset="utf-8"></head><body>
            <div class='ocr_page' title='image "x/a.png"; bbox 0 0 300 200'>
            <span class="ocr_line" title="bbox 10 20 90 40"><span class="ocrx_word">Rye &amp;</span> <span>bread</span></span>
            </div></body></html>"#;
        assert_eq!(texts(hocr), ["Rye & bread"]);
        let (name, page) = parse(hocr).unwrap().pages.remove(0);
        assert_eq!((name.as_str(), page.width, page.height), ("a.png", 300, 200));
        assert_eq!(page.instances[0].region.polygon.bounds().x1, 90.0);
        let alto = r#"<?xml version="1.0"?><alto xmlns="http://www.loc.gov/standards/alto/ns-v3#"><Layout>
            <Page WIDTH="300" HEIGHT="200"><TextLine HPOS="10" VPOS="20" WIDTH="80" HEIGHT="20">
            <String CONTENT="TOTAL"/><SP/><String CONTENT="4.70"/></TextLine></Page></Layout></alto>"#;
        assert_eq!(texts(alto), ["TOTAL 4.70"]);
        let old = r#"[[[[1,2],[9,2],[9,8],[1,8]],["Milk",0.9]]]"#;
        assert_eq!(texts(old), ["Milk"]);
        assert_eq!(texts(&format!("[{old}]")), ["Milk"]);
        let new = r#"{"res":{"input_path":"x/b.png","rec_texts":["Milk"],"rec_scores":[0.5],"rec_polys":[[[1,2],[9,2],[9,8],[1,8]]]}}"#;
        assert_eq!(texts(new), ["Milk"]);
        assert_eq!(parse(new).unwrap().pages[0].0, "b.png");
        let own = r#"[{"file_name":"c.png","instances":[{"polygon":[1,2,9,2,9,8],"text":"Milk"}]}]"#;
        assert_eq!(texts(own), ["Milk"]);
    }

    #[test]
    fn lines_without_text_or_area_are_named_and_no_text_is_lost() {
        let hocr = r#"<html><meta charset="utf-8"><body><div class="ocr_page" title="bbox 0 0 300 200">
            <p><span class="ocr_line" title="bbox 10 20 90 40">Rye<br>bread&nbsp;<![CDATA[<2>]]></span>
            <span class="ocr_line" title="bbox 10 50 90 60"> </span><span class="ocr_line" title="bbox 1 2 3 4"/>
            <span class="ocr_header" title="bbox 10 60 10 90">flat</span></p>
            <span class="ocr_line" title="bbox 10 90 90 99">open"#;
        let Ocr { pages, left_out } = parse(hocr).unwrap();
        let texts: Vec<&str> = pages[0].1.instances.iter().map(TextInstance::text).collect();
        assert_eq!(texts, ["Rye bread&nbsp;<2>", "open"]);
        let reasons = [
            "line 2 at 10 50 90 60 has no text",
            "line 3 at 1 2 3 4 has no text",
            "line 4 at 10 60 10 90 has no area: \"flat\"",
        ];
        assert_eq!(left_out, reasons);
        // PaddleOCR's page without text.
        assert!(parse("[null]").unwrap().pages[0].1.instances.is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (source, word) in [
            ("hello", "neither JSON nor XML"),
            ("", "neither JSON nor XML"),
            ("[]", "no page"),
            ("{}", "rec_texts"),
            ("[[1]]", "line 0"),
            ("{\"instances\": 3}", "glyphic read"),
            ("<a><b", "broken XML"),
            (r#"{"rec_texts":["a"],"rec_polys":[]}"#, "1 rec_texts but 0"),
            (r#"[[[[1,2],[9,2]],["Milk",0.9]]]"#, "outline of line 0"),
            (r#"[[[[1,2],[9,"a"],[9,8]],["Milk",0.9]]]"#, "expected [[x, y], ...]"),
            (r#"{"rec_texts":[5],"rec_polys":[[[1,2],[9,2],[9,8]]]}"#, "rec_texts[0] is 5"),
            (
                r#"{"file_name":"a","instances":[],"lines":[{"polygon":[1,2,9,2,9,8],"text":"a","instances":[4]}]}"#,
                "word 4",
            ),
        ] {
            let error = format!("{:#}", parse(source).err().unwrap());
            assert!(error.contains(word), "{source}: {error}");
        }
    }
}
