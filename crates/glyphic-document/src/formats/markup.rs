//! Markdown and HTML: blocks without their places.

use std::fmt::Write as _;

use glyphic_core::{Emphasis, Page};

use super::xml::{escaped, pixels};
use crate::{
    Block, BlockKind, PageInfo, Table, blocks,
    figures::is_captioned,
    joined,
    tree::{join, undoes_hyphen},
};

pub(crate) const HTML_OPEN: &str = "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<title>glyphic</title>\n<style>\n\
     table { border-collapse: collapse; margin: 1em 0 }\n\
     td { border: 1px solid #999; padding: .2em .5em; vertical-align: top }\n\
     .numbered { list-style: none }\n\
     dl { display: grid; grid-template-columns: max-content 1fr; gap: .2em 1em }\n\
     dd { margin: 0 }\n\
     figure { margin: 1em 0 }\n\
     .picture { background: #eee; border: 1px solid #999; box-sizing: border-box; max-width: 100% }\n\
     </style>\n</head>\n<body>\n";
pub(crate) const HTML_CLOSE: &str = "</body>\n</html>\n";

/// Whether neighbours in a list of blocks are items of one list.
fn items(blocks: &[Block], at: usize) -> bool {
    blocks.get(at).is_some_and(|b| b.kind == BlockKind::ListItem)
}

fn pairs(blocks: &[Block], at: usize) -> bool {
    blocks.get(at).is_some_and(|b| b.kind == BlockKind::KeyValue)
}

/// An item's text without its bullet, and whether it is numbered.
fn item(text: &str) -> (&str, bool) {
    let (mark, rest) = text.split_once(' ').unwrap_or(("", text));
    let numbered = mark.bytes().any(|b| b.is_ascii_digit());
    // A number stays: lists need not begin at 1.
    if numbered || mark.ends_with([')', '.']) { (text, numbered) } else { (rest, false) }
}

/// Text of lines in one piece, in runs of words printed alike.
fn runs(page: &Page, lines: &[usize], dehyphenate: bool) -> Vec<(String, Emphasis)> {
    let mut runs: Vec<(String, Emphasis)> = Vec::new();
    // What goes on behind a hyphen that is undone belongs to the run before.
    let mut put = |text: &str, emphasis: Emphasis, first: bool| match runs.last_mut() {
        Some((run, before)) if *before == emphasis => join(run, text, dehyphenate && first),
        Some((run, _)) => {
            let spaced = !run.is_empty() && !undoes_hyphen(run, text, dehyphenate && first);
            if spaced {
                run.push(' ');
                runs.push((text.to_owned(), emphasis));
            } else {
                join(run, text, dehyphenate && first);
            }
        }
        None => runs.push((text.to_owned(), emphasis)),
    };
    for line in lines.iter().filter_map(|line| page.lines.get(*line)) {
        let words: Vec<_> = line.instances.iter().filter_map(|i| page.instances.get(*i)).collect();
        let plain = words.iter().all(|word| word.emphasis == Emphasis::default());
        let text = words.iter().map(|word| word.text()).collect::<Vec<_>>().join(" ");
        // A line of others may say what its words do not.
        if plain || text != line.text {
            put(line.text.trim(), Emphasis::default(), true);
            continue;
        }
        for (i, word) in words.iter().enumerate() {
            put(word.text(), word.emphasis, i == 0);
        }
    }
    runs
}

/// Text of lines with marks around words of bold and italic print. A block of the one print throughout has no marks where `alike`.
fn emphasized(
    runs: &[(String, Emphasis)],
    alike: bool,
    marks: [(&str, &str); 2],
    escape: impl Fn(&str, bool) -> String,
) -> String {
    let mut out = String::new();
    for (text, emphasis) in runs {
        let shown = text.trim_end();
        let Emphasis { bold, italic } =
            if alike && runs.len() == 1 { Emphasis::default() } else { *emphasis };
        let wanted = !shown.is_empty();
        for ((open, _), _) in marks.iter().zip([bold, italic]).filter(|(_, on)| *on && wanted) {
            out.push_str(open);
        }
        let start = out.is_empty();
        out.push_str(&escape(shown, start));
        for ((_, close), _) in marks.iter().zip([bold, italic]).rev().filter(|(_, on)| *on && wanted) {
            out.push_str(close);
        }
        out.push_str(&text[shown.len()..]);
    }
    out
}

