use std::path::PathBuf;

use crate::findings::Location;
use crate::formats::names;

/// What can go wrong with labels and their pictures.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A folder that is no pack.
    #[error(
        "{path} is not a pack: {found}; expected either images/ with gt.jsonl (detection) or crops/ with \
         labels.tsv (recognition)"
    )]
    NoPack {
        /// The folder.
        path: PathBuf,
        /// What was found there instead.
        found: String,
    },
    /// A file or folder that could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A line of a label file that does not say what it should.
    #[error("{at}: {reason}; expected {expected}")]
    Label {
        /// Where.
        at: Location,
        /// What is wrong with the line.
        reason: String,
        /// What would be right.
        expected: &'static str,
    },
    /// A label whose picture does not exist.
    #[error(
        "{at}: the image {image} does not exist{}; add it or remove the line",
        also_missing(*.more)
    )]
    MissingImage {
        /// Where the label stands.
        at: Location,
        /// The path that was looked for.
        image: PathBuf,
        /// How many further images of the same label file are missing.
        more: usize,
    },
    /// A picture that cannot be decoded.
    #[error("{at}: {source}")]
    Image {
        /// Where its label stands.
        at: Location,
        /// The decoder's reason.
        source: glyphic_core::Error,
    },
    /// A picture whose size is not the one that its label gives, so that the polygons would not fit.
    #[error(
        "{at}: {image} is {}x{} pixels (turned upright), the label says {}x{}; correct width and height \
         together with the polygons", found.0, found.1, declared.0, declared.1
    )]
    ImageSize {
        /// Where its label stands.
        at: Location,
        /// The picture.
        image: PathBuf,
        /// Width and height in the label.
        declared: (u32, u32),
        /// Width and height of the picture.
        found: (u32, u32),
    },
    /// A file or folder whose format is not told by its name or content.
    #[error("cannot detect the format of {path}: {found}; name one of {}", names())]
    UnknownFormat {
        /// The file or folder.
        path: PathBuf,
        /// What was found there.
        found: String,
    },
    /// A format's name that is not known.
    #[error("unknown format {name:?}; expected one of {}", names())]
    FormatName {
        /// The name given.
        name: String,
    },
    /// A file or folder that is not what its format needs.
    #[error("{path} is not valid {format}: {reason}")]
    NotFormat {
        /// The file or folder.
        path: PathBuf,
        /// The format's name.
        format: &'static str,
        /// What is missing or wrong.
        reason: String,
    },
    /// A record that a format cannot hold.
    #[error("{at}: cannot be written as {format}: {reason}")]
    Unfit {
        /// Where its label stands.
        at: Location,
        /// The format's name.
        format: &'static str,
        /// Why, and what would help.
        reason: String,
    },
    /// A file or folder that could not be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A binary file whose content breaks off or contradicts itself.
    #[error("{path}, byte {offset}: {reason}")]
    Binary {
        /// The file.
        path: PathBuf,
        /// Where, in bytes from the start (of the decompressed variable, where it is compressed).
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// A database without a key that its layout needs.
    #[error("{path} has no key {key:?}; expected {expected}")]
    MissingKey {
        /// The database.
        path: PathBuf,
        /// The key.
        key: String,
        /// What would be right.
        expected: &'static str,
    },
    /// An index at or beyond the end.
    #[error("sample {index} is out of range: {name} has {len} samples")]
    Index {
        /// What was asked.
        name: String,
        /// The index.
        index: usize,
        /// The number of samples.
        len: usize,
    },
    /// Options that do not go together.
    #[error("{what}: {reason}")]
    Setup {
        /// What was being set up.
        what: &'static str,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// An operation on an image or polygon failed.
    #[error(transparent)]
    Core(#[from] glyphic_core::Error),
    /// An operation on pixels failed.
    #[error(transparent)]
    Pixels(#[from] glyphic_imgproc::Error),
}

fn also_missing(more: usize) -> String {
    match more {
        0 => String::new(),
        n => format!(" (and {n} more of this file)"),
    }
}

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
