//! Steps that several nodes were fused into compute what the nodes do, whatever the sizes.

use crate::testing::{check, numbers};
use crate::{
    BinaryOp, CoordinateMode, DType, Data, Dim, Graph, Interpolation, NearestMode, Node, Op, Padding, Tensor,
    ValueId,
};

fn free(names: &[&str]) -> Vec<Dim> {
    names.iter().map(|name| Dim::Symbol((*name).to_owned())).collect()
}

fn reshape(g: &mut Graph, x: ValueId, to: &[i64]) -> ValueId {
    let to = g.constant(Tensor::from_i64s(to.to_vec()));
    g.push("reshape", Op::Reshape { allow_zero: false }, &[x, to])
}

fn transpose(g: &mut Graph, x: ValueId, perm: &[usize]) -> ValueId {
    g.push("transpose", Op::Transpose { perm: perm.to_vec() }, &[x])
}

fn scaled(g: &mut Graph, x: ValueId, by: f32) -> ValueId {
    let by = g.constant(Tensor::scalar(by));
    g.push("scale", Op::Binary(BinaryOp::Mul), &[x, by])
}

/// Where the scale stands, and whether there is a bias and heads are merged.
#[derive(Debug, Clone, Copy)]
struct Form {
    on_queries: bool,
    bias: bool,
    merged: bool,
}

/// Attention of `[N, T, C]` over itself and a second sequence.
fn attention(heads: usize, depth: usize, form: Form) -> Graph {
    let mut g = Graph::new("g");
    let width = heads * depth;
    let known = |mut names: Vec<Dim>| {
        names.push(Dim::Known(width));
        names
    };
    let x = g.input("x", DType::F32, known(free(&["n", "q"])));
    let y = g.input("y", DType::F32, known(free(&["n", "k"])));
    let split = |g: &mut Graph, x| reshape(g, x, &[0, 0, heads as i64, depth as i64]);
    let q = split(&mut g, x);
    let q = if form.on_queries { scaled(&mut g, q, 0.37) } else { q };
    let q = transpose(&mut g, q, &[0, 2, 1, 3]);
    let k = split(&mut g, y);
    let k = transpose(&mut g, k, &[0, 2, 3, 1]);
    let v = split(&mut g, y);
    let v = transpose(&mut g, v, &[0, 2, 1, 3]);
    let mut logits = g.push("logits", Op::MatMul, &[q, k]);
    if !form.on_queries {
        logits = scaled(&mut g, logits, 0.37);
    }
    if form.bias {
        let bias = g.input("bias", DType::F32, free(&["b", "h", "r", "c"]));
        logits = g.push("bias", Op::Binary(BinaryOp::Add), &[logits, bias]);
    }
    let weights = g.push("softmax", Op::Softmax { axis: 3 }, &[logits]);
    let mut out = g.push("seen", Op::MatMul, &[weights, v]);
    if form.merged {
        out = transpose(&mut g, out, &[0, 2, 1, 3]);
        out = reshape(&mut g, out, &[0, 0, -1]);
    }
    g.output("out", out);
    g
}

#[test]
fn attention_in_every_form_is_one_step() {
    for (on_queries, bias, merged) in
        [(true, false, true), (false, true, true), (false, false, false), (true, true, false)]
    {
        let form = Form { on_queries, bias, merged };
        let graph = attention(3, 5, form);
        for (batch, queries, keys) in [(1, 1, 1), (2, 7, 4), (1, 70, 33)] {
            let mut inputs =
                vec![("x", numbers(&[batch, queries, 15], 1)), ("y", numbers(&[batch, keys, 15], 2))];
            for shape in
                [[1, 1, 1, keys], [batch, 1, queries, keys], [batch, 3, queries, 1], [2 * batch, 1, 1, 1]]
            {
                if form.bias {
                    inputs.retain(|(name, _)| *name != "bias");
                    inputs.push(("bias", numbers(&shape, 3)));
                }
                if !form.bias || shape[0] <= batch {
                    let steps = check(&graph, &inputs);
                    let count =
                        steps.iter().filter(|s| s.contains("attention") || s.contains("product")).count();
                    assert_eq!(count, 1, "{form:?}: {steps:?}");
                }
            }
        }
    }
}

