use glyphic_core::Sample;

use super::sheet::{Sheet, View};
use crate::{
    SynthConfig,
    canvas::{Canvas, hsv},
    corpus::{Corpus, Length, Place, amount, code, date, time},
    degrade,
    dice::Dice,
    fonts::{Font, Taste},
    line::Stock,
    text::{Layout, Setting},
};

/// What any till can print; a face without one of these is not chosen.
const NEEDED: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,:;()-/#@%*&'!$+=?\"";

/// A receipt being set, in ems of its main size: rows go down from `y`.
struct Roll<'a> {
    font: &'a Font,
    setting: Setting,
    /// Width between the margins.
    width: f32,
    margin: f32,
    y: f32,
    /// From one baseline to the next.
    leading: f32,
    runs: Vec<(Layout<'a>, [f32; 2], f32)>,
    /// Rules and bars: left, top, right, bottom.
    bars: Vec<[f32; 4]>,
}

impl<'a> Roll<'a> {
    /// A text at `x` of the width (0 left, 1 right), anchored there by `align` (0 its left end, 1 its right end), no
    /// wider than `room` of the width; words that do not fit are left out.
    fn put(&mut self, dice: &mut Dice, text: &str, x: f32, align: f32, room: f32, size: f32) {
        let mut text = text.to_owned();
        loop {
            let Some(layout) = Layout::new(self.font, &text, self.setting, dice) else { return };
            let wide = (layout.ink[2] - layout.ink[0]) * size;
            if wide <= room * self.width {
                let left = self.margin + x * self.width - align * wide - layout.ink[0] * size;
                self.runs.push((layout, [left, self.y], size));
                return;
            }
            match text.rfind(' ') {
                Some(cut) => text.truncate(cut),
                None => return,
            }
        }
    }

    fn next(&mut self, size: f32) {
        self.y += self.leading * size;
    }

    fn centre(&mut self, dice: &mut Dice, text: &str, size: f32) {
        // The row's own height first, so that tall letters do not reach the row above.
        self.y += self.leading * (size - 1.0);
        self.put(dice, text, 0.5, 0.5, 1.0, size);
        self.next(1.0);
    }

    fn rule(&mut self, dice: &mut Dice) {
        let kind = dice.index(4);
        if kind == 0 {
            // Tills print rules as characters, which nobody reads: bars here.
            self.y += 0.3 * self.leading;
            return;
        }
        let y = self.y - 0.35 * self.leading;
        let thick = dice.f(0.04, 0.12);
        let (left, right) = (self.margin, self.margin + self.width);
        match kind {
            1 => self.bars.push([left, y, right, y + thick]),
            _ => {
                let step = dice.f(0.35, 0.9);
                let mut x = left;
                while x + step < right {
                    self.bars.push([x, y, x + step * 0.6, y + thick]);
                    if kind == 3 {
                        self.bars.push([x, y + 2.5 * thick, x + step * 0.6, y + 3.5 * thick]);
                    }
                    x += step;
                }
            }
        }
        self.next(0.8);
    }

    fn barcode(&mut self, dice: &mut Dice) {
        let high = dice.f(1.5, 4.0);
        let (mut x, right) = (self.margin + 0.2 * self.width, self.margin + 0.8 * self.width);
        let thin = dice.f(0.06, 0.14);
        while x < right {
            let wide = thin * dice.int(1, 4) as f32;
            self.bars.push([x, self.y - 0.7, x + wide, self.y - 0.7 + high]);
            x += wide + thin * dice.int(1, 4) as f32;
        }
        self.y += high + 0.4;
    }

    /// A mark that is no text: a block of shapes in a round or square frame.
    fn logo(&mut self, dice: &mut Dice) {
        let side = dice.f(2.0, 5.0);
        let (x, y) = (self.margin + self.width * dice.f(0.1, 0.8), self.y - 0.8);
        for _ in 0..dice.int(2, 7) {
            let (a, b) = (dice.f(0.0, side), dice.f(0.0, side));
            self.bars.push([x + a, y + b, x + a + dice.f(0.2, 1.5), y + b + dice.f(0.2, 1.5)]);
        }
        self.y += side + 1.2;
    }
}

