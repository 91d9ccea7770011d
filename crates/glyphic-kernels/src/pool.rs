//! Pooling of channel-last maps.

use crate::{Map, Target};

/// What a window gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// Its largest value.
    Max,
    /// The mean of what lies inside the map.
    Mean,
    /// The sum over the window's size.
    MeanWithPadding,
}

/// Where a pooling looks; sizes are `[vertical, horizontal]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolShape {
    /// Size of the window.
    pub kernel: [usize; 2],
    /// Steps between outputs.
    pub stride: [usize; 2],
    /// Pixels above and left of the input.
    pub before: [usize; 2],
    /// Pixels below and right of it.
    pub after: [usize; 2],
}

impl PoolShape {
    /// Size of the output; `None` where the window is larger than the padded input.
    pub fn output(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        let padded: [usize; 2] = std::array::from_fn(|a| size[a] + self.before[a] + self.after[a]);
        let fits = (0..2).all(|a| padded[a] >= self.kernel[a]);
        fits.then(|| std::array::from_fn(|a| (padded[a] - self.kernel[a]) / self.stride[a] + 1))
    }

    /// Pools; padding never counts as a value.
    ///
    /// # Panics
    /// Where the target has another size than the shape says.
    pub fn run(&self, pooling: Pooling, input: &[f32], map: Map, target: Target<'_>) {
        let out = target.map;
        assert_eq!(
            Some([out.height, out.width]),
            self.output([map.height, map.width]),
            "the target has another size"
        );
        let channels = map.channels;
        let inside = |a: usize, at: usize, size: usize| {
            let first = at * self.stride[a];
            let last = (first + self.kernel[a]).saturating_sub(self.before[a]).min(size);
            first.saturating_sub(self.before[a])..last
        };
        let cost = out.width * channels * self.kernel[0] * self.kernel[1] / 8;
        out.for_each_row(target.values, cost, |image, y, row| {
            let start = if pooling == Pooling::Max { f32::NEG_INFINITY } else { 0.0 };
            for pixel in row.chunks_exact_mut(out.channels) {
                pixel[target.channel..target.channel + channels].fill(start);
            }
            let rows = inside(0, y, map.height);
            for source in rows.clone().map(|y| map.row(input, image, y)) {
                for (x, pixel) in row.chunks_exact_mut(out.channels).enumerate() {
                    let to = &mut pixel[target.channel..target.channel + channels];
                    let columns = inside(1, x, map.width);
                    for from in source[columns.start * channels..columns.end.max(columns.start) * channels]
                        .chunks_exact(channels)
                    {
                        match pooling {
                            Pooling::Max => {
                                to.iter_mut().zip(from).for_each(|(t, v)| *t = if *v > *t { *v } else { *t })
                            }
                            _ => to.iter_mut().zip(from).for_each(|(t, v)| *t += v),
                        }
                    }
                }
            }
            if pooling != Pooling::Max {
                for (x, pixel) in row.chunks_exact_mut(out.channels).enumerate() {
                    let count = match pooling {
                        Pooling::Mean => rows.len() * inside(1, x, map.width).len(),
                        _ => self.kernel[0] * self.kernel[1],
                    };
                    let share = 1.0 / count.max(1) as f32;
                    pixel[target.channel..target.channel + channels].iter_mut().for_each(|v| *v *= share);
                }
            }
        });
    }
}

/// The mean of each channel of each image: `[N, C]`.
pub fn global_mean(input: &[f32], map: Map) -> Vec<f32> {
    let mut out = Vec::with_capacity(map.batch * map.channels);
    for image in 0..map.batch {
        // Rows are summed first, and then the sums of the rows: as exact as large maps need.
        let mut total = vec![0.0f64; map.channels];
        let mut sum = vec![0.0f32; map.channels];
        for y in 0..map.height {
            sum.fill(0.0);
            for pixel in map.row(input, image, y).chunks_exact(map.channels.max(1)) {
                sum.iter_mut().zip(pixel).for_each(|(s, v)| *s += v);
            }
            total.iter_mut().zip(&sum).for_each(|(t, s)| *t += f64::from(*s));
        }
        let count = (map.height * map.width).max(1) as f64;
        out.extend(total.into_iter().map(|t| (t / count) as f32));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::numbers;

    #[test]
    fn windows_at_the_border_see_the_map_alone() {
        let shape = PoolShape { kernel: [3, 2], stride: [2, 2], before: [1, 0], after: [1, 1] };
        let map = Map::new(2, 5, 4, 3);
        let x = numbers(map.len(), 3);
        let [height, width] = shape.output([5, 4]).unwrap();
        for pooling in [Pooling::Max, Pooling::Mean, Pooling::MeanWithPadding] {
            let out_map = Map::new(2, height, width, 3);
            let mut out = vec![0.0; out_map.len()];
            shape.run(pooling, &x, map, Target { values: &mut out, map: out_map, channel: 0 });
            for (i, got) in out.iter().enumerate() {
                let (c, ox, oy, n) = (i % 3, i / 3 % width, i / 3 / width % height, i / 3 / width / height);
                let mut seen = Vec::new();
                for ky in 0..3 {
                    for kx in 0..2 {
                        let (y, x_at) = ((oy * 2 + ky) as i64 - 1, ox * 2 + kx);
                        if (0..5).contains(&y) && x_at < 4 {
                            seen.push(f64::from(x[((n * 5 + y as usize) * 4 + x_at) * 3 + c]));
                        }
                    }
                }
                let expected = match pooling {
                    Pooling::Max => seen.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                    Pooling::Mean => seen.iter().sum::<f64>() / seen.len() as f64,
                    Pooling::MeanWithPadding => seen.iter().sum::<f64>() / 6.0,
                };
                assert!(
                    (f64::from(*got) - expected).abs() < 1e-6,
                    "{pooling:?} {i}: {got} is not {expected}"
                );
            }
        }
    }

    #[test]
    fn a_global_mean_is_the_mean_of_each_channel() {
        let map = Map::new(1, 2, 2, 2);
        assert_eq!(global_mean(&[1., 10., 2., 20., 3., 30., 6., 60.], map), [3.0, 30.0]);
    }
}
