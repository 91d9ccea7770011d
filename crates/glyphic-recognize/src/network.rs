//! Networks as the engine runs them: one that gives all scores at once, or an encoder and a step that is repeated.

#[cfg(feature = "train")]
use burn::tensor::{Device, Tensor, TensorData};
use glyphic_graph::{Graph, Session, Tensor as Value};

use crate::{Error, Result};
#[cfg(feature = "train")]
use crate::{Width, input::valid_steps};
use glyphic_codec::{Refine, StepOptions, StepSearch, argmax, softmax};

/// What a network gave for some crops: rows of scores for each.
pub(crate) struct Outputs {
    values: Vec<f32>,
    /// Where each crop's values end.
    ends: Vec<usize>,
    /// Numbers in a row.
    columns: usize,
}

impl Outputs {
    /// Of each crop its numbers, row by row.
    pub(crate) fn crop(&self, crop: usize) -> &[f32] {
        let start = if crop == 0 { 0 } else { self.ends[crop - 1] };
        &self.values[start..self.ends[crop]]
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }
}

/// What a burn module does: crops `[N, channels, height, W]` -> scores `[N, rows, columns]`.
#[cfg(feature = "train")]
pub type Forward = dyn Fn(Tensor<4>) -> Tensor<3> + Send + Sync;

/// A network as a burn module, on any device.
#[cfg(feature = "train")]
pub enum DeviceNetwork {
    /// All scores at once.
    Whole(Box<Forward>),
    /// Class by class.
    Steps(Box<dyn Stepwise>),
}

/// What a network knows of crops before it writes: everything is `[N, .., ..]`.
#[cfg(feature = "train")]
#[derive(Debug, Clone)]
pub struct Encoded {
    /// What every step reads.
    pub memory: Vec<Tensor<3>>,
    /// The state before the first step.
    pub state: Vec<Tensor<3>>,
}

/// A network that writes class by class, as two functions without a loop.
#[cfg(feature = "train")]
pub trait Stepwise: Send + Sync {
    /// Crops `[N, channels, height, W]`, of whose feature columns the first `valid` `[N, 1]` hold content.
    fn encode(&self, image: Tensor<4>, valid: Tensor<2>) -> Encoded;

    /// One class: the logits `[N, classes]` and the state behind it. `token` `[N, 1]` is the class before, `position` `[1]`
    /// the number of classes written so far.
    fn step(
        &self,
        memory: &[Tensor<3>],
        state: Vec<Tensor<3>>,
        token: Tensor<2>,
        position: Tensor<1>,
    ) -> (Tensor<2>, Vec<Tensor<3>>);

    /// All positions once more: `tokens` `[N, T]`, the class before each, of which those from the first end on do not count, to
    /// logits `[N, T, classes]`; `None` for a network that writes alone.
    fn refine(&self, _memory: &[Tensor<3>], _tokens: Tensor<2>) -> Option<Tensor<3>> {
        None
    }
}

/// The columns of each crop's features that hold content, `[N, 1]`; `stride` is that of [`StepOptions`].
#[cfg(feature = "train")]
pub(crate) fn valid_columns(stride: u32, widths: &[Width], device: &Device) -> Tensor<2> {
    let columns = |width: &Width| width.padded.div_ceil(stride) as usize;
    let valid = |width: &Width| valid_steps(columns(width), width.ratio()) as f32;
    let valid: Vec<f32> = widths.iter().map(valid).collect();
    Tensor::from_data(TensorData::new(valid, [widths.len(), 1]), device)
}

/// A network that gives all scores at once.
pub(crate) enum WholeNetwork {
    /// On the processor; its graph has the input `image` and the output `logits`.
    Graph(Box<Session>),
    /// On any other device.
    #[cfg(feature = "train")]
    Device(Box<Forward>, Device),
}

impl WholeNetwork {
    pub(crate) fn from_graph(graph: &Graph) -> Result<Self> {
        Ok(Self::Graph(Box::new(Session::new(graph.cut(&["image"], &["logits"])?)?)))
    }

