//! NumPy's generator as the source of what is random.

use glyphic_mmocr::transforms::Draws;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// `numpy.random` or a `RandomState`. The first failure is kept; after it every number is the least.
pub(crate) struct NumpyDraws {
    source: Py<PyAny>,
    failure: Option<PyErr>,
}

impl NumpyDraws {
    pub(crate) fn new(source: &Bound<'_, PyAny>) -> Self {
        Self { source: source.clone().unbind(), failure: None }
    }

    /// What `value` gives, or the failure of a draw.
    pub(crate) fn finish<T>(self, value: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
        match self.failure {
            Some(failure) => Err(failure),
            None => value(),
        }
    }

    fn number(
        &mut self,
        method: &str,
        arguments: impl for<'py> FnOnce(Python<'py>) -> PyResult<Bound<'py, PyTuple>>,
    ) -> Option<f64> {
        if self.failure.is_some() {
            return None;
        }
        let drawn = Python::attach(|py| {
            let value = self.source.bind(py).call_method1(method, arguments(py)?)?;
            value.extract::<f64>()
        });
        drawn.map_err(|failure| self.failure = Some(failure)).ok()
    }
}

impl Draws for NumpyDraws {
    fn unit(&mut self) -> f64 {
        self.number("random_sample", |py| Ok(PyTuple::empty(py))).unwrap_or(0.0)
    }

    fn uniform(&mut self, low: f64, high: f64) -> f64 {
        self.number("uniform", |py| (low, high).into_pyobject(py)).unwrap_or(low)
    }

    fn whole(&mut self, low: usize, high: usize) -> usize {
        if low >= high {
            return low;
        }
        let drawn = self.number("randint", |py| (low, high).into_pyobject(py));
        drawn.map_or(low, |v| v as usize)
    }

    fn choice(&mut self, n: usize) -> usize {
        let drawn = self.number("choice", |py| (n,).into_pyobject(py));
        drawn.map_or(0, |v| (v as usize).min(n.saturating_sub(1)))
    }

    fn normal(&mut self) -> f64 {
        self.number("standard_normal", |py| Ok(PyTuple::empty(py))).unwrap_or(0.0)
    }
}
