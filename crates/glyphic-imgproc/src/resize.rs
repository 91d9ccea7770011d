//! Resizing with OpenCV's sampling points and rounding (the crates at hand sample and round otherwise), and an
//! antialiased resize for recognizer input.

use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::U8x3,
};
use glyphic_core::Image;
use rayon::prelude::*;

use crate::{Error, Map, Result};

/// The longest side of a result, in pixels.
const MAX_SIDE: usize = 1 << 16;

/// Below this many values a result is computed on one thread: handing out the work would cost more.
const PARALLEL_VALUES: usize = 1 << 18;

/// Rows a thread takes at once.
const ROWS_A_TASK: usize = 32;

/// OpenCV's fixed-point weights have 11 bits.
const WEIGHT_ONE: f32 = 2048.0;

fn check(operation: &'static str, width: usize, height: usize) -> Result<()> {
    if width == 0 || height == 0 {
        return Err(Error::Empty { operation, width, height });
    }
    if width > MAX_SIDE || height > MAX_SIDE {
        return Err(Error::TooLarge { operation, width, height, max_side: MAX_SIDE });
    }
    Ok(())
}

/// Bilinear, half-pixel centres, 11-bit fixed point: OpenCV's `resize(INTER_LINEAR)` on 8 bits, without antialiasing.
///
/// # Errors
/// [`Error::Empty`] for a side of 0, [`Error::TooLarge`] for one above 65,536.
pub fn resize_linear(image: &Image, width: u32, height: u32) -> Result<Image> {
    let (w, h) = (width as usize, height as usize);
    check("resize", w, h)?;
    let from = [image.height() as usize, image.width() as usize];
    Ok(image_of(width, height, linear_u8::<3>(image.rgb(), from, [h, w])))
}

/// [`resize_linear`] for one channel.
///
/// # Errors
/// As there.
pub fn resize_linear_u8(map: &Map<u8>, width: usize, height: usize) -> Result<Map<u8>> {
    check("resize", width, height)?;
    let resized = linear_u8::<1>(map.data(), [map.height(), map.width()], [height, width]);
    Ok(Map::from_parts(width, height, resized))
}

/// Bilinear, half-pixel centres, single precision: OpenCV's `resize(INTER_LINEAR)` on floats.
///
/// # Errors
/// As for [`resize_linear`].
pub fn resize_linear_f32(map: &Map<f32>, width: usize, height: usize) -> Result<Map<f32>> {
    check("resize", width, height)?;
    let resized = linear_f32::<1>(map.data(), [map.height(), map.width()], [height, width]);
    Ok(Map::from_parts(width, height, resized))
}

/// The pixel at `floor(x * source / target)`: OpenCV's `resize(INTER_NEAREST)`.
///
/// # Errors
/// As for [`resize_linear`].
pub fn resize_nearest(image: &Image, width: u32, height: u32) -> Result<Image> {
    let (w, h) = (width as usize, height as usize);
    check("resize", w, h)?;
    let (pixels, _) = image.rgb().as_chunks::<3>();
    let picked = nearest(pixels, image.width() as usize, image.height() as usize, w, h);
    Ok(image_of(width, height, picked.into_flattened()))
}

/// [`resize_nearest`] for one value a pixel.
///
/// # Errors
/// As for [`resize_linear`].
pub fn resize_nearest_map<T: Copy>(map: &Map<T>, width: usize, height: usize) -> Result<Map<T>> {
    check("resize", width, height)?;
    let picked = nearest(map.data(), map.width(), map.height(), width, height);
    Ok(Map::from_parts(width, height, picked))
}

