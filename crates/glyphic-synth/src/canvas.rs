use std::sync::OnceLock;

use glyphic_core::Image;

use crate::{
    dice::{Dice, Purpose},
    raster::{Mask, Raster},
};

/// A colour, r, g, b.
pub(crate) type Colour = [u8; 3];

/// Perceived brightness, 0 to 255.
pub(crate) fn luma(c: Colour) -> f32 {
    0.299 * f32::from(c[0]) + 0.587 * f32::from(c[1]) + 0.114 * f32::from(c[2])
}

/// `t` of the way from one colour to another.
pub(crate) fn mix(a: Colour, b: Colour, t: f32) -> Colour {
    [0, 1, 2].map(|i| (f32::from(a[i]) + (f32::from(b[i]) - f32::from(a[i])) * t).round() as u8)
}

/// A colour of the given hue (0 to 6), saturation and value (0 to 1).
pub(crate) fn hsv(hue: f32, saturation: f32, value: f32) -> Colour {
    [5.0, 3.0, 1.0].map(|n: f32| {
        let k = (n + hue).rem_euclid(6.0);
        let v = value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0);
        (v * 255.0).round() as u8
    })
}

/// A picture being drawn.
pub(crate) struct Canvas {
    pub(crate) w: usize,
    pub(crate) h: usize,
    pub(crate) rgb: Vec<u8>,
}

impl Canvas {
    pub(crate) fn new(w: usize, h: usize, colour: Colour) -> Self {
        Self { w, h, rgb: colour.repeat(w * h) }
    }

    /// Lays a colour over the picture where the mask has ink.
    pub(crate) fn paint(&mut self, mask: &Mask, alpha: f32, colour: Colour) {
        let colour = colour.map(f32::from);
        self.blend(mask, |_, _| colour, alpha);
    }

    /// As [`Canvas::paint`], with a colour for each pixel (column, row of the picture).
    pub(crate) fn blend(&mut self, mask: &Mask, colour: impl Fn(usize, usize) -> [f32; 3], alpha: f32) {
        for row in 0..mask.h {
            let y = row as i32 + mask.y0;
            if y < 0 || y as usize >= self.h {
                continue;
            }
            for (col, m) in mask.data[row * mask.w..(row + 1) * mask.w].iter().enumerate() {
                let x = col as i32 + mask.x0;
                if *m <= 0.004 || x < 0 || x as usize >= self.w {
                    continue;
                }
                let (x, y) = (x as usize, y as usize);
                let c = colour(x, y);
                let a = m * alpha;
                for (p, v) in self.rgb[(y * self.w + x) * 3..][..3].iter_mut().zip(c) {
                    let old = f32::from(*p);
                    *p = (old + (v - old) * a + 0.5) as u8;
                }
            }
        }
    }

    /// Adds to every channel of every pixel.
    pub(crate) fn add(&mut self, field: &[f32], amplitude: f32) {
        for (p, v) in self.rgb.chunks_exact_mut(3).zip(field) {
            let d = v * amplitude;
            for c in p {
                *c = (f32::from(*c) + d + 0.5) as u8;
            }
        }
    }

    /// As [`Canvas::add`], with an amplitude for each channel.
    pub(crate) fn tint(&mut self, field: &[f32], amplitude: [f32; 3]) {
        for (p, v) in self.rgb.chunks_exact_mut(3).zip(field) {
            for (c, a) in p.iter_mut().zip(amplitude) {
                *c = (f32::from(*c) + v * a + 0.5) as u8;
            }
        }
    }

    /// Fills an upright rectangle (left, top, right, bottom), clipped to the picture.
    pub(crate) fn rect(&mut self, b: [f32; 4], colour: Colour) {
        let clip = |v: f32, most: usize| (v.max(0.0) as usize).min(most);
        let (x0, x1) = (clip(b[0], self.w), clip(b[2], self.w));
        for y in clip(b[1], self.h)..clip(b[3], self.h) {
            for p in self.rgb[(y * self.w + x0) * 3..(y * self.w + x1.max(x0)) * 3].chunks_exact_mut(3) {
                p.copy_from_slice(&colour);
            }
        }
    }