#[test]
fn queries_keys_and_values_that_are_parts_of_one_value_are_not_copied() {
    let (heads, depth) = (2, 8);
    let width = (heads * depth) as i64;
    let mut g = Graph::new("g");
    let x = g.input("x", DType::F32, vec![Dim::Symbol("n".into()), Dim::Symbol("t".into()), Dim::Known(48)]);
    let part = |g: &mut Graph, from: i64, to: i64, perm: &[usize]| {
        let list = [vec![from], vec![to], vec![-1], vec![1]].map(|v| g.constant(Tensor::from_i64s(v)));
        let y = g.push("part", Op::Slice, &[x, list[0], list[1], list[2], list[3]]);
        let y = reshape(g, y, &[0, 0, heads as i64, depth as i64]);
        transpose(g, y, perm)
    };
    let q = part(&mut g, 0, width, &[0, 2, 1, 3]);
    let k = part(&mut g, width, 2 * width, &[0, 2, 3, 1]);
    let v = part(&mut g, 2 * width, i64::MAX, &[0, 2, 1, 3]);
    let logits = g.push("logits", Op::MatMul, &[q, k]);
    let weights = g.push("softmax", Op::Softmax { axis: -1 }, &[logits]);
    let out = g.push("seen", Op::MatMul, &[weights, v]);
    let out = transpose(&mut g, out, &[0, 2, 1, 3]);
    g.output("out", out);
    for (batch, count) in [(1, 1), (3, 9), (2, 80)] {
        let steps = check(&g, &[("x", numbers(&[batch, count, 48], 1))]);
        assert!(steps.len() == 1 && steps[0].contains("attention"), "{steps:?}");
    }
}

#[test]
fn attention_that_the_kernel_does_not_take_runs_in_parts() {
    // Keys and values of one batch for queries of two.
    let form = Form { on_queries: false, bias: false, merged: true };
    let mut graph = attention(2, 4, form);
    graph.inputs[1].shape = Some(vec![Dim::Known(1), Dim::Symbol("k".into()), Dim::Known(8)]);
    check(&graph, &[("x", numbers(&[2, 5, 8], 1)), ("y", numbers(&[1, 6, 8], 2))]);
}

#[test]
fn pixels_become_rows_and_rows_pixels() {
    let mut g = Graph::new("g");
    let x =
        g.input("x", DType::F32, vec![Dim::Symbol("n".into()), Dim::Known(3), Dim::Known(4), Dim::Known(5)]);
    let conv = |g: &mut Graph, x: ValueId, inputs: usize, kernel: usize| {
        let w = g.constant(numbers(&[6, inputs, kernel, kernel], inputs as u32));
        let op = Op::Conv {
            strides: vec![1, 1],
            dilations: vec![1, 1],
            padding: Padding::Explicit(vec![kernel / 2; 4]),
            groups: 1,
        };
        g.push("conv", op, &[x, w])
    };
    let map = conv(&mut g, x, 3, 3);
    let rows = reshape(&mut g, map, &[0, 6, 20]);
    let rows = transpose(&mut g, rows, &[0, 2, 1]);
    let w = g.constant(numbers(&[6, 6], 9));
    let rows = g.push("linear", Op::MatMul, &[rows, w]);
    let turned = transpose(&mut g, rows, &[0, 2, 1]);
    let map = reshape(&mut g, turned, &[0, 6, 2, 10]);
    let map = conv(&mut g, map, 6, 3);
    // A reshape that is not of pixels.
    let odd = reshape(&mut g, map, &[0, 12, 10]);
    let odd = transpose(&mut g, odd, &[0, 2, 1]);
    g.output("y", odd);
    for batch in [1, 3] {
        let steps = check(&g, &[("x", numbers(&[batch, 3, 4, 5], 1))]);
        assert_eq!(
            steps.iter().filter(|s| s.contains("map to rows") || s.contains("rows to map")).count(),
            3
        );
    }
}

