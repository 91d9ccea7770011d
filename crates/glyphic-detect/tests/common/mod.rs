//! What the tests of networks share: golden cases as tensors, formula weights, pictures.
#![allow(dead_code, reason = "each test file uses a part")]

use burn::module::{Flag, Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};
use glyphic_core::Image;
use glyphic_nn::checkpoint::{LoadOptions, StateDict, gradients, load_into, state_dict, state_names};
use glyphic_testing::{Case, Tolerance, formula};

/// How far maps may be from the reference's.
pub(crate) const FEATURE: Tolerance = Tolerance::RelMax(1e-4);

/// A tensor of a case.
pub(crate) fn tensor<const D: usize>(case: &Case, name: &str, device: &Device) -> Tensor<D> {
    let (shape, values) = case.tensor(name);
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// A target that is stored for each picture or for all of them, `[N, ..]`.
pub(crate) fn target<const D: usize>(case: &Case, name: &str, device: &Device) -> Tensor<D> {
    let whole = format!("target/{name}");
    if case.has(&whole) {
        return tensor(case, &whole, device);
    }
    let names = (0..).map(|i| format!("target_b{i}/{name}")).take_while(|name| case.has(name));
    Tensor::cat(names.map(|name| tensor(case, &name, device)).collect(), 0)
}

/// Shape and numbers.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> (Vec<usize>, Vec<f32>) {
    (tensor.dims().to_vec(), tensor.into_data().iter::<f32>().collect())
}

#[track_caller]
pub(crate) fn assert_tensor<const D: usize>(
    case: &Case,
    name: &str,
    tensor: Tensor<D>,
    tolerance: Tolerance,
) {
    let (shape, values) = values(tensor);
    case.assert_tensor(name, &shape, &values, tolerance);
}

/// The features of a backbone.
#[track_caller]
pub(crate) fn assert_features(case: &Case, features: &[Tensor<4>]) {
    for (i, feature) in features.iter().enumerate() {
        assert_tensor(case, &format!("backbone_{i}"), feature.clone(), FEATURE);
    }
}

/// A network with the case's weights.
pub(crate) fn load<M: Module>(case: &Case, mut net: M) -> M {
    let mut weights = StateDict::new();
    for (name, shape, values) in case.weights() {
        weights.insert(name, &shape, &values);
    }
    load_into(&mut net, &weights, &LoadOptions::default()).unwrap_or_else(|e| panic!("{}: {e}", case.name));
    net
}

/// A network whose batch normalization uses its running statistics with gradients too.
pub(crate) fn evaluated<M: Module>(net: M) -> M {
    struct Evaluation;

    impl ModuleMapper for Evaluation {
        fn map_flag(&mut self, _: Param<Flag>) -> Param<Flag> {
            Param::<Flag>::from_bool(false)
        }
    }
    net.map(&mut Evaluation)
}

/// A network in the mode in which the case's gradients were taken.
pub(crate) fn load_for_gradients<M: Module>(case: &Case, net: M) -> M {
    let net = load(case, net);
    let mode = case.entry["grad_mode"].as_str();
    if mode.is_some_and(|mode| mode.starts_with("all modules in eval mode")) { evaluated(net) } else { net }
}

/// Names and shapes of a network are the reference's.
pub(crate) fn assert_names<M: Module>(case: &Case, net: &M) {
    let mut expected = case.state_dict();
    expected.retain(|(name, _)| !name.ends_with("num_batches_tracked"));
    let mut got = state_names(net);
    expected.sort();
    got.sort();
    assert_eq!(got, expected, "{}", case.name);
}

