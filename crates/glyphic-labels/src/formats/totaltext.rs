//! Total-Text: a file a picture, `x: [[...]], y: [[...]], ornt: [u'c'], transcriptions: [u'TEXT']` an instance, which may
//! run over several lines; or a MATLAB file with a table `polygt`. `#` marks what is to be ignored.
//! <https://github.com/cs-chan/Total-Text-Dataset>

use std::path::Path;

use glyphic_core::TextInstance;

use crate::findings::{Findings, Location, Warning};
use crate::formats::folder::{FileForm, FolderRecords, Labelled};
use crate::formats::lines::Lines;
use crate::formats::mat::{self, MatFile, Value};
use crate::formats::outline::Instances;
use crate::formats::records::Records;
use crate::formats::sink::Form;
use crate::formats::values::{joined, marked_text, one_line};
use crate::formats::{Format, Truth, icdar};
use crate::{Error, Result};

const IGNORED: &str = "#";
/// Columns of the MATLAB table: `x:`, the x, `y:`, the y, the text, its orientation.
const COLUMNS: usize = 6;
const EXPECTED: &str = "x: [[x1 x2 ...]], y: [[y1 y2 ...]], ornt: [u'c'], transcriptions: [u'TEXT']";

pub(super) fn open(path: &Path, images: Option<&Path>) -> Result<Box<dyn Records>> {
    let parse = |file: &Path, warnings: &mut Findings<Warning>| match file.extension() {
        Some(e) if e.eq_ignore_ascii_case("mat") => matlab(file, warnings),
        _ => text(file, warnings),
    };
    FolderRecords::open(
        path,
        images,
        Format::TotalText,
        &["txt", "mat"],
        &["poly_gt_", "gt_"],
        Box::new(parse),
    )
}

fn add(instances: &mut Instances<'_>, xs: &[f64], ys: &[f64], text: Option<String>) {
    let flat: Vec<f64> = xs.iter().zip(ys).flat_map(|(x, y)| [*x, *y]).collect();
    // Without a transcription there is nothing to score.
    let text = text.unwrap_or_else(|| IGNORED.to_owned());
    let ignore = text == IGNORED;
    instances.add(&flat, Some(text), ignore, None);
}

fn text(file: &Path, warnings: &mut Findings<Warning>) -> Result<Labelled> {
    let mut lines = Lines::open(file)?;
    let mut all = Vec::new();
    let mut pending: Option<(Location, String)> = None;
    let mut finish = |pending: Option<(Location, String)>| -> Result<()> {
        let Some((at, text)) = pending else { return Ok(()) };
        let fail = |reason: String| Error::Label { at: at.clone(), reason, expected: EXPECTED };
        let (xs, ys) = (numbers(&text, "x:").map_err(fail)?, numbers(&text, "y:").map_err(fail)?);
        if xs.len() != ys.len() {
            return Err(fail(format!("there are {} x and {} y", xs.len(), ys.len())));
        }
        let transcription = transcription(&text).map_err(fail)?;
        let mut instances = Instances::new(&at, warnings);
        add(&mut instances, &xs, &ys, transcription);
        all.extend(instances.done());
        Ok(())
    };
    while let Some(line) = lines.next() {
        let (at, line) = line?;
        let line = line.trim();
        match &mut pending {
            Some((_, text)) if !line.starts_with("x:") => {
                text.push(' ');
                text.push_str(line);
            }
            _ => {
                finish(pending.take())?;
                pending = Some((at, line.to_owned()));
            }
        }
    }
    finish(pending)?;
    Ok(Labelled { instances: all, ..Labelled::default() })
}

/// The numbers between the brackets behind a name; they are divided by spaces or commas.
fn numbers(text: &str, name: &str) -> Result<Vec<f64>, String> {
    // The coordinates come first, so that a name in the transcription cannot be meant.
    let start = text.find(name).ok_or_else(|| format!("there is no {name}"))?;
    let rest = text[start + name.len()..].trim_start();
    let inner = rest.strip_prefix('[').ok_or_else(|| format!("there is no [ behind {name}"))?;
    let end = inner.find(']').ok_or_else(|| format!("the numbers behind {name} do not end"))?;
    let inner = inner[..end].trim_start_matches('[');
    inner.split([' ', ',', '\t']).filter(|f| !f.is_empty()).map(icdar::number).collect()
}

/// The strings behind `transcriptions:`, joined by commas: their writer divided texts at commas.
fn transcription(text: &str) -> Result<Option<String>, String> {
    const NAME: &str = "transcriptions:";
    let start = text.find(NAME).ok_or_else(|| format!("there is no {NAME}"))?;
    let list = text[start + NAME.len()..].trim();
    let mut chars =
        list.strip_prefix('[').ok_or_else(|| format!("there is no [ behind {NAME}"))?.chars().peekable();
    let mut strings: Vec<String> = Vec::new();
    loop {
        match chars.next() {
            None => return Err("the transcriptions do not end with ]".to_owned()),
            Some(']') => break,
            Some(c) if c == ',' || c.is_whitespace() => {}
            Some('u' | 'b') if matches!(chars.peek(), Some('\'' | '"')) => {}
            Some(quote @ ('\'' | '"')) => strings.push(python_string(&mut chars, quote)?),
            Some(c) => return Err(format!("{c:?} stands where a string in quotes should")),
        }
    }
    Ok((!strings.is_empty()).then(|| strings.join(",")))
}

