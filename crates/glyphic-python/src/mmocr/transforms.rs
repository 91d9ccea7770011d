use std::collections::BTreeMap;

use glyphic_core::{Entity, Point};
use glyphic_imgproc::{Raster, Value};
use glyphic_mmocr::transforms::{Character, NerTransform, Picture, Scene, Step, Tensor};
use numpy::{
    Element, IntoPyArray, PyArray3, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::{GlyphicError, raise};
use crate::mmocr::draws::NumpyDraws;
use crate::mmocr::postprocess::config;
use crate::mmocr::{flat, outlines};

fn raster<T: Value + Element + Copy>(array: &PyReadonlyArrayDyn<'_, T>) -> PyResult<Raster<T>> {
    let (height, width, channels) = match array.shape() {
        [h, w] => (*h, *w, 1),
        [h, w, c] => (*h, *w, *c),
        shape => {
            let message = format!("a picture has the shape (height, width, channels), not {shape:?}");
            return Err(GlyphicError::new_err(message));
        }
    };
    let data = match array.as_slice() {
        Ok(values) => values.to_vec(),
        Err(_) => array.as_array().iter().copied().collect(),
    };
    Raster::new(height, width, channels, data).map_err(raise)
}

fn picture(input: &Bound<'_, PyAny>) -> PyResult<Picture> {
    if let Ok(bytes) = input.cast::<PyArrayDyn<u8>>() {
        return Ok(Picture::U8(raster(&bytes.readonly())?));
    }
    if let Ok(floats) = input.cast::<PyArrayDyn<f32>>() {
        return Ok(Picture::F32(raster(&floats.readonly())?));
    }
    let what = match input.getattr("dtype") {
        Ok(dtype) => format!("an array of {dtype}"),
        Err(_) => input.get_type().name()?.to_string(),
    };
    Err(GlyphicError::new_err(format!("a picture is an array of uint8 or float32, not {what}")))
}

fn array<'py>(py: Python<'py>, picture: Picture) -> PyResult<Bound<'py, PyAny>> {
    let shape = [picture.height(), picture.width(), picture.channels()];
    Ok(match picture {
        Picture::U8(r) => r.into_data().into_pyarray(py).reshape(shape)?.into_any(),
        Picture::F32(r) => r.into_data().into_pyarray(py).reshape(shape)?.into_any(),
    })
}

/// The scene of a picture `[height, width, channels]` and of what moves with it. `tensor` says that the picture is one,
/// `[channels, height, width]`.
fn scene(img: &Bound<'_, PyAny>, tensor: bool, parts: &Bound<'_, PyDict>) -> PyResult<Scene> {
    let mut scene = if tensor {
        let values = img.cast::<PyArray3<f32>>()?.readonly();
        let [c, h, w]: [usize; 3] = values.as_array().dim().into();
        let mut scene = Scene::new(Picture::F32(Raster::new(1, 1, 1, vec![0.0]).map_err(raise)?));
        scene.tensor = Some(Tensor { shape: [c, h, w], data: values.as_array().iter().copied().collect() });
        scene
    } else {
        Scene::new(picture(img)?)
    };
    if let Some(texts) = parts.get_item("texts")? {
        scene.texts = outlines(&texts.extract::<Vec<Vec<f64>>>()?)?;
    }
    if let Some(ignored) = parts.get_item("ignored")? {
        scene.ignored = outlines(&ignored.extract::<Vec<Vec<f64>>>()?)?;
    }
    if let Some(labels) = parts.get_item("labels")? {
        scene.labels = labels.extract()?;
    }
    if let Some(boxes) = parts.get_item("boxes")? {
        scene.boxes = boxes.extract()?;
    }
    if let Some(characters) = parts.get_item("characters")? {
        for (text, quad) in characters.extract::<Vec<(String, [f64; 8])>>()? {
            scene.characters.push(Character::from_quad(text, quad));
        }
    }
    if let Some(masks) = parts.get_item("masks")? {
        for (name, maps) in masks.cast::<PyDict>()?.iter() {
            let maps = maps.try_iter()?.map(|m| picture(&m?)).collect::<PyResult<Vec<_>>>()?;
            scene.masks.insert(name.extract()?, maps);
        }
    }
    if let Some(size) = parts.get_item("img_shape")? {
        scene.meta.img_shape = size.extract()?;
    }
    Ok(scene)
}

