//! What a run computes with: tensors in row-major order, and channel-last maps in memory that is used again.

use std::sync::{Arc, Mutex, PoisonError};

use super::memory::zeros;
use crate::{DType, Tensor};
use glyphic_kernels::{Grid, Map, Source, transpose};

/// Buffers that runs of one session hand on to each other. What is kept and what is in use together never take more than was
/// in use at one time: pictures of many sizes do not fill the memory with buffers of each.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    buffers: Mutex<Buffers>,
    /// Memory of row-major tensors that nobody holds any more, a few.
    rows: Mutex<Vec<Vec<f32>>>,
}

/// Tensors whose memory is kept.
const ROWS: usize = 6;

/// Lengths are in numbers.
#[derive(Debug, Default)]
struct Buffers {
    /// The oldest first.
    free: Vec<Vec<f32>>,
    /// The length of all that are free, of those in use, and the most that was in use at one time.
    kept: usize,
    used: usize,
    most: usize,
}

impl Pool {
    /// So many numbers of any values, for a row-major tensor.
    pub(crate) fn row(&self, len: usize) -> Vec<f32> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = (0..rows.len()).filter(|i| (len..=len * 2 + 4096).contains(&rows[*i].capacity()));
        let found = fitting.min_by_key(|i| rows[*i].capacity()).map(|i| rows.remove(i));
        drop(rows);
        let Some(mut row) = found else { return zeros(len) };
        row.resize(len, 0.0);
        row
    }

    /// Takes back a tensor's memory where nobody else holds it.
    pub(crate) fn recycle(&self, tensor: Tensor) {
        if let Ok((_, values)) = tensor.into_own_f32s()
            && values.capacity() > 0
        {
            let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
            rows.push(values);
            let oldest = (rows.len() > ROWS).then(|| rows.remove(0));
            drop(rows);
            drop(oldest);
        }
    }

    /// A buffer of at least `len` numbers of any values.
    fn take(&self, len: usize) -> Vec<f32> {
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let Buffers { free, kept, used, most } = &mut *buffers;
        let fitting = (0..free.len()).filter(|i| (len..=len * 4 + 4096).contains(&free[*i].len()));
        let found = fitting.min_by_key(|i| free[*i].len()).map(|i| free.remove(i));
        *kept -= found.as_ref().map_or(0, Vec::len);
        *used += found.as_ref().map_or(len, Vec::len);
        *most = (*most).max(*used);
        // The new one may not be one more.
        let dropped = buffers.surplus();
        drop(buffers);
        drop(dropped);
        found.unwrap_or_else(|| zeros(len))
    }

    fn give(&self, values: Vec<f32>) {
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        buffers.used -= values.len();
        buffers.kept += values.len();
        buffers.free.push(values);
        let dropped = buffers.surplus();
        drop(buffers);
        drop(dropped);
    }
}

impl Buffers {
    /// Takes out the oldest buffers that are too many: their sizes are least likely to be asked for again.
    fn surplus(&mut self) -> Vec<Vec<f32>> {
        let mut count = 0;
        while count < self.free.len() && self.kept + self.used > self.most {
            self.kept -= self.free[count].len();
            count += 1;
        }
        self.free.drain(..count).collect()
    }
}

/// A channel-last map and its memory.
#[derive(Debug)]
pub(crate) struct Buffer {
    values: Vec<f32>,
    pub(crate) map: Map,
    pool: Arc<Pool>,
}

impl Buffer {
    /// A map whose numbers, the frame's too, are whatever was there before.
    pub(crate) fn new(map: Map, pool: &Arc<Pool>) -> Self {
        Self { values: pool.take(map.len()), map, pool: Arc::clone(pool) }
    }

    pub(crate) fn values(&self) -> &[f32] {
        &self.values[..self.map.len()]
    }

    pub(crate) fn source(&self) -> Source<'_> {
        Source { values: self.values(), map: self.map }
    }

    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values[..self.map.len()]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.pool.give(std::mem::take(&mut self.values));
    }
}

/// A channel-last map of bytes, without a frame: numbers rounded to a grid.
#[derive(Debug)]
pub(crate) struct Bytes {
    pub(crate) map: Map,
    pub(crate) grid: Grid,
    /// Four bytes a number.
    buffer: Buffer,
}

