//! A graph made ready to run.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use crate::plan::{self, Pool, Step, Value};
use crate::{DType, Dim, Error, Graph, Result, Tensor, ValueId, infer::infer, passes};

/// A graph that is checked and ready to run. It holds the weights once, and all threads share it.
#[derive(Debug)]
pub struct Session {
    graph: Graph,
    /// Constants in their places; the other places are empty.
    template: Vec<Option<Value>>,
    inputs: Vec<usize>,
    /// The frames of maps that are best given, in the order of the inputs.
    input_frames: Vec<[usize; 2]>,
    /// Types that a run gives; 16-bit floats are widened on the way in.
    input_types: Vec<DType>,
    outputs: Vec<usize>,
    /// Types that come out; 16-bit floats are made on the way out.
    output_types: Vec<DType>,
    steps: Vec<Placed>,
    pool: Arc<Pool>,
}

/// A tensor in the order in which a run left it in memory. Another session takes it as it lies.
#[derive(Debug, Clone)]
pub struct Carried(Value);

impl Carried {
    /// Sizes of the axes.
    pub fn shape(&self) -> Vec<usize> {
        self.0.shape()
    }

    /// The tensor, in row-major order.
    pub fn into_tensor(self) -> Tensor {
        self.0.into_row(&Arc::default())
    }
}

impl From<Tensor> for Carried {
    fn from(tensor: Tensor) -> Self {
        Self(Value::Row(tensor))
    }
}

/// One step: where its operands lie, where its results go, and which places nobody needs any more.
#[derive(Debug)]
struct Placed {
    step: Step,
    inputs: Vec<Option<usize>>,
    outputs: Vec<Option<usize>>,
    free: Vec<usize>,
}

impl Session {
    /// Checks a graph and makes it ready: constants are folded, batch norm goes into convolutions, and 16-bit floats are
    /// widened, since all computation is in 32 bits.
    ///
    /// # Errors
    /// [`Error::Graph`] where a value is used before it is made, made twice or made by nothing, and [`Error::Node`]
    /// where a node has operands that its operator does not take.
    pub fn new(graph: Graph) -> Result<Self> {
        Self::with_pool(graph, Arc::default())
    }

    /// As [`Session::new`], with the working memory of another session: where one runs after the other it is there once.
    ///
    /// # Errors
    /// Those of [`Session::new`].
    pub fn beside(graph: Graph, other: &Self) -> Result<Self> {
        Self::with_pool(graph, Arc::clone(&other.pool))
    }

    fn with_pool(mut graph: Graph, pool: Arc<Pool>) -> Result<Self> {
        validate(&graph)?;
        let facts = infer(&graph)?;
        let input_types = graph.inputs.iter().map(|i| i.dtype).collect();
        let output_types =
            graph.outputs.iter().map(|o| facts.get(&o.value).map_or(DType::F32, |f| f.dtype)).collect();
        for input in graph.inputs.iter_mut().filter(|i| i.dtype == DType::F16) {
            input.dtype = DType::F32;
        }
        for tensor in graph.constants.values_mut().filter(|t| t.dtype() == DType::F16) {
            *tensor = tensor.to_f32();
        }
        passes::optimize(&mut graph)?;
        let (steps, frames) = plan::compile(&graph);
        let input_frames =
            graph.inputs.iter().map(|i| frames.get(&i.value).copied().unwrap_or_default()).collect();
        let used: HashSet<ValueId> = steps
            .iter()
            .flat_map(|s| s.inputs.iter().flatten().copied())
            .chain(graph.outputs.iter().map(|o| o.value))
            .collect();
        graph.constants.retain(|value, _| used.contains(value));
        let mut places: HashMap<ValueId, usize> = HashMap::new();
        let mut template = Vec::new();
        for (value, tensor) in &graph.constants {
            places.insert(*value, template.len());
            template.push(Some(Value::Row(tensor.clone())));
        }
        let constants = template.len();
        let mut place = |value: ValueId| {
            *places.entry(value).or_insert_with(|| {
                template.push(None);
                template.len() - 1
            })
        };
        let inputs = graph.inputs.iter().map(|i| place(i.value)).collect();
        let mut placed: Vec<Placed> = Vec::with_capacity(steps.len());
        for step in steps {
            placed.push(Placed {
                inputs: step.inputs.iter().map(|i| i.map(&mut place)).collect(),
                outputs: step.outputs.iter().map(|o| o.map(&mut place)).collect(),
                free: Vec::new(),
                step,
            });
        }
        let outputs: Vec<usize> = graph.outputs.iter().map(|o| place(o.value)).collect();
        // Going backwards, the first use that is met is the last one in time.
        let mut needed: BTreeSet<usize> = outputs.iter().copied().chain(0..constants).collect();
        for step in placed.iter_mut().rev() {
            let used: BTreeSet<usize> = step.inputs.iter().chain(&step.outputs).flatten().copied().collect();
            step.free = used.into_iter().filter(|p| needed.insert(*p)).collect();
        }
        Ok(Self {
            graph,
            template,
            inputs,
            input_frames,
            input_types,
            outputs,
            output_types,
            steps: placed,
            pool,
        })
    }

