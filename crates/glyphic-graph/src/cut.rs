use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use half::f16;

use crate::{DType, Data, Error, Graph, Input, Node, Output, Result, Tensor, ValueId};

impl Graph {
    /// The value of a name: of an output, an input, or one that the graph names.
    pub fn named(&self, name: &str) -> Option<ValueId> {
        let outputs = self.outputs.iter().filter(|o| o.name == name).map(|o| o.value);
        let inputs = self.inputs.iter().filter(|i| i.name == name).map(|i| i.value);
        outputs.chain(inputs).next().or_else(|| {
            let mut names = self.names.iter().filter(|(_, known)| *known == name);
            names.next().map(|(value, _)| *value)
        })
    }

    /// The part that computes some values from others, by their names. Weights are shared with this graph. A value that
    /// was within the graph and is an input of the part holds 32-bit floats of any shape.
    ///
    /// # Errors
    /// [`Error::Graph`] for a name that no value has, and where an output needs an input that is not given.
    pub fn cut(&self, inputs: &[&str], outputs: &[&str]) -> Result<Self> {
        let find = |name: &str| {
            let reason = || format!("no value is named {name:?}, where {:?} is to be cut", self.name);
            self.named(name).ok_or_else(|| Error::Graph { reason: reason() })
        };
        let mut part = Self {
            name: self.name.clone(),
            metadata: self.metadata.clone(),
            observer: self.observer.clone(),
            next: self.next,
            ..Self::default()
        };
        for name in inputs {
            let value = find(name)?;
            let known = self.inputs.iter().find(|input| input.value == value);
            part.inputs.push(match known {
                Some(input) => input.clone(),
                None => Input { name: (*name).to_owned(), value, dtype: DType::F32, shape: None },
            });
        }
        for name in outputs {
            part.outputs.push(Output { name: (*name).to_owned(), value: find(name)? });
        }
        let given: HashSet<ValueId> = part.inputs.iter().map(|input| input.value).collect();
        let mut needed: HashSet<ValueId> = part.outputs.iter().map(|output| output.value).collect();
        for node in self.nodes.iter().rev() {
            let makes = |output: &ValueId| needed.contains(output) && !given.contains(output);
            if node.outputs.iter().flatten().any(makes) {
                needed.extend(node.inputs.iter().flatten());
                part.nodes.push(node.clone());
            }
        }
        part.nodes.reverse();
        let missing = self.inputs.iter().find(|i| needed.contains(&i.value) && !given.contains(&i.value));
        if let Some(missing) = missing {
            let reason = format!("{outputs:?} need the input {:?} beside {inputs:?}", missing.name);
            return Err(Error::Graph { reason });
        }
        let kept = |value: &ValueId| needed.contains(value) || given.contains(value);
        let constants = self.constants.iter().filter(|(value, _)| kept(value));
        part.constants = constants.map(|(value, tensor)| (*value, tensor.clone())).collect();
        let names = self.names.iter().filter(|(value, _)| kept(value));
        part.names = names.map(|(value, name)| (*value, name.clone())).collect();
        Ok(part)
    }

    /// Puts another network behind this one. An input of `next` that is named like a value of this graph reads that value,
    /// a constant that is named like one of this graph's is that one, and everything else is added.
    /// [`Graph::cut`] gives the two back.
    pub fn append(&mut self, next: &Self) {
        let mut values: HashMap<ValueId, ValueId> = HashMap::new();
        for input in &next.inputs {
            let value = match self.named(&input.name) {
                Some(value) => value,
                None => {
                    let value = self.value();
                    self.names.insert(value, input.name.clone());
                    self.inputs.push(Input { value, ..input.clone() });
                    value
                }
            };
            values.insert(input.value, value);
        }
        for (old, tensor) in &next.constants {
            let name = next.names.get(old);
            let known = name.and_then(|name| self.named(name)).filter(|v| self.constants.contains_key(v));
            let value = known.unwrap_or_else(|| {
                let value = self.constant(tensor.clone());
                if let Some(name) = name {
                    self.names.insert(value, name.clone());
                }
                value
            });
            values.insert(*old, value);
        }
        for node in &next.nodes {
            let mut place =
                |old: &Option<ValueId>| old.map(|old| *values.entry(old).or_insert_with(|| self.value()));
            let inputs = node.inputs.iter().map(&mut place).collect();
            let outputs = node.outputs.iter().map(&mut place).collect();
            self.nodes.push(Node { name: node.name.clone(), op: node.op.clone(), inputs, outputs });
        }
        for (old, name) in &next.names {
            if let Some(value) = values.get(old) {
                self.names.entry(*value).or_insert_with(|| name.clone());
            }
        }
        for output in &next.outputs {
            if let Some(value) = values.get(&output.value) {
                self.outputs.push(Output { name: output.name.clone(), value: *value });
            }
        }
    }

