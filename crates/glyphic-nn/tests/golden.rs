//! Blocks, necks and losses against the reference: outputs, running statistics, gradients.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use glyphic_nn::backbones::{BasicBlockConfig, BottleneckConfig, Depth, ResNetConfig};
use glyphic_nn::checkpoint::{LoadOptions, StateDict, gradients, load_into, state_names};
use glyphic_nn::device::cpu;
use glyphic_nn::layers::BidirectionalLstmConfig;
use glyphic_nn::loss::dice;
use glyphic_nn::necks::FpncConfig;
use glyphic_testing::golden::{case, cases};
use glyphic_testing::{Case, Tolerance, formula};

/// The tolerances that the cases state: outputs to 1e-5 of the largest value, gradients to 1e-3.
const OUTPUT: Tolerance = Tolerance::RelMax(1e-5);
const GRADIENT: Tolerance = Tolerance::RelMax(1e-3);

fn tensor<const D: usize>(case: &Case, name: &str, device: &Device) -> Tensor<D> {
    let (shape, values) = case.tensor(name);
    Tensor::from_data(TensorData::new(values, shape), device)
}

#[track_caller]
fn assert_tensor<const D: usize>(case: &Case, name: &str, tensor: Tensor<D>, tolerance: Tolerance) {
    let shape = tensor.dims();
    let values: Vec<f32> = tensor.into_data().iter::<f32>().collect();
    case.assert_tensor(name, &shape, &values, tolerance);
}

fn weights(case: &Case) -> StateDict {
    let mut dict = StateDict::new();
    for (name, shape, values) in case.weights() {
        dict.insert(name, &shape, &values);
    }
    dict
}

/// Runs a module as the reference was run: eval output, train output, gradients of `sum(out * v)` in training.
fn check<M: Module, const D: usize, const E: usize>(
    case: &Case,
    init: impl Fn(&Device) -> M,
    forward: impl Fn(&M, Vec<Tensor<D>>) -> Tensor<E>,
) {
    let load = |device: &Device| {
        let mut module = init(device);
        load_into(&mut module, &weights(case), &LoadOptions::default())
            .unwrap_or_else(|e| panic!("{}: {e}", case.name));
        module
    };
    let inputs: Vec<String> = case.names("input").into_iter().filter(|n| n.starts_with("input/")).collect();
    let device = cpu();
    let out = forward(&load(&device), inputs.iter().map(|n| tensor(case, n, &device)).collect());
    assert_tensor(case, "eval_out", out, OUTPUT);

    let device = device.autodiff();
    let module = load(&device);
    let x: Vec<Tensor<D>> = inputs.iter().map(|n| tensor(case, n, &device).require_grad()).collect();
    let out = forward(&module, x.clone());
    assert_tensor(case, "train_out", out.clone().inner(), OUTPUT);
    let stream = format!("input:{}.grad", case.name);
    let v = formula::values(case.salt(), &stream, out.shape().num_elements(), 1.0);
    let v = Tensor::from_data(TensorData::new(v, out.shape()), &device);
    let grads = (out * v).sum().backward();
    for (name, x) in inputs.iter().zip(&x) {
        let name = name.replace("input/", "grad_input/");
        assert_tensor(case, &name, x.grad(&grads).expect("inputs have gradients"), GRADIENT);
    }
    let found = gradients(&module, &grads);
    if let Err(mismatch) = case.compare_gradients(|name| Some(found.get(name)?.data), 1e-3, 1e-4) {
        panic!("{mismatch}");
    }
}

fn size(case: &Case, key: &str) -> usize {
    case.config[key].as_u64().unwrap_or_else(|| panic!("{}: {key}", case.name)) as usize
}

#[test]
fn basic_blocks_compute_and_learn_as_the_reference() {
    for case in cases("F_basic_block") {
        let config = BasicBlockConfig {
            input: size(&case, "inplanes"),
            planes: size(&case, "planes"),
            stride: 1,
            norm_eval: false,
        };
        check(&case, |d| config.init(d), |m, x| m.forward(x[0].clone()));
    }
}

