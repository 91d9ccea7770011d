use glyphic_core::{Point, Polygon, Result, geometry::min_area_rect};

/// A four-sided outline in reading order: top-left, top-right, bottom-right, bottom-left as the text is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quad(pub [Point; 4]);

impl Quad {
    /// Turns four clockwise corners so that the first side runs as much to the right as any side does.
    pub fn from_corners(corners: [Point; 4]) -> Self {
        let rightward = |i: usize| {
            let (a, b) = (corners[i], corners[(i + 1) % 4]);
            (b.x - a.x) / a.distance(b).max(f64::MIN_POSITIVE)
        };
        let first = (1..4).fold(0, |best, i| if rightward(i) > rightward(best) + 1e-9 { i } else { best });
        Self(std::array::from_fn(|i| corners[(first + i) % 4]))
    }

    /// The quad of a polygon: its own corners where it has four, else those of the smallest rectangle at any
    /// angle around it.
    pub fn around(polygon: &Polygon) -> Self {
        match polygon.points() {
            [a, b, c, d] => Self::from_corners([*a, *b, *c, *d]),
            points => match min_area_rect(points) {
                Some(rect) => Self::from_corners(rect.corners),
                None => Self::from_corners([Point::default(); 4]),
            },
        }
    }

    /// Mean length of the top and the bottom side, in pixels.
    pub fn width(&self) -> f64 {
        let [tl, tr, br, bl] = self.0;
        (tl.distance(tr) + bl.distance(br)) / 2.0
    }

    /// Mean length of the left and the right side, in pixels.
    pub fn height(&self) -> f64 {
        let [tl, tr, br, bl] = self.0;
        (tl.distance(bl) + tr.distance(br)) / 2.0
    }

    /// The middle of the left side.
    pub fn start(&self) -> Point {
        middle(self.0[0], self.0[3])
    }

    /// The middle of the right side.
    pub fn end(&self) -> Point {
        middle(self.0[1], self.0[2])
    }

    /// As text that runs downwards is read: the top-right corner comes first.
    pub fn turned_left(&self) -> Self {
        let [tl, tr, br, bl] = self.0;
        Self([tr, br, bl, tl])
    }

    /// As text that runs upwards is read: the bottom-left corner comes first.
    pub fn turned_right(&self) -> Self {
        let [tl, tr, br, bl] = self.0;
        Self([bl, tl, tr, br])
    }

    /// As text that stands upside down is read: the bottom-right corner comes first.
    pub fn turned_over(&self) -> Self {
        let [tl, tr, br, bl] = self.0;
        Self([br, bl, tl, tr])
    }

    /// The quad moved outwards by `margin` pixels on every side.
    pub fn grown(&self, margin: f64) -> Self {
        let [tl, tr, br, bl] = self.0;
        let along = |a: Point, b: Point| {
            let d = a.distance(b).max(f64::MIN_POSITIVE);
            Point::new((b.x - a.x) / d * margin, (b.y - a.y) / d * margin)
        };
        let (top, bottom, left, right) = (along(tl, tr), along(bl, br), along(tl, bl), along(tr, br));
        let out = |p: Point, sx: f64, x: Point, sy: f64, y: Point| {
            Point::new(p.x + sx * x.x + sy * y.x, p.y + sx * x.y + sy * y.y)
        };
        Self([
            out(tl, -1.0, top, -1.0, left),
            out(tr, 1.0, top, -1.0, right),
            out(br, 1.0, bottom, 1.0, right),
            out(bl, -1.0, bottom, 1.0, left),
        ])
    }

    /// As a polygon that begins at the top-left corner.
    ///
    /// # Errors
    /// [`glyphic_core::Error::Polygon`] where the quad has no area.
    pub fn to_polygon(&self) -> Result<Polygon> {
        Polygon::new(self.0.to_vec())
    }
}

fn middle(a: Point, b: Point) -> Point {
    Point::new((a.x + b.x) / 2.0, (a.y + b.y) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quad(flat: [f64; 8]) -> [Point; 4] {
        std::array::from_fn(|i| Point::new(flat[2 * i], flat[2 * i + 1]))
    }

    #[test]
    fn a_quad_starts_at_the_corner_from_which_the_text_runs_right() {
        let upright = quad([10., 20., 50., 20., 50., 30., 10., 30.]);
        for turn in 0..4 {
            let mut corners = upright;
            corners.rotate_left(turn);
            assert_eq!(Quad::from_corners(corners).0, upright, "turned by {turn}");
        }
        let falling = quad([0., 0., 40., 20., 36., 28., -4., 8.]);
        let mut corners = falling;
        corners.rotate_left(3);
        assert_eq!(Quad::from_corners(corners).0, falling);
    }

    #[test]
    fn growing_moves_every_side_outwards() {
        let grown = Quad(quad([10., 20., 50., 20., 50., 30., 10., 30.])).grown(2.0);
        assert_eq!(grown.0, quad([8., 18., 52., 18., 52., 32., 8., 32.]));
        assert_eq!((grown.width(), grown.height()), (44.0, 14.0));
    }

    #[test]
    fn start_and_end_are_the_middles_of_the_short_sides() {
        let q = Quad(quad([10., 20., 50., 24., 50., 34., 10., 30.]));
        assert_eq!((q.start(), q.end()), (Point::new(10., 25.), Point::new(50., 29.)));
    }
}
