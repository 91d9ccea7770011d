//! Where figures stand among the blocks of a page.

use glyphic_core::Rect;

use crate::{Block, BlockKind};

/// A caption is at most this far above or below its figure, in usual heights of the page's print.
const CAPTION_GAP: f64 = 2.5;

/// They share this much of the narrower one's width.
const SHARED: f64 = 0.5;

/// Puts a figure beside its caption, else where it stands in the reading order: before the first block below it, in its column.
pub(crate) fn insert(blocks: &mut Vec<Block>, figure: Rect, usual: f64) {
    let block = Block::new(BlockKind::Figure, Vec::new(), figure);
    let caption = blocks
        .iter()
        .enumerate()
        .filter(|(_, b)| b.kind == BlockKind::Caption && is_beside(&figure, &b.bounds, usual))
        .map(|(i, b)| {
            let (below, above) = (b.bounds.y0 - figure.y1, figure.y0 - b.bounds.y1);
            (i, below >= above, below.max(above))
        })
        .min_by(|a, b| a.2.total_cmp(&b.2));
    let at = match caption {
        Some((caption, true, _)) => caption,
        Some((caption, false, _)) => caption + 1,
        None => place(blocks, &figure),
    };
    blocks.insert(at, block);
}

/// Whether text stands directly above or below a figure; it may reach a little into it.
pub(crate) fn is_beside(figure: &Rect, text: &Rect, usual: f64) -> bool {
    let gap = (text.y0 - figure.y1).max(figure.y0 - text.y1);
    shares(figure, text) && (-usual..=CAPTION_GAP * usual).contains(&gap)
}

fn shares(a: &Rect, b: &Rect) -> bool {
    a.x1.min(b.x1) - a.x0.max(b.x0) >= SHARED * a.width().min(b.width())
}

/// Before the first block of its column that begins below the figure's top and does not stand in it; behind the last one of the
/// column where there is none, and behind the last block that lies above it where its column has none.
fn place(blocks: &[Block], figure: &Rect) -> usize {
    let middle = |r: &Rect| (r.y0 + r.y1) / 2.0;
    let below = |b: &Block| middle(&b.bounds) > figure.y0 && shares(figure, &b.bounds);
    let above = |b: &Block| middle(&b.bounds) <= figure.y0 && shares(figure, &b.bounds);
    let higher = |b: &Block| b.bounds.y1 <= middle(figure);
    blocks
        .iter()
        .position(below)
        .or_else(|| blocks.iter().rposition(above).map(|at| at + 1))
        .or_else(|| blocks.iter().rposition(higher).map(|at| at + 1))
        .unwrap_or(0)
}

/// Whether a block is the caption of the figure beside it in the order of blocks, as [`insert`] has put it.
pub(crate) fn is_captioned(figure: &Block, caption: Option<&Block>) -> bool {
    let Some(caption) = caption else { return false };
    // Turned pages have their captions at a side.
    let (a, b) = (&figure.bounds, &caption.bounds);
    let gap = (b.x0 - a.x1).max(a.x0 - b.x1).max(b.y0 - a.y1).max(a.y0 - b.y1);
    let print = b.width().min(b.height()) / caption.lines.len().max(1) as f64;
    figure.kind == BlockKind::Figure && caption.kind == BlockKind::Caption && gap <= 2.0 * CAPTION_GAP * print
}