impl Bytes {
    /// A map of any bytes.
    pub(crate) fn new(map: Map, grid: Grid, pool: &Arc<Pool>) -> Self {
        let map = map.framed([0; 2]);
        Self { map, grid, buffer: Buffer::new(Map::new(1, 1, map.len().div_ceil(4), 1), pool) }
    }

    pub(crate) fn values(&self) -> &[u8] {
        &bytemuck::cast_slice(self.buffer.values())[..self.map.len()]
    }

    pub(crate) fn values_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(self.buffer.values_mut())[..self.map.len()]
    }

    /// The numbers that the bytes stand for, within a frame.
    fn floats(&self, frame: [usize; 2], pool: &Arc<Pool>) -> Buffer {
        let map = self.map.framed(frame);
        let mut out = Buffer::new(map, pool);
        map.for_each_row(out.values_mut(), map.width * map.channels, |image, y, row| {
            let bytes = self.map.row(self.values(), image, y);
            row.iter_mut().zip(bytes).for_each(|(to, byte)| *to = self.grid.number(*byte));
        });
        out
    }
}

/// A value of a run. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// In row-major order.
    Row(Tensor),
    /// A tensor `[N, C, H, W]`, channel-last.
    Map(Arc<Buffer>),
    /// The same with each pixel repeated this often in both directions.
    Enlarged(Arc<Buffer>, usize),
    /// A tensor `[N, C, H, W]` of 32-bit floats, which all who read it round to this grid.
    Bytes(Arc<Bytes>),
}

impl Value {
    /// Gives memory that nobody else holds back to the pool.
    pub(crate) fn recycle(self, pool: &Pool) {
        if let Self::Row(tensor) = self {
            pool.recycle(tensor);
        }
    }

    /// 32-bit floats `[N, C, H, W]` within a frame, of which `fill(image, y, row)` writes the rows `[W, C]`.
    pub(crate) fn picture(
        [batch, channels, height, width]: [usize; 4],
        frame: [usize; 2],
        pool: &Arc<Pool>,
        fill: impl Fn(usize, usize, &mut [f32]) + Sync + Send,
    ) -> Self {
        let map = Map::new(batch, height, width, channels).framed(frame);
        let mut out = Buffer::new(map, pool);
        map.for_each_row(out.values_mut(), width * channels, fill);
        Self::Map(Arc::new(out))
    }

    /// What its numbers are.
    pub(crate) fn dtype(&self) -> DType {
        match self {
            Self::Row(tensor) => tensor.dtype(),
            Self::Map(_) | Self::Enlarged(..) | Self::Bytes(_) => DType::F32,
        }
    }

    /// Sizes of the axes.
    pub(crate) fn shape(&self) -> Vec<usize> {
        match self {
            Self::Row(tensor) => tensor.shape().to_vec(),
            Self::Map(buffer) => sizes(buffer.map, 1),
            Self::Enlarged(buffer, factor) => sizes(buffer.map, *factor),
            Self::Bytes(bytes) => sizes(bytes.map, 1),
        }
    }

    /// Calls `f` with all numbers of a value of 32-bit floats, in pieces; with each of those that are repeated once.
    pub(crate) fn each_piece(&self, mut f: impl FnMut(&[f32])) {
        match self {
            Self::Row(tensor) => tensor.as_f32().into_iter().for_each(f),
            Self::Map(buffer) | Self::Enlarged(buffer, _) => {
                let map = buffer.map;
                for (image, y) in (0..map.batch).flat_map(|n| (0..map.height).map(move |y| (n, y))) {
                    f(map.row(buffer.values(), image, y));
                }
            }
            Self::Bytes(bytes) => {
                for piece in bytes.values().chunks(1024) {
                    f(&piece.iter().map(|byte| bytes.grid.number(*byte)).collect::<Vec<f32>>());
                }
            }
        }
    }

    /// In row-major order.
    pub(crate) fn into_row(self, pool: &Arc<Pool>) -> Tensor {
        match self {
            Self::Row(tensor) => tensor,
            Self::Map(buffer) => to_row(&buffer),
            Self::Enlarged(buffer, factor) => to_row(&enlarge(&buffer, factor, [0; 2], pool)),
            Self::Bytes(bytes) => to_row(&bytes.floats([0; 2], pool)),
        }
    }

