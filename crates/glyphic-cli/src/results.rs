//! Pages as they are asked for, written one by one.

use std::{
    collections::HashSet,
    fs,
    path::{Component, Path, PathBuf},
};

use anyhow::Context;
use glyphic_core::{AtomicFile, Image, Page, write_file};
use glyphic_document::{Format, Overlay, PageInfo, PageWriter, Records, TextSource, overlay};
use glyphic_pdf::{PageText, SearchablePdf, TextWord, add_text};
use image::ImageFormat;

use crate::{
    exit::{Exit, Failure, OrExit},
    inputs::{Input, Loaded},
    output::Output,
};

/// A format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Pages follow each other in one stream.
    Stream(Format, Records),
    /// A file for each page.
    PageXml,
    /// The pictures with what was found drawn over them.
    Overlay,
    /// A PDF of pictures, or the PDF that was read, with the text over it, invisible.
    Pdf,
}

impl Kind {
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Stream(Format::Json, _) => "json",
            Self::Stream(Format::JsonLines, _) => "jsonl",
            Self::Stream(Format::Markdown { .. }, _) => "md",
            Self::Stream(Format::Html { .. }, _) => "html",
            Self::Stream(Format::Hocr, _) => "hocr",
            Self::Stream(Format::Alto | Format::PageXml, _) => "xml",
            Self::Stream(Format::Tsv, _) => "tsv",
            Self::Stream(Format::Csv, _) => "csv",
            Self::Stream(Format::Text { .. } | Format::Layout, _) => "txt",
            Self::PageXml => "page.xml",
            Self::Overlay => "png",
            Self::Pdf => "pdf",
        }
    }
}

/// Where pages go.
pub(crate) enum Results {
    /// Into one stream, whose name stands in messages.
    Stream { writer: PageWriter<Output>, name: String },
    /// Into files of one page each.
    Files(PageFiles),
    /// One PDF.
    Pdf { pdf: Option<PdfResult>, path: PathBuf },
}

/// A searchable PDF that grows.
pub(crate) enum PdfResult {
    /// Made of pictures.
    New(Box<SearchablePdf<AtomicFile>>),
    /// The PDF that is read, to which the text of its pages is added at the end.
    Added { source: Input, pages: Vec<PageText> },
}

impl Results {
    /// Several formats into files of one name, `out` with each format's extension; one format as it is.
    pub(crate) fn open(kinds: &[Kind], out: Option<&Path>, inputs: usize) -> Result<Vec<Self>, Failure> {
        if let [kind] = kinds {
            return Ok(vec![Self::one(*kind, out, inputs)?]);
        }
        let out = out
            .context("several formats need --out NAME: files NAME.EXTENSION are written")
            .or_exit(Exit::Usage)?;
        let named = |kind: &Kind| {
            let mut name = out.as_os_str().to_owned();
            name.push(format!(".{}", kind.extension()));
            Self::one(*kind, Some(Path::new(&name)), inputs)
        };
        kinds.iter().map(named).collect()
    }

    /// One format into `out`, or standard output where it is a stream.
    pub(crate) fn one(kind: Kind, out: Option<&Path>, inputs: usize) -> Result<Self, Failure> {
        match kind {
            Kind::Stream(format, records) => Self::stream(format, records, out),
            Kind::Overlay => {
                Ok(Self::Files(PageFiles::open(FileKind::Overlay, out.unwrap_or(Path::new(".")), inputs)?))
            }
            Kind::PageXml => match out {
                None => Self::stream(Format::PageXml, Records::Read, out),
                Some(out) => Ok(Self::Files(PageFiles::open(FileKind::PageXml, out, inputs)?)),
            },
            Kind::Pdf => {
                let path = out.context("a PDF needs --out FILE").or_exit(Exit::Usage)?.to_owned();
                Ok(Self::Pdf { pdf: None, path })
            }
        }
    }

