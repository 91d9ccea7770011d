use std::path::PathBuf;

use glyphic_core::{Image, ImageLimits};
use numpy::{PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::{GlyphicError, raise};

/// The order of an array's channels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Rgb,
    Bgr,
}

impl Order {
    pub(crate) fn of(bgr: bool) -> Self {
        if bgr { Self::Bgr } else { Self::Rgb }
    }
}

/// The pictures of a path, of a file's bytes, of an array `[height, width]`, `[height, width, 1]` or
/// `[height, width, 3]` of uint8, or of a list of such; and whether it was a list.
pub(crate) fn images(input: &Bound<'_, PyAny>, order: Order) -> PyResult<(Vec<Image>, bool)> {
    if input.is_instance_of::<pyo3::types::PyList>() || input.is_instance_of::<pyo3::types::PyTuple>() {
        let all = input.try_iter()?.map(|one| image(&one?, order)).collect::<PyResult<_>>()?;
        return Ok((all, true));
    }
    Ok((vec![image(input, order)?], false))
}

pub(crate) fn image(input: &Bound<'_, PyAny>, order: Order) -> PyResult<Image> {
    let py = input.py();
    if let Ok(array) = input.cast::<PyArrayDyn<u8>>() {
        return from_array(array, order);
    }
    if let Ok(bytes) = input.cast::<PyBytes>() {
        let bytes = bytes.as_bytes();
        return py.detach(|| Image::decode(bytes, "<bytes>", ImageLimits::default())).map_err(raise);
    }
    if let Ok(path) = input.extract::<PathBuf>() {
        return py.detach(|| Image::open(path)).map_err(raise);
    }
    let what = match input.getattr("dtype") {
        Ok(dtype) => format!("an array of {dtype}"),
        Err(_) => input.get_type().name()?.to_string(),
    };
    Err(GlyphicError::new_err(format!(
        "a picture is a path, a file's bytes or an array of uint8, not {what}"
    )))
}

fn from_array(array: &Bound<'_, PyArrayDyn<u8>>, order: Order) -> PyResult<Image> {
    let shape = array.shape().to_vec();
    let (height, width, channels) = match shape[..] {
        [h, w] => (h, w, 1),
        [h, w, c @ (1 | 3)] => (h, w, c),
        _ => {
            let message = format!(
                "a picture has the shape (height, width, 3), (height, width, 1) or (height, width), not {shape:?}"
            );
            return Err(GlyphicError::new_err(message));
        }
    };
    let view = array.readonly();
    // One copy: a picture owns its pixels. A view with strides (a crop, a flip) is gathered on the way.
    let mut pixels = match view.as_slice() {
        Ok(pixels) => pixels.to_vec(),
        Err(_) => view.as_array().iter().copied().collect(),
    };
    if channels == 1 {
        pixels = pixels.iter().flat_map(|v| [*v; 3]).collect();
    } else if order == Order::Bgr {
        pixels.as_chunks_mut::<3>().0.iter_mut().for_each(|p| p.swap(0, 2));
    }
    let side = |s: usize| {
        u32::try_from(s).map_err(|_| GlyphicError::new_err(format!("a side of {s} pixels is too long")))
    };
    Image::from_rgb(side(width)?, side(height)?, pixels).map_err(raise)
}
