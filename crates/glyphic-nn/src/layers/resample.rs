use burn::tensor::Tensor;
use burn::tensor::module::{interpolate, max_pool2d};
use burn::tensor::ops::{InterpolateMode, InterpolateOptions, MaxPoolOptions};

/// Max pooling, `[N, C, H, W] -> [N, C, H', W']` with `H' = (H + 2 * padding - kernel) / stride + 1`, rounded down.
pub fn max_pool(x: Tensor<4>, kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]) -> Tensor<4> {
    max_pool2d(x, MaxPoolOptions::new(kernel).with_stride(stride).with_padding(padding))
}

/// Nearest-neighbour resize to `size` = [height, width]; the source of pixel `i` is `floor(i * from / to)`.
pub fn upsample_nearest(x: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
    let [_, _, h, w] = x.dims();
    if [h, w] == size {
        return x;
    }
    interpolate(x, InterpolateOptions::new(InterpolateMode::Nearest).with_output_size(size))
}

/// Bilinear resize to `size` = [height, width], over pixel centres or, with `align_corners`, corner pixels.
pub fn upsample_bilinear(x: Tensor<4>, size: [usize; 2], align_corners: bool) -> Tensor<4> {
    let [_, _, h, w] = x.dims();
    if [h, w] == size {
        return x;
    }
    let options = InterpolateOptions::new(InterpolateMode::Bilinear)
        .with_align_corners(align_corners)
        .with_output_size(size);
    interpolate(x, options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::cpu;

    fn row(values: &[f32]) -> Tensor<4> {
        Tensor::<1>::from_floats(values, &cpu()).reshape([1, 1, 1, values.len()])
    }

    fn values(x: Tensor<4>) -> Vec<f32> {
        x.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn nearest_takes_the_floor_of_the_scaled_index() {
        let x = row(&[1.0, 2.0, 3.0]);
        assert_eq!(values(upsample_nearest(x.clone(), [1, 6])), [1., 1., 2., 2., 3., 3.]);
        assert_eq!(values(upsample_nearest(x.clone(), [1, 5])), [1., 1., 2., 2., 3.]);
        assert_eq!(values(upsample_nearest(x, [2, 3])), [1., 2., 3., 1., 2., 3.]);
    }

    #[test]
    fn bilinear_follows_pixel_centres_or_corners() {
        let x = row(&[0.0, 4.0]);
        assert_eq!(values(upsample_bilinear(x.clone(), [1, 4], false)), [0., 1., 3., 4.]);
        assert_eq!(values(upsample_bilinear(x, [1, 5], true)), [0., 1., 2., 3., 4.]);
    }

    #[test]
    fn padding_never_wins_a_maximum() {
        let x = row(&[-5.0, -3.0, -4.0]);
        assert_eq!(values(max_pool(x, [1, 3], [1, 2], [0, 1])), [-3., -3.]);
    }
}
