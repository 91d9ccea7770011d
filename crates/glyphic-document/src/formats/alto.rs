//! ALTO 4.4: <https://www.loc.gov/standards/alto/>.

use std::fmt::Write as _;

use glyphic_core::{Emphasis, Page, TextInstance};

use super::xml::{escaped, outline, pixels, share};
use crate::{BlockKind, PageInfo, blocks};

pub(crate) const ALTO_OPEN: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.loc.gov/standards/alto/ns-v4# http://www.loc.gov/standards/alto/v4/alto-4-4.xsd" SCHEMAVERSION="4.4">
 <Description>
  <MeasurementUnit>pixel</MeasurementUnit>
  <Processing ID="ocr_1">
   <processingSoftware>
    <softwareName>glyphic</softwareName>
   </processingSoftware>
  </Processing>
 </Description>
 <Tags>
  <StructureTag ID="header" LABEL="header"/>
  <StructureTag ID="footer" LABEL="footer"/>
  <StructureTag ID="caption" LABEL="caption"/>
  <StructureTag ID="table" LABEL="table"/>
 </Tags>
 <Layout>
"#;

pub(crate) const ALTO_CLOSE: &str = " </Layout>\n</alto>\n";

fn place_of([x0, y0, x1, y1]: [u32; 4]) -> String {
    format!("HPOS=\"{x0}\" VPOS=\"{y0}\" WIDTH=\"{}\" HEIGHT=\"{}\"", x1 - x0, y1 - y0)
}

/// A page; `number` counts pages of the output from 1.
pub(crate) fn alto_page(info: &PageInfo, page: &Page, number: usize) -> String {
    let mut out = String::new();
    let (width, height) = (page.width, page.height);
    let image = info.page.unwrap_or(number);
    // Counterclockwise.
    let rotation = match page.orientation {
        turned @ (90 | 180 | 270) => format!(" ROTATION=\"{}\"", 360 - turned),
        _ => String::new(),
    };
    let _ = writeln!(
        out,
        "  <Page ID=\"page_{number}\" PHYSICAL_IMG_NR=\"{image}\" WIDTH=\"{width}\" HEIGHT=\"{height}\"{rotation}>\n   <PrintSpace \
         HPOS=\"0\" VPOS=\"0\" WIDTH=\"{width}\" HEIGHT=\"{height}\">"
    );
    let mut words = 0;
    for (b, block) in blocks(page).iter().enumerate() {
        if block.kind == BlockKind::Figure {
            let place = place_of(pixels(block.bounds, page));
            let _ = writeln!(out, "    <Illustration ID=\"block_{number}_{}\" {place}/>", b + 1);
            continue;
        }
        let tag = match block.kind {
            BlockKind::Header => " TAGREFS=\"header\"",
            BlockKind::Footer => " TAGREFS=\"footer\"",
            BlockKind::Caption => " TAGREFS=\"caption\"",
            BlockKind::Table => " TAGREFS=\"table\"",
            _ => "",
        };
        let _ = writeln!(
            out,
            "    <TextBlock ID=\"block_{number}_{}\"{tag} {}>",
            b + 1,
            place_of(pixels(block.bounds, page))
        );
        for &index in &block.lines {
            let line = &page.lines[index];
            let _ = writeln!(
                out,
                "     <TextLine ID=\"line_{number}_{}\" {}>",
                index + 1,
                place_of(outline(&line.polygon, page))
            );
            let mut end: Option<u32> = None;
            for word in line.instances.iter().filter_map(|i| page.instances.get(*i)) {
                words += 1;
                let at = outline(&word.region.polygon, page);
                if let Some(end) = end {
                    let space = at[0].saturating_sub(end);
                    let _ = writeln!(out, "      <SP WIDTH=\"{space}\" HPOS=\"{end}\" VPOS=\"{}\"/>", at[1]);
                }
                end = Some(at[2]);
                string(&mut out, page, word, &format!("string_{number}_{words}"), at);
            }
            if line.instances.is_empty() {
                // The schema wants a string in every line.
                let _ = writeln!(
                    out,
                    "      <String CONTENT=\"{}\" {}/>",
                    escaped(&line.text),
                    place_of(outline(&line.polygon, page))
                );
            }
            out.push_str("     </TextLine>\n");
        }
        out.push_str("    </TextBlock>\n");
    }
    out.push_str("   </PrintSpace>\n  </Page>\n");
    out
}

/// A word with its confidence, and its characters with theirs where they are known.
fn string(out: &mut String, page: &Page, word: &TextInstance, id: &str, at: [u32; 4]) {
    let transcript = word.transcript.as_ref();
    let score = share(transcript.map_or(1.0, |t| t.score));
    let (content, place) = (escaped(word.text()), place_of(at));
    let style = match word.emphasis {
        Emphasis { bold: true, italic: true } => " STYLE=\"bold italics\"",
        Emphasis { bold: true, .. } => " STYLE=\"bold\"",
        Emphasis { italic: true, .. } => " STYLE=\"italics\"",
        Emphasis { .. } => "",
    };
    let _ = write!(out, "      <String ID=\"{id}\" CONTENT=\"{content}\" {place}{style} WC=\"{score:.3}\"");
    let glyphs: Vec<_> = transcript
        .map_or(&[][..], |t| &t.chars)
        .iter()
        .filter(|c| !escaped(&c.char.to_string()).is_empty())
        .collect();
    if glyphs.is_empty() {
        out.push_str("/>\n");
        return;
    }
    out.push_str(">\n");
    for (i, glyph) in glyphs.iter().enumerate() {
        let stands = glyph
            .polygon(&word.region)
            .map_or_else(String::new, |p| format!(" {}", place_of(outline(&p, page))));
        let _ = writeln!(
            out,
            "       <Glyph ID=\"{id}_{}\" CONTENT=\"{}\"{stands} GC=\"{:.3}\"/>",
            i + 1,
            escaped(&glyph.char.to_string()),
            share(glyph.score)
        );
    }
    out.push_str("      </String>\n");
}