#[test]
fn weights_in_a_stack_of_one_and_a_wide_bias_are_a_linear_layer() {
    for (rank, bias_shape) in [(3, vec![1, 1, 5]), (4, vec![5]), (2, vec![1, 1, 1, 5])] {
        for input in [vec![4, 7], vec![2, 4, 7]] {
            let mut g = Graph::new("g");
            let x = g.input("x", DType::F32, input.iter().map(|n| Dim::Known(*n)).collect());
            let shape = [vec![1; rank - 2], vec![7, 5]].concat();
            let (w, b) = (g.constant(numbers(&shape, 1)), g.constant(numbers(&bias_shape, 2)));
            let y = g.push("product", Op::MatMul, &[x, w]);
            let y = g.push("bias", Op::Binary(BinaryOp::Add), &[y, b]);
            g.output("y", y);
            let steps = check(&g, &[("x", numbers(&input, 3))]);
            assert!(steps.len() == 1 && steps[0].contains("linear"), "{steps:?}");
        }
    }
}

#[test]
fn maps_are_resized_between_pixels() {
    for (coordinates, factors) in [
        (CoordinateMode::HalfPixel, [2.0, 2.0]),
        (CoordinateMode::AlignCorners, [1.5, 3.0]),
        (CoordinateMode::Asymmetric, [4.0, 1.0]),
        (CoordinateMode::PytorchHalfPixel, [0.5, 0.25]),
    ] {
        for outputs in [3, 20] {
            let mut g = Graph::new("g");
            let x = g.input("x", DType::F32, free(&["n", "c", "h", "w"]));
            let w = g.constant(numbers(&[outputs, 2, 1, 1], 1));
            let conv = Op::Conv {
                strides: vec![1, 1],
                dilations: vec![1, 1],
                padding: Padding::Explicit(vec![0; 4]),
                groups: 1,
            };
            let y = g.push("conv", conv, &[x, w]);
            let scales = g.constant(Tensor::from_f32(&[4], vec![1.0, 1.0, factors[0], factors[1]]).unwrap());
            let value = g.value();
            let op = Op::Resize {
                mode: Interpolation::Linear,
                coordinates,
                nearest: NearestMode::Floor,
                cubic_a: -0.75,
                exclude_outside: false,
                extrapolation: 0.0,
            };
            let inputs = vec![Some(y), None, Some(scales)];
            g.nodes.push(Node { name: "resize".into(), op, inputs, outputs: vec![Some(value)] });
            g.output("y", value);
            for size in [[1, 4], [6, 8]] {
                check(&g, &[("x", numbers(&[2, 2, size[0], size[1]], 4))]);
            }
        }
    }
}

/// Eighths: their sums are exact, and none lies between two steps of a grid of 0.0317.
fn eighths(shape: &[usize], seed: u32) -> Tensor {
    let values = numbers(shape, seed).as_f32().unwrap().iter().map(|v| (v * 8.0).round() / 8.0).collect();
    Tensor::from_f32(shape, values).unwrap()
}

