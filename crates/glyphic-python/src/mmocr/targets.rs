use glyphic_data::targets::OcrSegTargets;
use glyphic_mmocr::transforms::generator;
use glyphic_regions::dbnet::targets::DbnetTargets;
use glyphic_regions::drrg::targets::DrrgTargets;
use glyphic_regions::fcenet::targets::FcenetTargets;
use glyphic_regions::panet::targets::PanetTargets;
use glyphic_regions::psenet::targets::PsenetTargets;
use glyphic_regions::targets::{KernelMaps, Outlines};
use glyphic_regions::textsnake::targets::TextsnakeTargets;
use numpy::{Element, IntoPyArray, PyArray3, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::de::DeserializeOwned;

use crate::error::{GlyphicError, raise};
use crate::mmocr::postprocess::config;

/// Flat outlines of one picture.
type Boxes = Vec<Vec<f64>>;

/// What a generator of this configuration draws, without Python's lock.
fn drawn<T: DeserializeOwned + Sync, M: Send>(
    py: Python<'_>,
    json: &str,
    outlines: &Outlines,
    draw: impl FnOnce(&T, &Outlines) -> glyphic_regions::Result<M> + Send,
) -> PyResult<M> {
    let targets: T = config(json)?;
    py.detach(|| draw(&targets, outlines)).map_err(raise)
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

/// Named maps on their way to Python.
struct Named<'py> {
    dict: Bound<'py, PyDict>,
    size: [usize; 2],
}

impl Named<'_> {
    fn put<T: Element>(&self, name: &str, maps: Vec<T>) -> PyResult<()> {
        self.dict.set_item(name, stack(self.dict.py(), self.size, maps)?)
    }

    fn put_kernels(&self, maps: KernelMaps) -> PyResult<()> {
        self.put("gt_kernels", maps.kernels.concat())?;
        self.put("gt_mask", maps.mask)
    }
}

/// The maps that a target generator, by its name in MMOCR, draws of a picture's texts. DBNet's tells which texts it
/// `ignored`; `seed` is that of DRRG's components.
#[pyfunction]
pub(crate) fn draw_targets<'py>(
    py: Python<'py>,
    kind: &str,
    json: &str,
    size: [usize; 2],
    texts: Boxes,
    ignored: Boxes,
    seed: u64,
) -> PyResult<Bound<'py, PyDict>> {
    let outlines = Outlines::from_flat(size[0], size[1], &texts, &ignored).map_err(raise)?;
    let named = Named { dict: PyDict::new(py), size };
    match kind {
        "DBNetTargets" => {
            let (maps, ignored) = drawn(py, json, &outlines, |targets: &DbnetTargets, outlines| {
                let texts = outlines.texts.iter().enumerate();
                let ignored: Vec<usize> = texts.filter(|(_, t)| targets.ignores(t)).map(|(i, _)| i).collect();
                Ok((targets.maps_of(outlines)?, ignored))
            })?;
            named.put("gt_shrink", maps.shrink)?;
            named.put("gt_shrink_mask", maps.shrink_mask)?;
            named.put("gt_thr", maps.thr)?;
            named.put("gt_thr_mask", maps.thr_mask)?;
            named.dict.set_item("ignored", ignored)?;
        }
        "PANetTargets" => named.put_kernels(drawn(py, json, &outlines, PanetTargets::maps_of)?)?,
        "PSENetTargets" => named.put_kernels(drawn(py, json, &outlines, PsenetTargets::maps_of)?)?,
        "TextSnakeTargets" => {
            let maps = drawn(py, json, &outlines, TextsnakeTargets::maps_of)?;
            named.put("gt_text_mask", maps.text_mask)?;
            named.put("gt_center_region_mask", maps.center_region_mask)?;
            named.put("gt_mask", maps.mask)?;
            named.put("gt_radius_map", maps.radius)?;
            named.put("gt_sin_map", maps.sin)?;
            named.put("gt_cos_map", maps.cos)?;
        }
        "FCENetTargets" => {
            for (i, level) in drawn(py, json, &outlines, FcenetTargets::levels_of)?.into_iter().enumerate() {
                let maps = stack(py, [level.height, level.width], level.maps)?;
                named.dict.set_item(format!("p{}_maps", i + 3), maps)?;
            }
        }
        "DRRGTargets" => {
            let maps = drawn(py, json, &outlines, |targets: &DrrgTargets, outlines| {
                targets.maps_of(outlines, &mut generator(seed, 0))
            })?;
            named.put("gt_text_mask", maps.text_mask)?;
            named.put("gt_center_region_mask", maps.center_region_mask)?;
            named.put("gt_mask", maps.mask)?;
            named.put("gt_top_height_map", maps.top_height)?;
            named.put("gt_bot_height_map", maps.bot_height)?;
            named.put("gt_sin_map", maps.sin)?;
            named.put("gt_cos_map", maps.cos)?;
            let rows = maps.comp_attribs.len() / 8;
            named.dict.set_item("gt_comp_attribs", maps.comp_attribs.into_pyarray(py).reshape([rows, 8])?)?;
        }
        _ => return Err(GlyphicError::new_err(format!("there is no target generator {kind:?}"))),
    }
    Ok(named.dict)
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

/// The ends of a text: the indices of the two vertices of its first edge and of its last; `None` for fewer than four.
#[pyfunction]
pub(crate) fn find_head_tail(outline: Vec<f64>, orientation_thr: f64) -> PyResult<Option<[[usize; 2]; 2]>> {
    Ok(glyphic_regions::targets::find_head_tail(&crate::mmocr::points(&outline)?, orientation_thr))
}
