//! Formula weights and gradients by name.
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor, TensorData};
use glyphic_nn::Device;
use glyphic_nn::checkpoint::{LoadOptions, StateDict, load_into, state_names};
use glyphic_testing::Case;

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
    let mut dict = StateDict::new();
    for (name, shape) in state_names(module) {
        let values = glyphic_testing::formula::weight("", &name, &shape).expect("every weight has a formula");
        dict.insert(name, &shape, &values);
    }
    dict
}

/// The module with a golden case's weights; its names and shapes must be those of the case.
pub(crate) fn load<M: Module>(mut module: M, case: &Case) -> M {
    let mut expected = case.state_dict();
    expected.retain(|(name, _)| !name.ends_with("num_batches_tracked"));
    let mut names = state_names(&module);
    expected.sort();
    names.sort();
    assert_eq!(names, expected, "{}: state dict", case.name);
    load_into(&mut module, &golden_weights(case), &LoadOptions::default()).unwrap();
    module
}

pub(crate) fn tensor<const D: usize>(case: &Case, name: &str, device: &Device) -> Tensor<D> {
    let (shape, values) = case.tensor(name);
    Tensor::from_data(TensorData::new(values, shape), device)
}

pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// The gradient of every parameter in PyTorch's names and layout.
pub(crate) fn gradients<M: Module>(module: &M, gradients: &Gradients) -> HashMap<String, Vec<f32>> {
    let mut visitor = GradientVisitor { gradients, path: Vec::new(), found: HashMap::new() };
    module.visit(&mut visitor);
    visitor.found
}

struct GradientVisitor<'a> {
    gradients: &'a Gradients,
    path: Vec<(String, String)>,
    found: HashMap<String, Vec<f32>>,
}

impl ModuleVisitor for GradientVisitor<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(mut gradient) = param.val().grad(self.gradients) else { return };
        let names: Vec<&str> =
            self.path.iter().filter(|(_, c)| !c.starts_with("Enum:")).map(|(n, _)| n.as_str()).collect();
        let is_linear = self.path.last().is_some_and(|(name, c)| c == "Struct:Linear" && name == "weight");
        if is_linear {
            gradient = gradient.swap_dims(0, 1);
        }
        self.found.insert(names.join("."), values(gradient));
    }
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push((name.to_owned(), container.to_owned()));
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
}
