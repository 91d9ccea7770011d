//! What text stands on.

use std::{
    fs,
    path::{Path, PathBuf},
};

use fast_image_resize::{FilterType, ResizeAlg};
use glyphic_core::Image;
use rayon::prelude::*;

use crate::{
    Error, Result,
    canvas::{Canvas, Colour, hsv, mix, smooth_noise, white_noise},
    degrade::{resize, resize_part},
    dice::Dice,
};

/// Longer side that photographs are held at, in pixels.
const HELD: usize = 640;

const SMOOTH: ResizeAlg = ResizeAlg::Convolution(FilterType::Bilinear);

/// Photographs that text is set upon.
pub(crate) struct Grounds(Vec<Canvas>);

impl Grounds {
    pub(crate) fn load(folders: &[PathBuf]) -> Result<Self> {
        let mut files = Vec::new();
        for folder in folders {
            let before = files.len();
            list(folder, &mut files)?;
            if files.len() == before {
                return Err(ground(folder, "no picture in it"));
            }
        }
        // The order of a folder's listing is the file system's; samples depend on it.
        files.sort();
        let pictures = files.par_iter().map(|file| {
            let image = Image::open(file).map_err(|e| ground(file, e))?;
            let (w, h) = (image.width() as usize, image.height() as usize);
            let held = Canvas { w, h, rgb: image.rgb().to_vec() };
            let s = HELD as f64 / w.max(h) as f64;
            let side = |v: usize| ((v as f64 * s).round() as usize).max(1);
            Ok(if s < 1.0 { resize(&held, side(w), side(h), SMOOTH) } else { held })
        });
        Ok(Self(pictures.collect::<Result<_>>()?))
    }

    /// With probability `share`, a piece of a photograph at the size asked for.
    pub(crate) fn piece(&self, dice: &mut Dice, share: f32, w: usize, h: usize) -> Option<Canvas> {
        if self.0.is_empty() || !dice.chance(share) {
            return None;
        }
        let picture = &self.0[dice.index(self.0.len())];
        let (pw, ph) = (picture.w as f64, picture.h as f64);
        // The largest part of the piece's shape, then a zoom into it.
        let most = (pw / w as f64).min(ph / h as f64);
        let zoom = most * f64::from(dice.f(0.45, 1.0));
        let (wide, high) = ((w as f64 * zoom).min(pw), (h as f64 * zoom).min(ph));
        let place = |room: f64, at: f32| room.max(0.0) * f64::from(at);
        let part = [place(pw - wide, dice.unit()), place(ph - high, dice.unit()), wide, high];
        let mut piece = resize_part(picture, part, w, h, SMOOTH);
        if dice.chance(0.5) {
            for row in piece.rgb.chunks_exact_mut(w * 3) {
                let (pixels, _) = row.as_chunks_mut::<3>();
                pixels.reverse();
            }
        }
        Some(piece)
    }
}

fn ground(path: &Path, problem: impl std::fmt::Display) -> Error {
    Error::Ground { folder: path.to_owned(), problem: problem.to_string() }
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(|e| ground(folder, e))? {
        let path = entry.map_err(|e| ground(folder, e))?.path();
        let kind = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        if path.is_dir() {
            list(&path, files)?;
        } else if matches!(kind.as_deref(), Some("jpg" | "jpeg" | "png")) {
            files.push(path);
        }
    }
    Ok(())
}

/// Lays a photograph over a ground of `base` colour, flattened so far that text of a colour which differs from the base
/// by `room` (0 to 1) stays readable.
pub(crate) fn tinted(canvas: &mut Canvas, piece: &Canvas, base: Colour, room: f32) {
    let mean = piece.mean([0.0, 0.0, piece.w as f32, piece.h as f32]);
    for (p, q) in canvas.rgb.chunks_exact_mut(3).zip(piece.rgb.chunks_exact(3)) {
        for ((out, v), (b, m)) in p.iter_mut().zip(q).zip(base.iter().zip(mean)) {
            let d = (f32::from(*v) - f32::from(m)) * (room * 1.6).min(0.8);
            *out = (f32::from(*b) + d + 0.5) as u8;
        }
    }
}

