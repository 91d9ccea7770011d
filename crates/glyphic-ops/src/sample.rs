//! Operators that read between pixels.

use crate::{
    Args, Float, GridPadding, Interpolation, OpResult, PARALLEL, RoiMode, Tensor, conv::image, each_row,
    each_rows, elements, ensure, float_type, typed,
};

/// A plane's value between four pixels, of which those outside are 0.
pub(crate) fn bilinear_or_zero<T: Float>(plane: &[T], h: usize, w: usize, y: T, x: T) -> T {
    let (y0, x0) = (y.floor(), x.floor());
    let (ty, tx) = (y - y0, x - x0);
    let at = |y: T, x: T| match (y.to_isize(), x.to_isize()) {
        (Some(y), Some(x)) if (0..h as isize).contains(&y) && (0..w as isize).contains(&x) => {
            plane[y as usize * w + x as usize]
        }
        _ => T::default(),
    };
    let one = T::of(1.);
    let top = at(y0, x0) * (one - tx) + at(y0, x0 + one) * tx;
    let bottom = at(y0 + one, x0) * (one - tx) + at(y0 + one, x0 + one) * tx;
    top * (one - ty) + bottom * ty
}

/// The whole number at or below; a call to the library's takes most of the time where there is no instruction for it.
fn floor(x: f64) -> f64 {
    let whole = x as i64 as f64;
    if whole > x { whole - 1. } else { whole }
}

/// A coordinate folded back into `low..high` at both ends.
fn reflect(x: f64, low: f64, high: f64) -> f64 {
    let span = high - low;
    if span <= 0. {
        return low;
    }
    let d = (x - low).rem_euclid(2. * span);
    low + if d > span { 2. * span - d } else { d }
}

/// One axis of `GridSample`.
#[derive(Clone, Copy)]
struct Along {
    size: usize,
    padding: GridPadding,
    align_corners: bool,
}

impl Along {
    /// The coordinate that -1..1 means.
    fn place(&self, g: f64) -> f64 {
        let n = self.size as f64;
        if self.align_corners { (g + 1.) / 2. * (n - 1.) } else { ((g + 1.) * n - 1.) / 2. }
    }

    /// A coordinate moved inside, as the padding wants.
    fn inside(&self, x: f64) -> f64 {
        let n = self.size as f64;
        match self.padding {
            GridPadding::Zeros => x,
            GridPadding::Border => x.clamp(0., n - 1.),
            GridPadding::Reflection if self.align_corners => reflect(x, 0., n - 1.),
            GridPadding::Reflection => reflect(x, -0.5, n - 0.5).clamp(0., n - 1.),
        }
    }

    /// The pixel at a whole coordinate.
    fn pixel(&self, x: f64) -> Option<usize> {
        let x = self.inside(x);
        (x >= 0. && x < self.size as f64).then_some(x as usize)
    }

    /// Pixels and weights of a coordinate.
    fn taps(&self, g: f64, mode: Interpolation) -> [(Option<usize>, f64); 4] {
        let x = self.place(g);
        if !x.is_finite() {
            // A coordinate that is none reads nothing.
            return [(None, 0.); 4];
        }
        match mode {
            Interpolation::Nearest => {
                let x = self.inside(x);
                let even = if (x - x.trunc()).abs() == 0.5 { 2. * (x / 2.).round() } else { x.round() };
                [(self.pixel(even), 1.), (None, 0.), (None, 0.), (None, 0.)]
            }
            Interpolation::Linear => {
                let x = self.inside(x);
                let first = floor(x);
                let t = x - first;
                [(self.pixel(first), 1. - t), (self.pixel(first + 1.), t), (None, 0.), (None, 0.)]
            }
            Interpolation::Cubic => {
                let first = x.floor();
                let t = x - first;
                let c = -0.75;
                let near = |d: f64| ((c + 2.) * d - (c + 3.)) * d * d + 1.;
                let far = |d: f64| ((c * d - 5. * c) * d + 8. * c) * d - 4. * c;
                [
                    (self.pixel(first - 1.), far(1. + t)),
                    (self.pixel(first), near(t)),
                    (self.pixel(first + 1.), near(1. - t)),
                    (self.pixel(first + 2.), far(2. - t)),
                ]
            }
        }
    }
}

