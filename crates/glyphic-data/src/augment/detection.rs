use glyphic_core::geometry::intersection;
use glyphic_core::{Page, Point, Polygon, Rect, Region, Sample, TextInstance};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::PhotoAugment;
use super::photo::{between, hit};
use crate::Drawn;
use crate::warp::{Beyond, Map, warp};

/// Random changes to a picture and its polygons, ending in a crop of fixed size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectionAugment {
    /// Side of the square crop in pixels.
    pub size: u32,
    /// The smallest scale.
    pub min_scale: f32,
    /// The largest scale; scales are spread evenly over their logarithm.
    pub max_scale: f32,
    /// Width against height is stretched by a factor from 1/(1 + this) to 1 + this.
    pub stretch: f32,
    /// The largest rotation in degrees.
    pub rotation: f32,
    /// Probability of a horizontal flip. Mirrored print is no print: off by default.
    pub flip: f64,
    /// A text that the crop cuts is ignored where less than this share of its area is left, 0 to 1.
    pub min_share: f64,
    /// Light, colour and sharpness.
    pub photo: PhotoAugment,
}

impl Default for DetectionAugment {
    /// 640 pixels, scale 0.5 to 2, rotation ±10 degrees, half a text is enough.
    fn default() -> Self {
        Self {
            size: 640,
            min_scale: 0.5,
            max_scale: 2.0,
            stretch: 0.25,
            rotation: 10.0,
            flip: 0.0,
            min_share: 0.5,
            photo: PhotoAugment { invert: 0.0, ..PhotoAugment::default() },
        }
    }
}

/// ImageNet's mean colour: normalised to 0, as the padding of a batch is.
const FILL: [u8; 3] = [124, 116, 104];

/// Where a text does not fit into the crop, the picture is shrunk until it takes this share of the side.
const FIT: f64 = 0.9;

/// A text that touches the edge of the crop may cross it by this many pixels, through rounding.
const ROUNDING: f64 = 1e-6;

impl DetectionAugment {
    /// Only the crop of `size`, at the picture's own scale.
    pub fn none(size: u32) -> Self {
        Self {
            size,
            min_scale: 1.0,
            max_scale: 1.0,
            stretch: 0.0,
            rotation: 0.0,
            flip: 0.0,
            photo: PhotoAugment::none(),
            ..Self::default()
        }
    }

    /// A square of [`DetectionAugment::size`] out of the changed picture, with the polygons moved along.
    ///
    /// Where the picture has a text that is not ignored, one of them lies in the crop whole. Texts that the crop
    /// cuts are clipped and lose their transcript; those with too little left are ignored. Lines are dropped.
    pub fn apply(&self, sample: &Sample, rng: &mut impl Rng) -> Sample {
        let size = f64::from(self.size.max(1));
        let (linear, anchor) = self.linear(sample, rng);
        let corner = window(sample, &linear, anchor, size, rng);
        let forward = |p: Point| {
            let q = linear.apply(p);
            Point::new(q.x - corner.x, q.y - corner.y)
        };
        let side = self.size.max(1);
        let back = linear.inverse_from(corner);
        let image = warp(&sample.image, &back, side, side, 1.0 / linear.least_scale(), Beyond::Colour(FILL));
        let mut truth = Page::new(side, side);
        truth.instances = sample.truth.instances.iter().filter_map(|t| self.clipped(t, forward)).collect();
        Sample { image: self.photo.apply(image, rng), truth }
    }

    /// As [`DetectionAugment::apply`]; of a source that degrades its pictures itself the plain crop.
    pub fn apply_drawn(&self, sample: &Sample, drawn: Drawn, rng: &mut impl Rng) -> Sample {
        if drawn.augmented {
            return self.apply(sample, rng);
        }
        Self { min_share: self.min_share, ..Self::none(self.size) }.apply(sample, rng)
    }