    /// Pages go to a file or standard output.
    pub(crate) fn stream(format: Format, records: Records, out: Option<&Path>) -> Result<Self, Failure> {
        let output = Output::open(out)?;
        let name = output.name.clone();
        Ok(Self::Stream { writer: PageWriter::new(output, format, records), name })
    }

    /// Writes one page.
    pub(crate) fn put(
        &mut self,
        input: &Input,
        loaded: &Loaded,
        info: &PageInfo,
        page: &Page,
    ) -> Result<(), Failure> {
        match self {
            Self::Stream { writer, name } => {
                writer.put(info, page).with_context(|| format!("cannot write {name}")).or_exit(Exit::Output)
            }
            Self::Files(files) => files.put(&loaded.image, info, page),
            Self::Pdf { pdf, path } => put_pdf(pdf, path, input, loaded, info, page),
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
            Self::Files(_) | Self::Pdf { pdf: None, .. } => Ok(()),
            Self::Pdf { pdf: Some(PdfResult::New(pdf)), path } => {
                let cannot = || format!("cannot write {}", path.display());
                let file = pdf.finish().with_context(cannot).or_exit(Exit::Output)?;
                file.commit().with_context(cannot).or_exit(Exit::Output)
            }
            Self::Pdf { pdf: Some(PdfResult::Added { source, pages }), path } => {
                let before = source.bytes()?;
                let bytes = add_text(&before, &source.name, &pages).or_exit(Exit::Output)?;
                if !bytes.starts_with(&before) {
                    eprintln!(
                        "warning: {}: its table of objects is damaged; {} is written anew from the objects found",
                        source.name,
                        path.display()
                    );
                }
                write_file(&path, &bytes)
                    .with_context(|| format!("cannot write {}", path.display()))
                    .or_exit(Exit::Output)
            }
        }
    }
}

/// What files of one page hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    PageXml,
    /// The pictures with what was found drawn over them.
    Overlay,
}

/// Files of one page each.
#[derive(Debug)]
pub(crate) struct PageFiles {
    kind: FileKind,
    to: Target,
}

#[derive(Debug)]
enum Target {
    /// The file of the only input; its pages are numbered from the second.
    File { path: PathBuf, written: usize },
    /// A folder, in which names are taken that are not used yet.
    Folder { folder: PathBuf, used: HashSet<PathBuf> },
}

impl PageFiles {
    /// Files of one page go into a folder; that of a single input may go to a file.
    pub(crate) fn open(kind: FileKind, out: &Path, inputs: usize) -> Result<Self, Failure> {
        if inputs == 1 && out.extension().is_some() && !out.is_dir() {
            return Ok(Self { kind, to: Target::File { path: out.to_owned(), written: 0 } });
        }
        make_folder(out)?;
        Ok(Self { kind, to: Target::Folder { folder: out.to_owned(), used: HashSet::new() } })
    }

    /// Writes one page.
    pub(crate) fn put(&mut self, image: &Image, info: &PageInfo, page: &Page) -> Result<(), Failure> {
        let path = match &mut self.to {
            Target::File { path, written } => {
                *written += 1;
                match *written {
                    1 => path.clone(),
                    n => {
                        let stem = path.file_stem().map(|s| s.display().to_string()).unwrap_or_default();
                        let extension =
                            path.extension().map(|e| format!(".{}", e.display())).unwrap_or_default();
                        path.with_file_name(format!("{stem}-{n}{extension}"))
                    }
                }
            }
            Target::Folder { folder, used } => {
                let extension = if self.kind == FileKind::Overlay { "png" } else { "xml" };
                let path = folder.join(free_name(&info.file_name, extension, used));
                make_folder(path.parent().unwrap_or(folder))?;
                path
            }
        };
        match self.kind {
            FileKind::Overlay => save_overlay(&path, image, page),
            FileKind::PageXml => save_page_xml(&path, info, page),
        }
    }
}

/// The resolution of a picture that does not say it: an A4 page of usual print.
const PICTURE_DPI: f64 = 200.0;

