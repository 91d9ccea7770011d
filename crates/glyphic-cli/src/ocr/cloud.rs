//! Results of Amazon Textract and of Azure's Document Intelligence and Read.

use anyhow::{Context, Result, bail};
use glyphic_core::{Page, Polygon, TextInstance};
use serde_json::Value;

use super::{instance, sized};

/// The longer side of a page of Textract's, whose places are shares of a page of unknown size.
const LONGER_SIDE: f64 = 2000.0;

/// Width of a character over the height of its line, about, in print.
const CHARACTER: f64 = 0.45;

/// Pixels to the inch of pages that Azure measures in inches (PDF files).
const DPI: f64 = 200.0;

/// The pages of a result, or `None` where it is neither service's.
pub(super) fn pages(value: &Value) -> Option<Result<Vec<(String, Page)>>> {
    if let Some(blocks) = value.get("Blocks").and_then(Value::as_array) {
        return Some(textract(blocks));
    }
    // Document Intelligence 2022 and later, and Read 3: inside `analyzeResult` as they answer, or alone.
    let result = value.get("analyzeResult").unwrap_or(value);
    let pages = ["pages", "readResults"].iter().find_map(|key| result.get(key)).and_then(Value::as_array)?;
    Some(
        pages
            .iter()
            .enumerate()
            .map(|(i, page)| azure(page).with_context(|| format!("page {}", i + 1)))
            .collect(),
    )
}