/// Paper: nearly flat, with fibres, stains and folds.
pub(crate) fn paper(canvas: &mut Canvas, dice: &mut Dice) {
    if dice.chance(0.5) {
        let (cell, amplitude) = (dice.f(1.5, 5.0), dice.f(1.0, 7.0));
        let field = smooth_noise(dice, canvas.w, canvas.h, cell);
        canvas.add(&field, amplitude);
    }
    if dice.chance(0.35) {
        let (cell, amplitude) = (dice.f(20.0, 120.0), dice.f(3.0, 22.0));
        let field = smooth_noise(dice, canvas.w, canvas.h, cell);
        canvas.add(&field, amplitude);
    }
    if dice.chance(0.12) {
        grain(canvas, dice, 1.0, 5.0);
    }
}

fn grain(canvas: &mut Canvas, dice: &mut Dice, low: f32, high: f32) {
    let sigma = dice.f(low, high);
    let values: Vec<f32> = white_noise(dice, canvas.w * canvas.h).collect();
    canvas.add(&values, sigma);
}

/// Towards a second colour from one side to the other.
pub(crate) fn gradient(canvas: &mut Canvas, dice: &mut Dice, to: Colour) {
    let angle = dice.f(0.0, std::f32::consts::TAU);
    let (ax, ay) = (angle.cos() / canvas.w as f32, angle.sin() / canvas.h as f32);
    let offset = 0.5 * (1.0 - angle.cos() - angle.sin());
    let width = canvas.w;
    for (y, row) in canvas.rgb.chunks_exact_mut(width * 3).enumerate() {
        for (x, p) in row.chunks_exact_mut(3).enumerate() {
            let t = (x as f32 * ax + y as f32 * ay + offset).clamp(0.0, 1.0);
            for (c, v) in p.iter_mut().zip(to) {
                *c = (f32::from(*c) + (f32::from(v) - f32::from(*c)) * t + 0.5) as u8;
            }
        }
    }
}

/// Bars of a second colour at any angle.
pub(crate) fn stripes(canvas: &mut Canvas, dice: &mut Dice, to: Colour, strength: f32) {
    let period = dice.f(3.0, 24.0);
    let angle = dice.f(0.0, std::f32::consts::PI);
    let (ax, ay) = (angle.cos() / period, angle.sin() / period);
    let share = dice.f(0.2, 0.6);
    let hard = dice.chance(0.5);
    let width = canvas.w;
    for (y, row) in canvas.rgb.chunks_exact_mut(width * 3).enumerate() {
        for (x, p) in row.chunks_exact_mut(3).enumerate() {
            let t = (x as f32 * ax + y as f32 * ay).rem_euclid(1.0);
            let v = if hard { f32::from(u8::from(t < share)) } else { 1.0 - (2.0 * t - 1.0).abs() };
            for (c, target) in p.iter_mut().zip(to) {
                *c = (f32::from(*c) + (f32::from(target) - f32::from(*c)) * v * strength + 0.5) as u8;
            }
        }
    }
}

/// Shapes of colours near the ground's own, as what stands behind a sign: ellipses, bars, polygons.
pub(crate) fn clutter(canvas: &mut Canvas, dice: &mut Dice, base: Colour, strength: f32, count: usize) {
    let (w, h) = (canvas.w as f32, canvas.h as f32);
    let unit = w.min(h);
    for _ in 0..count {
        let colour = mix(base, dull(dice), strength * dice.f(0.3, 1.0));
        let (cx, cy) = (dice.f(-0.1 * w, 1.1 * w), dice.f(-0.1 * h, 1.1 * h));
        let (rx, ry) = (dice.f(0.1, 1.2) * unit, dice.f(0.05, 0.8) * unit);
        let turn = dice.f(0.0, std::f32::consts::PI);
        let n = dice.weighted(&[(16usize, 0.4), (4, 0.35), (3, 0.1), (5, 0.15)]);
        let points: Vec<[f32; 2]> = (0..n)
            .map(|i| {
                let a = std::f32::consts::TAU * i as f32 / n as f32;
                let r = if n == 16 { 1.0 } else { dice.f(0.7, 1.2) };
                let (x, y) = (rx * r * a.cos(), ry * r * a.sin());
                [cx + x * turn.cos() - y * turn.sin(), cy + x * turn.sin() + y * turn.cos()]
            })
            .collect();
        canvas.fill(&points, dice.f(0.4, 1.0), colour);
    }
}

