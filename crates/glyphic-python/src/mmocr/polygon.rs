use glyphic_core::Point;
use glyphic_eval::{Outline, OutlineRule};
use i_overlay::core::{fill_rule::FillRule, overlay_rule::OverlayRule};
use i_overlay::float::single::SingleFloatOverlay;
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

use crate::error::GlyphicError;
use crate::mmocr::points;

/// A polygon as the metrics see it: any closed sequence of points, or what two of them share.
///
/// With `compat`, its area is the shoelace sum of the points as given; else it follows the even-odd rule, as intersections
/// always do. The two differ where the outline crosses itself.
#[pyclass(frozen, from_py_object, module = "glyphic.mmocr.core.evaluation.utils")]
#[derive(Clone)]
pub(crate) struct Polygon {
    pub(crate) contours: Vec<Vec<Point>>,
    outline: Option<Outline>,
    area: f64,
    compat: bool,
}

pub(crate) fn rule(compat: bool) -> OutlineRule {
    if compat { OutlineRule::Mmocr021 } else { OutlineRule::EvenOdd }
}

impl Polygon {
    pub(crate) fn outline(&self) -> PyResult<&Outline> {
        let message = "this polygon is an intersection: only those made of points can be intersected again";
        self.outline.as_ref().ok_or_else(|| GlyphicError::new_err(message))
    }

    /// The points of its outline.
    pub(crate) fn points(&self) -> PyResult<&[Point]> {
        self.outline()?;
        Ok(&self.contours[0])
    }
}

#[pymethods]
impl Polygon {
    #[new]
    #[pyo3(signature = (points, compat=false))]
    fn new(points: Vec<f64>, compat: bool) -> PyResult<Self> {
        let points = self::points(&points)?;
        let outline = Outline::new(&points, rule(compat));
        Ok(Self { area: outline.area(), outline: Some(outline), contours: vec![points], compat })
    }

    /// Whether its area is MMOCR's.
    #[getter]
    fn compat(&self) -> bool {
        self.compat
    }

    /// Area in square pixels.
    fn area(&self) -> f64 {
        self.area
    }

    /// Area of what the two share.
    fn intersection_area(&self, other: &Self) -> PyResult<f64> {
        Ok(self.outline()?.intersection(other.outline()?))
    }

    /// Intersection over union; None where the union is empty.
    fn iou(&self, other: &Self) -> PyResult<Option<f64>> {
        Ok(self.outline()?.iou(other.outline()?))
    }

    /// What the two share; its contours are open, and their vertices are off by up to a 2^-30th of the polygons' extent.
    fn __and__(&self, other: &Self) -> PyResult<Self> {
        let area = self.intersection_area(other)?;
        let ring = |p: &Self| p.contours[0].iter().map(|p| [p.x, p.y]).collect::<Vec<_>>();
        let shapes = ring(self).overlay(&ring(other), OverlayRule::Intersect, FillRule::EvenOdd);
        let contour = |ring: Vec<[f64; 2]>| ring.into_iter().map(|[x, y]| Point::new(x, y)).collect();
        let contours = shapes.into_iter().flatten().map(contour).collect();
        Ok(Self { contours, outline: None, area, compat: self.compat })
    }

    /// The number of points of all contours.
    #[pyo3(name = "nPoints")]
    fn n_points(&self) -> usize {
        self.contours.iter().map(Vec::len).sum()
    }

    /// The least and the greatest x, then y, as Polygon3 gives them.
    #[pyo3(name = "boundingBox")]
    fn bounding_box(&self) -> PyResult<(f64, f64, f64, f64)> {
        let points = || self.contours.iter().flatten();
        if points().next().is_none() {
            return Err(GlyphicError::new_err("a polygon without points has no bounds"));
        }
        let range = |of: fn(&Point) -> f64| {
            points().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)))
        };
        let ((x0, x1), (y0, y1)) = (range(|p| p.x), range(|p| p.y));
        Ok((x0, x1, y0, y1))
    }

    /// The number of contours.
    fn __len__(&self) -> usize {
        self.contours.len()
    }

    /// A contour: its points.
    fn __getitem__(&self, index: usize) -> PyResult<Vec<(f64, f64)>> {
        let contour = self.contours.get(index);
        let message = || PyIndexError::new_err(format!("contour {index} of {}", self.contours.len()));
        contour.ok_or_else(message).map(|c| c.iter().map(|p| (p.x, p.y)).collect())
    }

    fn __repr__(&self) -> String {
        let contours: Vec<Vec<(f64, f64)>> =
            self.contours.iter().map(|c| c.iter().map(|p| (p.x, p.y)).collect()).collect();
        format!("Polygon({contours:?}, area={})", self.area)
    }
}
