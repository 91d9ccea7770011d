//! Drawing results over a picture. Whatever lies outside the picture is cut off.

use glyphic_core::{Image, Point, Rect, geometry::point_segment_distance};

use crate::{Map, fill_poly, pixels};

/// Draws a line `thickness` pixels wide with smooth edges and round ends.
pub fn draw_line(image: &mut Image, from: Point, to: Point, thickness: f64, colour: [u8; 3]) {
    if ![from.x, from.y, to.x, to.y].iter().all(|v| v.is_finite()) {
        return;
    }
    let reach = thickness.max(1.0) / 2.0 + 1.0;
    let (x0, x1) = (from.x.min(to.x) - reach, from.x.max(to.x) + reach);
    let (y0, y1) = (from.y.min(to.y) - reach, from.y.max(to.y) + reach);
    let Some((rows, _)) = window(image, x0, x1, y0, y1) else { return };
    let width = image.width() as usize;
    let last = f64::from(image.width() - 1);
    let (pixels, _) = image.rgb_mut().as_chunks_mut::<3>();
    for y in rows {
        // The part of the line near this row bounds the columns: long slanted lines cost their length, not their box.
        let (low, high) = (y as f64 - reach, y as f64 + reach);
        let (mut left, mut right) = (from.x.min(to.x), from.x.max(to.x));
        if from.y != to.y {
            let at = |y: f64| from.x + (to.x - from.x) * ((y - from.y) / (to.y - from.y)).clamp(0.0, 1.0);
            left = at(low).min(at(high));
            right = at(low).max(at(high));
        }
        if right + reach < 0.0 || left - reach > last {
            continue;
        }
        for x in (left - reach).clamp(0.0, last) as usize..=(right + reach).clamp(0.0, last) as usize {
            let distance = point_segment_distance(Point::new(x as f64, y as f64), from, to);
            blend(
                &mut pixels[y * width + x],
                colour,
                (thickness.max(1.0) / 2.0 + 0.5 - distance).clamp(0.0, 1.0),
            );
        }
    }
}

/// Draws lines from point to point.
pub fn draw_polyline(image: &mut Image, points: &[Point], thickness: f64, colour: [u8; 3]) {
    for pair in points.windows(2) {
        draw_line(image, pair[0], pair[1], thickness, colour);
    }
}

/// Draws a closed outline.
pub fn draw_polygon(image: &mut Image, outline: &[Point], thickness: f64, colour: [u8; 3]) {
    draw_polyline(image, outline, thickness, colour);
    if let [first, .., last] = outline {
        draw_line(image, *last, *first, thickness, colour);
    }
}

/// Lays a colour over an upright rectangle; `opacity` 0 changes nothing, 1 hides what was there.
pub fn fill_rect(image: &mut Image, rect: Rect, colour: [u8; 3], opacity: f64) {
    let Some((rows, columns)) = window(image, rect.x0, rect.x1, rect.y0, rect.y1) else { return };
    let width = image.width() as usize;
    let (pixels, _) = image.rgb_mut().as_chunks_mut::<3>();
    for y in rows {
        for pixel in &mut pixels[y * width..][columns.clone()] {
            blend(pixel, colour, opacity);
        }
    }
}

/// Lays a colour over the inside of a closed outline; `opacity` as in [`fill_rect`].
pub fn fill_polygon(image: &mut Image, outline: &[Point], colour: [u8; 3], opacity: f64) {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let mut mask = Map::from_parts(width, height, vec![false; width * height]);
    let rounded: Vec<Point> = outline.iter().map(|p| Point::new(p.x.round(), p.y.round())).collect();
    fill_poly(&mut mask, &pixels(&rounded), true);
    let (pixels, _) = image.rgb_mut().as_chunks_mut::<3>();
    for (pixel, inside) in pixels.iter_mut().zip(mask.data()) {
        if *inside {
            blend(pixel, colour, opacity);
        }
    }
}

/// Rows and columns whose pixels lie in the rectangle, `None` where it misses the picture or is not finite.
fn window(
    image: &Image,
    x0: f64,
    x1: f64,
    y0: f64,
    y1: f64,
) -> Option<(std::ops::RangeInclusive<usize>, std::ops::RangeInclusive<usize>)> {
    let range = |low: f64, high: f64, size: u32| {
        let last = f64::from(size - 1);
        let (low, high) = (low.ceil(), high.floor());
        let meets = low <= high && high >= 0.0 && low <= last;
        meets.then(|| low.max(0.0) as usize..=high.min(last) as usize)
    };
    Some((range(y0, y1, image.height())?, range(x0, x1, image.width())?))
}

fn blend(pixel: &mut [u8; 3], colour: [u8; 3], opacity: f64) {
    let opacity = if opacity > 0.0 { opacity.min(1.0) } else { 0.0 };
    for (p, c) in pixel.iter_mut().zip(colour) {
        let (below, above) = (f64::from(*p), f64::from(c));
        *p = (below + (above - below) * opacity).round() as u8;
    }
}
