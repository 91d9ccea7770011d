//! Formats of a label file a picture.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::vec;

use crate::findings::{Findings, Location, Warning};
use crate::formats::lines::BESIDE;
use crate::formats::out::OutFolder;
use crate::formats::records::Records;
use crate::formats::sink::{Form, Losses, Sink};
use crate::formats::{Format, Picture, Record, Truth};
use crate::{Error, Result};

const PICTURES: [&str; 9] = ["jpg", "jpeg", "png", "bmp", "gif", "tif", "tiff", "webp", "ppm"];

/// Folders of labels in the folder of a data set.
const LABELS: [&str; 6] = ["annotations", "gt", "labels", "label", "box", "txt"];

/// Whether a name ends as those of pictures do.
pub(crate) fn is_picture(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|e| e.to_str()).unwrap_or_default();
    PICTURES.iter().any(|p| extension.eq_ignore_ascii_case(p))
}

fn read_dir(folder: &Path) -> Result<Vec<PathBuf>> {
    let cannot = |source| Error::Read { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        paths.push(entry.map_err(cannot)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// The label files of a folder, by name, and the folder that they were found in: itself, or one in it that is called as
/// folders of labels are.
pub(crate) fn label_files(folder: &Path, extensions: &[&str]) -> Result<(PathBuf, Vec<PathBuf>)> {
    let is_label = |path: &PathBuf| {
        path.extension()
            .and_then(|e| e.to_str())
            .is_some_and(|e| extensions.iter().any(|x| e.eq_ignore_ascii_case(x)))
            && path.is_file()
    };
    let found: Vec<PathBuf> = read_dir(folder)?.into_iter().filter(is_label).collect();
    if !found.is_empty() {
        return Ok((folder.to_owned(), found));
    }
    for name in LABELS {
        let inner = folder.join(name);
        if inner.is_dir() {
            let found: Vec<PathBuf> = read_dir(&inner)?.into_iter().filter(is_label).collect();
            if !found.is_empty() {
                return Ok((inner, found));
            }
        }
    }
    Ok((folder.to_owned(), Vec::new()))
}

/// The pictures of a data set by the stem of their names.
pub(crate) struct Pictures {
    by_stem: HashMap<String, PathBuf>,
    folder: PathBuf,
}

impl Pictures {
    /// Those of the folder named; else those beside the labels, or in a folder beside them.
    pub(crate) fn find(labels: &Path, images: Option<&Path>) -> Result<Self> {
        let mut folders: Vec<PathBuf> = Vec::new();
        match images {
            Some(folder) => folders.push(folder.to_owned()),
            None => {
                folders.push(labels.to_owned());
                let parent = labels.parent().unwrap_or(Path::new(""));
                folders.extend(BESIDE.iter().map(|n| parent.join(n)));
                // annotations/training beside imgs/training.
                if let (Some(split), Some(above)) = (labels.file_name(), parent.parent()) {
                    folders.extend(BESIDE.iter().map(|n| above.join(n).join(split)));
                }
                folders.extend(BESIDE.iter().map(|n| labels.join(n)));
            }
        }
        for folder in &folders {
            if !folder.is_dir() {
                continue;
            }
            let mut by_stem = HashMap::new();
            for path in read_dir(folder)? {
                if path.to_str().is_some_and(is_picture)
                    && let Some(stem) = path.file_stem()
                {
                    by_stem.insert(stem.to_string_lossy().into_owned(), path);
                }
            }
            if !by_stem.is_empty() {
                return Ok(Self { by_stem, folder: folder.clone() });
            }
        }
        Ok(Self { by_stem: HashMap::new(), folder: folders.swap_remove(0) })
    }

    /// The picture of a label file: the one whose stem is the label's, or the label's without one of these prefixes.
    fn of(&self, label: &Path, prefixes: &[&str]) -> (String, PathBuf) {
        let stem = label.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let stems =
            std::iter::once(stem.as_str()).chain(prefixes.iter().filter_map(|p| stem.strip_prefix(p)));
        if let Some(path) = stems.clone().find_map(|s| self.by_stem.get(s)) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return (name, path.clone());
        }
        let name = format!("{}.jpg", stems.last().unwrap_or(&stem));
        (name.clone(), self.folder.join(name))
    }
}

/// What a label file says of its picture.
#[derive(Default)]
pub(crate) struct Labelled {
    pub(crate) instances: Vec<glyphic_core::TextInstance>,
    pub(crate) fields: Vec<(String, String)>,
    /// Pairs of instances, by index, that belong together.
    pub(crate) links: Vec<[usize; 2]>,
    /// The picture's name, where the file gives it.
    pub(crate) file_name: Option<String>,
}

/// Reads a label file.
pub(crate) type ParseFile = Box<dyn FnMut(&Path, &mut Findings<Warning>) -> Result<Labelled> + Send>;

/// Reads the label files of a folder.
pub(crate) struct FolderRecords {
    files: vec::IntoIter<PathBuf>,
    pictures: Pictures,
    prefixes: &'static [&'static str],
    parse: ParseFile,
}

impl FolderRecords {
    pub(crate) fn open(
        path: &Path,
        images: Option<&Path>,
        format: Format,
        extensions: &[&str],
        prefixes: &'static [&'static str],
        parse: ParseFile,
    ) -> Result<Box<dyn Records>> {
        let (folder, files) = match path.is_file() {
            // One label file alone.
            true => (path.parent().unwrap_or(Path::new("")).to_owned(), vec![path.to_owned()]),
            false => label_files(path, extensions)?,
        };
        if files.is_empty() {
            let reason = format!("it holds no file that ends in .{}", extensions.join(" or ."));
            return Err(Error::NotFormat { path: path.to_owned(), format: format.name(), reason });
        }
        let pictures = Pictures::find(&folder, images)?;
        Ok(Box::new(Self { files: files.into_iter(), pictures, prefixes, parse }))
    }
}