fn parts<'py>(py: Python<'py>, scene: Scene, tensor: bool) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let all = |outlines: &[Vec<Point>]| outlines.iter().map(|o| flat(o)).collect::<Vec<_>>();
    dict.set_item("texts", all(&scene.texts))?;
    dict.set_item("ignored", all(&scene.ignored))?;
    dict.set_item("labels", scene.labels)?;
    dict.set_item("boxes", scene.boxes)?;
    let characters: Vec<_> =
        scene.characters.iter().map(|c| (c.text.clone(), flat(&c.outline), c.rect())).collect();
    dict.set_item("characters", characters)?;
    let masks = PyDict::new(py);
    for (name, maps) in scene.masks {
        let maps = maps.into_iter().map(|m| array(py, m)).collect::<PyResult<Vec<_>>>()?;
        masks.set_item(name, maps)?;
    }
    dict.set_item("masks", masks)?;
    dict.set_item("img_shape", scene.meta.img_shape)?;
    dict.set_item("resize_shape", scene.meta.resize_shape)?;
    dict.set_item("pad_shape", scene.meta.pad_shape)?;
    dict.set_item("valid_ratio", scene.meta.valid_ratio)?;
    dict.set_item("scale_factor", scene.meta.scale_factor)?;
    if let Some(made) = scene.tensor {
        dict.set_item("tensor", made.data.into_pyarray(py).reshape(made.shape)?)?;
    }
    if !tensor {
        dict.set_item("img", array(py, scene.picture)?)?;
    }
    Ok(dict)
}

/// A step of a pipeline, `{"type": ..., ...}`, on a picture and on what moves with it. `draws` is `numpy.random` or a
/// `RandomState`.
#[pyfunction]
pub(crate) fn apply_step<'py>(
    py: Python<'py>,
    json: &str,
    img: &Bound<'py, PyAny>,
    tensor: bool,
    beside: &Bound<'py, PyDict>,
    draws: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyDict>> {
    let step: Step = config(json)?;
    let scene = scene(img, tensor, beside)?;
    let mut draws = NumpyDraws::new(draws);
    let scenes = py.detach(|| step.apply(scene, &mut draws));
    let scenes = draws.finish(|| scenes.map_err(raise))?;
    let scene = scenes.into_iter().next().ok_or_else(|| GlyphicError::new_err("the step gave nothing"))?;
    parts(py, scene, tensor)
}

/// Whether a step can be made of `{"type": ..., ...}`; its error otherwise.
#[pyfunction]
pub(crate) fn check_step(json: &str) -> PyResult<()> {
    config::<Step>(json).map(drop)
}

/// A picture at another size, bilinear.
#[pyfunction]
pub(crate) fn resize<'py>(
    img: &Bound<'py, PyAny>,
    height: usize,
    width: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let (py, picture) = (img.py(), picture(img)?);
    let resize = || match picture {
        Picture::U8(raster) => raster.resize_linear(height, width).map(Picture::U8),
        Picture::F32(raster) => raster.resize_linear(height, width).map(Picture::F32),
    };
    array(py, py.detach(resize).map_err(raise)?)
}