/// A convolution of stride 2 whose map is read by one of bytes and, where it is `shared`, by the sum at the end too.
fn chained(shared: bool) -> Graph {
    let mut g = Graph::new("g");
    let x = g.input("x", DType::F32, vec![Dim::Known(2), Dim::Known(3), Dim::Known(21), Dim::Known(26)]);
    let conv = |stride: usize| Op::Conv {
        strides: vec![stride; 2],
        dilations: vec![1; 2],
        padding: Padding::Explicit(vec![1; 4]),
        groups: 1,
    };
    let first = g.constant(eighths(&[16, 3, 3, 3], 1));
    let made = g.push("first", conv(2), &[x, first]);
    let made = g.push("relu", Op::Unary(crate::UnaryOp::Relu), &[made]);
    let grid = [Tensor::scalar(0.0317), Tensor::new(&[], Data::U8(vec![0].into())).unwrap()];
    let [scale, zero] = grid.map(|t| g.constant(t));
    let bytes = g.push("quantize", Op::QuantizeLinear { axis: 0 }, &[made, scale, zero]);
    let floats = g.push("dequantize", Op::DequantizeLinear { axis: 0 }, &[bytes, scale, zero]);
    let second = eighths(&[16, 16, 3, 3], 2);
    let second: Vec<i8> = second.as_f32().unwrap().iter().map(|v| (v * 127.0) as i8).collect();
    let second = g.constant(Tensor::new(&[16, 16, 3, 3], Data::I8(second.into())).unwrap());
    let scales = g.constant(Tensor::from_f32(&[16], vec![0.01; 16]).unwrap());
    let second = g.push("weights", Op::DequantizeLinear { axis: 0 }, &[second, scales]);
    let mut y = g.push("second", conv(1), &[floats, second]);
    if shared {
        y = g.push("sum", Op::Binary(BinaryOp::Add), &[y, made]);
    }
    g.output("y", y);
    g
}

#[test]
fn a_first_convolution_that_one_of_bytes_alone_reads_is_computed_with_it() {
    for (shared, convolutions) in [(false, 1), (true, 2)] {
        let steps = check(&chained(shared), &[("x", eighths(&[2, 3, 21, 26], 3))]);
        assert_eq!(
            steps.iter().filter(|step| step.contains("convolution")).count(),
            convolutions,
            "{steps:?}"
        );
    }
}

/// Rounds to the grid of 0.0317.
fn rounded(g: &mut Graph, x: ValueId) -> ValueId {
    let grid = [Tensor::scalar(0.0317), Tensor::new(&[], Data::U8(vec![0].into())).unwrap()];
    let [scale, zero] = grid.map(|t| g.constant(t));
    let bytes = g.push("quantize", Op::QuantizeLinear { axis: 0 }, &[x, scale, zero]);
    g.push("dequantize", Op::DequantizeLinear { axis: 0 }, &[bytes, scale, zero])
}

/// A 3x3 convolution of bytes to 12 channels, and ReLU.
fn of_bytes(g: &mut Graph, x: ValueId, inputs: usize, seed: u32) -> ValueId {
    let shape = [12, inputs, 3, 3];
    let weights = numbers(&shape, seed);
    let weights: Vec<i8> = weights.as_f32().unwrap().iter().map(|v| (v * 127.0) as i8).collect();
    let weights = g.constant(Tensor::new(&shape, Data::I8(weights.into())).unwrap());
    let scales = g.constant(Tensor::from_f32(&[12], vec![1.0 / 512.0; 12]).unwrap());
    let weights = g.push("weights", Op::DequantizeLinear { axis: 0 }, &[weights, scales]);
    let conv = Op::Conv {
        strides: vec![1; 2],
        dilations: vec![1; 2],
        padding: Padding::Explicit(vec![1; 4]),
        groups: 1,
    };
    let y = g.push("conv", conv, &[x, weights]);
    g.push("relu", Op::Unary(crate::UnaryOp::Relu), &[y])
}

