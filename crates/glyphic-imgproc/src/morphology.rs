use crate::Map;

/// The least value under a `kernel_width` x `kernel_height` rectangle around each pixel; outside the map nothing counts.
///
/// The rectangle's anchor is column `kernel_width / 2`, row `kernel_height / 2`. A side of 0 counts as 1.
pub fn erode(map: &Map<u8>, kernel_width: usize, kernel_height: usize) -> Map<u8> {
    separable(map, kernel_width, kernel_height, u8::min)
}

/// The greatest value under a rectangle around each pixel: see [`erode`].
pub fn dilate(map: &Map<u8>, kernel_width: usize, kernel_height: usize) -> Map<u8> {
    separable(map, kernel_width, kernel_height, u8::max)
}

fn separable(map: &Map<u8>, kernel_width: usize, kernel_height: usize, pick: fn(u8, u8) -> u8) -> Map<u8> {
    let (width, height) = (map.width(), map.height());
    let mut across = vec![0u8; width * height];
    let (before, after) = reach(kernel_width);
    for (out, row) in across.chunks_exact_mut(width).zip(map.data().chunks_exact(width)) {
        running(row, before, after, pick, out);
    }
    let (before, after) = reach(kernel_height);
    let mut out = vec![0u8; width * height];
    for (y, target) in out.chunks_exact_mut(width).enumerate() {
        let from = y.saturating_sub(before);
        let to = (y + after).min(height - 1);
        target.copy_from_slice(&across[from * width..][..width]);
        for row in across[(from + 1) * width..(to + 1) * width].chunks_exact(width) {
            for (t, v) in target.iter_mut().zip(row) {
                *t = pick(*t, *v);
            }
        }
    }
    Map::from_parts(width, height, out)
}

fn reach(kernel: usize) -> (usize, usize) {
    let kernel = kernel.max(1);
    (kernel / 2, kernel - 1 - kernel / 2)
}

fn running(row: &[u8], before: usize, after: usize, pick: fn(u8, u8) -> u8, out: &mut [u8]) {
    for (x, target) in out.iter_mut().enumerate() {
        let window = &row[x.saturating_sub(before)..(x + after + 1).min(row.len())];
        *target = window[1..].iter().fold(window[0], |a, b| pick(a, *b));
    }
}
