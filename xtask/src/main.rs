//! `cargo xtask check | deps | python | generate [--check]`: what continuous integration runs, and what is generated.

mod check;
mod circles;
mod deps;
mod generate;
mod onnx;
mod python;
mod sources;

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail, ensure};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  check             formatting, crates, clippy, documentation, generated pages, tests
  deps              the crates: what each uses, its size, circles among its files
  python            the tests of the Python module alone
  generate          rewrite the generated pages in docs/
  generate --check  fail where a generated page is out of date";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let result = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["check"] => check::check(),
        ["deps"] => deps::deps(),
        ["python"] => python::test(),
        ["generate"] => generate::build_and_generate(generate::Mode::Write),
        ["generate", "--check"] => generate::build_and_generate(generate::Mode::Compare),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// The folder that cargo builds into.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The cargo that started us, in the workspace's folder.
fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root());
    command
}

/// Runs a command whose output the reader sees; fails where it fails.
fn run(mut command: Command) -> Result<()> {
    let shown = format!("{command:?}").replace('"', "");
    eprintln!("+ {shown}");
    let status = command.status().with_context(|| format!("cannot start {shown}"))?;
    ensure!(status.success(), "{shown}: {status}");
    Ok(())
}

/// A command's standard output.
fn output(mut command: Command) -> Result<String> {
    let shown = format!("{command:?}").replace('"', "");
    let out = command.output().with_context(|| format!("cannot start {shown}"))?;
    if !out.status.success() {
        bail!("{shown}: {}\n{}", out.status, String::from_utf8_lossy(&out.stderr));
    }
    String::from_utf8(out.stdout).with_context(|| format!("{shown}: the output is not UTF-8"))
}
