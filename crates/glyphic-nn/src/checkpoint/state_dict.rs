use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use glyphic_graph::{Data, Graph};

use super::{DType, FormatError};

/// Named tensors of a checkpoint in the file's order. Data stays as stored until [`StateDict::get`] converts it.
#[derive(Debug, Clone, Default)]
pub struct StateDict {
    entries: Vec<(String, Entry)>,
    index: HashMap<String, usize>,
    metadata: BTreeMap<String, String>,
}

/// A tensor of a state dict.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorValue {
    /// PyTorch's layout.
    pub shape: Vec<usize>,
    /// Row-major.
    pub data: Vec<f32>,
}

/// A view that repeats elements may have this many; others are bounded by their storage.
pub(crate) const MAX_REPEATED: usize = 1 << 20;

/// A strided view of bytes.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<usize>,
    /// In elements.
    pub(crate) strides: Vec<usize>,
    /// In elements from the start of `range`.
    pub(crate) offset: usize,
    pub(crate) bytes: Arc<Vec<u8>>,
    /// The storage within `bytes`.
    pub(crate) range: Range<usize>,
}

impl Entry {
    /// A contiguous tensor that fills a range.
    pub(crate) fn contiguous(
        dtype: DType,
        shape: Vec<usize>,
        bytes: Arc<Vec<u8>>,
        range: Range<usize>,
    ) -> Self {
        let strides = contiguous_strides(&shape);
        Self { dtype, shape, strides, offset: 0, bytes, range }
    }

    /// Checks that every element lies within the storage, and that a small storage does not stand for a huge tensor. Gives
    /// the number of elements.
    pub(crate) fn check(&self, name: &str) -> Result<usize, FormatError> {
        let broken = |reason: String| FormatError::broken("tensor", format!("{name}: {reason}"));
        let overflow = || broken(format!("shape {:?} with strides {:?} overflows", self.shape, self.strides));
        if self.shape.len() != self.strides.len() {
            return Err(broken(format!("{} sizes but {} strides", self.shape.len(), self.strides.len())));
        }
        let count = self.shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).ok_or_else(overflow)?;
        let stored = self.range.len() / self.dtype.size();
        if count == 0 {
            return Ok(0);
        }
        let mut last = self.offset;
        for (&size, &stride) in self.shape.iter().zip(&self.strides) {
            last = (size - 1).checked_mul(stride).and_then(|d| last.checked_add(d)).ok_or_else(overflow)?;
        }
        if last >= stored {
            return Err(broken(format!("needs element {last} of a storage of {stored}")));
        }
        if count > stored.max(MAX_REPEATED) {
            return Err(broken(format!("{count} elements are spread over a storage of {stored}")));
        }
        Ok(count)
    }

    fn values(&self) -> Vec<f32> {
        let count: usize = self.shape.iter().product();
        let (bytes, size) = (&self.bytes[self.range.clone()], self.dtype.size());
        if count == 0 {
            return Vec::new();
        }
        if self.strides == contiguous_strides(&self.shape) {
            if self.dtype == DType::F32 {
                let (elements, _) = bytes[self.offset * size..].as_chunks();
                return elements.iter().take(count).map(|&e| f32::from_le_bytes(e)).collect();
            }
            return (0..count).map(|i| self.dtype.get(bytes, (self.offset + i) * size)).collect();
        }
        let mut values = Vec::with_capacity(count);
        let mut position = vec![0usize; self.shape.len()];
        let mut at = self.offset;
        while values.len() < count {
            values.push(self.dtype.get(bytes, at * size));
            for axis in (0..self.shape.len()).rev() {
                position[axis] += 1;
                at += self.strides[axis];
                if position[axis] < self.shape[axis] {
                    break;
                }
                at -= self.strides[axis] * position[axis];
                position[axis] = 0;
            }
        }
        values
    }
}

fn contiguous_strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
    }
    strides
}

impl StateDict {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a tensor.
    ///
    /// # Panics
    /// When `data` has not the number of elements that `shape` says.
    pub fn insert(&mut self, name: impl Into<String>, shape: &[usize], data: &[f32]) {
        assert_eq!(data.len(), shape.iter().product::<usize>(), "elements of a tensor of shape {shape:?}");
        let bytes: Vec<u8> = data.iter().flat_map(|v| v.to_le_bytes()).collect();
        let range = 0..bytes.len();
        self.put(name.into(), Entry::contiguous(DType::F32, shape.to_vec(), Arc::new(bytes), range));
    }

    pub(crate) fn put(&mut self, name: String, entry: Entry) {
        match self.index.get(&name) {
            Some(&i) => self.entries[i].1 = entry,
            None => {
                self.index.insert(name.clone(), self.entries.len());
                self.entries.push((name, entry));
            }
        }
    }

    /// The weights of a graph under the names that they have in it: its floating-point constants whose names are a path
    /// with dots, as those of modules are.
    pub fn from_graph(graph: &Graph) -> Self {
        let mut dict = Self::new();
        for (value, name) in &graph.names {
            let is_path = name.contains('.') && !name.contains(['/', ':']);
            let Some(tensor) = graph.constants.get(value).filter(|_| is_path) else { continue };
            match tensor.data() {
                Data::F32(values) => dict.insert(name, tensor.shape(), values),
                Data::F16(values) => {
                    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                    let range = 0..bytes.len();
                    let shape = tensor.shape().to_vec();
                    dict.put(name.clone(), Entry::contiguous(DType::F16, shape, Arc::new(bytes), range));
                }
                _ => {}
            }
        }
        dict.set_metadata(graph.metadata.clone());
        dict
    }

    /// The names in the file's order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// How many tensors there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no tensor.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        Some(&self.entry(name)?.shape)
    }

    /// How a tensor is stored.
    pub fn dtype(&self, name: &str) -> Option<DType> {
        Some(self.entry(name)?.dtype)
    }

    /// A tensor, converted to f32.
    pub fn get(&self, name: &str) -> Option<TensorValue> {
        let entry = self.entry(name)?;
        Some(TensorValue { shape: entry.shape.clone(), data: entry.values() })
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.index.get(name).map(|&i| &self.entries[i].1)
    }

    /// The text entries of a safetensors header, or what a PyTorch checkpoint's `meta` holds as text.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    pub(crate) fn set_metadata(&mut self, metadata: BTreeMap<String, String>) {
        self.metadata = metadata;
    }

    /// The same tensors under other names; `None` drops one.
    pub fn rename(self, rename: impl Fn(&str) -> Option<String>) -> Self {
        let mut renamed = Self { metadata: self.metadata, ..Self::default() };
        for (name, entry) in self.entries {
            if let Some(name) = rename(&name) {
                renamed.put(name, entry);
            }
        }
        renamed
    }

    /// The part below a prefix, without it: `backbone.conv1.weight` is `conv1.weight` below `backbone.`.
    pub fn below(&self, prefix: &str) -> Self {
        self.clone().rename(|name| name.strip_prefix(prefix).map(str::to_owned))
    }
}
