//! Words that stand at an angle or along an arc in an upright crop: straightened in every way that the crop's size allows, and the
//! recognizer judges.

use glyphic_core::{Image, Point, Transcript};
use glyphic_imgproc::{Border, crop_ribbon, resize_antialiased};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::error::Check;

/// The longer side of a crop that is straightened, in pixels: larger ones are made smaller first.
const LONGEST: u32 = 384;

/// Text lower than this, in pixels, is not read.
const LOWEST: f64 = 5.0;

/// Text that fills more of the crop's height than this is straight.
const FILLED: f64 = 0.92;

/// The length of a text, in heights of it.
const LENGTH: std::ops::RangeInclusive<f64> = 1.2..=12.0;

/// The arc of straight text, in radians.
const STRAIGHT: f64 = 1e-3;

/// Cuts along an arc.
const CUTS: usize = 24;

/// How doubtful crops are straightened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BentConfig {
    /// The surest reading of a straightened crop counts from this confidence on, 0 to 1.
    pub least: f32,
    /// Crops lower than this share of their width are straight, 0 to 1.
    pub height: f64,
    /// Where the middle of the text may stand on its arc: degrees from the arc's top (from its lowest place where the text stands inside
    /// it), clockwise; -90 to 90. Straight text is turned by as much.
    pub turns: Vec<f64>,
    /// How much of a circle the text may take, in degrees, 0 (straight) to 270.
    pub spans: Vec<f64>,
}

impl Default for BentConfig {
    /// What read best on half of the crops of four validation packs.
    fn default() -> Self {
        let turns = (-6..=6).map(|turn| f64::from(turn) * 15.0).collect();
        Self { least: 0.75, height: 0.3, turns, spans: vec![0.0, 30.0, 60.0, 90.0, 120.0] }
    }
}

impl BentConfig {
    pub(crate) fn validate(&self, model: &'static str) -> Result<()> {
        let check = Check(model);
        if !(0.0..=1.0).contains(&self.least) {
            return check.wrong("reread.bent.least", self.least, "0 to 1");
        }
        if !(0.0..=1.0).contains(&self.height) {
            return check.wrong("reread.bent.height", self.height, "0 to 1");
        }
        if let Some(turn) = self.turns.iter().find(|turn| !(-90.0..=90.0).contains(*turn)) {
            return check.wrong("reread.bent.turns", turn, "-90 to 90 degrees");
        }
        match self.spans.iter().find(|span| !(0.0..=270.0).contains(*span)) {
            Some(span) => check.wrong("reread.bent.spans", span, "0 to 270 degrees"),
            None => Ok(()),
        }
    }

    /// The crop as it looks straightened in each way that its size allows.
    pub(crate) fn straightened(&self, crop: &Image) -> Result<Vec<(Bend, Image)>> {
        let (width, height) = (f64::from(crop.width()), f64::from(crop.height()));
        if height < self.height * width {
            return Ok(Vec::new());
        }
        let scale = (f64::from(LONGEST) / width.max(height)).min(1.0);
        let side = |pixels: f64| ((pixels * scale).round() as u32).max(1);
        let smaller =
            if scale < 1.0 { Some(resize_antialiased(crop, side(width), side(height))?) } else { None };
        let crop = smaller.as_ref().unwrap_or(crop);
        let size = [f64::from(crop.width()), f64::from(crop.height())];
        let straighten = |bend: Bend| Ok((bend, crop_ribbon(crop, &bend.outline(), Border::Replicate)?));
        self.bends(size).map(straighten).collect()
    }

    fn bends(&self, size: [f64; 2]) -> impl Iterator<Item = Bend> {
        let turns = self.turns.iter().map(|turn| turn.to_radians());
        turns.flat_map(move |turn| {
            let spans = self.spans.iter().map(|span| span.to_radians());
            spans.flat_map(move |span| {
                let straight = span < STRAIGHT;
                let sides = if straight { &[false][..] } else { &[false, true] };
                // Straight and level is the crop as it is.
                let sides = if straight && turn.abs() < STRAIGHT { &[] } else { sides };
                sides.iter().filter_map(move |inside| Bend::fit(size, turn, span.max(STRAIGHT), *inside))
            })
        })
    }
}

