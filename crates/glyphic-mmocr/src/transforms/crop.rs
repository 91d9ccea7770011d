//! Random crops that respect texts.

use glyphic_core::Point;
use glyphic_core::geometry::{intersection_area, min_area_rect, signed_area};
use glyphic_imgproc::Sides;
use serde::{Deserialize, Serialize};

use super::draw::hit;
use super::scene::{BLACK, bounds};
use super::{Draws, OneOrPair, Picture, Scene};
use crate::{Error, Result};
use glyphic_core::Compat;

/// Columns (or rows) that no text touches, of `0..size`; a text's are those from its first to before its last vertex.
struct Free {
    taken: Vec<bool>,
}

impl Free {
    fn new(size: usize) -> Self {
        Self { taken: vec![false; size] }
    }

    /// Takes `from..to`, cut to what there is.
    fn take(&mut self, from: f64, to: f64) {
        let size = self.taken.len() as f64;
        let (from, to) = (from.clamp(0.0, size) as usize, to.clamp(0.0, size) as usize);
        if from < to {
            self.taken[from..to].fill(true);
        }
    }

    fn places(&self) -> Vec<usize> {
        (0..self.taken.len()).filter(|&i| !self.taken[i]).collect()
    }

    /// Runs of neighbouring places.
    fn regions(&self) -> Vec<std::ops::Range<usize>> {
        let mut regions: Vec<std::ops::Range<usize>> = Vec::new();
        for i in self.places() {
            match regions.last_mut() {
                Some(last) if last.end == i => last.end += 1,
                _ => regions.push(i..i + 1),
            }
        }
        regions
    }
}

/// Cuts along rows and columns that no text crosses, then scales the piece into a square's corner: MMOCR's
/// `EastRandomCrop`.
///
/// [`Compat::Mmocr021`] never cuts in the last free strip beside or below the texts, which the reference forgets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EastRandomCrop {
    /// Width and height of the result.
    pub target_size: [usize; 2],
    /// How many cuts are tried before the whole picture is taken.
    pub max_tries: usize,
    /// The least side of a cut, over the picture's.
    pub min_crop_side_ratio: f64,
    /// Whose behaviour is wanted.
    pub compat: Compat,
}

impl Default for EastRandomCrop {
    fn default() -> Self {
        Self { target_size: [640, 640], max_tries: 10, min_crop_side_ratio: 0.1, compat: Compat::Fixed }
    }
}

fn beside(outline: &[Point], [x, y, w, h]: [f64; 4]) -> bool {
    let [x0, y0, x1, y1] = bounds(outline);
    x1 < x || x0 > x + w || y1 < y || y0 > y + h
}

impl EastRandomCrop {
    /// The cut `[x, y, width, height]` for texts on a picture of this size.
    pub fn draw(
        &self,
        height: usize,
        width: usize,
        texts: &[Vec<Point>],
        rng: &mut impl Draws,
    ) -> [usize; 4] {
        let all = [0, 0, width, height];
        let (mut rows, mut columns) = (Free::new(height), Free::new(width));
        for text in texts {
            let [x0, y0, x1, y1] = bounds(text).map(f64::round_ties_even);
            columns.take(x0, x1);
            rows.take(y0, y1);
        }
        if columns.places().is_empty() || rows.places().is_empty() {
            return all;
        }
        for _ in 0..self.max_tries {
            let (x0, x1) = self.ends(&columns, width, rng);
            let (y0, y1) = self.ends(&rows, height, rng);
            let (w, h) = (x1 - x0, y1 - y0);
            let small = |side: usize, whole: usize| (side as f64) < self.min_crop_side_ratio * whole as f64;
            if small(w, width) || small(h, height) || w == 0 || h == 0 {
                continue;
            }
            let cut = [x0 as f64, y0 as f64, w as f64, h as f64];
            if texts.iter().any(|t| !beside(t, cut)) {
                return [x0, y0, w, h];
            }
        }
        all
    }

    /// Two free places, from different strips where there are several.
    fn ends(&self, free: &Free, size: usize, rng: &mut impl Draws) -> (usize, usize) {
        let mut regions = free.regions();
        if self.compat.is_reference() {
            regions.pop();
        }
        let places = free.places();
        let (a, b) = if regions.len() > 1 {
            // Both strips first, then a place in each.
            let strips = [rng.choice(regions.len()), rng.choice(regions.len())];
            let [a, b] = strips.map(|i| regions[i].start + rng.choice(regions[i].len()));
            (a, b)
        } else {
            let mut one = || places[rng.choice(places.len())].min(size - 1);
            (one(), one())
        };
        (a.min(b), a.max(b))
    }

