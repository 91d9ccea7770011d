//! Copies the built cases of a full golden folder into this crate: `golden-copy <folder> [<to>]`.
//! The manifest it writes holds their entries, one a line, so that a diff shows cases.

use std::path::PathBuf;

use glyphic_testing::golden;

fn main() {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let Some(from) = arguments.next() else {
        eprintln!("usage: golden-copy <folder with manifest.json> [<to>]");
        std::process::exit(2);
    };
    let to = arguments.next().unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden"));
    if let Err(error) = copy(&from, &to) {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn copy(from: &std::path::Path, to: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    let manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(from.join("manifest.json"))?)?;
    let cases = manifest["cases"].as_array().ok_or("manifest.json has no list `cases`")?;
    std::fs::create_dir_all(to)?;
    let mut lines = Vec::new();
    for case in cases {
        let name = case["case"].as_str().ok_or("a case has no name")?;
        if !golden::is_built(name) {
            continue;
        }
        if let Some(file) = case["file"].as_str().and_then(|f| std::path::Path::new(f).file_name()) {
            std::fs::write(to.join(file), std::fs::read(from.join(file))?)?;
        }
        lines.push(serde_json::to_string(case)?);
    }
    let text = format!(
        "{{\"reference\": {},\n\"cases\": [\n{}\n]}}\n",
        serde_json::to_string(&manifest["reference"])?,
        lines.join(",\n")
    );
    std::fs::write(to.join("manifest.json"), text)?;
    println!("{} cases copied to {}", lines.len(), to.display());
    Ok(())
}
