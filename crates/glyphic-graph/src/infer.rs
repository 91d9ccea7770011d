//! Types and shapes of a graph's values.

use std::collections::{BTreeMap, HashMap};

use glyphic_ops::{Args, OpResult, Reason, axes, axis, conv, ensure, movement, reduce, window};

use crate::{
    BinaryOp, DType, Dim, Error, Graph, LogicalOp, Node, Op, Padding, Result, RnnDirection, Tensor, UnaryOp,
    ValueId,
};

/// What is known of a value before a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// Type of the elements.
    pub dtype: DType,
    /// Sizes of the axes; `None` where not even the rank is known.
    pub shape: Option<Vec<Dim>>,
    /// The elements, where they are few and follow from constants and shapes.
    pub value: Option<Tensor>,
    /// The elements of a list of sizes of which not all are known.
    sizes: Option<Vec<Dim>>,
}

impl Fact {
    fn new(dtype: DType, shape: Option<Vec<Dim>>) -> Self {
        Self { dtype, shape, value: None, sizes: None }
    }

    /// The shape, where all its sizes are known.
    pub fn known_shape(&self) -> Option<Vec<usize>> {
        self.shape.as_ref()?.iter().map(size).collect()
    }

    fn ints(&self) -> Option<Vec<i64>> {
        self.value.as_ref().and_then(Tensor::to_i64s)
    }

    /// The elements as sizes, of which some may be unknown.
    fn sizes(&self) -> Option<Vec<Dim>> {
        if let Some(ints) = self.ints() {
            return Some(ints.iter().map(|i| usize::try_from(*i).map_or(Dim::Unknown, Dim::Known)).collect());
        }
        self.sizes.clone()
    }

    fn rank(&self) -> Option<usize> {
        self.shape.as_ref().map(Vec::len)
    }
}

fn size(dim: &Dim) -> Option<usize> {
    match dim {
        Dim::Known(n) => Some(*n),
        _ => None,
    }
}

/// Most elements of a value that is computed before a run.
const SMALL: usize = 256;

/// Types and shapes of all values. Sizes that are equal to an input's have its symbol.
///
/// # Errors
/// [`Error::Node`] where known shapes or types do not fit an operator.
pub fn infer(graph: &Graph) -> Result<BTreeMap<ValueId, Fact>> {
    infer_sized(graph, &HashMap::new())
}

/// [`infer`] where inputs have these shapes.
///
/// # Errors
/// Those of [`infer`].
pub fn infer_sized(graph: &Graph, sized: &HashMap<ValueId, Vec<usize>>) -> Result<BTreeMap<ValueId, Fact>> {
    let mut facts: BTreeMap<ValueId, Fact> = BTreeMap::new();
    for (value, tensor) in &graph.constants {
        let shape = tensor.shape().iter().map(|s| Dim::Known(*s)).collect();
        let mut fact = Fact::new(tensor.dtype(), Some(shape));
        fact.value = (tensor.len() <= SMALL).then(|| tensor.clone());
        facts.insert(*value, fact);
    }
    for input in &graph.inputs {
        let shape = match sized.get(&input.value) {
            Some(sizes) => Some(sizes.iter().map(|s| Dim::Known(*s)).collect()),
            None => input.shape.clone(),
        };
        facts.insert(input.value, Fact::new(input.dtype, shape));
    }
    for node in &graph.nodes {
        let inputs: Vec<Option<&Fact>> = node.inputs.iter().map(|i| i.and_then(|i| facts.get(&i))).collect();
        let results = node_facts(node, &inputs).map_err(|r| Error::Node {
            node: node.name.clone(),
            op: node.op.name().to_owned(),
            reason: r.0,
        })?;
        for (value, fact) in node.outputs.iter().zip(results) {
            if let Some(value) = value {
                facts.insert(*value, fact);
            }
        }
    }
    Ok(facts)
}

