//! Tensors of ONNX files.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Component, Path},
};

use glyphic_graph::{DType, Data, Element, Tensor};
use half::f16;
use prost::Message as _;

use crate::{Error, Result, proto};

/// `TensorProto.DataType` of our types.
pub(crate) fn code(dtype: DType) -> i32 {
    match dtype {
        DType::F32 => 1,
        DType::U8 => 2,
        DType::I8 => 3,
        DType::I32 => 6,
        DType::I64 => 7,
        DType::Bool => 9,
        DType::F16 => 10,
        DType::F64 => 11,
    }
}

/// Our type of a `TensorProto.DataType`, or its name where we have none.
pub(crate) fn dtype(code: i32) -> std::result::Result<DType, String> {
    Ok(match code {
        1 => DType::F32,
        2 => DType::U8,
        3 => DType::I8,
        6 => DType::I32,
        7 => DType::I64,
        9 => DType::Bool,
        10 => DType::F16,
        11 => DType::F64,
        4 => return Err("UINT16".into()),
        5 => return Err("INT16".into()),
        8 => return Err("STRING".into()),
        12 => return Err("UINT32".into()),
        13 => return Err("UINT64".into()),
        16 => return Err("BFLOAT16".into()),
        other => return Err(format!("{other}")),
    })
}

/// Reads a `TensorProto`, as ONNX's tests store operands.
///
/// # Errors
/// [`Error::Invalid`] where it is not well formed, [`Error::Unsupported`] for a type that we lack.
pub fn tensor_from_bytes(bytes: &[u8]) -> Result<Tensor> {
    let tensor = proto::Tensor::decode(bytes).map_err(|e| Error::Invalid { reason: e.to_string() })?;
    read(tensor, None)
}

/// The bytes of a `TensorProto`.
pub fn tensor_to_bytes(tensor: &Tensor) -> Vec<u8> {
    write(tensor, "").encode_to_vec()
}

/// The tensor of a message; `folder` is where external data may lie.
pub(crate) fn read(t: proto::Tensor, folder: Option<&Path>) -> Result<Tensor> {
    let wrong = |reason: String| Error::Invalid { reason: format!("tensor {:?}: {reason}", t.name) };
    let dtype = dtype(t.data_type).map_err(|other| Error::Unsupported {
        parts: vec![format!("elements of type {other} (tensor {:?})", t.name)],
    })?;
    let shape: Vec<usize> = t
        .dims
        .iter()
        .map(|d| usize::try_from(*d).map_err(|_| wrong(format!("a size of {d}"))))
        .collect::<Result<_>>()?;
    let count = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
    let bytes = count.and_then(|n| n.checked_mul(dtype.size()));
    let (Some(count), Some(bytes)) = (count, bytes) else {
        return Err(wrong(format!("shape {shape:?} is too large")));
    };
    // EXTERNAL
    if t.data_location == 1 {
        let folder =
            folder.ok_or_else(|| wrong("its data lies in another file, and no folder is known".into()))?;
        let raw = external(&t, folder, bytes).map_err(wrong)?;
        return from_raw(dtype, &shape, &raw)
            .ok_or_else(|| wrong(format!("{} bytes; expected {bytes}", raw.len())));
    }
    if let Some(raw) = &t.raw_data
        && (!raw.is_empty() || count == 0)
    {
        return from_raw(dtype, &shape, raw)
            .ok_or_else(|| wrong(format!("{} bytes; expected {bytes}", raw.len())));
    }
    let given = match dtype {
        DType::F32 => t.float_data.len(),
        DType::F64 => t.double_data.len(),
        DType::I64 => t.int64_data.len(),
        _ => t.int32_data.len(),
    };
    if given != count {
        return Err(wrong(format!("{given} elements; expected {count}")));
    }
    let data = match dtype {
        DType::F32 => f32::data(t.float_data),
        DType::F64 => f64::data(t.double_data),
        DType::I64 => i64::data(t.int64_data),
        DType::I32 => i32::data(t.int32_data),
        DType::I8 => i8::data(t.int32_data.iter().map(|v| *v as i8).collect()),
        DType::U8 => u8::data(t.int32_data.iter().map(|v| *v as u8).collect()),
        DType::Bool => bool::data(t.int32_data.iter().map(|v| *v != 0).collect()),
        DType::F16 => f16::data(t.int32_data.iter().map(|v| f16::from_bits(*v as u16)).collect()),
    };
    Ok(Tensor::new(&shape, data).map_err(glyphic_graph::Error::from)?)
}