    /// The same graph with an input that is the same in every run from now on.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no such input, or one of another type.
    pub fn bind(mut self, name: &str, tensor: Tensor) -> Result<Self> {
        let wrong = |reason: String| Error::Input { name: name.to_owned(), reason };
        let Some(place) = self.inputs.iter().position(|input| input.name == name) else {
            let known: Vec<&str> = self.inputs.iter().map(|input| input.name.as_str()).collect();
            return Err(wrong(format!("no such input; there are {known:?}")));
        };
        if self.inputs[place].dtype != tensor.dtype() {
            return Err(wrong(format!("{:?} is needed, got {:?}", self.inputs[place].dtype, tensor.dtype())));
        }
        self.constants.insert(self.inputs.remove(place).value, tensor);
        Ok(self)
    }

    /// The same graph with its named constants in 16-bit floats, but for those with a value that these cannot hold: half
    /// the file. Computation stays in 32 bits.
    pub fn halved(mut self) -> Self {
        let names = &self.names;
        for (_, tensor) in self.constants.iter_mut().filter(|(value, _)| names.contains_key(value)) {
            let Some(values) = tensor.as_f32() else { continue };
            if values.iter().all(|v| v.abs() < f16::MAX.to_f32()) {
                let halves = values.iter().map(|v| f16::from_f32(*v)).collect();
                if let Ok(half) = Tensor::new(tensor.shape(), Data::F16(Arc::new(halves))) {
                    *tensor = half;
                }
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use crate::{BinaryOp, DType, Dim, Graph, Op, Tensor, UnaryOp};

    /// `y = relu(x + weight) * scale`
    fn graph() -> Graph {
        let mut graph = Graph::new("test");
        let x = graph.input("x", DType::F32, vec![Dim::Symbol("n".to_owned())]);
        let scale = graph.input("scale", DType::F32, Vec::new());
        let weight = graph.parameter("weight", Tensor::scalar(1.0));
        let sum = graph.push("add", Op::Binary(BinaryOp::Add), &[x, weight]);
        let middle = graph.push("relu", Op::Unary(UnaryOp::Relu), &[sum]);
        graph.names.insert(middle, "middle".to_owned());
        let y = graph.push("mul", Op::Binary(BinaryOp::Mul), &[middle, scale]);
        graph.output("y", y);
        graph
    }

    #[test]
    fn a_cut_graph_holds_what_its_outputs_need_of_its_inputs() {
        let head = graph().cut(&["x"], &["middle"]).unwrap();
        let names = |graph: &Graph| graph.nodes.iter().map(|n| n.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&head), ["add", "relu"]);
        assert_eq!((head.inputs.len(), head.constants.len()), (1, 1));
        let tail = graph().cut(&["middle", "scale"], &["y"]).unwrap();
        assert_eq!(names(&tail), ["mul"]);
        assert!(tail.constants.is_empty());
        assert_eq!(tail.inputs[0].shape, None);
    }

    #[test]
    fn a_bound_input_is_a_constant() {
        let bound = graph().bind("scale", Tensor::scalar(3.0)).unwrap();
        assert_eq!(bound.inputs.len(), 1);
        let session = crate::Session::new(bound).unwrap();
        let x = Tensor::from_f32(&[2], vec![-4.0, 1.0]).unwrap();
        let y = session.run(&[("x", x)]).unwrap().remove(0);
        assert_eq!(y.into_f32().unwrap(), [0.0, 6.0]);
        let wrong = graph().bind("scale", Tensor::from_i64s(vec![3])).unwrap_err().to_string();
        assert!(wrong.contains("F32"), "{wrong}");
        assert!(graph().bind("size", Tensor::scalar(1.0)).is_err());
    }

    #[test]
    fn halved_weights_are_those_that_sixteen_bits_hold() {
        let mut graph = graph();
        let large = graph.parameter("large", Tensor::scalar(1e5));
        let unnamed = graph.constant(Tensor::scalar(1.0));
        let weight = graph.named("weight").unwrap();
        let halved = graph.halved();
        let types = [weight, large, unnamed].map(|value| halved.constants[&value].dtype());
        assert_eq!(types, [DType::F16, DType::F32, DType::F32]);
    }

    #[test]
    fn unknown_names_and_missing_inputs_are_named() {
        let message = graph().cut(&["x"], &["midle"]).unwrap_err().to_string();
        assert!(message.contains("midle"), "{message}");
        let message = graph().cut(&["middle"], &["y"]).unwrap_err().to_string();
        assert!(message.contains("scale"), "{message}");
    }
}