    /// The graph that runs, without the weights that went into kernels.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Runs the network: inputs by name, outputs in the order of [`Graph::outputs`].
    ///
    /// # Errors
    /// [`Error::Input`] where an input is missing, unknown, or of another type or shape than the graph says, and
    /// [`Error::Node`] where an operator refuses its operands.
    pub fn run(&self, inputs: &[(&str, Tensor)]) -> Result<Vec<Tensor>> {
        let inputs = inputs.iter().map(|(name, tensor)| (*name, Carried::from(tensor.clone()))).collect();
        Ok(self.run_carried(inputs)?.into_iter().map(|output| output.0.into_row(&self.pool)).collect())
    }

    /// As [`Session::run`], for inputs from another session and outputs for one: their layout is not changed in between.
    ///
    /// # Errors
    /// Those of [`Session::run`].
    pub fn run_carried(&self, inputs: Vec<(&str, Carried)>) -> Result<Vec<Carried>> {
        let Some(observer) = &self.graph.observer else { return self.run_with(inputs, |_, _| ()) };
        for input in &self.graph.inputs {
            let given = inputs.iter().find(|(name, _)| *name == input.name);
            if let Some((_, Carried(value))) = given {
                value.each_piece(|numbers| observer.see(input.value, numbers));
            }
        }
        self.run_with(inputs, |step, results| {
            for (value, result) in step.outputs.iter().zip(results) {
                if let Some(value) = value {
                    result.each_piece(|numbers| observer.see(*value, numbers));
                }
            }
        })
    }

    /// A tensor of 32-bit floats `[N, C, H, W]` for an input, in the order that suits the network: `fill(image, y, row)` writes
    /// row `y` of an image, `[W, C]`, on any thread.
    pub fn picture(
        &self,
        input: &str,
        shape: [usize; 4],
        fill: impl Fn(usize, usize, &mut [f32]) + Sync + Send,
    ) -> Carried {
        let place = self.graph.inputs.iter().position(|i| i.name == input);
        let frame = place.map_or([0; 2], |place| self.input_frames[place]);
        Carried(Value::picture(shape, frame, &self.pool, fill))
    }

    /// Runs the network once, and gives each step with the seconds that it took: `name (operator) -> shape`.
    ///
    /// # Errors
    /// Those of [`Session::run`].
    pub fn profile(&self, inputs: &[(&str, Tensor)]) -> Result<Vec<(String, f64)>> {
        let inputs = inputs.iter().map(|(name, tensor)| (*name, Carried::from(tensor.clone()))).collect();
        let (mut steps, mut last) = (Vec::new(), Instant::now());
        self.run_with(inputs, |step, results| {
            let shape = results.first().map(Value::shape);
            steps
                .push((format!("{} -> {shape:?}", step.describe(&self.graph)), last.elapsed().as_secs_f64()));
            last = Instant::now();
        })?;
        Ok(steps)
    }

    fn run_with(
        &self,
        inputs: Vec<(&str, Carried)>,
        mut after: impl FnMut(&Step, &[Value]),
    ) -> Result<Vec<Carried>> {
        let given = self.bind(inputs)?;
        let mut values = self.template.clone();
        for (place, value) in self.inputs.iter().zip(given) {
            values[*place] = Some(widened(value));
        }
        for step in &self.steps {
            let mut operands: Vec<Option<Value>> = Vec::with_capacity(step.inputs.len());
            for (i, place) in step.inputs.iter().enumerate() {
                operands.push(place.and_then(|p| {
                    // The last use hands the memory over, so that an operator may work in place.
                    let last = step.free.contains(&p) && !step.inputs[i + 1..].contains(&Some(p));
                    if last { values[p].take() } else { values[p].clone() }
                }));
            }
            let results = step.step.run(&self.graph, operands, &self.pool)?;
            after(&step.step, &results);
            for (place, result) in step.outputs.iter().zip(results) {
                if let Some(p) = place {
                    values[*p] = Some(widened(result));
                }
            }
            for p in &step.free {
                if let Some(value) = values[*p].take() {
                    value.recycle(&self.pool);
                }
            }
        }
        let outputs = self.outputs.iter().zip(&self.graph.outputs).zip(&self.output_types);
        outputs
            .map(|((place, output), dtype)| match values[*place].clone() {
                Some(v) if *dtype == DType::F16 => Ok(v.into_row(&self.pool).to_f16().into()),
                Some(v) => Ok(Carried(v)),
                None => Err(Error::Graph { reason: format!("output {:?} was not computed", output.name) }),
            })
            .collect()
    }

