use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, ConvTranspose2d};
use burn::tensor::Tensor;
use burn::tensor::module;
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

use super::shape::ConvShape;
use super::{Tracked, in_order, kernels, numbers, primitive, tensor};

/// [`conv2d`] with a module's weights: what its `forward` does, faster. `[N, from, H, W] -> [N, to, H', W']`
pub fn convolve(conv: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    match conv.padding {
        PaddingConfig2d::Explicit(top, left, bottom, right)
            if top == bottom && left == right && conv.dilation == [1, 1] && conv.groups == 1 =>
        {
            let bias = conv.bias.as_ref().map(|bias| bias.val());
            conv2d(x, conv.weight.val(), bias, conv.stride, [top, left])
        }
        _ => conv.forward(x),
    }
}

/// [`conv_transpose2d`] with a module's weights. `[N, from, H, W] -> [N, to, H', W']`
pub fn convolve_transposed(conv: &ConvTranspose2d, x: Tensor<4>) -> Tensor<4> {
    if conv.dilation != [1, 1] || conv.groups != 1 || conv.padding_out != [0, 0] {
        return conv.forward(x);
    }
    let bias = conv.bias.as_ref().map(|bias| bias.val());
    conv_transpose2d(x, conv.weight.val(), bias, conv.stride, conv.padding)
}

/// A convolution of `[N, I, H, W]` with weights `[O, I, kh, kw]` and a bias `[O]` where given, zeros around:
/// `[N, O, H', W']` with `H' = (H + 2 * padding - kh) / stride + 1`, rounded down. Pairs are vertical, horizontal.
pub fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: [usize; 2],
    padding: [usize; 2],
) -> Tensor<4> {
    let fits = x.dims()[1] == weight.dims()[1];
    let shape = ConvShape::new(x.dims(), weight.dims(), stride, padding).filter(|_| fits);
    let kind = Kind::Plain;
    match shape.and_then(|shape| Conv { kind, shape }.apply(&x, &weight, bias.as_ref())) {
        Some(y) => y,
        None => module::conv2d(x, weight, bias, ConvOptions::new(stride, padding, [1, 1], 1)),
    }
}

