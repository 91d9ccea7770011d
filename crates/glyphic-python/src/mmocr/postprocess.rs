use glyphic_core::Region;
use glyphic_imgproc::{Map, ScoredQuad};
use glyphic_regions::dbnet::{DbDecodeConfig, DbUnclip, ProbabilityMap};
use glyphic_regions::drrg::DrrgDecodeConfig;
use glyphic_regions::fcenet::{FceDecodeConfig, FceLevel, FourierBasis, ScoredOutline, poly_nms as nms};
use glyphic_regions::panet::PanDecodeConfig;
use glyphic_regions::psenet::PseDecodeConfig;
use glyphic_regions::textsnake::SnakeDecodeConfig;
use glyphic_regions::{Error, Maps};
use numpy::{PyReadonlyArray2, PyReadonlyArray3};
use pyo3::prelude::*;
use serde::de::DeserializeOwned;

use crate::error::{GlyphicError, raise};
use crate::mmocr::{flat, points};

/// A configuration from JSON; what is left out has its default.
pub(crate) fn config<T: DeserializeOwned>(json: &str) -> PyResult<T> {
    serde_json::from_str(json).map_err(|e| GlyphicError::new_err(format!("{e} in {json}")))
}

/// Rows of `x1, y1, ..., score`.
fn rows(regions: Vec<Region>) -> Vec<Vec<f64>> {
    let row = |r: Region| {
        let mut row = flat(r.polygon.points());
        row.push(f64::from(r.score));
        row
    };
    regions.into_iter().map(row).collect()
}

/// Values and shape of maps `[channels, height, width]`.
fn values(maps: &PyReadonlyArray3<'_, f32>) -> (Vec<f32>, [usize; 3]) {
    let view = maps.as_array();
    let (channels, height, width) = view.dim();
    (view.iter().copied().collect(), [channels, height, width])
}

const SAME: [f64; 2] = [1.0; 2];

macro_rules! of_maps {
    ($(#[$doc:meta])* $name:ident, $config:ty) => {
        $(#[$doc])*
        #[pyfunction]
        pub(crate) fn $name(
            py: Python<'_>,
            maps: PyReadonlyArray3<'_, f32>,
            json: &str,
        ) -> PyResult<Vec<Vec<f64>>> {
            let decode: $config = config(json)?;
            let (values, shape) = values(&maps);
            let run = || -> Result<_, Error> {
                decode.validate()?;
                decode.decode(&Maps::new(&values, shape)?, SAME)
            };
            py.detach(run).map(rows).map_err(raise)
        }
    };
}

of_maps!(
    /// PAN's maps `[6, H, W]`.
    pan_decode,
    PanDecodeConfig
);
of_maps!(
    /// PSENet's kernels `[n, H, W]`.
    pse_decode,
    PseDecodeConfig
);
of_maps!(
    /// TextSnake's maps `[5, H, W]`.
    textsnake_decode,
    SnakeDecodeConfig
);

/// DBNet's probability map `[H, W]`.
#[pyfunction]
pub(crate) fn db_decode(
    py: Python<'_>,
    map: PyReadonlyArray2<'_, f32>,
    json: &str,
) -> PyResult<Vec<Vec<f64>>> {
    let decode: DbDecodeConfig = config(json)?;
    let view = map.as_array();
    let (height, width) = view.dim();
    let values = Map::new(width, height, view.iter().copied().collect()).map_err(raise)?;
    let range = |name: &str, value: f64, high: f64| {
        let message = || GlyphicError::new_err(format!("invalid {name} = {value}; expected 0 to {high}"));
        (0.0..=high).contains(&value).then_some(()).ok_or_else(message)
    };
    range("mask_threshold", f64::from(decode.mask_threshold), 1.0)?;
    range("min_score", decode.min_score, 1.0)?;
    if let DbUnclip::Ratio(ratio) = decode.unclip {
        range("unclip.ratio", ratio, 100.0)?;
    }
    Ok(rows(py.detach(|| decode.decode(&ProbabilityMap { values, scale: SAME }))))
}

/// One level of FCENet: classes `[4, H, W]`, signatures `[2 * (2 * degree + 1), H, W]`.
#[pyfunction]
pub(crate) fn fcenet_decode(
    py: Python<'_>,
    classes: PyReadonlyArray3<'_, f32>,
    signatures: PyReadonlyArray3<'_, f32>,
    stride: f32,
    json: &str,
) -> PyResult<Vec<Vec<f64>>> {
    let decode: FceDecodeConfig = config(json)?;
    let ((classes, class_shape), (signatures, shape)) = (values(&classes), values(&signatures));
    let run = || -> Result<_, Error> {
        decode.validate()?;
        let classes = Maps::new(&classes, class_shape)?;
        let signatures = Maps::new(&signatures, shape)?;
        decode.decode(&[FceLevel { classes, signatures, stride }], SAME)
    };
    py.detach(run).map(rows).map_err(raise)
}

/// DRRG's components `[n, 9]` (four corners and a score) strung together by scored edges `[m, 2]`.
#[pyfunction]
pub(crate) fn drrg_decode(
    py: Python<'_>,
    edges: Vec<[usize; 2]>,
    scores: Vec<f64>,
    components: PyReadonlyArray2<'_, f32>,
    json: &str,
) -> PyResult<Vec<Vec<f64>>> {
    let decode: DrrgDecodeConfig = config(json)?;
    let view = components.as_array();
    if view.ncols() != 9 {
        let message =
            format!("components are rows of 8 coordinates and a score, not of {} numbers", view.ncols());
        return Err(GlyphicError::new_err(message));
    }
    let quad =
        |r: Vec<f32>| ScoredQuad { corners: std::array::from_fn(|i| [r[2 * i], r[2 * i + 1]]), score: r[8] };
    let components: Vec<ScoredQuad> = view.rows().into_iter().map(|r| quad(r.to_vec())).collect();
    decode.validate().map_err(raise)?;
    py.detach(|| decode.decode(&components, &edges, &scores, SAME)).map(rows).map_err(raise)
}

/// Indices-free suppression: the rows `x1, y1, ..., score` that stay, best first.
#[pyfunction]
pub(crate) fn poly_nms(py: Python<'_>, polygons: Vec<Vec<f64>>, threshold: f64) -> PyResult<Vec<Vec<f64>>> {
    let mut outlines = Vec::with_capacity(polygons.len());
    for row in &polygons {
        let Some((score, numbers)) = row.split_last() else {
            return Err(GlyphicError::new_err("a polygon is x1, y1, ..., score, not an empty list"));
        };
        outlines.push(ScoredOutline { points: points(numbers)?, score: *score as f32 });
    }
    let kept = py.detach(|| nms(outlines, threshold));
    let row = |o: ScoredOutline| {
        let mut row = flat(&o.points);
        row.push(f64::from(o.score));
        row
    };
    Ok(kept.into_iter().map(row).collect())
}

/// A contour of `samples` points from Fourier coefficients (real, imaginary) from the lowest to the highest degree.
#[pyfunction]
pub(crate) fn fourier_points(coefficients: Vec<[f64; 2]>, samples: usize) -> PyResult<Vec<f64>> {
    let n = coefficients.len();
    if n.is_multiple_of(2) || !(1..=100_000).contains(&samples) {
        let message = format!(
            "{n} coefficients and {samples} points: an odd number of them and 1 to 100000 points are needed"
        );
        return Err(GlyphicError::new_err(message));
    }
    Ok(flat(&FourierBasis::new(n / 2, samples).contour(&coefficients)))
}