/// Bilinear with a support that grows with the reduction (a triangle filter), so that small text does not break up:
/// as Pillow's `resize(BILINEAR)`.
///
/// # Errors
/// As for [`resize_linear`].
pub fn resize_antialiased(image: &Image, width: u32, height: u32) -> Result<Image> {
    check("resize", width as usize, height as usize)?;
    if (width, height) == (image.width(), image.height()) {
        return Ok(image.clone());
    }
    // Typed views: the dynamic ones would compile the filters for every pixel type, minutes and megabytes of code.
    let source = TypedImageRef::<U8x3>::from_buffer(image.width(), image.height(), image.rgb())
        .expect("an image has three bytes a pixel");
    let mut rgb = vec![0; width as usize * height as usize * 3];
    let mut target =
        TypedImage::<U8x3>::from_buffer(width, height, &mut rgb).expect("the buffer has three bytes a pixel");
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new()
        .resize_typed(&source, &mut target, &options)
        .expect("both sides are at least one pixel and no crop is asked for");
    drop(target);
    Ok(image_of(width, height, rgb))
}

fn image_of(width: u32, height: u32, rgb: Vec<u8>) -> Image {
    Image::from_rgb(width, height, rgb).expect("the size was checked and every pixel written")
}

/// The two source positions of a target position and the weight of the second.
#[derive(Clone, Copy)]
struct Tap {
    from: usize,
    to: usize,
    weight: f32,
}

/// `snap`: beyond the outermost centres the weight is 0 (OpenCV's columns) instead of falling on a repeated pixel (its
/// rows); the values are equal but for fixed-point rounding. `round` is the precision of the positions.
fn taps(source: usize, target: usize, snap: bool, round: fn(f64) -> f64) -> Vec<Tap> {
    let scale = 1.0 / (target as f64 / source as f64);
    let last = source - 1;
    (0..target)
        .map(|i| {
            let position = round((i as f64 + 0.5) * scale - 0.5);
            let floor = position.floor();
            let weight = (position - floor) as f32;
            let index = floor as i64;
            if snap && index < 0 {
                Tap { from: 0, to: 0, weight: 0.0 }
            } else if snap && index >= last as i64 {
                Tap { from: last, to: last, weight: 0.0 }
            } else {
                let clamp = |i: i64| i.clamp(0, last as i64) as usize;
                Tap { from: clamp(index), to: clamp(index + 1), weight }
            }
        })
        .collect()
}

/// [`resize_linear_f32`] for `C` channels, sizes as `[height, width]`.
pub(crate) fn linear_f32<const C: usize>(data: &[f32], from: [usize; 2], to: [usize; 2]) -> Vec<f32> {
    let ([source_height, source_width], [height, width]) = (from, to);
    let columns = taps(source_width, width, true, |position| position);
    let rows = taps(source_height, height, false, |position| position);
    let mut out = vec![0f32; width * height * C];
    by_rows(&mut out, width * C, |y, target, cache: &mut RowCache<f32>| {
        let Tap { from, to, weight } = rows[y];
        let horizontal = |source: usize, line: &mut Vec<f32>| {
            let row = &data[source * source_width * C..][..source_width * C];
            line.resize(width * C, 0.0);
            let (pixels, _) = line.as_chunks_mut::<C>();
            for (pixel, t) in pixels.iter_mut().zip(&columns) {
                let (left, right) = (&row[t.from * C..][..C], &row[t.to * C..][..C]);
                for c in 0..C {
                    pixel[c] = left[c] * (1.0 - t.weight) + right[c] * t.weight;
                }
            }
        };
        let (upper, lower) = cache.rows(from, to, horizontal);
        for ((t, a), b) in target.iter_mut().zip(upper).zip(lower) {
            *t = a * (1.0 - weight) + b * weight;
        }
    });
    out
}