    pub(crate) fn run(&self, input: Vec<f32>, shape: [usize; 4]) -> Result<Outputs> {
        let (values, found) = match self {
            Self::Graph(session) => {
                let input = Value::from_f32(&shape, input)?;
                let scores = session.run(&[("image", input)])?.pop();
                let found = scores.as_ref().map_or(Vec::new(), |scores| scores.shape().to_vec());
                (scores.and_then(Value::into_f32).unwrap_or_default(), found)
            }
            #[cfg(feature = "train")]
            Self::Device(forward, device) => {
                let scores = forward(Tensor::from_data(TensorData::new(input, shape), device));
                let found = scores.dims().to_vec();
                (read_back(scores)?, found)
            }
        };
        match found[..] {
            [batch, rows, columns] if batch == shape[0] => {
                let ends = (1..=batch).map(|n| n * rows * columns).collect();
                Ok(Outputs { values, ends, columns })
            }
            _ => Err(Error::Scores { shape: found, classes: 0 }),
        }
    }
}

/// The numbers of a tensor.
#[cfg(feature = "train")]
fn read_back<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let error = |reason: String| Error::Device { reason };
    let data = tensor.try_into_data().map_err(|e| error(e.to_string()))?;
    data.try_into_vec().map_err(|e| error(e.to_string()))
}

/// Names of the values that an encoder gives and a step takes: `memory_0`, ...
pub(crate) fn numbered(what: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{what}_{i}")).collect()
}

/// A network that writes class by class.
pub(crate) enum StepNetwork {
    /// On the processor.
    Graph(Box<StepGraphs>),
    /// On any other device.
    #[cfg(feature = "train")]
    Device(Box<dyn Stepwise>, Device),
}

/// An encoder and a step.
pub(crate) struct StepGraphs {
    encoder: Session,
    step: Session,
    refine: Option<Session>,
    memory: Vec<String>,
    state: Vec<String>,
}

impl StepNetwork {
    /// The network of a graph in which [`capture_steps`] put encoder and step one behind the other.
    pub(crate) fn from_graph(graph: &Graph) -> Result<Self> {
        let mut found = parts(graph)?.into_iter().map(|(_, part)| part);
        let (Some(encoder), Some(step)) = (found.next(), found.next()) else {
            unreachable!("a network of steps has two parts at least")
        };
        let refine = found.next().map(Session::new).transpose()?;
        let count = |prefix: &str| encoder.outputs.iter().filter(|o| o.name.starts_with(prefix)).count();
        let (memory, state) = (numbered("memory", count("memory_")), numbered("state", count("initial_")));
        let (encoder, step) = (Session::new(encoder)?, Session::new(step)?);
        Ok(Self::Graph(Box::new(StepGraphs { encoder, step, refine, memory, state })))
    }

    fn encode(&self, input: Vec<f32>, shape: [usize; 4], valid: &[usize]) -> Result<[Rows; 2]> {
        let valid: Vec<f32> = valid.iter().map(|v| *v as f32).collect();
        match self {
            Self::Graph(graphs) => {
                let image = Value::from_f32(&shape, input)?;
                let valid = Value::from_f32(&[shape[0], 1], valid)?;
                let mut memory = graphs.encoder.run(&[("image", image), ("valid", valid)])?;
                let state = memory.split_off(graphs.memory.len());
                Ok([Rows::Values(memory), Rows::Values(state)])
            }
            #[cfg(feature = "train")]
            Self::Device(network, device) => {
                let image = Tensor::from_data(TensorData::new(input, shape), device);
                let valid = Tensor::from_data(TensorData::new(valid, [shape[0], 1]), device);
                let Encoded { memory, state } = network.encode(image, valid);
                Ok([Rows::Tensors(memory), Rows::Tensors(state)])
            }
        }
    }