    /// Channel-last within a frame of at least this size; `None` for anything but 32-bit floats `[N, C, H, W]` or
    /// `[N, C, W]`.
    pub(crate) fn into_map(self, frame: [usize; 2], pool: &Arc<Pool>) -> Option<Arc<Buffer>> {
        match self {
            Self::Map(buffer) if (0..2).all(|a| buffer.map.frame[a] >= frame[a]) => Some(buffer),
            Self::Map(buffer) => Some(Arc::new(reframe(&buffer, frame, pool))),
            Self::Enlarged(buffer, factor) => Some(Arc::new(enlarge(&buffer, factor, frame, pool))),
            Self::Bytes(bytes) => Some(Arc::new(bytes.floats(frame, pool))),
            Self::Row(tensor) => {
                let (batch, channels, height, width) = match *tensor.shape() {
                    [n, c, h, w] => (n, c, h, w),
                    [n, c, w] => (n, c, 1, w),
                    _ => return None,
                };
                let planes = tensor.as_f32()?;
                let map = Map::new(batch, height, width, channels).framed(frame);
                let mut out = Buffer::new(map, pool);
                map.for_each_row(out.values_mut(), width * channels, |image, y, row| {
                    let plane = height * width;
                    let first = image * channels * plane + y * width;
                    transpose(&planes[first..], plane, row, channels, channels, width);
                });
                Some(Arc::new(out))
            }
        }
    }
}

fn sizes(map: Map, factor: usize) -> Vec<usize> {
    vec![map.batch, map.channels, map.height * factor, map.width * factor]
}

fn to_row(buffer: &Buffer) -> Tensor {
    let map = buffer.map;
    let plane = map.height * map.width;
    if map.channels == 1 {
        let mut values = Vec::with_capacity(map.batch * plane);
        for (image, y) in (0..map.batch).flat_map(|n| (0..map.height).map(move |y| (n, y))) {
            values.extend_from_slice(map.row(buffer.values(), image, y));
        }
        return Tensor::of(&sizes(map, 1), values);
    }
    let mut values = vec![0.0; map.batch * map.channels * plane];
    if plane > 0 && map.channels > 0 {
        for (image, planes) in values.chunks_exact_mut(map.channels * plane).enumerate() {
            for y in 0..map.height {
                let row = map.row(buffer.values(), image, y);
                transpose(row, map.channels, &mut planes[y * map.width..], plane, map.width, map.channels);
            }
        }
    }
    Tensor::of(&sizes(map, 1), values)
}

fn reframe(buffer: &Buffer, frame: [usize; 2], pool: &Arc<Pool>) -> Buffer {
    let map = buffer.map.framed(frame);
    let mut out = Buffer::new(map, pool);
    map.for_each_row(out.values_mut(), map.width * map.channels, |image, y, row| {
        row.copy_from_slice(buffer.map.row(buffer.values(), image, y));
    });
    out
}

fn enlarge(buffer: &Buffer, factor: usize, frame: [usize; 2], pool: &Arc<Pool>) -> Buffer {
    let small = buffer.map;
    let map = Map { height: small.height * factor, width: small.width * factor, ..small }.framed(frame);
    let mut out = Buffer::new(map, pool);
    map.for_each_row(out.values_mut(), map.width * map.channels, |image, y, row| {
        repeat(small.row(buffer.values(), image, y / factor), small.channels, factor, row, small.channels);
    });
    out
}

/// Writes each pixel of a row `factor` times into pixels of `step` numbers.
fn repeat(row: &[f32], channels: usize, factor: usize, to: &mut [f32], step: usize) {
    for (pixel, to) in row.chunks_exact(channels).zip(to.chunks_mut(factor * step)) {
        for to in to.chunks_mut(step) {
            to[..channels].copy_from_slice(pixel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_was_in_use_at_one_time() {
        let pool = Pool::default();
        let held = |pool: &Pool| {
            let buffers = pool.buffers.lock().unwrap();
            assert_eq!(buffers.kept, buffers.free.iter().map(Vec::len).sum::<usize>());
            buffers.kept + buffers.used
        };
        for len in (10_000..1_000_000).step_by(30_000) {
            let (a, b) = (pool.take(len), pool.take(len / 2));
            assert!(a.len() >= len && b.len() >= len / 2);
            pool.give(a);
            pool.give(b);
            assert!(held(&pool) <= 3 * len + 3 * 4096, "{len}: {}", held(&pool));
        }
        let before = held(&pool);
        let again = pool.take(970_000);
        assert_eq!((again.len(), held(&pool)), (970_000, before), "the same memory again");
        pool.give(again);
    }
}