    /// The inputs in the order of the graph, checked.
    fn bind(&self, inputs: Vec<(&str, Carried)>) -> Result<Vec<Value>> {
        let wrong = |name: &str, reason: String| Error::Input { name: name.to_owned(), reason };
        let mut symbols: HashMap<&str, usize> = HashMap::new();
        for (i, (name, _)) in inputs.iter().enumerate() {
            if !self.graph.inputs.iter().any(|input| input.name == *name) {
                let known: Vec<&str> = self.graph.inputs.iter().map(|i| i.name.as_str()).collect();
                return Err(wrong(name, format!("not an input of the network; expected {known:?}")));
            }
            if inputs[..i].iter().any(|(other, _)| other == name) {
                return Err(wrong(name, "given twice".into()));
            }
        }
        let mut given = Vec::with_capacity(self.graph.inputs.len());
        for (input, dtype) in self.graph.inputs.iter().zip(&self.input_types) {
            let Some((_, Carried(value))) = inputs.iter().find(|(name, _)| *name == input.name) else {
                return Err(wrong(&input.name, "not given".into()));
            };
            if value.dtype() != *dtype {
                return Err(wrong(&input.name, format!("{:?}; expected {dtype:?}", value.dtype())));
            }
            if let Some(dims) = &input.shape {
                let shape = value.shape();
                let fits = dims.len() == shape.len()
                    && dims.iter().zip(&shape).all(|(dim, size)| match dim {
                        Dim::Known(n) => n == size,
                        Dim::Symbol(s) => *symbols.entry(s).or_insert(*size) == *size,
                        Dim::Unknown => true,
                    });
                if !fits {
                    return Err(wrong(&input.name, format!("shape {shape:?}; expected {}", shown(dims))));
                }
            }
            given.push(value.clone());
        }
        Ok(given)
    }
}

/// 32-bit floats for 16-bit ones.
fn widened(value: Value) -> Value {
    match value {
        Value::Row(tensor) if tensor.dtype() == DType::F16 => Value::Row(tensor.to_f32()),
        value => value,
    }
}

/// A shape as a reader of messages wants it: `[N, 3, ?, ?]`.
fn shown(dims: &[Dim]) -> String {
    let dims: Vec<String> = dims
        .iter()
        .map(|d| match d {
            Dim::Known(n) => n.to_string(),
            Dim::Symbol(s) => s.clone(),
            Dim::Unknown => "?".into(),
        })
        .collect();
    format!("[{}]", dims.join(", "))
}

