//! Where results go: standard output, or a file that appears whole or not at all.

use std::{
    io::{self, Write},
    path::Path,
};

use anyhow::Context;
use glyphic_core::AtomicFile;

use crate::exit::{Exit, Failure, OrExit};

/// Standard output or a file.
pub(crate) struct Output {
    to: To,
    /// For messages.
    pub(crate) name: String,
}

enum To {
    Stdout(io::Stdout),
    File(AtomicFile),
}

impl Output {
    /// `None` and `-` are standard output.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path.filter(|p| *p != Path::new("-")) else {
            return Ok(Self { to: To::Stdout(io::stdout()), name: "standard output".to_owned() });
        };
        let name = path.display().to_string();
        let file = AtomicFile::create(path).with_context(|| format!("cannot write {name}"));
        Ok(Self { to: To::File(file.or_exit(Exit::Output)?), name })
    }

    /// Writes one piece and hands it on at once, so that a reader of a pipe sees it.
    pub(crate) fn put(&mut self, text: &str) -> Result<(), Failure> {
        let written = self.write_all(text.as_bytes()).and_then(|()| self.flush());
        written.with_context(|| format!("cannot write {}", self.name)).or_exit(Exit::Output)
    }

    /// Makes a file appear under its name.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let Self { to, name } = self;
        match to {
            To::Stdout(mut stdout) => stdout.flush(),
            To::File(file) => file.commit(),
        }
        .with_context(|| format!("cannot write {name}"))
        .or_exit(Exit::Output)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.to {
            To::Stdout(stdout) => stdout.write(bytes),
            To::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::Stdout(stdout) => stdout.flush(),
            To::File(file) => file.flush(),
        }
    }
}

/// Prints a whole text on standard output.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut output = Output::open(None)?;
    output.put(text)?;
    output.finish()
}
