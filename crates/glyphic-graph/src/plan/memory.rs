//! Memory for large maps.

/// Numbers that are 0. Large blocks ask Linux for large pages, which it otherwise gives only where it is set up so: a convolution
/// reads rows far apart, and looks up fewer addresses then.
pub(super) fn zeros(len: usize) -> Vec<f32> {
    let values = vec![0.0; len];
    #[cfg(target_os = "linux")]
    ask_for_large_pages(&values);
    values
}

/// Size of a large page in bytes, on x86-64 and mostly on others.
#[cfg(target_os = "linux")]
const LARGE_PAGE: usize = 2 << 20;

#[cfg(target_os = "linux")]
fn ask_for_large_pages(values: &[f32]) {
    let bytes = values.as_ptr_range();
    let (start, end) = (bytes.start as usize, bytes.end as usize);
    let (first, last) = (start.next_multiple_of(LARGE_PAGE), end - end % LARGE_PAGE);
    if first >= last {
        return;
    }
    let first_page = bytes.start.wrapping_byte_add(first - start).cast_mut().cast();
    #[expect(unsafe_code, reason = "the libc crate does not wrap it")]
    // SAFETY: the pages lie in the block, and the advice changes neither what they hold nor who may read them.
    unsafe {
        libc::madvise(first_page, last - first, libc::MADV_HUGEPAGE);
    }
}