fn node_facts(node: &Node, inputs: &[Option<&Fact>]) -> OpResult<Vec<Fact>> {
    // What follows from few constants is computed, whatever the operator is.
    let values: Option<Vec<Option<Tensor>>> = node
        .inputs
        .iter()
        .zip(inputs)
        .map(|(named, fact)| match (named, fact) {
            (None, _) => Some(None),
            (Some(_), fact) => fact.and_then(|f| f.value.clone()).map(Some),
        })
        .collect();
    let half = inputs.iter().flatten().any(|f| f.dtype == DType::F16);
    let mut facts = rule(node, inputs)?;
    if let Op::Shape { start, end } = node.op
        && let Some(shape) = inputs.first().copied().flatten().and_then(|f| f.shape.as_ref())
    {
        let dims = &shape[movement::shape_range(shape.len(), start, end)];
        match dims.iter().map(size).collect::<Option<Vec<usize>>>() {
            Some(sizes) => {
                facts[0].value = Some(Tensor::from_i64s(sizes.iter().map(|s| *s as i64).collect()))
            }
            None => facts[0].sizes = Some(dims.to_vec()),
        }
        return Ok(facts);
    }
    let count = |f: &Fact| f.known_shape().and_then(|s| s.iter().try_fold(1usize, |n, d| n.checked_mul(*d)));
    let small = facts.iter().all(|f| count(f).is_some_and(|n| n <= SMALL));
    if let (Some(values), true, false) = (values, small, half)
        && let Ok(results) = node.run(values)
    {
        for (fact, result) in facts.iter_mut().zip(results) {
            fact.value = Some(result);
        }
        return Ok(facts);
    }
    if let Some(fact) = facts.first_mut() {
        fact.sizes = partial(node, inputs);
    }
    Ok(facts)
}

/// Lists of sizes go through the operators that exporters build shapes with.
fn partial(node: &Node, inputs: &[Option<&Fact>]) -> Option<Vec<Dim>> {
    let list = |i: usize| inputs.get(i).copied().flatten()?.sizes();
    let ints = |i: usize| inputs.get(i).copied().flatten()?.ints();
    match &node.op {
        Op::Identity | Op::Squeeze | Op::Unsqueeze | Op::Reshape { .. } => list(0),
        Op::Cast { to: DType::I64 | DType::I32 } => list(0),
        Op::Gather { .. } => {
            let list = list(0)?;
            let n = list.len() as i64;
            ints(1)?
                .iter()
                .map(|i| list.get(usize::try_from(if *i < 0 { i + n } else { *i }).ok()?).cloned())
                .collect()
        }
        Op::Slice => {
            let list = list(0)?;
            let step =
                if inputs.get(4).copied().flatten().is_some() { ints(4)?.first().copied()? } else { 1 };
            let (start, end) = (*ints(1)?.first()?, *ints(2)?.first()?);
            let (first, step, count) = movement::slice_range(list.len(), start, end, step).ok()?;
            (0..count as i64).map(|i| list.get((first as i64 + i * step) as usize).cloned()).collect()
        }
        Op::Concat { .. } => {
            let mut all = Vec::new();
            for i in 0..inputs.len() {
                all.extend(list(i)?);
            }
            Some(all)
        }
        Op::Binary(BinaryOp::Mul | BinaryOp::Div) => {
            let (a, b) = (list(0)?, list(1)?);
            let one = |d: &[Dim]| d.iter().all(|d| *d == Dim::Known(1));
            if one(&b) && b.len() <= a.len() {
                Some(a)
            } else {
                Some(vec![Dim::Unknown; a.len().max(b.len())])
            }
        }
        Op::Binary(BinaryOp::Add | BinaryOp::Sub) => {
            let (a, b) = (list(0)?, list(1)?);
            let zero = b.len() <= a.len() && b.iter().all(|d| *d == Dim::Known(0));
            if zero { Some(a) } else { Some(vec![Dim::Unknown; a.len().max(b.len())]) }
        }
        _ => None,
    }
}

/// The size of two broadcast axes.
fn broadcast_dim(a: &Dim, b: &Dim) -> OpResult<Dim> {
    Ok(match (a, b) {
        (Dim::Known(1), d) | (d, Dim::Known(1)) => d.clone(),
        (Dim::Known(x), Dim::Known(y)) => {
            ensure!(x == y, "axes of {x} and {y} do not broadcast");
            Dim::Known(*x)
        }
        // What is not known must be this size, or 1.
        (Dim::Known(n), _) | (_, Dim::Known(n)) => Dim::Known(*n),
        (a, b) if a == b && *a != Dim::Unknown => a.clone(),
        _ => Dim::Unknown,
    })
}

fn broadcast(a: &[Dim], b: &[Dim]) -> OpResult<Vec<Dim>> {
    let rank = a.len().max(b.len());
    let one = Dim::Known(1);
    let at = |s: &[Dim], i: usize| (i + s.len()).checked_sub(rank).map_or(one.clone(), |i| s[i].clone());
    (0..rank).map(|i| broadcast_dim(&at(a, i), &at(b, i))).collect()
}

/// The product of sizes.
fn product(dims: &[Dim]) -> Dim {
    match dims {
        [] => Dim::Known(1),
        [one] => one.clone(),
        _ => {
            let others: Vec<&Dim> = dims.iter().filter(|d| **d != Dim::Known(1)).collect();
            match others[..] {
                [one] => one.clone(),
                _ => {
                    let sizes = dims.iter().map(size).try_fold(1usize, |n, s| n.checked_mul(s?));
                    sizes.map_or(Dim::Unknown, Dim::Known)
                }
            }
        }
    }
}

