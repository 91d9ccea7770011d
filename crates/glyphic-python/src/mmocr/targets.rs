use glyphic_data::targets::dbnet::DbnetTargets;
use glyphic_data::targets::drrg::DrrgTargets;
use glyphic_data::targets::fcenet::FcenetTargets;
use glyphic_data::targets::textsnake::TextsnakeTargets;
use glyphic_data::targets::{KernelMaps, OcrSegTargets, Outlines, PanetTargets, PsenetTargets};
use glyphic_data::transforms::generator;
use numpy::{Element, IntoPyArray, PyArray3, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::de::DeserializeOwned;

use crate::error::raise;
use crate::mmocr::postprocess::config;

/// Flat outlines of one picture.
type Boxes = Vec<Vec<f64>>;

/// What a generator of this configuration draws, without Python's lock.
fn drawn<T: DeserializeOwned + Sync, M: Send>(
    py: Python<'_>,
    json: &str,
    [height, width]: [usize; 2],
    texts: &Boxes,
    ignored: &Boxes,
    draw: impl FnOnce(&T, &Outlines) -> glyphic_data::Result<M> + Send,
) -> PyResult<M> {
    let targets: T = config(json)?;
    let outlines = Outlines::from_flat(height, width, texts, ignored).map_err(raise)?;
    py.detach(|| draw(&targets, &outlines)).map_err(raise)
}

/// Maps one after the other as `[n, height, width]`, without a copy.
fn stack<'py, T: Element>(
    py: Python<'py>,
    [height, width]: [usize; 2],
    maps: Vec<T>,
) -> PyResult<Bound<'py, PyArray3<T>>> {
    let n = maps.len().checked_div(height * width).unwrap_or(0);
    maps.into_pyarray(py).reshape([n, height, width])
}

#[pyfunction]
pub(crate) fn dbnet_targets<'py>(
    py: Python<'py>,
    json: &str,
    size: [usize; 2],
    texts: Boxes,
    ignored: Boxes,
) -> PyResult<Bound<'py, PyDict>> {
    let maps = drawn(py, json, size, &texts, &ignored, DbnetTargets::maps_of)?;
    let dict = PyDict::new(py);
    dict.set_item("gt_shrink", stack(py, size, maps.shrink)?)?;
    dict.set_item("gt_shrink_mask", stack(py, size, maps.shrink_mask)?)?;
    dict.set_item("gt_thr", stack(py, size, maps.thr)?)?;
    dict.set_item("gt_thr_mask", stack(py, size, maps.thr_mask)?)?;
    Ok(dict)
}

fn kernels<'py>(py: Python<'py>, size: [usize; 2], maps: KernelMaps) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("gt_kernels", stack(py, size, maps.kernels.concat())?)?;
    dict.set_item("gt_mask", stack(py, size, maps.mask)?)?;
    Ok(dict)
}

#[pyfunction]
pub(crate) fn panet_targets<'py>(
    py: Python<'py>,
    json: &str,
    size: [usize; 2],
    texts: Boxes,
    ignored: Boxes,
) -> PyResult<Bound<'py, PyDict>> {
    kernels(py, size, drawn(py, json, size, &texts, &ignored, PanetTargets::maps_of)?)
}

#[pyfunction]
pub(crate) fn psenet_targets<'py>(
    py: Python<'py>,
    json: &str,
    size: [usize; 2],
    texts: Boxes,
    ignored: Boxes,
) -> PyResult<Bound<'py, PyDict>> {
    kernels(py, size, drawn(py, json, size, &texts, &ignored, PsenetTargets::maps_of)?)
}

#[pyfunction]
pub(crate) fn textsnake_targets<'py>(
    py: Python<'py>,
    json: &str,
    size: [usize; 2],
    texts: Boxes,
    ignored: Boxes,
) -> PyResult<Bound<'py, PyDict>> {
    let maps = drawn(py, json, size, &texts, &ignored, TextsnakeTargets::maps_of)?;
    let dict = PyDict::new(py);
    dict.set_item("gt_text_mask", stack(py, size, maps.text_mask)?)?;
    dict.set_item("gt_center_region_mask", stack(py, size, maps.center_region_mask)?)?;
    dict.set_item("gt_mask", stack(py, size, maps.mask)?)?;
    dict.set_item("gt_radius_map", stack(py, size, maps.radius)?)?;
    dict.set_item("gt_sin_map", stack(py, size, maps.sin)?)?;
    dict.set_item("gt_cos_map", stack(py, size, maps.cos)?)?;
    Ok(dict)
}

#[pyfunction]
pub(crate) fn drrg_targets<'py>(
    py: Python<'py>,
    json: &str,
    size: [usize; 2],
    texts: Boxes,
    ignored: Boxes,
    seed: u64,
) -> PyResult<Bound<'py, PyDict>> {
    let maps = drawn(py, json, size, &texts, &ignored, |targets: &DrrgTargets, outlines| {
        targets.maps_of(outlines, &mut generator(seed, 0))
    })?;
    let dict = PyDict::new(py);
    dict.set_item("gt_text_mask", stack(py, size, maps.text_mask)?)?;
    dict.set_item("gt_center_region_mask", stack(py, size, maps.center_region_mask)?)?;
    dict.set_item("gt_mask", stack(py, size, maps.mask)?)?;
    dict.set_item("gt_top_height_map", stack(py, size, maps.top_height)?)?;
    dict.set_item("gt_bot_height_map", stack(py, size, maps.bot_height)?)?;
    dict.set_item("gt_sin_map", stack(py, size, maps.sin)?)?;
    dict.set_item("gt_cos_map", stack(py, size, maps.cos)?)?;
    let rows = maps.comp_attribs.len() / 8;
    dict.set_item("gt_comp_attribs", maps.comp_attribs.into_pyarray(py).reshape([rows, 8])?)?;
    Ok(dict)
}

/// The maps of each level.
#[pyfunction]
pub(crate) fn fcenet_targets<'py>(
    py: Python<'py>,
    json: &str,
    size: [usize; 2],
    texts: Boxes,
    ignored: Boxes,
) -> PyResult<Vec<Bound<'py, PyArray3<f32>>>> {
    let levels = drawn(py, json, size, &texts, &ignored, FcenetTargets::levels_of)?;
    levels.into_iter().map(|l| stack(py, [l.height, l.width], l.maps)).collect()
}

/// Maps `[3, height, width]` and boxes.
type CharacterMaps<'py> = (Bound<'py, PyArray3<i32>>, Vec<Vec<i64>>);

/// The three maps and the boxes in pixels of the resized picture.
#[pyfunction]
pub(crate) fn ocr_seg_targets<'py>(
    py: Python<'py>,
    json: &str,
    image: [usize; 2],
    resized: [usize; 2],
    padded: [usize; 2],
    boxes: Boxes,
    classes: Vec<i32>,
) -> PyResult<CharacterMaps<'py>> {
    let targets: OcrSegTargets = config(json)?;
    let maps = py.detach(|| targets.maps(image, resized, padded, &boxes, &classes)).map_err(raise)?;
    let all = [maps.attention, maps.segmentation, maps.mask].concat();
    Ok((stack(py, padded, all)?, maps.boxes))
}
