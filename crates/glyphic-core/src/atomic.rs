//! Files and folders that appear whole or not at all.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

/// A file that appears under its name, whole, on [`AtomicFile::commit`]; dropped before, it leaves nothing behind and
/// a file of that name as it was. A device or pipe is written to directly, since it cannot be replaced.
#[derive(Debug)]
pub struct AtomicFile {
    target: Target,
    path: PathBuf,
}

#[derive(Debug)]
enum Target {
    Partial(BufWriter<NamedTempFile>),
    Special(BufWriter<fs::File>),
}

impl AtomicFile {
    /// Begins a file beside its final place.
    ///
    /// # Errors
    /// The system's: a folder that is missing or cannot be written, a path that is a folder.
    pub fn create(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        if path.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder; name a file"));
        }
        if !parent(&path).is_dir() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "there is no such folder to write into"));
        }
        let target = if path.exists() && !path.is_file() {
            Target::Special(BufWriter::new(fs::OpenOptions::new().write(true).open(&path)?))
        } else {
            Target::Partial(BufWriter::new(partial_beside(&path)?))
        };
        Ok(Self { target, path })
    }

    /// Makes the file appear.
    ///
    /// # Errors
    /// The system's, such as a full disk; then nothing appears.
    pub fn commit(self) -> io::Result<()> {
        match self.target {
            Target::Special(mut file) => file.flush(),
            Target::Partial(partial) => {
                let partial = partial.into_inner().map_err(io::IntoInnerError::into_error)?;
                // A full disk may show only now, and must not replace a good file by a torn one.
                partial.as_file().sync_all()?;
                partial.persist(&self.path).map(drop).map_err(|e| e.error)
            }
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.target {
            Target::Partial(w) => w.write(bytes),
            Target::Special(w) => w.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.target {
            Target::Partial(w) => w.flush(),
            Target::Special(w) => w.flush(),
        }
    }
}

/// Writes a whole file at once; it appears whole or not at all.
///
/// # Errors
/// The system's.
pub fn write_file(path: impl Into<PathBuf>, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)?;
    file.commit()
}

/// A folder that appears under its name on [`AtomicFolder::commit`]; it must not exist yet. Dropped before, it leaves
/// nothing behind.
#[derive(Debug)]
pub struct AtomicFolder {
    partial: TempDir,
    path: PathBuf,
}

impl AtomicFolder {
    /// Begins a folder beside its final place.
    ///
    /// # Errors
    /// The system's: a parent that is missing or cannot be written, a folder that is there already.
    pub fn create(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        if path.exists() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it exists already; name a new folder"));
        }
        let mut builder = builder();
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        Ok(Self { partial: builder.tempdir_in(parent(&path))?, path })
    }

    /// Where the folder is while it is being made.
    pub fn partial(&self) -> &Path {
        self.partial.path()
    }

    /// Where it will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folder appear.
    ///
    /// # Errors
    /// The system's, such as a name that was taken meanwhile; then nothing appears.
    pub fn commit(self) -> io::Result<()> {
        let made = self.partial.keep();
        fs::rename(&made, &self.path).inspect_err(|_| {
            // Best effort: the first error is the one to report.
            let _ = fs::remove_dir_all(&made);
        })
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Names that no other process uses, on the file system of the final place.
fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".glyphic-").suffix(".partial");
    builder
}

/// A temporary file on the same file system, gone when dropped.
fn partial_beside(path: &Path) -> io::Result<NamedTempFile> {
    let mut builder = builder();
    // The rights any new file gets, or those of the file it replaces, not a temporary file's.
    #[cfg(unix)]
    builder.permissions(match fs::metadata(path) {
        Ok(old) => old.permissions(),
        Err(_) => std::os::unix::fs::PermissionsExt::from_mode(0o666),
    });
    builder.tempfile_in(parent(path))
}
