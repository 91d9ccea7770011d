//! Files and folders that appear whole or not at all.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

/// A file that appears under its name, whole, on [`AtomicFile::commit`]; dropped before, it leaves nothing behind and
/// a file of that name as it was. On Linux nor does a process that is killed, where the file system has files without names
/// (`O_TMPFILE`: ext4, XFS, Btrfs, tmpfs); elsewhere a `.glyphic-*.partial` may be left then. A device or pipe is written to directly, since it cannot be replaced.
#[derive(Debug)]
pub struct AtomicFile {
    target: Target,
    path: PathBuf,
}

#[derive(Debug)]
enum Target {
    /// A file without a name, which the system removes with the last process that has it open.
    #[cfg(target_os = "linux")]
    Unnamed(BufWriter<fs::File>),
    Partial(BufWriter<NamedTempFile>),
    Special(BufWriter<fs::File>),
}

impl Target {
    /// A file without a name where the file system has such files, else one of its own name beside the final place.
    fn begin(path: &Path) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if let Some(file) = unnamed::create(path) {
            return Ok(Self::Unnamed(BufWriter::new(file)));
        }
        Ok(Self::Partial(BufWriter::new(partial_beside(path)?)))
    }
}

/// Files without a name: Linux's `O_TMPFILE`. A process that is killed leaves none behind.
#[cfg(target_os = "linux")]
mod unnamed {
    use std::fs::{self, File};
    use std::io::{self, Seek as _};
    use std::os::fd::AsRawFd as _;
    use std::path::{Path, PathBuf};

    use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
    use rustix::io::Errno;

    use super::{parent, partial_beside};

    /// `None` where the system or the file system has no such files, or no way to give them a name.
    pub(super) fn create(path: &Path) -> Option<File> {
        let mode = Mode::from_raw_mode(0o666);
        let file = open(parent(path), OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, mode).ok()?;
        let file = File::from(file);
        if let Ok(old) = fs::metadata(path) {
            // As strict as the file that is replaced.
            file.set_permissions(old.permissions()).ok()?;
        }
        fs::metadata(entry(&file)).is_ok().then_some(file)
    }

    /// The system's own name of an open file.
    fn entry(file: &File) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
    }

    /// Gives the file its name. A file of that name is replaced, for which the new one has a name of its own for a moment.
    pub(super) fn link(file: &mut File, path: &Path) -> io::Result<()> {
        let named = |name: &Path| linkat(CWD, entry(file), CWD, name, AtFlags::SYMLINK_FOLLOW);
        match named(path) {
            Ok(()) => return Ok(()),
            Err(Errno::EXIST) => {
                for _ in 0..16 {
                    // A name that nobody uses: that of a file which was just removed.
                    let beside = partial_beside(path)?.into_temp_path();
                    let name = beside.to_path_buf();
                    beside.close()?;
                    match named(&name) {
                        Ok(()) => {
                            return fs::rename(&name, path).inspect_err(|_| {
                                // Best effort: the first error is the one to report.
                                let _ = fs::remove_file(&name);
                            });
                        }
                        Err(Errno::EXIST) => {}
                        Err(_) => break,
                    }
                }
            }
            Err(_) => {}
        }
        // The file system makes such files but names none.
        let mut partial = partial_beside(path)?;
        file.rewind()?;
        io::copy(file, partial.as_file_mut())?;
        partial.as_file().sync_all()?;
        partial.persist(path).map(drop).map_err(|e| e.error)
    }
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
            Target::begin(&path)?
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
            #[cfg(target_os = "linux")]
            Target::Unnamed(file) => {
                let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.sync_all()?;
                unnamed::link(&mut file, &self.path)
            }
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
            #[cfg(target_os = "linux")]
            Target::Unnamed(w) => w.write(bytes),
            Target::Partial(w) => w.write(bytes),
            Target::Special(w) => w.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.target {
            #[cfg(target_os = "linux")]
            Target::Unnamed(w) => w.flush(),
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
