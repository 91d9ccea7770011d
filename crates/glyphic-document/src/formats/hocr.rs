//! hOCR 1.2: <http://kba.github.io/hocr-spec/1.2/>.

use std::fmt::Write as _;

use glyphic_core::{Emphasis, Page, TextInstance};

use super::xml::{escaped, outline, pixels, share};
use crate::{BlockKind, PageInfo, blocks};

pub(crate) const HOCR_OPEN: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
 <head>
  <title></title>
  <meta http-equiv="Content-Type" content="text/html; charset=utf-8"/>
  <meta name="ocr-system" content="glyphic"/>
  <meta name="ocr-capabilities" content="ocr_page ocr_carea ocr_par ocr_line ocr_header ocr_footer ocr_caption ocr_table ocr_image ocrx_word ocrp_wconf"/>
 </head>
 <body>
"#;

/// A word's text, emphasised as it is printed; with other texts that it may be as the specification's alternatives, of which the
/// first is the one that is read.
fn content(word: &TextInstance) -> String {
    let mut text = escaped(word.text());
    let Emphasis { bold, italic } = word.emphasis;
    for (name, _) in [("em", italic), ("strong", bold)].iter().filter(|(_, on)| *on) {
        text = format!("<{name}>{text}</{name}>");
    }
    let others = word.transcript.as_ref().map_or(&[][..], |t| &t.alternatives);
    if others.is_empty() {
        return text;
    }
    // The specification wants the negative logarithm of how likely each is.
    let unlikely = |score: f32| -share(score).max(1e-9).ln() + 0.0;
    let others = others.iter().map(|other| {
        let (score, text) = (unlikely(other.score), escaped(&other.text));
        format!("<del class='alt' title='nlp {score:.3}'>{text}</del>")
    });
    let others: String = others.collect();
    let score = unlikely(word.transcript.as_ref().map_or(1.0, |t| t.score));
    format!("<span class='alternatives'><ins class='alt' title='nlp {score:.3}'>{text}</ins>{others}</span>")
}

pub(crate) const HOCR_CLOSE: &str = " </body>\n</html>\n";

/// A page; `number` counts pages of the output from 1.
pub(crate) fn hocr_page(info: &PageInfo, page: &Page, number: usize) -> String {
    let mut out = String::new();
    // A quotation mark would end the title's own.
    let image = escaped(&info.file_name.replace(['"', ';'], "_"));
    let place = info.page.unwrap_or(number) - 1;
    let scan = info.dpi.map_or(String::new(), |dpi| format!("; scan_res {0:.0} {0:.0}", dpi));
    let _ = writeln!(
        out,
        "  <div class='ocr_page' id='page_{number}' title='image &quot;{image}&quot;; bbox 0 0 {} {}; ppageno {place}{scan}'>",
        page.width, page.height
    );
    let mut words = 0;
    for (b, block) in blocks(page).iter().enumerate() {
        let [x0, y0, x1, y1] = pixels(block.bounds, page);
        let id = format!("{number}_{}", b + 1);
        // Around the block, so that programs that know areas alone find it, too.
        if block.kind == BlockKind::Figure {
            let _ = writeln!(
                out,
                "   <div class='ocr_image' id='block_{id}' title='bbox {x0} {y0} {x1} {y1}'></div>"
            );
            continue;
        }
        let class = match block.kind {
            BlockKind::Header => Some("ocr_header"),
            BlockKind::Footer => Some("ocr_footer"),
            BlockKind::Caption => Some("ocr_caption"),
            BlockKind::Table => Some("ocr_table"),
            _ => None,
        };
        if let Some(class) = class {
            let _ = writeln!(out, "   <div class='{class}' title='bbox {x0} {y0} {x1} {y1}'>");
        }
        let _ = writeln!(out, "   <div class='ocr_carea' id='block_{id}' title='bbox {x0} {y0} {x1} {y1}'>");
        let _ = writeln!(out, "    <p class='ocr_par' id='par_{id}' title='bbox {x0} {y0} {x1} {y1}'>");
        for &index in &block.lines {
            let line = &page.lines[index];
            let [x0, y0, x1, y1] = outline(&line.polygon, page);
            let angle = crate::text_angle(&line.polygon);
            let turned = if angle.abs() < 0.5 { String::new() } else { format!("; textangle {:.1}", -angle) };
            let _ = writeln!(
                out,
                "     <span class='ocr_line' id='line_{number}_{}' title='bbox {x0} {y0} {x1} {y1}{turned}'>",
                index + 1
            );
            for word in line.instances.iter().filter_map(|i| page.instances.get(*i)) {
                words += 1;
                let [x0, y0, x1, y1] = outline(&word.region.polygon, page);
                let transcript = word.transcript.as_ref();
                let score = share(transcript.map_or(1.0, |t| t.score)) * 100.0;
                let chars = transcript.map_or(&[][..], |t| &t.chars);
                let confs: String = chars.iter().map(|c| format!(" {:.0}", share(c.score) * 100.0)).collect();
                let confs = if confs.is_empty() { String::new() } else { format!("; x_confs{confs}") };
                let _ = writeln!(
                    out,
                    "      <span class='ocrx_word' id='word_{number}_{words}' title='bbox {x0} {y0} {x1} {y1}; x_wconf \
                     {score:.0}{confs}'>{}</span>",
                    content(word)
                );
            }
            out.push_str("     </span>\n");
        }
        out.push_str("    </p>\n   </div>\n");
        if class.is_some() {
            out.push_str("   </div>\n");
        }
    }
    out.push_str("  </div>\n");
    out
}
