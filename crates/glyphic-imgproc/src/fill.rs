//! Polygon filling with the pixels that OpenCV's `fillPoly` and `fillConvexPoly` (8-connected, no sub-pixel shift) set:
//! the Bresenham outline is part of the fill, edges run in 16-bit fixed point.

use std::ops::Range;

use crate::{Map, Pixel};

const SHIFT: u32 = 16;
const ONE: i64 = 1 << SHIFT;

/// Sets every pixel inside the closed outline by the even-odd rule, the outline's own pixels included.
pub fn fill_poly<T: Copy>(map: &mut Map<T>, outline: &[Pixel], value: T) {
    fill_polys(map, &[outline], value);
}

/// [`fill_poly`] for several outlines at once: a pixel inside an even number of them is outside, but for the pixels on
/// the outlines themselves. This is `fillPoly` with a list.
pub fn fill_polys<T: Copy>(map: &mut Map<T>, outlines: &[impl AsRef<[Pixel]>], value: T) {
    let (width, height) = (map.width(), map.height());
    let data = map.data_mut();
    poly_spans(width, height, outlines, |span| match span.len() {
        // Most spans are single pixels of an outline: a store, not a call.
        1 => data[span.start] = value,
        _ => data[span].fill(value),
    });
}

/// The pixels that [`fill_polys`] sets on a map of `width` x `height`, as ranges of indices into its rows, none of them
/// empty. A pixel may come more than once.
pub fn poly_spans(
    width: usize,
    height: usize,
    outlines: &[impl AsRef<[Pixel]>],
    mut paint: impl FnMut(Range<usize>),
) {
    if width == 0 || height == 0 {
        return;
    }
    let mut edges = Vec::with_capacity(outlines.iter().map(|o| o.as_ref().len()).sum());
    for outline in outlines {
        add_edges(width as i64, height as i64, outline.as_ref(), &mut edges, &mut paint);
    }
    fill_edges(width as i64, height as i64, edges, &mut paint);
}

/// Paints an outline and collects its edges.
fn add_edges(
    width: i64,
    height: i64,
    outline: &[Pixel],
    edges: &mut Vec<Edge>,
    paint: &mut impl FnMut(Range<usize>),
) {
    let Some(last) = outline.last() else { return };
    let mut from = wide(*last);
    for to in outline.iter().map(|p| wide(*p)) {
        let (mut a, mut b) = (from, to);
        draw_thin(width, height, a, b, paint);
        let inside = |p: [i64; 2]| (0..width).contains(&p[0]) && (0..height).contains(&p[1]);
        let (mut exact_a, mut exact_b) = ([a[0] << SHIFT, a[1]], [b[0] << SHIFT, b[1]]);
        if inside(a) && inside(b) {
            exact_a[0] += ONE >> 1;
            exact_b[0] += ONE >> 1;
        } else {
            clip(width, height, &mut a, &mut b);
            if a[1] != b[1] {
                exact_a = [a[0] << SHIFT, a[1]];
                exact_b = [b[0] << SHIFT, b[1]];
            }
        }
        if from[1] != to[1] {
            let slope = (exact_b[0] - exact_a[0]) / (exact_b[1] - exact_a[1]);
            let (top, bottom, exact) =
                if from[1] < to[1] { (from, to, exact_a) } else { (to, from, exact_b) };
            edges.push(Edge {
                top: top[1],
                bottom: bottom[1],
                x: exact[0] + (top[1] - exact[1]) * slope,
                slope,
            });
        }
        from = to;
    }
}

fn wide(p: Pixel) -> [i64; 2] {
    p.map(i64::from)
}

struct Edge {
    top: i64,
    bottom: i64,
    x: i64,
    slope: i64,
}

