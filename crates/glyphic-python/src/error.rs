use std::error::Error;
use std::io;

use pyo3::exceptions::PyValueError;
use pyo3::{PyErr, create_exception};

create_exception!(
    glyphic,
    GlyphicError,
    PyValueError,
    "Input that cannot be used: what is wrong, where, what would be right."
);

/// The exception of an error: an `OSError` where the system failed, else [`GlyphicError`].
pub(crate) fn raise(error: impl Error + 'static) -> PyErr {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(current) = cause {
        if let Some(system) = current.downcast_ref::<io::Error>() {
            return io::Error::new(system.kind(), error.to_string()).into();
        }
        cause = current.source();
    }
    GlyphicError::new_err(error.to_string())
}
