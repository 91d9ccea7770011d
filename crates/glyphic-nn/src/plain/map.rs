use rayon::prelude::*;

/// A feature map `[height, width, channels]` inside a frame of zeros, which convolutions read as their padding.
pub struct FeatureMap {
    /// Pixels from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
    /// Numbers a pixel.
    pub channels: usize,
    /// Width of the frame in pixels, on all four sides.
    pub frame: usize,
    /// `[height + 2 frame, width + 2 frame, channels]`
    data: Vec<f32>,
}

impl FeatureMap {
    /// A map of zeros.
    pub fn new(height: usize, width: usize, channels: usize, frame: usize) -> Self {
        let data = vec![0.0; (height + 2 * frame) * (width + 2 * frame) * channels];
        Self { height, width, channels, frame, data }
    }

    /// A map of `planes` `[channels, height, width]`.
    ///
    /// # Panics
    /// Where the planes are not so many numbers.
    pub fn from_planes(planes: &[f32], height: usize, width: usize, channels: usize, frame: usize) -> Self {
        assert_eq!(planes.len(), channels * height * width, "the planes have not the map's size");
        let mut map = Self::new(height, width, channels, frame);
        map.for_each_row(|y, row| {
            for (channel, plane) in planes.chunks_exact(height * width).enumerate() {
                let pixels = row.iter_mut().skip(channel).step_by(channels);
                pixels.zip(&plane[y * width..(y + 1) * width]).for_each(|(to, from)| *to = *from);
            }
        });
        map
    }

    /// All numbers, `[height, width, channels]`.
    ///
    /// # Panics
    /// For a map with a frame.
    pub fn into_values(self) -> Vec<f32> {
        assert_eq!(self.frame, 0, "the frame would be among the values");
        self.data
    }

    /// Numbers in a row, its frame included.
    pub fn stride(&self) -> usize {
        (self.width + 2 * self.frame) * self.channels
    }

    /// Row `y` without its frame, `[width, channels]`.
    pub fn row(&self, y: usize) -> &[f32] {
        let start = (y + self.frame) * self.stride() + self.frame * self.channels;
        &self.data[start..start + self.width * self.channels]
    }

    /// The mean of each channel, as a map of one pixel.
    pub fn mean(&self) -> Self {
        let mut sums = vec![0.0f64; self.channels];
        for y in 0..self.height {
            for pixel in self.row(y).chunks_exact(self.channels) {
                sums.iter_mut().zip(pixel).for_each(|(sum, v)| *sum += f64::from(*v));
            }
        }
        let count = (self.height * self.width).max(1) as f64;
        let data = sums.into_iter().map(|sum| (sum / count) as f32).collect();
        Self { height: 1, width: 1, channels: self.channels, frame: 0, data }
    }

    /// All numbers from the pixel that lies `padding` above and left of row `y`, column 0.
    pub fn window_rows(&self, y: usize, padding: [usize; 2]) -> &[f32] {
        let start = (y + self.frame - padding[0]) * self.stride() + (self.frame - padding[1]) * self.channels;
        &self.data[start..]
    }

    /// Calls `f` with each row's index and its numbers without frame, on all threads.
    pub fn for_each_row(&mut self, f: impl Fn(usize, &mut [f32]) + Sync + Send) {
        let (frame, height, margin, stride) =
            (self.frame, self.height, self.frame * self.channels, self.stride());
        self.data[frame * stride..(frame + height) * stride]
            .par_chunks_mut(stride)
            .enumerate()
            .for_each(|(y, row)| f(y, &mut row[margin..stride - margin]));
    }

    /// The same numbers, each pixel split into `parts` pixels beside each other.
    ///
    /// # Panics
    /// For a map with a frame, whose rows do not lie next to each other.
    pub fn split_pixels(mut self, parts: usize) -> Self {
        assert!(self.frame == 0 && self.channels.is_multiple_of(parts), "a pixel cannot be split so");
        self.width *= parts;
        self.channels /= parts;
        self
    }

    /// Writes `small` into channels `channel..`, each of its pixels `factor` times in both directions.
    pub fn write_enlarged(&mut self, small: &Self, channel: usize, factor: usize) {
        let channels = self.channels;
        self.for_each_row(|y, row| {
            let source = small.row(y / factor).chunks_exact(small.channels);
            for (targets, pixel) in row.chunks_exact_mut(channels * factor).zip(source) {
                for target in targets.chunks_exact_mut(channels) {
                    target[channel..channel + pixel.len()].copy_from_slice(pixel);
                }
            }
        });
    }

    /// The largest value under a 3x3 window of stride 2. Right for values >= 0 only (after a ReLU), since the
    /// frame of zeros takes part: `[h, w, c]` -> `[h/2, w/2, c]`.
    pub fn max_pool_3x3_s2(&self, frame: usize) -> Self {
        let mut out = Self::new(self.height.div_ceil(2), self.width.div_ceil(2), self.channels, frame);
        let (channels, stride) = (self.channels, self.stride());
        out.for_each_row(|y, row| {
            let window = self.window_rows(2 * y, [1, 1]);
            for line in 0..3 {
                let line = &window[line * stride..];
                for (x, target) in row.chunks_exact_mut(channels).enumerate() {
                    for column in 0..3 {
                        let source = &line[(2 * x + column) * channels..][..channels];
                        for (t, s) in target.iter_mut().zip(source) {
                            *t = t.max(*s);
                        }
                    }
                }
            }
        });
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(height: usize, width: usize, channels: usize, frame: usize) -> FeatureMap {
        let mut map = FeatureMap::new(height, width, channels, frame);
        map.for_each_row(|y, row| {
            for (i, v) in row.iter_mut().enumerate() {
                *v = (y * 100 + i) as f32;
            }
        });
        map
    }

    #[test]
    fn the_frame_stays_zero() {
        let map = filled(2, 3, 2, 1);
        assert_eq!(map.data.iter().filter(|v| **v != 0.0).count(), 2 * 3 * 2 - 1);
        assert_eq!(map.row(1), [100.0, 101.0, 102.0, 103.0, 104.0, 105.0]);
        assert_eq!(map.window_rows(0, [1, 1]).len(), 4 * 5 * 2);
    }

    #[test]
    fn planes_become_pixels() {
        let map = FeatureMap::from_planes(&[1., 2., 3., 4., 5., 6., 7., 8.], 2, 2, 2, 0);
        assert_eq!(map.into_values(), [1., 5., 2., 6., 3., 7., 4., 8.]);
    }

    #[test]
    fn enlarging_repeats_each_pixel_in_both_directions() {
        let small = filled(1, 2, 1, 0);
        let mut out = FeatureMap::new(2, 4, 3, 1);
        out.write_enlarged(&small, 1, 2);
        for y in 0..2 {
            assert_eq!(out.row(y), [0., 0., 0., 0., 0., 0., 0., 1., 0., 0., 1., 0.]);
        }
    }

    #[test]
    fn pooling_takes_the_largest_of_nine() {
        let out = filled(4, 4, 1, 1).max_pool_3x3_s2(1);
        assert_eq!([out.row(0), out.row(1)].concat(), [101.0, 103.0, 301.0, 303.0]);
    }
}
