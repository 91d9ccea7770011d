//! Words in bold print: their strokes are broader than those of the page's words of their height.

use glyphic_core::{Image, Page, Rect, TextInstance};

/// Bold strokes are so many times as broad as usual ones, those of a word beside a bold one on its line so many times.
const BROAD: f64 = 1.33;
const BROAD_BESIDE: f64 = 1.18;

/// A word with fewer letters is not told to be bold by itself.
const LETTERS: usize = 3;

/// Words are compared to those whose height differs by this factor at most, which have so many letters together.
const HEIGHTS: f64 = 1.25;
const REFERENCE: usize = 150;

/// The least difference between print and ground, of 255, and as a share of the page's usual one: strokes of pale print are
/// blurred.
const CONTRAST: f64 = 60.0;
const PALE: f64 = 0.75;

/// A row of a word of which more is ink is a rule.
const RULE: f64 = 0.75;

/// Ink below this share of a word's darkest is noise.
const NOISE: f64 = 0.12;

/// A word is looked at that has so many pixels each way.
const LEAST_SIDE: usize = 6;

/// A line rises or falls by at most this share of its length.
const LEVEL: f64 = 0.08;

/// How a word is printed.
#[derive(Debug, Clone, Copy)]
struct Print {
    /// Mean breadth of its strokes along the line, in pixels.
    stroke: f64,
    height: f64,
    /// Between print and ground, of 255.
    contrast: f64,
    letters: usize,
}

/// Tells which words of a page that was read are in bold print.
pub(crate) fn mark(page: &mut Page, image: &Image) {
    let prints: Vec<Option<Print>> = page.instances.iter().map(|word| Print::of(image, word)).collect();
    let mut contrasts: Vec<f64> = prints.iter().flatten().map(|print| print.contrast).collect();
    contrasts.sort_by(f64::total_cmp);
    let usual = contrasts.get(contrasts.len() / 2).copied().unwrap_or(0.0);
    // By the breadth of their strokes, so that a median is the one at which half of the letters are seen.
    let mut known: Vec<Print> = prints.iter().flatten().copied().filter(|print| print.letters > 0).collect();
    known.sort_by(|a, b| a.stroke.total_cmp(&b.stroke));
    let breadth = |print: &Option<Print>| {
        let print = print.filter(|print| print.contrast >= PALE * usual)?;
        let alike = || {
            known.iter().filter(|other| (1.0 / HEIGHTS..=HEIGHTS).contains(&(other.height / print.height)))
        };
        let letters: usize = alike().map(|other| other.letters).sum();
        if letters < REFERENCE {
            return None;
        }
        let mut seen = 0;
        let median = alike().find(|other| {
            seen += other.letters;
            2 * seen >= letters
        })?;
        Some(print.stroke / median.stroke)
    };
    let breadths: Vec<f64> = prints.iter().map(|print| breadth(print).unwrap_or(0.0)).collect();
    let letters = |i: usize| prints[i].map_or(0, |print| print.letters);
    let mut bold: Vec<bool> =
        (0..prints.len()).map(|i| breadths[i] >= BROAD && letters(i) >= LETTERS).collect();
    for line in &page.lines {
        let mut spread = |order: &mut dyn Iterator<Item = usize>| {
            let mut beside = false;
            for i in order {
                beside = bold[i] || (beside && breadths[i] >= BROAD_BESIDE);
                bold[i] = beside;
            }
        };
        spread(&mut line.instances.iter().copied());
        spread(&mut line.instances.iter().rev().copied());
    }
    page.instances.iter_mut().zip(bold).for_each(|(word, bold)| word.emphasis.bold = bold);
}

impl Print {
    /// That of a level word.
    fn of(image: &Image, word: &TextInstance) -> Option<Self> {
        let bounds = word.region.polygon.bounds();
        if let [start, end, ..] = word.region.polygon.points()
            && (end.y - start.y).abs() > LEVEL * (end.x - start.x).max(bounds.height())
        {
            return None;
        }
        let letters = word.text().chars().filter(|c| c.is_alphabetic()).count();
        let (luma, width) = luma(image, &bounds)?;
        let mut counts = [0_usize; 256];
        luma.iter().for_each(|v| counts[usize::from(*v)] += 1);
        let at = |share: f64| {
            let mut seen = 0;
            let most = share * luma.len() as f64;
            let value = counts.iter().position(|count| {
                seen += count;
                seen as f64 > most
            });
            value.unwrap_or(255) as f64
        };
        // The ground is what there is more of.
        let dark = (at(0.5) - at(0.98)).abs() > (at(0.5) - at(0.02)).abs();
        let (ground, ink) = if dark { (at(0.15), at(0.97)) } else { (at(0.85), at(0.03)) };
        let contrast = (ground - ink).abs();
        if contrast < CONTRAST {
            return None;
        }
        let share = |v: &u8| {
            let share = (ground - f64::from(*v)) / (ground - ink);
            if share < NOISE { 0.0 } else { share.min(1.0) }
        };
        // Of each stroke its breadth is ink, and on both sides the ink comes and goes: blur changes neither.
        let (mut inked, mut sides) = (0.0, 0.0);
        for row in luma.chunks_exact(width) {
            let row: Vec<f64> = row.iter().map(share).collect();
            let sum: f64 = row.iter().sum();
            if sum <= RULE * width as f64 {
                inked += sum;
                sides += row.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum::<f64>();
            }
        }
        (sides > 0.0).then(|| Self {
            stroke: 2.0 * inked / sides,
            height: bounds.height(),
            contrast,
            letters,
        })
    }
}

