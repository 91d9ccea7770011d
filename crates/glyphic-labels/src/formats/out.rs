//! Files and folders that appear whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use glyphic_core::{AtomicFile, AtomicFolder};

use crate::{Error, Result};

fn fail(path: &Path, source: io::Error) -> Error {
    Error::Write { path: path.to_owned(), source }
}

/// A file that appears under its name on [`OutFile::commit`].
pub(crate) struct OutFile {
    file: AtomicFile,
    path: PathBuf,
}

impl OutFile {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let file = AtomicFile::create(path).map_err(|source| fail(path, source))?;
        Ok(Self { file, path: path.to_owned() })
    }

    pub(crate) fn put(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.file.write_all(bytes.as_ref()).map_err(|source| fail(&self.path, source))
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
        let Self { file, path } = self;
        file.commit().map_err(|source| fail(&path, source))
    }
}

/// A folder that appears under its name on [`OutFolder::commit`]; it must not exist yet.
pub(crate) struct OutFolder(AtomicFolder);

impl OutFolder {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        AtomicFolder::create(path).map(Self).map_err(|source| fail(path, source))
    }

    /// A path in the folder as it is being made.
    pub(crate) fn inside(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.partial().join(name)
    }

    /// Writes a file, with the folders it is in. A file that is there already must hold the same.
    pub(crate) fn write(&self, name: &Path, bytes: &[u8]) -> Result<()> {
        let (path, shown) = (self.inside(name), self.0.path().join(name));
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
        let path = self.0.path().to_owned();
        self.0.commit().map_err(|source| fail(&path, source))
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
        let folder = beside.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::tempfile_in(folder).map_err(|source| fail(beside, source))?;
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