fn unknown(rank: usize) -> Vec<Dim> {
    vec![Dim::Unknown; rank]
}

/// The geometry of a window, axis by axis, where sizes are known.
fn slide(
    input: &[Dim],
    kernel: &[usize],
    strides: &[usize],
    dilations: &[usize],
    padding: &Padding,
    ceil: bool,
) -> OpResult<Vec<Dim>> {
    ensure!(kernel.len() == input.len(), "a kernel of {} axes on an input of {}", kernel.len(), input.len());
    let rank = input.len();
    let of = |v: &[usize], a: usize| v.get(a).copied().into_iter().collect::<Vec<usize>>();
    let mut out = Vec::with_capacity(rank);
    for (a, dim) in input.iter().enumerate() {
        let padding = match padding {
            Padding::Explicit(p) if p.len() == 2 * rank => Padding::Explicit(vec![p[a], p[rank + a]]),
            Padding::Explicit(p) => {
                ensure!(p.is_empty(), "{} pads; expected {}", p.len(), 2 * rank);
                Padding::Explicit(vec![])
            }
            other => other.clone(),
        };
        let (kernel, strides, dilations) = ([kernel[a]], of(strides, a), of(dilations, a));
        let output = |n: usize| -> OpResult<usize> {
            Ok(window::window(&[n], &kernel, &strides, &dilations, &padding, ceil)?[0].output)
        };
        out.push(match dim {
            Dim::Known(n) => Dim::Known(output(*n)?),
            Dim::Symbol(_) | Dim::Unknown => {
                // A window that keeps one large size keeps all.
                let probe = 1 << 16;
                if strides.first().is_none_or(|s| *s == 1) && output(probe)? == probe {
                    dim.clone()
                } else {
                    Dim::Unknown
                }
            }
        });
    }
    Ok(out)
}

/// The kernel's sizes, of a weight's shape.
fn kernel_of(fact: &Fact) -> Option<Vec<usize>> {
    fact.shape.as_ref()?.get(2..)?.iter().map(size).collect()
}

