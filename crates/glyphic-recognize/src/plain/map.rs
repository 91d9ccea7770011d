use rayon::prelude::*;

/// A feature map `[height, width, channels]` inside a frame of zeros, which convolutions read as their padding.
pub(crate) struct FeatureMap {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    /// Width of the frame in pixels, on all four sides.
    pub(crate) frame: usize,
    /// `[height + 2 frame, width + 2 frame, channels]`
    data: Vec<f32>,
}

impl FeatureMap {
    /// A map of zeros.
    pub(crate) fn new(height: usize, width: usize, channels: usize, frame: usize) -> Self {
        let data = vec![0.0; (height + 2 * frame) * (width + 2 * frame) * channels];
        Self { height, width, channels, frame, data }
    }

    /// All numbers, `[height, width, channels]`.
    ///
    /// # Panics
    /// For a map with a frame.
    pub(crate) fn into_values(self) -> Vec<f32> {
        assert_eq!(self.frame, 0, "the frame would be among the values");
        self.data
    }

    /// Numbers in a row, its frame included.
    pub(crate) fn stride(&self) -> usize {
        (self.width + 2 * self.frame) * self.channels
    }

    /// Row `y` without its frame, `[width, channels]`.
    pub(crate) fn row(&self, y: usize) -> &[f32] {
        let start = (y + self.frame) * self.stride() + self.frame * self.channels;
        &self.data[start..start + self.width * self.channels]
    }

    /// All numbers from the pixel that lies `padding` above and left of row `y`, column 0.
    pub(crate) fn window_rows(&self, y: usize, padding: [usize; 2]) -> &[f32] {
        let start = (y + self.frame - padding[0]) * self.stride() + (self.frame - padding[1]) * self.channels;
        &self.data[start..]
    }

    /// Calls `f` with each row's index and its numbers without frame, on all threads.
    pub(crate) fn for_each_row(&mut self, f: impl Fn(usize, &mut [f32]) + Sync + Send) {
        let (frame, height, margin, stride) =
            (self.frame, self.height, self.frame * self.channels, self.stride());
        self.data[frame * stride..(frame + height) * stride]
            .par_chunks_mut(stride)
            .enumerate()
            .for_each(|(y, row)| f(y, &mut row[margin..stride - margin]));
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
}