fn fill_edges(width: i64, height: i64, mut edges: Vec<Edge>, paint: &mut impl FnMut(Range<usize>)) {
    // Rows above the map are passed over at once.
    edges.retain(|e| e.bottom > 0 && e.top < height);
    for e in edges.iter_mut().filter(|e| e.top < 0) {
        e.x -= e.top * e.slope;
        e.top = 0;
    }
    edges.sort_by_key(|e| (e.top, e.x, e.slope));
    let Some(first) = edges.first() else { return };
    let bottom = edges.iter().map(|e| e.bottom).max().unwrap_or(0).min(height);
    let mut pending = 0;
    let mut active: Vec<usize> = Vec::new();
    for y in first.top..bottom {
        active.retain(|&i| edges[i].bottom > y);
        while pending < edges.len() && edges[pending].top == y {
            let place = active.iter().position(|&i| edges[i].x >= edges[pending].x).unwrap_or(active.len());
            active.insert(place, pending);
            pending += 1;
        }
        for pair in active.chunks_exact(2) {
            let (a, b) = (edges[pair[0]].x, edges[pair[1]].x);
            let (left, right) = (a.min(b) >> SHIFT, a.max(b) >> SHIFT);
            if left < width && right >= 0 {
                let row = y * width;
                paint((row + left.max(0)) as usize..(row + right.min(width - 1) + 1) as usize);
            }
        }
        for &i in &active {
            edges[i].x += edges[i].slope;
        }
        active.sort_by_key(|&i| edges[i].x);
    }
}

/// Sets every pixel inside a convex closed outline, its own pixels included. Differs from [`fill_poly`] in the rounding
/// along slanted edges. For an outline that is not convex the result lies inside its bounding box and is no more defined.
pub fn fill_convex<T: Copy>(map: &mut Map<T>, outline: &[Pixel], value: T) {
    let n = outline.len();
    let Some(last) = outline.last() else { return };
    let (width, height) = (map.width() as i64, map.height() as i64);
    let vertices: Vec<[i64; 2]> = outline.iter().map(|p| wide(*p)).collect();
    let mut from = wide(*last);
    let mut topmost = 0;
    for (i, &to) in vertices.iter().enumerate() {
        if to[1] < vertices[topmost][1] {
            topmost = i;
        }
        let data = map.data_mut();
        draw_thin(width, height, from, to, &mut |pixel: Range<usize>| data[pixel.start] = value);
        from = to;
    }
    let bottom = vertices.iter().map(|v| v[1]).max().unwrap_or(0).min(height - 1);
    if n < 3 {
        return;
    }
    // Two chains run down from the topmost vertex.
    struct Chain {
        vertex: usize,
        step: usize,
        x: i64,
        slope: i64,
        end: i64,
    }
    let top = vertices[topmost][1];
    let mut chains = [1, n - 1].map(|step| Chain { vertex: topmost, step, x: -ONE, slope: 0, end: top });
    let mut edges_left = n;
    let mut y = top;
    while y <= bottom {
        for chain in &mut chains {
            if y < chain.end {
                continue;
            }
            let mut from = chain.vertex;
            let mut to = (from + chain.step) % n;
            loop {
                if edges_left == 0 {
                    return;
                }
                edges_left -= 1;
                let end = vertices[to][1];
                if end > y {
                    let (xs, xe) = (vertices[from][0] << SHIFT, vertices[to][0] << SHIFT);
                    let rows = end - y;
                    chain.end = end;
                    chain.slope = ((xe - xs) * 2 + rows) / (2 * rows);
                    chain.x = xs;
                    chain.vertex = to;
                    break;
                }
                from = to;
                to = (to + chain.step) % n;
            }
        }
        if y < 0 {
            // Rows above the map are passed over at once, up to the next vertex.
            let rows = chains[0].end.min(chains[1].end).min(0) - y;
            for chain in &mut chains {
                chain.x += chain.slope * rows;
            }
            y += rows;
            continue;
        }
        let (a, b) = (chains[0].x, chains[1].x);
        let left = (a.min(b) + (ONE >> 1)) >> SHIFT;
        let right = (a.max(b) + (ONE >> 1)) >> SHIFT;
        if right >= 0 && left < width {
            map.row_mut(y as usize)[left.max(0) as usize..=right.min(width - 1) as usize].fill(value);
        }
        for chain in &mut chains {
            chain.x += chain.slope;
        }
        y += 1;
    }
}