fn rule(node: &Node, inputs: &[Option<&Fact>]) -> OpResult<Vec<Fact>> {
    let get = |i: usize| -> OpResult<&Fact> {
        inputs.get(i).copied().flatten().ok_or_else(|| Reason(format!("operand {i} is missing")))
    };
    let given = |i: usize| inputs.get(i).copied().flatten();
    let ints = |i: usize| given(i).and_then(Fact::ints);
    let x = match node.op {
        Op::Range | Op::ConstantOfShape { .. } => None,
        _ => Some(get(0)?),
    };
    let dtype = x.map_or(DType::F32, |x| x.dtype);
    let shape = x.and_then(|x| x.shape.as_deref());
    // Weights of 16 bits take part as 32-bit floats where the other operand is one.
    let promoted = inputs.iter().flatten().map(|f| f.dtype).fold(dtype, |d, other| match (d, other) {
        (DType::F16, DType::F32) => DType::F32,
        (d, _) => d,
    });
    let one = |dtype: DType, shape: Option<Vec<Dim>>| Ok(vec![Fact::new(dtype, shape)]);
    let same = |dtype: DType| Ok(vec![Fact::new(dtype, shape.map(<[Dim]>::to_vec))]);
    let pair = |a: usize, b: usize| -> OpResult<Option<Vec<Dim>>> {
        match (&get(a)?.shape, &get(b)?.shape) {
            (Some(a), Some(b)) => broadcast(a, b).map(Some),
            _ => Ok(None),
        }
    };
    match &node.op {
        Op::Conv { strides, dilations, padding, groups }
        | Op::ConvInteger { strides, dilations, padding, groups } => {
            let w = get(1)?;
            let to = if matches!(node.op, Op::ConvInteger { .. }) { DType::I32 } else { promoted };
            let Some(shape) = shape else { return one(to, None) };
            ensure!(shape.len() >= 3, "an input of {} axes; expected [N, C, ...]", shape.len());
            let outputs = w.shape.as_ref().and_then(|s| s.first()).cloned().unwrap_or(Dim::Unknown);
            if let (Dim::Known(c), Some(Dim::Known(per))) =
                (&shape[1], w.shape.as_ref().and_then(|s| s.get(1)))
            {
                let fits = per.checked_mul(*groups) == Some(*c);
                ensure!(
                    fits,
                    "weights of {per} channels a group and {groups} groups on an input of {c} channels"
                );
            }
            let area = match kernel_of(w) {
                Some(kernel) => slide(&shape[2..], &kernel, strides, dilations, padding, false)?,
                None => unknown(shape.len() - 2),
            };
            one(to, Some([vec![shape[0].clone(), outputs], area].concat()))
        }
        Op::DeformConv { strides, dilations, padding, .. } => {
            let w = get(1)?;
            let Some(shape) = shape else { return one(promoted, None) };
            ensure!(shape.len() == 4, "an input of {} axes; expected [N, C, H, W]", shape.len());
            let outputs = w.shape.as_ref().and_then(|s| s.first()).cloned().unwrap_or(Dim::Unknown);
            let area = match kernel_of(w) {
                Some(kernel) => slide(&shape[2..], &kernel, strides, dilations, padding, false)?,
                None => unknown(2),
            };
            one(promoted, Some([vec![shape[0].clone(), outputs], area].concat()))
        }
        Op::ConvTranspose { strides, dilations, padding, output_padding, output_shape, groups } => {
            let w = get(1)?;
            let Some(shape) = shape else { return one(promoted, None) };
            ensure!(shape.len() >= 3, "an input of {} axes; expected [N, C, ...]", shape.len());
            let outputs = match w.shape.as_ref().and_then(|s| s.get(1)) {
                Some(Dim::Known(n)) => n.checked_mul(*groups).map_or(Dim::Unknown, Dim::Known),
                _ => Dim::Unknown,
            };
            let input: Option<Vec<usize>> = shape[2..].iter().map(size).collect();
            let t = conv::Transposed {
                strides,
                dilations,
                padding,
                output_padding,
                output_shape: output_shape.as_deref(),
            };
            let area = match (input, kernel_of(w)) {
                (Some(input), Some(kernel)) => {
                    let axes = conv::transposed_window(&input, &kernel, &t)?;
                    axes.iter().map(|a| Dim::Known(a.input)).collect()
                }
                _ => unknown(shape.len() - 2),
            };
            one(promoted, Some([vec![shape[0].clone(), outputs], area].concat()))
        }
        Op::MatMul | Op::MatMulInteger => {
            let to = if matches!(node.op, Op::MatMul) { promoted } else { DType::I32 };
            let (Some(a), Some(b)) = (shape, get(1)?.shape.as_deref()) else { return one(to, None) };
            ensure!(!a.is_empty() && !b.is_empty(), "scalars; expected matrices");
            let rows = if b.len() == 1 { &b[0] } else { &b[b.len() - 2] };
            if let (Some(Dim::Known(k)), Dim::Known(rows)) = (a.last(), rows) {
                ensure!(k == rows, "{k} columns times {rows} rows");
            }
            let mut out = broadcast(&a[..a.len().saturating_sub(2)], &b[..b.len().saturating_sub(2)])?;
            if a.len() > 1 {
                out.push(a[a.len() - 2].clone());
            }
            if b.len() > 1 {
                out.push(b[b.len() - 1].clone());
            }
            one(to, Some(out))
        }
        Op::Gemm { trans_a, trans_b, .. } => {
            let (Some(a), Some(b)) = (shape, get(1)?.shape.as_deref()) else {
                return one(promoted, Some(unknown(2)));
            };
            ensure!(
                a.len() == 2 && b.len() == 2,
                "operands of {} and {} axes; expected matrices",
                a.len(),
                b.len()
            );
            let (m, k) = if *trans_a { (&a[1], &a[0]) } else { (&a[0], &a[1]) };
            let (rows, n) = if *trans_b { (&b[1], &b[0]) } else { (&b[0], &b[1]) };
            if let (Dim::Known(k), Dim::Known(rows)) = (k, rows) {
                ensure!(k == rows, "{k} columns times {rows} rows");
            }
            one(promoted, Some(vec![m.clone(), n.clone()]))
        }
        Op::BatchNorm { .. } | Op::InstanceNorm { .. } | Op::GroupNorm { .. } => same(promoted),
        Op::LayerNorm { axis: at, .. } => {
            let statistics = match shape {
                Some(shape) => {
                    let at = axis(*at, shape.len())?;
                    let keep = |(i, d): (usize, &Dim)| if i < at { d.clone() } else { Dim::Known(1) };
                    Some(shape.iter().enumerate().map(keep).collect())
                }
                None => None,
            };
            Ok(vec![
                Fact::new(promoted, shape.map(<[Dim]>::to_vec)),
                Fact::new(promoted, statistics.clone()),
                Fact::new(promoted, statistics),
            ])
        }
        Op::Lstm { direction, hidden, batch_first, .. } | Op::Gru { direction, hidden, batch_first, .. } => {
            let count = if matches!(node.op, Op::Lstm { .. }) { 3 } else { 2 };
            let d = Dim::Known(if *direction == RnnDirection::Bidirectional { 2 } else { 1 });
            let h = Dim::Known(*hidden);
            let shapes = match shape {
                Some([a, b, _]) if *batch_first => {
                    Some((vec![a.clone(), b.clone(), d.clone(), h.clone()], vec![a.clone(), d, h]))
                }
                Some([t, n, _]) => {
                    Some((vec![t.clone(), d.clone(), n.clone(), h.clone()], vec![d, n.clone(), h]))
                }
                Some(other) => return Err(format!("an input of {} axes; expected 3", other.len()).into()),
                None => None,
            };
            let (y, state) = shapes.map_or((None, None), |(y, state)| (Some(y), Some(state)));
            let mut facts = vec![Fact::new(promoted, y)];
            facts.resize(count, Fact::new(promoted, state));
            Ok(facts)
        }
        Op::Unary(UnaryOp::IsNan | UnaryOp::IsInf { .. }) | Op::Logical(LogicalOp::Not) => same(DType::Bool),
        Op::Unary(_)
        | Op::Clip
        | Op::Softmax { .. }
        | Op::LogSoftmax { .. }
        | Op::CumSum { .. }
        | Op::Identity => same(dtype),
        Op::Binary(_) => one(promoted, pair(0, 1)?),
        Op::Logical(_) => one(DType::Bool, pair(0, 1)?),
        Op::Where => {
            let (a, b) = (get(1)?, get(2)?);
            let to = if a.dtype == DType::F16 { b.dtype } else { a.dtype };
            let values = pair(1, 2)?;
            let out = match (shape, values) {
                (Some(c), Some(v)) => Some(broadcast(c, &v)?),
                _ => None,
            };
            one(to, out)
        }
        Op::Reduce { keep_dims, noop_with_empty_axes, .. } => {
            let Some(shape) = shape else { return one(dtype, None) };
            let gone = match (given(1), ints(1)) {
                (Some(_), None) if *keep_dims => return one(dtype, Some(unknown(shape.len()))),
                (Some(_), None) => return one(dtype, None),
                (_, at) => reduce::reduced_axes(at.as_deref(), shape.len(), *noop_with_empty_axes)?,
            };
            one(dtype, Some(reduced(shape, &gone, *keep_dims)))
        }
        Op::ArgReduce { axis: at, keep_dims, .. } => {
            let Some(shape) = shape else { return one(DType::I64, None) };
            one(DType::I64, Some(reduced(shape, &[axis(*at, shape.len())?], *keep_dims)))
        }
        Op::TopK { axis: at, .. } => {
            let out = match shape {
                Some(shape) => {
                    let mut out = shape.to_vec();
                    let k = ints(1).and_then(|k| usize::try_from(*k.first()?).ok());
                    out[axis(*at, shape.len())?] = k.map_or(Dim::Unknown, Dim::Known);
                    Some(out)
                }
                None => None,
            };
            Ok(vec![Fact::new(dtype, out.clone()), Fact::new(DType::I64, out)])
        }
        Op::MaxPool { kernel, strides, dilations, padding, ceil }
        | Op::AveragePool { kernel, strides, dilations, padding, ceil, .. } => {
            let out = match shape {
                Some([n, c, area @ ..]) => Some(
                    [vec![n.clone(), c.clone()], slide(area, kernel, strides, dilations, padding, *ceil)?]
                        .concat(),
                ),
                Some(_) => return Err("an input without channels; expected [N, C, ...]".into()),
                None => None,
            };
            Ok(vec![Fact::new(dtype, out.clone()), Fact::new(DType::I64, out)])
        }
        Op::GlobalAveragePool | Op::GlobalMaxPool => {
            let pooled = |s: &[Dim]| {
                s.iter().enumerate().map(|(i, d)| if i < 2 { d.clone() } else { Dim::Known(1) }).collect()
            };
            one(dtype, shape.map(pooled))
        }
        Op::AdaptiveAveragePool { output } => {
            let out = shape
                .and_then(|s| s.first_chunk::<2>())
                .map(|[n, c]| vec![n.clone(), c.clone(), Dim::Known(output[0]), Dim::Known(output[1])]);
            one(dtype, out)
        }
        Op::Resize { .. } => {
            let Some(shape) = shape else { return one(dtype, None) };
            if let Some(sizes) = given(3).and_then(Fact::sizes)
                && sizes.len() == shape.len()
            {
                return one(dtype, Some(sizes));
            }
            let scales = given(2).and_then(|f| f.value.as_ref()).map(Tensor::to_f32);
            let out = match scales.as_ref().and_then(Tensor::as_f32) {
                Some(scales) if scales.len() == shape.len() => shape
                    .iter()
                    .zip(scales)
                    .map(|(d, s)| match d {
                        _ if *s == 1. => d.clone(),
                        // A region of interest changes the size in ways of its own.
                        Dim::Known(n) if given(1).is_none_or(|r| r.known_shape() == Some(vec![0])) => {
                            Dim::Known((*n as f64 * f64::from(*s)) as usize)
                        }
                        _ => Dim::Unknown,
                    })
                    .collect(),
                _ => unknown(shape.len()),
            };
            one(dtype, Some(out))
        }
        Op::GridSample { .. } => {
            let grid = get(1)?.shape.as_ref();
            let out = match (shape, grid) {
                (Some(s), Some(g)) if s.len() == g.len() && s.len() > 2 => {
                    Some([&s[..2], &g[1..g.len() - 1]].concat())
                }
                _ => None,
            };
            one(dtype, out)
        }
        Op::RoiAlign { output, .. } => {
            let count = get(1)?.shape.as_ref().and_then(|s| s.first()).cloned().unwrap_or(Dim::Unknown);
            let channels = shape.and_then(|s| s.get(1)).cloned().unwrap_or(Dim::Unknown);
            one(dtype, Some(vec![count, channels, Dim::Known(output[0]), Dim::Known(output[1])]))
        }
        Op::Reshape { allow_zero } => one(dtype, reshape(shape, get(1)?, *allow_zero)?),
        Op::Transpose { perm } => {
            let Some(shape) = shape else { return one(dtype, None) };
            let perm = movement::permutation(perm, shape.len())?;
            one(dtype, Some(perm.iter().map(|p| shape[*p].clone()).collect()))
        }
        Op::Flatten { axis: at } => {
            let Some(shape) = shape else { return one(dtype, Some(unknown(2))) };
            let at = if *at == shape.len() as i64 { shape.len() } else { axis(*at, shape.len().max(1))? };
            one(dtype, Some(vec![product(&shape[..at]), product(&shape[at..])]))
        }
        Op::Squeeze => {
            let Some(shape) = shape else { return one(dtype, None) };
            let gone = match (given(1), ints(1)) {
                (Some(_), Some(at)) => axes(&at, shape.len())?,
                (Some(_), None) => return one(dtype, None),
                (None, _) if shape.iter().all(|d| size(d).is_some()) => {
                    (0..shape.len()).filter(|i| shape[*i] == Dim::Known(1)).collect()
                }
                (None, _) => return one(dtype, None),
            };
            one(dtype, Some(reduced(shape, &gone, false)))
        }
        Op::Unsqueeze => {
            let (Some(shape), Some(at)) = (shape, ints(1)) else { return one(dtype, None) };
            let rank = shape.len() + at.len();
            let at = axes(&at, rank)?;
            let mut rest = shape.iter().cloned();
            let out = (0..rank)
                .map(|i| if at.contains(&i) { Dim::Known(1) } else { rest.next().unwrap_or(Dim::Unknown) });
            one(dtype, Some(out.collect()))
        }
        Op::Concat { axis: at } => {
            let Some(shape) = shape else { return one(promoted, None) };
            let at = axis(*at, shape.len())?;
            let mut out = shape.to_vec();
            let mut total = Some(0usize);
            for i in 0..inputs.len() {
                let Some(other) = get(i)?.shape.as_ref() else {
                    out[at] = Dim::Unknown;
                    total = None;
                    continue;
                };
                ensure!(
                    other.len() == out.len(),
                    "operand {i} has {} axes; expected {}",
                    other.len(),
                    out.len()
                );
                total = total.zip(size(&other[at])).and_then(|(t, s)| t.checked_add(s));
                for (a, dim) in other.iter().enumerate().filter(|(a, _)| *a != at) {
                    match (&out[a], dim) {
                        (Dim::Known(x), Dim::Known(y)) => {
                            ensure!(x == y, "operand {i} has {y} along axis {a}; expected {x}");
                        }
                        (Dim::Known(_), _) => {}
                        (_, Dim::Known(n)) => out[a] = Dim::Known(*n),
                        _ => {}
                    }
                }
            }
            out[at] = total.map_or(Dim::Unknown, Dim::Known);
            one(promoted, Some(out))
        }
        Op::Split { axis: at, num_outputs } => {
            let parts = num_outputs.unwrap_or(node.outputs.len());
            let count = node.outputs.len().max(1);
            let Some(shape) = shape else { return Ok(vec![Fact::new(dtype, None); count]) };
            let at = axis(*at, shape.len())?;
            let sizes: Option<Vec<usize>> = match (given(1), ints(1), size(&shape[at])) {
                (Some(_), Some(sizes), _) => Some(movement::sizes(&sizes)?),
                (None, _, Some(n)) => Some(movement::split_sizes(n, None, parts.min(1 << 20))?),
                _ => None,
            };
            let part = |i: usize| {
                let mut out = shape.to_vec();
                out[at] = sizes.as_ref().and_then(|s| s.get(i)).map_or(Dim::Unknown, |s| Dim::Known(*s));
                Fact::new(dtype, Some(out))
            };
            Ok((0..count).map(part).collect())
        }
        Op::Slice => {
            let Some(shape) = shape else { return one(dtype, None) };
            let known = (ints(1), ints(2), given(3).map(|_| ints(3)), given(4).map(|_| ints(4)));
            let (Some(starts), Some(ends)) = (known.0, known.1) else {
                return one(dtype, Some(unknown(shape.len())));
            };
            if matches!(known.2, Some(None)) || matches!(known.3, Some(None)) {
                return one(dtype, Some(unknown(shape.len())));
            }
            let (at, steps) = (known.2.flatten(), known.3.flatten());
            let mut out = shape.to_vec();
            for (i, (start, end)) in starts.iter().zip(&ends).enumerate() {
                let a = at.as_ref().map_or(Some(i as i64), |a| a.get(i).copied()).ok_or("too few axes")?;
                let a = axis(a, shape.len())?;
                let step = steps.as_ref().map_or(Some(1), |s| s.get(i).copied()).ok_or("too few steps")?;
                out[a] = match size(&shape[a]) {
                    Some(n) => Dim::Known(movement::slice_range(n, *start, *end, step)?.2),
                    None if *start == 0 && *end >= i64::from(i32::MAX) && step == 1 => shape[a].clone(),
                    None => Dim::Unknown,
                };
            }
            one(dtype, Some(out))
        }
        Op::Gather { axis: at } => {
            let (Some(shape), Some(indices)) = (shape, get(1)?.shape.as_ref()) else {
                return one(dtype, None);
            };
            let at = axis(*at, shape.len())?;
            one(dtype, Some([&shape[..at], indices, &shape[at + 1..]].concat()))
        }
        Op::GatherElements { .. } => one(dtype, get(1)?.shape.clone()),
        Op::GatherNd { batch_dims } => {
            let (Some(shape), Some(indices)) = (shape, get(1)?.shape.as_ref()) else {
                return one(dtype, None);
            };
            let Some((Dim::Known(depth), outer)) = indices.split_last() else { return one(dtype, None) };
            let rest = shape.get(batch_dims + depth..).ok_or("indices of more axes than the data has")?;
            one(dtype, Some([outer, rest].concat()))
        }
        Op::ScatterNd | Op::ScatterElements { .. } => same(dtype),
        Op::Expand => {
            let to = get(1)?;
            let out = match (shape, to.sizes()) {
                (Some(shape), Some(sizes)) => Some(broadcast(shape, &sizes)?),
                _ => None,
            };
            one(dtype, out)
        }
        Op::Tile => {
            let Some(shape) = shape else { return one(dtype, None) };
            let repeats = ints(1).unwrap_or_default();
            let times = |(i, d): (usize, &Dim)| match (size(d), repeats.get(i)) {
                (_, Some(1)) => d.clone(),
                (Some(n), Some(r)) => {
                    usize::try_from(*r).ok().and_then(|r| n.checked_mul(r)).map_or(Dim::Unknown, Dim::Known)
                }
                _ => Dim::Unknown,
            };
            one(dtype, Some(shape.iter().enumerate().map(times).collect()))
        }
        Op::Pad { .. } => {
            let Some(shape) = shape else { return one(dtype, None) };
            let at = given(3).map(|_| ints(3));
            let (Some(pads), false) = (ints(1), matches!(at, Some(None))) else {
                return one(dtype, Some(unknown(shape.len())));
            };
            let amounts = movement::pad_amounts(shape.len(), &pads, at.flatten().as_deref())?;
            let padded = |(d, (before, after)): (&Dim, &(i64, i64))| match size(d) {
                _ if (*before, *after) == (0, 0) => d.clone(),
                Some(n) => {
                    let size = (n as i64).checked_add(*before).and_then(|n| n.checked_add(*after));
                    size.and_then(|n| usize::try_from(n).ok()).map_or(Dim::Unknown, Dim::Known)
                }
                None => Dim::Unknown,
            };
            one(dtype, Some(shape.iter().zip(&amounts).map(padded).collect()))
        }
        Op::Shape { start, end } => {
            let n = x.and_then(Fact::rank).map(|r| movement::shape_range(r, *start, *end).len());
            one(DType::I64, Some(vec![n.map_or(Dim::Unknown, Dim::Known)]))
        }
        Op::Size => one(DType::I64, Some(Vec::new())),
        Op::NonZero => {
            let rank = x.and_then(Fact::rank).map_or(Dim::Unknown, Dim::Known);
            one(DType::I64, Some(vec![rank, Dim::Unknown]))
        }
        Op::Cast { to } => same(*to),
        Op::ConstantOfShape { value } => {
            let to = get(0)?;
            let out = to.sizes().or_else(|| match to.known_shape()?[..] {
                [n] if n <= SMALL => Some(unknown(n)),
                _ => None,
            });
            one(value.dtype(), out)
        }
        Op::Range => {
            let start = get(0)?;
            let values: Option<Vec<Option<Tensor>>> =
                (0..3).map(|i| given(i).map(|f| f.value.clone())).collect();
            let n = match values.map(|v| v.into_iter().collect::<Option<Vec<_>>>()) {
                Some(Some(v)) => Dim::Known(movement::range_count(&Args::new(v))?),
                _ => Dim::Unknown,
            };
            one(start.dtype, Some(vec![n]))
        }
        Op::OneHot { axis: at } => {
            let to = get(2)?.dtype;
            let Some(shape) = shape else { return one(to, None) };
            let at = axis(*at, shape.len() + 1)?;
            let depth = ints(1).and_then(|d| usize::try_from(*d.first()?).ok());
            let mut out = shape.to_vec();
            out.insert(at, depth.map_or(Dim::Unknown, Dim::Known));
            one(to, Some(out))
        }
        Op::QuantizeLinear { .. } => same(given(2).map_or(DType::U8, |z| z.dtype)),
        Op::DequantizeLinear { .. } => same(DType::F32),
        Op::DynamicQuantizeLinear => Ok(vec![
            Fact::new(DType::U8, shape.map(<[Dim]>::to_vec)),
            Fact::new(DType::F32, Some(Vec::new())),
            Fact::new(DType::U8, Some(Vec::new())),
        ]),
    }
}