    /// Cuts and scales the scene. Texts beside the cut are dropped.
    ///
    /// # Errors
    /// [`Error::Pixels`] for a target without pixels or above 65,536 a side.
    pub fn apply(&self, scene: &mut Scene, rng: &mut impl Draws) -> Result<()> {
        let [height, width] = scene.picture.size();
        let [x, y, w, h] = self.draw(height, width, &scene.texts, rng);
        scene.crop(x, y, x + w, y + h)?;
        let [target_w, target_h] = self.target_size;
        let scale = (target_w as f64 / w as f64).min(target_h as f64 / h as f64);
        let fit = |side: usize, most: usize| ((side as f64 * scale) as usize).clamp(1, most.max(1));
        let (new_h, new_w) = (fit(h, target_h), fit(w, target_w));
        scene.resize(new_h, new_w)?;
        scene.keep(|outline| !beside(outline, [0.0, 0.0, new_w as f64, new_h as f64]));
        let sides = Sides {
            right: target_w.saturating_sub(new_w),
            bottom: target_h.saturating_sub(new_h),
            ..Sides::default()
        };
        scene.pad(sides, BLACK)
    }
}

/// Which bitmaps say where texts are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskType {
    /// The first.
    #[default]
    Inx0,
    /// All together.
    UnionAll,
}

/// Cuts a piece of fixed size, often where texts are: MMOCR's `RandomCropInstances`, on bitmaps.
///
/// Where only one offset shows text, that one is taken; [`Compat::Mmocr021`] takes 0 then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomCropInstances {
    /// Height and width of the piece, or its side.
    pub target_size: OneOrPair<usize>,
    /// The bitmaps that say where texts are.
    pub instance_key: String,
    /// Which of them.
    #[serde(default)]
    pub mask_type: MaskType,
    /// Probability that the piece is chosen by texts.
    #[serde(default = "mostly")]
    pub positive_sample_ratio: f64,
    /// Whose behaviour is wanted.
    #[serde(default)]
    pub compat: Compat,
}

fn mostly() -> f64 {
    5.0 / 8.0
}

impl RandomCropInstances {
    fn target(&self) -> [usize; 2] {
        match self.target_size {
            OneOrPair::One(side) => [side, side],
            OneOrPair::Pair(pair) => pair,
        }
    }

    /// The first row and column of the piece. `texts` marks pixels of texts, if there are any bitmaps.
    pub fn draw(
        &self,
        [height, width]: [usize; 2],
        texts: Option<&[bool]>,
        rng: &mut impl Draws,
    ) -> [usize; 2] {
        let size = [height, width];
        let target: [usize; 2] = std::array::from_fn(|i| self.target()[i].min(size[i]));
        let extent = texts.filter(|_| hit(rng, self.positive_sample_ratio)).and_then(|m| extent(m, width));
        let mut out = [0; 2];
        for axis in 0..2 {
            let most = size[axis] - target[axis];
            out[axis] = match extent {
                Some((least, last)) => {
                    let low = least[axis].saturating_sub(target[axis]);
                    let high = last[axis].saturating_sub(target[axis]).min(most);
                    if low < high {
                        rng.whole(low, high)
                    } else if self.compat.is_reference() {
                        0
                    } else {
                        low.min(most)
                    }
                }
                None => rng.whole(0, most),
            };
        }
        out
    }

    /// Cuts the scene. Texts beside the piece are dropped, boxes are cut.
    ///
    /// # Errors
    /// [`Error::Step`] without bitmaps of the name, [`Error::Pixels`] for a target without pixels.
    pub fn apply(&self, scene: &mut Scene, rng: &mut impl Draws) -> Result<()> {
        let Some(masks) = scene.masks.get(&self.instance_key) else {
            let reason = format!(
                "there are no bitmaps {:?}; LoadTextAnnotations or targets must come before",
                self.instance_key
            );
            return Err(Error::Step { step: "RandomCropInstances", reason });
        };
        let used = match self.mask_type {
            MaskType::Inx0 => &masks[..masks.len().min(1)],
            MaskType::UnionAll => &masks[..],
        };
        let size = scene.picture.size();
        let mut marked = (!used.is_empty()).then(|| vec![false; size[0] * size[1]]);
        if let Some(marks) = &mut marked {
            for mask in used {
                match mask {
                    Picture::U8(r) => marks.iter_mut().zip(r.data()).for_each(|(m, v)| *m |= *v > 0),
                    Picture::F32(r) => marks.iter_mut().zip(r.data()).for_each(|(m, v)| *m |= *v > 0.0),
                }
            }
        }
        let [y, x] = self.draw(size, marked.as_deref(), rng);
        let [h, w] = self.target();
        scene.crop(x, y, x.saturating_add(w), y.saturating_add(h))?;
        let [h, w] = scene.picture.size();
        let (wide, tall) = (w as f64, h as f64);
        let by_boxes = !scene.boxes.is_empty();
        let touches = |[x0, y0, x1, y1]: [f64; 4]| x0 < wide && x1 > 0.0 && y0 < tall && y1 > 0.0;
        if by_boxes {
            let kept: Vec<bool> = scene.boxes.iter().map(|b| touches(*b)).collect();
            scene.keep_texts(&kept);
            scene.cut_boxes(h, w);
        } else {
            scene.keep(|outline| touches(bounds(outline)));
        }
        Ok(())
    }
}