/// The rest of a Python string literal.
fn python_string(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    quote: char,
) -> Result<String, String> {
    let mut out = String::new();
    loop {
        match chars.next() {
            None => return Err("a string does not end".to_owned()),
            Some(c) if c == quote => return Ok(out),
            Some('\\') => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some(kind @ ('x' | 'u' | 'U')) => {
                    let digits = match kind {
                        'x' => 2,
                        'u' => 4,
                        _ => 8,
                    };
                    let hex: String = (0..digits).filter_map(|_| chars.next()).collect();
                    let c = u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32);
                    out.push(c.ok_or_else(|| format!("\\{kind}{hex} is no character"))?);
                }
                Some(c @ ('\\' | '\'' | '"')) => out.push(c),
                Some(c) => out.extend(['\\', c]),
                None => return Err("a string does not end".to_owned()),
            },
            Some(c) => out.push(c),
        }
    }
}

fn matlab(file: &Path, warnings: &mut Findings<Warning>) -> Result<Labelled> {
    let mat = MatFile::open(file)?;
    let wrong = |reason: &str| Error::NotFormat {
        path: file.to_owned(),
        format: Format::TotalText.name(),
        reason: reason.to_owned(),
    };
    let table = mat.value("polygt")?.ok_or_else(|| wrong("it has no table polygt"))?;
    let Value::Cells { dims, cells } = table else { return Err(wrong("polygt is no table of cells")) };
    let rows = dims.first().copied().unwrap_or(0);
    // A picture without text has a table without rows.
    if rows > 0 && cells.len() / rows < 5 {
        return Err(wrong("polygt has fewer than 5 columns"));
    }
    let mut all = Vec::new();
    for row in 0..rows {
        let at = Location { file: file.into(), line: row + 1 };
        let cell = |column: usize| &cells[row + column * rows];
        let (Value::Numbers { data: xs, .. }, Value::Numbers { data: ys, .. }) = (cell(1), cell(3)) else {
            return Err(wrong("columns 2 and 4 of polygt are no coordinates"));
        };
        let mut instances = Instances::new(&at, warnings);
        if xs.len() == ys.len() {
            add(&mut instances, xs, ys, cell(4).rows().into_iter().next().filter(|t| !t.is_empty()));
        } else {
            instances.skip(format!("there are {} x and {} y", xs.len(), ys.len()), "it is left out");
        }
        all.extend(instances.done());
    }
    Ok(Labelled { instances: all, ..Labelled::default() })
}

/// Writes a label file of text.
pub(super) fn form() -> Form {
    Box::new(|record, text, _| {
        let Truth::Instances(instances) = &record.truth else { return Ok(()) };
        for instance in instances {
            let [xs, ys] = coordinates(instance);
            let orientation = orientation(instance);
            let list = match marked_text(instance, Format::TotalText) {
                None => String::new(),
                Some(c) => {
                    let c = one_line(c, record, Format::TotalText)?;
                    format!("u'{}'", c.replace('\\', "\\\\").replace('\'', "\\'"))
                }
            };
            text.push_str(&format!(
                "x: [[{}]], y: [[{}]], ornt: [u'{orientation}'], transcriptions: [{list}]\n",
                joined(&xs, " "),
                joined(&ys, " ")
            ));
        }
        Ok(())
    })
}

/// Writes a MATLAB file: the table `polygt` with a row an instance.
pub(super) fn matlab_form() -> FileForm {
    Box::new(|record, _| {
        let Truth::Instances(instances) = &record.truth else { return Ok(Vec::new()) };
        let rows = instances
            .iter()
            .map(|instance| {
                let [xs, ys] = coordinates(instance).map(|v| mat::doubles(&[1, v.len()], &v));
                let content = marked_text(instance, Format::TotalText);
                let content = content.map(|c| one_line(c, record, Format::TotalText)).transpose()?;
                let text = mat::texts(content.as_slice());
                let orientation = mat::texts(&[orientation(instance)]);
                Ok([mat::texts(&["x:"]), xs, mat::texts(&["y:"]), ys, text, orientation])
            })
            .collect::<Result<Vec<_>>>()?;
        let columns: Vec<Vec<u8>> =
            (0..COLUMNS).flat_map(|k| rows.iter().map(move |row| row[k].clone())).collect();
        let mut file = mat::file_header().to_vec();
        file.extend(mat::cells("polygt", &[rows.len(), COLUMNS], &columns));
        Ok(file)
    })
}

fn coordinates(instance: &TextInstance) -> [Vec<f64>; 2] {
    let points = instance.region.polygon.points();
    [points.iter().map(|p| p.x).collect(), points.iter().map(|p| p.y).collect()]
}

/// `m` for texts of several orientations, `c` for curved ones, `#` for those to ignore.
fn orientation(instance: &TextInstance) -> &'static str {
    match (instance.ignore, instance.region.polygon.points().len()) {
        (true, _) => "#",
        (false, 4) => "m",
        (false, _) => "c",
    }
}
