//! The images a command is given: files, folders, standard input.

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::Read,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Mutex, PoisonError, mpsc},
    thread,
};

use anyhow::Context;
use glyphic_core::{Frames, Image, ImageLimits};
use glyphic_document::{PageInfo, TextSource};
use glyphic_pdf::{Dpi, PdfFile, TextLayer};

use crate::{
    exit::{Exit, Failure, OrExit},
    memory,
    progress::Progress,
};

/// What is taken for an image in a folder. A file named on the command line is read whatever its name.
const EXTENSIONS: [&str; 13] =
    ["jpg", "jpeg", "png", "bmp", "gif", "tif", "tiff", "webp", "pbm", "pgm", "ppm", "pnm", "pdf"];

/// The inputs of a command and how they are opened.
#[derive(Debug, clap::Args)]
pub(crate) struct InputArgs {
    /// Images, PDF files, folders of them, or - for standard input
    #[arg(value_name = "FILE|DIR|-")]
    images: Vec<PathBuf>,
    /// Read the paths of inputs from a file, one per line; - for standard input
    #[arg(long, value_name = "FILE|-")]
    files_from: Option<PathBuf>,
    /// Follow symbolic links to folders, too. Folders are always read with all folders below them; each is read once
    #[arg(long)]
    recursive: bool,
    /// Pages of PDF and TIFF files and frames of animations, as in 1-3,7 or 5- [default: all]
    #[arg(long, value_name = "PAGES")]
    pages: Option<Pages>,
    /// Resolution of PDF pages in dots per inch [default: that of the scan where a page is one scanned image, else 200]
    #[arg(long, value_name = "DPI", value_parser = clap::value_parser!(u16).range(10..=2400))]
    dpi: Option<u16>,
    /// Most pixels of one image or page; larger ones are errors [default: 100000000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_pixels: Option<u64>,
}

/// Ranges of page numbers, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pages(Vec<RangeInclusive<usize>>);

impl FromStr for Pages {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let range = |part: &str| {
            let number = |t: &str| t.trim().parse::<usize>().ok().filter(|n| *n > 0);
            let (first, last) = match part.split_once('-') {
                None => (number(part)?, number(part)?),
                Some((first, "")) => (number(first)?, usize::MAX),
                Some((first, last)) => (number(first)?, number(last)?),
            };
            (first <= last).then_some(first..=last)
        };
        let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
        ranges.map(Self).ok_or_else(|| "expected page numbers from 1, as in 1-3,7 or 5-".to_owned())
    }
}

impl Pages {
    /// Whether a page, from 1, is asked for.
    fn contains(&self, page: usize) -> bool {
        self.0.iter().any(|range| range.contains(&page))
    }

    /// The first page asked for by a number of its own that a file of so many pages has not.
    fn beyond(&self, pages: usize) -> Option<usize> {
        self.0.iter().map(|range| *range.start()).find(|first| *first > pages)
    }
}

/// How files are opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Opening {
    pages: Option<Pages>,
    dpi: Dpi,
    limits: ImageLimits,
}

impl Opening {
    /// Every page, PDF pages at a resolution where it is given.
    pub(crate) fn at(dpi: Option<u16>) -> Self {
        Self { dpi: dpi.map_or(Dpi::Auto, |dpi| Dpi::Fixed(f64::from(dpi))), ..Self::default() }
    }
}

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

/// One image of an input.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) image: Image,
    /// The page, from 1, of a file of several.
    pub(crate) page: Option<usize>,
    /// Pixels to the inch, where the file says so.
    pub(crate) dpi: Option<f64>,
    /// What a PDF page holds as text.
    pub(crate) layer: Option<TextLayer>,
    /// From the image's pixels to a PDF page's own coordinates.
    pub(crate) to_page: Option<[f64; 6]>,
    /// What is wrong with it although it could be decoded, with the path.
    pub(crate) warnings: Vec<String>,
}

