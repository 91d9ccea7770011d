use half::{bf16, f16};

/// The element types of stored tensors. All become f32 on reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
#[non_exhaustive]
pub enum DType {
    Bool,
    U8,
    I8,
    I16,
    I32,
    I64,
    F16,
    BF16,
    F32,
    F64,
}

impl DType {
    /// Bytes an element.
    pub fn size(self) -> usize {
        match self {
            DType::Bool | DType::U8 | DType::I8 => 1,
            DType::I16 | DType::F16 | DType::BF16 => 2,
            DType::I32 | DType::F32 => 4,
            DType::I64 | DType::F64 => 8,
        }
    }

    /// The element that starts at byte `at`, little-endian. The caller has checked the bounds.
    pub(crate) fn get(self, bytes: &[u8], at: usize) -> f32 {
        fn take<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
            std::array::from_fn(|i| bytes[at + i])
        }
        match self {
            DType::Bool | DType::U8 => f32::from(bytes[at]),
            DType::I8 => f32::from(i8::from_le_bytes(take(bytes, at))),
            DType::I16 => f32::from(i16::from_le_bytes(take(bytes, at))),
            DType::I32 => i32::from_le_bytes(take(bytes, at)) as f32,
            DType::I64 => i64::from_le_bytes(take(bytes, at)) as f32,
            DType::F16 => f16::from_le_bytes(take(bytes, at)).to_f32(),
            DType::BF16 => bf16::from_le_bytes(take(bytes, at)).to_f32(),
            DType::F32 => f32::from_le_bytes(take(bytes, at)),
            DType::F64 => f64::from_le_bytes(take(bytes, at)) as f32,
        }
    }
}
