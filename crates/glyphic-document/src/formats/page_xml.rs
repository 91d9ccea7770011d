//! PAGE-XML 2019-07-15: <https://github.com/PRImA-Research-Lab/PAGE-XML>. A file holds one page.

use std::fmt::Write as _;

use glyphic_core::{Page, Polygon};

use super::xml::{escaped, pixels, share};
use crate::{BlockKind, PageInfo, blocks};

const OPEN: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15 http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15/pagecontent.xsd">
 <Metadata>
  <Creator>glyphic</Creator>
  <Created>1970-01-01T00:00:00</Created>
  <LastChange>1970-01-01T00:00:00</LastChange>
 </Metadata>
"#;

fn points(polygon: &Polygon, page: &Page) -> String {
    let clamp = |v: f64, most: u32| v.round().clamp(0.0, f64::from(most)) as u32;
    let points = polygon.points().iter();
    let points: Vec<String> =
        points.map(|p| format!("{},{}", clamp(p.x, page.width), clamp(p.y, page.height))).collect();
    points.join(" ")
}

/// The whole file of a page. Its dates are fixed: the same picture gives the same file.
pub(crate) fn page_xml(info: &PageInfo, page: &Page) -> String {
    let mut out = String::from(OPEN);
    let image = escaped(&info.file_name);
    let (width, height) = (page.width, page.height);
    let _ =
        writeln!(out, " <Page imageFilename=\"{image}\" imageWidth=\"{width}\" imageHeight=\"{height}\">");
    let blocks = blocks(page);
    if !blocks.is_empty() {
        out.push_str("  <ReadingOrder>\n   <OrderedGroup id=\"order\">\n");
        for b in 0..blocks.len() {
            let _ = writeln!(out, "    <RegionRefIndexed index=\"{b}\" regionRef=\"region_{}\"/>", b + 1);
        }
        out.push_str("   </OrderedGroup>\n  </ReadingOrder>\n");
    }
    for (b, block) in blocks.iter().enumerate() {
        let [x0, y0, x1, y1] = pixels(block.bounds, page);
        let kind = match block.kind {
            BlockKind::Heading => "heading",
            BlockKind::Caption => "caption",
            BlockKind::Header => "header",
            BlockKind::Footer => "footer",
            _ => "paragraph",
        };
        let _ = writeln!(out, "  <TextRegion id=\"region_{}\" type=\"{kind}\">", b + 1);
        let _ = writeln!(out, "   <Coords points=\"{x0},{y0} {x1},{y0} {x1},{y1} {x0},{y1}\"/>");
        for &index in &block.lines {
            let line = &page.lines[index];
            let _ = writeln!(out, "   <TextLine id=\"line_{}\">", index + 1);
            let _ = writeln!(out, "    <Coords points=\"{}\"/>", points(&line.polygon, page));
            for &i in &line.instances {
                let Some(word) = page.instances.get(i) else { continue };
                let _ = writeln!(out, "    <Word id=\"word_{}\">", i + 1);
                let _ = writeln!(out, "     <Coords points=\"{}\"/>", points(&word.region.polygon, page));
                let score = word.transcript.as_ref().map_or(1.0, |t| t.score);
                equivalent(&mut out, "     ", word.text(), score);
                out.push_str("    </Word>\n");
            }
            equivalent(&mut out, "    ", &line.text, line.score);
            out.push_str("   </TextLine>\n");
        }
        out.push_str("  </TextRegion>\n");
    }
    out.push_str(" </Page>\n</PcGts>\n");
    out
}

fn equivalent(out: &mut String, indent: &str, text: &str, score: f32) {
    let (text, score) = (escaped(text), share(score));
    let _ = writeln!(out, "{indent}<TextEquiv conf=\"{score:.3}\"><Unicode>{text}</Unicode></TextEquiv>");
}
