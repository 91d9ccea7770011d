use glyphic_core::Sample;

use super::sheet::{Sheet, View};
use crate::{
    SynthConfig,
    corpus::{Corpus, Length, Place},
    degrade,
    dice::Dice,
    fonts::{Font, Taste},
    line::Stock,
    text::{Layout, Setting},
};

/// What running text is set in; a face without one of these is not chosen.
const NEEDED: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,:;()-/'!?\"";

/// A page being set, in ems of its body's size.
struct Page<'a> {
    body: &'a Font,
    heading: &'a Font,
    setting: Setting,
    leading: f32,
    runs: Vec<(Layout<'a>, [f32; 2], f32)>,
    bars: Vec<[f32; 4]>,
}

impl<'a> Page<'a> {
    /// One line at (`x`, `y`), words left out at its end until it is no wider than `room`. Whether it was set.
    fn line(
        &mut self,
        dice: &mut Dice,
        font: &'a Font,
        text: &str,
        at: [f32; 2],
        room: f32,
        size: f32,
    ) -> bool {
        let Some(layout) = Layout::new(font, text, self.setting, dice) else { return false };
        // Cut by words in one step, from where each ends.
        let fits = layout.words.iter().take_while(|w| (w.ink[2] - layout.ink[0]) * size <= room).count();
        if fits == 0 {
            return false;
        }
        let layout = if fits == layout.words.len() {
            layout
        } else {
            let text = layout.words[..fits].iter().map(|w| w.text.as_str()).collect::<Vec<_>>().join(" ");
            let Some(shorter) = Layout::new(font, &text, self.setting, dice) else { return false };
            shorter
        };
        self.runs.push((layout, at, size));
        true
    }

    /// Fills a column from `top` to `bottom`.
    fn column(&mut self, corpus: &Corpus, dice: &mut Dice, x: f32, width: f32, top: f32, bottom: f32) {
        let mut y = top;
        while y < bottom {
            match dice.weighted(&[(0, 0.55), (1, 0.15), (2, 0.12), (3, 0.08), (4, 0.1)]) {
                1 => {
                    let size = dice.f(1.1, 1.8);
                    y += self.leading * size;
                    let text = corpus.phrase(dice, 1, 6);
                    self.line(dice, self.heading, &text, [x, y], width, size);
                    y += self.leading * 0.4;
                }
                2 => {
                    let mark = dice.pick(&["•", "-", "–", "*", "1.", "a)", "·"]);
                    for _ in 0..dice.int(2, 6) {
                        if y + self.leading > bottom {
                            break;
                        }
                        y += self.leading;
                        let text = format!("{mark} {}", corpus.phrase(dice, 2, 8));
                        self.line(dice, self.body, &text, [x + 1.0, y], width - 1.0, 1.0);
                    }
                }
                3 => {
                    // A figure: boxes that are no text.
                    let high = dice.f(3.0, 10.0).min(bottom - y - 1.0);
                    for _ in 0..dice.int(2, 9) {
                        let (a, b) = (dice.f(0.0, 0.85) * width, dice.f(0.0, 0.9) * high.max(0.1));
                        self.bars.push([
                            x + a,
                            y + 0.8 + b,
                            x + a + dice.f(0.1, 0.15 * width),
                            y + 0.8 + b + dice.f(0.1, 1.5),
                        ]);
                    }
                    y += high.max(0.0) + 2.2;
                }
                4 => {
                    let columns = dice.int(2, 4) as usize;
                    for _ in 0..dice.int(2, 7) {
                        if y + self.leading > bottom {
                            break;
                        }
                        y += self.leading;
                        for c in 0..columns {
                            let step = width / columns as f32;
                            let text = corpus.line(dice, Place::Document, Length::Word);
                            self.line(dice, self.body, &text, [x + c as f32 * step, y], step * 0.85, 1.0);
                        }
                    }
                }
                _ => {
                    for _ in 0..dice.int(2, 9) {
                        if y + self.leading > bottom {
                            break;
                        }
                        y += self.leading;
                        // More words than fit: the line is cut at the margin.
                        let text = corpus.phrase(dice, 12, 22);
                        self.line(dice, self.body, &text, [x, y], width, 1.0);
                    }
                }
            }
            y += self.leading * dice.f(0.2, 1.2);
        }
    }
}

pub(super) fn draw(stock: &Stock, config: &SynthConfig, dice: &mut Dice) -> Option<Sample> {
    let body = stock.fonts.choose(dice, NEEDED, Taste::Print)?;
    let heading = if dice.chance(0.5) { body } else { stock.fonts.choose(dice, NEEDED, Taste::Print)? };
    let setting = Setting { word_space: dice.f(0.85, 1.4), ..Setting::PLAIN };
    let leading = (body.ascent + body.descent) * dice.f(1.1, 1.9);
    let mut page = Page { body, heading, setting, leading, runs: Vec::new(), bars: Vec::new() };
    let columns = dice.weighted(&[(1usize, 0.65), (2, 0.3), (3, 0.05)]);
    let width = dice.f(18.0, 46.0) / (columns as f32).sqrt();
    let height = dice.f(0.5, 1.5) * width * (columns as f32) * 1.1;
    let (margin, gutter) = (dice.f(1.0, 5.0), dice.f(1.2, 2.5));
    for c in 0..columns {
        let x = margin + c as f32 * (width + gutter);
        page.column(&stock.corpus, dice, x, width, margin, height);
    }
    let w = 2.0 * margin + columns as f32 * width + (columns - 1) as f32 * gutter;
    // The last row's descenders and a block begun near the bottom need their room.
    let deepest = page.runs.iter().map(|r| r.1[1]).fold(height, f32::max);
    let h = deepest + margin;

    let photo = dice.chance(0.3);
    let border = if photo { dice.f(0.0, 0.12) } else { 0.0 };
    let view = View { photo, border, tallest: 26.0, smallest: 7.5, creases: (0.15, 0.12) };
    let letter = body.ascent + body.descent;
    let Page { runs, bars, .. } = page;
    let sheet = Sheet { place: Place::Document, size: [w, h], letter, runs, bars };
    sheet.print(config, dice, &view, |canvas, dice, letter| {
        if !photo && dice.chance(0.5) {
            degrade::grey(canvas);
        }
        degrade::scan(canvas, dice, letter);
    })
}
