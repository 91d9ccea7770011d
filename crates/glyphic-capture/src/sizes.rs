//! Numbers that depend on the sizes of a network's inputs.

use std::collections::HashMap;

use glyphic_graph::{BinaryOp, Graph, Op, Tensor, ValueId};

use super::ROUNDS;

/// A number in each round.
pub(super) type Number = [i64; ROUNDS];

/// Whether it is the same in each round.
pub(super) fn constant(number: Number) -> Option<i64> {
    number.iter().all(|n| *n == number[0]).then_some(number[0])
}

/// How a number follows from the size of a value's axis: `(size * multiply + add) / divide`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FromSize {
    value: ValueId,
    axis: usize,
    multiply: i64,
    add: i64,
    divide: i64,
}

/// A number as the graph computes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Size {
    Constant(i64),
    One(FromSize),
    /// The product of two sizes, times a number.
    Product(FromSize, FromSize, i64),
}

/// The sizes that are known of values, in the order in which the values are made.
#[derive(Default)]
pub(super) struct Sizes {
    known: Vec<(ValueId, usize, Number)>,
    /// How many of them are sizes of inputs.
    inputs: usize,
    made: HashMap<Size, ValueId>,
}

/// The largest factor or divisor of a size.
const LARGEST: i64 = 1 << 16;

impl Sizes {
    pub(super) fn input(&mut self, value: ValueId, shape: &[Number]) {
        self.add(value, shape);
        self.inputs = self.known.len();
    }

    /// Notes the shape of a value that was made.
    pub(super) fn add(&mut self, value: ValueId, shape: &[Number]) {
        let free = shape.iter().enumerate().filter(|(_, size)| constant(**size).is_none());
        self.known.extend(free.map(|(axis, size)| (value, axis, *size)));
    }

    /// How a number follows from sizes: of `near` first, then of the inputs, then of any value.
    pub(super) fn resolve(&self, number: Number, near: &[ValueId]) -> Option<Size> {
        if let Some(n) = constant(number) {
            return Some(Size::Constant(n));
        }
        let close = || self.known.iter().filter(|(value, ..)| near.contains(value));
        let inputs = || self.known[..self.inputs].iter();
        let equal = |known: &&(ValueId, usize, Number)| known.2 == number;
        if let Some(&(value, axis, _)) = close().chain(inputs()).chain(self.known.iter().rev()).find(equal) {
            return Some(Size::One(FromSize { value, axis, multiply: 1, add: 0, divide: 1 }));
        }
        let linear = |&(value, axis, sizes): &(ValueId, usize, Number)| linear(value, axis, sizes, number);
        let multiple = |known: &(ValueId, usize, Number)| linear(known).filter(|size| size.add == 0);
        let found = close().chain(inputs()).find_map(linear);
        if let Some(size) = found.or_else(|| self.known.iter().rev().find_map(multiple)) {
            return Some(Size::One(size));
        }
        let candidates: Vec<_> = close().chain(inputs()).collect();
        for (i, a) in candidates.iter().enumerate() {
            for b in &candidates[i..] {
                let product: Number = std::array::from_fn(|k| a.2[k] * b.2[k]);
                let factors: Number = std::array::from_fn(|k| number[k] / product[k].max(1));
                let exact = (0..ROUNDS).all(|k| factors[k] * product[k] == number[k]);
                if let Some(factor) = constant(factors).filter(|f| exact && *f > 0) {
                    let one = |(value, axis, _)| FromSize { value, axis, multiply: 1, add: 0, divide: 1 };
                    return Some(Size::Product(one(**a), one(**b), factor));
                }
            }
        }
        None
    }

    /// A list of numbers as a value of the graph, `[numbers]`.
    pub(super) fn list(&mut self, graph: &mut Graph, name: &str, sizes: &[Size]) -> ValueId {
        let constants: Option<Vec<i64>> = sizes
            .iter()
            .map(|size| match size {
                Size::Constant(n) => Some(*n),
                _ => None,
            })
            .collect();
        if let Some(constants) = constants {
            return graph.constant(Tensor::from_i64s(constants));
        }
        let mut parts = Vec::new();
        let mut i = 0;
        while i < sizes.len() {
            let run: Vec<i64> = sizes[i..]
                .iter()
                .map_while(|size| match size {
                    Size::Constant(n) => Some(*n),
                    _ => None,
                })
                .collect();
            if run.is_empty() {
                parts.push(self.value(graph, name, sizes[i]));
                i += 1;
            } else {
                i += run.len();
                parts.push(graph.constant(Tensor::from_i64s(run)));
            }
        }
        match parts[..] {
            [part] => part,
            _ => graph.push(format!("{name}.sizes"), Op::Concat { axis: 0 }, &parts),
        }
    }

    /// A number as a value of the graph, `[1]`.
    pub(super) fn value(&mut self, graph: &mut Graph, name: &str, size: Size) -> ValueId {
        if let Some(made) = self.made.get(&size) {
            return *made;
        }
        let made = match size {
            Size::Constant(n) => graph.constant(Tensor::from_i64s(vec![n])),
            Size::One(from) => from.value(graph, name),
            Size::Product(a, b, factor) => {
                let [a, b] = [a, b].map(|size| self.value(graph, name, Size::One(size)));
                let product = binary(graph, name, BinaryOp::Mul, a, b);
                scaled(graph, name, BinaryOp::Mul, product, factor, 1)
            }
        };
        self.made.insert(size, made);
        made
    }
}

impl FromSize {
    fn value(self, graph: &mut Graph, name: &str) -> ValueId {
        let start = self.axis as i64;
        let op = Op::Shape { start, end: Some(start + 1) };
        let size = graph.push(format!("{name}.size"), op, &[self.value]);
        let size = scaled(graph, name, BinaryOp::Mul, size, self.multiply, 1);
        let size = scaled(graph, name, BinaryOp::Add, size, self.add, 0);
        scaled(graph, name, BinaryOp::Div, size, self.divide, 1)
    }
}

/// The value with a number applied to it; the value itself where the number changes nothing.
fn scaled(graph: &mut Graph, name: &str, op: BinaryOp, value: ValueId, by: i64, neutral: i64) -> ValueId {
    if by == neutral {
        return value;
    }
    let by = graph.constant(Tensor::from_i64s(vec![by]));
    binary(graph, name, op, value, by)
}

fn binary(graph: &mut Graph, name: &str, op: BinaryOp, a: ValueId, b: ValueId) -> ValueId {
    graph.push(format!("{name}.size"), Op::Binary(op), &[a, b])
}

/// The numbers as a linear function of sizes, where one of small whole numbers gives exactly them.
fn linear(value: ValueId, axis: usize, sizes: Number, numbers: Number) -> Option<FromSize> {
    let (rise, run) = (numbers[1] - numbers[0], sizes[1] - sizes[0]);
    let common = gcd(rise.abs(), run.abs());
    if common == 0 || run == 0 || rise == 0 {
        return None;
    }
    let sign = run.signum();
    let (multiply, divide) = (sign * rise / common, sign * run / common);
    let add = numbers[0] * divide - sizes[0] * multiply;
    let exact = (0..ROUNDS).all(|k| sizes[k] * multiply + add == numbers[k] * divide);
    let small = [multiply, add, divide].into_iter().all(|n| n.abs() <= LARGEST);
    (exact && small).then_some(FromSize { value, axis, multiply, add, divide })
}

pub(super) fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
