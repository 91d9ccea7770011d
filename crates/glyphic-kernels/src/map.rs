use rayon::prelude::*;

/// Where a channel-last map `[N, H, W, C]` lies in a slice: each image stands in a frame of zeros of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Map {
    /// Images.
    pub batch: usize,
    /// Pixels from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
    /// Numbers a pixel.
    pub channels: usize,
    /// Rows of zeros above and below, columns left and right.
    pub frame: [usize; 2],
}

impl Map {
    /// A map without a frame.
    pub fn new(batch: usize, height: usize, width: usize, channels: usize) -> Self {
        Self { batch, height, width, channels, frame: [0; 2] }
    }

    /// The same with a frame.
    pub fn framed(self, frame: [usize; 2]) -> Self {
        Self { frame, ..self }
    }

    /// Numbers of a row, its frame included.
    pub fn row_len(&self) -> usize {
        (self.width + 2 * self.frame[1]) * self.channels
    }

    /// Numbers of an image, its frame included.
    pub fn image_len(&self) -> usize {
        (self.height + 2 * self.frame[0]) * self.row_len()
    }

    /// Numbers in all.
    pub fn len(&self) -> usize {
        self.batch * self.image_len()
    }

    /// Whether there are no numbers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where pixel 0 of a row begins; the row may lie in the frame.
    #[inline]
    pub(crate) fn row_at(&self, image: usize, row: usize) -> usize {
        image * self.image_len() + (row + self.frame[0]) * self.row_len() + self.frame[1] * self.channels
    }

    /// A row without its frame, `[W, C]`.
    #[inline]
    pub fn row<'a, T>(&self, values: &'a [T], image: usize, row: usize) -> &'a [T] {
        &values[self.row_at(image, row)..][..self.width * self.channels]
    }

    /// The same map as one row of pixels where nothing lies between them.
    pub(crate) fn flat(self) -> Self {
        if self.frame == [0; 2] {
            Self { batch: 1, height: 1, width: self.batch * self.height * self.width, ..self }
        } else {
            self
        }
    }

    /// Calls `f(image, first row, rows' numbers)` with groups of up to `group` whole rows, frame columns included, on all
    /// threads; writes zeros into the frame.
    pub(crate) fn for_each_rows<T: Copy + Default + Send>(
        &self,
        values: &mut [T],
        group: usize,
        f: impl Fn(usize, usize, &mut [T]) + Sync + Send,
    ) {
        if self.is_empty() {
            return;
        }
        let (row_len, group) = (self.row_len(), group.max(1));
        let mut work = Vec::with_capacity(self.batch * self.height.div_ceil(group));
        for (image, values) in values[..self.len()].chunks_exact_mut(self.image_len()).enumerate() {
            let (top, rest) = values.split_at_mut(self.frame[0] * row_len);
            let (inner, bottom) = rest.split_at_mut(self.height * row_len);
            top.fill(T::default());
            bottom.fill(T::default());
            work.extend(
                inner.chunks_mut(group * row_len).enumerate().map(|(i, rows)| (image, i * group, rows)),
            );
        }
        let margin = self.frame[1] * self.channels;
        let run = |(image, row, rows): (usize, usize, &mut [T])| {
            if margin > 0 {
                for row in rows.chunks_exact_mut(row_len) {
                    row[..margin].fill(T::default());
                    row[row_len - margin..].fill(T::default());
                }
            }
            f(image, row, rows);
        };
        spread(work, run);
    }

    /// Calls `f(image, row, row's numbers)` with each row without its frame; `cost` is about how many nanoseconds a row
    /// takes.
    pub fn for_each_row<T: Copy + Default + Send>(
        &self,
        values: &mut [T],
        cost: usize,
        f: impl Fn(usize, usize, &mut [T]) + Sync + Send,
    ) {
        let (row_len, margin) = (self.row_len(), self.frame[1] * self.channels);
        self.for_each_rows(values, rows_a_task(cost, self.height), |image, first, rows| {
            for (i, row) in rows.chunks_exact_mut(row_len).enumerate() {
                f(image, first + i, &mut row[margin..row_len - margin]);
            }
        });
    }
}

/// Nanoseconds that a task should take at least: handing it to another thread costs about one.
const TASK: usize = 20_000;

/// Rows a task for rows of this cost.
pub(crate) fn rows_a_task(cost: usize, rows: usize) -> usize {
    (TASK / cost.max(1)).clamp(1, rows.max(1))
}

/// Calls `f(first, rows)` with groups of rows of `row` numbers, of which `first` is the first one's number, on all threads where
/// there is work for several; `cost` is about how many nanoseconds a row takes.
pub fn each_rows(values: &mut [f32], row: usize, cost: usize, f: impl Fn(usize, &mut [f32]) + Sync + Send) {
    if values.is_empty() || row == 0 {
        return;
    }
    let group = rows_a_task(cost, values.len() / row);
    if group * row >= values.len() || rayon::current_num_threads() == 1 {
        return f(0, values);
    }
    values.par_chunks_mut(group * row).enumerate().for_each(|(i, rows)| f(i * group, rows));
}

/// Runs all work, on all threads where there are several.
pub(crate) fn spread<T: Send>(work: Vec<T>, f: impl Fn(T) + Sync + Send) {
    if work.len() < 2 || rayon::current_num_threads() == 1 {
        work.into_iter().for_each(f);
    } else {
        work.into_par_iter().for_each(f);
    }
}

/// A map that is added to an operator's outputs.
#[derive(Debug, Clone, Copy)]
pub struct Residual<'a> {
    /// Its numbers.
    pub values: &'a [f32],
    /// Where they lie; a map of 1/2 (or any other whole part) of the output's size is enlarged to it, each pixel
    /// repeated.
    pub map: Map,
}

/// Where an operator writes.
#[derive(Debug)]
pub struct Target<'a> {
    /// Numbers of the whole map.
    pub values: &'a mut [f32],
    /// Where they lie.
    pub map: Map,
    /// The first channel that is written; others are left alone.
    pub channel: usize,
}