/// Where a figure is in its file, as <https://www.w3.org/TR/media-frags/> has it.
fn fragment(info: &PageInfo, page: &Page, figure: &Block) -> String {
    let mut out = String::new();
    for byte in info.file_name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(byte.into())
            }
            byte => drop(write!(out, "%{byte:02X}")),
        }
    }
    let number = info.page.map_or_else(String::new, |number| format!("page={number}&"));
    let [x0, y0, x1, y1] = pixels(figure.bounds, page);
    let _ = write!(out, "#{number}xywh={x0},{y0},{},{}", x1 - x0, y1 - y0);
    out
}

/// A page as Markdown. A table with cells that span others has their text in the first of them, and nothing in the others.
pub(crate) fn markdown_page(info: &PageInfo, page: &Page, dehyphenate: bool) -> String {
    let mut out = String::new();
    let blocks = blocks(page);
    for (b, block) in blocks.iter().enumerate() {
        let text = |lines: &[usize], alike: bool| {
            let runs = runs(page, lines, dehyphenate);
            emphasized(&runs, alike, [("**", "**"), ("*", "*")], marked)
        };
        match block.kind {
            BlockKind::Heading => drop(writeln!(out, "# {}", text(&block.lines, true))),
            BlockKind::ListItem => {
                let joined = joined(page, &block.lines, dehyphenate);
                let (rest, numbered) = item(&joined);
                let runs = without_bullet(runs(page, &block.lines, dehyphenate), joined.len() - rest.len());
                let text = emphasized(&runs, false, [("**", "**"), ("*", "*")], marked);
                let _ = writeln!(out, "{}{text}", if numbered { "" } else { "- " });
            }
            BlockKind::Table => {
                for (r, row) in block.table.iter().flat_map(Table::grid).enumerate() {
                    let cells: Vec<String> =
                        row.iter().map(|cell| text(cell, false).replace('|', "\\|")).collect();
                    let _ = writeln!(out, "| {} |", cells.join(" | "));
                    if r == 0 {
                        let _ = writeln!(out, "|{}", " --- |".repeat(row.len()));
                    }
                }
            }
            // A line each.
            BlockKind::KeyValue => {
                let end = if pairs(&blocks, b + 1) { "\\" } else { "" };
                let _ = writeln!(out, "{}{end}", text(&block.lines, false));
            }
            BlockKind::Figure => drop(writeln!(out, "![Figure]({})", fragment(info, page, block))),
            BlockKind::Paragraph | BlockKind::Caption | BlockKind::Header | BlockKind::Footer => {
                let _ = writeln!(out, "{}", text(&block.lines, false));
            }
        }
        let goes_on =
            (items(&blocks, b) && items(&blocks, b + 1)) || (pairs(&blocks, b) && pairs(&blocks, b + 1));
        if !goes_on {
            out.push('\n');
        }
    }
    out
}

/// Runs without so many bytes at their beginning.
fn without_bullet(mut runs: Vec<(String, Emphasis)>, mut bytes: usize) -> Vec<(String, Emphasis)> {
    for (text, _) in &mut runs {
        let cut = bytes.min(text.len());
        bytes -= cut;
        if text.is_char_boundary(cut) {
            text.drain(..cut);
        }
    }
    runs.retain(|(text, _)| !text.is_empty());
    runs
}