fn reduced(shape: &[Dim], gone: &[usize], keep: bool) -> Vec<Dim> {
    let size = |i: usize| if gone.contains(&i) { Dim::Known(1) } else { shape[i].clone() };
    (0..shape.len()).filter(|i| keep || !gone.contains(i)).map(size).collect()
}

fn reshape(from: Option<&[Dim]>, to: &Fact, allow_zero: bool) -> OpResult<Option<Vec<Dim>>> {
    let known = from.and_then(|f| f.iter().map(size).collect::<Option<Vec<usize>>>());
    if let (Some(from), Some(to)) = (&known, to.ints()) {
        let shape = movement::reshape_shape(from, &to, allow_zero)?;
        return Ok(Some(shape.into_iter().map(Dim::Known).collect()));
    }
    if let Some(ints) = to.ints() {
        let dims: Vec<Dim> = ints
            .iter()
            .enumerate()
            .map(|(i, d)| match d {
                0 if !allow_zero => from.and_then(|f| f.get(i)).cloned().unwrap_or(Dim::Unknown),
                d => usize::try_from(*d).map_or(Dim::Unknown, Dim::Known),
            })
            .collect();
        return Ok(Some(open(from, dims, &ints)));
    }
    if let Some(sizes) = to.sizes() {
        let copied = |(i, d): (usize, &Dim)| match d {
            Dim::Known(0) if !allow_zero => from.and_then(|f| f.get(i)).cloned().unwrap_or(Dim::Unknown),
            d => d.clone(),
        };
        return Ok(Some(sizes.iter().enumerate().map(copied).collect()));
    }
    Ok(match to.known_shape().as_deref() {
        Some([n]) if *n <= SMALL => Some(unknown(*n)),
        _ => None,
    })
}