#[test]
fn maps_that_only_convolutions_of_bytes_read_are_bytes() {
    let network = |shown: bool| {
        let mut g = Graph::new("g");
        let x = g.input("x", DType::F32, vec![Dim::Known(2), Dim::Known(6), Dim::Known(9), Dim::Known(14)]);
        let x = rounded(&mut g, x);
        let (a, b) = (of_bytes(&mut g, x, 6, 1), of_bytes(&mut g, x, 6, 2));
        let on_grid = rounded(&mut g, a);
        let c = of_bytes(&mut g, on_grid, 12, 3);
        let both = g.push("concat", Op::Concat { axis: 1 }, &[b, c]);
        let on_grid = rounded(&mut g, both);
        let d = of_bytes(&mut g, on_grid, 24, 4);
        g.output("d", d);
        if shown {
            // Whoever reads the maps as they are keeps them from being rounded.
            g.output("a", a);
            g.output("both", both);
        }
        crate::Session::new(g).unwrap()
    };
    let x = numbers(&[2, 6, 9, 14], 9);
    let run = |shown: bool| network(shown).run(&[("x", x.clone())]).unwrap().swap_remove(0);
    assert_eq!(run(false), run(true));
    let steps = network(false).profile(&[("x", x.clone())]).unwrap();
    let bytes = steps.iter().filter(|(step, _)| step.contains("to bytes")).count();
    assert_eq!(bytes, 2, "{steps:?}");
}

#[test]
fn numbers_a_channel_behind_a_convolution_go_into_it() {
    for of_bytes_too in [false, true] {
        let mut g = Graph::new("g");
        let x = g.input("x", DType::F32, vec![Dim::Known(2), Dim::Known(6), Dim::Known(9), Dim::Known(14)]);
        let mut y = if of_bytes_too {
            let x = rounded(&mut g, x);
            let weights = eighths(&[12, 6, 1, 1], 3);
            let weights: Vec<i8> = weights.as_f32().unwrap().iter().map(|v| (v * 127.0) as i8).collect();
            let weights = g.constant(Tensor::new(&[12, 6, 1, 1], Data::I8(weights.into())).unwrap());
            let scales = g.constant(Tensor::from_f32(&[12], vec![0.01; 12]).unwrap());
            let weights = g.push("weights", Op::DequantizeLinear { axis: 0 }, &[weights, scales]);
            g.push("conv", pixel(), &[x, weights])
        } else {
            let weights = g.constant(numbers(&[12, 6, 1, 1], 3));
            g.push("conv", pixel(), &[x, weights])
        };
        for (op, seed) in [(BinaryOp::Mul, 4), (BinaryOp::Add, 5), (BinaryOp::Mul, 6)] {
            let by = g.constant(numbers(&[1, 12, 1, 1], seed));
            y = g.push("by", Op::Binary(op), &[by, y]);
        }
        g.output("y", y);
        let steps = check(&g, &[("x", eighths(&[2, 6, 9, 14], 9))]);
        assert_eq!(steps.len(), 1, "{steps:?}");
    }
}

fn pixel() -> Op {
    Op::Conv { strides: vec![1; 2], dilations: vec![1; 2], padding: Padding::Explicit(vec![0; 4]), groups: 1 }
}

#[test]
fn transposed_convolutions_behind_each_other_are_one_step() {
    let mut g = Graph::new("g");
    let x = g.input("x", DType::F32, vec![Dim::Known(2), Dim::Known(6), Dim::Known(5), Dim::Known(7)]);
    let twice = Op::ConvTranspose {
        strides: vec![2; 2],
        dilations: vec![1; 2],
        padding: Padding::Explicit(vec![0; 4]),
        output_padding: vec![0; 2],
        output_shape: None,
        groups: 1,
    };
    let weights = [numbers(&[6, 12, 2, 2], 1), numbers(&[12, 1, 2, 2], 2)].map(|w| g.constant(w));
    let y = g.push("first", twice.clone(), &[x, weights[0]]);
    let y = g.push("relu", Op::Unary(crate::UnaryOp::Relu), &[y]);
    let y = g.push("second", twice, &[y, weights[1]]);
    let y = g.push("sigmoid", Op::Unary(crate::UnaryOp::Sigmoid), &[y]);
    g.output("y", y);
    let steps = check(&g, &[("x", numbers(&[2, 6, 5, 7], 3))]);
    assert_eq!(steps.len(), 1, "{steps:?}");
}
