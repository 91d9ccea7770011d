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
    records::PageRecord,
};

/// How pages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
    Jsonl,
    Overlay,
}

/// What JSON says of a page of a file name.
pub(crate) type ToRecord = fn(&str, &Page) -> PageRecord;

/// Where pages go.
pub(crate) enum Results {
    /// Into one stream.
    Stream { format: Format, record: ToRecord, output: Output, named: bool, written: usize },
    /// A picture's overlay into one file.
    Picture(PathBuf),
    /// Overlays into a folder, under names not used yet.
    Folder { folder: PathBuf, used: HashSet<PathBuf> },
}

impl Results {
    /// For `inputs` pictures.
    pub(crate) fn open(
        format: Format,
        record: ToRecord,
        out: Option<&Path>,
        inputs: usize,
    ) -> Result<Self, Failure> {
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
                Ok(Self::Stream { format, record, output: Output::open(out)?, named: inputs > 1, written: 0 })
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
            Self::Stream { format, record, output, named, written } => {
                let json = || serde_json::to_string(&record(&input.name, page)).or_exit(Exit::Output);
                let text = match format {
                    Format::Text if *named => format!("==> {} <==\n{}\n", input.name, text(page)),
                    Format::Text => text(page),
                    Format::Json if *written == 0 => format!("[\n{}", json()?),
                    Format::Json => format!(",\n{}", json()?),
                    Format::Jsonl | Format::Overlay => json()? + "\n",
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

/// The lines, each with its end.
fn text(page: &Page) -> String {
    page.lines.iter().map(|line| line.text.clone() + "\n").collect()
}

/// The picture with lines outlined in blue and words in red.
fn overlay(mut image: Image, page: &Page) -> Image {
    let thickness = f64::from(image.width().max(image.height())) / 600.0;
    for line in &page.lines {
        glyphic_imgproc::draw_polygon(&mut image, line.polygon.points(), thickness, [20, 90, 230]);
    }
    for word in &page.instances {
        glyphic_imgproc::draw_polygon(&mut image, word.region.polygon.points(), thickness, [220, 30, 30]);
    }
    image
}

fn save_overlay(path: &Path, image: Image, page: &Page) -> Result<(), Failure> {
    let overlay = overlay(image, page);
    let png = overlay.encode(image::ImageFormat::Png).or_exit(Exit::Output)?;
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