/// The tensor of little-endian bytes, where they are as many as it has.
fn from_raw(dtype: DType, shape: &[usize], raw: &[u8]) -> Option<Tensor> {
    fn values<T: Element, const N: usize>(raw: &[u8], f: impl Fn([u8; N]) -> T) -> Data {
        T::data(raw.as_chunks::<N>().0.iter().map(|c| f(*c)).collect())
    }
    if !raw.len().is_multiple_of(dtype.size()) {
        return None;
    }
    let data = match dtype {
        DType::F32 => values(raw, f32::from_le_bytes),
        DType::F64 => values(raw, f64::from_le_bytes),
        DType::F16 => values(raw, f16::from_le_bytes),
        DType::I64 => values(raw, i64::from_le_bytes),
        DType::I32 => values(raw, i32::from_le_bytes),
        DType::I8 => values(raw, i8::from_le_bytes),
        DType::U8 => u8::data(raw.to_vec()),
        DType::Bool => values(raw, |[b]: [u8; 1]| b != 0),
    };
    Tensor::new(shape, data).ok()
}

/// A tensor's elements as little-endian bytes.
pub(crate) fn to_raw(t: &Tensor) -> Vec<u8> {
    match t.data() {
        Data::F32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::F64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::F16(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::I64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::I32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::I8(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::U8(v) => v.to_vec(),
        Data::Bool(v) => v.iter().map(|x| u8::from(*x)).collect(),
    }
}

/// The message of a tensor.
pub(crate) fn write(t: &Tensor, name: &str) -> proto::Tensor {
    proto::Tensor {
        dims: t.shape().iter().map(|s| *s as i64).collect(),
        data_type: code(t.dtype()),
        name: name.to_owned(),
        raw_data: Some(to_raw(t)),
        ..proto::Tensor::default()
    }
}

/// Bytes that lie in a file beside the network's, which must not leave its folder.
fn external(t: &proto::Tensor, folder: &Path, bytes: usize) -> std::result::Result<Vec<u8>, String> {
    let entry = |key: &str| t.external_data.iter().find(|e| e.key == key).map(|e| e.value.as_str());
    let number = |key: &str| match entry(key) {
        Some(v) => v.parse::<u64>().map(Some).map_err(|_| format!("{key} of its external data is {v:?}")),
        None => Ok(None),
    };
    let location = entry("location").ok_or("its external data has no location")?;
    let relative = Path::new(location);
    let inside = relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if !inside || location.is_empty() {
        return Err(format!("its external data at {location:?} lies outside the network's folder"));
    }
    let failed = |e: std::io::Error| format!("cannot read its external data at {location:?}: {e}");
    let folder = folder.canonicalize().map_err(failed)?;
    let path = folder.join(relative).canonicalize().map_err(failed)?;
    // A link may lead elsewhere.
    if !path.starts_with(&folder) {
        return Err(format!("its external data at {location:?} lies outside the network's folder"));
    }
    let offset = number("offset")?.unwrap_or(0);
    let length = number("length")?.unwrap_or(bytes as u64);
    if length != bytes as u64 {
        return Err(format!("{length} bytes of external data; expected {bytes}"));
    }
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let end = offset.checked_add(length).filter(|end| metadata.is_file() && *end <= metadata.len());
    if end.is_none() {
        return Err(format!("its external data ends behind the {} bytes of {location:?}", metadata.len()));
    }
    file.seek(SeekFrom::Start(offset)).map_err(failed)?;
    let mut raw = vec![0; bytes];
    file.read_exact(&mut raw).map_err(failed)?;
    Ok(raw)
}
