/// What can go wrong with a PDF.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that opens only with a password.
    #[error("{name} is encrypted and needs a password; decrypt it first, for example with `qpdf --decrypt`")]
    Encrypted {
        /// The file.
        name: String,
    },
    /// A file that is no PDF, or one too damaged to find its pages.
    #[error("cannot read {name} as PDF: {reason}")]
    Invalid {
        /// The file.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A page number beyond the last.
    #[error("{name} has {pages} pages; there is no page {page}")]
    NoPage {
        /// The file.
        name: String,
        /// The page asked for, from 1.
        page: usize,
        /// Number of pages.
        pages: usize,
    },
    /// A page that cannot be drawn.
    #[error("{name}, page {page}: {reason}")]
    Page {
        /// The file.
        name: String,
        /// The page, from 1.
        page: usize,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A page beyond the limits on pictures.
    #[error("page {page}: {source}")]
    TooLarge {
        /// The page, from 1.
        page: usize,
        /// The limit.
        source: glyphic_core::Error,
    },
    /// A file that cannot be written.
    #[error("cannot write the text of {name}: {reason}")]
    Write {
        /// The file.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

/// The result of reading or writing PDF.
pub type Result<T, E = Error> = std::result::Result<T, E>;