/// A picture less `mean` and divided by `std`, a number a channel, in single precision. `turn` brings the channels into
/// the other order first.
#[pyfunction]
pub(crate) fn normalize<'py>(
    img: &Bound<'py, PyAny>,
    mean: Vec<f32>,
    std: Vec<f32>,
    turn: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let (py, picture) = (img.py(), picture(img)?);
    let (size, channels) = (picture.size(), picture.channels());
    if mean.len() != channels || std.len() != channels {
        let message = format!(
            "a picture of {channels} channels needs as many numbers in mean and std, not {} and {}",
            mean.len(),
            std.len()
        );
        return Err(GlyphicError::new_err(message));
    }
    let run = || {
        let mut values = match picture {
            Picture::U8(raster) => raster.data().iter().map(|v| f32::from(*v)).collect(),
            Picture::F32(raster) => raster.into_data(),
        };
        // OpenCV subtracts in single precision and multiplies in double.
        let inverse: Vec<f64> = std.iter().map(|v| 1.0 / f64::from(*v)).collect();
        for pixel in values.chunks_exact_mut(channels) {
            if turn {
                pixel.reverse();
            }
            for ((value, mean), inverse) in pixel.iter_mut().zip(&mean).zip(&inverse) {
                *value = (f64::from(*value - mean) * inverse) as f32;
            }
        }
        Raster::new(size[0], size[1], channels, values).map(Picture::F32)
    };
    array(py, py.detach(run).map_err(raise)?)
}

/// A quadrilateral cut out and straightened, or its upright box with a margin.
#[pyfunction]
#[pyo3(signature = (img, quad, pads=None))]
pub(crate) fn crop_box<'py>(
    img: &Bound<'py, PyAny>,
    quad: [f64; 8],
    pads: Option<[f64; 2]>,
) -> PyResult<Bound<'py, PyAny>> {
    let (py, picture) = (img.py(), picture(img)?);
    let cut = || match pads {
        Some([long, short]) => glyphic_mmocr::transforms::box_crop(&picture, quad, long, short),
        None => glyphic_mmocr::transforms::warp_crop(&picture, quad),
    };
    array(py, py.detach(cut).map_err(raise)?)
}

/// Characters turned around a point by an angle in radians; those that mostly leave the picture are left out.
#[pyfunction]
pub(crate) fn rotate_boxes(
    boxes: Vec<[f64; 8]>,
    chars: Vec<String>,
    angle: f64,
    centre: [f64; 2],
    size: [f64; 2],
) -> (Vec<Vec<f64>>, Vec<String>) {
    use glyphic_mmocr::transforms::RandomRotateImageBox;
    let characters: Vec<Character> =
        chars.into_iter().zip(boxes).map(|(text, quad)| Character::from_quad(text, quad)).collect();
    let kept = RandomRotateImageBox::rotate_boxes(&characters, angle, centre, size);
    kept.into_iter().map(|c| (flat(&c.outline), c.text)).unzip()
}

/// The size (height, width) that `ScaleAspectJitter` chooses with given draws from 0 to 1.
#[pyfunction]
pub(crate) fn jitter_size(json: &str, height: usize, width: usize, draws: Vec<f64>) -> PyResult<[usize; 2]> {
    let step: glyphic_mmocr::transforms::ScaleAspectJitter = config(json)?;
    let mut draws = draws.into_iter();
    step.size(height, width, || draws.next().unwrap_or(0.0)).map_err(raise)
}

/// The size (height, width) and scale factors of a picture that only its size is known of.
#[pyfunction]
pub(crate) fn size_of_form(json: &str, height: usize, width: usize) -> PyResult<([usize; 2], [f32; 4])> {
    let step: glyphic_mmocr::transforms::ResizeNoImg = config(json)?;
    step.size(height, width).map_err(raise)
}

/// Texts and entities as the numbers a named-entity network reads.
#[pyclass(frozen, module = "glyphic._glyphic")]
pub(crate) struct NerEncoder(NerTransform);

#[pymethods]
impl NerEncoder {
    #[new]
    fn new(vocabulary: std::path::PathBuf, categories: Vec<String>, max_len: usize) -> PyResult<Self> {
        NerTransform::open(vocabulary, &categories, max_len).map(Self).map_err(raise)
    }

