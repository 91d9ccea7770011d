//! Pages as they are asked for, written one by one.

use std::{
    collections::HashSet,
    fs,
    path::{Component, Path, PathBuf},
};

use anyhow::Context;
use glyphic_core::write_file;
use glyphic_core::{Image, Page};
use glyphic_document::{Format, Overlay, PageWriter, Records, overlay};
use image::ImageFormat;

use crate::{
    exit::{Exit, Failure, OrExit},
    inputs::Input,
    output::Output,
};

/// Where pages go.
pub(crate) enum Results {
    /// Into one stream, whose name stands in messages.
    Stream { writer: PageWriter<Output>, name: String },
    /// A picture's overlay into one file.
    Picture(PathBuf),
    /// Overlays into a folder, under names not used yet.
    Folder { folder: PathBuf, used: HashSet<PathBuf> },
}

impl Results {
    /// Pages go to a file or standard output.
    pub(crate) fn stream(format: Format, records: Records, out: Option<&Path>) -> Result<Self, Failure> {
        let output = Output::open(out)?;
        let name = output.name.clone();
        Ok(Self::Stream { writer: PageWriter::new(output, format, records), name })
    }

    /// Overlays go into a folder; that of a single picture may go to a file.
    pub(crate) fn overlays(out: &Path, inputs: usize) -> Result<Self, Failure> {
        if inputs == 1 && out.extension().is_some() && !out.is_dir() {
            return Ok(Self::Picture(out.to_owned()));
        }
        make_folder(out)?;
        Ok(Self::Folder { folder: out.to_owned(), used: HashSet::new() })
    }

    /// Writes one page.
    pub(crate) fn put(&mut self, input: &Input, image: &Image, page: &Page) -> Result<(), Failure> {
        match self {
            Self::Stream { writer, name } => writer
                .put(&input.name, page)
                .with_context(|| format!("cannot write {name}"))
                .or_exit(Exit::Output),
            Self::Picture(path) => save_overlay(path, image, page),
            Self::Folder { folder, used } => {
                let path = folder.join(free_name(&input.name, used));
                make_folder(path.parent().unwrap_or(folder))?;
                save_overlay(&path, image, page)
            }
        }
    }

    /// Closes what is open.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Stream { writer, name } => writer
                .finish()
                .with_context(|| format!("cannot write {name}"))
                .or_exit(Exit::Output)?
                .finish(),
            Self::Picture(_) | Self::Folder { .. } => Ok(()),
        }
    }
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path)
        .with_context(|| format!("cannot make the folder {}", path.display()))
        .or_exit(Exit::Output)
}

/// By the extension JPEG, else PNG.
fn save_overlay(path: &Path, image: &Image, page: &Page) -> Result<(), Failure> {
    let format = match ImageFormat::from_path(path) {
        Ok(ImageFormat::Jpeg) => ImageFormat::Jpeg,
        _ => ImageFormat::Png,
    };
    let bytes = overlay(image, page, Overlay::default()).encode(format).or_exit(Exit::Output)?;
    write_file(path, &bytes).with_context(|| format!("cannot write {}", path.display())).or_exit(Exit::Output)
}

/// The picture's name with the extension `png`; a number behind it where two pictures share it.
fn free_name(name: &str, used: &mut HashSet<PathBuf>) -> PathBuf {
    let name = if name == "-" { "stdin" } else { name };
    // A path that leads out of the folder, such as an absolute one, must not overwrite what is there.
    let inside = |c: &Component<'_>| matches!(c, Component::Normal(_));
    let name: PathBuf = Path::new(name).components().filter(inside).collect();
    let mut path = name.with_extension("png");
    let mut count = 1;
    while !used.insert(path.clone()) {
        count += 1;
        let stem = name.file_stem().map(|s| s.display().to_string()).unwrap_or_default();
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
        let outside = ["/tmp/x.png", "../b/x.png"].map(|n| free_name(n, &mut used));
        assert_eq!(outside, ["tmp/x.png", "b/x.png"].map(PathBuf::from));
    }
}