/// The least and the last row and column that are marked, `[row, column]`.
fn extent(marks: &[bool], width: usize) -> Option<([usize; 2], [usize; 2])> {
    let mut found: Option<([usize; 2], [usize; 2])> = None;
    for i in (0..marks.len()).filter(|&i| marks[i]) {
        let at = [i / width, i % width];
        let (low, high) = found.get_or_insert((at, at));
        for axis in 0..2 {
            low[axis] = low[axis].min(at[axis]);
            high[axis] = high[axis].max(at[axis]);
        }
    }
    found
}

/// Cuts around one whole text along rows and columns that no text crosses: MMOCR's `RandomCropPolyInstances`.
///
/// Outlines that reach over the piece by less than 4 pixels are cut to it, others dropped. [`Compat::Mmocr021`] does not
/// see texts within two pixels of the left and upper edge, and may cut them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomCropPolyInstances {
    /// The outlines that a text is chosen from: `gt_masks` or `gt_masks_ignore`.
    pub instance_key: String,
    /// Probability of a cut.
    pub crop_ratio: f64,
    /// The least side of the piece, over the picture's, 0 to 1.
    pub min_side_ratio: f64,
    /// Whose behaviour is wanted.
    pub compat: Compat,
}

impl Default for RandomCropPolyInstances {
    fn default() -> Self {
        Self {
            instance_key: "gt_masks".to_owned(),
            crop_ratio: mostly(),
            min_side_ratio: 0.4,
            compat: Compat::Fixed,
        }
    }
}

/// How far an outline may reach over a piece.
const OVER: f64 = 4.0;

impl RandomCropPolyInstances {
    /// The piece `[x0, y0, x1, y1]` around `text`, for a picture of this size with these outlines on it.
    pub fn draw<'a>(
        &self,
        [height, width]: [usize; 2],
        text: &[Point],
        outlines: impl Iterator<Item = &'a [Point]>,
        rng: &mut impl Draws,
    ) -> [usize; 4] {
        let sizes = [width, height];
        let mut free = sizes.map(Free::new);
        for outline in outlines {
            let [x0, y0, x1, y1] = bounds(outline).map(f64::trunc);
            for (axis, (low, high)) in [(x0, x1), (y0, y1)].into_iter().enumerate() {
                let last = sizes[axis] as f64 - 1.0;
                let (low, high) = (low.clamp(0.0, last) - 2.0, high.clamp(0.0, last) + 3.0);
                // A negative start of a Python slice counts from the end, which leaves it empty.
                if !(self.compat.is_reference() && low < 0.0) {
                    free[axis].take(low, high);
                }
            }
        }
        let [x0, y0, x1, y1] = bounds(text).map(f64::trunc);
        let mut spans = [[0; 2]; 2];
        for (axis, (low, high)) in [(x0, x1), (y0, y1)].into_iter().enumerate() {
            let size = sizes[axis];
            let last = size.saturating_sub(1);
            let most_start = (low - 2.0).clamp(0.0, last as f64) as usize;
            let least_end = (high + 3.0).clamp(0.0, last as f64) as usize;
            let least = (size as f64 * self.min_side_ratio.clamp(0.0, 1.0)) as usize;
            spans[axis] = span(&free[axis], least, most_start, least_end, rng);
        }
        [spans[0][0], spans[1][0], spans[0][1], spans[1][1]]
    }

    /// The piece `[x0, y0, x1, y1]` around one of `texts`, at least one; see [`RandomCropPolyInstances::draw`].
    pub fn choose<'a>(
        &self,
        size: [usize; 2],
        texts: &[Vec<Point>],
        outlines: impl Iterator<Item = &'a [Point]>,
        rng: &mut impl Draws,
    ) -> [usize; 4] {
        let chosen = rng.whole(0, texts.len()).min(texts.len() - 1);
        self.draw(size, &texts[chosen], outlines, rng)
    }

    /// Cuts the scene. Returns whether it did: not by chance, or without a text to choose.
    ///
    /// # Errors
    /// [`Error::Setup`] for an unknown `instance_key`.
    pub fn apply(&self, scene: &mut Scene, rng: &mut impl Draws) -> Result<bool> {
        let texts = match self.instance_key.as_str() {
            "gt_masks" => &scene.texts,
            "gt_masks_ignore" => &scene.ignored,
            other => {
                let reason = format!("instance_key is {other:?}, it must be gt_masks or gt_masks_ignore");
                return Err(Error::Setup { what: "RandomCropPolyInstances", reason });
            }
        };
        if texts.is_empty() || !hit(rng, self.crop_ratio) {
            return Ok(false);
        }
        let [x0, y0, x1, y1] = self.choose(scene.picture.size(), texts, scene.outlines(), rng);
        if x1 <= x0 || y1 <= y0 {
            return Ok(false);
        }
        scene.crop(x0, y0, x1, y1)?;
        let (w, h) = ((x1 - x0) as f64, (y1 - y0) as f64);
        let inside = |p: &Point| p.x > -OVER && p.x < w + OVER && p.y > -OVER && p.y < h + OVER;
        scene.keep(|outline| outline.iter().all(inside));
        let outlines = scene.texts.iter_mut().chain(&mut scene.ignored);
        let outlines = outlines.chain(scene.characters.iter_mut().map(|c| &mut c.outline));
        outlines.flatten().for_each(|p| *p = Point::new(p.x.clamp(0.0, w), p.y.clamp(0.0, h)));
        scene.cut_boxes(y1 - y0, x1 - x0);
        Ok(true)
    }
}

