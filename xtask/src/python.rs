use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{cargo, root, run, target};

/// What the Python tests stand on besides the module.
const PACKAGES: [&str; 3] = ["numpy>=1.21", "pytest>=7", "onnxruntime>=1.17"];

/// Builds the Python module and runs its tests, in an environment of their own in the target folder.
pub(crate) fn test() -> Result<()> {
    // What the Rust tests are built from: with other packages or without tests, features differ and all is built anew.
    run(cargo(&["build", "--quiet", "--workspace", "--lib", "--bins", "--tests", "--example", "onnx_run"]))?;
    let folder = target().join("python");
    let python = environment(&folder.join("venv"))?;

    // The package as a wheel holds it: the sources and the module in one folder.
    let package = folder.join("package");
    match fs::remove_dir_all(&package) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(e).with_context(|| format!("cannot clear {}", package.display()));
        }
        _ => {}
    }
    copy(&root().join("python/glyphic"), &package.join("glyphic"))?;
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let built = target().join("debug").join(format!("{prefix}_glyphic{suffix}"));
    let extension = if cfg!(windows) { "pyd" } else { "abi3.so" };
    let module = package.join("glyphic").join(format!("_glyphic.{extension}"));
    fs::copy(&built, &module).with_context(|| format!("cannot copy {}", built.display()))?;

    let mut tests = Command::new(python);
    tests.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "python/tests"]).current_dir(root());
    let command = target().join("debug").join(format!("glyphic{}", std::env::consts::EXE_SUFFIX));
    tests.env("GLYPHIC_COMMAND", command);
    let example = format!("examples/onnx_run{}", std::env::consts::EXE_SUFFIX);
    tests.env("GLYPHIC_ONNX_RUN", target().join("debug").join(example));
    tests.env("PYTHONPATH", &package).env("PYTHONDONTWRITEBYTECODE", "1");
    run(tests)
}

/// The interpreter of a virtual environment with [`PACKAGES`], made where it is not there.
fn environment(folder: &Path) -> Result<PathBuf> {
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let ready = || {
        Command::new(&python)
            .args(["-c", "import numpy, pytest, onnxruntime"])
            .output()
            .is_ok_and(|o| o.status.success())
    };
    if ready() {
        return Ok(python);
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(folder);
    if run(make).is_err() {
        bail!(
            "the Python tests need Python 3.9 or newer with its `venv` module \
             (Debian: apt-get install python3-venv)"
        );
    }
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES);
    run(install)?;
    Ok(python)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let context = || format!("cannot copy {}", from.display());
    fs::create_dir_all(to).with_context(context)?;
    for entry in fs::read_dir(from).with_context(context)? {
        let entry = entry.with_context(context)?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            if entry.file_name() != "__pycache__" {
                copy(&source, &target)?;
            }
        } else if source.extension().is_none_or(|e| e != "so") {
            fs::copy(&source, &target).with_context(context)?;
        }
    }
    Ok(())
}
