//! Whole pictures with every word's and every line's outline.

mod document;
mod receipt;
mod scene;
mod sheet;

use std::sync::Arc;

use glyphic_core::{Line, Page, Region, Sample, TextInstance, Transcript};
use rayon::prelude::*;

use crate::{
    LineSynth, PageShares, Result, SynthConfig,
    canvas::Canvas,
    dice::{Dice, Purpose},
    line::Stock,
    text::{EmBox, Layout, Warp, polygon},
};

/// Words whose letters are lower than this, in pixels, are to be ignored: nobody could read them.
const SMALLEST: f32 = 6.0;

/// What a page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageKind {
    /// A till's receipt, scanned or photographed on a table.
    Receipt,
    /// Running text, headings and lists.
    Document,
    /// Signs before a street or room.
    Scene,
}

/// Draws whole pictures: receipts, documents and scenes with signs, each with the outline of every word and line.
///
/// A line ends where a column does, as receipts' ground truth has it: a label and its amount at the far right are two.
#[derive(Clone)]
pub struct PageSynth {
    config: SynthConfig,
    stock: Arc<Stock>,
}

impl std::fmt::Debug for PageSynth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PageSynth").field("config", &self.config).finish_non_exhaustive()
    }
}

impl PageSynth {
    /// Reads fonts and word lists (a second or so for a thousand fonts).
    ///
    /// # Errors
    /// [`Error::NoFonts`](crate::Error::NoFonts) where no folder holds a font with Latin letters,
    /// [`Error::Config`](crate::Error::Config) for a setting out of range.
    pub fn new(config: SynthConfig) -> Result<Self> {
        config.validate()?;
        let stock = Arc::new(Stock::load(&config)?);
        Ok(Self { config, stock })
    }

    /// Draws pages with the fonts and words that a line synthesiser has read already.
    pub fn beside(lines: &LineSynth) -> Self {
        Self { config: lines.config().clone(), stock: Arc::clone(lines.stock()) }
    }

    /// What page number `index` shows.
    pub fn kind(&self, index: u64) -> PageKind {
        self.draw_kind(&mut Dice::new(self.config.seed, Purpose::Page, index))
    }

    fn draw_kind(&self, dice: &mut Dice) -> PageKind {
        let PageShares { receipts, documents, scenes } = self.config.pages;
        dice.weighted(&[
            (PageKind::Receipt, receipts),
            (PageKind::Document, documents),
            (PageKind::Scene, scenes),
        ])
    }

    /// Page number `index`. Its instances are words with their text, its lines name the words they hold.
    pub fn page(&self, index: u64) -> Sample {
        let mut dice = Dice::new(self.config.seed, Purpose::Page, index);
        let kind = self.draw_kind(&mut dice);
        self.draw(kind, &mut dice)
    }

    /// As [`PageSynth::page`], of the kind that is wanted.
    pub fn page_of(&self, kind: PageKind, index: u64) -> Sample {
        self.draw(kind, &mut Dice::new(self.config.seed, Purpose::Page, index))
    }

    fn draw(&self, kind: PageKind, dice: &mut Dice) -> Sample {
        loop {
            let drawn = match kind {
                PageKind::Receipt => receipt::draw(&self.stock, &self.config, dice),
                PageKind::Document => document::draw(&self.stock, &self.config, dice),
                PageKind::Scene => scene::draw(&self.stock, &self.config, dice),
            };
            if let Some(sample) = drawn {
                return sample;
            }
        }
    }

    /// The pages of a range, drawn by all threads, in order.
    pub fn pages(&self, range: std::ops::Range<u64>) -> impl IndexedParallelIterator<Item = Sample> + '_ {
        let start = range.start;
        let count = range.end.saturating_sub(start) as usize;
        (0..count).into_par_iter().map(move |i| self.page(start + i as u64))
    }
}

/// Gathers the truth while a page is drawn.
struct Truth {
    page: Page,
}

impl Truth {
    fn new(canvas: &Canvas) -> Self {
        Self { page: Page::new(canvas.w as u32, canvas.h as u32) }
    }

    /// Notes a drawn line: its words, and itself. The page's own edge is the drawer's to keep.
    fn add(&mut self, layout: &Layout, warp: &Warp) {
        let mut indices = Vec::new();
        for word in &layout.words {
            let em_box = pad(layout.at_least_a_small_letter(word.ink));
            let outline = warp.outline(em_box);
            let Some(polygon) = polygon(&outline) else { continue };
            indices.push(self.page.instances.len());
            self.page.instances.push(TextInstance {
                transcript: Some(Transcript::truth(word.text.as_str())),
                ignore: height(&outline) < SMALLEST,
                ..TextInstance::new(Region { polygon, score: 1.0 })
            });
        }
        if let Some(polygon) = polygon(&warp.outline(pad(layout.tight()))) {
            self.page.lines.push(Line { polygon, text: layout.text(), score: 1.0, instances: indices });
        }
    }

    fn finish(self, canvas: Canvas) -> Option<Sample> {
        (!self.page.instances.is_empty()).then(|| Sample { image: canvas.into_image(), truth: self.page })
    }
}

fn pad(b: EmBox) -> EmBox {
    const BREATH: f32 = 0.04;
    [b[0] - BREATH, b[1] - BREATH, b[2] + BREATH, b[3] + BREATH]
}

/// The length of an outline's left edge: its letters' height in pixels, about.
fn height(outline: &[[f32; 2]]) -> f32 {
    let (top, bottom) = (outline[0], outline[outline.len() - 1]);
    (top[0] - bottom[0]).hypot(top[1] - bottom[1])
}