fn put_pdf(
    pdf: &mut Option<PdfResult>,
    path: &Path,
    input: &Input,
    loaded: &Loaded,
    info: &PageInfo,
    page: &Page,
) -> Result<(), Failure> {
    let words = |page: &Page| -> Vec<TextWord> {
        let word = |i: &glyphic_core::TextInstance| TextWord {
            text: i.text().to_owned(),
            polygon: i.region.polygon.clone(),
        };
        page.instances.iter().map(word).collect()
    };
    let from_pdf = loaded.to_page.zip(info.page);
    if pdf.is_none() {
        *pdf = Some(match from_pdf {
            Some(_) => PdfResult::Added { source: input.clone(), pages: Vec::new() },
            None => {
                let cannot = || format!("cannot write {}", path.display());
                let file = AtomicFile::create(path).with_context(cannot).or_exit(Exit::Output)?;
                let new = SearchablePdf::new(file).with_context(cannot).or_exit(Exit::Output)?;
                PdfResult::New(Box::new(new))
            }
        });
    }
    match (pdf, from_pdf) {
        (Some(PdfResult::Added { source, pages }), Some((to_page, number))) if source == input => {
            // The page's own text is there already.
            let words = if info.text_source == TextSource::Picture { words(page) } else { Vec::new() };
            let text = PageText::new(number - 1, &words, to_page);
            pages.push(
                text.with_context(|| format!("cannot write {}", path.display())).or_exit(Exit::Output)?,
            );
            Ok(())
        }
        (Some(PdfResult::New(new)), _) => {
            // A JPEG that ends early is stored as it was decoded: readers of PDF would complain of it.
            let jpeg =
                if info.page.is_none() && loaded.warnings.is_empty() { Some(input.bytes()?) } else { None };
            let dpi = info.dpi.unwrap_or(PICTURE_DPI);
            new.page(&loaded.image, jpeg.as_deref(), dpi, &words(page))
                .with_context(|| format!("cannot write {}", path.display()))
                .or_exit(Exit::Output)
        }
        _ => {
            let message = format!(
                "{}: text can be added to one PDF at a time; give each PDF a run of its own",
                input.name
            );
            Err(Failure::new(Exit::Usage, message))
        }
    }
}

fn save_page_xml(path: &Path, info: &PageInfo, page: &Page) -> Result<(), Failure> {
    let mut writer = PageWriter::new(Vec::new(), Format::PageXml, Records::Read);
    writer.put(info, page).or_exit(Exit::Output)?;
    let bytes = writer.finish().or_exit(Exit::Output)?;
    write_file(path, &bytes).with_context(|| format!("cannot write {}", path.display())).or_exit(Exit::Output)
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

/// The picture's name with another extension; a number behind it where two pictures share it.
fn free_name(name: &str, extension: &str, used: &mut HashSet<PathBuf>) -> PathBuf {
    let name = if name == "-" { "stdin" } else { name };
    // A path that leads out of the folder, such as an absolute one, must not overwrite what is there.
    let inside = |c: &Component<'_>| matches!(c, Component::Normal(_));
    let name: PathBuf = Path::new(name).components().filter(inside).collect();
    let mut path = name.with_extension(extension);
    let mut count = 1;
    while !used.insert(path.clone()) {
        count += 1;
        let stem = name.file_stem().map(|s| s.display().to_string()).unwrap_or_default();
        path.set_file_name(format!("{stem}-{count}.{extension}"));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlays_of_pictures_that_share_a_name_do_not_overwrite_each_other() {
        let mut used = HashSet::new();
        let names = ["a.jpg", "a.png", "b/a.jpg", "-", "a.webp"].map(|n| free_name(n, "png", &mut used));
        assert_eq!(names, ["a.png", "a-2.png", "b/a.png", "stdin.png", "a-3.png"].map(PathBuf::from));
        let outside = ["/a/x.png", "../b/x.png"].map(|n| free_name(n, "png", &mut used));
        assert_eq!(outside, ["a/x.png", "b/x.png"].map(PathBuf::from));
    }
}