/// A rough surface: stone, plaster, asphalt.
pub(crate) fn rough(canvas: &mut Canvas, dice: &mut Dice, amplitude: f32) {
    let mut cell = dice.f(2.0, 6.0);
    let mut amplitude = amplitude;
    for _ in 0..3 {
        let field = smooth_noise(dice, canvas.w, canvas.h, cell);
        canvas.add(&field, amplitude);
        cell *= dice.f(2.0, 3.5);
        amplitude *= dice.f(0.6, 1.1);
    }
}

/// The ground of a sign of `base` colour; `room` is how far (0 to 1) it may stray without hiding the text.
pub(crate) fn sign(canvas: &mut Canvas, dice: &mut Dice, base: Colour, room: f32) {
    let other = [0; 3].map(|_: u8| dice.int(0, 255) as u8);
    match dice.weighted(&[(0, 0.4), (1, 0.22), (2, 0.14), (3, 0.08), (4, 0.16)]) {
        0 => {}
        1 => gradient(canvas, dice, mix(base, other, room)),
        2 => rough(canvas, dice, room * 40.0),
        3 => stripes(canvas, dice, mix(base, other, room), 0.8),
        _ => {
            let n = dice.int(3, 10) as usize;
            clutter(canvas, dice, base, room, n);
            if dice.chance(0.5) {
                rough(canvas, dice, room * 20.0);
            }
        }
    }
    if dice.chance(0.3) {
        grain(canvas, dice, 1.0, 8.0);
    }
}

/// A wall of bricks in rows.
pub(crate) fn bricks(canvas: &mut Canvas, dice: &mut Dice, base: Colour) {
    let (high, long) = (dice.f(8.0, 40.0), dice.f(1.8, 3.5));
    let joint = dice.f(1.0, 4.0);
    let wide = high * long;
    for row in 0..(canvas.h as f32 / high) as usize + 1 {
        let y = row as f32 * high;
        let mut x = if row % 2 == 0 { 0.0 } else { -wide / 2.0 };
        while x < canvas.w as f32 {
            let colour = mix(base, dull(dice), dice.f(0.0, 0.25));
            canvas.rect([x + joint, y + joint, x + wide, y + high], colour);
            x += wide;
        }
    }
}

/// A front of windows, or shelves: a grid of boxes, which a detector must not take for text.
pub(crate) fn windows(canvas: &mut Canvas, dice: &mut Dice, base: Colour) {
    let (cols, rows) = (dice.int(3, 24) as f32, dice.int(2, 16) as f32);
    let (w, h) = (canvas.w as f32 / cols, canvas.h as f32 / rows);
    let (mx, my) = (w * dice.f(0.05, 0.35), h * dice.f(0.05, 0.35));
    let glass = [0; 3].map(|_: u8| dice.int(0, 255) as u8);
    let lively = dice.f(0.0, 0.5);
    for row in 0..rows as usize {
        for col in 0..cols as usize {
            let (x, y) = (col as f32 * w, row as f32 * h);
            let other = [0; 3].map(|_: u8| dice.int(0, 255) as u8);
            let colour = mix(mix(base, glass, 0.6), other, lively * dice.unit());
            canvas.rect([x + mx, y + my, x + w - mx, y + h - my], colour);
        }
    }
}