/// Losses by the reference's names. The last is the total, which not every case stores.
pub(crate) type Losses = Vec<(&'static str, Tensor<1>)>;

#[track_caller]
pub(crate) fn assert_losses(case: &Case, prefix: &str, losses: &Losses, tolerance: impl Fn(f64) -> f64) {
    for (name, loss) in losses {
        let path = format!("{prefix}/{name}");
        if *name == "total" && !case.has(&path) {
            continue;
        }
        let expected = f64::from(case.tensor(&path).1[0]);
        let got = f64::from(loss.clone().into_scalar::<f32>());
        assert!(
            (got - expected).abs() <= tolerance(expected),
            "{} {path}: {got} is not {expected}",
            case.name
        );
    }
}

/// For losses of a whole network.
pub(crate) fn relative(expected: f64) -> f64 {
    2e-4 * expected
}

/// For a loss alone.
pub(crate) fn alone(expected: f64) -> f64 {
    1e-5 * expected.max(1.0)
}

/// Losses of a network in training, and the gradients of its weights.
#[track_caller]
pub(crate) fn assert_learns<M: Module>(case: &Case, net: &M, losses: &Losses) {
    assert_losses(case, "loss_for_grad", losses, relative);
    let found = gradients(net, &total(losses).backward());
    if let Err(mismatch) = case.compare_gradients(|name| Some(found.get(name)?.data), 5e-3, 1e-4) {
        panic!("{mismatch}");
    }
}

/// The running statistics after a forward pass in training, where the case has them.
#[track_caller]
pub(crate) fn assert_running_statistics<M: Module>(case: &Case, net: &M) {
    let after = state_dict(net);
    for name in case.names("output") {
        if let Some(statistic) = name.strip_prefix("bn_after_train_forward/") {
            let value = after.get(statistic).unwrap();
            case.assert_tensor(&name, &value.shape, &value.data, FEATURE);
        }
    }
}

/// A loss of the maps `input/preds` alone, and its gradient.
#[track_caller]
pub(crate) fn assert_loss_alone(case: &Case, losses: impl Fn(&Tensor<4>, &Device) -> Losses) {
    let device = glyphic_nn::device::cpu().autodiff();
    let maps = tensor::<4>(case, "input/preds", &device).require_grad();
    let losses = losses(&maps, &device);
    assert_losses(case, "out", &losses, alone);
    let grads = total(&losses).backward();
    assert_tensor(case, "grad/preds", maps.grad(&grads).unwrap(), Tolerance::Abs(1e-6));
}

pub(crate) fn total(losses: &Losses) -> Tensor<1> {
    let (name, total) = losses.last().unwrap();
    assert_eq!(*name, "total");
    total.clone()
}

/// Factors of the last layers' weights, so that maps are not saturated and texts lie apart.
const DAMPED: [(&str, f32); 8] = [
    ("bbox_head.binarize.6.", 0.06),
    ("bbox_head.threshold.6.", 0.06),
    ("bbox_head.out_conv", 0.25),
    ("rpn_head.rpn_cls", 0.02),
    ("rpn_head.rpn_reg", 0.004),
    ("roi_head.bbox_head.fc_cls", 0.3),
    ("roi_head.bbox_head.fc_reg", 0.02),
    ("roi_head.mask_head.conv_logits", 0.05),
];

/// Formula weights for every name of a network.
pub(crate) fn formula_weights(names: Vec<(String, Vec<usize>)>) -> StateDict {
    let mut dict = StateDict::new();
    for (name, shape) in names {
        let count: usize = shape.iter().product();
        let own = || (0..count).map(|i| 0.1 * (i % 7) as f32 - 0.3).collect();
        let mut values = formula::weight("", &name, &shape).unwrap_or_else(own);
        if let Some((_, factor)) = DAMPED.iter().find(|(prefix, _)| name.starts_with(prefix)) {
            values.iter_mut().for_each(|v| *v *= factor);
        }
        dict.insert(name, &shape, &values);
    }
    dict
}

/// A picture with structure at every size.
pub(crate) fn picture(width: u32, height: u32) -> Image {
    let pixel = |x: u32, y: u32| {
        let checks = if (x / 16 + y / 12).is_multiple_of(2) { 200 } else { 30 };
        [checks as u8, (x * 255 / width) as u8, ((x * 7 + y * 13) % 256) as u8]
    };
    let rgb = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
    Image::from_rgb(width, height, rgb).unwrap()
}