/// Works -1 out where all else cancels.
fn open(from: Option<&[Dim]>, mut dims: Vec<Dim>, ints: &[i64]) -> Vec<Dim> {
    let (Some(from), Some(at)) = (from, ints.iter().position(|i| *i == -1)) else { return dims };
    let mut left: Vec<Dim> = from.to_vec();
    let mut divisor = 1usize;
    for (_, d) in dims.iter().enumerate().filter(|(i, _)| *i != at) {
        match (left.iter().position(|l| l == d && *d != Dim::Unknown), d) {
            (Some(i), _) => {
                left.remove(i);
            }
            (None, Dim::Known(n)) => match divisor.checked_mul(*n) {
                Some(n) => divisor = n,
                None => return dims,
            },
            _ => return dims,
        }
    }
    let (known, rest): (Vec<Dim>, Vec<Dim>) = left.into_iter().partition(|d| size(d).is_some());
    let total = known.iter().filter_map(size).try_fold(1usize, usize::checked_mul);
    if let Some(total) = total
        && divisor > 0
        && total % divisor == 0
    {
        let times = total / divisor;
        dims[at] = match &rest[..] {
            [] => Dim::Known(times),
            [one] if times == 1 => one.clone(),
            _ => Dim::Unknown,
        };
    }
    dims
}