    /// Logits, row by row, and the state behind the step.
    fn step(
        &self,
        memory: &Rows,
        state: Rows,
        tokens: &[usize],
        position: usize,
    ) -> Result<(Vec<f32>, Rows)> {
        let tokens: Vec<f32> = tokens.iter().map(|t| *t as f32).collect();
        match (self, memory, state) {
            (Self::Graph(graphs), Rows::Values(memory), Rows::Values(state)) => {
                let mut inputs: Vec<(&str, Value)> = Vec::with_capacity(2 + memory.len() + state.len());
                inputs.push(("token", Value::from_f32(&[tokens.len(), 1], tokens)?));
                inputs.push(("position", Value::from_f32(&[1], vec![position as f32])?));
                let names = graphs.memory.iter().map(String::as_str);
                inputs.extend(names.zip(memory.iter().cloned()));
                inputs.extend(graphs.state.iter().map(String::as_str).zip(state));
                let mut outputs = graphs.step.run(&inputs)?;
                let state = outputs.split_off(1);
                let logits = outputs.pop().and_then(Value::into_f32).unwrap_or_default();
                Ok((logits, Rows::Values(state)))
            }
            #[cfg(feature = "train")]
            (Self::Device(network, device), Rows::Tensors(memory), Rows::Tensors(state)) => {
                let token = TensorData::new(tokens.clone(), [tokens.len(), 1]);
                let position = Tensor::from_floats([position as f32], device);
                let (logits, state) = network.step(memory, state, Tensor::from_data(token, device), position);
                Ok((read_back(logits)?, Rows::Tensors(state)))
            }
            #[cfg(feature = "train")]
            _ => unreachable!("rows are made by the network that takes them"),
        }
    }

    /// Logits of all positions, row by row and crop by crop, of the classes before each of them, `[crops][positions]`.
    ///
    /// # Errors
    /// [`Error::Part`] for a graph without that part.
    fn refine(&self, memory: &Rows, tokens: &[Vec<usize>]) -> Result<Vec<f32>> {
        let shape = [tokens.len(), tokens.first().map_or(0, Vec::len)];
        let tokens: Vec<f32> = tokens.iter().flatten().map(|token| *token as f32).collect();
        match (self, memory) {
            (Self::Graph(graphs), Rows::Values(memory)) => {
                let session = graphs.refine.as_ref().ok_or(Error::Part { part: "refine" })?;
                let names = graphs.memory.iter().map(String::as_str);
                let mut inputs: Vec<(&str, Value)> = names.zip(memory.iter().cloned()).collect();
                inputs.push(("tokens", Value::from_f32(&shape, tokens)?));
                let logits = session.run(&inputs)?.pop();
                Ok(logits.and_then(Value::into_f32).unwrap_or_default())
            }
            #[cfg(feature = "train")]
            (Self::Device(network, device), Rows::Tensors(memory)) => {
                let tokens = Tensor::from_data(TensorData::new(tokens, shape), device);
                let logits = network.refine(memory, tokens).ok_or(Error::Part { part: "refine" })?;
                read_back(logits)
            }
            #[cfg(feature = "train")]
            _ => unreachable!("rows are made by the network that takes them"),
        }
    }

    /// Probabilities `[limit, classes]` of each crop, all of whose positions are read at once, and the number of classes. `before`
    /// are the classes read so far.
    fn refined(
        &self,
        memory: &Rows,
        before: &[Vec<usize>],
        options: &StepOptions,
    ) -> Result<(Vec<Vec<f32>>, usize)> {
        let end = options.end.unwrap_or(options.start);
        let tokens = |read: &Vec<usize>| {
            let mut tokens: Vec<usize> = std::iter::once(options.start).chain(read.iter().copied()).collect();
            tokens.resize(options.limit, end);
            tokens
        };
        let tokens: Vec<Vec<usize>> = before.iter().map(tokens).collect();
        let logits = self.refine(memory, &tokens)?;
        let rows = tokens.len() * options.limit;
        if rows == 0 || logits.is_empty() || !logits.len().is_multiple_of(rows) {
            return Err(Error::Scores { shape: vec![tokens.len(), options.limit, 0], classes: 0 });
        }
        let classes = logits.len() / rows;
        let crops = logits.chunks_exact(options.limit * classes);
        Ok((crops.map(|crop| crop.chunks_exact(classes).flat_map(softmax).collect()).collect(), classes))
    }

