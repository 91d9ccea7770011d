//! Working memory of a thread, kept between calls.

use std::cell::RefCell;

thread_local! {
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
    static FREE_BYTES: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f` with `len` numbers of any values, at an address that is a multiple of a cache line.
pub(crate) fn with<T>(len: usize, f: impl FnOnce(&mut [f32]) -> T) -> T {
    let mut buffer = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
    if buffer.len() < len + 15 {
        buffer.resize(len + 15, 0.0);
    }
    let start = aligned(&buffer);
    let result = f(&mut buffer[start..start + len]);
    FREE.with_borrow_mut(|free| free.push(buffer));
    result
}

/// Index of the first number at a multiple of 64 bytes, at most 15.
pub(crate) fn aligned(values: &[f32]) -> usize {
    values.as_ptr().align_offset(64).min(15)
}

/// Calls `f` with `len` bytes of any values.
pub(crate) fn bytes<T>(len: usize, f: impl FnOnce(&mut [u8]) -> T) -> T {
    let mut buffer = FREE_BYTES.with_borrow_mut(Vec::pop).unwrap_or_default();
    if buffer.len() < len {
        buffer.resize(len, 0);
    }
    let result = f(&mut buffer[..len]);
    FREE_BYTES.with_borrow_mut(|free| free.push(buffer));
    result
}
