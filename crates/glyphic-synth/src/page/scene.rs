use glyphic_core::Sample;

use super::Truth;
use crate::{
    SynthConfig,
    canvas::{Canvas, Colour, luma, mix},
    corpus::{self, Length, Place},
    degrade,
    dice::Dice,
    fonts::Taste,
    ground,
    line::{Palette, Stock, bend, ink, setting, wear},
    raster::Raster,
    text::{EMPTY, EmBox, Layout, Warp, bounds, join},
};

/// Lines of text that stand together on one sign, in ems of the sign's first line.
struct Sign<'a> {
    lines: Vec<(Layout<'a>, [f32; 2], f32)>,
    bounds: EmBox,
    /// Height of the lowest letters, in ems.
    smallest: f32,
    /// The most that a letter may take of the picture's height.
    room: f32,
}

pub(super) fn draw(stock: &Stock, config: &SynthConfig, dice: &mut Dice) -> Option<Sample> {
    let side = dice.f(config.min_page_side as f32, config.max_page_side as f32);
    let aspect = dice.f(0.56, 0.8);
    let (w, h) = if dice.chance(0.75) { (side, side * aspect) } else { (side * aspect, side) };
    let (w, h) = (w as usize, h as usize);
    let base = ground::dull(dice);
    let mut canvas = Canvas::new(w, h, base);
    if config.degrade {
        match stock.grounds.piece(dice, 0.67, w, h) {
            Some(piece) => canvas = piece,
            None => ground::street(&mut canvas, dice, base),
        }
    }
    let mut truth = Truth::new(&canvas);
    let mut taken: Vec<EmBox> = Vec::new();
    let mut smallest = f32::MAX;
    let wanted = dice.weighted(&[(2, 0.25), (4, 0.3), (7, 0.27), (12, 0.18)]);
    for _ in 0..wanted {
        let Some(sign) = set_sign(stock, dice) else { continue };
        for _ in 0..12 {
            let Some((warp, panel)) = stand(dice, &sign, w as f32, h as f32, config.curved) else { continue };
            let outline = warp.outline(panel);
            let b = bounds(&outline);
            let inside = b[0] >= 0.0 && b[1] >= 0.0 && b[2] < w as f32 && b[3] < h as f32;
            let free = taken.iter().all(|t| b[2] < t[0] || t[2] < b[0] || b[3] < t[1] || t[3] < b[1]);
            if !inside || !free {
                continue;
            }
            taken.push(b);
            let letter = letters(&sign, &warp);
            smallest = smallest.min(letter);
            paint_sign(dice, &mut canvas, &sign, &warp, &outline, letter, config.degrade);
            for (layout, at, size) in &sign.lines {
                truth.add(layout, &warp.placed(*at, *size));
            }
            break;
        }
    }
    if config.degrade && !taken.is_empty() {
        degrade::photograph(&mut canvas, dice, smallest.clamp(9.0, 40.0));
    }
    truth.finish(canvas)
}

/// Height of the sign's lowest letters in pixels.
fn letters(sign: &Sign, warp: &Warp) -> f32 {
    let b = sign.bounds;
    let x = (b[0] + b[2]) / 2.0;
    let (p, q) = (warp.apply([x, b[1]]), warp.apply([x, b[3]]));
    (p[0] - q[0]).hypot(p[1] - q[1]) * sign.smallest / (b[3] - b[1])
}

fn set_sign<'a>(stock: &'a Stock, dice: &mut Dice) -> Option<Sign<'a>> {
    // The letter of an entrance, the number of a platform.
    let mark = dice.chance(0.07);
    let count = if mark { 1 } else { dice.weighted(&[(1, 0.5), (2, 0.25), (3, 0.15), (5, 0.1)]) };
    let same_font = dice.chance(0.7);
    let align = dice.weighted(&[(0.5, 0.6), (0.0, 0.4)]);
    let mut texts = Vec::new();
    for _ in 0..count {
        let length = if dice.chance(0.55) { Length::Word } else { Length::Phrase };
        texts.push(if mark { corpus::mark(dice) } else { stock.corpus.line(dice, Place::Sign, length) });
    }
    let mut font = stock.fonts.choose(dice, &texts.join(" "), Taste::Any)?;
    let style = setting(dice, Place::Sign);
    let room = if mark { 0.6 } else { 0.25 };
    let mut sign = Sign { lines: Vec::new(), bounds: EMPTY, smallest: f32::MAX, room };
    let mut bottom = 0.0;
    for (i, text) in texts.iter().enumerate() {
        if i > 0 && !same_font {
            font = stock.fonts.choose(dice, text, Taste::Any)?;
        }
        let size = if i == 0 { 1.0 } else { dice.f(0.4, 1.1) };
        let layout = Layout::new(font, text, style, dice)?;
        let ink = layout.tight();
        // Below what stands already, with a little air.
        let y = if i == 0 { 0.0 } else { bottom + (dice.f(0.12, 0.5) - ink[1]) * size };
        let wide = (ink[2] - ink[0]) * size;
        let first = sign.lines.first().map_or(0.0, |(l, _, _)| l.ink[2] - l.ink[0]);
        let x = if i == 0 { -ink[0] } else { align * (first - wide) - ink[0] * size };
        bottom = y + ink[3] * size;
        sign.bounds = join(sign.bounds, [x + ink[0] * size, y + ink[1] * size, x + ink[2] * size, bottom]);
        sign.smallest = sign.smallest.min((font.ascent + font.descent) * size);
        sign.lines.push((layout, [x, y], size));
    }
    Some(sign)
}