    /// Scale, stretch, rotation and flip; and the text that shall be in the crop, if any.
    fn linear(&self, sample: &Sample, rng: &mut impl Rng) -> (Linear, Option<Rect>) {
        let (low, high) = (self.min_scale.max(0.01), self.max_scale.max(self.min_scale).max(0.01));
        let scale = f64::from(between(rng, low.ln(), high.ln()).exp());
        let most = (1.0 + self.stretch.max(0.0)).ln();
        let stretch = f64::from(between(rng, -most, most).exp()).sqrt();
        let angle = f64::from(between(rng, -1.0, 1.0) * self.rotation).to_radians();
        let mirror = if hit(rng, self.flip) { -1.0 } else { 1.0 };
        let (sin, cos) = angle.sin_cos();
        let (sx, sy) = (scale * stretch * mirror, scale / stretch);
        let mut linear = Linear { a: sx * cos, b: -sy * sin, c: sx * sin, d: sy * cos };
        let cared: Vec<&TextInstance> = sample.truth.instances.iter().filter(|t| !t.ignore).collect();
        if cared.is_empty() {
            return (linear, None);
        }
        let anchor = cared[rng.random_range(0..cared.len())].region.polygon.points();
        let mut bounds = linear.bounds(anchor);
        let longest = bounds.width().max(bounds.height());
        let room = f64::from(self.size.max(1)) * FIT;
        if longest > room {
            linear = linear.scaled(room / longest);
            bounds = linear.bounds(anchor);
        }
        (linear, Some(bounds))
    }

    /// A text in the crop: moved, clipped, ignored where too little is left; `None` where it lies outside.
    fn clipped(&self, text: &TextInstance, forward: impl FnMut(Point) -> Point) -> Option<TextInstance> {
        let moved = text.region.polygon.map(forward).ok()?;
        let size = f64::from(self.size.max(1));
        let bounds = moved.bounds();
        if bounds.x1 <= 0.0 || bounds.y1 <= 0.0 || bounds.x0 >= size || bounds.y0 >= size {
            return None;
        }
        let mut text = text.clone();
        let (low, high) = (-ROUNDING, size + ROUNDING);
        if bounds.x0 >= low && bounds.y0 >= low && bounds.x1 <= high && bounds.y1 <= high {
            text.region.polygon = moved;
            return Some(text);
        }
        let window = [(0.0, 0.0), (size, 0.0), (size, size), (0.0, size)].map(|(x, y)| Point::new(x, y));
        // A curved text may fall into several pieces; the largest stands for it.
        let piece = intersection(moved.points(), &window)
            .into_iter()
            .filter_map(|ring| Polygon::new(ring).ok())
            .max_by(|a, b| a.area().total_cmp(&b.area()))?;
        text.ignore |= piece.area() < self.min_share * moved.area();
        text.region = Region { polygon: piece, score: text.region.score };
        text.transcript = None;
        Some(text)
    }
}

/// The top-left corner of the crop, in pixels of the transformed picture: around the anchor, and no further over
/// the picture's edge than it must.
fn window(sample: &Sample, linear: &Linear, anchor: Option<Rect>, size: f64, rng: &mut impl Rng) -> Point {
    let (w, h) = (f64::from(sample.image.width()), f64::from(sample.image.height()));
    let corners = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)].map(|(x, y)| Point::new(x, y));
    let whole = linear.bounds(&corners);
    // Whole pixels, so that a picture which is only cropped is not interpolated.
    let mut place = |low: f64, high: f64, anchor: Option<(f64, f64)>| {
        // Inside the picture where it is larger than the crop, around the picture where it is smaller.
        let (from, to) = (low.min(high - size), low.max(high - size));
        let (least, most) = anchor.map_or((from, to), |(a, b)| (b - size, a));
        let (from, to) = (from.clamp(least, most), to.clamp(least, most));
        let at = from + (to - from) * rng.random::<f64>();
        if at.floor() >= least { at.floor() } else { at.ceil() }
    };
    Point::new(
        place(whole.x0, whole.x1, anchor.map(|a| (a.x0, a.x1))),
        place(whole.y0, whole.y1, anchor.map(|a| (a.y0, a.y1))),
    )
}

/// `x' = a x + b y`, `y' = c x + d y`, never singular.
#[derive(Debug, Clone, Copy)]
struct Linear {
    a: f64,
    b: f64,
    c: f64,
    d: f64,
}

impl Linear {
    fn apply(&self, p: Point) -> Point {
        Point::new(self.a * p.x + self.b * p.y, self.c * p.x + self.d * p.y)
    }

    fn scaled(&self, f: f64) -> Self {
        Self { a: self.a * f, b: self.b * f, c: self.c * f, d: self.d * f }
    }

