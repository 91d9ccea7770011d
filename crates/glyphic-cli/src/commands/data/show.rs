use std::path::PathBuf;

use glyphic_core::{Image, Page, Point, Polygon, Rect, Region, TextInstance};
use glyphic_data::formats::{Record, Truth};
use glyphic_document::{Overlay, overlay, write_file};
use glyphic_imgproc::resize_antialiased;

use super::{Count, Source, say_warnings};
use crate::exit::{Exit, Failure, OrExit};

/// A cell of the sheet, in pixels.
const CELL: u32 = 480;
/// A cell with a crop: the text stands above it.
const CROP_CELL: (u32, u32) = (320, 96);
const GAP: u32 = 8;
const PAPER: [u8; 3] = [236, 236, 236];

/// Draws pictures with their truth on one sheet.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The labels, in any format
    labels: PathBuf,
    /// The sheet to write: a PNG or JPEG
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    source: Source,
    /// How many pictures
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=400))]
    count: u16,
    /// How many to pass over first
    #[arg(long, default_value_t = 0, value_name = "N")]
    skip: usize,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let kind = image::ImageFormat::from_path(&args.out).or_exit(Exit::Usage)?;
    let mut reader = args.source.open(&args.labels)?;
    let progress = Count::new();
    let (mut cells, mut failed) = (Vec::new(), 0);
    for record in reader.by_ref().skip(args.skip) {
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
    say_warnings(&reader);
    if cells.is_empty() {
        let message = format!("{}: no picture to show", args.labels.display());
        return Err(Failure::new(Exit::Input, message));
    }
    let sheet = sheet(&cells).or_exit(Exit::Output)?;
    let bytes = sheet.encode(kind).or_exit(Exit::Output)?;
    write_file(&args.out, &bytes).or_exit(Exit::Output)?;
    match failed {
        0 => Ok(()),
        n => Err(Failure::new(Exit::Input, format!("{n} of {} pictures could not be read", cells.len() + n))),
    }
}

/// A picture at the size of a cell, with its truth drawn.
fn cell(record: &Record, image: &Image) -> anyhow::Result<Image> {
    let (width, height) = (f64::from(image.width()), f64::from(image.height()));
    if let Truth::Text(text) = &record.truth {
        let (cell_width, cell_height) = CROP_CELL;
        let room = f64::from(cell_height) / 2.0;
        let scale = (f64::from(cell_width) / width).min(room / height);
        let small = scaled(image, scale)?;
        let mut canvas = Image::filled(cell_width, cell_height, PAPER)?;
        let top = cell_height - small.height().min(cell_height);
        paste(&mut canvas, &small, 0, top);
        let (x1, y1) = (f64::from(small.width()), f64::from(cell_height));
        let outline = Polygon::from_rect(Rect { x0: 0.0, y0: f64::from(top), x1, y1 })?;
        let mut instance = TextInstance::new(Region { polygon: outline, score: 1.0 });
        instance.transcript = Some(glyphic_core::Transcript::truth(text.clone()));
        let mut page = Page::new(cell_width, cell_height);
        page.instances.push(instance);
        return Ok(overlay(&canvas, &page, Overlay::default()));
    }
    let scale = f64::from(CELL) / width.max(height);
    let small = scaled(image, scale)?;
    let (fx, fy) = (f64::from(small.width()) / width, f64::from(small.height()) / height);
    let mut page = record.page_of(small.width(), small.height())?;
    // What vanishes at this size is not drawn.
    page.instances.retain_mut(|i| match i.region.polygon.map(|p| Point::new(p.x * fx, p.y * fy)) {
        Ok(polygon) => {
            i.region.polygon = polygon;
            true
        }
        Err(_) => false,
    });
    Ok(overlay(&small, &page, Overlay::default()))
}

fn scaled(image: &Image, scale: f64) -> anyhow::Result<Image> {
    let side = |pixels: u32| (f64::from(pixels) * scale).round().max(1.0) as u32;
    Ok(resize_antialiased(image, side(image.width()), side(image.height()))?)
}

/// The cells in rows on one sheet, about as wide as high.
fn sheet(cells: &[Image]) -> anyhow::Result<Image> {
    let with_gap = |c: &Image| (c.width() + GAP, c.height() + GAP);
    let area: f64 = cells.iter().map(with_gap).map(|(w, h)| f64::from(w) * f64::from(h)).sum();
    let widest = cells.iter().map(|c| with_gap(c).0).max().unwrap_or(1);
    let width = (area.sqrt().ceil() as u32).max(widest);
    let (mut places, mut x, mut y, mut row) = (Vec::with_capacity(cells.len()), 0, 0, 0);
    for (w, h) in cells.iter().map(with_gap) {
        if x + w > width {
            (x, y, row) = (0, y + row, 0);
        }
        places.push((x, y));
        (x, row) = (x + w, row.max(h));
    }
    let mut sheet = Image::filled(width + GAP, y + row + GAP, PAPER)?;
    for (cell, (x, y)) in cells.iter().zip(places) {
        paste(&mut sheet, cell, GAP + x, GAP + y);
    }
    Ok(sheet)
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