impl Input {
    /// The bytes of the input. Those of standard input are kept, for it can be read once only.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, Failure> {
        match &self.source {
            Source::File(path) => {
                let read = fs::read(path);
                read.map_err(|source| glyphic_core::Error::Read { path: path.clone(), source })
                    .or_exit(Exit::Input)
            }
            Source::Stdin => {
                static KEPT: Mutex<Option<Vec<u8>>> = Mutex::new(None);
                let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(bytes) = &*kept {
                    return Ok(bytes.clone());
                }
                let mut bytes = Vec::new();
                let read = std::io::stdin().lock().read_to_end(&mut bytes);
                read.context("cannot read standard input").or_exit(Exit::Input)?;
                Ok(kept.insert(bytes).clone())
            }
        }
    }

    /// What stands in results of one of its images.
    pub(crate) fn info(&self, loaded: &Loaded, text_source: TextSource) -> PageInfo {
        PageInfo { file_name: self.name.clone(), page: loaded.page, dpi: loaded.dpi, text_source }
    }

    /// For messages: the path.
    fn path(&self) -> String {
        match &self.source {
            Source::File(path) => path.display().to_string(),
            Source::Stdin => "-".to_owned(),
        }
    }

    /// Decodes one image after the other and hands each on before the next is decoded. An image that cannot be decoded is
    /// handed on as its error; `work` ends all by an error of its own.
    fn each<E>(
        &self,
        opening: &Opening,
        mut work: impl FnMut(Result<Loaded, Failure>) -> Result<(), E>,
    ) -> Result<(), E> {
        let bytes = match self.bytes() {
            Ok(bytes) => bytes,
            Err(failure) => return work(Err(failure)),
        };
        let path = self.path();
        let wanted = |page: usize| opening.pages.as_ref().is_none_or(|pages| pages.contains(page));
        let beyond = |pages: usize| {
            let page = opening.pages.as_ref().and_then(|wanted| wanted.beyond(pages))?;
            Some(Failure::new(Exit::Input, format!("{path} has {pages} pages; there is no page {page}")))
        };
        if glyphic_pdf::is_pdf(&bytes) {
            let file = match PdfFile::open(bytes, &path).or_exit(Exit::Input) {
                Ok(file) => file,
                Err(failure) => return work(Err(failure)),
            };
            for index in (0..file.pages()).filter(|index| wanted(index + 1)) {
                let drawn = file.page(index, opening.dpi, opening.limits).or_exit(Exit::Input);
                work(drawn.map(|page| {
                    let warning = |warning| format!("{path}, page {}: {warning}", index + 1);
                    Loaded {
                        image: page.image,
                        page: Some(index + 1),
                        dpi: Some(page.dpi),
                        layer: Some(page.layer),
                        to_page: Some(page.to_page),
                        warnings: page.warnings.iter().map(warning).collect(),
                    }
                }))?;
            }
            return beyond(file.pages()).map_or(Ok(()), |failure| work(Err(failure)));
        }
        let frames = match Frames::open(&bytes, &path, opening.limits).or_exit(Exit::Input) {
            Ok(frames) => frames,
            Err(failure) => return work(Err(failure)),
        };
        let mut frames = frames.enumerate().peekable();
        let mut count = 0;
        while let Some((index, frame)) = frames.next() {
            count = index + 1;
            let several = index > 0 || frames.peek().is_some();
            if !wanted(count) {
                continue;
            }
            let frame = frame.map(|frame| {
                let page = several.then_some(count);
                let warnings = frame.warning.iter().map(|warning| format!("{path}: {warning}")).collect();
                Loaded { image: frame.image, page, dpi: None, layer: None, to_page: None, warnings }
            });
            work(frame.or_exit(Exit::Input))?;
        }
        beyond(count).map_or(Ok(()), |failure| work(Err(failure)))
    }
}

impl InputArgs {
    /// Every image named, here and in the list of files.
    pub(crate) fn collect(&self) -> Result<Vec<Input>, Failure> {
        let mut paths = self.images.clone();
        if let Some(list) = &self.files_from {
            paths.extend(listed(list)?);
        }
        collect(&paths, self.recursive)
    }

    /// How the files are opened.
    pub(crate) fn opening(&self) -> Opening {
        let limits = match self.max_pixels {
            Some(max_pixels) => ImageLimits { max_side: u32::MAX, max_pixels },
            None => ImageLimits::default(),
        };
        let dpi = self.dpi.map_or(Dpi::Auto, |dpi| Dpi::Fixed(f64::from(dpi)));
        Opening { pages: self.pages.clone(), dpi, limits }
    }
}

