//! Operands, and what is asked of them.

use rayon::prelude::*;

use crate::tensor::{Element, LengthError, Tensor};

/// What is wrong with a node's operands; the caller knows which node it is.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Reason(pub String);

impl From<String> for Reason {
    fn from(reason: String) -> Self {
        Self(reason)
    }
}

impl From<&str> for Reason {
    fn from(reason: &str) -> Self {
        Self(reason.to_owned())
    }
}

impl From<LengthError> for Reason {
    fn from(error: LengthError) -> Self {
        Self(error.to_string())
    }
}

/// The result of this crate.
pub type OpResult<T> = std::result::Result<T, Reason>;

/// Stops with a [`Reason`] unless a condition holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        let holds: bool = $condition;
        if !holds {
            return Err($crate::Reason(format!($($message)+)));
        }
    };
}

/// Runs `$body` with `$type` standing for the type of the elements, whatever it is.
macro_rules! any_type {
    ($dtype:expr, $type:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $type = f32;
                $body
            }
            $crate::DType::F16 => {
                type $type = half::f16;
                $body
            }
            $crate::DType::F64 => {
                type $type = f64;
                $body
            }
            $crate::DType::I64 => {
                type $type = i64;
                $body
            }
            $crate::DType::I32 => {
                type $type = i32;
                $body
            }
            $crate::DType::I8 => {
                type $type = i8;
                $body
            }
            $crate::DType::U8 => {
                type $type = u8;
                $body
            }
            $crate::DType::Bool => {
                type $type = bool;
                $body
            }
        }
    };
}
pub(crate) use any_type;

/// Runs `$body` with `$type` standing for whole numbers of the elements' size: for operators that move elements and compute
/// nothing with them, which are compiled once a size and not once a type.
macro_rules! sized_type {
    ($dtype:expr, $type:ident => $body:expr) => {
        match $dtype.size() {
            1 => {
                type $type = u8;
                $body
            }
            2 => {
                type $type = u16;
                $body
            }
            4 => {
                type $type = u32;
                $body
            }
            _ => {
                type $type = u64;
                $body
            }
        }
    };
}
pub(crate) use sized_type;

/// Runs `$body` for 32- and 64-bit floats; fails for the others.
macro_rules! float_type {
    ($dtype:expr, $type:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $type = f32;
                $body
            }
            $crate::DType::F64 => {
                type $type = f64;
                $body
            }
            other => return Err($crate::Reason(format!("elements of type {other:?}; expected F32 or F64"))),
        }
    };
}
pub(crate) use float_type;

/// Runs `$body` for floats and integers; fails for the others.
macro_rules! number_type {
    ($dtype:expr, $type:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $type = f32;
                $body
            }
            $crate::DType::F64 => {
                type $type = f64;
                $body
            }
            $crate::DType::I64 => {
                type $type = i64;
                $body
            }
            $crate::DType::I32 => {
                type $type = i32;
                $body
            }
            $crate::DType::I8 => {
                type $type = i8;
                $body
            }
            $crate::DType::U8 => {
                type $type = u8;
                $body
            }
            other => return Err($crate::Reason(format!("elements of type {other:?}; expected numbers"))),
        }
    };
}
pub(crate) use number_type;

/// Elements that one tensor may have: a limit for sizes that come from files.
pub(crate) const MAX_ELEMENTS: usize = 1 << 30;

/// Fewest elements that are worth another thread.
pub(crate) const PARALLEL: usize = 1 << 14;

/// Calls `f(first, rows)` with groups of rows of `row` elements, of which `first` is the first one's number: on all threads where
/// there is work for several. `cost` is how many elements' worth of work a row is. Not generic over `f`, so that what spreads
/// the work is compiled once a type.
pub(crate) fn each_rows<T: Send>(
    values: &mut [T],
    row: usize,
    cost: usize,
    f: &(dyn Fn(usize, &mut [T]) + Sync),
) {
    if values.is_empty() || row == 0 {
        return;
    }
    let group = (PARALLEL / cost.max(1)).max(1);
    if group >= values.len() / row || rayon::current_num_threads() == 1 {
        return f(0, values);
    }
    values.par_chunks_mut(group * row).enumerate().for_each(|(i, rows)| f(i * group, rows));
}