pub(super) fn draw(stock: &Stock, config: &SynthConfig, dice: &mut Dice) -> Option<Sample> {
    let font = stock.fonts.choose(dice, NEEDED, Taste::Till)?;
    let setting = Setting {
        stretch: if dice.chance(0.5) { 1.0 } else { dice.f(0.7, 1.25) },
        tracking: if dice.chance(0.7) { 0.0 } else { dice.f(-0.03, 0.12) },
        word_space: dice.f(0.9, 1.3),
        ..Setting::PLAIN
    };
    let advance = "aeE0nT ".chars().filter_map(|c| font.glyph(c)).map(|g| g.advance).sum::<f32>() / 7.0;
    let columns = dice.f(26.0, 48.0);
    let width = columns * (advance * setting.stretch + setting.tracking).max(0.25);
    let leading = (font.ascent + font.descent) * dice.f(1.02, 1.55);
    let margin = dice.f(0.3, 3.0);
    let mut roll =
        Roll { font, setting, width, margin, y: margin + 1.0, leading, runs: Vec::new(), bars: Vec::new() };
    fill(&mut roll, &stock.corpus, dice);
    let (w, h) = (width + 2.0 * margin, roll.y + margin);

    let photo = dice.chance(0.4);
    let border = if photo { dice.f(0.02, 0.25) } else { 0.0 };
    let view = View { photo, border, tallest: 24.0, smallest: 7.0, creases: (0.3, 0.16) };
    let letter = font.ascent + font.descent;
    let Roll { runs, bars, .. } = roll;
    let sheet = Sheet { place: Place::Receipt, size: [w, h], letter, runs, bars };
    sheet.print(config, dice, &view, |canvas, dice, letter| {
        if dice.chance(0.1) {
            scribble(canvas, dice);
        }
        if !photo && dice.chance(0.8) {
            degrade::grey(canvas);
        }
        if photo && dice.chance(0.5) {
            degrade::photograph(canvas, dice, letter);
        } else {
            degrade::scan(canvas, dice, letter);
        }
    })
}

/// The rows of a receipt from its head to its foot.
fn fill(roll: &mut Roll, corpus: &Corpus, dice: &mut Dice) {
    if dice.chance(0.25) {
        roll.logo(dice);
    }
    let head = dice.f(1.0, 1.9);
    let company = corpus.company(dice);
    roll.centre(dice, &company, head);
    let left = dice.chance(0.15);
    for _ in 0..dice.int(1, 6) {
        let text = corpus.shop_line(dice);
        if left {
            roll.put(dice, &text, 0.0, 0.0, 1.0, 1.0);
            roll.next(1.0);
        } else {
            roll.centre(dice, &text, 1.0);
        }
    }
    if dice.chance(0.7) {
        roll.next(dice.f(0.2, 1.0));
        let size = dice.f(1.0, 1.5);
        let text = corpus.receipt_head(dice);
        roll.centre(dice, &text, size);
    }
    if dice.chance(0.5) {
        roll.rule(dice);
    }
    fields(roll, corpus, dice);
    roll.rule(dice);
    items(roll, corpus, dice);
    roll.rule(dice);
    let big = dice.chance(0.35);
    let count = dice.int(2, 9);
    let tab = dice.f(0.0, 0.45);
    for i in 0..count {
        let (label, value) = corpus.total(dice);
        let size = if big && i == count / 2 { dice.f(1.2, 1.7) } else { 1.0 };
        roll.y += roll.leading * (size - 1.0);
        roll.put(dice, &label, tab, 0.0, 0.68 - tab, size);
        roll.put(dice, &value, 1.0, 1.0, 0.3, size);
        roll.next(1.0);
    }
    if dice.chance(0.4) {
        roll.rule(dice);
        for row in 0..dice.int(2, 4) {
            let cells: Vec<String> = if row == 0 {
                corpus.headings(dice)
            } else {
                let n = dice.int(2, 4);
                (0..n).map(|_| amount(dice)).collect()
            };
            spread(roll, dice, &cells);
        }
    }
    roll.next(dice.f(0.1, 1.2));
    for _ in 0..dice.int(1, 5) {
        let text = corpus.receipt_foot(dice);
        roll.centre(dice, &text, 1.0);
    }
    if dice.chance(0.25) {
        roll.barcode(dice);
        if dice.chance(0.7) {
            roll.y += 0.5;
            let text = code(dice);
            roll.centre(dice, &text, 1.0);
        }
    }
}

/// Cells at even steps over the width.
fn spread(roll: &mut Roll, dice: &mut Dice, cells: &[String]) {
    let n = cells.len() as f32;
    for (i, cell) in cells.iter().enumerate() {
        let x = if n > 1.0 { i as f32 / (n - 1.0) } else { 0.0 };
        roll.put(dice, cell, x, x, 0.92 / n, 1.0);
    }
    roll.next(1.0);
}