/// A start of at most `most_start` and an end of at least `least_end`, at least `least` apart, both free (or at the
/// picture's edges). A strip is drawn first, then a place in it.
fn span(free: &Free, least: usize, most_start: usize, least_end: usize, rng: &mut impl Draws) -> [usize; 2] {
    let size = free.taken.len();
    fn pick(free: &Free, rng: &mut impl Draws) -> usize {
        let regions = free.regions();
        let region = regions[rng.whole(0, regions.len()).min(regions.len() - 1)].clone();
        rng.whole(region.start, region.end)
    }
    let mut starts = Free { taken: free.taken.clone() };
    starts.taken[most_start.min(size.saturating_sub(least)).min(size)..].fill(true);
    starts.taken[0] = false;
    let start = pick(&starts, rng);
    let mut ends = Free { taken: free.taken.clone() };
    ends.taken[..(start + least).max(least_end).min(size)].fill(true);
    ends.taken[size - 1] = false;
    [start, pick(&ends, rng)]
}

/// Mirrors a piece of the picture in place, at rows and columns that no text crosses: MMOCR's `RandomCropFlip`.
///
/// Where no piece is found that cuts no text, nothing is done; the reference then mirrors the last one tried, cuts texts
/// and loses the outlines it had not yet looked at, so [`Compat`] has no say here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomCropFlip {
    /// How far the choice reaches over the edges, over the picture's sides: so much likelier is a piece to end there.
    pub pad_ratio: f64,
    /// Probability of a mirrored piece.
    pub crop_ratio: f64,
    /// How many pieces are mirrored.
    pub iter_num: usize,
    /// The least area of a piece, over the picture's.
    pub min_area_ratio: f64,
}

impl Default for RandomCropFlip {
    fn default() -> Self {
        Self { pad_ratio: 0.1, crop_ratio: 0.5, iter_num: 1, min_area_ratio: 0.2 }
    }
}

/// An overlap of less is none.
const EPSILON: f64 = 1e-2;

impl RandomCropFlip {
    /// The rows and the columns that no outline crosses, of a picture `[height, width]` with `pads` rows above and below and
    /// columns on each side; counted from the padding's first.
    pub fn free_places(
        [height, width]: [usize; 2],
        outlines: &[&[Point]],
        pads: [usize; 2],
    ) -> [Vec<usize>; 2] {
        let mut free = [Free::new(height + 2 * pads[0]), Free::new(width + 2 * pads[1])];
        for outline in outlines {
            let whole: Vec<Point> = outline.iter().map(|p| Point::new(p.x.trunc(), p.y.trunc())).collect();
            let Some(rect) = min_area_rect(&whole) else { continue };
            let [x0, y0, x1, y1] = bounds(&rect.corners).map(f64::trunc);
            free[0].take(y0 + pads[0] as f64, y1 + pads[0] as f64);
            free[1].take(x0 + pads[1] as f64, x1 + pads[1] as f64);
        }
        free.map(|f| f.places())
    }

