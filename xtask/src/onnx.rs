use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{run, target};

/// The wheel that holds ONNX's test cases, of opset 22; later ones hold none. It is only unpacked, so that any platform's
/// wheel is right everywhere.
const WHEEL: [&str; 8] = [
    "onnx==1.17.0",
    "--no-deps",
    "--only-binary=:all:",
    "--python-version=3.11",
    "--platform=manylinux2014_x86_64",
    "--disable-pip-version-check",
    "--quiet",
    "--dest",
];

/// The folder of ONNX's test cases, fetched where it is not there.
pub(crate) fn cases() -> Option<PathBuf> {
    let folder = target().join("onnx");
    let cases = folder.join("onnx/backend/test/data");
    if !cases.join("node").is_dir()
        && let Err(e) = fetch(&folder)
    {
        eprintln!("warning: ONNX's test cases cannot be fetched and are NOT RUN: {e:#}");
        return None;
    }
    Some(cases)
}

fn fetch(folder: &std::path::Path) -> Result<()> {
    let mut download = Command::new("python3");
    download.args(["-m", "pip", "download"]).args(WHEEL).arg(folder);
    run(download)?;
    let wheel = std::fs::read_dir(folder)?
        .filter_map(|e| Some(e.ok()?.path()))
        .find(|p| p.extension().is_some_and(|e| e == "whl"))
        .context("pip has downloaded no wheel")?;
    let mut unpack = Command::new("python3");
    unpack.args(["-m", "zipfile", "-e"]).arg(wheel).arg(folder);
    run(unpack)
}
