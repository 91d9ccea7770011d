use std::path::PathBuf;

/// What can go wrong when text is drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No usable font in any of the folders.
    #[error(
        "no font with Latin letters and digits among {files} font files under {}: run scripts/install-fonts.sh \
         (Debian: apt-get install fonts-dejavu fonts-liberation fonts-freefont-ttf), or name folders that hold \
         TTF or OTF files",
        folders(.searched)
    )]
    NoFonts {
        /// The folders that were searched, subfolders included.
        searched: Vec<PathBuf>,
        /// How many font files were found there, all unusable.
        files: usize,
    },
    /// A folder of grounds without a picture in it, or one that cannot be read.
    #[error("no background images in {folder}: {problem}; expected JPEG or PNG photographs without text")]
    Ground {
        /// The folder or file.
        folder: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A setting that cannot be drawn with.
    #[error("invalid {field} = {value}; expected {expected}")]
    Config {
        /// The setting's name.
        field: &'static str,
        /// What it was.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
}

fn folders(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return "no folder at all".to_owned();
    }
    paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// The synthesiser's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