/// What Tesseract's command takes as its input: a file, a list of files, or `stdin`.
pub(crate) fn of_tesseract(path: &Path) -> Result<Vec<Input>, Failure> {
    if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("txt")) {
        return collect(&listed(path)?, false);
    }
    let stdin = path == Path::new("stdin");
    collect(&[if stdin { PathBuf::from("-") } else { path.to_owned() }], false)
}

/// The paths of a list, one per line; `-` is standard input.
fn listed(list: &Path) -> Result<Vec<PathBuf>, Failure> {
    let text = if list.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin().lock())
    } else {
        fs::read_to_string(list)
    };
    let text =
        text.with_context(|| format!("cannot read the list {}", list.display())).or_exit(Exit::Input)?;
    let lines = text.trim_start_matches('\u{feff}').lines().filter(|line| !line.trim().is_empty());
    let paths: Vec<PathBuf> = lines.map(PathBuf::from).collect();
    if paths.is_empty() {
        return Err(Failure::new(Exit::Input, format!("the list {} names no files", list.display())));
    }
    Ok(paths)
}

/// Every image named: files as they are, folders with all below them, by name.
fn collect(paths: &[PathBuf], follow: bool) -> Result<Vec<Input>, Failure> {
    let mut inputs = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            inputs.push(Input { source: Source::Stdin, name: "-".to_owned() });
        } else if path.is_dir() {
            let mut found = Vec::new();
            walk(path, follow, &mut HashSet::new(), &mut found).or_exit(Exit::Input)?;
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

/// An image that cannot be decoded is an error; `None` ends an input.
type Decoded<'a> = (&'a Input, Option<Result<Loaded, Failure>>);

/// Nobody takes what is decoded any more.
struct Unwanted;

/// Decodes the images of all inputs, one after the other. Where there are several threads the next one is decoded while `work` is
/// busy with one.
fn decode<'a>(
    inputs: &'a [Input],
    opening: &Opening,
    mut work: impl FnMut(Decoded<'a>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if rayon::current_num_threads() == 1 {
        return inputs.iter().try_for_each(|input| {
            input.each(opening, |loaded| work((input, Some(loaded))))?;
            work((input, None))
        });
    }
    // Without room between the two: a single image waits.
    let (sender, receiver) = mpsc::sync_channel(0);
    thread::scope(|scope| {
        scope.spawn(move || {
            inputs.iter().try_for_each(|input| {
                let send = |item| sender.send((input, item)).map_err(|_| Unwanted);
                input.each(opening, |loaded| send(Some(loaded)))?;
                send(None)
            })
        });
        // It ends, and with it the thread, when the first error is met.
        receiver.into_iter().try_for_each(work)
    })
}