fn fields(roll: &mut Roll, corpus: &Corpus, dice: &mut Dice) {
    let style = dice.index(4);
    let tab = dice.f(0.28, 0.45);
    for _ in 0..dice.int(1, 7) {
        let (field, value) = corpus.field(dice);
        match style {
            0 => {
                let between = dice.pick(&[": ", " : ", ":", " "]);
                roll.put(dice, &format!("{field}{between}{value}"), 0.0, 0.0, 1.0, 1.0);
            }
            1 => {
                roll.put(dice, &field, 0.0, 0.0, tab - 0.03, 1.0);
                roll.put(dice, &format!(": {value}"), tab, 0.0, 1.0 - tab, 1.0);
            }
            2 => {
                roll.put(dice, &format!("{field}: {value}"), 0.0, 0.0, 0.48, 1.0);
                let (other, more) = corpus.field(dice);
                roll.put(dice, &format!("{other}: {more}"), 1.0, 1.0, 0.46, 1.0);
            }
            _ => {
                let right = if dice.chance(0.5) { time(dice) } else { value.clone() };
                let day = date(dice);
                roll.put(dice, &format!("{field} : {day}"), 0.0, 0.0, 0.62, 1.0);
                roll.put(dice, &right, 1.0, 1.0, 0.34, 1.0);
            }
        }
        roll.next(1.0);
    }
}

fn items(roll: &mut Roll, corpus: &Corpus, dice: &mut Dice) {
    let style = dice.index(4);
    if dice.chance(0.7) {
        let cells = corpus.headings(dice);
        spread(roll, dice, &cells);
        if dice.chance(0.5) {
            roll.rule(dice);
        }
    }
    let tax = dice.pick(&["", "", " SR", " S", "", " *", " T"]);
    for _ in 0..dice.int(1, 12) {
        let item = corpus.item(dice);
        let (count, each, sum) = (dice.int(1, 24), amount(dice), format!("{}{tax}", amount(dice)));
        match style {
            0 => {
                roll.put(dice, &item, 0.0, 0.0, 0.7, 1.0);
                roll.put(dice, &sum, 1.0, 1.0, 0.27, 1.0);
            }
            1 => {
                roll.put(dice, &item, 0.0, 0.0, 1.0, 1.0);
                roll.next(1.0);
                let number = code(dice);
                roll.put(dice, &number, 0.0, 0.0, 0.34, 1.0);
                roll.put(dice, &format!("{count} x"), 0.5, 1.0, 0.12, 1.0);
                roll.put(dice, &each, 0.72, 1.0, 0.19, 1.0);
                roll.put(dice, &sum, 1.0, 1.0, 0.25, 1.0);
            }
            2 => {
                roll.put(dice, &count.to_string(), 0.0, 0.0, 0.08, 1.0);
                roll.put(dice, &item, 0.1, 0.0, 0.58, 1.0);
                roll.put(dice, &sum, 1.0, 1.0, 0.27, 1.0);
            }
            _ => {
                roll.put(dice, &item, 0.0, 0.0, 1.0, 1.0);
                roll.next(1.0);
                let text = format!("{count} {} {each}", dice.pick(&["X", "@", "x RM", "PCS @"]));
                roll.put(dice, &text, 0.08, 0.0, 0.5, 1.0);
                roll.put(dice, &sum, 1.0, 1.0, 0.3, 1.0);
            }
        }
        roll.next(1.0);
        if dice.chance(0.06) {
            let text = corpus.line(dice, Place::Receipt, Length::Phrase);
            roll.put(dice, &text, 0.05, 0.0, 0.9, 1.0);
            roll.next(1.0);
        }
    }
}

/// A pen's line across the paper: a tick, an initial, a stroke. Unboxed in truth, as real data has it.
fn scribble(canvas: &mut Canvas, dice: &mut Dice) {
    let (w, h) = (canvas.w as f32, canvas.h as f32);
    let colour = if dice.chance(0.6) { hsv(4.0, 0.8, 0.6) } else { hsv(dice.f(0.0, 6.0), 0.6, 0.4) };
    let (mut x, mut y) = (dice.f(0.1 * w, 0.9 * w), dice.f(0.02 * h, 0.98 * h));
    let (mut angle, pen) = (dice.f(0.0, 6.3), dice.f(1.0, 2.5));
    let step = 0.012 * w;
    for _ in 0..dice.int(10, 60) {
        angle += dice.normal() * 0.6;
        let (nx, ny) = (x + step * angle.cos(), y + step * angle.sin());
        let (sx, sy) = (-angle.sin() * pen, angle.cos() * pen);
        canvas.fill(&[[x, y], [nx, ny], [nx + sx, ny + sy], [x + sx, y + sy]], 0.85, colour);
        (x, y) = (nx, ny);
    }
}