/// `GridSample` over two or three axes.
pub(crate) fn grid(
    args: &Args,
    mode: Interpolation,
    padding: GridPadding,
    align_corners: bool,
) -> OpResult<Tensor> {
    let (t, g) = (args.get(0)?, args.get(1)?);
    let (batch, channels, input) = image(t, 0)?;
    let rank = input.len();
    ensure!(
        (2..=3).contains(&rank),
        "an input of shape {:?}; expected [N, C, H, W] or [N, C, D, H, W]",
        t.shape()
    );
    ensure!(rank == 2 || mode != Interpolation::Cubic, "cubic interpolation over {rank} axes; expected 2");
    let [grid_batch, spatial @ .., last] = g.shape() else {
        return Err("a grid without axes".into());
    };
    let fits = *grid_batch == batch && spatial.len() == rank && *last == rank;
    ensure!(fits, "a grid of shape {:?} for an input of shape {:?}", g.shape(), t.shape());
    let along: Vec<Along> = input.iter().map(|size| Along { size: *size, padding, align_corners }).collect();
    let shape = [&[batch, channels][..], spatial].concat();
    let (area, plane): (usize, usize) = (spatial.iter().product(), input.iter().product());
    let total = elements(&shape)?;
    ensure!(plane > 0 || total == 0, "an empty input of shape {:?}", t.shape());
    let grid = g.to_f32();
    let grid = typed::<f32>(&grid, 1)?;
    float_type!(t.dtype(), T => {
        let values = typed::<T>(t, 0)?;
        let mut out = vec![T::default(); total];
        if total == 0 {
            return Ok(Tensor::of(&shape, out));
        }
        // All channels of a picture share the pixels and weights.
        let count = if mode == Interpolation::Cubic { 4 } else if mode == Interpolation::Linear { 2 } else { 1 };
        for n in 0..batch {
            // As many taps a point, of which some may lie outside.
            let each = usize::pow(count, rank as u32);
            let mut mixed: Vec<Option<(usize, T)>> = vec![None; area * each];
            each_row(&mut mixed, each, 16 * each, &|p, mixed| {
                let at = &grid[(n * area + p) * rank..][..rank];
                let mut taps = [[(None, 0.); 4]; 3];
                for (a, along) in along.iter().enumerate() {
                    // The grid names the last axis first.
                    taps[a] = along.taps(f64::from(at[rank - 1 - a]), mode);
                }
                if let ([y, x, _], [a, b, c, d], [_, along]) = (&taps, &mut *mixed, &along[..]) {
                    let both = |y: &(Option<usize>, f64), x: &(Option<usize>, f64)| {
                        y.0.zip(x.0).map(|(i, j)| (i * along.size + j, <T as Float>::of(y.1 * x.1)))
                    };
                    (*a, *b, *c, *d) = (both(&y[0], &x[0]), both(&y[0], &x[1]), both(&y[1], &x[0]), both(&y[1], &x[1]));
                    return;
                }
                for (i, tap) in mixed.iter_mut().enumerate() {
                    let (mut rest, mut step, mut place, mut weight) = (i, 1, Some(0), 1.);
                    for (along, taps) in along.iter().zip(&taps).rev() {
                        let (at, w) = taps[rest % count];
                        place = place.zip(at).map(|(place, at)| place + at * step);
                        weight *= w;
                        rest /= count;
                        step *= along.size;
                    }
                    *tap = place.map(|place| (place, <T as Float>::of(weight)));
                }
            });
            let out = &mut out[n * channels * area..(n + 1) * channels * area];
            each_rows(out, area, 4 * area, &|first, planes| {
                for (c, out) in planes.chunks_mut(area).enumerate() {
                    let source = &values[(n * channels + first + c) * plane..][..plane];
                    for (o, mixed) in out.iter_mut().zip(mixed.chunks_exact(each)) {
                        *o = mixed.iter().flatten().map(|(i, w)| source[*i] * *w).sum();
                    }
                }
            });
        }
        Ok(Tensor::of(&shape, out))
    })
}

/// Most samples a bin and axis: a region of a file cannot ask for more work.
const MAX_SAMPLES: usize = 1 << 12;

