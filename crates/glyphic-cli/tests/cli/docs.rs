//! The commands of the pages in docs/ that take a user through a task, on small inputs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::common::{photo, synth_config};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The fenced blocks of a page: language and content. Those of list items are indented.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    let mut indent = 0;
    for line in page.lines() {
        let text = line.trim_start();
        if open.is_none() {
            indent = line.len() - text.len();
        }
        let line = line.get(indent..).unwrap_or(text);
        match (&mut open, text.strip_prefix("```")) {
            (None, Some(language)) => open = Some((language.to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// A training of two steps: what a page trains for hours is shown to run.
fn shortened(toml: &str) -> String {
    let short = |line: &str| match line.split_once(" = ") {
        Some((key @ ("steps" | "batch_size" | "validate_every" | "checkpoint_every"), _)) => {
            format!("{key} = 2")
        }
        Some(("size", _)) => "size = 128".to_owned(),
        _ => line.to_owned(),
    };
    toml.lines().map(|line| short(line) + "\n").collect()
}

/// Runs a page's `sh` blocks one after the other in one folder. TOML blocks that begin with a file's name, and JSON blocks whose
/// fence has one, are written to it.
#[cfg(unix)]
fn run(page: &str) {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::copy(photo(), at.join("photo.jpg")).unwrap();
    for name in ["till.jpg", "form.png"] {
        fs::copy(photo().with_file_name(name), at.join(name)).unwrap();
    }
    // Synthetic data are drawn with the fonts that the tests bring.
    let bin = at.join("bin");
    fs::create_dir(&bin).unwrap();
    let (real, config) = (env!("CARGO_BIN_EXE_glyphic"), synth_config(&bin));
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = synth ]; then shift; exec '{real}' synth --config '{config}' \"$@\"; fi\nexec '{real}' \"$@\"\n"
    );
    fs::write(bin.join("glyphic"), script).unwrap();
    fs::set_permissions(bin.join("glyphic"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());

    let text = fs::read_to_string(docs().join(page)).unwrap();
    let mut ran = 0;
    for (language, block) in blocks(&text) {
        match language.as_str() {
            "toml" => {
                let name = block.lines().next().and_then(|line| line.strip_prefix("# "));
                if let Some(name) = name.filter(|name| name.ends_with(".toml")) {
                    fs::write(at.join(name), shortened(&block)).unwrap();
                }
            }
            json if json.starts_with("json ") => {
                fs::write(at.join(json.trim_start_matches("json ")), block).unwrap();
            }
            "sh" => {
                let out = Command::new("sh")
                    .args(["-eu", "-c", &block])
                    .current_dir(at)
                    .env("PATH", &path)
                    .env("NO_COLOR", "1")
                    .output()
                    .unwrap();
                let said = String::from_utf8_lossy(&out.stderr);
                assert!(out.status.success(), "docs/{page}: {}\n{block}\n{said}", out.status);
                ran += 1;
            }
            _ => {}
        }
    }
    assert!(ran > 0, "docs/{page} has no commands");
}

#[cfg(unix)]
macro_rules! pages {
    ($($name:ident: $page:literal,)*) => {$(
        #[test]
        fn $name() {
            run($page);
        }
    )*};
}

#[cfg(unix)]
pages! {
    the_page_on_documents_runs: "documents.md",
    the_page_on_signs_runs: "signs.md",
    the_page_on_evaluation_runs: "evaluate.md",
    the_page_on_conversion_runs: "convert.md",
    the_page_on_training_a_detector_runs: "train-detector.md",
    the_page_on_training_a_recognizer_runs: "train-recognizer.md",
    the_page_for_users_of_mmocr_runs: "from-mmocr.md",
    the_page_on_extraction_runs: "extract.md",
}
