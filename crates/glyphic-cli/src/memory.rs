//! Memory that is freed goes back to the system.

/// Larger blocks are mapped on their own, and unmapped when they are freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED: i32 = 1 << 20;

/// glibc maps large blocks on its own, too, but raises the size from which it does so to that of each one freed, up to 32 MiB:
/// pictures and tensors then lie in a heap between smaller blocks that stay, and it grows page by page. A size that is set stays
/// as it is.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn return_large_blocks() {
    if std::env::var_os("MALLOC_MMAP_THRESHOLD_").is_some() || std::env::var_os("GLIBC_TUNABLES").is_some() {
        return;
    }
    #[expect(unsafe_code, reason = "the libc crate does not wrap it")]
    // SAFETY: sets a number under the allocator's own lock; it may be called at any time, and fails without effect.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED);
    }
}

/// Other allocators have no such size.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn return_large_blocks() {}
