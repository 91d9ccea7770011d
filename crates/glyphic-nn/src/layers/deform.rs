use burn::module::{Module, Param};
use burn::nn::conv::Conv2d;
use burn::tensor::activation::sigmoid;
use burn::tensor::module::deform_conv2d;
use burn::tensor::ops::DeformConvOptions;
use burn::tensor::{Device, Tensor};

use super::conv2d;
use crate::ops::convolve;

/// Configuration of [`DeformConv2d`].
#[derive(Debug, Clone, PartialEq)]
pub struct DeformConv2dConfig {
    /// Input and output channels.
    pub channels: [usize; 2],
    /// Size of the square kernel, odd.
    pub kernel: usize,
    /// Stride on both axes.
    pub stride: usize,
    /// Groups of input channels, each with offsets of its own.
    pub groups: usize,
}

impl DeformConv2dConfig {
    /// Makes the module. It begins as a plain convolution with half its weights: offsets are 0 and modulations 1/2.
    pub fn init(&self, device: &Device) -> DeformConv2d {
        let Self { channels, kernel, stride, groups } = *self;
        let padding = [kernel / 2; 2];
        let taps = groups * kernel * kernel;
        let plain = conv2d(channels, [kernel; 2], [stride; 2], padding, false, device);
        let mut offset = conv2d([channels[0], 3 * taps], [kernel; 2], [stride; 2], padding, true, device);
        offset.weight = Param::from_tensor(Tensor::zeros([3 * taps, channels[0], kernel, kernel], device));
        DeformConv2d { weight: plain.weight, conv_offset: offset, stride, padding: kernel / 2, groups }
    }
}

/// Modulated deformable convolution (Zhu et al. 2019, "Deformable ConvNets v2"): where each tap looks and how much it
/// counts is computed from the input. Names: `weight`, `conv_offset.{weight,bias}`.
#[derive(Module, Debug)]
pub struct DeformConv2d {
    /// `[to, from, kernel, kernel]`.
    pub weight: Param<Tensor<4>>,
    /// Gives of each tap the offset (vertical, horizontal), then of each tap the logit of its modulation.
    pub conv_offset: Conv2d,
    stride: usize,
    padding: usize,
    groups: usize,
}