/// Calls `f(number, row)` with each row of `row` elements, shared among threads as [`each_rows`] does.
pub(crate) fn each_row<T: Send>(
    values: &mut [T],
    row: usize,
    cost: usize,
    f: &(dyn Fn(usize, &mut [T]) + Sync),
) {
    each_rows(values, row, cost, &|first, rows| {
        rows.chunks_mut(row).enumerate().for_each(|(i, row)| f(first + i, row));
    });
}

/// The number of elements of a shape, where memory may be asked for them. Axes beside an empty one are limited too, so that
/// no product of some of them overflows.
pub(crate) fn elements(shape: &[usize]) -> OpResult<usize> {
    match shape.iter().try_fold(1usize, |n, d| n.checked_mul((*d).max(1))) {
        Some(n) if n <= MAX_ELEMENTS => Ok(if shape.contains(&0) { 0 } else { n }),
        _ => Err(format!("a result of shape {shape:?} is larger than {MAX_ELEMENTS} elements").into()),
    }
}

/// Defaults for a shape.
pub(crate) fn zeros<T: Copy + Default>(shape: &[usize]) -> OpResult<Vec<T>> {
    Ok(vec![T::default(); elements(shape)?])
}

/// The axis that a number means, counted from the end where negative; `rank` itself only where `past` is set.
pub fn axis(axis: i64, rank: usize) -> OpResult<usize> {
    let positive = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    match positive.map(usize::try_from) {
        Some(Ok(a)) if a < rank => Ok(a),
        _ => Err(format!("axis {axis}; expected one of the {rank} axes").into()),
    }
}

/// Axes in rising order, each once.
pub fn axes(values: &[i64], rank: usize) -> OpResult<Vec<usize>> {
    let mut axes = values.iter().map(|a| axis(*a, rank)).collect::<OpResult<Vec<_>>>()?;
    axes.sort_unstable();
    ensure!(axes.windows(2).all(|w| w[0] != w[1]), "axes {values:?} name an axis twice");
    Ok(axes)
}

/// Elements before, along and after an axis.
pub(crate) fn around(shape: &[usize], axis: usize) -> (usize, usize, usize) {
    (shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product())
}

/// Row-major strides.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i];
    }
    strides
}

/// A node's operands.
pub struct Args(pub(crate) Vec<Option<Tensor>>);

impl Args {
    /// Operands that are all given.
    pub fn new(operands: Vec<Tensor>) -> Self {
        Self(operands.into_iter().map(Some).collect())
    }

    /// Operands of which some may be missing.
    pub fn optional(operands: Vec<Option<Tensor>>) -> Self {
        Self(operands)
    }

    /// An operand, or that it is missing.
    pub fn get(&self, i: usize) -> OpResult<&Tensor> {
        self.opt(i).ok_or_else(|| Reason(format!("operand {i} is missing")))
    }

    /// An operand, where it is given.
    pub fn opt(&self, i: usize) -> Option<&Tensor> {
        self.0.get(i).and_then(Option::as_ref)
    }

    /// The operand itself, whose elements may be changed in place where nobody else holds them.
    pub fn take(&mut self, i: usize) -> OpResult<Tensor> {
        self.0.get_mut(i).and_then(Option::take).ok_or_else(|| Reason(format!("operand {i} is missing")))
    }

    /// An operand's elements.
    pub(crate) fn slice<T: Element>(&self, i: usize) -> OpResult<&[T]> {
        typed(self.get(i)?, i)
    }

    /// An operand of integers.
    pub fn ints(&self, i: usize) -> OpResult<Vec<i64>> {
        let t = self.get(i)?;
        t.to_i64s().ok_or_else(|| Reason(format!("operand {i} is {:?}; expected I64", t.dtype())))
    }

    /// An optional operand of integers.
    pub fn opt_ints(&self, i: usize) -> OpResult<Option<Vec<i64>>> {
        self.opt(i).map(|_| self.ints(i)).transpose()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A tensor's elements, or that they are of another type.
pub(crate) fn typed<T: Element>(t: &Tensor, i: usize) -> OpResult<&[T]> {
    t.slice().ok_or_else(|| Reason(format!("operand {i} is {:?}; expected {:?}", t.dtype(), T::DTYPE)))
}
