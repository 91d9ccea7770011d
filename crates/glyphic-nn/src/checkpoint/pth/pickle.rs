//! A pickle machine that can build dicts, lists, tuples, text, numbers and tensor headers, and nothing else.
//!
//! Own code because the point is what it cannot do. Bounds: every instruction takes at least a byte and makes at most
//! one value, lengths are checked against the bytes left, containers live in one arena (so nesting costs no stack),
//! and nothing recurses. A container may be named again in two bytes, so what calls copy out of containers is counted
//! against a budget of one value a byte of the pickle.

use std::collections::HashMap;
use std::rc::Rc;

use crate::checkpoint::{DType, FormatError};

/// The longest pickle. Those of real checkpoints are a few hundred kilobytes.
const MAX_LENGTH: usize = 256 << 20;

/// Values that calls may copy in a pickle of no length at all.
const SLACK: usize = 4096;

#[derive(Debug, Clone)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Rc<str>),
    /// A list, tuple, set or dict: an index into the arena.
    Node(usize),
    Global(Global),
    /// An index into [`Pickle::storages`].
    Storage(usize),
    /// An index into [`Pickle::tensors`].
    Tensor(usize),
    /// Something allowed and of no interest, such as a numpy number among the metadata.
    Opaque,
}

impl Value {
    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Value::Int(i) => Some(*i),
            _ => None,
        }
    }

    fn size(&self) -> Option<usize> {
        self.int().and_then(|i| usize::try_from(i).ok())
    }
}

/// The names that are known. None of them leads to code of the file's choosing.
#[derive(Debug, Clone, Copy)]
pub(super) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    StorageType(DType),
    Size,
    /// Builds a value of no interest.
    Opaque,
}

#[derive(Debug)]
enum Node {
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
}

/// What a pickle holds.
#[derive(Debug)]
pub(super) struct Pickle {
    pub(super) root: Value,
    pub(super) storages: Vec<Storage>,
    pub(super) tensors: Vec<TensorHeader>,
    nodes: Vec<Node>,
}

#[derive(Debug)]
pub(super) struct Storage {
    pub(super) key: String,
    pub(super) dtype: DType,
    pub(super) count: usize,
}

