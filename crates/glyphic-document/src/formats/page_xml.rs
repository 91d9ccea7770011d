//! PAGE-XML 2019-07-15: <https://github.com/PRImA-Research-Lab/PAGE-XML>. A file holds one page.

use std::fmt::Write as _;

use glyphic_core::{Page, Polygon, Rect};

use super::xml::{escaped, pixels, share};
use crate::{BlockKind, Cell, PageInfo, Table, blocks, table::union};

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
        let id = format!("region_{}", b + 1);
        let corners = corners(block.bounds, page);
        let kind = match block.kind {
            BlockKind::Figure => {
                let _ =
                    writeln!(out, "  <ImageRegion id=\"{id}\"><Coords points=\"{corners}\"/></ImageRegion>");
                continue;
            }
            BlockKind::Heading => "heading",
            BlockKind::Caption => "caption",
            BlockKind::Header => "header",
            BlockKind::Footer => "footer",
            _ => "paragraph",
        };
        match &block.table {
            Some(table) => table_region(&mut out, page, table, &id, &corners),
            None => {
                let _ = writeln!(out, "  <TextRegion id=\"{id}\" type=\"{kind}\">");
                let _ = writeln!(out, "   <Coords points=\"{corners}\"/>");
                block.lines.iter().for_each(|line| text_line(&mut out, page, *line));
                out.push_str("  </TextRegion>\n");
            }
        }
    }
    out.push_str(" </Page>\n</PcGts>\n");
    out
}

fn corners(bounds: Rect, page: &Page) -> String {
    let [x0, y0, x1, y1] = pixels(bounds, page);
    format!("{x0},{y0} {x1},{y0} {x1},{y1} {x0},{y1}")
}

/// A table: a region of text for each cell that has some, which tells its place.
fn table_region(out: &mut String, page: &Page, table: &Table, id: &str, corners: &str) {
    let Table { rows, columns, cells } = table;
    let _ = writeln!(out, "  <TableRegion id=\"{id}\" rows=\"{rows}\" columns=\"{columns}\">");
    let _ = writeln!(out, "   <Coords points=\"{corners}\"/>");
    for cell in cells {
        let bounds = cell.lines.iter().filter_map(|i| page.lines.get(*i)).map(|line| line.polygon.bounds());
        let Some(bounds) = bounds.reduce(union) else { continue };
        let Cell { row, column, row_span, column_span, .. } = cell;
        let _ = writeln!(out, "  <TextRegion id=\"{id}_{row}_{column}\" type=\"paragraph\">");
        let _ = writeln!(out, "   <Coords points=\"{}\"/>", self::corners(bounds, page));
        let _ = writeln!(
            out,
            "   <Roles><TableCellRole rowIndex=\"{row}\" columnIndex=\"{column}\" rowSpan=\"{row_span}\" \
             colSpan=\"{column_span}\" header=\"false\"/></Roles>"
        );
        cell.lines.iter().for_each(|line| text_line(out, page, *line));
        out.push_str("  </TextRegion>\n");
    }
    out.push_str("  </TableRegion>\n");
}

/// A line with its words.
fn text_line(out: &mut String, page: &Page, index: usize) {
    let Some(line) = page.lines.get(index) else { return };
    let _ = writeln!(out, "   <TextLine id=\"line_{}\">", index + 1);
    let _ = writeln!(out, "    <Coords points=\"{}\"/>", points(&line.polygon, page));
    for &i in &line.instances {
        let Some(word) = page.instances.get(i) else { continue };
        let _ = writeln!(out, "    <Word id=\"word_{}\">", i + 1);
        let _ = writeln!(out, "     <Coords points=\"{}\"/>", points(&word.region.polygon, page));
        let score = word.transcript.as_ref().map_or(1.0, |t| t.score);
        equivalent(out, "     ", word.text(), score);
        let style = [("bold", word.emphasis.bold), ("italic", word.emphasis.italic)];
        let style: String =
            style.iter().filter(|s| s.1).map(|(name, _)| format!(" {name}=\"true\"")).collect();
        if !style.is_empty() {
            let _ = writeln!(out, "     <TextStyle{style}/>");
        }
        out.push_str("    </Word>\n");
    }
    equivalent(out, "    ", &line.text, line.score);
    out.push_str("   </TextLine>\n");
}

fn equivalent(out: &mut String, indent: &str, text: &str, score: f32) {
    let (text, score) = (escaped(text), share(score));
    let _ = writeln!(out, "{indent}<TextEquiv conf=\"{score:.3}\"><Unicode>{text}</Unicode></TextEquiv>");
}
