//! Files and folders that appear whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

use crate::{Error, Result};

fn fail(path: &Path, source: io::Error) -> Error {
    Error::Write { path: path.to_owned(), source }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file that appears under its name on [`OutFile::commit`].
pub(crate) struct OutFile {
    target: Target,
    path: PathBuf,
}

enum Target {
    Partial(BufWriter<NamedTempFile>),
    /// A device or pipe cannot be replaced.
    Special(BufWriter<File>),
}

impl OutFile {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        if path.is_dir() {
            let source = io::Error::new(io::ErrorKind::IsADirectory, "it is a folder; name a file");
            return Err(fail(path, source));
        }
        if !parent(path).is_dir() {
            let source = io::Error::new(io::ErrorKind::NotFound, "there is no such folder to write into");
            return Err(fail(path, source));
        }
        let open = || -> io::Result<Target> {
            if path.exists() && !path.is_file() {
                return Ok(Target::Special(BufWriter::new(fs::OpenOptions::new().write(true).open(path)?)));
            }
            let mut builder = tempfile::Builder::new();
            builder.prefix(".glyphic-").suffix(".partial");
            // The rights that any new file gets, or those of the file it replaces, not a temporary file's.
            #[cfg(unix)]
            builder.permissions(match fs::metadata(path) {
                Ok(old) => old.permissions(),
                Err(_) => std::os::unix::fs::PermissionsExt::from_mode(0o666),
            });
            Ok(Target::Partial(BufWriter::with_capacity(1 << 16, builder.tempfile_in(parent(path))?)))
        };
        Ok(Self { target: open().map_err(|source| fail(path, source))?, path: path.to_owned() })
    }

    pub(crate) fn put(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        let bytes = bytes.as_ref();
        let written = match &mut self.target {
            Target::Partial(file) => file.write_all(bytes),
            Target::Special(file) => file.write_all(bytes),
        };
        written.map_err(|source| fail(&self.path, source))
    }

    /// Appends all of a spool.
    pub(crate) fn append(&mut self, spool: &mut Spool) -> Result<()> {
        let mut buffer = vec![0; 1 << 16];
        spool.rewind()?;
        loop {
            match spool.read(&mut buffer)? {
                0 => return Ok(()),
                n => self.put(&buffer[..n])?,
            }
        }
    }

    pub(crate) fn commit(self) -> Result<()> {
        let path = self.path;
        let commit = match self.target {
            Target::Special(mut file) => file.flush(),
            Target::Partial(file) => {
                file.into_inner().map_err(io::IntoInnerError::into_error).and_then(|partial| {
                    // A full disk may show only now, and must not replace a good file by a torn one.
                    partial.as_file().sync_all()?;
                    partial.persist(&path).map(drop).map_err(|e| e.error)
                })
            }
        };
        commit.map_err(|source| fail(&path, source))
    }
}

/// A folder that appears under its name on [`OutFolder::commit`]; it must not exist yet.
pub(crate) struct OutFolder {
    dir: TempDir,
    path: PathBuf,
}

impl OutFolder {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        if path.exists() {
            let source = io::Error::new(io::ErrorKind::AlreadyExists, "it exists already; name a new folder");
            return Err(fail(path, source));
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".glyphic-").suffix(".partial");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        let dir = builder.tempdir_in(parent(path)).map_err(|source| fail(path, source))?;
        Ok(Self { dir, path: path.to_owned() })
    }

    /// A path in the folder as it is being made.
    pub(crate) fn inside(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file, with the folders it is in. A file that is there already must hold the same.
    pub(crate) fn write(&self, name: &Path, bytes: &[u8]) -> Result<()> {
        let (path, shown) = (self.inside(name), self.path.join(name));
        let write = || -> io::Result<()> {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            match fs::OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(mut file) => file.write_all(bytes),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => match fs::read(&path)? == bytes {
                    true => Ok(()),
                    false => Err(io::Error::new(
                        io::ErrorKind::AlreadyExists,
                        "two records want this name for different content; give their pictures different names",
                    )),
                },
                Err(e) => Err(e),
            }
        };
        write().map_err(|source| fail(&shown, source))
    }

    pub(crate) fn commit(self) -> Result<()> {
        let made = self.dir.keep();
        fs::rename(&made, &self.path).map_err(|source| {
            let _ = fs::remove_dir_all(&made);
            fail(&self.path, source)
        })
    }
}

/// What must be written later than it is known: a temporary file without a name.
pub(crate) struct Spool {
    file: BufWriter<File>,
    path: PathBuf,
    pub(crate) len: u64,
}

impl Spool {
    /// A spool on the file system of the file `beside`.
    pub(crate) fn new(beside: &Path) -> Result<Self> {
        let file = tempfile::tempfile_in(parent(beside)).map_err(|source| fail(beside, source))?;
        Ok(Self { file: BufWriter::new(file), path: beside.to_owned(), len: 0 })
    }

    pub(crate) fn put(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        let bytes = bytes.as_ref();
        self.len += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|source| fail(&self.path, source))
    }

    /// Goes to the start, to read.
    pub(crate) fn rewind(&mut self) -> Result<()> {
        self.file.seek(SeekFrom::Start(0)).map(drop).map_err(|source| fail(&self.path, source))
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.file.get_mut().read(buffer).map_err(|source| fail(&self.path, source))
    }

    /// Reads a piece.
    pub(crate) fn read_at(&mut self, offset: u64, len: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.file
            .seek(SeekFrom::Start(offset))
            .and_then(|_| self.file.get_mut().read_exact(&mut bytes))
            .map_err(|source| fail(&self.path, source))?;
        Ok(bytes)
    }
}