#[derive(Debug)]
pub(super) struct TensorHeader {
    pub(super) storage: usize,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

impl Pickle {
    pub(super) fn text<'a>(&'a self, value: &'a Value) -> Option<&'a str> {
        match value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn list(&self, value: &Value) -> Option<&[Value]> {
        match value {
            Value::Node(i) => match &self.nodes[*i] {
                Node::List(list) => Some(list),
                Node::Dict(_) => None,
            },
            _ => None,
        }
    }

    pub(super) fn dict(&self, value: &Value) -> Option<&[(Value, Value)]> {
        match value {
            Value::Node(i) => match &self.nodes[*i] {
                Node::Dict(dict) => Some(dict),
                Node::List(_) => None,
            },
            _ => None,
        }
    }
}

/// Reads one pickle from the start of `bytes`; also gives its length.
pub(super) fn unpickle(bytes: &[u8]) -> Result<(Pickle, usize), FormatError> {
    let bytes = &bytes[..bytes.len().min(MAX_LENGTH)];
    let mut machine = Machine {
        bytes,
        at: 0,
        budget: bytes.len() + SLACK,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        known: HashMap::new(),
        pickle: Pickle { root: Value::None, storages: Vec::new(), tensors: Vec::new(), nodes: Vec::new() },
    };
    while !machine.step()? {}
    Ok((machine.pickle, machine.at))
}

fn broken(reason: impl ToString) -> FormatError {
    FormatError::broken("pickle", reason)
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Values that calls may still copy.
    budget: usize,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    /// Storage key -> index, so that views share their storage.
    known: HashMap<String, usize>,
    pickle: Pickle,
}

impl<'a> Machine<'a> {
    /// Runs one instruction; true after the last.
    fn step(&mut self) -> Result<bool, FormatError> {
        let code = self.u8()?;
        match code {
            0x80 => {
                let protocol = self.u8()?;
                if !(2..=5).contains(&protocol) {
                    return Err(FormatError::Unsupported { what: format!("pickle protocol {protocol}") });
                }
            }
            0x95 => drop(self.take(8)?),
            b'.' => {
                self.pickle.root = self.pop()?;
                return Ok(true);
            }
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let top = self.top()?.clone();
                self.stack.push(top);
            }
            b'N' => self.stack.push(Value::None),
            0x88 => self.stack.push(Value::Bool(true)),
            0x89 => self.stack.push(Value::Bool(false)),
            b'K' => self.number::<1>(|b| i64::from(b[0]))?,
            b'M' => self.number(|b| i64::from(u16::from_le_bytes(b)))?,
            b'J' => self.number(|b| i64::from(i32::from_le_bytes(b)))?,
            0x8a => {
                let n = usize::from(self.u8()?);
                self.long(n)?;
            }
            0x8b => {
                let n = self.length4()?;
                self.long(n)?;
            }
            b'G' => {
                let bytes = self.array::<8>()?;
                self.stack.push(Value::Float(f64::from_be_bytes(bytes)));
            }
            0x8c => {
                let n = usize::from(self.u8()?);
                self.utf8(n)?;
            }
            b'X' => {
                let n = self.length4()?;
                self.utf8(n)?;
            }
            0x8d => {
                let n = self.length8()?;
                self.utf8(n)?;
            }
            // Text of Python 2: bytes, taken as Latin-1.
            b'U' => {
                let n = usize::from(self.u8()?);
                self.latin1(n)?;
            }
            b'T' => {
                let n = self.length4()?;
                self.latin1(n)?;
            }
            b'C' => {
                let n = usize::from(self.u8()?);
                self.bytes(n)?;
            }
            b'B' => {
                let n = self.length4()?;
                self.bytes(n)?;
            }
            0x8e | 0x96 => {
                let n = self.length8()?;
                self.bytes(n)?;
            }
            b']' | b')' | 0x8f => self.node(Node::List(Vec::new())),
            b'}' => self.node(Node::Dict(Vec::new())),
            b't' | b'l' | 0x91 => {
                let items = self.pop_mark()?;
                self.node(Node::List(items));
            }
            0x85..=0x87 => {
                let n = usize::from(code - 0x84);
                let start = self.stack.len().checked_sub(n).ok_or_else(underflow)?;
                let items = self.stack.split_off(start);
                self.node(Node::List(items));
            }
            b'd' => {
                let items = self.pop_mark()?;
                let pairs = pairs(items)?;
                self.node(Node::Dict(pairs));
            }
            b'a' => {
                let item = self.pop()?;
                self.extend(vec![item])?;
            }
            b'e' | 0x90 => {
                let items = self.pop_mark()?;
                self.extend(items)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set(vec![(key, value)])?;
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.set(pairs(items)?)?;
            }
            b'q' => {
                let i = u32::from(self.u8()?);
                self.remember(i)?;
            }
            b'r' => {
                let i = u32::from_le_bytes(self.array()?);
                self.remember(i)?;
            }
            0x94 => {
                let i = u32::try_from(self.memo.len()).map_err(broken)?;
                self.remember(i)?;
            }
            b'h' => {
                let i = u32::from(self.u8()?);
                self.recall(i)?;
            }
            b'j' => {
                let i = u32::from_le_bytes(self.array()?);
                self.recall(i)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.stack.push(Value::Global(global(&module, &name)?));
            }
            // An instance of a class by name: asks for code just as the call below does.
            b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                global(&module, &name)?;
                return Err(unsupported(code));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(name)) = (module, name) else {
                    return Err(broken("a name that is no text"));
                };
                self.stack.push(Value::Global(global(&module, &name)?));
            }
            0x82..=0x84 => {
                return Err(FormatError::Refused {
                    global: "an extension of the copyreg registry".to_owned(),
                });
            }
            b'R' | 0x81 => {
                let arguments = self.pop()?;
                let callee = self.pop()?;
                let value = self.call(&callee, &arguments)?;
                self.stack.push(value);
            }
            // Attributes of an object, such as the versions PyTorch hangs on a state dict: of no interest.
            b'b' => drop(self.pop()?),
            b'Q' => {
                let id = self.pop()?;
                let storage = self.storage(&id)?;
                self.stack.push(storage);
            }
            _ => return Err(unsupported(code)),
        }
        Ok(false)
    }

    fn call(&mut self, callee: &Value, arguments: &Value) -> Result<Value, FormatError> {
        let Value::Global(callee) = callee else {
            return Err(broken("a call of something that is no function"));
        };
        let arguments = self.pickle.list(arguments).ok_or_else(|| broken("arguments that are no tuple"))?;
        spend(&mut self.budget, arguments.len())?;
        let arguments = arguments.to_vec();
        match callee {
            Global::OrderedDict => {
                let items = arguments.first().and_then(|list| self.pickle.list(list)).unwrap_or_default();
                spend(&mut self.budget, 2 * items.len())?;
                let mut pairs = Vec::with_capacity(items.len());
                for item in items {
                    match self.pickle.list(item) {
                        Some([key, value]) => pairs.push((key.clone(), value.clone())),
                        _ => return Err(broken("an OrderedDict of something other than pairs")),
                    }
                }
                Ok(self.add(Node::Dict(pairs)))
            }
            Global::RebuildTensor => {
                let sizes = arguments.iter().skip(2).take(2);
                let rank = sizes.filter_map(|v| Some(self.pickle.list(v)?.len())).sum();
                spend(&mut self.budget, rank)?;
                let header = || -> Option<TensorHeader> {
                    let [Value::Storage(storage), offset, shape, strides, ..] = arguments.as_slice() else {
                        return None;
                    };
                    let sizes =
                        |v: &Value| self.pickle.list(v)?.iter().map(Value::size).collect::<Option<Vec<_>>>();
                    Some(TensorHeader {
                        storage: *storage,
                        offset: offset.size()?,
                        shape: sizes(shape)?,
                        strides: sizes(strides)?,
                    })
                };
                let header =
                    header().ok_or_else(|| broken("a tensor without storage, offset, sizes and strides"))?;
                /// NumPy and PyTorch allow no more.
                const MAX_RANK: usize = 64;
                if header.shape.len() > MAX_RANK {
                    return Err(broken(format!("a tensor of rank {}", header.shape.len())));
                }
                self.pickle.tensors.push(header);
                Ok(Value::Tensor(self.pickle.tensors.len() - 1))
            }
            Global::RebuildParameter => match arguments.first() {
                Some(tensor @ Value::Tensor(_)) => Ok(tensor.clone()),
                _ => Err(broken("a parameter without a tensor")),
            },
            Global::Size => Ok(arguments.first().cloned().unwrap_or(Value::None)),
            Global::StorageType(_) | Global::Opaque => Ok(Value::Opaque),
        }
    }

    /// `("storage", type, key, device, count[, view])`.
    fn storage(&mut self, id: &Value) -> Result<Value, FormatError> {
        let [kind, Value::Global(Global::StorageType(dtype)), key, _, count, view @ ..] =
            self.pickle.list(id).unwrap_or_default()
        else {
            return Err(broken("a reference to something other than a storage"));
        };
        let (Some("storage"), Some(key), Some(count)) =
            (self.pickle.text(kind), self.pickle.text(key), count.size())
        else {
            return Err(broken("a storage without key and length"));
        };
        if !matches!(view, [] | [Value::None]) {
            return Err(FormatError::Unsupported {
                what: "views of storages (PyTorch before 0.4)".to_owned(),
            });
        }
        if let Some(&i) = self.known.get(key) {
            let known = &self.pickle.storages[i];
            if known.dtype != *dtype || known.count != count {
                return Err(broken(format!("storage {key:?} is described in two ways")));
            }
            return Ok(Value::Storage(i));
        }
        let storage = Storage { key: key.to_owned(), dtype: *dtype, count };
        let i = self.pickle.storages.len();
        self.known.insert(storage.key.clone(), i);
        self.pickle.storages.push(storage);
        Ok(Value::Storage(i))
    }

    fn add(&mut self, node: Node) -> Value {
        self.pickle.nodes.push(node);
        Value::Node(self.pickle.nodes.len() - 1)
    }

    fn node(&mut self, node: Node) {
        let value = self.add(node);
        self.stack.push(value);
    }

    fn extend(&mut self, items: Vec<Value>) -> Result<(), FormatError> {
        match self.top()? {
            &Value::Node(i) => match &mut self.pickle.nodes[i] {
                Node::List(list) => list.extend(items),
                Node::Dict(_) => return Err(broken("an append to a dict")),
            },
            Value::Opaque => {}
            _ => return Err(broken("an append to something that is no list")),
        }
        Ok(())
    }

    fn set(&mut self, pairs: Vec<(Value, Value)>) -> Result<(), FormatError> {
        match self.top()? {
            &Value::Node(i) => match &mut self.pickle.nodes[i] {
                Node::Dict(dict) => dict.extend(pairs),
                Node::List(_) => return Err(broken("a key set on a list")),
            },
            Value::Opaque => {}
            _ => return Err(broken("a key set on something that is no dict")),
        }
        Ok(())
    }

    fn remember(&mut self, i: u32) -> Result<(), FormatError> {
        let top = self.top()?.clone();
        self.memo.insert(i, top);
        Ok(())
    }

    fn recall(&mut self, i: u32) -> Result<(), FormatError> {
        let value = self.memo.get(&i).cloned().ok_or_else(|| broken(format!("no value {i} in the memo")))?;
        self.stack.push(value);
        Ok(())
    }

    fn top(&self) -> Result<&Value, FormatError> {
        self.stack.last().ok_or_else(underflow)
    }

    fn pop(&mut self) -> Result<Value, FormatError> {
        self.stack.pop().ok_or_else(underflow)
    }

    fn pop_mark(&mut self) -> Result<Vec<Value>, FormatError> {
        let mark = self.marks.pop().filter(|&m| m <= self.stack.len()).ok_or_else(underflow)?;
        Ok(self.stack.split_off(mark))
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], FormatError> {
        let end = self.at.checked_add(n).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| broken("it ends within an instruction; the file may be cut off"))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, FormatError> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let taken = self.take(N)?;
        Ok(std::array::from_fn(|i| taken[i]))
    }

    fn length4(&mut self) -> Result<usize, FormatError> {
        usize::try_from(i32::from_le_bytes(self.array()?)).map_err(|_| broken("a negative length"))
    }

    fn length8(&mut self) -> Result<usize, FormatError> {
        usize::try_from(u64::from_le_bytes(self.array()?)).map_err(broken)
    }

    fn line(&mut self) -> Result<String, FormatError> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|&b| b == b'\n').ok_or_else(|| broken("a line without an end"))?;
        let line = self.take(end + 1)?;
        String::from_utf8(line[..end].to_vec()).map_err(broken)
    }

    fn number<const N: usize>(&mut self, read: impl Fn([u8; N]) -> i64) -> Result<(), FormatError> {
        let bytes = self.array()?;
        self.stack.push(Value::Int(read(bytes)));
        Ok(())
    }

    /// A little-endian two's complement number of any length; those beyond i64 are of no interest.
    fn long(&mut self, n: usize) -> Result<(), FormatError> {
        let bytes = self.take(n)?;
        let value = if n > 8 {
            Value::Opaque
        } else {
            let fill = if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
            Value::Int(i64::from_le_bytes(std::array::from_fn(|i| bytes.get(i).copied().unwrap_or(fill))))
        };
        self.stack.push(value);
        Ok(())
    }

    fn utf8(&mut self, n: usize) -> Result<(), FormatError> {
        let text = std::str::from_utf8(self.take(n)?).map_err(broken)?;
        self.stack.push(Value::Text(text.into()));
        Ok(())
    }

    fn latin1(&mut self, n: usize) -> Result<(), FormatError> {
        let text: String = self.take(n)?.iter().map(|&b| char::from(b)).collect();
        self.stack.push(Value::Text(text.into()));
        Ok(())
    }

    fn bytes(&mut self, n: usize) -> Result<(), FormatError> {
        self.take(n)?;
        self.stack.push(Value::Opaque);
        Ok(())
    }
}