    /// Reads the crops of one batch: probabilities `[steps, classes]` of each.
    pub(crate) fn run(
        &self,
        input: Vec<f32>,
        shape: [usize; 4],
        valid: &[usize],
        options: &StepOptions,
    ) -> Result<Outputs> {
        let crops = shape[0];
        let [all, state] = self.encode(input, shape, valid)?;
        let refine = options.refine.unwrap_or(Refine { iterations: 0, parallel: false });
        let (mut rows, mut columns) = match refine.parallel {
            true => self.refined(&all, &vec![Vec::new(); crops], options)?,
            false => self.write(&all, state, crops, options)?,
        };
        for _ in 0..refine.iterations {
            let read: Vec<Vec<usize>> =
                rows.iter().map(|rows| rows.chunks_exact(columns).map(argmax).collect()).collect();
            let (again, classes) = self.refined(&all, &read, options)?;
            // As many positions as were read, so that a crop's neighbours do not matter.
            let cut = |(mut rows, read): (Vec<f32>, &Vec<usize>)| {
                rows.truncate(read.len() * classes);
                rows
            };
            rows = again.into_iter().zip(&read).map(cut).collect();
            columns = classes;
        }
        let ends = rows.iter().scan(0, |end, row| {
            *end += row.len();
            Some(*end)
        });
        Ok(Outputs { ends: ends.collect(), values: rows.concat(), columns })
    }

    /// Writes class by class: probabilities `[steps, classes]` of each crop, and the number of classes.
    fn write(
        &self,
        all: &Rows,
        mut state: Rows,
        crops: usize,
        options: &StepOptions,
    ) -> Result<(Vec<Vec<f32>>, usize)> {
        let mut memory = all.clone();
        let mut search = StepSearch::new(options, crops);
        for position in 0..options.limit {
            let (logits, after) = self.step(&memory, state, search.tokens(), position)?;
            let next = search.advance(&logits)?;
            if search.is_over() {
                break;
            }
            state = match next {
                Some(rows) => {
                    memory = all.select(&search.crops())?;
                    after.select(&rows)?
                }
                None => after,
            };
        }
        Ok(search.finish())
    }
}

/// Writes crops `[N, channels, height, W]`, of whose feature columns the first `valid` hold content, with a burn module:
/// of each crop probabilities `[steps, classes]`, row by row, and the number of classes.
///
/// # Errors
/// [`Error::Device`] where the device does not give a result back.
#[cfg(feature = "train")]
pub fn write(
    network: impl Stepwise + 'static,
    image: Tensor<4>,
    valid: &[usize],
    options: &StepOptions,
) -> Result<Vec<(Vec<f32>, usize)>> {
    let (shape, device) = (image.dims(), image.device());
    let network = StepNetwork::Device(Box::new(network), device);
    let outputs = network.run(read_back(image)?, shape, valid, options)?;
    Ok((0..shape[0]).map(|n| (outputs.crop(n).to_vec(), outputs.columns())).collect())
}

/// Tensors whose first axis is that of the texts that are written.
#[derive(Clone)]
enum Rows {
    Values(Vec<Value>),
    #[cfg(feature = "train")]
    Tensors(Vec<Tensor<3>>),
}

impl Rows {
    /// These rows of each tensor.
    fn select(&self, rows: &[usize]) -> Result<Self> {
        Ok(match self {
            Self::Values(values) => Self::Values(
                values
                    .iter()
                    .map(|value| {
                        let mut shape = value.shape().to_vec();
                        let numbers = value.as_f32().unwrap_or_default();
                        let row = numbers.len() / shape[0].max(1);
                        shape[0] = rows.len();
                        let picked = rows.iter().flat_map(|r| &numbers[r * row..(r + 1) * row]);
                        Value::from_f32(&shape, picked.copied().collect())
                    })
                    .collect::<Result<_, glyphic_graph::LengthError>>()?,
            ),
            #[cfg(feature = "train")]
            Self::Tensors(tensors) => {
                let indices: Vec<i64> = rows.iter().map(|r| *r as i64).collect();
                let pick = |tensor: &Tensor<3>| {
                    let indices = TensorData::new(indices.clone(), [indices.len()]);
                    tensor.clone().select(0, Tensor::from_data(indices, &tensor.device()))
                };
                Self::Tensors(tensors.iter().map(pick).collect())
            }
        })
    }
}