    /// `labels`, `texts`, `input_ids`, `attention_mask`, `token_type_ids`.
    fn encode<'py>(
        &self,
        py: Python<'py>,
        text: &str,
        entities: Vec<(String, i64, i64)>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let entities: Vec<Entity> =
            entities.into_iter().map(|(category, start, end)| Entity::new(category, start, end)).collect();
        let sample = self.0.apply(text, &entities).map_err(raise)?;
        let fields: BTreeMap<&str, Vec<i64>> = BTreeMap::from([
            ("labels", sample.labels),
            ("input_ids", sample.input_ids),
            ("attention_mask", sample.attention_mask),
            ("token_type_ids", sample.token_type_ids),
        ]);
        let dict = PyDict::new(py);
        dict.set_item("texts", sample.text)?;
        for (name, values) in fields {
            dict.set_item(name, values)?;
        }
        Ok(dict)
    }
}

/// A BGR picture in grey, `[height, width, 1]`.
#[pyfunction]
pub(crate) fn to_gray<'py>(img: &Bound<'py, PyArrayDyn<u8>>) -> PyResult<Bound<'py, PyAny>> {
    use glyphic_mmocr::transforms::{ChannelOrder, ColorType, LoadImageFromNdarray};
    let raster = raster(&img.readonly())?;
    let load = LoadImageFromNdarray {
        color_type: ColorType::Grayscale,
        channel_order: ChannelOrder::Bgr,
        ..Default::default()
    };
    array(img.py(), load.apply(raster).map_err(raise)?.picture)
}

/// The first row and column that `RandomCropInstances` cuts at; `texts` marks pixels of texts, where there are any.
#[pyfunction]
pub(crate) fn crop_offset(
    json: &str,
    size: [usize; 2],
    texts: Option<Vec<bool>>,
    draws: &Bound<'_, PyAny>,
) -> PyResult<[usize; 2]> {
    let step: glyphic_mmocr::transforms::RandomCropInstances = config(json)?;
    if let Some(texts) = &texts
        && texts.len() != size[0] * size[1]
    {
        let message = format!("a mask of {} pixels for a picture of {} x {}", texts.len(), size[0], size[1]);
        return Err(GlyphicError::new_err(message));
    }
    let mut draws = NumpyDraws::new(draws);
    let offset = step.draw(size, texts.as_deref(), &mut draws);
    draws.finish(|| Ok(offset))
}

/// The piece `x0, y0, x1, y1` that `RandomCropPolyInstances` cuts around one of `texts` and across none of `outlines`.
#[pyfunction]
pub(crate) fn crop_around(
    json: &str,
    size: [usize; 2],
    texts: Vec<Vec<f64>>,
    all: Vec<Vec<f64>>,
    draws: &Bound<'_, PyAny>,
) -> PyResult<[usize; 4]> {
    let step: glyphic_mmocr::transforms::RandomCropPolyInstances = config(json)?;
    let (texts, all) = (outlines(&texts)?, outlines(&all)?);
    if texts.is_empty() || size.contains(&0) {
        return Err(GlyphicError::new_err("a piece is cut around a text: there is none, or no picture"));
    }
    let mut draws = NumpyDraws::new(draws);
    let piece = step.choose(size, &texts, all.iter().map(Vec::as_slice), &mut draws);
    draws.finish(|| Ok(piece))
}

/// The rows and columns that no outline crosses, of a picture with a padding of `pads` rows and columns on each side.
#[pyfunction]
pub(crate) fn free_places(
    size: [usize; 2],
    texts: Vec<Vec<f64>>,
    pads: [usize; 2],
) -> PyResult<[Vec<usize>; 2]> {
    let texts = outlines(&texts)?;
    let texts: Vec<&[Point]> = texts.iter().map(Vec::as_slice).collect();
    Ok(glyphic_mmocr::transforms::RandomCropFlip::free_places(size, &texts, pads))
}