impl DeformConv2d {
    /// `[N, from, H, W] -> [N, to, H / stride, W / stride]`, halves rounded up.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let moves = convolve(&self.conv_offset, x.clone());
        let taps = moves.dims()[1] / 3;
        let offset = moves.clone().narrow(1, 0, 2 * taps);
        let modulation = sigmoid(moves.narrow(1, 2 * taps, taps));
        let options = DeformConvOptions::new([self.stride; 2], [self.padding; 2], [1, 1], 1, self.groups);
        deform_conv2d(x, offset, self.weight.val(), Some(modulation), None, options)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Distribution, TensorData};

    use super::*;
    use crate::device::cpu;

    type Inputs = [Vec<f32>; 4];

    const X: [usize; 4] = [2, 3, 5, 6];
    const WEIGHT: [usize; 4] = [4, 3, 3, 3];

    fn output(stride: usize) -> [usize; 2] {
        [(X[2] - 1) / stride + 1, (X[3] - 1) / stride + 1]
    }

    /// Input, weights, offsets, modulations.
    fn shapes(stride: usize) -> [[usize; 4]; 4] {
        let [h, w] = output(stride);
        [X, WEIGHT, [X[0], 18, h, w], [X[0], 9, h, w]]
    }

    fn random(shape: [usize; 4], least: f64, most: f64) -> Vec<f32> {
        let tensor = Tensor::<4>::random(shape, Distribution::Uniform(least, most), &cpu());
        tensor.into_data().try_to_vec().unwrap()
    }

    fn inputs(stride: usize) -> Inputs {
        let [x, weight, offset, modulation] = shapes(stride);
        // Offsets reach over the edges, where nothing is seen.
        [
            random(x, -1.0, 1.0),
            random(weight, -1.0, 1.0),
            random(offset, -2.3, 2.3),
            random(modulation, 0.1, 1.0),
        ]
    }

    fn tensors(inputs: &Inputs, stride: usize, device: &Device) -> [Tensor<4>; 4] {
        let shapes = shapes(stride);
        std::array::from_fn(|i| Tensor::from_data(TensorData::new(inputs[i].clone(), shapes[i]), device))
    }

    fn convolved([x, weight, offset, modulation]: [Tensor<4>; 4], stride: usize) -> Tensor<4> {
        let options = DeformConvOptions::new([stride; 2], [1, 1], [1, 1], 1, 1);
        deform_conv2d(x, offset, weight, Some(modulation), None, options)
    }

    /// By definition, in 64-bit floats.
    fn direct([x, weight, offset, modulation]: &Inputs, stride: usize) -> Vec<f64> {
        let ([n, c, h, w], [to, ..], [oh, ow]) = (X, WEIGHT, output(stride));
        let at = |n: usize, c: usize, y: f64, x_: f64| {
            let (top, left) = (y.floor(), x_.floor());
            let mut sum = 0.0;
            for (dy, dx) in [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)] {
                let (yy, xx) = (top + dy, left + dx);
                if yy >= 0.0 && xx >= 0.0 && yy < h as f64 && xx < w as f64 {
                    let share = (1.0 - (y - yy).abs()) * (1.0 - (x_ - xx).abs());
                    sum += share * f64::from(x[((n * X[1] + c) * h + yy as usize) * w + xx as usize]);
                }
            }
            sum
        };
        let mut out = Vec::new();
        for n in 0..n {
            for o in 0..to {
                for (oy, ox) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
                    let mut sum = 0.0;
                    for tap in 0..9 {
                        let place =
                            |channel: usize, channels: usize| ((n * channels + channel) * oh + oy) * ow + ox;
                        let dy = f64::from(offset[place(2 * tap, 18)]);
                        let dx = f64::from(offset[place(2 * tap + 1, 18)]);
                        let y = (oy * stride + tap / 3) as f64 - 1.0 + dy;
                        let x = (ox * stride + tap % 3) as f64 - 1.0 + dx;
                        let m = f64::from(modulation[place(tap, 9)]);
                        for c in 0..c {
                            sum += m * f64::from(weight[(o * X[1] + c) * 9 + tap]) * at(n, c, y, x);
                        }
                    }
                    out.push(sum);
                }
            }
        }
        out
    }

    #[test]
    fn it_computes_what_its_definition_says() {
        for stride in [1, 2] {
            let inputs = inputs(stride);
            let got = convolved(tensors(&inputs, stride, &cpu()), stride);
            let [h, w] = output(stride);
            assert_eq!(got.dims(), [X[0], WEIGHT[0], h, w]);
            for (got, expected) in got.into_data().iter::<f32>().zip(direct(&inputs, stride)) {
                assert!((f64::from(got) - expected).abs() < 1e-5, "{got} is not {expected}");
            }
        }
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let stride = 2;
        let inputs = inputs(stride);
        let device = cpu().autodiff();
        let leaves = tensors(&inputs, stride, &device).map(Tensor::require_grad);
        let out = convolved(leaves.clone(), stride);
        let towards = random(out.dims(), -1.0, 1.0);
        let v = Tensor::from_data(TensorData::new(towards.clone(), out.dims()), &device);
        let grads = (out * v).sum().backward();
        let value = |inputs: &Inputs| {
            let out = direct(inputs, stride);
            out.iter().zip(&towards).map(|(o, v)| o * f64::from(*v)).sum::<f64>()
        };
        const STEP: f32 = 1e-3;
        for (i, leaf) in leaves.iter().enumerate() {
            let got: Vec<f32> = leaf.grad(&grads).unwrap().into_data().try_to_vec().unwrap();
            for k in (0..got.len()).step_by(got.len() / 23 + 1) {
                let mut changed = inputs.clone();
                changed[i][k] += STEP;
                // The kinks between pixels have no derivative.
                if i == 2 && (changed[i][k].floor() - (changed[i][k] - 2.0 * STEP).floor()).abs() > 0.0 {
                    continue;
                }
                let above = value(&changed);
                let upper = changed[i][k];
                changed[i][k] = inputs[i][k] - STEP;
                let slope = (above - value(&changed)) / f64::from(upper - changed[i][k]);
                assert!(
                    (f64::from(got[k]) - slope).abs() < 2e-3,
                    "input {i}[{k}]: {} is not {slope}",
                    got[k]
                );
            }
        }
    }

    #[test]
    fn it_begins_as_half_a_plain_convolution() {
        let config = DeformConv2dConfig { channels: [3, 4], kernel: 3, stride: 2, groups: 1 };
        let module = config.init(&cpu());
        let x = Tensor::<4>::random(X, Distribution::Uniform(-1.0, 1.0), &cpu());
        let mut plain = conv2d([3, 4], [3, 3], [2, 2], [1, 1], false, &cpu());
        plain.weight = module.weight.clone();
        let expected = convolve(&plain, x.clone()) * 0.5;
        let off = (module.forward(x) - expected).abs().max().into_scalar::<f32>();
        assert!(off < 1e-5, "off by {off}");
    }
}
