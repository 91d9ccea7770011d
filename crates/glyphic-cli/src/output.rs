//! Where results go: standard output, or a file that appears whole or not at all.

use std::{
    fs,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use tempfile::NamedTempFile;

use crate::exit::{Exit, Failure, OrExit};

/// Standard output, or a file. Nothing half-written stays behind where a file's writing fails.
pub(crate) enum Output {
    Stdout(BufWriter<io::Stdout>),
    File { partial: BufWriter<NamedTempFile>, path: PathBuf },
    /// A device or pipe, which cannot be replaced by a rename.
    Special { file: BufWriter<fs::File>, path: PathBuf },
}

impl Output {
    /// `None` and `-` are standard output.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path.filter(|p| *p != Path::new("-")) else {
            return Ok(Self::Stdout(BufWriter::new(io::stdout())));
        };
        let cannot = || format!("cannot write {}", path.display());
        if path.is_dir() {
            return Err(Failure::new(
                Exit::Output,
                format!("cannot write {}: it is a folder; name a file", path.display()),
            ));
        }
        if path.exists() && !path.is_file() {
            let file = fs::OpenOptions::new().write(true).open(path).with_context(cannot);
            return Ok(Self::Special { file: BufWriter::new(file.or_exit(Exit::Output)?), path: path.to_owned() });
        }
        let partial = partial_beside(path).with_context(cannot).or_exit(Exit::Output)?;
        Ok(Self::File { partial: BufWriter::new(partial), path: path.to_owned() })
    }

    /// Writes one result and hands it on at once, so that a reader of a pipe sees it.
    pub(crate) fn put(&mut self, text: &str) -> Result<(), Failure> {
        let writer: &mut dyn Write = match self {
            Self::Stdout(w) => w,
            Self::File { partial, .. } => partial,
            Self::Special { file, .. } => file,
        };
        let written = writer.write_all(text.as_bytes()).and_then(|()| writer.flush());
        written.with_context(|| format!("cannot write {}", self.name())).or_exit(Exit::Output)
    }

    /// Makes the file appear under its name.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let name = self.name();
        match self {
            Self::Stdout(mut w) => w.flush(),
            Self::Special { mut file, .. } => file.flush(),
            Self::File { partial, path } => {
                partial.into_inner().map_err(io::IntoInnerError::into_error).and_then(|p| put_in_place(p, &path))
            }
        }
        .with_context(|| format!("cannot write {name}"))
        .or_exit(Exit::Output)
    }

    fn name(&self) -> String {
        match self {
            Self::Stdout(_) => "standard output".to_owned(),
            Self::File { path, .. } | Self::Special { path, .. } => path.display().to_string(),
        }
    }
}

/// Writes a whole file at once; it appears whole or not at all.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let write = || {
        if path.exists() && !path.is_file() {
            return fs::OpenOptions::new().write(true).open(path)?.write_all(bytes);
        }
        let mut partial = partial_beside(path)?;
        partial.write_all(bytes)?;
        put_in_place(partial, path)
    };
    write().with_context(|| format!("cannot write {}", path.display())).or_exit(Exit::Output)
}

/// A file on the same file system, gone when dropped.
fn partial_beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".glyphic-").suffix(".partial");
    // The rights any new file gets, or those of the file it replaces, not a temporary file's.
    #[cfg(unix)]
    builder.permissions(match fs::metadata(path) {
        Ok(old) => old.permissions(),
        Err(_) => std::os::unix::fs::PermissionsExt::from_mode(0o666),
    });
    builder.tempfile_in(folder)
}

/// Syncs first: a full disk may show only then, and must not replace a good file by a torn one.
fn put_in_place(partial: NamedTempFile, path: &Path) -> io::Result<()> {
    partial.as_file().sync_all()?;
    partial.persist(path).map(drop).map_err(|e| e.error)
}
