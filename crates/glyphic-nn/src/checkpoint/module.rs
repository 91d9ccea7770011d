use std::collections::{HashMap, HashSet};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor, TensorData};

use super::StateDict;
use super::error::Mismatch;
use glyphic_capture::{Path, transpose};

use crate::{Error, Result};

/// What to leave out, and what is called differently, when loading.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Names that may be missing, left over or of another shape and are then skipped; `*` stands for any characters.
    pub ignore: Vec<String>,
    /// Prefixes of the checkpoint's names and what they become, first match only.
    pub rename: Vec<(String, String)>,
}

impl Default for LoadOptions {
    /// Strict but for `num_batches_tracked`, which PyTorch counts and nothing uses.
    fn default() -> Self {
        Self { ignore: vec!["*num_batches_tracked".to_owned()], rename: Vec::new() }
    }
}

impl LoadOptions {
    /// Adds a pattern of names to skip.
    pub fn ignore(mut self, pattern: impl Into<String>) -> Self {
        self.ignore.push(pattern.into());
        self
    }

    /// Adds a change of prefix.
    pub fn rename(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.rename.push((from.into(), to.into()));
        self
    }

    fn is_ignored(&self, name: &str) -> bool {
        self.ignore.iter().any(|pattern| matches(pattern, name))
    }

    fn renamed(&self, name: &str) -> String {
        self.rename
            .iter()
            .find_map(|(from, to)| name.strip_prefix(from.as_str()).map(|rest| format!("{to}{rest}")))
            .unwrap_or_else(|| name.to_owned())
    }
}

/// What loading did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Tensors of the module that were set.
    pub loaded: usize,
    /// Names of the checkpoint that were skipped as told.
    pub ignored: Vec<String>,
    /// Names of the module that kept their values as told.
    pub kept: Vec<String>,
}

/// Sets the weights of a module from a checkpoint. Either all fit, but for the ignored ones, or nothing changes.
///
/// A struct named `Linear` is taken for burn's, whose weight is transposed; `gamma` and `beta` of burn's norms are
/// `weight` and `bias`.
///
/// # Errors
/// [`Error::Mismatch`] lists every missing, unused and mis-shaped name.
pub fn load_into<M: Module>(module: &mut M, dict: &StateDict, options: &LoadOptions) -> Result<Report> {
    let names: HashMap<String, &str> = dict.names().map(|name| (options.renamed(name), name)).collect();
    let wanted = state_names(module);
    let mut report = Report { loaded: 0, ignored: Vec::new(), kept: Vec::new() };
    let mut mismatch = Mismatch { missing: Vec::new(), unused: Vec::new(), mis_shaped: Vec::new() };
    let mut sources = HashMap::new();
    for (name, shape) in &wanted {
        let source = names.get(name).copied();
        match (source, source.and_then(|s| dict.shape(s))) {
            (Some(source), Some(stored)) if stored == shape => {
                sources.insert(name.clone(), source);
            }
            _ if options.is_ignored(name) => report.kept.push(name.clone()),
            (_, Some(stored)) => mismatch.mis_shaped.push((name.clone(), shape.clone(), stored.to_vec())),
            _ => mismatch.missing.push(name.clone()),
        }
    }
    let known: HashSet<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
    for name in dict.names() {
        let renamed = options.renamed(name);
        if sources.contains_key(&renamed) {
            continue;
        }
        if options.is_ignored(&renamed) {
            report.ignored.push(name.to_owned());
        } else if !known.contains(renamed.as_str()) {
            mismatch.unused.push(name.to_owned());
        }
    }
    if !(mismatch.missing.is_empty() && mismatch.unused.is_empty() && mismatch.mis_shaped.is_empty()) {
        return Err(Error::Mismatch(mismatch));
    }
    report.loaded = sources.len();
    let mut loader = Loader { path: Path::default(), sources, dict };
    *module = module.clone().map(&mut loader);
    Ok(report)
}

/// Name and shape of every weight in PyTorch's names and layout, in the module's order.
pub fn state_names<M: Module>(module: &M) -> Vec<(String, Vec<usize>)> {
    let mut names = Names { path: Path::default(), found: Vec::new() };
    module.visit(&mut names);
    names.found
}

/// The weights of a module in PyTorch's names and layout.
pub fn state_dict<M: Module>(module: &M) -> StateDict {
    let mut values = Values { path: Path::default(), dict: StateDict::new() };
    module.visit(&mut values);
    values.dict
}

/// The gradients of a module's parameters in PyTorch's names and layout; parameters without one are left out.
pub fn gradients<M: Module>(module: &M, gradients: &Gradients) -> StateDict {
    let mut values = GradientValues { path: Path::default(), gradients, dict: StateDict::new() };
    module.visit(&mut values);
    values.dict
}

struct Names {
    path: Path,
    found: Vec<(String, Vec<usize>)>,
}

impl ModuleVisitor for Names {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let shape = self.path.torch_shape(param.lazy_shape().to_vec());
        self.found.push((self.path.name(), shape));
    }
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.exit();
    }
}

struct Values {
    path: Path,
    dict: StateDict,
}

/// Adds a tensor of the module under its name and in PyTorch's layout.
fn insert<const D: usize>(path: &Path, tensor: Tensor<D>, dict: &mut StateDict) {
    let shape = tensor.dims().to_vec();
    let data: Vec<f32> = tensor.into_data().iter::<f32>().collect();
    let data = if path.is_transposed() { transpose(&data, shape[0], shape[1]) } else { data };
    dict.insert(path.name(), &path.torch_shape(shape), &data);
}

impl ModuleVisitor for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        insert(&self.path, param.val(), &mut self.dict);
    }
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.exit();
    }
}

struct GradientValues<'a> {
    path: Path,
    gradients: &'a Gradients,
    dict: StateDict,
}

impl ModuleVisitor for GradientValues<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad(self.gradients) {
            insert(&self.path, gradient, &mut self.dict);
        }
    }
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.exit();
    }
}

struct Loader<'a> {
    path: Path,
    /// Name in the module -> name in the checkpoint, of those whose shapes agree.
    sources: HashMap<String, &'a str>,
    dict: &'a StateDict,
}

impl ModuleMapper for Loader<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let source = self.sources.get(&self.path.name());
        let Some(value) = source.and_then(|source| self.dict.get(source)) else { return param };
        let (data, shape) = if self.path.is_transposed() {
            (transpose(&value.data, value.shape[0], value.shape[1]), vec![value.shape[1], value.shape[0]])
        } else {
            (value.data, value.shape)
        };
        let tensor = Tensor::from_data(TensorData::new(data, shape), &param.lazy_device());
        let id = param.id;
        param.transform_for_load(tensor, id)
    }
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.exit();
    }
}

/// Whether a pattern with `*` for any characters covers the whole name.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => name.strip_prefix(head).is_some_and(|rest| {
            rest.char_indices().map(|(i, _)| i).chain([rest.len()]).any(|i| matches(tail, &rest[i..]))
        }),
    }
}