impl Records for FolderRecords {
    fn next(&mut self, warnings: &mut Findings<Warning>) -> Option<Result<Record>> {
        let file = self.files.next()?;
        let labelled = match (self.parse)(&file, warnings) {
            Ok(labelled) => labelled,
            Err(error) => return Some(Err(error)),
        };
        let (mut file_name, mut picture) = self.pictures.of(&file, self.prefixes);
        if let Some(name) = labelled.file_name {
            if !picture.is_file() {
                picture = self.pictures.folder.join(&name);
            }
            file_name = name;
        }
        Some(Ok(Record {
            at: Location { file: file.into(), line: 1 },
            file_name,
            picture: Picture::File(picture),
            size: None,
            truth: Truth::Instances(labelled.instances),
            fields: labelled.fields,
            links: labelled.links,
        }))
    }
}

/// A new folder of label files, each called as its picture.
pub(crate) struct LabelFolder {
    folder: OutFolder,
    format: Format,
    /// Where each stem comes from, so that no two pictures share a label file.
    stems: BTreeMap<String, Location>,
}

impl LabelFolder {
    pub(crate) fn create(path: &Path, format: Format) -> Result<Self> {
        Ok(Self { folder: OutFolder::create(path)?, format, stems: BTreeMap::new() })
    }

    /// The stem of a record's picture, which no other record may have.
    pub(crate) fn stem(&mut self, record: &Record) -> Result<String> {
        let unfit =
            |reason: String| Err(Error::Unfit { at: record.at.clone(), format: self.format.name(), reason });
        let stem =
            Path::new(&record.file_name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if stem.is_empty() {
            return unfit("its picture has no name".to_owned());
        }
        if let Some(other) = self.stems.insert(stem.clone(), record.at.clone()) {
            return unfit(format!(
                "{other} has a picture {stem:?} as well; its label file would be the same"
            ));
        }
        Ok(stem)
    }

    pub(crate) fn write(&self, name: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
        self.folder.write(name.as_ref(), bytes)
    }

    pub(crate) fn commit(self) -> Result<()> {
        self.folder.commit()
    }
}

/// The content of a picture's label file.
pub(crate) type FileForm = Box<dyn FnMut(&Record, &mut Losses) -> Result<Vec<u8>> + Send>;

/// Writes a label file a picture into a new folder.
pub(crate) struct FolderSink {
    folder: LabelFolder,
    prefix: &'static str,
    extension: &'static str,
    form: FileForm,
}

impl FolderSink {
    pub(crate) fn create(
        path: &Path,
        format: Format,
        prefix: &'static str,
        extension: &'static str,
        form: FileForm,
    ) -> Result<Box<dyn Sink>> {
        Ok(Box::new(Self { folder: LabelFolder::create(path, format)?, prefix, extension, form }))
    }

    /// Files of text.
    pub(crate) fn text(
        path: &Path,
        format: Format,
        prefix: &'static str,
        mut form: Form,
    ) -> Result<Box<dyn Sink>> {
        let form: FileForm = Box::new(move |record, losses| {
            let mut text = String::new();
            form(record, &mut text, losses)?;
            Ok(text.into_bytes())
        });
        Self::create(path, format, prefix, "txt", form)
    }
}

impl Sink for FolderSink {
    fn put(&mut self, record: &Record, losses: &mut Losses) -> Result<()> {
        let stem = self.folder.stem(record)?;
        let bytes = (self.form)(record, losses)?;
        self.folder.write(format!("{}{stem}.{}", self.prefix, self.extension), &bytes)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.folder.commit()
    }
}