#[test]
fn bottlenecks_compute_and_learn_as_the_reference() {
    for case in cases("F_bottleneck_ds") {
        let config = BottleneckConfig {
            input: size(&case, "inplanes"),
            planes: size(&case, "planes"),
            stride: size(&case, "stride"),
            stride_on_first: false,
            norm_eval: false,
        };
        check(&case, |d| config.init(d), |m, x| m.forward(x[0].clone()));
    }
}

#[test]
fn the_bidirectional_lstm_computes_and_learns_as_the_reference() {
    for case in cases("F_bilstm") {
        let config = BidirectionalLstmConfig {
            input: size(&case, "nIn"),
            hidden: size(&case, "nHidden"),
            output: size(&case, "nOut"),
        };
        check(&case, |d| config.init(d), |m, x| m.forward(x[0].clone()));
    }
}

#[test]
fn fpnc_computes_and_learns_as_the_reference() {
    for case in cases("F_neck_fpnc") {
        let channels: Vec<usize> = case.config["in_channels"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c.as_u64().unwrap() as usize)
            .collect();
        let all = case.config["all_bool_options"] == true;
        let config = FpncConfig {
            lateral_channels: size(&case, "lateral_channels"),
            out_channels: size(&case, "out_channels"),
            bias_on_lateral: all,
            bn_re_on_lateral: all,
            bias_on_smooth: all,
            bn_re_on_smooth: all,
            conv_after_concat: all,
            ..FpncConfig::new(&channels)
        };
        check(&case, |d| config.init(d), |m, x| m.forward(x));
    }
}

#[test]
fn dice_loss_and_its_gradient_are_those_of_the_reference() {
    let case = case("F_loss_dice");
    let device = cpu().autodiff();
    let pred = tensor::<3>(&case, "input/pred", &device).require_grad();
    let [target, mask] = ["target/target", "target/mask"].map(|n| tensor::<3>(&case, n, &device));
    let eps = case.config["eps"].as_f64().unwrap();
    let plain = dice(pred.clone(), target.clone(), None, eps);
    let masked = dice(pred.clone(), target, Some(mask), eps);
    assert_tensor(&case, "out/loss_nomask", plain.clone().inner(), Tolerance::Abs(1e-5));
    assert_tensor(&case, "out/loss_mask", masked.clone().inner(), Tolerance::Abs(1e-5));
    let grads = (plain + masked).backward();
    assert_tensor(&case, "grad/pred", pred.grad(&grads).unwrap(), Tolerance::Abs(1e-6));
}

#[test]
fn resnet_has_the_names_and_shapes_of_the_reference() {
    let case = case("C_dbnet_r18");
    let names = |list: Vec<(String, Vec<usize>)>| {
        let mut list: Vec<_> =
            list.into_iter().filter(|(n, _)| !n.ends_with("num_batches_tracked")).collect();
        list.sort();
        list
    };
    let expected = case
        .state_dict()
        .into_iter()
        .filter_map(|(n, s)| Some((n.strip_prefix("backbone.")?.to_owned(), s)))
        .collect();
    let got = state_names(&ResNetConfig::new(Depth::D18).init(&cpu()));
    assert_eq!(names(got), names(expected));
}

/// Parameters of torchvision's networks without their classifiers (`fc`), running statistics not counted.
#[test]
fn every_resnet_depth_has_its_published_size_and_feature_shapes() {
    let table = [
        (Depth::D18, 11_689_512 - 513_000, 512),
        (Depth::D34, 21_797_672 - 513_000, 512),
        (Depth::D50, 25_557_032 - 2_049_000, 2048),
        (Depth::D101, 44_549_160 - 2_049_000, 2048),
    ];
    for (depth, parameters, channels) in table {
        let net = ResNetConfig::new(depth).init(&cpu());
        let running: usize =
            state_names(&net).iter().filter(|(n, _)| n.contains("running_")).map(|(_, s)| s[0]).sum();
        assert_eq!(net.num_params() - running, parameters, "{depth:?}");
        assert_eq!(ResNetConfig::new(depth).channels()[3], channels);
        if depth == Depth::D50 {
            let features = net.forward(Tensor::zeros([1, 3, 64, 96], &cpu()));
            let shapes: Vec<[usize; 4]> = features.iter().map(|f| f.dims()).collect();
            assert_eq!(shapes, [[1, 256, 16, 24], [1, 512, 8, 12], [1, 1024, 4, 6], [1, 2048, 2, 3]]);
        }
    }
}