/// A place for the sign: its map and its panel in ems.
fn stand(dice: &mut Dice, sign: &Sign, w: f32, h: f32, curved: f32) -> Option<(Warp, EmBox)> {
    let b = sign.bounds;
    let (air_x, air_y) = (dice.f(0.05, 0.8), dice.f(0.05, 0.5));
    let panel = [b[0] - air_x, b[1] - air_y, b[2] + air_x, b[3] + air_y];
    let mut warp = bend(dice, panel, Place::Sign, curved);
    if sign.lines.len() > 1 {
        // Several lines on one circle would cross each other.
        warp.curve = None;
    }
    match dice.weighted(&[(0, 0.86), (1, 0.08), (2, 0.06)]) {
        1 => warp = turned(warp, dice.f(-0.6, 0.6)),
        2 => warp = turned(warp, dice.sign() * std::f32::consts::FRAC_PI_2 + dice.f(-0.05, 0.05)),
        _ => {}
    }
    let m = bounds(&warp.outline(panel));
    // Most text in streets is small: even in the logarithm.
    let letter = (dice.f(8.0f32.ln(), (sign.room * h).ln())).exp();
    let scale = (letter / sign.smallest).min(0.92 * w / (m[2] - m[0])).min(0.92 * h / (m[3] - m[1]));
    if scale * sign.smallest < 7.0 {
        return None;
    }
    let (x, y) = (dice.f(0.0, w - (m[2] - m[0]) * scale), dice.f(0.0, h - (m[3] - m[1]) * scale));
    Some((warp.then(scale, [x - m[0] * scale, y - m[1] * scale]), panel))
}

fn turned(warp: Warp, angle: f32) -> Warp {
    let (sin, cos) = angle.sin_cos();
    warp.then_h(&[cos, -sin, 0.0, sin, cos, 0.0, 0.0, 0.0, 1.0])
}

fn paint_sign(
    dice: &mut Dice,
    canvas: &mut Canvas,
    sign: &Sign,
    warp: &Warp,
    outline: &[[f32; 2]],
    letter: f32,
    degrade: bool,
) {
    let mut palette = Palette::draw(dice, Place::Sign);
    let b = bounds(outline);
    if dice.chance(0.65) || !degrade {
        if degrade && dice.chance(0.25) {
            let rim = letter * 0.12;
            let middle = [(b[0] + b[2]) / 2.0, (b[1] + b[3]) / 2.0];
            let grown: Vec<_> =
                outline.iter().map(|p| [0, 1].map(|i| p[i] + rim * (p[i] - middle[i]).signum())).collect();
            canvas.fill(&grown, 1.0, palette.ink);
        }
        canvas.fill(outline, 1.0, palette.ground);
        if degrade && dice.chance(0.4) {
            shine(dice, canvas, outline, palette.ground, palette.room);
        }
    } else {
        // Letters on the wall itself.
        palette.ground = canvas.mean(b);
        let far: Colour = if luma(palette.ground) > 127.0 { [0; 3] } else { [255; 3] };
        if (luma(palette.ink) - luma(palette.ground)).abs() < 75.0 {
            palette.ink = mix(palette.ink, far, 0.75);
        }
    }
    let Some(mut raster) = Raster::around(outline, canvas.w, canvas.h) else { return };
    for (layout, at, size) in &sign.lines {
        layout.draw(&mut raster, &warp.placed(*at, *size));
    }
    let mut mask = raster.finish();
    if degrade {
        wear(dice, &mut mask, Place::Sign, letter);
    }
    ink(dice, canvas, &mask, &palette, Place::Sign, letter, degrade);
}

/// A panel's own shading: a second colour that grows over it.
fn shine(dice: &mut Dice, canvas: &mut Canvas, outline: &[[f32; 2]], ground: Colour, room: f32) {
    let Some(mut raster) = Raster::around(outline, canvas.w, canvas.h) else { return };
    raster.outline(outline);
    let mut mask = raster.finish();
    let (w, h) = (mask.w as f32, mask.h as f32);
    let along = dice.chance(0.5);
    let width = mask.w;
    for (i, m) in mask.data.iter_mut().enumerate() {
        *m *= if along { (i % width) as f32 / w } else { (i / width) as f32 / h };
    }
    let other = [0; 3].map(|_: u8| dice.int(0, 255) as u8);
    canvas.paint(&mask, 1.0, mix(ground, other, room));
}
