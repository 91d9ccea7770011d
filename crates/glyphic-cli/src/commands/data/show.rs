use std::path::PathBuf;

use anyhow::Context;
use glyphic_core::{Image, Page, Point, Polygon, Rect, Region, TextInstance, write_file};
use glyphic_document::{Overlay, overlay};
use glyphic_imgproc::resize_antialiased;
use glyphic_labels::formats::{Kind, Record, Truth};

use super::{Count, Source, say_warnings};
use crate::exit::{Exit, Failure, OrExit};

/// The longer side of a picture on the sheet, in pixels, and at most, where its texts would be too small to be read.
const CELL: [f64; 2] = [480.0, 960.0];
/// Half of a picture's texts should be so high on the sheet, in pixels.
const LEGIBLE: f64 = 14.0;
/// The largest crop on the sheet, in pixels.
const CROP: [f64; 2] = [320.0, 48.0];
/// Room above a crop for its text, and for each character of it, in pixels.
const CROP_LABEL: [u32; 2] = [16, 8];
const GAP: u32 = 8;
const PAPER: [u8; 3] = [236, 236, 236];

/// Draws a contact sheet of images with their annotations.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Labels in any supported format
    labels: PathBuf,
    /// Output file, PNG or JPEG
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    source: Source,
    /// Number of images
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=400))]
    count: u16,
    /// Number of images to skip first
    #[arg(long, default_value_t = 0, value_name = "N")]
    skip: usize,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let kind = image::ImageFormat::from_path(&args.out)
        .with_context(|| format!("{}: a name that ends in .png or .jpg is needed", args.out.display()))
        .or_exit(Exit::Usage)?;
    let mut reader = args.source.open(&args.labels)?;
    let progress = Count::new();
    let (mut cells, mut failed) = (Vec::new(), 0);
    for record in reader.by_ref().skip(args.skip) {
        if let Ok(record) = &record
            && record.truth.kind() == Kind::Sentence
        {
            let message = format!("{}: the labels are {}, without pictures", record.at, Kind::Sentence);
            return Err(Failure::new(Exit::Input, message));
        }
        match record.and_then(|r| r.image().map(|image| (r, image))) {
            Ok((record, image)) => cells.push(cell(&record, &image).or_exit(Exit::Input)?),
            Err(error) => {
                progress.say(format!("error: {error}"));
                failed += 1;
            }
        }
        progress.step();
        if cells.len() + failed >= usize::from(args.count) {
            break;
        }
    }
    drop(progress);
    say_warnings(reader.warnings());
    if cells.is_empty() {
        let message = format!("{}: no picture to show", args.labels.display());
        return Err(Failure::new(Exit::Input, message));
    }
    let sheet = sheet(&cells).or_exit(Exit::Output)?;
    let bytes = sheet.encode(kind).or_exit(Exit::Output)?;
    write_file(&args.out, &bytes)
        .with_context(|| format!("cannot write {}", args.out.display()))
        .or_exit(Exit::Output)?;
    match failed {
        0 => Ok(()),
        n => Err(Failure::new(Exit::Input, format!("{n} of {} pictures could not be read", cells.len() + n))),
    }
}

/// A picture at the size of a cell, with its truth drawn.
fn cell(record: &Record, image: &Image) -> anyhow::Result<Image> {
    let (width, height) = (f64::from(image.width()), f64::from(image.height()));
    if let Truth::Text(text) = &record.truth {
        return crop_cell(image, text);
    }
    let small = scaled(image, scale_of(record, width.max(height)))?;
    let (fx, fy) = (f64::from(small.width()) / width, f64::from(small.height()) / height);
    let mut page = record.page_of(small.width(), small.height())?;
    // What vanishes at this size is not drawn.
    page.retain_instances(|i| match i.region.polygon.map(|p| Point::new(p.x * fx, p.y * fy)) {
        Ok(polygon) => {
            i.region.polygon = polygon;
            true
        }
        Err(_) => false,
    });
    Ok(overlay(&small, &page, Overlay::default()))
}

/// Pixels of the sheet a pixel of a picture whose longer side is this.
fn scale_of(record: &Record, longer: f64) -> f64 {
    let [usual, most] = CELL.map(|side| side / longer);
    let Truth::Instances(instances) = &record.truth else { return usual };
    let bounds = instances.iter().filter(|i| !i.ignore).map(|i| i.region.polygon.bounds());
    let mut heights: Vec<f64> = bounds.map(|b| b.width().min(b.height())).collect();
    heights.sort_by(f64::total_cmp);
    // More than all of its pixels shows no more.
    let most = most.min(1.0).max(usual);
    heights.get(heights.len() / 2).map_or(usual, |height| (LEGIBLE / height).clamp(usual, most))
}

