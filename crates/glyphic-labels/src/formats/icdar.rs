//! ICDAR's text files, one a picture.
//!
//! 2013 has upright rectangles, divided by spaces (training) or commas (test), and texts in double quotes,
//! in which a backslash stands before quotes and backslashes. 2015 has
//! quadrilaterals and commas. 2017 MLT has the script before the text.

use std::borrow::Cow;
use std::path::Path;

use crate::findings::{Findings, Warning};
use crate::formats::folder::{FolderRecords, Labelled};
use crate::formats::lines::Lines;
use crate::formats::outline::{ILLEGIBLE, Instances, from_bounds};
use crate::formats::records::Records;
use crate::formats::sink::Form;
use crate::formats::values::{bounds_of, joined, marked_text, one_line, quad_of};
use crate::formats::{Format, Truth};
use crate::{Error, Result};

/// The scripts that ICDAR 2017 names.
pub(super) const SCRIPTS: [&str; 11] = [
    "Arabic",
    "Latin",
    "Chinese",
    "Japanese",
    "Korean",
    "Bangla",
    "Hindi",
    "Symbols",
    "Mixed",
    "None",
    "Devanagari",
];

/// `count` numbers, each up to the next comma, and what follows the last comma.
pub(super) fn commas(line: &str, count: usize) -> Result<(Vec<f64>, Option<&str>), String> {
    let mut rest = Some(line);
    let mut numbers = Vec::with_capacity(count);
    for i in 0..count {
        let Some(left) = rest else {
            return Err(format!("there are {i} numbers, {count} are needed"));
        };
        let (field, behind) = match left.split_once(',') {
            Some((field, behind)) => (field, Some(behind)),
            None => (left, None),
        };
        numbers.push(number(field)?);
        rest = behind;
    }
    Ok((numbers, rest))
}

pub(super) fn number(field: &str) -> Result<f64, String> {
    let field = field.trim();
    match field.parse::<f64>() {
        Ok(n) if n.is_finite() => Ok(n),
        _ => Err(format!("{field:?} is no number")),
    }
}

/// A text without its double quotes; within them a backslash stands before quotes and backslashes of the text.
pub(super) fn unquoted(field: &str) -> Cow<'_, str> {
    let field = field.trim();
    let Some(inner) = field.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else { return field.into() };
    if !inner.contains('\\') {
        return inner.into();
    }
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.push(chars.next_if(|next| matches!(next, '"' | '\\')).unwrap_or(c)),
            c => text.push(c),
        }
    }
    text.into()
}

/// The opposite of [`unquoted`].
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Four numbers divided by commas or spaces, and the text behind them without its quotes.
pub(super) fn rectangle(line: &str) -> Result<(Vec<f64>, Option<Cow<'_, str>>), String> {
    let (numbers, rest) = if line.trim_start().split([' ', '\t']).next().is_some_and(|f| f.contains(',')) {
        commas(line, 4)?
    } else {
        let mut rest = line.trim_start();
        let mut numbers = Vec::with_capacity(4);
        for i in 0..4 {
            if rest.is_empty() {
                return Err(format!("there are {i} numbers, 4 are needed"));
            }
            let (field, behind) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
            numbers.push(number(field)?);
            rest = behind.trim_start();
        }
        (numbers, (!rest.is_empty()).then_some(rest))
    };
    Ok((numbers, rest.map(unquoted)))
}

fn expected(format: Format) -> &'static str {
    match format {
        Format::Icdar2013 => "left, top, right, bottom and the text in double quotes",
        Format::Icdar2017 => "x1,y1,x2,y2,x3,y3,x4,y4,script,text",
        _ => "x1,y1,x2,y2,x3,y3,x4,y4,text",
    }
}

pub(super) fn open(path: &Path, images: Option<&Path>, format: Format) -> Result<Box<dyn Records>> {
    let parse = move |file: &Path, warnings: &mut Findings<Warning>| parse_file(file, format, warnings);
    FolderRecords::open(path, images, format, &["txt"], &["gt_", "res_"], Box::new(parse))
}

/// One label file.
pub(super) fn parse_file(file: &Path, format: Format, warnings: &mut Findings<Warning>) -> Result<Labelled> {
    let mut lines = Lines::open(file)?;
    let mut all = Vec::new();
    while let Some(line) = lines.next() {
        let (at, line) = line?;
        let fail = |reason: String| Error::Label { at: at.clone(), reason, expected: expected(format) };
        let mut instances = Instances::new(&at, warnings);
        if format == Format::Icdar2013 {
            let (numbers, text) = rectangle(line).map_err(fail)?;
            let flat = from_bounds([numbers[0], numbers[1], numbers[2], numbers[3]]);
            let illegible = text.as_deref() == Some(ILLEGIBLE);
            instances.add(&flat, text.map(Cow::into_owned), illegible, None);
        } else {
            let (flat, mut rest) = commas(line, 8).map_err(fail)?;
            let mut script = None;
            if format == Format::Icdar2017 {
                let fields = rest.ok_or_else(|| fail("there is no script".to_owned()))?;
                let (name, text) = match fields.split_once(',') {
                    Some((name, text)) => (name, Some(text)),
                    None => (fields, None),
                };
                script = (!name.is_empty()).then(|| name.to_owned());
                rest = text;
            }
            let ignore = format != Format::Sroie && rest == Some(ILLEGIBLE);
            instances.add(&flat, rest.map(str::to_owned), ignore, script);
        }
        all.extend(instances.done());
    }
    Ok(Labelled { instances: all, ..Labelled::default() })
}

/// Writes a label file.
pub(super) fn form(format: Format) -> Form {
    Box::new(move |record, text, losses| {
        let Truth::Instances(instances) = &record.truth else { return Ok(()) };
        for instance in instances {
            let polygon = &instance.region.polygon;
            let content = marked_text(instance, format);
            if let Some(content) = content {
                one_line(content, record, format)?;
            }
            match format {
                Format::Icdar2013 => {
                    let rounded = bounds_of(polygon, losses);
                    text.push_str(&joined(&rounded, " "));
                    content.into_iter().for_each(|c| text.push_str(&format!(" {}", quoted(c))));
                }
                _ => {
                    text.push_str(&joined(&quad_of(polygon, losses), ","));
                    if format == Format::Icdar2017 {
                        let script = instance.label.as_deref().filter(|l| !l.contains([',', '\n']));
                        text.push(',');
                        text.push_str(script.unwrap_or("None"));
                    }
                    content.into_iter().for_each(|c| text.push_str(&format!(",{c}")));
                }
            }
            text.push('\n');
        }
        Ok(())
    })
}