/// `{"BlockType": "LINE", "Text", "Confidence" (0 to 100), "Geometry": {"Polygon": [{"X", "Y"}, ...], "BoundingBox"}, "Page"}`:
/// shares of the page's width and height.
fn textract(blocks: &[Value]) -> Result<Vec<(String, Page)>> {
    let of_type =
        |name: &'static str| move |b: &&Value| b.get("BlockType").and_then(Value::as_str) == Some(name);
    let kind = if blocks.iter().any(|b| of_type("LINE")(&b)) { "LINE" } else { "WORD" };
    let number = |b: &Value| b.get("Page").and_then(Value::as_u64).unwrap_or(1);
    let mut numbers: Vec<u64> = blocks.iter().map(number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut pages = Vec::new();
    for page_number in numbers {
        let lines: Vec<&Value> =
            blocks.iter().filter(|b| number(b) == page_number).filter(of_type(kind)).collect();
        let places = lines.iter().enumerate().map(|(i, line)| share(line, i)).collect::<Result<Vec<_>>>()?;
        let (width, height) = size(&lines, &places);
        let mut page = Page::new(width as u32, height as u32);
        for (i, (line, corners)) in lines.iter().zip(&places).enumerate() {
            let text = line
                .get("Text")
                .and_then(Value::as_str)
                .with_context(|| format!("{kind} {i} has no Text"))?;
            let score = line.get("Confidence").and_then(Value::as_f64).unwrap_or(100.0) / 100.0;
            let flat: Vec<f64> = corners.iter().flat_map(|[x, y]| [x * width, y * height]).collect();
            let polygon = Polygon::from_flat(&flat).with_context(|| format!("the outline of {kind} {i}"))?;
            page.instances.push(instance(polygon, text, score));
        }
        pages.push((String::new(), page));
    }
    Ok(pages)
}

fn share(line: &Value, i: usize) -> Result<Vec<[f64; 2]>> {
    let geometry = line.get("Geometry");
    let number = |v: &Value, key: &str| v.get(key).and_then(Value::as_f64);
    if let Some(points) = geometry.and_then(|g| g.get("Polygon")).and_then(Value::as_array) {
        let point = |p: &Value| Some([number(p, "X")?, number(p, "Y")?]);
        return points
            .iter()
            .map(point)
            .collect::<Option<_>>()
            .with_context(|| format!("block {i}: a point without X and Y"));
    }
    let Some(bounds) = geometry.and_then(|g| g.get("BoundingBox")) else {
        bail!("block {i} has no Geometry")
    };
    let side = |key| number(bounds, key).with_context(|| format!("block {i}: its BoundingBox has no {key}"));
    let (x, y, w, h) = (side("Left")?, side("Top")?, side("Width")?, side("Height")?);
    Ok(vec![[x, y], [x + w, y], [x + w, y + h], [x, y + h]])
}

/// A width and a height of the page with which characters have their usual shape.
fn size(lines: &[&Value], places: &[Vec<[f64; 2]>]) -> (f64, f64) {
    let shape = |(line, corners): (&&Value, &Vec<[f64; 2]>)| {
        let characters = line.get("Text").and_then(Value::as_str)?.chars().count();
        let extent = |axis: usize| {
            let along = || corners.iter().map(move |c| c[axis]);
            along().fold(f64::NEG_INFINITY, f64::max) - along().fold(f64::INFINITY, f64::min)
        };
        let (width, height) = (extent(0), extent(1));
        (characters >= 3 && width > 0.0 && height > 0.0)
            .then(|| CHARACTER * characters as f64 * height / width)
    };
    let mut shapes: Vec<f64> = lines.iter().zip(places).filter_map(shape).filter(|s| s.is_finite()).collect();
    shapes.sort_by(f64::total_cmp);
    // Letter paper where there is nothing to go by.
    let width_to_height = shapes.get(shapes.len() / 2).copied().unwrap_or(8.5 / 11.0).clamp(0.1, 10.0);
    let scale = LONGER_SIDE / width_to_height.max(1.0);
    ((scale * width_to_height).round().max(1.0), scale.round().max(1.0))
}

/// `{"width", "height", "unit", "lines": [{"content", "polygon"}], "words"}`; in Read 3 `text` and `boundingBox`.
fn azure(value: &Value) -> Result<(String, Page)> {
    let list = |key: &str| value.get(key).and_then(Value::as_array).filter(|list| !list.is_empty());
    let scale = if value.get("unit").and_then(Value::as_str) == Some("inch") { DPI } else { 1.0 };
    let side = |key: &str| {
        (value.get(key).and_then(Value::as_f64).unwrap_or(0.0) * scale).clamp(0.0, 1e6).round() as u32
    };
    let mut page = Page::new(side("width"), side("height"));
    let Some(lines) = list("lines").or(list("words")) else { return Ok((String::new(), sized(page))) };
    for (i, line) in lines.iter().enumerate() {
        page.instances.push(azure_line(line, scale).with_context(|| format!("line {i}"))?);
    }
    Ok((String::new(), sized(page)))
}

fn azure_line(line: &Value, scale: f64) -> Result<TextInstance> {
    let text = ["content", "text"].iter().find_map(|key| line.get(key)).and_then(Value::as_str);
    let text = text.context("neither content nor text")?;
    let outline = ["polygon", "boundingBox"]
        .iter()
        .find_map(|key| line.get(key))
        .context("no polygon and no boundingBox")?;
    let numbers: Vec<f64> = serde_json::from_value(outline.clone())
        .with_context(|| format!("its outline is {outline}; expected [x, y, ...]"))?;
    let scaled: Vec<f64> = numbers.iter().map(|v| v * scale).collect();
    let polygon = Polygon::from_flat(&scaled)?;
    let words = line.get("words").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let scores: Vec<f64> =
        words.iter().filter_map(|w| w.get("confidence")).filter_map(Value::as_f64).collect();
    let own = line.get("confidence").and_then(Value::as_f64).unwrap_or(1.0);
    let score = if scores.is_empty() { own } else { scores.iter().sum::<f64>() / scores.len() as f64 };
    Ok(instance(polygon, text, score))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shares_of_textract_become_pixels_of_a_page_of_likely_shape() {
        let line = |text: &str, left: f64, top: f64, width: f64, page: u64| {
            json!({"BlockType": "LINE", "Text": text, "Confidence": 98.5, "Page": page, "Geometry": {
                "BoundingBox": {"Left": left, "Top": top, "Width": width, "Height": 0.02}}})
        };
        let result = json!({"Blocks": [
            {"BlockType": "PAGE", "Page": 1},
            line("Grand total", 0.1, 0.5, 0.198, 1),
            {"BlockType": "WORD", "Text": "Grand", "Page": 1},
            line("Second page", 0.1, 0.5, 0.198, 2),
        ]});
        let pages = pages(&result).unwrap().unwrap();
        assert_eq!(pages.len(), 2);
        let page = &pages[0].1;
        // Eleven characters of .45 of .02 of the height fill .198 of the width: twice as high as wide.
        assert_eq!((page.width, page.height, page.instances.len()), (1000, 2000, 1));
        assert_eq!(page.instances[0].text(), "Grand total");
        let bounds = page.instances[0].region.polygon.bounds();
        assert!((bounds.x0 - 100.0).abs() < 1e-6 && (bounds.y1 - 1040.0).abs() < 1e-6, "{bounds:?}");
        assert!((page.instances[0].transcript.as_ref().unwrap().score - 0.985).abs() < 1e-6);
    }

    #[test]
    fn both_of_azures_layouts_are_read() {
        let new = json!({"status": "succeeded", "analyzeResult": {"pages": [{
            "pageNumber": 1, "width": 8.5, "height": 11.0, "unit": "inch",
            "words": [{"content": "Milk", "polygon": [1, 1, 2, 1, 2, 1.2, 1, 1.2], "confidence": 0.9}],
            "lines": [{"content": "Milk 2.40", "polygon": [1, 1, 3, 1, 3, 1.2, 1, 1.2]}]}]}});
        let (_, page) = pages(&new).unwrap().unwrap().remove(0);
        assert_eq!((page.width, page.height, page.instances[0].text()), (1700, 2200, "Milk 2.40"));
        assert_eq!(page.instances[0].region.polygon.bounds().x1, 600.0);
        let old = json!({"analyzeResult": {"readResults": [{"page": 1, "width": 300, "height": 200, "unit": "pixel",
            "lines": [{"text": "Milk", "boundingBox": [1, 2, 9, 2, 9, 8, 1, 8],
                "words": [{"text": "Milk", "confidence": 0.5}]}]}, {"page": 2, "width": 300, "height": 200, "lines": []}]}});
        let read = pages(&old).unwrap().unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].1.instances[0].transcript.as_ref().unwrap().score, 0.5);
    }

    #[test]
    fn what_is_missing_is_named() {
        for (source, word) in [
            (json!({"Blocks": [{"BlockType": "LINE", "Text": "a"}]}), "Geometry"),
            (
                json!({"Blocks": [{"BlockType": "LINE", "Text": "a", "Geometry": {"Polygon": [{"X": 1}]}}]}),
                "X and Y",
            ),
            (json!({"pages": [{"lines": [{"content": "a"}]}]}), "polygon"),
            (json!({"pages": [{"lines": [{"polygon": [1, 2, 3, 4]}]}]}), "content"),
            (json!({"pages": [{"lines": [{"content": "a", "polygon": [1, "b"]}]}]}), "expected [x, y, ...]"),
        ] {
            let error = format!("{:#}", pages(&source).unwrap().unwrap_err());
            assert!(error.contains(word), "{source}: {error}");
        }
        assert!(pages(&json!({"rec_texts": []})).is_none());
    }
}
