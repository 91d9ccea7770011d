//! Markdown and HTML: blocks without their places.

use std::fmt::Write as _;

use glyphic_core::Page;

use super::xml::escaped;
use crate::{Block, BlockKind, blocks, joined};

pub(crate) const HTML_OPEN: &str =
    "<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\"><title>glyphic</title></head>\n<body>\n";
pub(crate) const HTML_CLOSE: &str = "</body>\n</html>\n";

/// Whether neighbours in a list of blocks are items of one list.
fn items(blocks: &[Block], at: usize) -> bool {
    blocks.get(at).is_some_and(|b| b.kind == BlockKind::ListItem)
}

/// An item's text without its bullet, and whether it is numbered.
fn item(text: &str) -> (&str, bool) {
    let (mark, rest) = text.split_once(' ').unwrap_or(("", text));
    let numbered = mark.bytes().any(|b| b.is_ascii_digit());
    // A number stays: lists need not begin at 1.
    if numbered || mark.ends_with([')', '.']) { (text, numbered) } else { (rest, false) }
}

/// A page as Markdown.
pub(crate) fn markdown_page(page: &Page, dehyphenate: bool) -> String {
    let mut out = String::new();
    let blocks = blocks(page);
    for (b, block) in blocks.iter().enumerate() {
        let text = |lines: &[usize]| marked(&joined(page, lines, dehyphenate));
        match block.kind {
            BlockKind::Heading => drop(writeln!(out, "# {}", text(&block.lines))),
            BlockKind::ListItem => {
                let joined = joined(page, &block.lines, dehyphenate);
                let (rest, numbered) = item(&joined);
                let _ = writeln!(out, "{}{}", if numbered { "" } else { "- " }, marked(rest));
            }
            BlockKind::Table => {
                for (r, row) in block.cells.iter().enumerate() {
                    let cells: Vec<String> = row.iter().map(|cell| text(cell).replace('|', "\\|")).collect();
                    let _ = writeln!(out, "| {} |", cells.join(" | "));
                    if r == 0 {
                        let _ = writeln!(out, "|{}", " --- |".repeat(row.len()));
                    }
                }
            }
            BlockKind::Paragraph | BlockKind::Caption | BlockKind::Header | BlockKind::Footer => {
                let _ = writeln!(out, "{}", text(&block.lines));
            }
        }
        if !(items(&blocks, b) && items(&blocks, b + 1)) {
            out.push('\n');
        }
    }
    out
}

/// Text whose characters mean themselves in Markdown.
fn marked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (i, c) in text.chars().filter(|c| !c.is_control()).enumerate() {
        if matches!(c, '\\' | '`' | '*' | '_' | '<' | '[' | ']')
            || (i == 0 && matches!(c, '#' | '>' | '+' | '-'))
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
    for (b, block) in blocks.iter().enumerate() {
        let text = |lines: &[usize]| escaped(&joined(page, lines, dehyphenate));
        match block.kind {
            BlockKind::Heading => drop(writeln!(out, "<h2>{}</h2>", text(&block.lines))),
            BlockKind::ListItem => {
                if b == 0 || !items(&blocks, b - 1) {
                    out.push_str("<ul>\n");
                }
                let joined = joined(page, &block.lines, dehyphenate);
                let _ = writeln!(out, "<li>{}</li>", escaped(item(&joined).0));
                if !items(&blocks, b + 1) {
                    out.push_str("</ul>\n");
                }
            }
            BlockKind::Table => {
                out.push_str("<table>\n");
                for row in &block.cells {
                    let cells: String = row.iter().map(|cell| format!("<td>{}</td>", text(cell))).collect();
                    let _ = writeln!(out, "<tr>{cells}</tr>");
                }
                out.push_str("</table>\n");
            }
            BlockKind::Paragraph => drop(writeln!(out, "<p>{}</p>", text(&block.lines))),
            BlockKind::Caption => {
                let _ = writeln!(out, "<figure><figcaption>{}</figcaption></figure>", text(&block.lines));
            }
            BlockKind::Header => drop(writeln!(out, "<header>{}</header>", text(&block.lines))),
            BlockKind::Footer => drop(writeln!(out, "<footer>{}</footer>", text(&block.lines))),
        }
    }
    out.push_str("</section>\n");
    out
}