/// Leaves, crowds, asphalt: noise of several sizes in its own colours.
pub(crate) fn foliage(canvas: &mut Canvas, dice: &mut Dice) {
    let mut cell = dice.f(2.0, 8.0);
    for _ in 0..3 {
        let field = smooth_noise(dice, canvas.w, canvas.h, cell);
        let (all, own) = (dice.f(10.0, 45.0), dice.f(0.0, 20.0));
        let amplitude = [0; 3].map(|_: u8| all + dice.f(-own, own));
        canvas.tint(&field, amplitude);
        cell *= dice.f(2.0, 5.0);
    }
}

/// A colour as streets and rooms have them: mostly dull.
pub(crate) fn dull(dice: &mut Dice) -> Colour {
    let saturation = if dice.chance(0.8) { dice.f(0.0, 0.4) } else { dice.f(0.3, 0.9) };
    hsv(dice.f(0.0, 6.0), saturation, dice.f(0.1, 1.0))
}

/// What stands behind signs in a street or a room.
pub(crate) fn street(canvas: &mut Canvas, dice: &mut Dice, base: Colour) {
    let far = dull(dice);
    gradient(canvas, dice, mix(base, far, 0.7));
    match dice.index(6) {
        0 => bricks(canvas, dice, base),
        1 => windows(canvas, dice, base),
        2 => foliage(canvas, dice),
        3 => rough(canvas, dice, 12.0),
        _ => {}
    }
    let n = dice.int(0, 26) as usize;
    let strength = dice.f(0.3, 0.9);
    clutter(canvas, dice, base, strength, n);
    for _ in 0..dice.int(0, 4) {
        rails(canvas, dice);
    }
    if dice.chance(0.6) {
        let amplitude = dice.f(2.0, 9.0);
        rough(canvas, dice, amplitude);
    }
    if dice.chance(0.5) {
        // Signs are in focus, walls behind them need not be.
        let sigma = dice.f(0.5, 3.0);
        crate::degrade::blur(canvas, sigma, sigma);
    }
}

/// Parallel bars, as fences, stairs and cables have them: the commonest false text.
fn rails(canvas: &mut Canvas, dice: &mut Dice) {
    let (w, h) = (canvas.w as f32, canvas.h as f32);
    let colour = [0; 3].map(|_: u8| dice.int(0, 255) as u8);
    let (mut x, mut y) = (dice.f(0.0, w), dice.f(0.0, h));
    let turn = dice.f(0.0, std::f32::consts::PI);
    let (length, thick) = (dice.f(0.02, 0.4) * h, dice.f(1.0, 7.0));
    let step = thick * dice.f(1.6, 6.0);
    let (dx, dy) = (turn.cos(), turn.sin());
    for _ in 0..dice.int(2, 14) {
        let end = [x + dx * length, y + dy * length];
        let side = [-dy * thick, dx * thick];
        canvas.fill(
            &[[x, y], end, [end[0] + side[0], end[1] + side[1]], [x + side[0], y + side[1]]],
            0.9,
            colour,
        );
        x -= dy * step;
        y += dx * step;
    }
}

/// Creases: light and shade on either side of a few folds.
pub(crate) fn creases(canvas: &mut Canvas, dice: &mut Dice, depth: f32) {
    for _ in 0..dice.int(1, 4) {
        let angle = if dice.chance(0.6) { dice.f(-0.1, 0.1) } else { dice.f(0.0, std::f32::consts::PI) };
        let (nx, ny) = (-angle.sin(), angle.cos());
        let at = nx * dice.f(0.0, canvas.w as f32) + ny * dice.f(0.0, canvas.h as f32);
        let reach = dice.f(6.0, 90.0);
        let strength = dice.f(0.3, 1.0) * depth * dice.sign();
        let width = canvas.w;
        for (y, row) in canvas.rgb.chunks_exact_mut(width * 3).enumerate() {
            // Only where the fold is near does anything change.
            for (x, p) in row.chunks_exact_mut(3).enumerate() {
                let d = (x as f32 * nx + y as f32 * ny - at) / reach;
                if d.abs() < 1.0 {
                    let f = 1.0 + strength * (1.0 - d.abs()) * d.signum();
                    for c in p {
                        *c = (f32::from(*c) * f + 0.5) as u8;
                    }
                }
            }
        }
    }
}
