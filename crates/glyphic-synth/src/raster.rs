/// Coverage of a rectangle of pixels, 0 to 1, rows top to bottom.
#[derive(Debug, Clone)]
pub(crate) struct Mask {
    /// Left column in the picture.
    pub(crate) x0: i32,
    /// Top row in the picture.
    pub(crate) y0: i32,
    pub(crate) w: usize,
    pub(crate) h: usize,
    pub(crate) data: Vec<f32>,
}

/// Exact-area accumulation of closed outlines, after Levien's font-rs. Own code, because ab_glyph_rasterizer lets an
/// outline that leaves the picture at its right run on in the next row, and here crops cut text on purpose.
pub(crate) struct Raster {
    x0: i32,
    y0: i32,
    w: usize,
    h: usize,
    stride: usize,
    deltas: Vec<f32>,
}

impl Raster {
    /// For the `w` x `h` pixels from column `x0`, row `y0`.
    pub(crate) fn new(x0: i32, y0: i32, w: usize, h: usize) -> Self {
        // Two columns of slack take what lies right of the last pixel.
        Self { x0, y0, w, h, stride: w + 2, deltas: vec![0.0; (w + 2) * h] }
    }

    /// For what of the points' bounds lies in a picture of `w` x `h` pixels, with a pixel to spare; `None` for nothing.
    pub(crate) fn around(points: &[[f32; 2]], w: usize, h: usize) -> Option<Self> {
        let b = crate::text::bounds(points);
        let x = [(b[0] - 1.0).max(0.0) as i32, (b[2] + 2.0).min(w as f32) as i32];
        let y = [(b[1] - 1.0).max(0.0) as i32, (b[3] + 2.0).min(h as f32) as i32];
        (x[1] > x[0] && y[1] > y[0])
            .then(|| Self::new(x[0], y[0], (x[1] - x[0]) as usize, (y[1] - y[0]) as usize))
    }

    /// One edge of an outline, in picture coordinates.
    pub(crate) fn line(&mut self, a: [f32; 2], b: [f32; 2]) {
        if a[1] == b[1] {
            return;
        }
        let (dir, p, q) = if a[1] < b[1] { (1.0, a, b) } else { (-1.0, b, a) };
        let (ox, oy) = (self.x0 as f32, self.y0 as f32);
        let (px, py, qx, qy) = (p[0] - ox, p[1] - oy, q[0] - ox, q[1] - oy);
        if qy <= 0.0 || py >= self.h as f32 {
            return;
        }
        let slope = (qx - px) / (qy - py);
        let (top, bottom) = (py.max(0.0), qy.min(self.h as f32));
        let mut x = px + (top - py) * slope;
        let mut y = top;
        let right = self.w as f32;
        for row in top as usize..(bottom.ceil() as usize).min(self.h) {
            let next_y = ((row + 1) as f32).min(bottom);
            let next_x = x + (next_y - y) * slope;
            let d = (next_y - y) * dir;
            // Outside, an edge counts as if it stood on the border: what it encloses inside stays right.
            let (xa, xb) = (x.clamp(0.0, right), next_x.clamp(0.0, right));
            let (x0, x1) = if xa < xb { (xa, xb) } else { (xb, xa) };
            let cells = &mut self.deltas[row * self.stride..(row + 1) * self.stride];
            let i = x0 as usize;
            let end = x1.ceil() as usize;
            if end <= i + 1 {
                let spill = 0.5 * (x0 + x1) - i as f32;
                cells[i] += d * (1.0 - spill);
                cells[i + 1] += d * spill;
            } else {
                let s = (x1 - x0).recip();
                let first = x0 - i as f32;
                let a0 = 0.5 * s * (1.0 - first) * (1.0 - first);
                let last = x1 - end as f32 + 1.0;
                let am = 0.5 * s * last * last;
                cells[i] += d * a0;
                if end == i + 2 {
                    cells[i + 1] += d * (1.0 - a0 - am);
                } else {
                    let a1 = s * (1.5 - first);
                    cells[i + 1] += d * (a1 - a0);
                    for cell in &mut cells[i + 2..end - 1] {
                        *cell += d * s;
                    }
                    let a2 = a1 + (end - i - 3) as f32 * s;
                    cells[end - 1] += d * (1.0 - a2 - am);
                }
                cells[end] += d * am;
            }
            x = next_x;
            y = next_y;
        }
    }

    /// The closed outline through the points.
    pub(crate) fn outline(&mut self, points: &[[f32; 2]]) {
        let Some(last) = points.last() else { return };
        let mut from = *last;
        for to in points {
            self.line(from, *to);
            from = *to;
        }
    }

    pub(crate) fn finish(self) -> Mask {
        let mut data = Vec::with_capacity(self.w * self.h);
        for row in self.deltas.chunks_exact(self.stride) {
            let mut sum = 0.0f32;
            data.extend(row[..self.w].iter().map(|d| {
                sum += d;
                sum.abs().min(1.0)
            }));
        }
        Mask { x0: self.x0, y0: self.y0, w: self.w, h: self.h, data }
    }
}

