//! Memory that is kept between steps.

/// Space set aside, in blocks below the size from which glibc maps blocks one by one whatever happened before.
const BLOCK: usize = 16 << 20;
const BLOCKS: usize = 192;

/// Makes glibc keep what a step frees for the next step.
///
/// Each step frees about as much as the next one needs. By default that memory goes back to the system and comes
/// again as new pages, zeroed one by one, which costs more than what is computed in them. What lies inside the heap, and
/// not at its end, stays: so the heap is made long by blocks that are never touched, and the last of them is left there.
/// This takes address space; memory only as the steps use it. Other allocators need none of this.
pub(crate) fn keep_freed() {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        return;
    }
    // Freeing a mapped block raises the size from which blocks are mapped to its own, up to 32 MiB.
    drop(reserve((32 << 20) - (64 << 10)));
    let mut blocks: Vec<Vec<u8>> = (0..BLOCKS).map_while(|_| reserve(BLOCK)).collect();
    std::mem::forget(blocks.pop());
}

/// `None` where there is no room, which is no harm.
fn reserve(bytes: usize) -> Option<Vec<u8>> {
    let mut block = Vec::new();
    block.try_reserve_exact(bytes).ok()?;
    // Else the compiler sees that nothing is done with it.
    Some(std::hint::black_box(block))
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    /// Pages that this process has been given so far.
    fn faults() -> u64 {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        stat.rsplit(')').next().unwrap().split_whitespace().nth(7).unwrap().parse().unwrap()
    }

    #[test]
    fn a_second_step_needs_no_new_pages() {
        // On the first thread, whose heap grows: tests run on others. The harness runs one test there on request.
        let child = std::env::var_os("GLYPHIC_TEST_CHILD").is_some();
        if !child {
            let binary = std::env::current_exe().unwrap();
            let name = "memory::tests::a_second_step_needs_no_new_pages";
            let status = std::process::Command::new(binary)
                .args([name, "--exact", "--test-threads=1"])
                .env("GLYPHIC_TEST_CHILD", "1")
                .status();
            assert!(status.unwrap().success());
            return;
        }
        keep_freed();
        let step = || {
            let mut blocks = vec![vec![0.0_f32; 9 << 20], vec![0.0; 3 << 20], vec![0.0; 5 << 20]];
            blocks.iter_mut().for_each(|b| b.iter_mut().step_by(1024).for_each(|v| *v = 1.0));
            std::hint::black_box(blocks);
        };
        step();
        let before = faults();
        step();
        let needed = faults() - before;
        assert!(needed < 1000, "{needed} of 17408 pages");
    }
}