/// A transposed convolution of `[N, I, H, W]` with weights `[I, O, kh, kw]` and a bias `[O]` where given:
/// `[N, O, H', W']` with `H' = (H - 1) * stride - 2 * padding + kh`.
pub fn conv_transpose2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: [usize; 2],
    padding: [usize; 2],
) -> Tensor<4> {
    let [_, channels, height, width] = x.dims();
    let [inputs, _, kernel_height, kernel_width] = weight.dims();
    // With gaps between the kernels, the kernel for gradients would leave their bias out.
    let fits = channels == inputs && kernel_height >= stride[0] && kernel_width >= stride[1];
    let shape = ConvShape::transposed(x.dims(), weight.dims(), stride, padding)
        .filter(|shape| fits && shape.out == [height, width]);
    let kind = Kind::Transposed;
    match shape.and_then(|shape| Conv { kind, shape }.apply(&x, &weight, bias.as_ref())) {
        Some(y) => y,
        None => {
            let options = ConvTransposeOptions::new(stride, padding, [0, 0], [1, 1], 1);
            module::conv_transpose2d(x, weight, bias, options)
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Plain,
    /// The gradient of a plain one, with its shape: from its output to its input.
    Transposed,
}

#[derive(Debug, Clone, Copy)]
struct Conv {
    kind: Kind,
    shape: ConvShape,
}

impl Conv {
    /// `None` on devices other than the processor's.
    fn apply(self, x: &Tensor<4>, weight: &Tensor<4>, bias: Option<&Tensor<1>>) -> Option<Tensor<4>> {
        if !x.device().is_autodiff() {
            let bias = bias.map(primitive::<Flex, 1>).map_or(Some(None), |bias| bias.map(Some))?;
            let y = self.forward(
                &in_order(primitive::<Flex, 4>(x)?),
                &in_order(primitive::<Flex, 4>(weight)?),
                bias.map(in_order).as_ref(),
            );
            return Some(Tensor::from_primitive::<Flex>(y));
        }
        let (x, x_node) = primitive::<Tracked, 4>(x)?.into_parts();
        let (weight, weight_node) = primitive::<Tracked, 4>(weight)?.into_parts();
        let (x, weight) = (in_order(x), in_order(weight));
        let y = match bias {
            None => self.track([x_node, weight_node], x, weight, None),
            Some(bias) => {
                let (bias, bias_node) = primitive::<Tracked, 1>(bias)?.into_parts();
                self.track([x_node, weight_node, bias_node], x, weight, Some(in_order(bias)))
            }
        };
        Some(Tensor::from_primitive::<Tracked>(y))
    }

    fn track<const N: usize>(
        self,
        nodes: [NodeGuard; N],
        x: FlexTensor,
        weight: FlexTensor,
        bias: Option<FlexTensor>,
    ) -> FloatTensor<Tracked> {
        let y = self.forward(&x, &weight, bias.as_ref());
        match ConvBackward.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(State { conv: self, x, weight }, y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn forward(&self, x: &FlexTensor, weight: &FlexTensor, bias: Option<&FlexTensor>) -> FlexTensor {
        let (x, weight, bias) = (numbers(x), numbers(weight), bias.map(numbers));
        match self.kind {
            Kind::Plain => tensor(kernels::forward(x, weight, bias, &self.shape), self.shape.output_dims()),
            Kind::Transposed => {
                tensor(kernels::backward_input(x, weight, bias, &self.shape), self.shape.input_dims())
            }
        }
    }

    fn input_gradient(&self, y: &FlexTensor, weight: &FlexTensor) -> FlexTensor {
        let (y, weight) = (numbers(y), numbers(weight));
        match self.kind {
            Kind::Plain => {
                tensor(kernels::backward_input(y, weight, None, &self.shape), self.shape.input_dims())
            }
            Kind::Transposed => {
                tensor(kernels::forward(y, weight, None, &self.shape), self.shape.output_dims())
            }
        }
    }

    fn weight_gradient(&self, x: &FlexTensor, y: &FlexTensor) -> FlexTensor {
        let (x, y) = match self.kind {
            Kind::Plain => (x, y),
            Kind::Transposed => (y, x),
        };
        tensor(kernels::backward_weight(numbers(x), numbers(y), &self.shape), self.shape.weight_dims())
    }

    fn bias_gradient(&self, y: &FlexTensor) -> FlexTensor {
        let [_, channels, height, width] = match self.kind {
            Kind::Plain => self.shape.output_dims(),
            Kind::Transposed => self.shape.input_dims(),
        };
        tensor(kernels::sum_of_channels(numbers(y), channels, height * width), [channels])
    }
}

/// Parents: input, weights and, where there is one, bias.
#[derive(Debug)]
struct ConvBackward;

#[derive(Debug, Clone)]
struct State {
    conv: Conv,
    x: FlexTensor,
    weight: FlexTensor,
}

impl<const N: usize> Backward<Flex, N> for ConvBackward {
    type State = State;

    fn backward(self, ops: Ops<State, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let y = in_order(gradients.consume::<Flex>(&ops.node));
        let State { conv, x, weight } = ops.state;
        for (i, parent) in ops.parents.into_iter().enumerate() {
            let Some(parent) = parent else { continue };
            let gradient = match i {
                0 => conv.input_gradient(&y, &weight),
                1 => conv.weight_gradient(&x, &y),
                _ => conv.bias_gradient(&y),
            };
            gradients.register::<Flex>(parent.id, gradient);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Distribution, TensorData};

    struct Case {
        x: [usize; 4],
        outputs: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
        bias: bool,
    }

    const fn case(
        x: [usize; 4],
        outputs: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
        bias: bool,
    ) -> Case {
        Case { x, outputs, kernel, stride, padding, bias }
    }

    const CASES: [Case; 18] = [
        case([1, 1, 1, 1], 1, [1, 1], [1, 1], [0, 0], true),
        case([2, 3, 7, 9], 5, [3, 3], [1, 1], [1, 1], true),
        case([1, 4, 12, 34], 8, [3, 3], [2, 2], [1, 1], false),
        case([3, 5, 4, 5], 12, [1, 1], [1, 1], [0, 0], false),
        case([2, 6, 9, 6], 7, [1, 1], [2, 2], [0, 0], true),
        case([5, 4, 1, 33], 9, [1, 5], [1, 1], [0, 2], false),
        case([2, 6, 2, 21], 33, [2, 3], [1, 1], [0, 1], false),
        case([2, 3, 23, 18], 10, [7, 7], [2, 2], [3, 3], true),
        case([4, 7, 8, 13], 16, [3, 3], [2, 1], [1, 1], true),
        case([5, 10, 2, 80], 4, [3, 3], [1, 1], [1, 1], false),
        case([2, 12, 10, 10], 3, [2, 2], [2, 2], [0, 0], true),
        case([1, 2, 11, 13], 2, [3, 2], [3, 1], [2, 0], false),
        case([2, 1, 5, 40], 1, [2, 2], [1, 1], [0, 0], true),
        case([1, 3, 3, 3], 2, [3, 3], [1, 1], [0, 0], false),
        case([1, 2, 2, 2], 3, [5, 5], [1, 1], [2, 2], false),
        // Several blocks of rows.
        case([1, 2, 150, 170], 3, [3, 3], [1, 1], [1, 1], false),
        case([1, 40, 70, 90], 40, [3, 3], [2, 2], [1, 1], true),
        case([1, 20, 161, 120], 20, [1, 1], [1, 1], [0, 0], false),
    ];

    fn random<const D: usize>(dims: [usize; D], device: &Device) -> Tensor<D> {
        Tensor::random(dims, Distribution::Uniform(-1.0, 1.0), device)
    }

    /// The output and the gradients of input, weights and bias, where the output's gradient is `slope`.
    fn all(
        run: impl Fn(Tensor<4>, Tensor<4>, Option<Tensor<1>>) -> Tensor<4>,
        [x, weight]: [&Tensor<4>; 2],
        bias: Option<&Tensor<1>>,
        slope: &Tensor<4>,
    ) -> Vec<Vec<f32>> {
        let tracked = |t: &Tensor<4>| t.clone().autodiff().require_grad();
        let (x, weight) = (tracked(x), tracked(weight));
        let bias = bias.map(|b| b.clone().autodiff().require_grad());
        let y = run(x.clone(), weight.clone(), bias.clone());
        let gradients = (y.clone() * slope.clone().autodiff()).sum().backward();
        let mut all = vec![y.inner(), x.grad(&gradients).unwrap(), weight.grad(&gradients).unwrap()]
            .into_iter()
            .map(values)
            .collect::<Vec<_>>();
        all.extend(bias.map(|b| values(b.grad(&gradients).unwrap())));
        all
    }

    fn values<const D: usize>(t: Tensor<D>) -> Vec<f32> {
        t.into_data().try_to_vec().unwrap()
    }

    /// The largest difference, as a share of the largest number, or of `scale` where all numbers are smaller.
    fn difference(a: &[f32], b: &[f32], scale: f32) -> f32 {
        assert_eq!(a.len(), b.len());
        let largest = b.iter().fold(scale, |m, v| m.max(v.abs()));
        a.iter().zip(b).map(|(a, b)| (a - b).abs() / largest).fold(0.0, f32::max)
    }

    #[test]
    fn outputs_and_gradients_equal_those_of_burn() {
        let device = crate::device::cpu();
        for Case { x, outputs, kernel, stride, padding, bias } in CASES {
            let weight = random([outputs, x[1], kernel[0], kernel[1]], &device);
            let (x, bias) = (random(x, &device), bias.then(|| random([outputs], &device)));
            let plain = conv2d(x.clone(), weight.clone(), bias.clone(), stride, padding);
            let slope = random(plain.dims(), &device);
            let ours = all(|x, w, b| conv2d(x, w, b, stride, padding), [&x, &weight], bias.as_ref(), &slope);
            let theirs = all(
                |x, w, b| module::conv2d(x, w, b, ConvOptions::new(stride, padding, [1, 1], 1)),
                [&x, &weight],
                bias.as_ref(),
                &slope,
            );
            assert_eq!(values(plain), ours[0], "with and without gradients");
            assert_eq!(ours.len(), theirs.len());
            // Gradients of weights and bias sum so many slopes of both signs, and may come out near zero.
            let terms = slope.dims().iter().product::<usize>() as f32 / outputs as f32;
            for (i, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                let difference = difference(ours, theirs, if i >= 2 { terms.sqrt() } else { 0.1 });
                assert!(difference < 1e-5, "{:?} {kernel:?} {stride:?}, {i}: {difference}", x.dims());
            }
        }
    }

    #[test]
    fn transposed_outputs_and_gradients_equal_those_of_burn() {
        let device = crate::device::cpu();
        for Case { x, outputs, kernel, stride, padding, bias } in CASES {
            let weight = random([x[1], outputs, kernel[0], kernel[1]], &device);
            let options = || ConvTransposeOptions::new(stride, padding, [0, 0], [1, 1], 1);
            if (0..2).any(|a| (x[a + 2] - 1) * stride[a] + kernel[a] <= 2 * padding[a]) {
                continue;
            }
            let (x, bias) = (random(x, &device), bias.then(|| random([outputs], &device)));
            let plain = conv_transpose2d(x.clone(), weight.clone(), bias.clone(), stride, padding);
            let slope = random(plain.dims(), &device);
            let run = |x, w, b| conv_transpose2d(x, w, b, stride, padding);
            let ours = all(run, [&x, &weight], bias.as_ref(), &slope);
            let run = |x, w, b| module::conv_transpose2d(x, w, b, options());
            let theirs = all(run, [&x, &weight], bias.as_ref(), &slope);
            // Gradients of weights and bias sum so many slopes of both signs, and may come out near zero.
            let terms = slope.dims().iter().product::<usize>() as f32 / outputs as f32;
            for (i, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                let difference = difference(ours, theirs, if i >= 2 { terms.sqrt() } else { 0.1 });
                assert!(difference < 1e-5, "{:?} {kernel:?} {stride:?}, {i}: {difference}", x.dims());
            }
        }
    }

    #[test]
    fn the_gradient_of_the_input_is_the_slope_of_the_output() {
        let device = crate::device::cpu();
        let x = random([2, 3, 5, 6], &device);
        let weight = random([4, 3, 3, 3], &device);
        let run = |x: Tensor<4>, w: Tensor<4>| conv2d(x, w, None, [2, 1], [1, 1]);
        let slope = random(run(x.clone(), weight.clone()).dims(), &device);
        let gradients = all(|x, w, _| run(x, w), [&x, &weight], None, &slope);
        let step = 0.5; // The output is linear in each: only rounding limits the step.
        let loss =
            |x: Tensor<4>, w: Tensor<4>| f64::from((run(x, w) * slope.clone()).sum().into_scalar::<f32>());
        let moved = |t: &Tensor<4>, i: usize, by: f32| {
            let mut values = values(t.clone());
            values[i] += by;
            Tensor::<4>::from_data(TensorData::new(values, t.dims()), &device)
        };
        for (i, gradient) in gradients[1].iter().enumerate() {
            let rise = loss(moved(&x, i, step), weight.clone()) - loss(moved(&x, i, -step), weight.clone());
            assert!((rise / (2.0 * f64::from(step)) - f64::from(*gradient)).abs() < 1e-4);
        }
        for (i, gradient) in gradients[2].iter().enumerate() {
            let rise = loss(x.clone(), moved(&weight, i, step)) - loss(x.clone(), moved(&weight, i, -step));
            assert!((rise / (2.0 * f64::from(step)) - f64::from(*gradient)).abs() < 1e-4);
        }
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let device = crate::device::cpu();
        for Case { x, outputs, kernel, stride, padding, .. } in CASES {
            let weight = random([outputs, x[1], kernel[0], kernel[1]], &device);
            let x = random(x, &device);
            let slope = random(conv2d(x.clone(), weight.clone(), None, stride, padding).dims(), &device);
            let with = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| {
                    all(|x, w, _| conv2d(x, w, None, stride, padding), [&x, &weight], None, &slope)
                })
            };
            assert_eq!(with(1), with(3));
        }
    }

    #[test]
    fn inputs_that_need_no_gradient_get_none() {
        let device = crate::device::cpu().autodiff();
        let x = random([1, 2, 4, 4], &device);
        let weight = random([3, 2, 3, 3], &device).require_grad();
        let y = conv2d(x.clone(), weight.clone(), None, [1, 1], [1, 1]);
        let gradients = y.sum().backward();
        assert!(x.grad(&gradients).is_none());
        assert_eq!(weight.grad(&gradients).unwrap().dims(), [3, 2, 3, 3]);
    }

    #[test]
    fn the_processor_has_its_own_kernels_with_and_without_gradients() {
        for device in [crate::device::cpu(), crate::device::cpu().autodiff()] {
            let x = random([1, 2, 4, 4], &device);
            let weight = random([3, 2, 3, 3], &device);
            let shape = ConvShape::new(x.dims(), weight.dims(), [1, 1], [1, 1]).unwrap();
            let own = Conv { kind: Kind::Plain, shape }.apply(&x, &weight, None);
            assert_eq!(own.unwrap().dims(), [1, 3, 4, 4]);
        }
    }

    #[test]
    fn views_are_read_in_their_order() {
        let device = crate::device::cpu();
        let x = random([2, 5, 6, 3], &device);
        let weight = random([4, 3, 3, 3], &device);
        let view = x.clone().permute([0, 3, 1, 2]);
        let copied = Tensor::<4>::from_data(view.clone().into_data(), &device);
        let run = |x: Tensor<4>| values(conv2d(x, weight.clone(), None, [1, 1], [1, 1]));
        assert_eq!(run(view), run(copied));
    }
}