impl Mask {
    /// Grows (`amount` above 0) or shrinks the ink by up to one pixel.
    pub(crate) fn embolden(&mut self, amount: f32) {
        let grow = amount > 0.0;
        let pick = |a: f32, b: f32| if grow { a.max(b) } else { a.min(b) };
        let t = amount.abs().min(1.0);
        let (w, h) = (self.w, self.h);
        let source = self.data.clone();
        let mut wide = source.clone();
        for (out, row) in wide.chunks_exact_mut(w).zip(source.chunks_exact(w)) {
            for x in 1..w {
                out[x] = pick(out[x], row[x - 1]);
            }
            for x in 0..w - 1 {
                out[x] = pick(out[x], row[x + 1]);
            }
        }
        for y in 0..h {
            let (up, down) = (y.saturating_sub(1), (y + 1).min(h - 1));
            for x in 0..w {
                // A plus rather than a square keeps corners from growing too fast.
                let v = pick(wide[y * w + x], pick(source[up * w + x], source[down * w + x]));
                let old = &mut self.data[y * w + x];
                *old += (v - *old) * t;
            }
        }
    }

    /// The ink as a printer of square cells `cell` pixels wide lays it down: round dots of `radius` cells.
    pub(crate) fn dot_matrix(&mut self, cell: f32, radius: f32, phase: [f32; 2]) {
        let (w, h) = (self.w, self.h);
        let (nx, ny) = ((w as f32 / cell) as usize + 2, (h as f32 / cell) as usize + 2);
        let mut sums = vec![[0.0f32; 2]; nx * ny];
        let at = |v: usize, p: f32| (v as f32 + 0.5) / cell + p;
        for y in 0..h {
            let cy = at(y, phase[1]) as usize;
            for x in 0..w {
                let s = &mut sums[cy.min(ny - 1) * nx + (at(x, phase[0]) as usize).min(nx - 1)];
                s[0] += self.data[y * w + x];
                s[1] += 1.0;
            }
        }
        for y in 0..h {
            let fy = at(y, phase[1]);
            for x in 0..w {
                let fx = at(x, phase[0]);
                let (dx, dy) = (fx.fract() - 0.5, fy.fract() - 0.5);
                let s = sums[(fy as usize).min(ny - 1) * nx + (fx as usize).min(nx - 1)];
                let on = ((s[0] / s[1].max(1.0) - 0.35) * 6.0).clamp(0.0, 1.0);
                let edge = ((radius - dx.hypot(dy)) * cell + 0.5).clamp(0.0, 1.0);
                self.data[y * w + x] = on * edge;
            }
        }
    }

    /// Averages over a square of side `2 * radius + 1`, as a soft shadow has it.
    pub(crate) fn soften(&mut self, radius: usize) {
        if radius == 0 {
            return;
        }
        let (w, h) = (self.w, self.h);
        let norm = 1.0 / (2 * radius + 1) as f32;
        let mut out = vec![0.0; w * h];
        for y in 0..h {
            for x in 0..w {
                let row = &self.data[y * w..(y + 1) * w];
                out[y * w + x] =
                    row[x.saturating_sub(radius)..(x + radius + 1).min(w)].iter().sum::<f32>() * norm;
            }
        }
        self.data.fill(0.0);
        for y in 0..h {
            for k in y.saturating_sub(radius)..(y + radius + 1).min(h) {
                for x in 0..w {
                    self.data[y * w + x] += out[k * w + x] * norm;
                }
            }
        }
    }

    /// Multiplies coverage pixel by pixel.
    pub(crate) fn scale_by(&mut self, factors: &[f32]) {
        for (m, f) in self.data.iter_mut().zip(factors) {
            *m *= f;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x0: f32, y0: f32, x1: f32, y1: f32, w: usize, h: usize) -> Mask {
        let mut raster = Raster::new(0, 0, w, h);
        raster.outline(&[[x0, y0], [x1, y0], [x1, y1], [x0, y1]]);
        raster.finish()
    }

    #[test]
    fn coverage_adds_up_to_the_area_inside_the_picture() {
        for (x0, y0, x1, y1, area) in [
            (1.0, 1.0, 3.0, 4.0, 6.0),
            (0.25, 0.5, 2.75, 2.0, 3.75),
            (-5.0, 1.0, 2.0, 3.0, 4.0),
            (6.5, 2.0, 30.0, 3.0, 1.5),
            (-9.0, -9.0, 99.0, 99.0, 64.0),
            (9.0, 1.0, 12.0, 3.0, 0.0),
        ] {
            let sum: f32 = square(x0, y0, x1, y1, 8, 8).data.iter().sum();
            assert!((sum - area).abs() < 1e-3, "{sum} for {area}");
        }
    }

    #[test]
    fn a_slanting_edge_that_leaves_the_picture_inks_no_other_row() {
        let mut raster = Raster::new(0, 0, 6, 4);
        raster.outline(&[[3.0, 1.0], [40.0, 1.2], [20.0, 1.9], [3.5, 2.0]]);
        let mask = raster.finish();
        for (i, v) in mask.data.iter().enumerate() {
            assert!(*v < 1e-4 || (i / 6 == 1 && i % 6 >= 3), "pixel {i} has {v}");
        }
    }

    #[test]
    fn emboldening_reaches_one_pixel_and_thinning_takes_it_back() {
        let mut mask = Mask { x0: 0, y0: 0, w: 7, h: 7, data: vec![0.0; 49] };
        mask.data[24] = 1.0;
        mask.embolden(1.0);
        assert_eq!(mask.data.iter().sum::<f32>(), 5.0);
        mask.embolden(-1.0);
        assert_eq!(mask.data.iter().sum::<f32>(), 1.0);
        assert_eq!(mask.data[24], 1.0);
    }
}
