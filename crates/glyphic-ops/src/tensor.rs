use std::sync::Arc;

use bytemuck::allocation::cast_vec;
use half::f16;

/// Values and shape of a tensor that do not fit each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a tensor of shape {shape:?} has {expected} elements, but {got} were given")]
pub struct LengthError {
    /// The shape.
    pub shape: Vec<usize>,
    /// Elements that it has.
    pub expected: usize,
    /// Elements given.
    pub got: usize,
}

type Result<T> = std::result::Result<T, LengthError>;

/// Type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DType {
    /// 32-bit floating point.
    F32,
    /// 16-bit floating point; weights are stored so, and widened before use.
    F16,
    /// 64-bit floating point.
    F64,
    /// 64-bit signed integers: shapes and indices.
    I64,
    /// 32-bit signed integers.
    I32,
    /// 8-bit signed integers.
    I8,
    /// 8-bit unsigned integers.
    U8,
    /// Truth values, one byte each.
    Bool,
}

/// A tensor's elements in row-major order. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names of `DType`")]
pub enum Data {
    F32(Arc<Vec<f32>>),
    F16(Arc<Vec<f16>>),
    F64(Arc<Vec<f64>>),
    I64(Arc<Vec<i64>>),
    I32(Arc<Vec<i32>>),
    I8(Arc<Vec<i8>>),
    U8(Arc<Vec<u8>>),
    Bool(Arc<Vec<bool>>),
}

/// An array of any rank; rank 0 is a scalar. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Data,
}

