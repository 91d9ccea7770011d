//! The images a command is given: files, folders, standard input.

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::Context;
use glyphic_core::{Image, ImageLimits};

use crate::{
    exit::{Exit, Failure, OrExit},
    progress::Progress,
};

/// What is taken for an image in a folder. A file named on the command line is read whatever its name.
const EXTENSIONS: [&str; 12] =
    ["jpg", "jpeg", "png", "bmp", "gif", "tif", "tiff", "webp", "pbm", "pgm", "ppm", "pnm"];

/// An image that waits to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    source: Source,
    /// The name that stands in results: below a folder, the path from that folder, else the file's name; the path as it was
    /// given where two files would have the same.
    pub(crate) name: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Stdin,
    File(PathBuf),
}

impl Input {
    /// Reads and decodes the image.
    pub(crate) fn load(&self) -> Result<Image, Failure> {
        match &self.source {
            Source::File(path) => Image::open(path).or_exit(Exit::Input),
            Source::Stdin => {
                let mut bytes = Vec::new();
                std::io::stdin()
                    .lock()
                    .read_to_end(&mut bytes)
                    .context("cannot read standard input")
                    .or_exit(Exit::Input)?;
                Image::decode(&bytes, "-", ImageLimits::default()).or_exit(Exit::Input)
            }
        }
    }
}

/// Every image named: files as they are, folders with all below them, by name.
pub(crate) fn collect(paths: &[PathBuf]) -> Result<Vec<Input>, Failure> {
    let mut inputs = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            inputs.push(Input { source: Source::Stdin, name: "-".to_owned() });
        } else if path.is_dir() {
            let mut found = Vec::new();
            walk(path, &mut found).or_exit(Exit::Input)?;
            report_dangling(&found);
            found.retain(|file| file.exists());
            if found.is_empty() {
                let message = format!("no images in {} ({} are read)", path.display(), EXTENSIONS.join(", "));
                return Err(Failure::new(Exit::Input, message));
            }
            found.sort();
            inputs.extend(found.into_iter().map(|file| {
                let name = file.strip_prefix(path).unwrap_or(&file).display().to_string();
                Input { source: Source::File(file), name }
            }));
        } else {
            let name =
                path.file_name().map_or_else(|| path.display().to_string(), |n| n.display().to_string());
            inputs.push(Input { source: Source::File(path.clone()), name });
        }
    }
    tell_apart(&mut inputs);
    Ok(inputs)
}

/// Says which images of a folder are symbolic links to nothing.
fn report_dangling(found: &[PathBuf]) {
    for link in found.iter().filter(|file| !file.exists()) {
        eprintln!(
            "warning: {} is a symbolic link to a file that does not exist; it is left out",
            link.display()
        );
    }
}

/// Files of the same name get the paths they were given by.
fn tell_apart(inputs: &mut [Input]) {
    let mut files: HashMap<String, HashSet<PathBuf>> = HashMap::new();
    for input in inputs.iter() {
        if let Source::File(path) = &input.source {
            files.entry(input.name.clone()).or_default().insert(path.clone());
        }
    }
    for input in inputs {
        if let Source::File(path) = &input.source
            && files.get(&input.name).is_some_and(|files| files.len() > 1)
        {
            input.name = path.display().to_string();
        }
    }
}

/// Decodes the images and hands them on, `size` at a time. One that cannot be decoded is reported on standard error
/// and left out; the number of those is returned. Where all fail that is an error.
pub(crate) fn in_batches<'a>(
    inputs: &'a [Input],
    size: usize,
    mut work: impl FnMut(&Progress, Vec<(&'a Input, Image)>) -> Result<(), Failure>,
) -> Result<Failed, Failure> {
    let progress = Progress::new(inputs.len());
    let mut failed = Failed { failed: 0, inputs: inputs.len() };
    for chunk in inputs.chunks(size) {
        let mut batch = Vec::with_capacity(size);
        for input in chunk {
            progress.on(&input.name);
            match input.load() {
                Ok(image) => batch.push((input, image)),
                Err(failure) if inputs.len() == 1 => return Err(failure),
                Err(failure) => {
                    progress.say(format!("error: {failure}"));
                    failed.failed += 1;
                }
            }
            progress.step();
        }
        if !batch.is_empty() {
            work(&progress, batch)?;
        }
    }
    if failed.failed == inputs.len() {
        return failed.result().map(|()| failed);
    }
    Ok(failed)
}

/// How many inputs could not be read.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub(crate) struct Failed {
    failed: usize,
    inputs: usize,
}

impl Failed {
    /// An error where there was any.
    pub(crate) fn result(self) -> Result<(), Failure> {
        match self {
            Self { failed: 0, .. } => Ok(()),
            Self { failed, inputs } => {
                Err(Failure::new(Exit::Input, format!("{failed} of {inputs} images could not be read")))
            }
        }
    }
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let cannot = || format!("cannot list {}", folder.display());
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        let path = entry.path();
        // Links to folders are not followed: they can run in circles.
        if entry.file_type().with_context(cannot)?.is_dir() {
            walk(&path, found)?;
        } else if is_image(&path) && (path.is_file() || (path.is_symlink() && !path.exists())) {
            found.push(path);
        }
    }
    Ok(())
}

fn is_image(path: &Path) -> bool {
    path.extension().is_some_and(|e| EXTENSIONS.iter().any(|known| e.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_its_images_by_name_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        for name in ["z.JPG", "b/a.png", "notes.txt", "a.tiff"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let names: Vec<String> =
            collect(&[folder.path().to_owned()]).unwrap().into_iter().map(|i| i.name).collect();
        assert_eq!(names, ["a.tiff", "b/a.png", "z.JPG"]);
    }

    #[test]
    fn a_folder_without_images_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let failure = collect(&[folder.path().to_owned()]).unwrap_err();
        assert_eq!(failure.exit, Exit::Input);
        assert!(failure.to_string().contains("no images in"), "{failure}");
    }

    #[test]
    fn files_of_the_same_name_are_told_apart_by_their_paths() {
        let names = |paths: &[&str]| -> Vec<String> {
            let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
            collect(&paths).unwrap().into_iter().map(|i| i.name).collect()
        };
        assert_eq!(names(&["a/x.png", "b/x.png", "b/y.png"]), ["a/x.png", "b/x.png", "y.png"]);
        assert_eq!(names(&["a/x.png", "a/x.png"]), ["x.png", "x.png"]);
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join("x.png"), "x").unwrap();
        }
        let given = [folder.path().join("a"), folder.path().join("b")];
        let inputs = collect(&given).unwrap();
        let expected = given.map(|g| g.join("x.png").display().to_string());
        assert_eq!(inputs.iter().map(|i| i.name.clone()).collect::<Vec<_>>(), expected);
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_to_nothing_is_left_out_of_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.png"), "x").unwrap();
        std::os::unix::fs::symlink("gone.png", folder.path().join("b.png")).unwrap();
        let inputs = collect(&[folder.path().to_owned()]).unwrap();
        assert_eq!(inputs.iter().map(|i| i.name.as_str()).collect::<Vec<_>>(), ["a.png"]);
    }

    #[test]
    fn a_dash_is_standard_input_and_files_are_taken_as_they_are() {
        let inputs = collect(&["-".into(), "some/where/photo".into()]).unwrap();
        assert_eq!(inputs.iter().map(|i| i.name.as_str()).collect::<Vec<_>>(), ["-", "photo"]);
    }
}
