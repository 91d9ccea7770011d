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

/// Shifted copies are combined whole rows at a time, which the compiler turns into vector instructions.
fn separable(
    map: &Map<u8>,
    kernel_width: usize,
    kernel_height: usize,
    pick: impl Fn(u8, u8) -> u8 + Copy,
) -> Map<u8> {
    let (width, height) = (map.width(), map.height());
    let combine = |target: &mut [u8], other: &[u8]| {
        for (t, v) in target.iter_mut().zip(other) {
            *t = pick(*t, *v);
        }
    };
    let mut across = map.data().to_vec();
    let (before, after) = reach(kernel_width, width);
    for (out, row) in across.chunks_exact_mut(width).zip(map.data().chunks_exact(width)) {
        for shift in 1..=after {
            combine(&mut out[..width - shift], &row[shift..]);
        }
        for shift in 1..=before {
            combine(&mut out[shift..], &row[..width - shift]);
        }
    }
    let mut out = across.clone();
    let (before, after) = reach(kernel_height, height);
    for (y, target) in out.chunks_exact_mut(width).enumerate() {
        for other in y.saturating_sub(before)..=(y + after).min(height - 1) {
            combine(target, &across[other * width..][..width]);
        }
    }
    Map::from_parts(width, height, out)
}

/// How far a kernel reaches before and after its anchor, within `size`.
fn reach(kernel: usize, size: usize) -> (usize, usize) {
    let kernel = kernel.max(1);
    ((kernel / 2).min(size - 1), (kernel - 1 - kernel / 2).min(size - 1))
}