    fn bounds(&self, points: &[Point]) -> Rect {
        let mut r = Rect { x0: f64::MAX, y0: f64::MAX, x1: f64::MIN, y1: f64::MIN };
        for p in points.iter().map(|p| self.apply(*p)) {
            r = Rect { x0: r.x0.min(p.x), y0: r.y0.min(p.y), x1: r.x1.max(p.x), y1: r.y1.max(p.y) };
        }
        r
    }

    /// By how much the more shrunk of the two axes grows.
    fn least_scale(&self) -> f64 {
        self.a.hypot(self.c).min(self.b.hypot(self.d))
    }

    /// The way back from pixels of a window whose top-left corner is `corner`.
    fn inverse_from(&self, corner: Point) -> Map {
        let det = self.a * self.d - self.b * self.c;
        let (a, b, c, d) = (self.d / det, -self.b / det, -self.c / det, self.a / det);
        Map::affine([a, b, a * corner.x + b * corner.y, c, d, c * corner.x + d * corner.y])
    }
}

#[cfg(test)]
mod tests {
    use glyphic_core::geometry::point_in_polygon;
    use glyphic_core::{Image, Transcript};
    use proptest::prelude::*;

    use super::*;
    use crate::random::rng;

    const PAPER: [u8; 3] = [255, 255, 255];
    const INKS: [[u8; 3]; 3] = [[255, 0, 0], [0, 255, 0], [0, 0, 255]];

    /// A picture with up to three filled polygons in pure colours.
    fn drawn(width: u32, height: u32, polygons: &[Polygon]) -> Sample {
        let colour = |x: u32, y: u32| {
            let centre = Point::new(f64::from(x) + 0.5, f64::from(y) + 0.5);
            let hit = polygons.iter().position(|p| point_in_polygon(centre, p.points()));
            hit.map_or(PAPER, |i| INKS[i])
        };
        let rgb = (0..height).flat_map(|y| (0..width).flat_map(move |x| colour(x, y))).collect();
        let image = Image::from_rgb(width, height, rgb).expect("valid");
        let mut truth = Page::new(width, height);
        truth.instances = polygons
            .iter()
            .enumerate()
            .map(|(i, p)| {
                let mut t = TextInstance::new(Region { polygon: p.clone(), score: 1.0 });
                t.transcript = Some(Transcript::truth("text"));
                t.label = Some(i.to_string());
                t
            })
            .collect();
        Sample { image, truth }
    }

    fn quad(x: f64, y: f64, w: f64, h: f64, lean: f64) -> Polygon {
        Polygon::from_flat(&[x, y, x + w, y + lean, x + w - lean, y + h + lean, x - lean, y + h])
            .expect("valid")
    }

    fn inked(pixel: [u8; 3], ink: [u8; 3]) -> bool {
        pixel.iter().zip(ink).all(|(p, i)| p.abs_diff(i) < 70)
    }

    /// Pixels of an ink that lie outside of its polygon by more than a pixel, and the share of the polygon's
    /// inner pixels that have the ink.
    fn agreement(image: &Image, polygon: &Polygon, ink: [u8; 3]) -> (usize, f64) {
        let (mut stray, mut inner, mut covered) = (0, 0, 0);
        for y in 0..image.height() {
            for x in 0..image.width() {
                let p = Point::new(f64::from(x) + 0.5, f64::from(y) + 0.5);
                let inside = point_in_polygon(p, polygon.points());
                let far = glyphic_core::geometry::point_outline_distance(p, polygon.points()) > 1.5;
                let is_ink = inked(image.pixel(x, y), ink);
                stray += usize::from(is_ink && !inside && far);
                if inside && far {
                    inner += 1;
                    covered += usize::from(is_ink);
                }
            }
        }
        (stray, if inner == 0 { 1.0 } else { covered as f64 / inner as f64 })
    }

