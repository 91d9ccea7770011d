//! Pages as they are asked for, written one by one.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use glyphic_core::{Image, Page};

use crate::{
    exit::{Exit, Failure, OrExit},
    inputs::Input,
    output::{self, Output},
};

/// How pages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
    Jsonl,
    Overlay,
}

/// Where pages go.
pub(crate) enum Results {
    /// Into one stream.
    Stream { format: Format, output: Output, named: bool, written: usize },
    /// A picture's overlay into one file.
    Picture(PathBuf),
    /// Overlays into a folder, under names not used yet.
    Folder { folder: PathBuf, used: HashSet<PathBuf> },
}

impl Results {
    /// For `inputs` pictures.
    pub(crate) fn open(format: Format, out: Option<&Path>, inputs: usize) -> Result<Self, Failure> {
        match (format, out) {
            (Format::Overlay, Some(path)) if inputs == 1 && path.extension().is_some() && !path.is_dir() => {
                Ok(Self::Picture(path.to_owned()))
            }
            (Format::Overlay, Some(folder)) => {
                fs::create_dir_all(folder)
                    .with_context(|| format!("cannot make the folder {}", folder.display()))
                    .or_exit(Exit::Output)?;
                Ok(Self::Folder { folder: folder.to_owned(), used: HashSet::new() })
            }
            (_, out) => {
                Ok(Self::Stream { format, output: Output::open(out)?, named: inputs > 1, written: 0 })
            }
        }
    }

    /// Writes one page.
    pub(crate) fn put(&mut self, input: &Input, image: Image, page: &Page) -> Result<(), Failure> {
        match self {
            Self::Picture(path) => save_overlay(path, image, page),
            Self::Folder { folder, used } => {
                let path = folder.join(free_name(&input.name, used));
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent).or_exit(Exit::Output)?;
                }
                save_overlay(&path, image, page)
            }
            Self::Stream { format, output, named, written } => {
                let text = match format {
                    Format::Text if *named => format!("==> {} <==\n{}\n", input.name, glyphic_document::text(page)),
                    Format::Text => glyphic_document::text(page),
                    Format::Json => {
                        let open = if *written == 0 { "[\n" } else { ",\n" };
                        open.to_owned() + &glyphic_document::json(&input.name, page).or_exit(Exit::Output)?
                    }
                    Format::Jsonl | Format::Overlay => {
                        glyphic_document::jsonl(&input.name, page).or_exit(Exit::Output)? + "\n"
                    }
                };
                *written += 1;
                output.put(&text)
            }
        }
    }

    /// Closes what is open.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Stream { format: Format::Json, mut output, written, .. } => {
                output.put(if written == 0 { "[]\n" } else { "\n]\n" })?;
                output.finish()
            }
            Self::Stream { output, .. } => output.finish(),
            Self::Picture(_) | Self::Folder { .. } => Ok(()),
        }
    }
}

fn save_overlay(path: &Path, image: Image, page: &Page) -> Result<(), Failure> {
    let overlay = glyphic_document::overlay(image, page);
    let png = overlay.encode_png().or_exit(Exit::Output)?;
    output::write_file(path, &png)
}

/// The picture's name with the extension `png`; a number behind it where two pictures share it.
fn free_name(name: &str, used: &mut HashSet<PathBuf>) -> PathBuf {
    let name = if name == "-" { "stdin" } else { name };
    let mut path = Path::new(name).with_extension("png");
    let mut count = 1;
    while !used.insert(path.clone()) {
        count += 1;
        let stem = Path::new(name).file_stem().map(|s| s.display().to_string()).unwrap_or_default();
        path.set_file_name(format!("{stem}-{count}.png"));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlays_of_pictures_that_share_a_name_do_not_overwrite_each_other() {
        let mut used = HashSet::new();
        let names = ["a.jpg", "a.png", "b/a.jpg", "-", "a.webp"].map(|n| free_name(n, &mut used));
        assert_eq!(names, ["a.png", "a-2.png", "b/a.png", "stdin.png", "a-3.png"].map(PathBuf::from));
    }
}
