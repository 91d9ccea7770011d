//! Graphs of burn modules: a network's `forward` is its one definition.
//!
//! A module's `forward` is run on burn's capture device, which records operations instead of computing them, at several
//! input sizes. What differs between the recordings follows from the sizes of the inputs and becomes part of the graph,
//! so that one graph serves every size. Parameters carry their state-dict names and PyTorch's layouts.

mod custom;
mod error;
mod path;
mod sizes;
mod translate;

use std::collections::BTreeMap;

use burn::backend::Capture;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorId};
use burn_ir::OperationIr;
use glyphic_graph::{Dim, Graph};

pub use custom::{Direction, RoiAlignOptions, gru, lstm, roi_align};
pub use error::{Error, Result};
pub use path::{Path, transpose};

/// How often a network is recorded, at other sizes each time: two would do to see what differs, the others confirm how.
const ROUNDS: usize = 4;

/// What the sizes of an input's axes are made from in each round: even and odd ones of each name, and none that agree or
/// keep a ratio by accident. Where one of them is also a size inside the network, burn may leave out an operation that does
/// nothing at that size; then the next table is tried. A linear layer is recorded in one of two ways, by whether its rows fill
/// whole tiles of 32 and how many they are with the batch beside its columns: of the last table they are few, and never whole tiles.
const SIZES: [[[usize; 6]; ROUNDS]; 3] = [
    [[2, 7, 12, 17, 22, 27], [3, 14, 23, 28, 33, 41], [5, 11, 17, 39, 47, 58], [7, 16, 19, 44, 52, 63]],
    [[11, 26, 29, 31, 37, 43], [13, 37, 46, 51, 59, 61], [17, 23, 71, 67, 73, 79], [29, 41, 53, 83, 89, 97]],
    [[2, 3, 5, 7, 9, 13], [3, 5, 9, 13, 15, 17], [5, 9, 12, 11, 23, 29], [4, 11, 17, 23, 21, 25]],
];

/// Size of an input's axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// The same in every run.
    Fixed(usize),
    /// Any multiple of `multiple`; axes of one name have one size.
    Free {
        /// The name, which the graph's input carries.
        name: &'static str,
        /// What the size is a multiple of.
        multiple: usize,
    },
}

impl Axis {
    /// The number of samples in a batch, any.
    pub const BATCH: Self = Self::free("batch", 1);

    /// An axis of this name whose size is a multiple of `multiple`.
    pub const fn free(name: &'static str, multiple: usize) -> Self {
        Self::Free { name, multiple }
    }
}

/// Where a network's inputs come from and its outputs go while it is recorded.
pub struct Tape {
    device: Device,
    table: usize,
    round: usize,
    symbols: Vec<&'static str>,
    inputs: Vec<TapedInput>,
    outputs: Vec<(String, TensorId)>,
    marks: Vec<(String, TensorId)>,
    /// Tensors that must not be consumed in place.
    kept: Vec<Box<dyn std::any::Any>>,
}

struct TapedInput {
    name: String,
    id: TensorId,
    shape: Vec<Dim>,
}

impl Tape {
    /// An input of the network: its name in the graph and its shape.
    pub fn input<const D: usize>(&mut self, name: &str, axes: [Axis; D]) -> Tensor<D> {
        let mut shape = Vec::with_capacity(D);
        let dims = axes.map(|axis| match axis {
            Axis::Fixed(size) => {
                shape.push(Dim::Known(size));
                size
            }
            Axis::Free { name, multiple } => {
                shape.push(Dim::Symbol(name.to_owned()));
                let known = self.symbols.iter().position(|s| *s == name);
                let place = known.unwrap_or_else(|| {
                    self.symbols.push(name);
                    self.symbols.len() - 1
                });
                let sizes = &SIZES[self.table][self.round];
                // More names than these are far more than any network has.
                multiple * sizes[place % sizes.len()]
            }
        });
        // It comes from outside, so that it is no constant of the graph.
        let tensor = Tensor::<D>::zeros(dims, &Device::flex()).to_device(&self.device);
        self.inputs.push(TapedInput { name: name.to_owned(), id: id(&tensor), shape });
        tensor
    }

