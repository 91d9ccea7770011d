//! Weights, gradients by name, and what golden cases hold.
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::HashMap;

use burn::module::Module;
use burn::tensor::{Gradients, Tensor, TensorData};
use glyphic_nn::Device;
use glyphic_nn::checkpoint::{LoadOptions, StateDict, load_into, state_dict, state_names};
use glyphic_recognize::{Encoded, Stepwise, valid_steps};
use glyphic_testing::Case;
use serde_json::Value;

/// The weights of a golden case.
pub(crate) fn golden_weights(case: &Case) -> StateDict {
    let mut dict = StateDict::new();
    for (name, shape, values) in case.weights() {
        dict.insert(name, &shape, &values);
    }
    dict
}

/// Weights for every entry of a module, by the formula.
pub(crate) fn formula_weights<M: Module>(module: &M) -> StateDict {
    let own = state_dict(module);
    let mut dict = StateDict::new();
    for (name, shape) in state_names(module) {
        // What is computed and not learnt stays.
        let values = glyphic_testing::formula::weight("", &name, &shape)
            .unwrap_or_else(|| own.get(&name).expect("a weight of the module").data);
        dict.insert(name, &shape, &values);
    }
    dict
}

/// What a network computes and does not learn.
const COMPUTED: [&str; 3] = ["position_table", "position_encoder", "P_hat"];

/// The module with a golden case's weights; its names and shapes must be those of the case.
pub(crate) fn load<M: Module>(mut module: M, case: &Case) -> M {
    let mut expected = case.state_dict();
    expected.retain(|(name, _)| !name.ends_with("num_batches_tracked"));
    let mut names = state_names(&module);
    expected.sort();
    names.sort();
    assert_eq!(names, expected, "{}: state dict", case.name);
    let options =
        COMPUTED.iter().fold(LoadOptions::default(), |options, end| options.ignore(format!("*{end}")));
    load_into(&mut module, &golden_weights(case), &options).unwrap();
    let computed = state_dict(&module);
    for name in computed.names().filter(|name| COMPUTED.iter().any(|end| name.ends_with(end))) {
        let table = computed.get(name).expect("it is named");
        case.compare_stored(&format!("buffer/{name}"), &table.data, glyphic_testing::Tolerance::Abs(1e-5))
            .unwrap_or_else(|mismatch| panic!("{mismatch}"));
    }
    module
}

pub(crate) fn tensor<const D: usize>(case: &Case, name: &str, device: &Device) -> Tensor<D> {
    let (shape, values) = case.tensor(name);
    Tensor::from_data(TensorData::new(values, shape), device)
}

pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

pub(crate) fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

pub(crate) fn indices(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect()
}

pub(crate) fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}

/// The columns of features that hold content in a case's crops, `[N, 1]`.
pub(crate) fn valid_columns(case: &Case, columns: usize, device: &Device) -> Tensor<2> {
    let ratios = case.entry["json_inputs"]["valid_ratio"].as_array().unwrap();
    let valid: Vec<f32> =
        ratios.iter().map(|ratio| valid_steps(columns, ratio.as_f64().unwrap()) as f32).collect();
    Tensor::from_data(TensorData::new(valid, [ratios.len(), 1]), device)
}

/// Writes class by class without an end, as the reference does: the logits of every step, `[N, steps, classes]`.
pub(crate) fn write(net: &impl Stepwise, encoded: Encoded, start: usize, steps: usize) -> Tensor<3> {
    let Encoded { memory, mut state } = encoded;
    let ([batch, ..], device) = (memory[0].dims(), memory[0].device());
    let mut token = Tensor::<2>::full([batch, 1], start as f64, &device);
    let mut rows = Vec::with_capacity(steps);
    for position in 0..steps {
        let position = Tensor::<1>::from_floats([position as f32], &device);
        let (logits, next) = net.step(&memory, state, token, position);
        token = logits.clone().argmax(1).float();
        state = next;
        rows.push(logits.unsqueeze_dim::<3>(1));
    }
    Tensor::cat(rows, 1)
}

/// The gradient of every parameter in PyTorch's names and layout.
pub(crate) fn gradients<M: Module>(module: &M, gradients: &Gradients) -> HashMap<String, Vec<f32>> {
    let found = glyphic_nn::checkpoint::gradients(module, gradients);
    found.names().map(|name| (name.to_owned(), found.get(name).expect("it is named").data)).collect()
}