/// Decodes the images and hands them on, `size` at a time, a file's pages one after the other. One that cannot be decoded is
/// reported on standard error and left out; the number of those is returned. Where all fail that is an error.
pub(crate) fn in_batches<'a>(
    inputs: &'a [Input],
    opening: &Opening,
    size: usize,
    mut work: impl FnMut(&Progress, Vec<(&'a Input, Loaded)>) -> Result<(), Failure>,
) -> Result<Failed, Failure> {
    let progress = Progress::new(inputs.len());
    let mut failed = Failed { failed: 0, inputs: 0 };
    let mut batch = Vec::with_capacity(size);
    let mut only = None;
    decode(inputs, opening, |(input, loaded)| {
        let Some(loaded) = loaded else {
            progress.step();
            return Ok(());
        };
        progress.on(&input.name);
        failed.inputs += 1;
        match loaded {
            Ok(loaded) => {
                loaded.warnings.iter().for_each(|warning| progress.say(format!("warning: {warning}")));
                batch.push((input, loaded));
            }
            Err(failure) => {
                failed.failed += 1;
                // The only image's error is the command's own.
                if inputs.len() == 1 && failed.inputs == 1 {
                    only = Some(failure);
                } else {
                    only.take()
                        .into_iter()
                        .chain([failure])
                        .for_each(|f: Failure| progress.say(format!("error: {f}")));
                }
            }
        }
        memory::give_back(failed.inputs);
        if batch.len() == size { work(&progress, std::mem::take(&mut batch)) } else { Ok(()) }
    })?;
    if !batch.is_empty() {
        work(&progress, batch)?;
    }
    match only {
        Some(failure) if failed.inputs == 1 => return Err(failure),
        Some(failure) => progress.say(format!("error: {failure}")),
        None => {}
    }
    if failed.failed == failed.inputs {
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

fn walk(
    folder: &Path,
    follow: bool,
    seen: &mut HashSet<PathBuf>,
    found: &mut Vec<PathBuf>,
) -> anyhow::Result<()> {
    let cannot = || format!("cannot list {}", folder.display());
    // Links can run in circles: a folder is read once, whatever leads to it.
    if follow && !seen.insert(fs::canonicalize(folder).with_context(cannot)?) {
        return Ok(());
    }
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        let path = entry.path();
        let is_folder = entry.file_type().with_context(cannot)?.is_dir() || (follow && path.is_dir());
        if is_folder {
            walk(&path, follow, seen, found)?;
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
            collect(&[folder.path().to_owned()], false).unwrap().into_iter().map(|i| i.name).collect();
        assert_eq!(names, ["a.tiff", "b/a.png", "z.JPG"]);
    }

    #[test]
    fn a_folder_without_images_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let failure = collect(&[folder.path().to_owned()], false).unwrap_err();
        assert_eq!(failure.exit, Exit::Input);
        assert!(failure.to_string().contains("no images in"), "{failure}");
    }

    #[test]
    fn files_of_the_same_name_are_told_apart_by_their_paths() {
        let names = |paths: &[&str]| -> Vec<String> {
            let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
            collect(&paths, false).unwrap().into_iter().map(|i| i.name).collect()
        };
        assert_eq!(names(&["a/x.png", "b/x.png", "b/y.png"]), ["a/x.png", "b/x.png", "y.png"]);
        assert_eq!(names(&["a/x.png", "a/x.png"]), ["x.png", "x.png"]);
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join("x.png"), "x").unwrap();
        }
        let given = [folder.path().join("a"), folder.path().join("b")];
        let inputs = collect(&given, false).unwrap();
        let expected = given.map(|g| g.join("x.png").display().to_string());
        assert_eq!(inputs.iter().map(|i| i.name.clone()).collect::<Vec<_>>(), expected);
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_to_nothing_is_left_out_of_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.png"), "x").unwrap();
        std::os::unix::fs::symlink("gone.png", folder.path().join("b.png")).unwrap();
        let inputs = collect(&[folder.path().to_owned()], false).unwrap();
        assert_eq!(inputs.iter().map(|i| i.name.as_str()).collect::<Vec<_>>(), ["a.png"]);
    }

    #[test]
    fn a_dash_is_standard_input_and_files_are_taken_as_they_are() {
        let inputs = collect(&["-".into(), "some/where/photo".into()], false).unwrap();
        assert_eq!(inputs.iter().map(|i| i.name.as_str()).collect::<Vec<_>>(), ["-", "photo"]);
    }

    #[cfg(unix)]
    #[test]
    fn folders_behind_links_are_read_once_where_links_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/x.png"), "x").unwrap();
        std::os::unix::fs::symlink("..", folder.path().join("a/up")).unwrap();
        std::os::unix::fs::symlink("a", folder.path().join("b")).unwrap();
        for follow in [false, true] {
            let inputs = collect(&[folder.path().to_owned()], follow).unwrap();
            assert_eq!(inputs.len(), 1, "{follow}: {inputs:?}");
        }
    }

    #[test]
    fn pages_are_numbers_and_ranges_from_1() {
        let pages: Pages = "1-3,7,9-".parse().unwrap();
        let wanted: Vec<usize> = (1..=11).filter(|page| pages.contains(*page)).collect();
        assert_eq!(wanted, [1, 2, 3, 7, 9, 10, 11]);
        assert_eq!((pages.beyond(9), pages.beyond(8), pages.beyond(5)), (None, Some(9), Some(7)));
        for wrong in ["", "0", "3-1", "a", "1,,2", "-3"] {
            assert!(wrong.parse::<Pages>().is_err(), "{wrong}");
        }
    }
}