/// Encoder, step and, where there is one, refinement of a graph that holds them, with their names.
///
/// # Errors
/// [`Error::Graph`] for the graph of another network.
pub(crate) fn parts(graph: &Graph) -> Result<Vec<(&'static str, Graph)>> {
    let count = |prefix: &str| graph.outputs.iter().filter(|o| o.name.starts_with(prefix)).count();
    let memory = numbered("memory", count("memory_"));
    let states = count("initial_");
    let (state, initial, next) =
        (numbered("state", states), numbered("initial", states), numbered("next", states));
    fn names<'a>(first: &[&'a str], lists: &[&'a [String]]) -> Vec<&'a str> {
        first.iter().copied().chain(lists.iter().flat_map(|list| list.iter().map(String::as_str))).collect()
    }
    let encoder = graph.cut(&["image", "valid"], &names(&[], &[&memory, &initial]))?;
    let step =
        graph.cut(&names(&["token", "position"], &[&memory, &state]), &names(&["logits"], &[&next]))?;
    let mut parts = vec![("encoder", encoder), ("step", step)];
    if graph.outputs.iter().any(|output| output.name == "refined") {
        parts.push(("refine", graph.cut(&names(&["tokens"], &[&memory]), &["refined"])?));
    }
    Ok(parts)
}

#[cfg(feature = "train")]
mod record {
    use burn::module::Module;
    use glyphic_graph::Graph;
    use glyphic_nn::capture::{Axis, capture};

    use super::{Encoded, Stepwise, numbered};

    /// The axes of what an encoder gives and a step takes.
    #[derive(Debug, Clone)]
    pub(crate) struct StepAxes {
        /// Of the picture.
        pub(crate) image: [Axis; 4],
        /// Of each tensor of the memory.
        pub(crate) memory: Vec<[Axis; 3]>,
        /// Of each tensor of the state.
        pub(crate) state: Vec<[Axis; 3]>,
        /// Positions that are read once more, for a network that does.
        pub(crate) refined: Option<usize>,
    }

    /// A network that writes class by class as one graph: the encoder with the inputs `image` and `valid` and the outputs
    /// `memory_*` and `initial_*` (the state before the first step), and behind it one step with the inputs `token`,
    /// `position` and `state_*` and the outputs `logits` and `next_*`. A network that reads once more what it wrote has that
    /// behind it, from `memory_*` and `tokens` to `refined`.
    ///
    /// # Errors
    /// Those of [`capture`].
    pub(crate) fn capture_steps<M: Module + Stepwise>(
        name: &str,
        network: &M,
        axes: &StepAxes,
    ) -> glyphic_nn::Result<Graph> {
        let (memory, states) = (numbered("memory", axes.memory.len()), axes.state.len());
        let mut graph = capture(name, network, |network, tape| {
            let image = tape.input("image", axes.image);
            let valid = tape.input("valid", [Axis::BATCH, Axis::Fixed(1)]);
            let Encoded { memory: found, state } = network.encode(image, valid);
            for (name, tensor) in memory.iter().zip(found) {
                tape.output(name, tensor);
            }
            for (name, tensor) in numbered("initial", states).iter().zip(state) {
                tape.output(name, tensor);
            }
        })?;
        let step = capture(name, network, |network, tape| {
            let token = tape.input("token", [Axis::BATCH, Axis::Fixed(1)]);
            let position = tape.input("position", [Axis::Fixed(1)]);
            let mut inputs = |names: &[String], axes: &[[Axis; 3]]| -> Vec<_> {
                names.iter().zip(axes).map(|(name, axes)| tape.input(name, *axes)).collect()
            };
            let held = inputs(&memory, &axes.memory);
            let state = inputs(&numbered("state", states), &axes.state);
            let (logits, next) = network.step(&held, state, token, position);
            tape.output("logits", logits);
            for (name, tensor) in numbered("next", states).iter().zip(next) {
                tape.output(name, tensor);
            }
        })?;
        graph.append(&step);
        if let Some(positions) = axes.refined {
            let refine = capture(name, network, |network, tape| {
                let held: Vec<_> =
                    memory.iter().zip(&axes.memory).map(|(name, axes)| tape.input(name, *axes)).collect();
                let tokens = tape.input("tokens", [Axis::BATCH, Axis::Fixed(positions)]);
                if let Some(logits) = network.refine(&held, tokens) {
                    tape.output("refined", logits);
                }
            })?;
            graph.append(&refine);
        }
        Ok(graph)
    }
}

#[cfg(feature = "train")]
pub(crate) use record::{StepAxes, capture_steps};
