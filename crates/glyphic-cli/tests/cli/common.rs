//! Runs the built command.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// What a run said.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) args: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    fn new(args: &[&str], output: Output) -> Self {
        let run = Self {
            args: args.join(" "),
            // A signal has no code.
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        assert!(!run.stderr.contains("panicked"), "glyphic {}: {}", run.args, run.stderr);
        run
    }

    /// Asserts success and gives standard output.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "glyphic {}: {}", self.args, self.stderr);
        self.stdout
    }

    /// Asserts the exit code, and that standard error says all of `words`.
    pub(crate) fn fails(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "glyphic {}: {}", self.args, self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "glyphic {}: no {word:?} in {}", self.args, self.stderr);
        }
    }
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glyphic"));
    command.args(args).env("NO_COLOR", "1").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A configuration of `glyphic synth` with the fonts that the tests bring, written into `folder`.
pub(crate) fn synth_config(folder: &Path) -> String {
    let fonts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../glyphic-synth/tests/fonts");
    let file = folder.join("synth.toml");
    std::fs::write(&file, format!("font_dirs = [{:?}]\n", fonts.display().to_string())).unwrap();
    file.display().to_string()
}

pub(crate) fn glyphic(args: &[&str]) -> Run {
    Run::new(args, command(args).output().unwrap())
}

/// Starts a run and leaves it to itself; what it says is not kept.
#[cfg(target_os = "linux")]
pub(crate) fn spawn(args: &[&str]) -> std::process::Child {
    command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

pub(crate) fn with_stdin(args: &[&str], stdin: &[u8]) -> Run {
    let mut child = command(args).stdin(Stdio::piped()).spawn().unwrap();
    // A command that fails early need not read it all.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    Run::new(args, child.wait_with_output().unwrap())
}

pub(crate) fn with_stdout(args: &[&str], stdout: Stdio) -> Run {
    Run::new(args, command(args).stdout(stdout).output().unwrap())
}

/// Runs with a standard output that nobody reads.
pub(crate) fn with_closed_stdout(args: &[&str]) -> Run {
    let mut child = command(args).spawn().unwrap();
    drop(child.stdout.take());
    Run::new(args, child.wait_with_output().unwrap())
}

/// The picture that the README reads.
pub(crate) fn photo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/receipt.jpg")
}