    /// Fills the outline through the points.
    pub(crate) fn fill(&mut self, points: &[[f32; 2]], alpha: f32, colour: Colour) {
        if let Some(mut raster) = Raster::around(points, self.w, self.h) {
            raster.outline(points);
            self.paint(&raster.finish(), alpha, colour);
        }
    }

    /// The mean colour of an upright rectangle, clipped to the picture; grey where nothing remains.
    pub(crate) fn mean(&self, b: [f32; 4]) -> Colour {
        let clip = |v: f32, most: usize| (v.max(0.0) as usize).min(most);
        let (x0, x1) = (clip(b[0], self.w), clip(b[2], self.w));
        let (mut sum, mut n) = ([0u64; 3], 0u64);
        for y in (clip(b[1], self.h)..clip(b[3], self.h)).step_by(3) {
            for x in (x0..x1).step_by(3) {
                let p = &self.rgb[(y * self.w + x) * 3..][..3];
                for (s, v) in sum.iter_mut().zip(p) {
                    *s += u64::from(*v);
                }
                n += 1;
            }
        }
        if n == 0 { [128; 3] } else { sum.map(|s| (s / n) as u8) }
    }

    pub(crate) fn into_image(self) -> Image {
        Image::from_rgb(self.w as u32, self.h as u32, self.rgb)
            .expect("a canvas has as many bytes as its size")
    }
}

/// Smooth noise of `[h, w]` values in -1 to 1 whose hills are about `cell` pixels apart.
pub(crate) fn smooth_noise(dice: &mut Dice, w: usize, h: usize, cell: f32) -> Vec<f32> {
    let cell = cell.max(1.0);
    let (nx, ny) = ((w as f32 / cell) as usize + 3, (h as f32 / cell) as usize + 3);
    let grid: Vec<f32> = (0..nx * ny).map(|_| dice.f(-1.0, 1.0)).collect();
    let (ox, oy) = (dice.unit(), dice.unit());
    let columns: Vec<(usize, f32)> = (0..w)
        .map(|x| {
            let fx = x as f32 / cell + ox;
            (fx as usize, ease(fx.fract()))
        })
        .collect();
    let mut out = Vec::with_capacity(w * h);
    let mut row = vec![0.0; nx];
    for y in 0..h {
        let fy = y as f32 / cell + oy;
        let (iy, ty) = (fy as usize, ease(fy.fract()));
        for (x, r) in row.iter_mut().enumerate() {
            let (a, b) = (grid[iy * nx + x], grid[(iy + 1) * nx + x]);
            *r = a + (b - a) * ty;
        }
        out.extend(columns.iter().map(|&(ix, tx)| row[ix] + (row[ix + 1] - row[ix]) * tx));
    }
    out
}

fn ease(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}

/// How many values [`noise_table`] holds.
pub(crate) const NOISE: usize = 1 << 16;

/// Standard normal values, drawn once: reading them from a random place is many times quicker than drawing anew.
pub(crate) fn noise_table() -> &'static [f32] {
    static TABLE: OnceLock<Vec<f32>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut dice = Dice::new(0, Purpose::NoiseTable, 0);
        (0..NOISE).map(|_| dice.normal()).collect()
    })
}

/// `n` standard normal values, from the table.
pub(crate) fn white_noise(dice: &mut Dice, n: usize) -> impl Iterator<Item = f32> + use<> {
    let (start, stride) = (dice.index(NOISE), dice.index(NOISE / 2) * 2 + 1);
    let table = noise_table();
    // A new odd stride at every wrap would be needed for no repetition at all; runs of 64 hide it well enough.
    (0..n).map(move |i| table[(start + (i >> 6).wrapping_mul(stride) + (i & 63)) & (NOISE - 1)])
}