    /// A piece `[x0, y0, x1, y1]` that holds outlines whole or not at all; `None` where ten tries find none.
    pub fn draw(
        &self,
        [height, width]: [usize; 2],
        outlines: &[&[Point]],
        rng: &mut impl Draws,
    ) -> Option<[usize; 4]> {
        let pads = [height, width].map(|side| (side as f64 * self.pad_ratio.clamp(0.0, 1.0)) as usize);
        let [rows, columns] = Self::free_places([height, width], outlines, pads);
        if rows.is_empty() || columns.is_empty() {
            return None;
        }
        const TRIES: usize = 10;
        (0..TRIES).find_map(|_| {
            let mut ends = |places: &[usize], pad: usize, size: usize| {
                let mut one = || places[rng.choice(places.len())].saturating_sub(pad).min(size - 1);
                let (a, b) = (one(), one());
                (a.min(b), a.max(b))
            };
            let (x0, x1) = ends(&columns, pads[1], width);
            let (y0, y1) = ends(&rows, pads[0], height);
            let area = ((x1 - x0) * (y1 - y0)) as f64;
            if area < (height * width) as f64 * self.min_area_ratio || area == 0.0 {
                return None;
            }
            let piece = [x0, y0, x1, y1];
            outlines.iter().all(|o| held(o, piece).is_some()).then_some(piece)
        })
    }

    /// Mirrors pieces of the scene. Returns how many.
    ///
    /// # Errors
    /// [`Error::Pixels`] never in practice: pieces lie inside.
    pub fn apply(&self, scene: &mut Scene, rng: &mut impl Draws) -> Result<usize> {
        let mut done = 0;
        for _ in 0..self.iter_num {
            if scene.texts.is_empty() || !hit(rng, self.crop_ratio) {
                continue;
            }
            let outlines: Vec<&[Point]> = scene.outlines().collect();
            let Some(piece) = self.draw(scene.picture.size(), &outlines, rng) else { continue };
            let (horizontal, vertical) = [(true, false), (false, true), (true, true)][rng.whole(0, 3).min(2)];
            mirror(scene, piece, horizontal, vertical)?;
            done += 1;
        }
        Ok(done)
    }
}

/// Whether a piece holds an outline whole or not at all; `None` where it cuts it.
fn held(outline: &[Point], piece: [usize; 4]) -> Option<bool> {
    let [x0, y0, x1, y1] = piece.map(|v| v as f64);
    let frame = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)].map(|(x, y)| Point::new(x, y));
    let [ox0, oy0, ox1, oy1] = bounds(outline);
    if ox0 >= x0 && ox1 <= x1 && oy0 >= y0 && oy1 <= y1 {
        return Some(true);
    }
    let (area, inside) = (signed_area(outline).abs(), intersection_area(outline, &frame));
    match (inside.abs() <= EPSILON, (area - inside).abs() < EPSILON) {
        (_, true) => Some(true),
        (true, false) => Some(false),
        (false, false) => None,
    }
}

fn mirror(scene: &mut Scene, piece: [usize; 4], horizontal: bool, vertical: bool) -> Result<()> {
    let [x0, y0, x1, y1] = piece;
    let flip = |picture: &Picture| -> Result<Picture> {
        let mut out = picture.clone();
        out.paste(&picture.crop(x0, y0, x1, y1)?.flip(horizontal, vertical), x0, y0)?;
        Ok(out)
    };
    scene.picture = flip(&scene.picture)?;
    scene.change_masks(flip)?;
    let (sum_x, sum_y) = ((x0 + x1) as f64, (y0 + y1) as f64);
    let turn = |p: Point| {
        let x = if horizontal { sum_x - p.x } else { p.x };
        Point::new(x, if vertical { sum_y - p.y } else { p.y })
    };
    let moved: Vec<bool> = scene.texts.iter().map(|t| held(t, piece) == Some(true)).collect();
    for (b, moved) in scene.boxes.iter_mut().zip(&moved) {
        if *moved {
            let [x0, y0, x1, y1] = *b;
            *b = bounds(&[turn(Point::new(x0, y0)), turn(Point::new(x1, y1))]);
        }
    }
    let outlines = scene.texts.iter_mut().chain(&mut scene.ignored);
    for outline in outlines.chain(scene.characters.iter_mut().map(|c| &mut c.outline)) {
        if held(outline, piece) == Some(true) {
            outline.iter_mut().for_each(|p| *p = turn(*p));
        }
    }
    Ok(())
}