/// Mean of the values inside the closed outline, its own pixels included; `None` where no pixel lies inside the map.
///
/// The outline is moved to its bounding box within the map, as DBNet scores its candidates.
pub fn polygon_mean(map: &Map<f32>, outline: &[Pixel]) -> Option<f64> {
    let (max_x, max_y) = (map.width() as i32 - 1, map.height() as i32 - 1);
    let bound = |axis: usize, max: i32| {
        let low = outline.iter().map(|p| p[axis]).min()?;
        let high = outline.iter().map(|p| p[axis]).max()?;
        Some((low.clamp(0, max), high.clamp(0, max)))
    };
    let ((x0, x1), (y0, y1)) = (bound(0, max_x)?, bound(1, max_y)?);
    let (width, height) = ((x1 - x0 + 1) as usize, (y1 - y0 + 1) as usize);
    let mut mask = Map::from_parts(width, height, vec![false; width * height]);
    let moved: Vec<Pixel> =
        outline.iter().map(|p| [p[0].saturating_sub(x0), p[1].saturating_sub(y0)]).collect();
    fill_poly(&mut mask, &moved, true);
    let (mut sum, mut count) = (0.0f64, 0usize);
    for y in 0..height {
        let values = &map.row(y0 as usize + y)[x0 as usize..][..width];
        for (value, inside) in values.iter().zip(mask.row(y)) {
            if *inside {
                sum += f64::from(*value);
                count += 1;
            }
        }
    }
    (count > 0).then(|| sum / count as f64)
}

/// Sets the pixels of the lines from point to point, one pixel thick: `polylines` without closing.
pub fn draw_thin_line<T: Copy>(map: &mut Map<T>, points: &[Pixel], value: T) {
    let (width, height) = (map.width() as i64, map.height() as i64);
    let data = map.data_mut();
    for pair in points.windows(2) {
        let mut set = |pixel: Range<usize>| data[pixel.start] = value;
        draw_thin(width, height, wide(pair[0]), wide(pair[1]), &mut set);
    }
}

/// Bresenham's line, both ends included, always drawn from left to right.
fn draw_thin(
    width: i64,
    height: i64,
    mut a: [i64; 2],
    mut b: [i64; 2],
    paint: &mut impl FnMut(Range<usize>),
) {
    if !clip(width, height, &mut a, &mut b) {
        return;
    }
    if b[0] < a[0] {
        std::mem::swap(&mut a, &mut b);
    }
    let (dx, dy) = (b[0] - a[0], (b[1] - a[1]).abs());
    let down = if b[1] < a[1] { -width } else { width };
    let (long, short, major, minor) = if dy > dx { (dy, dx, down, 1) } else { (dx, dy, 1, down) };
    let mut error = long - 2 * short;
    let mut at = a[1] * width + a[0];
    for step in 0..=long {
        paint(at as usize..at as usize + 1);
        if step == long {
            break;
        }
        at += major;
        if error < 0 {
            at += minor;
            error += 2 * long;
        }
        error -= 2 * short;
    }
}

/// Cuts a line to the map; `false` where nothing is left of it (the ends may have moved nevertheless).
fn clip(width: i64, height: i64, a: &mut [i64; 2], b: &mut [i64; 2]) -> bool {
    let (right, bottom) = (width - 1, height - 1);
    let across = |p: &[i64; 2]| u8::from(p[0] < 0) + 2 * u8::from(p[0] > right);
    let code = |p: &[i64; 2]| across(p) + 4 * u8::from(p[1] < 0) + 8 * u8::from(p[1] > bottom);
    let along = |d: i64, rise: i64, run: i64| (d as f64 * rise as f64 / run as f64) as i64;
    let (mut c1, mut c2) = (code(a), code(b));
    if c1 & c2 == 0 && c1 | c2 != 0 {
        if c1 & 12 != 0 {
            let y = if c1 < 8 { 0 } else { bottom };
            a[0] += along(y - a[1], b[0] - a[0], b[1] - a[1]);
            a[1] = y;
            c1 = across(a);
        }
        if c2 & 12 != 0 {
            let y = if c2 < 8 { 0 } else { bottom };
            b[0] += along(y - b[1], b[0] - a[0], b[1] - a[1]);
            b[1] = y;
            c2 = across(b);
        }
        if c1 & c2 == 0 && c1 | c2 != 0 {
            if c1 != 0 {
                let x = if c1 == 1 { 0 } else { right };
                a[1] += along(x - a[0], b[1] - a[1], b[0] - a[0]);
                a[0] = x;
                c1 = 0;
            }
            if c2 != 0 {
                let x = if c2 == 1 { 0 } else { right };
                b[1] += along(x - b[0], b[1] - a[1], b[0] - a[0]);
                b[0] = x;
                c2 = 0;
            }
        }
    }
    c1 | c2 == 0
}
