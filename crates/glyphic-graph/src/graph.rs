use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::{DType, Error, Op, Result, Tensor};

/// Sees the values of a network's runs, in pieces of any length: inputs, and what steps make. Of steps that are fused into
/// one it sees the last result alone, and it may be called on several threads.
#[derive(Clone)]
pub struct Observer(Arc<See>);

type See = dyn Fn(ValueId, &[f32]) + Send + Sync;

impl Observer {
    /// Calls `see` with each piece.
    pub fn new(see: impl Fn(ValueId, &[f32]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(see))
    }

    pub(crate) fn see(&self, value: ValueId, numbers: &[f32]) {
        (self.0)(value, numbers);
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

impl PartialEq for Observer {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A value of a graph: an input, a constant, or an output of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub u32);

/// Size of an axis.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Dim {
    /// The same in every run.
    Known(usize),
    /// Differs from run to run; axes of the same name have the same size.
    Symbol(String),
    /// Differs from run to run.
    Unknown,
}

/// What a run gives to a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: ValueId,
    /// Type of the elements.
    pub dtype: DType,
    /// Sizes of the axes; `None` where even the rank differs.
    pub shape: Option<Vec<Dim>>,
}

/// What a run gives back.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: ValueId,
}

/// An operator applied to values.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Name for messages, unique where the source's names are.
    pub name: String,
    /// The operator with its attributes.
    pub op: Op,
    /// Operands in the order of ONNX; `None` for an optional one left out.
    pub inputs: Vec<Option<ValueId>>,
    /// Results in the order of ONNX; `None` for one that nobody wants.
    pub outputs: Vec<Option<ValueId>>,
}

impl Node {
    /// Computes the node. Operands are in the order of ONNX; those whose elements nobody else holds may be overwritten.
    /// As many results come back as the operator makes, at least as many as the node names.
    ///
    /// # Errors
    /// [`Error::Node`] where operands do not fit the operator.
    pub fn run(&self, operands: Vec<Option<Tensor>>) -> Result<Vec<Tensor>> {
        let wrong =
            |reason: String| Error::Node { node: self.name.clone(), op: self.op.name().to_owned(), reason };
        let outputs =
            glyphic_ops::run(&self.op, operands, self.outputs.len()).map_err(|reason| wrong(reason.0))?;
        match self.outputs.iter().enumerate().find(|(i, o)| o.is_some() && *i >= outputs.len()) {
            Some((i, _)) => {
                Err(wrong(format!("result {i} is not computed; expected {} at most", outputs.len())))
            }
            None => Ok(outputs),
        }
    }
}

/// A network: nodes in an order in which each value is made before it is used.
///
/// Operators have the semantics of ONNX (opset 22): tensors are `[N, C, H, W]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Graph {
    /// Name of the network.
    pub name: String,
    /// What a run must give.
    pub inputs: Vec<Input>,
    /// What a run gives back.
    pub outputs: Vec<Output>,
    /// The computation.
    pub nodes: Vec<Node>,
    /// Weights and other constants.
    pub constants: BTreeMap<ValueId, Tensor>,
    /// Names of values, for messages and files: parameters carry their state-dict names.
    pub names: BTreeMap<ValueId, String>,
    /// Facts that travel with the network: preprocessing, vocabulary, hash.
    pub metadata: BTreeMap<String, String>,
    /// Who sees the values of its runs, and of its parts'; no part of a file.
    pub observer: Option<Observer>,
    /// The next value's number.
    pub next: u32,
}

impl Graph {
    /// An empty graph.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// A new value that nothing makes yet.
    pub fn value(&mut self) -> ValueId {
        self.next += 1;
        ValueId(self.next - 1)
    }

    /// A new input.
    pub fn input(&mut self, name: impl Into<String>, dtype: DType, shape: Vec<Dim>) -> ValueId {
        let (name, value) = (name.into(), self.value());
        self.names.insert(value, name.clone());
        self.inputs.push(Input { name, value, dtype, shape: Some(shape) });
        value
    }

    /// A constant without a name.
    pub fn constant(&mut self, tensor: Tensor) -> ValueId {
        let value = self.value();
        self.constants.insert(value, tensor);
        value
    }

    /// A constant with a name, such as a parameter with its state-dict name.
    pub fn parameter(&mut self, name: impl Into<String>, tensor: Tensor) -> ValueId {
        let value = self.constant(tensor);
        self.names.insert(value, name.into());
        value
    }

    /// Appends a node of one output, and gives it.
    pub fn push(&mut self, name: impl Into<String>, op: Op, inputs: &[ValueId]) -> ValueId {
        let value = self.value();
        self.nodes.push(Node {
            name: name.into(),
            op,
            inputs: inputs.iter().map(|i| Some(*i)).collect(),
            outputs: vec![Some(value)],
        });
        value
    }

    /// Declares a value to be an output.
    pub fn output(&mut self, name: impl Into<String>, value: ValueId) {
        self.outputs.push(Output { name: name.into(), value });
    }
}