/// A part of a ring that touches all four sides of a crop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bend {
    size: [f64; 2],
    /// Radii.
    outer: f64,
    inner: f64,
    /// Angles from the top, clockwise, in radians.
    from: f64,
    to: f64,
    /// The circle's centre.
    centre: Point,
    /// Whether the text's top shows to the centre; all else is meant mirrored, then.
    inside: bool,
}

impl Bend {
    /// The ring's part from `turn - span / 2` to `turn + span / 2` that fits a crop, if it can hold text.
    fn fit(size: [f64; 2], turn: f64, span: f64, inside: bool) -> Option<Self> {
        let (from, to) = (turn - span / 2.0, turn + span / 2.0);
        // How far the part reaches from the centre to the right, downwards, to the left and upwards, in outer and inner radii.
        let reach = [1.0, 2.0, -1.0, 0.0].map(|quarters| {
            let angle = quarters * std::f64::consts::FRAC_PI_2;
            let turns = [-1.0, 0.0, 1.0].map(|n| n * std::f64::consts::TAU + angle);
            let within = turns.iter().any(|a| (from..=to).contains(a));
            let most = if within { 1.0 } else { (from - angle).cos().max((to - angle).cos()) };
            if most >= 0.0 { [most, 0.0] } else { [0.0, most] }
        });
        let [right, down, left, up] = reach;
        let sum = |a: [f64; 2], b: [f64; 2]| [a[0] + b[0], a[1] + b[1]];
        let ([a, b], [c, d]) = (sum(left, right), sum(up, down));
        let determinant = a * d - b * c;
        let outer = (size[0] * d - b * size[1]) / determinant;
        let inner = (a * size[1] - c * size[0]) / determinant;
        let thickness = outer - inner;
        let fits = inner > 0.0
            && outer.is_finite()
            && (LOWEST..=FILLED * size[1]).contains(&thickness)
            && LENGTH.contains(&(span * f64::midpoint(outer, inner) / thickness));
        let distance = |[o, i]: [f64; 2]| o * outer + i * inner;
        let centre = Point::new(distance(left), distance(up));
        fits.then_some(Self { size, outer, inner, from, to, centre, inside })
    }

    /// The place of a share of the text's length, and of its height from the top, both 0 to 1.
    fn at(&self, along: f64, down: f64) -> Point {
        let (sin, cos) = (self.from + along * (self.to - self.from)).sin_cos();
        let towards_inner = if self.inside { 1.0 - down } else { down };
        let radius = self.outer + towards_inner * (self.inner - self.outer);
        let y = self.centre.y - radius * cos;
        Point::new(self.centre.x + radius * sin, if self.inside { self.size[1] - y } else { y })
    }

    /// Along the top of the text and back along the bottom, at pixel centres.
    fn outline(&self) -> Vec<Point> {
        let cuts = if self.to - self.from > STRAIGHT { CUTS } else { 1 };
        let share = |i: usize| i as f64 / cuts as f64;
        let top = (0..=cuts).map(|i| self.at(share(i), 0.0));
        let bottom = (0..=cuts).rev().map(|i| self.at(share(i), 1.0));
        top.chain(bottom).map(|p| Point::new(p.x - 0.5, p.y - 0.5)).collect()
    }

    /// A transcript of the straightened crop with its characters' places in the crop.
    pub(crate) fn give_back(&self, transcript: &mut Transcript) {
        let place = |along: f32| (self.at(f64::from(along), 0.5).x / self.size[0]).clamp(0.0, 1.0) as f32;
        for span in &mut transcript.chars {
            // Beyond a quarter of the circle text may run to the left.
            let (start, end) = (place(span.start), place(span.end));
            (span.start, span.end) = (start.min(end), start.max(end));
        }
    }
}

#[cfg(test)]
mod tests {
    use glyphic_core::CharSpan;

    use super::*;

    fn fits(config: &BentConfig, size: [f64; 2]) -> Vec<Bend> {
        config.bends(size).collect()
    }