/// [`resize_linear`] for `C` channels, sizes as `[height, width]`.
pub(crate) fn linear_u8<const C: usize>(data: &[u8], from: [usize; 2], to: [usize; 2]) -> Vec<u8> {
    let ([source_height, source_width], [height, width]) = (from, to);
    // The bits of the fixed-point weights depend on positions rounded to single precision.
    let single = |position: f64| f64::from(position as f32);
    let fixed = |weight: f32| {
        let scaled = |w: f32| (w * WEIGHT_ONE).round_ties_even() as i32;
        (scaled(1.0 - weight), scaled(weight))
    };
    let columns: Vec<(usize, usize, i32, i32)> = taps(source_width, width, true, single)
        .into_iter()
        .map(|t| {
            let (a, b) = fixed(t.weight);
            (t.from * C, t.to * C, a, b)
        })
        .collect();
    let rows = taps(source_height, height, false, single);
    let mut out = vec![0u8; width * height * C];
    by_rows(&mut out, width * C, |y, target, cache: &mut RowCache<i32>| {
        let Tap { from, to, weight } = rows[y];
        let horizontal = |index: usize, line: &mut Vec<i32>| {
            let row = &data[index * source_width * C..][..source_width * C];
            line.resize(width * C, 0);
            let (pixels, _) = line.as_chunks_mut::<C>();
            for (pixel, &(from, to, a, b)) in pixels.iter_mut().zip(&columns) {
                let (left, right) = (&row[from..from + C], &row[to..to + C]);
                for c in 0..C {
                    pixel[c] = i32::from(left[c]) * a + i32::from(right[c]) * b;
                }
            }
        };
        let (upper, lower) = cache.rows(from, to, horizontal);
        let (a, b) = fixed(weight);
        for ((t, u), l) in target.iter_mut().zip(upper).zip(lower) {
            *t = ((((a * (u >> 4)) >> 16) + ((b * (l >> 4)) >> 16) + 2) >> 2) as u8;
        }
    });
    out
}

/// The two horizontally resized source rows that the last target row needed.
#[derive(Default)]
struct RowCache<T> {
    held: [Option<usize>; 2],
    lines: [Vec<T>; 2],
}

impl<T> RowCache<T> {
    fn rows(&mut self, from: usize, to: usize, mut fill: impl FnMut(usize, &mut Vec<T>)) -> (&[T], &[T]) {
        if self.held[0] != Some(from) {
            if self.held[1] == Some(from) {
                self.held.swap(0, 1);
                self.lines.swap(0, 1);
            } else {
                fill(from, &mut self.lines[0]);
                self.held[0] = Some(from);
            }
        }
        if to == from {
            return (&self.lines[0], &self.lines[0]);
        }
        if self.held[1] != Some(to) {
            fill(to, &mut self.lines[1]);
            self.held[1] = Some(to);
        }
        (&self.lines[0], &self.lines[1])
    }
}

/// Calls `row` with the number, the values and a cache for each row of `out`, in parallel where it is worth it.
fn by_rows<V: Send, T: Default + Send>(
    out: &mut [V],
    stride: usize,
    row: impl Fn(usize, &mut [V], &mut RowCache<T>) + Sync,
) {
    let task = |(block, rows): (usize, &mut [V])| {
        let mut cache = RowCache::default();
        for (i, target) in rows.chunks_exact_mut(stride).enumerate() {
            row(block * ROWS_A_TASK + i, target, &mut cache);
        }
    };
    if out.len() < PARALLEL_VALUES {
        out.chunks_mut(stride * ROWS_A_TASK).enumerate().for_each(task);
    } else {
        out.par_chunks_mut(stride * ROWS_A_TASK).enumerate().for_each(task);
    }
}

fn nearest<T: Copy>(
    data: &[T],
    source_width: usize,
    source_height: usize,
    width: usize,
    height: usize,
) -> Vec<T> {
    let columns = nearest_positions(source_width, width);
    let mut out = Vec::with_capacity(width * height);
    for y in nearest_positions(source_height, height) {
        let row = &data[y * source_width..][..source_width];
        out.extend(columns.iter().map(|&x| row[x]));
    }
    out
}

/// The source position of each target position.
pub(crate) fn nearest_positions(source: usize, target: usize) -> Vec<usize> {
    let scale = 1.0 / (target as f64 / source as f64);
    (0..target).map(|i| ((i as f64 * scale).floor() as usize).min(source - 1)).collect()
}
