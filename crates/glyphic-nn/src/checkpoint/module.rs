use std::collections::{HashMap, HashSet};
use std::fmt;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor, TensorData};

use super::StateDict;
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

/// Every disagreement between a checkpoint and a module.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mismatch {
    /// Names of the module that the checkpoint lacks.
    pub missing: Vec<String>,
    /// Names of the checkpoint that the module has no place for.
    pub unused: Vec<String>,
    /// Name, shape in the module, shape in the checkpoint; in PyTorch's layout.
    pub mis_shaped: Vec<(String, Vec<usize>, Vec<usize>)>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the checkpoint does not fit the network")?;
        if !self.missing.is_empty() {
            write!(f, "\n  missing in the checkpoint: {}", self.missing.join(", "))?;
        }
        if !self.unused.is_empty() {
            write!(f, "\n  without a place in the network: {}", self.unused.join(", "))?;
        }
        for (name, expected, got) in &self.mis_shaped {
            write!(f, "\n  {name} should be {expected:?} and is {got:?}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mismatch {}

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

/// Where a traversal stands: names, and the struct that holds the last of them.
#[derive(Default)]
pub(crate) struct Path {
    names: Vec<String>,
    containers: Vec<String>,
}

impl Path {
    pub(crate) fn enter(&mut self, name: &str, container: &str) {
        self.names.push(name.to_owned());
        self.containers.push(container.to_owned());
    }

    pub(crate) fn exit(&mut self) {
        self.names.pop();
        self.containers.pop();
    }

    fn container(&self) -> &str {
        self.containers.last().map_or("", String::as_str)
    }

    pub(crate) fn name(&self) -> String {
        let mut parts: Vec<&str> = self
            .names
            .iter()
            .zip(&self.containers)
            // A variant's name is ours alone.
            .filter(|(_, container)| !container.starts_with("Enum:"))
            // `self_` is a field that would be a keyword.
            .map(|(name, _)| name.strip_suffix('_').unwrap_or(name))
            .collect();
        if ["Struct:BatchNorm", "Struct:LayerNorm", "Struct:GroupNorm", "Struct:InstanceNorm"]
            .contains(&self.container())
            && let Some(last) = parts.last_mut()
        {
            *last = match *last {
                "gamma" => "weight",
                "beta" => "bias",
                other => other,
            };
        }
        parts.join(".")
    }

    /// burn's `Linear` stores `[in, out]`, PyTorch `[out, in]`.
    pub(crate) fn is_transposed(&self) -> bool {
        self.container() == "Struct:Linear" && self.names.last().is_some_and(|n| n == "weight")
    }

    fn torch_shape(&self, mut shape: Vec<usize>) -> Vec<usize> {
        if self.is_transposed() {
            shape.reverse();
        }
        shape
    }
}

/// `[rows, columns]` row-major to `[columns, rows]`.
pub(crate) fn transpose(data: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|c| (0..rows).map(move |r| data[r * columns + c])).collect()
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

impl Path {
    /// Adds a tensor of the module under its name and in PyTorch's layout.
    fn insert<const D: usize>(&self, tensor: Tensor<D>, dict: &mut StateDict) {
        let shape = tensor.dims().to_vec();
        let data: Vec<f32> = tensor.into_data().iter::<f32>().collect();
        let data = if self.is_transposed() { transpose(&data, shape[0], shape[1]) } else { data };
        dict.insert(self.name(), &self.torch_shape(shape), &data);
    }
}

impl ModuleVisitor for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.path.insert(param.val(), &mut self.dict);
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
            self.path.insert(gradient, &mut self.dict);
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