    fn geometry(flip: f64) -> DetectionAugment {
        DetectionAugment { size: 160, flip, photo: PhotoAugment::none(), ..DetectionAugment::default() }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn a_transformed_polygon_covers_its_drawn_text(
            seed in 0u64..1_000_000,
            x in 5.0..120.0f64, y in 20.0..120.0f64, w in 30.0..90.0f64, h in 12.0..40.0f64, lean in -10.0..10.0f64,
            flip in prop::bool::ANY,
        ) {
            let polygons = [quad(x + 10.0, y, w, h, lean), quad(30.0, 180.0, 60.0, 20.0, 3.0)];
            let sample = drawn(260, 220, &polygons);
            let out = geometry(if flip { 1.0 } else { 0.0 }).apply(&sample, &mut rng(&[seed]));
            prop_assert_eq!((out.image.width(), out.image.height()), (160, 160));
            for t in &out.truth.instances {
                let ink = INKS[t.label.as_deref().and_then(|l| l.parse::<usize>().ok()).expect("an index")];
                let (stray, covered) = agreement(&out.image, &t.region.polygon, ink);
                prop_assert!(stray == 0, "{stray} stray pixels of {t:?}");
                prop_assert!(covered > 0.99, "{covered} of {t:?} is inked");
            }
        }

        #[test]
        fn a_text_lies_whole_in_the_crop_and_cut_ones_are_clipped(
            seed in 0u64..1_000_000,
            boxes in prop::collection::vec((0.0..900.0f64, 0.0..700.0f64, 20.0..300.0f64, 10.0..60.0f64), 1..12),
        ) {
            let mut truth = Page::new(1000, 800);
            truth.instances = boxes.iter().map(|(x, y, w, h)| {
                let mut t = TextInstance::new(Region { polygon: quad(*x, *y, *w, *h, 2.0), score: 1.0 });
                t.transcript = Some(Transcript::truth("text"));
                t
            }).collect();
            let sample = Sample { image: Image::filled(1000, 800, PAPER).expect("valid"), truth };
            let out = geometry(0.0).apply(&sample, &mut rng(&[seed]));
            let mut whole = 0;
            for t in &out.truth.instances {
                let b = t.region.polygon.bounds();
                let eps = 1e-3;
                prop_assert!(b.x0 >= -eps && b.y0 >= -eps && b.x1 <= 160.0 + eps && b.y1 <= 160.0 + eps, "{b:?}");
                whole += usize::from(t.transcript.is_some() && !t.ignore);
            }
            prop_assert!(whole >= 1, "{:?}", out.truth);
        }
    }

    #[test]
    fn a_cut_text_is_kept_ignored_or_gone_by_the_share_that_is_left() {
        let augment = DetectionAugment::none(100);
        let text = |x0: f64| {
            let mut t = TextInstance::new(Region { polygon: quad(x0, 20.0, 40.0, 20.0, 0.0), score: 1.0 });
            t.transcript = Some(Transcript::truth("cut"));
            t
        };
        for (x0, expected) in [
            (10.0, Some((40.0, false, true))),
            (-10.0, Some((30.0, false, false))),
            (75.0, Some((25.0, false, false))),
            (85.0, Some((15.0, true, false))),
            (-35.0, Some((5.0, true, false))),
            (100.0, None),
            (-40.0, None),
        ] {
            let got = augment
                .clipped(&text(x0), |p| p)
                .map(|t| (t.region.polygon.bounds().width().round(), t.ignore, t.transcript.is_some()));
            assert_eq!(got, expected, "x0 = {x0}");
        }
    }

    #[test]
    fn without_augmentation_a_small_picture_lies_whole_on_the_fill() {
        let sample = drawn(90, 70, &[quad(20.0, 20.0, 40.0, 20.0, 0.0)]);
        let out = DetectionAugment::none(128).apply(&sample, &mut rng(&[4]));
        let b = out.truth.instances[0].region.polygon.bounds();
        assert!((b.width() - 40.0).abs() < 1e-6 && (b.height() - 20.0).abs() < 1e-6);
        assert_eq!(out.image.rgb().chunks_exact(3).filter(|p| **p == FILL).count(), 128 * 128 - 90 * 70);
    }

    #[test]
    fn a_text_larger_than_the_crop_is_shrunk_into_it() {
        let mut sample = drawn(600, 300, &[]);
        let wide = TextInstance::new(Region { polygon: quad(10.0, 100.0, 580.0, 60.0, 0.0), score: 1.0 });
        sample.truth.instances.push(wide);
        for seed in 0..20 {
            let out = geometry(0.0).apply(&sample, &mut rng(&[seed]));
            let t = &out.truth.instances[0];
            assert!(!t.ignore && t.region.polygon.bounds().width() <= 144.1, "{t:?}");
        }
    }

    #[test]
    fn pictures_without_text_are_cropped_too() {
        let sample = drawn(300, 200, &[]);
        let out = DetectionAugment::default().apply(&sample, &mut rng(&[1]));
        assert_eq!((out.image.width(), out.image.height(), out.truth.instances.len()), (640, 640, 0));
    }
}