/// Brightness of a part of the picture and a column beside it on both sides, and its width; `None` for a part too small.
fn luma(image: &Image, part: &Rect) -> Option<(Vec<u8>, usize)> {
    let (wide, high) = (image.width() as usize, image.height() as usize);
    let (x0, y0) = ((part.x0 - 1.0).max(0.0) as usize, part.y0.max(0.0) as usize);
    let (x1, y1) = ((part.x1.max(0.0) as usize + 2).min(wide), (part.y1.max(0.0) as usize + 1).min(high));
    if x0 + LEAST_SIDE > x1 || y0 + LEAST_SIDE > y1 {
        return None;
    }
    let rows = (y0..y1).map(|y| &image.rgb()[3 * (y * wide + x0)..3 * (y * wide + x1)]);
    let of = |p: &[u8]| ((u16::from(p[0]) + 2 * u16::from(p[1]) + u16::from(p[2])) / 4) as u8;
    Some((rows.flat_map(|row| row.chunks_exact(3).map(of)).collect(), x1 - x0))
}

#[cfg(test)]
mod tests {
    use glyphic_core::{Line, Polygon, Region, Transcript};

    use super::*;

    /// Ten lines of ten words of four stems each, which are 2 pixels broad, but some words' 3; one line is pale.
    fn page(bold: &[usize], rules: bool) -> (Page, Image) {
        let mut image = Image::filled(800, 400, [255; 3]).unwrap();
        let mut page = Page::new(800, 400);
        for i in 0..100_usize {
            let (x, y) = (10 + 70 * (i % 10), 10 + 35 * (i / 10));
            let rect = Rect { x0: x as f64, y0: y as f64, x1: (x + 50) as f64, y1: (y + 20) as f64 };
            let region = Region { polygon: Polygon::from_rect(rect).unwrap(), score: 1.0 };
            let transcript = Some(Transcript::truth("mill"));
            page.instances.push(TextInstance { transcript, ..TextInstance::new(region) });
            let broad = if bold.contains(&i) { 3 } else { 2 };
            let shade = if i / 10 == 9 { 150 } else { 0 };
            for row in y + 2..y + 18 {
                let stems = (0..4).flat_map(|stem| (0..broad).map(move |k| x + 4 + 12 * stem + k));
                let rule = (x..x + 50).filter(|_| rules && row == y + 17);
                stems.chain(rule).for_each(|x| image.rgb_mut()[3 * (row * 800 + x)..][..3].fill(shade));
            }
        }
        for row in 0..10 {
            let polygon = page.instances[10 * row].region.polygon.clone();
            let instances = (10 * row..10 * row + 10).collect();
            page.lines.push(Line { polygon, text: String::new(), score: 1.0, instances });
        }
        (page, image)
    }

    fn found(bold: &[usize], rules: bool) -> Vec<usize> {
        let (mut page, image) = page(bold, rules);
        mark(&mut page, &image);
        (0..100).filter(|i| page.instances[*i].emphasis.bold).collect()
    }

    #[test]
    fn broad_strokes_are_bold() {
        assert!(found(&[], false).is_empty());
        assert_eq!(found(&[12, 13, 55], false), [12, 13, 55]);
        assert_eq!(found(&[12, 13, 55], true), [12, 13, 55], "underlined words are as the others");
        assert!(found(&[95], false).is_empty(), "pale print");
    }

    #[test]
    fn a_page_of_few_words_has_no_usual_print() {
        let (mut page, image) = page(&[12], false);
        page.lines.clear();
        page.instances.truncate(20);
        mark(&mut page, &image);
        assert!(page.instances.iter().all(|word| !word.emphasis.bold));
    }
}