    #[test]
    fn every_bend_touches_all_four_sides_and_stays_inside() {
        for size in [[100.0, 40.0], [60.0, 50.0], [30.0, 80.0], [200.0, 60.0]] {
            let bends = fits(&BentConfig::default(), size);
            assert!(bends.len() > 4, "{size:?}: {}", bends.len());
            for bend in bends {
                let shares = (0..=1000).map(|i| f64::from(i) / 1000.0);
                let points: Vec<Point> = shares.flat_map(|t| [bend.at(t, 0.0), bend.at(t, 1.0)]).collect();
                let bounds = |of: fn(&Point) -> f64| {
                    let values = points.iter().map(of);
                    values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)))
                };
                for ((low, high), side) in [(bounds(|p| p.x), size[0]), (bounds(|p| p.y), size[1])] {
                    assert!(low.abs() < 0.01 && (high - side).abs() < 0.01, "{bend:?}: {low} to {high}");
                }
            }
        }
    }

    #[test]
    fn turned_text_is_straightened() {
        // A bar of 60 x 12 pixels that rises by 30 degrees, its upper half darker.
        let (sin, cos) = 30f64.to_radians().sin_cos();
        let (width, height) = ((60.0 * cos + 12.0 * sin) as u32, (60.0 * sin + 12.0 * cos) as u32);
        let pixel = |x: u32, y: u32| {
            let (x, y) =
                (f64::from(x) + 0.5 - f64::from(width) / 2.0, f64::from(y) + 0.5 - f64::from(height) / 2.0);
            let (along, down) = (x * cos - y * sin, x * sin + y * cos);
            let shade = if along.abs() > 30.0 || down.abs() > 6.0 {
                255
            } else if down < 0.0 {
                20
            } else {
                120
            };
            [shade; 3]
        };
        let rgb = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
        let crop = Image::from_rgb(width, height, rgb).unwrap();
        let config = BentConfig { turns: vec![-30.0], spans: vec![0.0], ..BentConfig::default() };
        let [(_, bar)] = &config.straightened(&crop).unwrap()[..] else { panic!("one way") };
        assert!((57..=62).contains(&bar.width()) && (11..=13).contains(&bar.height()), "{bar:?}");
        for x in 4..bar.width() - 4 {
            assert!(bar.pixel(x, 3)[0] < 60 && bar.pixel(x, bar.height() - 4)[0] > 90, "{x}");
        }
    }

    #[test]
    fn characters_stand_where_the_arc_has_them() {
        let config = BentConfig { turns: vec![0.0], spans: vec![120.0], ..BentConfig::default() };
        let bends = fits(&config, [100.0, 50.0]);
        assert_eq!(bends.len(), 2, "on the arc and inside it");
        for bend in bends {
            let span = |start, end| CharSpan { char: 'a', score: 1.0, start, end };
            let mut read = Transcript {
                text: "aa".into(),
                score: 1.0,
                chars: vec![span(0.0, 0.5), span(0.5, 1.0)],
                ..Transcript::default()
            };
            bend.give_back(&mut read);
            let [first, second] = &read.chars[..] else { panic!("two characters") };
            assert!((first.end - 0.5).abs() < 1e-5 && first.end == second.start, "{first:?}");
            assert!(
                first.start > 0.0 && (first.start + second.end - 1.0).abs() < 1e-5,
                "{first:?} {second:?}"
            );
            let (middle, end) = (bend.at(0.5, 0.5).y, bend.at(0.0, 0.5).y);
            assert_eq!(middle < end, !bend.inside);
            assert!(bend.at(0.3, 0.0).y < bend.at(0.3, 1.0).y, "the top is above");
        }
    }

    #[test]
    fn what_is_low_small_or_straight_is_left_alone() {
        let ways = |width, height| {
            let crop = Image::filled(width, height, [9; 3]).unwrap();
            BentConfig::default().straightened(&crop).unwrap().len()
        };
        assert_eq!(ways(200, 40), 0, "a line");
        assert_eq!(ways(4, 4), 0);
        assert_eq!(ways(1, 1), 0);
        assert!(ways(60, 40) > 0);
        let large = BentConfig::default();
        for (_, straight) in large.straightened(&Image::filled(4000, 3000, [9; 3]).unwrap()).unwrap() {
            assert!(straight.width() < 2 * LONGEST && straight.height() < LONGEST, "{straight:?}");
        }
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let default = BentConfig::default;
        for (wrong, field) in [
            (BentConfig { least: 1.5, ..default() }, "least"),
            (BentConfig { height: f64::NAN, ..default() }, "height"),
            (BentConfig { turns: vec![0.0, 100.0], ..default() }, "turns"),
            (BentConfig { spans: vec![-1.0], ..default() }, "spans"),
        ] {
            let message = wrong.validate("crnn_lite").unwrap_err().to_string();
            assert!(message.contains(&format!("reread.bent.{field}")), "{message}");
        }
        assert!(default().validate("crnn_lite").is_ok());
    }
}
