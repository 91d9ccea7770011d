//! Runs that are killed while they write.
#![cfg(target_os = "linux")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Child,
    time::{Duration, Instant},
};

use crate::common::spawn;

/// Kills a run after a while by SIGKILL.
fn kill(mut run: Child, after: Duration) {
    std::thread::sleep(after);
    // Fails where the run has ended.
    let _ = run.kill();
    run.wait().unwrap();
}

/// The files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn a_killed_run_leaves_whole_files_or_none() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../glyphic/tests/cases");
    let pictures: Vec<String> = ["letters", "ruled-table", "plate"]
        .iter()
        .map(|name| cases.join(format!("{name}.png")).display().to_string())
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let run = |out: &Path, format: &str| {
        let mut args = vec!["read", "--format", format, "--out", out.to_str().unwrap()];
        args.extend(pictures.iter().map(String::as_str));
        spawn(&args)
    };
    let several = "text,json,jsonl,markdown,html,hocr,alto,page,tsv,csv,pdf,overlay";
    let formats = ["page", "overlay", "pdf", several];
    for format in formats {
        let whole = folder.path().join(format!("whole-{}", format.len()));
        fs::create_dir(&whole).unwrap();
        let target = |folder: &Path| match format {
            "pdf" => folder.join("all.pdf"),
            "page" | "overlay" => folder.to_owned(),
            _ => folder.join("all"),
        };
        let start = Instant::now();
        assert!(run(&target(&whole), format).wait().unwrap().success(), "{format}");
        let took = start.elapsed();
        let expected = files(&whole);
        assert!(!expected.is_empty());
        for moment in 0..6 {
            let killed = folder.path().join(format!("killed-{}-{moment}", format.len()));
            fs::create_dir(&killed).unwrap();
            kill(run(&target(&killed), format), took * (2 * moment + 1) / 12);
            for file in files(&killed) {
                let name = file.strip_prefix(&killed).unwrap();
                let bytes = fs::read(&file).unwrap();
                let same = fs::read(whole.join(name)).is_ok_and(|whole| whole == bytes);
                assert!(same, "{format}, moment {moment}: {} is not whole", name.display());
            }
        }
    }
}