/// A crop below its text.
fn crop_cell(image: &Image, text: &str) -> anyhow::Result<Image> {
    let (width, height) = (f64::from(image.width()), f64::from(image.height()));
    let small = scaled(image, (CROP[0] / width).min(CROP[1] / height))?;
    let [top, a_char] = CROP_LABEL;
    let label = (text.chars().count() as u32 + 1).saturating_mul(a_char).min(CROP[0] as u32);
    let mut canvas = Image::filled(small.width().max(label), small.height() + top, PAPER)?;
    paste(&mut canvas, &small, 0, top);
    let (x1, y1) = (f64::from(small.width()), f64::from(canvas.height()));
    let outline = Polygon::from_rect(Rect { x0: 0.0, y0: f64::from(top), x1, y1 })?;
    let mut instance = TextInstance::new(Region { polygon: outline, score: 1.0 });
    instance.transcript = Some(glyphic_core::Transcript::truth(text));
    let mut page = Page::new(canvas.width(), canvas.height());
    page.instances.push(instance);
    Ok(overlay(&canvas, &page, Overlay::default()))
}

fn scaled(image: &Image, scale: f64) -> anyhow::Result<Image> {
    let side = |pixels: u32| (f64::from(pixels) * scale).round().max(1.0) as u32;
    Ok(resize_antialiased(image, side(image.width()), side(image.height()))?)
}

/// The cells in rows on one sheet, about as wide as high.
fn sheet(cells: &[Image]) -> anyhow::Result<Image> {
    let sizes: Vec<[u32; 2]> = cells.iter().map(|c| [c.width() + GAP, c.height() + GAP]).collect();
    let (places, [width, height]) = in_rows(&sizes);
    let mut sheet = Image::filled(width + GAP, height + GAP, PAPER)?;
    for (cell, [x, y]) in cells.iter().zip(places) {
        paste(&mut sheet, cell, GAP + x, GAP + y);
    }
    Ok(sheet)
}

/// Where cells of these sizes stand, and the size of all, whose sides together are as short as rows allow.
fn in_rows(sizes: &[[u32; 2]]) -> (Vec<[u32; 2]>, [u32; 2]) {
    let widest = sizes.iter().map(|[w, _]| *w).max().unwrap_or(0);
    let total: u32 = sizes.iter().map(|[w, _]| *w).sum();
    let widths = (widest..=total.max(widest)).step_by(GAP as usize);
    let layouts = widths.map(|width| rows(sizes, width));
    layouts.min_by_key(|(_, [width, height])| width + height).unwrap_or_default()
}

/// Where cells stand in rows of this width at most, and the size of all.
fn rows(sizes: &[[u32; 2]], width: u32) -> (Vec<[u32; 2]>, [u32; 2]) {
    let (mut places, mut x, mut y, mut row, mut widest) = (Vec::with_capacity(sizes.len()), 0, 0, 0, 0);
    for &[w, h] in sizes {
        if x + w > width {
            (x, y, row) = (0, y + row, 0);
        }
        places.push([x, y]);
        (x, row) = (x + w, row.max(h));
        widest = widest.max(x);
    }
    (places, [widest, y + row])
}

/// Lays a picture on another, its top-left corner at (x, y).
fn paste(sheet: &mut Image, image: &Image, x: u32, y: u32) {
    let width = sheet.width() as usize;
    let columns = (image.width() as usize).min(width.saturating_sub(x as usize));
    let rows = image.height().min(sheet.height().saturating_sub(y));
    let to = sheet.rgb_mut();
    for row in 0..rows as usize {
        let from = row * image.width() as usize * 3;
        let at = ((y as usize + row) * width + x as usize) * 3;
        to[at..at + columns * 3].copy_from_slice(&image.rgb()[from..from + columns * 3]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_in_rows_that_make_a_sheet_about_as_wide_as_high() {
        // Twelve crops, three times as wide as high: two columns would be too high, four too wide.
        let (places, size) = in_rows(&[[328, 104]; 12]);
        assert_eq!((size, places[3], places[11]), ([656, 624], [328, 104], [328, 520]));
        let mixed = [[488, 278], [968, 278], [488, 278], [488, 278], [488, 278], [968, 278]];
        let (places, [width, height]) = in_rows(&mixed);
        assert_eq!([width, height], [1456, 834]);
        assert_eq!(places, [[0, 0], [488, 0], [0, 278], [488, 278], [0, 556], [488, 556]]);
        assert_eq!(in_rows(&[[10, 700]]), (vec![[0, 0]], [10, 700]));
        assert_eq!(in_rows(&[]), (vec![], [0, 0]));
    }
}
