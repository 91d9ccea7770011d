//! A sheet of paper, printed and then scanned or photographed.

use glyphic_core::Sample;

use super::Truth;
use crate::{
    SynthConfig,
    canvas::{Canvas, hsv, luma, mix},
    corpus::Place,
    dice::Dice,
    ground,
    line::{Palette, ink, wear},
    raster::Raster,
    text::{Layout, Ripple, Warp, bounds},
};

/// What is printed, in ems of the main size.
pub(super) struct Sheet<'a> {
    pub(super) place: Place,
    pub(super) size: [f32; 2],
    /// Ascent and descent of the main font.
    pub(super) letter: f32,
    pub(super) runs: Vec<(Layout<'a>, [f32; 2], f32)>,
    /// Rules and bars: left, top, right, bottom.
    pub(super) bars: Vec<[f32; 4]>,
}

/// How it is looked at.
pub(super) struct View {
    /// Lying on a table, or alone on a scanner.
    pub(super) photo: bool,
    /// What is seen around it, as a share of its width.
    pub(super) border: f32,
    /// The letters' height in pixels is drawn up to this, from 10 on.
    pub(super) tallest: f32,
    /// Smaller letters are not worth a picture.
    pub(super) smallest: f32,
    /// How often it is creased, and how deep.
    pub(super) creases: (f32, f32),
}

impl Sheet<'_> {
    /// The picture, with what `finish` does to it last (it gets the letters' height in pixels). None where it would be
    /// too large or could not be read.
    pub(super) fn print(
        self,
        config: &SynthConfig,
        dice: &mut Dice,
        view: &View,
        finish: impl FnOnce(&mut Canvas, &mut Dice, f32),
    ) -> Option<Sample> {
        let [w, h] = self.size;
        let side = w.max(h) + 2.0 * view.border * w;
        let (low, high) = (config.min_page_side as f32 / side, 0.97 * config.max_page_side as f32 / side);
        let scale = (dice.f(10.0, view.tallest) / self.letter).max(low).min(high);
        let letter = scale * self.letter;
        if letter < view.smallest {
            return None;
        }
        let (warp, pw, ph) = lay(dice, w, h, scale, view.border, !view.photo);
        if pw.max(ph) > config.max_page_side as usize {
            return None;
        }

        let palette = Palette::draw(dice, self.place);
        let mut canvas = Canvas::new(pw, ph, palette.ground);
        if view.photo {
            table(&mut canvas, dice, &warp, [w, h], &palette, config.degrade);
        }
        if config.degrade {
            ground::paper(&mut canvas, dice);
            if dice.chance(view.creases.0) {
                ground::creases(&mut canvas, dice, view.creases.1);
            }
        }
        let mut truth = Truth::new(&canvas);
        let mut raster = Raster::new(0, 0, pw, ph);
        for (layout, at, size) in &self.runs {
            let placed = warp.placed(*at, *size);
            layout.draw(&mut raster, &placed);
            truth.add(layout, &placed);
        }
        for bar in &self.bars {
            raster.outline(&warp.outline(*bar));
        }
        let mut mask = raster.finish();
        if config.degrade {
            wear(dice, &mut mask, self.place, letter);
        }
        ink(dice, &mut canvas, &mask, &palette, self.place, letter, config.degrade);
        if config.degrade {
            finish(&mut canvas, dice, letter);
            if crate::line::legibility(&canvas, &mask) < crate::line::LEGIBLE {
                return None;
            }
        }
        truth.finish(canvas)
    }
}

/// A sheet of `w` x `h` units laid on a picture: a little turned, seen at an angle, not quite flat. Returns the map
/// and the picture's size; the sheet with `border` (a share of its width) around it fills the picture.
fn lay(dice: &mut Dice, w: f32, h: f32, scale: f32, border: f32, calm: bool) -> (Warp, usize, usize) {
    let mut warp = Warp::IDENTITY.then(scale, [0.0, 0.0]);
    let (w, h) = (w * scale, h * scale);
    if !calm || dice.chance(0.6) {
        let turn = dice.normal().clamp(-2.2, 2.2) * if calm { 0.008 } else { 0.04 };
        let (sin, cos) = turn.sin_cos();
        let to_middle = [1.0, 0.0, -w / 2.0, 0.0, 1.0, -h / 2.0, 0.0, 0.0, 1.0];
        warp = warp.then_h(&to_middle).then_h(&[cos, -sin, 0.0, sin, cos, 0.0, 0.0, 0.0, 1.0]);
        if !calm {
            let side = w.max(h);
            let (px, py) = (dice.f(-0.16, 0.16) / side, dice.f(-0.16, 0.16) / side);
            warp = warp.then_h(&[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, px, py, 1.0]);
        }
    }
    let b = bounds(&warp.outline([0.0, 0.0, w / scale, h / scale]));
    let frame = border * w;
    warp = warp.then(1.0, [frame - b[0], frame - b[1]]);
    let (out_w, out_h) = (b[2] - b[0] + 2.0 * frame, b[3] - b[1] + 2.0 * frame);
    if dice.chance(if calm { 0.15 } else { 0.4 }) {
        // Long waves alone: letters keep their shape.
        let amp = (frame * 0.6).min(0.006 * w) + 0.002 * w;
        let wave = |dice: &mut Dice, side: f32| dice.f(0.6, 2.2) * std::f32::consts::TAU / side;
        warp.ripple = Some(Ripple {
            amp: [dice.f(0.0, amp), dice.f(0.0, amp)],
            freq: [wave(dice, h), wave(dice, w)],
            phase: [dice.f(0.0, 6.0), dice.f(0.0, 6.0)],
        });
    }
    (warp, out_w.ceil() as usize, out_h.ceil() as usize)
}

/// The receipt's paper on something darker (or at least other) than itself.
fn table(canvas: &mut Canvas, dice: &mut Dice, warp: &Warp, size: [f32; 2], palette: &Palette, rich: bool) {
    let mut base = hsv(dice.f(0.0, 6.0), dice.f(0.0, 0.7), dice.f(0.05, 0.8));
    if (luma(base) - luma(palette.ground)).abs() < 25.0 {
        base = mix(base, [0; 3], 0.6);
    }
    canvas.rgb = base.repeat(canvas.w * canvas.h);
    if rich {
        match dice.index(4) {
            0 => ground::rough(canvas, dice, 14.0),
            1 => ground::street(canvas, dice, base),
            2 => ground::stripes(canvas, dice, mix(base, [90; 3], 0.4), 0.5),
            _ => {
                let n = dice.int(0, 8) as usize;
                ground::clutter(canvas, dice, base, 0.5, n);
            }
        }
    }
    let sheet = warp.outline([0.0, 0.0, size[0], size[1]]);
    if rich && dice.chance(0.6) {
        let shift = dice.f(1.0, 6.0);
        let shadow: Vec<_> = sheet.iter().map(|p| [p[0] + shift, p[1] + shift]).collect();
        canvas.fill(&shadow, 0.4, [0; 3]);
    }
    canvas.fill(&sheet, 1.0, palette.ground);
}
