use std::path::PathBuf;

/// What can go wrong with the nouns of glyphic.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Bytes that are no picture glyphic can decode.
    #[error("cannot decode {name} as an image: {reason}")]
    Decode {
        /// The file name, or `-` for standard input.
        name: String,
        /// What the decoder says, and what would be right.
        reason: String,
    },
    /// A picture beyond the limits that guard against decompression bombs.
    #[error(
        "{name} is {width}x{height}: the limit is {max_side} pixels a side and {max_pixels} pixels in all"
    )]
    TooLarge {
        /// The file name.
        name: String,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// The longest side allowed.
        max_side: u32,
        /// The most pixels allowed.
        max_pixels: u64,
    },
    /// Pixel data whose length does not fit its size.
    #[error("an RGB image of {width}x{height} needs {expected} bytes, got {got}")]
    PixelCount {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// `width * height * 3`.
        expected: usize,
        /// The length given.
        got: usize,
    },
    /// Points that make no polygon.
    #[error("not a polygon: {reason}")]
    Polygon {
        /// What is wrong with the points.
        reason: String,
    },
    /// A vocabulary that cannot be built, or text it cannot write.
    #[error("vocabulary: {reason}")]
    Vocab {
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A dictionary file with a line that is no character.
    #[error("{name}, line {line}: {reason}")]
    Dict {
        /// The file name.
        name: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// A stage failed; the message is the stage's own.
    #[error("{stage}: {source}")]
    Stage {
        /// `detect`, `recognize` or `extract`.
        stage: &'static str,
        /// The stage's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Core's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