/// Takes `count` values from a budget.
fn spend(budget: &mut usize, count: usize) -> Result<(), FormatError> {
    let rest = budget.checked_sub(count);
    *budget = rest.ok_or_else(|| {
        broken("it repeats its values until they are larger than the file; it may be malicious")
    })?;
    Ok(())
}

fn underflow() -> FormatError {
    broken("an instruction without its operands")
}

fn unsupported(code: u8) -> FormatError {
    FormatError::Unsupported { what: format!("pickle instruction {code:#04x}") }
}

fn pairs(items: Vec<Value>) -> Result<Vec<(Value, Value)>, FormatError> {
    if items.len() % 2 == 1 {
        return Err(broken("a key without a value"));
    }
    let mut items = items.into_iter();
    let mut pairs = Vec::with_capacity(items.len() / 2);
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        pairs.push((key, value));
    }
    Ok(pairs)
}

/// The whole list of what a file may name.
fn global(module: &str, name: &str) -> Result<Global, FormatError> {
    Ok(match (module, name) {
        ("collections", "OrderedDict") => Global::OrderedDict,
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Global::RebuildTensor,
        ("torch._utils", "_rebuild_parameter") => Global::RebuildParameter,
        ("torch", "Size") => Global::Size,
        ("torch" | "torch.cuda", storage) if storage.ends_with("Storage") => {
            Global::StorageType(match storage {
                "BoolStorage" => DType::Bool,
                "ByteStorage" => DType::U8,
                "CharStorage" => DType::I8,
                "ShortStorage" => DType::I16,
                "IntStorage" => DType::I32,
                "LongStorage" => DType::I64,
                "HalfStorage" => DType::F16,
                "BFloat16Storage" => DType::BF16,
                "FloatStorage" => DType::F32,
                "DoubleStorage" => DType::F64,
                other => {
                    return Err(FormatError::Unsupported { what: format!("tensors of type torch.{other}") });
                }
            })
        }
        // What training tools leave among the metadata: scores as NumPy numbers, devices, element types.
        ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar" | "_reconstruct")
        | ("numpy", "dtype" | "ndarray")
        | ("_codecs", "encode")
        | (
            "torch",
            "device" | "float16" | "bfloat16" | "float32" | "float64" | "uint8" | "int8" | "int16" | "int32"
            | "int64" | "bool",
        ) => Global::Opaque,
        _ => return Err(FormatError::Refused { global: format!("{module}.{name}") }),
    })
}