/// Text whose characters mean themselves in Markdown; `start` where it begins a block.
fn marked(text: &str, start: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for (i, c) in text.chars().filter(|c| !c.is_control()).enumerate() {
        if matches!(c, '\\' | '`' | '*' | '_' | '<' | '[' | ']')
            || (start && i == 0 && matches!(c, '#' | '>' | '+' | '-'))
        {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A page as a section of HTML.
pub(crate) fn html_page(page: &Page, dehyphenate: bool) -> String {
    let mut out = String::from("<section>\n");
    let blocks = blocks(page);
    let marks = [("<strong>", "</strong>"), ("<em>", "</em>")];
    let escape = |text: &str, _| escaped(text);
    let text =
        |lines: &[usize], alike: bool| emphasized(&runs(page, lines, dehyphenate), alike, marks, escape);
    let captioned = |figure: usize, caption: usize| {
        blocks.get(figure).is_some_and(|figure| is_captioned(figure, blocks.get(caption)))
    };
    for (b, block) in blocks.iter().enumerate() {
        match block.kind {
            BlockKind::Heading => drop(writeln!(out, "<h2>{}</h2>", text(&block.lines, true))),
            BlockKind::ListItem => {
                if b == 0 || !items(&blocks, b - 1) {
                    out.push_str("<ul>\n");
                }
                let joined = joined(page, &block.lines, dehyphenate);
                let (rest, numbered) = item(&joined);
                let runs = without_bullet(runs(page, &block.lines, dehyphenate), joined.len() - rest.len());
                let class = if numbered { " class=\"numbered\"" } else { "" };
                let _ = writeln!(out, "<li{class}>{}</li>", emphasized(&runs, false, marks, escape));
                if !items(&blocks, b + 1) {
                    out.push_str("</ul>\n");
                }
            }
            BlockKind::Table => {
                out.push_str("<table>\n");
                for row in block.table.iter().flat_map(Table::by_rows) {
                    out.push_str("<tr>");
                    for cell in row {
                        let span = |name: &str, count: usize| {
                            if count > 1 { format!(" {name}=\"{count}\"") } else { String::new() }
                        };
                        let (columns, rows) =
                            (span("colspan", cell.column_span), span("rowspan", cell.row_span));
                        let _ = write!(out, "<td{columns}{rows}>{}</td>", text(&cell.lines, false));
                    }
                    out.push_str("</tr>\n");
                }
                out.push_str("</table>\n");
            }
            BlockKind::KeyValue => {
                if b == 0 || !pairs(&blocks, b - 1) {
                    out.push_str("<dl>\n");
                }
                if let Some(pair) = &block.pair {
                    let (key, value) = (escaped(&pair.key), escaped(&pair.value));
                    let _ = writeln!(out, "<dt>{key}</dt><dd>{value}</dd>");
                }
                if !pairs(&blocks, b + 1) {
                    out.push_str("</dl>\n");
                }
            }
            BlockKind::Paragraph => drop(writeln!(out, "<p>{}</p>", text(&block.lines, false))),
            BlockKind::Figure => {
                let [x0, y0, x1, y1] = pixels(block.bounds, page);
                let (width, height) = (x1 - x0, y1 - y0);
                let share = f64::from(width) * 100.0 / f64::from(page.width.max(1));
                let picture = format!(
                    "<div class=\"picture\" role=\"img\" aria-label=\"figure\" data-bbox=\"{x0} {y0} {x1} {y1}\" \
                     style=\"width: {share:.0}%; aspect-ratio: {width} / {height}\"></div>"
                );
                let caption = |at: usize| {
                    let lines = blocks.get(at).map_or(&[][..], |caption| &caption.lines);
                    format!("<figcaption>{}</figcaption>", text(lines, true))
                };
                let (above, below) = (b > 0 && captioned(b, b - 1), captioned(b, b + 1));
                // Of two captions the one below: the one above is that of the figure before.
                let inner = if below {
                    picture + &caption(b + 1)
                } else if above && !(b > 1 && captioned(b - 2, b - 1)) {
                    caption(b - 1) + &picture
                } else {
                    picture
                };
                let _ = writeln!(out, "<figure>{inner}</figure>");
            }
            // Written with its figure.
            BlockKind::Caption if b > 0 && captioned(b - 1, b) => {}
            BlockKind::Caption if captioned(b + 1, b) && !captioned(b + 1, b + 2) => {}
            BlockKind::Caption => {
                let _ =
                    writeln!(out, "<figure><figcaption>{}</figcaption></figure>", text(&block.lines, true));
            }
            BlockKind::Header => drop(writeln!(out, "<header>{}</header>", text(&block.lines, false))),
            BlockKind::Footer => drop(writeln!(out, "<footer>{}</footer>", text(&block.lines, false))),
        }
    }
    out.push_str("</section>\n");
    out
}
