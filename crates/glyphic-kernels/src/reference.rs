//! The definitions of operators, one output at a time in double precision.

use std::cell::Cell;

use pulp::Arch;

use crate::{ConvShape, Map};

thread_local! {
    /// The vectors that kernels of this thread use in place of the machine's widest.
    pub(crate) static FORCED: Cell<Option<Arch>> = const { Cell::new(None) };
}

/// All kinds of vectors that this machine has.
pub(crate) fn archs() -> Vec<Arch> {
    let mut archs = vec![Arch::Scalar];
    #[cfg(target_arch = "x86_64")]
    archs.extend(pulp::x86::V3::try_new().map(Arch::V3));
    archs.push(Arch::new());
    archs
}

/// Runs `f` with kernels on such vectors, in one thread.
pub(crate) fn on<T: Send>(arch: Arch, f: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| {
        FORCED.set(Some(arch));
        f()
    })
}

/// Numbers in -1..1.
pub(crate) fn numbers(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(n).collect()
}

/// Values `[N, H, W, C]` as a framed map.
pub(crate) fn framed(values: &[f32], map: Map) -> Vec<f32> {
    let mut out = vec![f32::NAN; map.len()];
    let row = map.width * map.channels;
    map.for_each_row(&mut out, 1, |n, y, to| {
        to.copy_from_slice(&values[(n * map.height + y) * row..][..row])
    });
    out
}

/// A framed map's values `[N, H, W, C]`; its frame must be 0.
pub(crate) fn unframed(values: &[f32], map: Map) -> Vec<f32> {
    let mut out = Vec::new();
    for n in 0..map.batch {
        for y in 0..map.height {
            out.extend_from_slice(map.row(values, n, y));
        }
    }
    let sum = |v: &[f32]| v.iter().map(|v| f64::from(v.abs())).sum::<f64>();
    assert!((sum(&out) - sum(values)).abs() <= 1e-9 * sum(&out), "the frame is not 0");
    out
}

/// Convolution of `[N, H, W, C]`.
pub(crate) fn conv(x: &[f32], map: Map, shape: &ConvShape, weights: &[f32], bias: &[f32]) -> Vec<f64> {
    let [height, width] = shape.output([map.height, map.width]);
    let [kh, kw] = shape.kernel;
    let (inputs, outputs) = (shape.inputs / shape.groups, shape.outputs / shape.groups);
    let mut out = Vec::new();
    for (n, y, x0) in each([map.batch, height, width]) {
        for (o, bias) in bias.iter().enumerate() {
            let mut sum = f64::from(*bias);
            for (ky, kx, i) in each([kh, kw, inputs]) {
                let iy = (y * shape.stride[0] + ky * shape.dilation[0]).checked_sub(shape.before[0]);
                let ix = (x0 * shape.stride[1] + kx * shape.dilation[1]).checked_sub(shape.before[1]);
                if let (Some(iy), Some(ix)) = (iy, ix)
                    && iy < map.height
                    && ix < map.width
                {
                    let c = o / outputs * inputs + i;
                    let w = weights[((o * inputs + i) * kh + ky) * kw + kx];
                    sum += f64::from(w)
                        * f64::from(x[((n * map.height + iy) * map.width + ix) * map.channels + c]);
                }
            }
            out.push(sum);
        }
    }
    out
}

/// All triples of indices.
pub(crate) fn each([a, b, c]: [usize; 3]) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a).flat_map(move |x| (0..b).flat_map(move |y| (0..c).map(move |z| (x, y, z))))
}

/// Fails where a value differs by more than `tolerance` times the largest value (at least 1).
pub(crate) fn assert_close(got: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}: the number of values");
    let scale = expected.iter().fold(1.0f64, |m, v| m.max(v.abs()));
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        assert!(
            (f64::from(*g) - e).abs() <= tolerance * scale,
            "{what}: value {i}: {g} is not {e} (scale {scale})"
        );
    }
}