impl Data {
    /// Type of the elements.
    pub fn dtype(&self) -> DType {
        match self {
            Self::F32(_) => DType::F32,
            Self::F16(_) => DType::F16,
            Self::F64(_) => DType::F64,
            Self::I64(_) => DType::I64,
            Self::I32(_) => DType::I32,
            Self::I8(_) => DType::I8,
            Self::U8(_) => DType::U8,
            Self::Bool(_) => DType::Bool,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::F16(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::I8(v) => v.len(),
            Self::U8(v) => v.len(),
            Self::Bool(v) => v.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Tensor {
    /// A tensor of these elements in row-major order.
    ///
    /// # Errors
    /// [`LengthError`] where there are more or fewer elements than the shape has.
    pub fn new(shape: &[usize], data: Data) -> Result<Self> {
        // Beside an empty axis the others still must not overflow.
        let product = shape.iter().try_fold(1usize, |n, d| n.checked_mul((*d).max(1)));
        let expected = match product {
            Some(_) if shape.contains(&0) => 0,
            product => product.unwrap_or(usize::MAX),
        };
        if expected != data.len() {
            return Err(LengthError { shape: shape.to_vec(), expected, got: data.len() });
        }
        Ok(Self { shape: shape.to_vec(), data })
    }

    /// A tensor of 32-bit floats.
    ///
    /// # Errors
    /// Those of [`Tensor::new`].
    pub fn from_f32(shape: &[usize], values: Vec<f32>) -> Result<Self> {
        Self::new(shape, Data::F32(Arc::new(values)))
    }

    /// A list of integers, rank 1.
    pub fn from_i64s(values: Vec<i64>) -> Self {
        Self { shape: vec![values.len()], data: Data::I64(Arc::new(values)) }
    }

    /// A single 32-bit float, rank 0.
    pub fn scalar(value: f32) -> Self {
        Self { shape: Vec::new(), data: Data::F32(Arc::new(vec![value])) }
    }

    /// Sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Elements in row-major order.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// Shape and elements.
    pub fn into_parts(self) -> (Vec<usize>, Data) {
        (self.shape, self.data)
    }

    /// Type of the elements.
    pub fn dtype(&self) -> DType {
        self.data.dtype()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The elements where they are 32-bit floats.
    pub fn as_f32(&self) -> Option<&[f32]> {
        match &self.data {
            Data::F32(v) => Some(v),
            _ => None,
        }
    }

    /// The elements where they are 32-bit floats, without a copy where nothing else holds them.
    pub fn into_f32(self) -> Option<Vec<f32>> {
        match self.data {
            Data::F32(v) => Some(Arc::unwrap_or_clone(v)),
            _ => None,
        }
    }

    /// The elements where they are 64-bit integers.
    pub fn as_i64(&self) -> Option<&[i64]> {
        match &self.data {
            Data::I64(v) => Some(v),
            _ => None,
        }
    }
}

/// A type that tensors are made of.
pub trait Element: Copy + Default + PartialEq + PartialOrd + Send + Sync + std::fmt::Debug + 'static {
    /// Its name at run time.
    const DTYPE: DType;
    /// Wraps elements.
    fn data(values: Vec<Self>) -> Data;
    /// The elements, where they are of this type.
    fn slice(data: &Data) -> Option<&[Self]>;
    /// The elements, copied only where somebody else holds them too.
    fn take(data: Data) -> Option<Vec<Self>>;
}

macro_rules! elements {
    ($($type:ty, $name:ident;)*) => {$(
        impl Element for $type {
            const DTYPE: DType = DType::$name;
            fn data(values: Vec<Self>) -> Data {
                Data::$name(Arc::new(values))
            }
            fn slice(data: &Data) -> Option<&[Self]> {
                match data {
                    Data::$name(v) => Some(v),
                    _ => None,
                }
            }
            fn take(data: Data) -> Option<Vec<Self>> {
                match data {
                    Data::$name(v) => Some(Arc::try_unwrap(v).unwrap_or_else(|v| v.to_vec())),
                    _ => None,
                }
            }
        }
    )*};
}

elements! {
    f32, F32;
    f16, F16;
    f64, F64;
    i64, I64;
    i32, I32;
    i8, I8;
    u8, U8;
    bool, Bool;
}

/// Whole numbers of one size, which elements of every type of that size may be moved as.
pub(crate) trait Bits: Copy + Default + PartialEq + Send + Sync {
    /// The elements.
    fn of(data: &Data) -> &[Self];
    /// The elements, copied only where somebody else holds them too.
    fn take(data: Data) -> Vec<Self>;
    /// Elements of a type of this size.
    fn data(values: Vec<Self>, dtype: DType) -> Data;
}

macro_rules! bits {
    ($($bits:ty: $($name:ident $type:ty),*;)*) => {$(
        impl Bits for $bits {
            fn of(data: &Data) -> &[Self] {
                match data {
                    $(Data::$name(v) => bytemuck::cast_slice::<$type, Self>(v),)*
                    other => unreachable!("{:?} has another size", other.dtype()),
                }
            }
            fn take(data: Data) -> Vec<Self> {
                match data {
                    $(Data::$name(v) => cast_vec(Arc::unwrap_or_clone(v)),)*
                    other => unreachable!("{:?} has another size", other.dtype()),
                }
            }
            fn data(values: Vec<Self>, dtype: DType) -> Data {
                match dtype {
                    $(DType::$name => <$type as Element>::data(cast_vec(values)),)*
                    other => unreachable!("{other:?} has another size"),
                }
            }
        }
    )*};
}
bits! {
    u16: F16 f16;
    u32: F32 f32, I32 i32;
    u64: F64 f64, I64 i64;
}

impl Bits for u8 {
    fn of(data: &Data) -> &[Self] {
        match data {
            Data::Bool(v) => bytemuck::cast_slice::<bool, Self>(v),
            Data::I8(v) => bytemuck::cast_slice::<i8, Self>(v),
            Data::U8(v) => v,
            other => unreachable!("{:?} has another size", other.dtype()),
        }
    }
    fn take(data: Data) -> Vec<Self> {
        match data {
            Data::I8(v) => cast_vec(Arc::unwrap_or_clone(v)),
            Data::U8(v) => Arc::unwrap_or_clone(v),
            data => Self::of(&data).to_vec(),
        }
    }
    fn data(values: Vec<Self>, dtype: DType) -> Data {
        match dtype {
            // Not every byte is a truth value.
            DType::Bool => bool::data(values.into_iter().map(|v| v != 0).collect()),
            DType::I8 => i8::data(cast_vec(values)),
            DType::U8 => Element::data(values),
            other => unreachable!("{other:?} has another size"),
        }
    }
}

impl DType {
    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }
}

impl Tensor {
    /// The same elements with other sizes.
    ///
    /// # Errors
    /// [`LengthError`] where the shape has more or fewer elements.
    pub fn reshaped(self, shape: &[usize]) -> Result<Self> {
        Self::new(shape, self.data)
    }

    /// The elements as 32-bit floats in a tensor of the same shape; floating-point types are rounded, the others converted.
    pub fn to_f32(&self) -> Self {
        let values: Vec<f32> = match &self.data {
            Data::F32(_) => return self.clone(),
            Data::F16(v) => v.iter().map(|x| x.to_f32()).collect(),
            Data::F64(v) => v.iter().map(|x| *x as f32).collect(),
            Data::I64(v) => v.iter().map(|x| *x as f32).collect(),
            Data::I32(v) => v.iter().map(|x| *x as f32).collect(),
            Data::I8(v) => v.iter().map(|x| f32::from(*x)).collect(),
            Data::U8(v) => v.iter().map(|x| f32::from(*x)).collect(),
            Data::Bool(v) => v.iter().map(|x| f32::from(u8::from(*x))).collect(),
        };
        Self { shape: self.shape.clone(), data: Data::F32(Arc::new(values)) }
    }

    /// The elements as 16-bit floats in a tensor of the same shape: what weights are stored as.
    pub fn to_f16(&self) -> Self {
        let values: Vec<f16> = match &self.to_f32().data {
            Data::F32(v) => v.iter().map(|x| f16::from_f32(*x)).collect(),
            _ => Vec::new(),
        };
        Self { shape: self.shape.clone(), data: Data::F16(Arc::new(values)) }
    }

    /// The elements of a tensor of integers, of either width.
    pub fn to_i64s(&self) -> Option<Vec<i64>> {
        match &self.data {
            Data::I64(v) => Some(v.to_vec()),
            Data::I32(v) => Some(v.iter().map(|x| i64::from(*x)).collect()),
            _ => None,
        }
    }

    /// Shape and elements where they are 32-bit floats, without a copy where nobody else holds them; the tensor itself
    /// where they are not.
    pub fn into_f32s(self) -> std::result::Result<(Vec<usize>, Vec<f32>), Self> {
        match self.data {
            Data::F32(values) => Ok((self.shape, Arc::try_unwrap(values).unwrap_or_else(|v| v.to_vec()))),
            data => Err(Self { shape: self.shape, data }),
        }
    }

    /// Shape and elements where they are 32-bit floats that nobody else holds; else the tensor itself.
    pub fn into_own_f32s(self) -> std::result::Result<(Vec<usize>, Vec<f32>), Self> {
        match self.data {
            Data::F32(values) => match Arc::try_unwrap(values) {
                Ok(values) => Ok((self.shape, values)),
                Err(values) => Err(Self { shape: self.shape, data: Data::F32(values) }),
            },
            data => Err(Self { shape: self.shape, data }),
        }
    }

    /// A tensor of elements whose number is known to fit.
    pub fn of<T: Element>(shape: &[usize], values: Vec<T>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), values.len());
        Self { shape: shape.to_vec(), data: T::data(values) }
    }

    /// A tensor of elements that were moved as whole numbers of their size.
    pub(crate) fn of_bits<T: Bits>(dtype: DType, shape: &[usize], values: Vec<T>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), values.len());
        Self { shape: shape.to_vec(), data: T::data(values, dtype) }
    }

    /// The elements, where they are of this type.
    pub fn slice<T: Element>(&self) -> Option<&[T]> {
        T::slice(&self.data)
    }
}
