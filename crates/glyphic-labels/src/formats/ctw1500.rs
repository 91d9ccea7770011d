//! SCUT-CTW1500: 14 vertices a text, seven along its top and seven back along its bottom. The test set has text files
//! (`x1,y1,...,x14,y14,####text`), the training set XML. <https://github.com/Yuliang-Liu/Curve-Text-Detector>

use std::path::Path;

use glyphic_core::geometry::Point;
use quick_xml::escape::escape;
use quick_xml::events::Event;

use crate::findings::{Findings, Warning};
use crate::formats::folder::{FileForm, FolderRecords, Labelled};
use crate::formats::lines::Lines;
use crate::formats::outline::{ILLEGIBLE, Instances};
use crate::formats::records::Records;
use crate::formats::sink::{Form, Losses};
use crate::formats::svt::Xml;
use crate::formats::values::{joined, marked_text, one_line};
use crate::formats::{Format, Record, Truth, icdar};
use crate::{Error, Result};

/// What stands before a text.
const MARK: &str = "####";
/// Vertices along each long side.
const SIDE: usize = 7;

pub(super) fn open(path: &Path, images: Option<&Path>) -> Result<Box<dyn Records>> {
    let parse = |file: &Path, warnings: &mut Findings<Warning>| match file.extension() {
        Some(e) if e.eq_ignore_ascii_case("xml") => xml(file, warnings),
        _ => text(file, warnings),
    };
    FolderRecords::open(path, images, Format::Ctw1500, &["txt", "xml"], &["000"], Box::new(parse))
}

fn text(file: &Path, warnings: &mut Findings<Warning>) -> Result<Labelled> {
    const EXPECTED: &str = "x1,y1,...,x14,y14,####text";
    let mut lines = Lines::open(file)?;
    let mut all = Vec::new();
    while let Some(line) = lines.next() {
        let (at, line) = line?;
        let fail = |reason: String| Error::Label { at: at.clone(), reason, expected: EXPECTED };
        let Some((numbers, text)) = line.split_once(MARK) else {
            return Err(fail(format!("there is no {MARK} before a text")));
        };
        let numbers = numbers.strip_suffix(',').unwrap_or(numbers);
        let (flat, _) = icdar::commas(numbers, numbers.split(',').count()).map_err(fail)?;
        let mut instances = Instances::new(&at, warnings);
        instances.add(&flat, Some(text.to_owned()), text == ILLEGIBLE, None);
        all.extend(instances.done());
    }
    Ok(Labelled { instances: all, ..Labelled::default() })
}

fn xml(file: &Path, warnings: &mut Findings<Warning>) -> Result<Labelled> {
    let mut xml = Xml::open(file)?;
    let mut done = Labelled::default();
    let (mut label, mut segs, mut at) = (None, None, xml.at());
    while let Some(event) = xml.next()? {
        match &event {
            Event::Start(e) if e.name().as_ref() == "image" => done.file_name = xml.attribute(e, "file")?,
            Event::Start(e) if e.name().as_ref() == "box" => {
                (label, segs, at) = (None, None, xml.at());
            }
            Event::Start(e) if e.name().as_ref() == "label" => label = Some(xml.text_of("label")?),
            Event::Start(e) if e.name().as_ref() == "segs" => segs = Some(xml.text_of("segs")?),
            Event::End(e) if e.name().as_ref() == "box" => {
                let fail = |reason: String| Error::Label {
                    at: at.clone(),
                    reason,
                    expected: "a box with label and segs",
                };
                let segs = segs.take().ok_or_else(|| fail("the box has no segs".to_owned()))?;
                let segs = segs.trim().trim_end_matches(',');
                let (flat, _) = icdar::commas(segs, segs.split(',').count()).map_err(fail)?;
                let text = label.take();
                let mut instances = Instances::new(&at, warnings);
                let ignore = text.as_deref() == Some(ILLEGIBLE);
                instances.add(&flat, text, ignore, None);
                done.instances.extend(instances.done());
            }
            _ => {}
        }
    }
    Ok(done)
}

/// Writes a label file of text.
pub(super) fn form() -> Form {
    Box::new(|record, text, losses| {
        each(record, losses, |flat, content| {
            text.push_str(&format!("{},{MARK}{content}\n", joined(flat, ",")));
        })
    })
}

/// Writes a label file of XML: for each text the upright rectangle around it, what it says and its vertices.
pub(super) fn xml_form() -> FileForm {
    Box::new(|record, losses| {
        let mut xml = format!("<Annotations>\n  <image file=\"{}\">\n", escape(&record.file_name));
        each(record, losses, |flat, content| {
            let along = |k: usize| flat.iter().skip(k).step_by(2);
            let least = |k| along(k).copied().fold(f64::INFINITY, f64::min);
            let most = |k| along(k).copied().fold(f64::NEG_INFINITY, f64::max);
            let (left, top) = (least(0), least(1));
            xml.push_str(&format!(
                "    <box height=\"{}\" left=\"{left}\" top=\"{top}\" width=\"{}\">\n      <label>{}</label>\n      <segs>{}</segs>\n",
                most(1) - top,
                most(0) - left,
                escape(content),
                joined(flat, ",")
            ));
            for p in flat.chunks_exact(2) {
                xml.push_str(&format!("      <pts x=\"{}\" y=\"{}\"/>\n", p[0], p[1]));
            }
            xml.push_str("    </box>\n");
        })?;
        xml.push_str("  </image>\n</Annotations>\n");
        Ok(xml.into_bytes())
    })
}

/// The 14 vertices and the text of each region of a record.
fn each(record: &Record, losses: &mut Losses, mut write: impl FnMut(&[f64], &str)) -> Result<()> {
    let Truth::Instances(instances) = &record.truth else { return Ok(()) };
    for instance in instances {
        let points = instance.region.polygon.points();
        let flat = if points.len() == 2 * SIDE {
            instance.region.polygon.to_flat()
        } else {
            if points.len() != 4 {
                losses.count("outlines are held with 14 vertices");
            }
            resampled(points)
        };
        let content = marked_text(instance, Format::Ctw1500).unwrap_or("");
        write(&flat, one_line(content, record, Format::Ctw1500)?);
    }
    Ok(())
}

/// Seven points evenly along the first half of the vertices, seven along the second.
fn resampled(points: &[Point]) -> Vec<f64> {
    let (top, bottom) = points.split_at(points.len().div_ceil(2));
    let mut flat = Vec::with_capacity(4 * SIDE);
    for side in [top, bottom] {
        let length: f64 = side.windows(2).map(|w| w[0].distance(w[1])).sum();
        for i in 0..SIDE {
            let p = along(side, length * i as f64 / (SIDE - 1) as f64);
            // Ten-thousandths of a pixel are enough, and files stay readable.
            flat.extend([p.x, p.y].map(|v| (v * 1e4).round() / 1e4));
        }
    }
    flat
}

/// The point at a distance along a line.
fn along(line: &[Point], mut distance: f64) -> Point {
    for w in line.windows(2) {
        let length = w[0].distance(w[1]);
        if distance <= length && length > 0.0 {
            let t = distance / length;
            return Point::new(w[0].x + (w[1].x - w[0].x) * t, w[0].y + (w[1].y - w[0].y) * t);
        }
        distance -= length;
    }
    line.last().copied().unwrap_or_default()
}