    /// Declares an output of the network.
    pub fn output<const D: usize>(&mut self, name: &str, tensor: Tensor<D>) {
        self.outputs.push((name.to_owned(), id(&tensor)));
        self.kept.push(Box::new(tensor));
    }

    /// Names a value within the network, where [`Graph::cut`] may cut it.
    pub fn mark<const D: usize>(&mut self, name: &str, tensor: &Tensor<D>) {
        self.marks.push((name.to_owned(), id(tensor)));
        self.kept.push(Box::new(tensor.clone()));
    }
}

/// A tensor's number on the capture device.
fn id<const D: usize>(tensor: &Tensor<D>) -> TensorId {
    let primitive = tensor.clone().try_into_primitive::<Capture>();
    primitive.unwrap_or_else(|_| panic!("a tensor of the network lies on {:?}", tensor.device())).id()
}

/// Records a module as a graph.
///
/// `forward` takes its inputs from the tape, runs the module it is given and gives its outputs to the tape; it is called
/// several times. All parameters and running statistics of the module are in the graph, also those that the outputs do
/// not need, so that a graph that was written to a file holds the module's whole state dict.
///
/// # Errors
/// An [`Error`] where the module uses an operator that graphs do not have, or sizes that do not follow from
/// its inputs' sizes.
///
/// # Panics
/// Where a tensor of the module is not on one device with the others.
pub fn capture<M: Module>(name: &str, module: &M, forward: impl Fn(&M, &mut Tape)) -> Result<Graph> {
    let mut captured = None;
    for table in 0..SIZES.len() {
        let rounds = (0..ROUNDS).map(|round| record(module, table, round, &forward));
        match translate::translate(name, rounds.collect::<Result<Vec<Recording>>>()?) {
            Ok(graph) => return Ok(graph),
            Err(error) => captured = captured.or(Some(error)),
        }
    }
    Err(captured.expect("there are tables"))
}

/// What one round has recorded.
struct Recording {
    operations: Vec<OperationIr>,
    values: BTreeMap<TensorId, burn::tensor::TensorData>,
    inputs: Vec<TapedInput>,
    outputs: Vec<(String, TensorId)>,
    marks: Vec<(String, TensorId)>,
    parameters: Vec<Parameter>,
}

/// A parameter or running statistic of a module.
struct Parameter {
    id: TensorId,
    /// In a state dict.
    name: String,
    /// Whether burn stores the transpose of what PyTorch does.
    transposed: bool,
}

fn record<M: Module>(
    module: &M,
    table: usize,
    round: usize,
    forward: &impl Fn(&M, &mut Tape),
) -> Result<Recording> {
    thread_local! {
        // A process can make 65536 of them; scopes of one follow each other.
        static DEVICE: Device = Device::capture();
    }
    let device = DEVICE.with(Device::clone);
    let mut taped = None;
    let captured = device
        .capture_scope(|scope| {
            // A copy of its own: running statistics are shared between clones.
            let module = module.valid().to_device(&device);
            let mut parameters = Parameters { path: Path::default(), found: Vec::new() };
            module.visit(&mut parameters);
            let (symbols, inputs, outputs) = (Vec::new(), Vec::new(), Vec::new());
            let (marks, kept) = (Vec::new(), Vec::new());
            let mut tape =
                Tape { device: device.clone(), table, round, symbols, inputs, outputs, marks, kept };
            forward(&module, &mut tape);
            let inputs = tape.inputs.iter().map(|input| input.id);
            let outputs = tape.outputs.iter().map(|(_, id)| *id);
            let completed = scope.complete(inputs, outputs);
            taped = Some((tape, parameters.found));
            completed
        })
        .map_err(Error::Scope)?;
    let (tape, parameters) = taped.expect("the scope has run");
    let Tape { inputs, outputs, marks, .. } = tape;
    Ok(Recording {
        operations: captured.graph.operations,
        values: captured.values,
        inputs,
        outputs,
        marks,
        parameters,
    })
}

struct Parameters {
    path: Path,
    found: Vec<Parameter>,
}

impl ModuleVisitor for Parameters {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let (name, transposed) = (self.path.name(), self.path.is_transposed());
        self.found.push(Parameter { id: id(&param.val()), name, transposed });
    }
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.exit();
    }
}
