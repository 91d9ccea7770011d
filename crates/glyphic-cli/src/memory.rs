//! Memory that is freed goes back to the system.

/// So many pages leave little behind, and giving it back takes some milliseconds.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const PAGES: usize = 8;

/// Gives back what lies free between blocks in use; `page` counts those that were read. glibc keeps it, and what is asked for next
/// is often placed behind it: memory grows page by page. Larger blocks mapped on their own (`M_MMAP_THRESHOLD`) would do, too, but
/// the system's time for them is a tenth of a page's.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn give_back(page: usize) {
    if !page.is_multiple_of(PAGES) {
        return;
    }
    #[expect(unsafe_code, reason = "the libc crate does not wrap it")]
    // SAFETY: it takes each heap's own lock and touches no block that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Other allocators do so on their own.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn give_back(_page: usize) {}