/// Checks that values are made once and before they are used, and that nodes have the operands that operators take.
pub fn validate(graph: &Graph) -> Result<()> {
    let named =
        |value: ValueId| graph.names.get(&value).cloned().unwrap_or_else(|| format!("value {}", value.0));
    let wrong = |reason: String| Err(Error::Graph { reason });
    let mut made: BTreeMap<ValueId, &str> = BTreeMap::new();
    for value in graph.constants.keys() {
        made.insert(*value, "a constant");
    }
    let mut names = BTreeSet::new();
    for input in &graph.inputs {
        if !names.insert(input.name.as_str()) {
            return wrong(format!("two inputs are named {:?}", input.name));
        }
        if made.insert(input.value, &input.name).is_some() {
            return wrong(format!("input {:?} is made twice", input.name));
        }
    }
    for node in &graph.nodes {
        let refused = |reason: String| {
            Err(Error::Node { node: node.name.clone(), op: node.op.name().to_owned(), reason })
        };
        let arity = node.op.arity();
        let given = node.inputs.iter().take(arity.needed).filter(|i| i.is_some()).count();
        if given < arity.needed {
            return refused(format!("{given} of {} needed operands are given", arity.needed));
        }
        if node.inputs.len() > arity.inputs {
            return refused(format!("{} operands; expected {} at most", node.inputs.len(), arity.inputs));
        }
        if node.outputs.is_empty() || node.outputs.len() > arity.outputs {
            return refused(format!("{} results; expected 1 to {}", node.outputs.len(), arity.outputs));
        }
        for value in node.inputs.iter().flatten() {
            if !made.contains_key(value) {
                return refused(format!("operand {:?} is not made before it is used", named(*value)));
            }
        }
        for value in node.outputs.iter().flatten() {
            if made.insert(*value, &node.name).is_some() {
                return refused(format!("result {:?} is made already", named(*value)));
            }
        }
    }
    let mut names = BTreeSet::new();
    for output in &graph.outputs {
        if !made.contains_key(&output.value) {
            return wrong(format!("output {:?} is made by no node", output.name));
        }
        if !names.insert(output.name.as_str()) {
            return wrong(format!("two outputs are named {:?}", output.name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BinaryOp, Op, Padding, UnaryOp};

    fn small() -> Graph {
        let mut g = Graph::new("small");
        let x = g.input(
            "x",
            DType::F32,
            vec![Dim::Symbol("N".into()), Dim::Known(1), Dim::Symbol("H".into()), Dim::Unknown],
        );
        let w = g.parameter("w", Tensor::from_f32(&[1, 1, 1, 2], vec![1., -1.]).unwrap());
        let conv = Op::Conv {
            strides: vec![1, 1],
            dilations: vec![1, 1],
            padding: Padding::Explicit(vec![0, 0, 0, 1]),
            groups: 1,
        };
        let y = g.push("conv", conv, &[x, w]);
        let y = g.push("relu", Op::Unary(UnaryOp::Relu), &[y]);
        let y = g.push("add", Op::Binary(BinaryOp::Add), &[y, x]);
        g.output("y", y);
        g
    }

    #[test]
    fn a_small_network_gives_what_a_hand_computes() {
        let session = Session::new(small()).unwrap();
        let x = Tensor::from_f32(&[1, 1, 2, 3], vec![1., 4., 2., 5., 3., 3.]).unwrap();
        let y = session.run(&[("x", x)]).unwrap();
        // Differences with the right neighbour, positive ones kept, plus the input itself.
        assert_eq!(y[0].as_f32().unwrap(), [1., 6., 4., 7., 3., 6.]);
    }

    #[test]
    fn what_is_wrong_with_an_input_is_said_by_its_name() {
        let session = Session::new(small()).unwrap();
        let x = Tensor::from_f32(&[1, 1, 2, 3], vec![0.; 6]).unwrap();
        let message = |inputs: &[(&str, Tensor)]| session.run(inputs).unwrap_err().to_string();
        assert!(message(&[]).contains("\"x\": not given"));
        assert!(message(&[("z", x.clone())]).contains("\"z\": not an input"));
        assert!(message(&[("x", Tensor::from_i64s(vec![1]))]).contains("expected F32"));
        assert!(message(&[("x", Tensor::scalar(1.))]).contains("expected [N, 1, H, ?]"));
        assert!(message(&[("x", x.clone()), ("x", x)]).contains("given twice"));
    }

    #[test]
    fn a_value_that_is_used_before_it_is_made_is_named() {
        let mut g = small();
        g.nodes.swap(0, 1);
        let message = Session::new(g).unwrap_err().to_string();
        assert!(message.contains("\"relu\"") && message.contains("before it is used"), "{message}");
    }

    #[test]
    fn a_session_takes_what_another_one_gives_as_it_lies() {
        let first = Session::new(small()).unwrap();
        let second = Session::beside(small(), &first).unwrap();
        let x = Tensor::from_f32(&[1, 1, 2, 3], vec![1., 4., 2., 5., 3., 3.]).unwrap();
        let expected = second.run(&[("x", first.run(&[("x", x.clone())]).unwrap().remove(0))]).unwrap();
        let picture = first.picture("x", [1, 1, 2, 3], |_, y, row| {
            row.copy_from_slice(&x.as_f32().unwrap()[y * 3..][..3]);
        });
        assert_eq!(picture.shape(), [1, 1, 2, 3]);
        let between = first.run_carried(vec![("x", picture)]).unwrap().remove(0);
        let last = second.run_carried(vec![("x", between)]).unwrap().remove(0).into_tensor();
        assert_eq!(last.as_f32().unwrap(), expected[0].as_f32().unwrap());
        let wrong = first.picture("x", [1, 2, 1, 1], |_, _, row| row.fill(0.0));
        let message = first.run_carried(vec![("x", wrong)]).unwrap_err().to_string();
        assert!(message.contains("shape [1, 2, 1, 1]; expected [N, 1, H, ?]"), "{message}");
    }

    #[test]
    fn one_session_serves_all_threads() {
        let session = Session::new(small()).unwrap();
        let x = Tensor::from_f32(&[1, 1, 1, 3], vec![3., 2., 5.]).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    assert_eq!(session.run(&[("x", x.clone())]).unwrap()[0].as_f32().unwrap(), [4., 2., 10.])
                });
            }
        });
        assert_eq!(x.as_f32().unwrap(), [3., 2., 5.], "an input stays as it is");
    }
}
