//! Graphs of modules compute what their `forward` does.

use burn::module::{Module, ModuleMapper, Param};
use burn::nn::conv::{ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{gelu, sigmoid, softmax};
use burn::tensor::{Distribution, Int, Tensor};
use glyphic_graph::{Op, Session, Tensor as Value};

use glyphic_capture::{Axis, Error as CaptureError, Tape, capture};
use glyphic_nn::checkpoint::{state_dict, state_names};
use glyphic_nn::device::cpu;
use glyphic_nn::layers::{
    BidirectionalLstmConfig, ConvBlock, ConvBlockConfig, LstmConfig, max_pool, upsample_bilinear,
    upsample_nearest,
};
use glyphic_nn::ops;

struct Random;

impl ModuleMapper for Random {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|t| {
            let random = Tensor::random(t.dims(), Distribution::Uniform(0.1, 0.9), &t.device());
            random.set_require_grad(t.is_require_grad())
        })
    }
}

/// The module with every parameter and running statistic uniform in [0.1, 0.9].
fn randomize<M: Module>(module: M) -> M {
    module.map(&mut Random)
}

fn value<const D: usize>(tensor: &Tensor<D>) -> Value {
    let values = tensor.to_data().iter::<f32>().collect();
    Value::from_f32(&tensor.dims(), values).unwrap()
}

/// The graph of a module of one input computes what its `forward` does, at each of the sizes.
fn equal<M: Module, const I: usize, const O: usize>(
    module: &M,
    axes: [Axis; I],
    sizes: &[[usize; I]],
    forward: impl Fn(&M, Tensor<I>) -> Tensor<O>,
) -> glyphic_graph::Graph {
    let graph = capture("test", module, |module, tape: &mut Tape| {
        let x = tape.input("x", axes);
        tape.output("y", forward(module, x));
    })
    .unwrap();
    let session = Session::new(graph.clone()).unwrap();
    for size in sizes {
        let x = Tensor::<I>::random(*size, Distribution::Uniform(-1.0, 1.0), &cpu());
        let expected = forward(module, x.clone());
        let y = session.run(&[("x", value(&x))]).unwrap().remove(0);
        assert_eq!(y.shape(), expected.dims(), "{size:?}");
        let largest = expected.clone().abs().max().into_scalar::<f32>().max(1.0);
        for (a, b) in y.as_f32().unwrap().iter().zip(expected.into_data().iter::<f32>()) {
            assert!((a - b).abs() < 1e-4 * largest, "{size:?}: {a} and {b}");
        }
    }
    graph
}

const PICTURE: [Axis; 4] = [Axis::BATCH, Axis::Fixed(3), Axis::free("height", 1), Axis::free("width", 1)];
const SIZES: [[usize; 4]; 3] = [[1, 3, 12, 16], [3, 3, 9, 7], [2, 3, 33, 20]];

#[derive(Module, Debug)]
struct Mixed {
    first: ConvBlock,
    up: ConvTranspose2d,
    norm: LayerNorm,
    linear: Linear,
}

fn mixed() -> Mixed {
    Mixed {
        first: ConvBlockConfig::new([3, 8], [3, 3]).stride([2, 1]).init(&cpu()),
        up: ConvTranspose2dConfig::new([8, 4], [2, 2]).with_stride([2, 2]).init(&cpu()),
        norm: LayerNormConfig::new(8).init(&cpu()),
        linear: LinearConfig::new(8, 5).init(&cpu()),
    }
}

#[test]
fn convolutions_pooling_and_resizing_are_equal_at_every_size() {
    let module = randomize(mixed());
    equal(&module, PICTURE, &SIZES, |m, x| {
        let y = m.first.forward(x);
        let [_, _, h, w] = y.dims();
        let small = max_pool(y.clone(), [2, 2], [2, 1], [0, 1]);
        let again = upsample_nearest(small.clone(), [h, w]);
        let smooth = upsample_bilinear(small, [2 * h, 2 * w], false);
        let up = ops::convolve_transposed(&m.up, y.clone() + again);
        Tensor::cat(vec![sigmoid(up), smooth.slice([0..smooth_batch(&y), 0..4, 0..2 * h, 0..2 * w])], 1)
    });
}

fn smooth_batch(y: &Tensor<4>) -> usize {
    y.dims()[0]
}

#[test]
fn sequences_linear_layers_and_attention_are_equal_at_every_size() {
    let module = randomize(mixed());
    equal(&module, PICTURE, &SIZES, |m, x| {
        let y = m.first.forward(x);
        let [n, c, h, w] = y.dims();
        let x = y.reshape([n, c, h * w]).swap_dims(1, 2); // [N, HW, C]
        let x = gelu(m.norm.forward(x));
        let scores = x.clone().matmul(x.clone().swap_dims(1, 2)) / (h * w) as f64;
        let x = softmax(scores, 2).matmul(x);
        let position = Tensor::<1, Int>::arange(0..(h * w) as i64, &x.device()).float() * 0.01;
        let x = m.linear.forward(x) + position.reshape([1, h * w, 1]);
        let mask = x.clone().greater_elem(0.5);
        let x = x.mask_fill(mask, -1.0);
        let flat = m.linear.forward(
            Tensor::cat(vec![x.clone(), x.clone().slice([0..n, 0..h * w, 0..3])], 2).reshape([n * h * w, 8]),
        );
        flat.reshape([n, h * w, 5]).mean_dim(1) + x.max_dim(1)
    });
}