pub(crate) fn roi_align(
    args: &Args,
    mode: RoiMode,
    output: [usize; 2],
    sampling_ratio: usize,
    spatial_scale: f32,
    half_pixel: bool,
) -> OpResult<Tensor> {
    let (t, rois) = (args.get(0)?, args.get(1)?);
    let [batch, channels, h, w] = *t.shape() else {
        return Err(format!("an input of shape {:?}; expected [N, C, H, W]", t.shape()).into());
    };
    let [count, 4] = *rois.shape() else {
        return Err(format!("regions of shape {:?}; expected [R, 4]", rois.shape()).into());
    };
    let pictures = args.ints(2)?;
    ensure!(pictures.len() == count, "{} indices for {count} regions", pictures.len());
    ensure!(
        pictures.iter().all(|p| usize::try_from(*p).is_ok_and(|p| p < batch)),
        "indices outside the batch of {batch}"
    );
    ensure!(output[0] > 0 && output[1] > 0, "an output of {output:?}");
    ensure!(h > 0 && w > 0, "an empty input of shape {:?}", t.shape());
    let shape = [count, channels, output[0], output[1]];
    let total = elements(&shape)?;
    let rois = rois.to_f32();
    let rois = typed::<f32>(&rois, 1)?;
    float_type!(t.dtype(), T => {
        let values = typed::<T>(t, 0)?;
        let mut out = vec![T::default(); total];
        if total == 0 {
            return Ok(Tensor::of(&shape, out));
        }
        each_row(&mut out, output[0] * output[1], PARALLEL, &|i, out| {
            let (r, c) = (i / channels, i % channels);
            let picture = usize::try_from(pictures[r]).unwrap_or(0);
            let plane = &values[(picture * channels + c) * h * w..][..h * w];
            let shift = if half_pixel { 0.5 } else { 0. };
            let edge = |k: usize| f64::from(rois[r * 4 + k]) * f64::from(spatial_scale) - shift;
            let (x0, y0) = (edge(0), edge(1));
            let (mut width, mut height) = (edge(2) - x0, edge(3) - y0);
            if !half_pixel {
                (width, height) = (width.max(1.), height.max(1.));
            }
            let (bin_h, bin_w) = (height / output[0] as f64, width / output[1] as f64);
            let samples = |bin: f64| match sampling_ratio {
                0 => (bin.ceil().max(0.) as usize).min(MAX_SAMPLES),
                n => n.min(MAX_SAMPLES),
            };
            let (ny, nx) = (samples(bin_h), samples(bin_w));
            for (at, o) in out.iter_mut().enumerate() {
                let (py, px) = ((at / output[1]) as f64, (at % output[1]) as f64);
                let mut mean = 0.;
                let mut most: Option<f64> = None;
                for iy in 0..ny {
                    let y = y0 + py * bin_h + (iy as f64 + 0.5) * bin_h / ny as f64;
                    for ix in 0..nx {
                        let x = x0 + px * bin_w + (ix as f64 + 0.5) * bin_w / nx as f64;
                        let parts = corners(plane, h, w, y, x);
                        mean += parts.iter().sum::<f64>();
                        let largest = parts.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                        most = Some(most.map_or(largest, |m| m.max(largest)));
                    }
                }
                *o = <T as Float>::of(match mode {
                    RoiMode::Average => mean / (ny * nx).max(1) as f64,
                    RoiMode::Max => most.unwrap_or(0.),
                });
            }
        });
        Ok(Tensor::of(&shape, out))
    })
}

/// The weighted values of the four pixels about a point; a point more than a pixel outside has none.
fn corners<T: Float>(plane: &[T], h: usize, w: usize, y: f64, x: f64) -> [f64; 4] {
    if !(y >= -1. && y <= h as f64 && x >= -1. && x <= w as f64) {
        return [0.; 4];
    }
    let along = |v: f64, n: usize| {
        let v = v.max(0.);
        let low = v as usize;
        if low + 1 >= n { (n - 1, n - 1, 0.) } else { (low, low + 1, v - low as f64) }
    };
    let ((y0, y1, ty), (x0, x1, tx)) = (along(y, h), along(x, w));
    let at = |y: usize, x: usize| plane[y * w + x].wide();
    [
        at(y0, x0) * (1. - ty) * (1. - tx),
        at(y0, x1) * (1. - ty) * tx,
        at(y1, x0) * ty * (1. - tx),
        at(y1, x1) * ty * tx,
    ]
}
