//! What text stands on.

use crate::{
    canvas::{Canvas, Colour, mix, smooth_noise, white_noise},
    dice::Dice,
    raster::Raster,
};

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
        let any = [0; 3].map(|_: u8| dice.int(0, 255) as u8);
        let colour = mix(base, any, strength * dice.f(0.3, 1.0));
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
        let b = crate::text::bounds(&points);
        let (x0, y0) = (b[0].max(0.0) as i32, b[1].max(0.0) as i32);
        let (x1, y1) = (b[2].min(w).ceil() as i32, b[3].min(h).ceil() as i32);
        if x1 <= x0 || y1 <= y0 {
            continue;
        }
        let mut raster = Raster::new(x0, y0, (x1 - x0) as usize, (y1 - y0) as usize);
        raster.outline(&points);
        canvas.paint(&raster.finish(), dice.f(0.4, 1.0), colour);
    }
}

/// A rough surface: stone, plaster, wood (`stretch` pulls the hills along the rows).
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