#[test]
fn recurrent_layers_are_one_operator_whatever_the_length() {
    let axes = [Axis::free("steps", 1), Axis::BATCH, Axis::Fixed(6)];
    let sizes = [[1, 1, 6], [9, 2, 6], [4, 5, 6]];
    for bidirectional in [false, true] {
        let module = randomize(LstmConfig { input: 6, hidden: 7, bidirectional }.init(&cpu()));
        let graph = equal(&module, axes, &sizes, |m, x| m.forward(x));
        assert_eq!(graph.nodes.iter().filter(|n| matches!(n.op, Op::Lstm { .. })).count(), 1);
    }
    let module = BidirectionalLstmConfig { input: 6, hidden: 3, output: 4 }.init(&cpu());
    equal(&module, axes, &sizes, |m, x| m.forward(x));
}

#[test]
fn pooled_regions_are_one_operator_for_any_number_of_regions() {
    let module = randomize(mixed());
    let pool = ops::RoiAlign::new([7, 5], 0.5);
    let forward = |module: &Mixed, x: Tensor<4>, regions: Tensor<2>, pictures: Tensor<1, Int>| {
        pool.forward(module.first.forward(x), regions, pictures).flatten::<2>(1, 3)
    };
    let graph = capture("test", &module, |module, tape: &mut Tape| {
        let x = tape.input("x", PICTURE);
        let regions = tape.input("regions", [Axis::free("regions", 1), Axis::Fixed(4)]);
        let pictures = tape.input("pictures", [Axis::free("regions", 1)]);
        tape.output("y", forward(module, x, regions, pictures.int()));
    })
    .unwrap();
    assert_eq!(graph.nodes.iter().filter(|n| matches!(n.op, Op::RoiAlign { .. })).count(), 1);
    let session = Session::new(graph).unwrap();
    let boxes =
        [[2.0, 3.0, 15.0, 18.5], [-4.0, 1.0, 9.0, 60.0], [7.0, 7.0, 7.0, 7.0], [0.3, 0.1, 32.0, 20.0]];
    for count in [1, 4] {
        let x = Tensor::<4>::random([2, 3, 33, 20], Distribution::Uniform(-1.0, 1.0), &cpu());
        let regions = Tensor::<2>::from_data(boxes, &cpu()).narrow(0, 0, count);
        let pictures = Tensor::<1>::from_data([1.0, 0.0, 0.0, 1.0], &cpu()).narrow(0, 0, count);
        let inputs = [("x", value(&x)), ("regions", value(&regions)), ("pictures", value(&pictures))];
        let y = session.run(&inputs).unwrap().remove(0);
        let expected = forward(&module, x, regions, pictures.int());
        assert_eq!(y.shape(), expected.dims());
        for (a, b) in y.as_f32().unwrap().iter().zip(expected.into_data().iter::<f32>()) {
            assert!((a - b).abs() < 1e-4, "{a} and {b}");
        }
    }
}

#[test]
fn parameters_keep_their_names_and_pytorchs_layouts_and_the_module_stays_as_it_is() {
    let module = randomize(mixed());
    let before = state_dict(&module);
    let graph = capture("test", &module, |m, tape: &mut Tape| {
        let x = tape.input("x", PICTURE);
        tape.output("y", m.first.forward(x));
    })
    .unwrap();
    for (name, shape) in state_names(&module) {
        let value = graph.named(&name).unwrap_or_else(|| panic!("{name}"));
        let tensor = &graph.constants[&value];
        assert_eq!(tensor.shape(), shape, "{name}");
        let expected = before.get(&name).unwrap().data;
        assert_eq!(tensor.as_f32().unwrap(), expected, "{name}");
        assert_eq!(state_dict(&module).get(&name).unwrap().data, expected, "{name}");
    }
    assert!(graph.nodes.iter().any(|node| node.name == "first.conv"));
}

/// Two rows a position, as of a map two rows high: 32 of them fill a tile, and many with a large batch are more than the columns.
#[test]
fn linear_layers_over_positions_are_one_graph_at_every_size() {
    for columns in [256, 512] {
        let module = randomize(LinearConfig::new(6, columns).init(&cpu()));
        let axes = [Axis::BATCH, Axis::free("positions", 2), Axis::Fixed(6)];
        equal(&module, axes, &[[1, 2, 6], [2, 32, 6], [3, 14, 6], [40, 82, 6]], |m: &Linear, x| m.forward(x));
    }
}

#[test]
fn a_forward_whose_path_depends_on_the_size_is_refused() {
    let module = randomize(mixed());
    let error = capture("test", &module, |m, tape: &mut Tape| {
        let x = tape.input("x", PICTURE);
        let [_, _, h, _] = x.dims();
        let y = m.first.forward(x);
        tape.output("y", if h % 4 == 3 { y } else { sigmoid(y) });
    })
    .unwrap_err();
    assert!(matches!(error, CaptureError::Diverges { .. }), "{error}");
}

#[test]
fn a_size_that_follows_from_nothing_is_refused() {
    let module = randomize(mixed());
    let error = capture("test", &module, |_, tape: &mut Tape| {
        let x = tape.input("x", PICTURE);
        let [_, _, h, _] = x.dims();
        tape.output("y", upsample_nearest(x, [h * h % 101 + 1, 7]));
    })
    .unwrap_err();
    assert!(matches!(error, CaptureError::Size { .. }), "{error}");
}

#[test]
fn operations_without_a_counterpart_are_named() {
    let module = randomize(mixed());
    let error = capture("test", &module, |_, tape: &mut Tape| {
        let x = tape.input("x", PICTURE);
        tape.output("y", x.sort(3));
    })
    .unwrap_err()
    .to_string();
    assert!(error.contains("Sort"), "{error}");
}
