use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::formats::Format;
use crate::formats::folder::{is_picture, label_files};
use crate::formats::icdar::{self, SCRIPTS};
use crate::formats::icdar_words;
use crate::formats::json::Scanner;
use crate::formats::lines::Lines;
use crate::formats::mat;
use crate::formats::pack::recognise;
use crate::lmdb::{DATA_FILE, Lmdb};
use crate::{Error, Result};

/// So many lines are looked at where the first do not tell.
const LINES: usize = 1000;

impl Format {
    /// The format of a file or folder, told from its name and content.
    ///
    /// ICDAR 2013, 2015 and 2017 look alike where a file says little, and `file text` with a TAB is [`Format::Text`], not
    /// [`Format::PaddleRec`], which is read alike.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`] where it cannot be told, [`Error::Read`] where nothing can be read.
    pub fn detect(path: &Path) -> Result<Self> {
        let metadata =
            std::fs::metadata(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        if metadata.is_dir() { folder(path) } else { file(path) }
    }
}

fn unknown(path: &Path, found: impl Into<String>) -> Error {
    Error::UnknownFormat { path: path.to_owned(), found: found.into() }
}

fn extension(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
}

fn folder(path: &Path) -> Result<Format> {
    if path.join(DATA_FILE).is_file() {
        return database(path);
    }
    if path.join("gt.jsonl").exists() || path.join("labels.tsv").exists() {
        return recognise(path).map(|_| Format::Pack);
    }
    let (inner, files) = label_files(path, &["txt", "xml", "mat"])?;
    let Some(first) = files.first() else {
        return match label_files(path, &["json"])?.1.first().map(|first| (first, file(first))) {
            Some((_, Ok(Format::Funsd))) => Ok(Format::Funsd),
            Some((first, Ok(format))) => {
                Err(unknown(path, format!("{} is of the format {format}: name the file", first.display())))
            }
            _ => Err(unknown(path, "the folder holds no labels")),
        };
    };
    if inner != path && inner.ends_with("box") {
        return Ok(Format::Sroie);
    }
    match extension(first).as_str() {
        "xml" => Ok(Format::Ctw1500),
        "mat" => Ok(Format::TotalText),
        _ => label_file_a_picture(path, &files),
    }
}

/// Which format has a text file a picture: the first line that tells.
fn label_file_a_picture(path: &Path, files: &[PathBuf]) -> Result<Format> {
    for file in files.iter().take(LINES) {
        let mut lines = Lines::open(file)?;
        let Some(line) = lines.next() else { continue };
        let Ok((_, line)) = line else { continue };
        if line.trim_start().starts_with("x:") {
            return Ok(Format::TotalText);
        }
        if line.contains(",####") && line.split(',').count() > 9 {
            return Ok(Format::Ctw1500);
        }
        if let Ok((_, rest)) = icdar::commas(line, 8) {
            let script = rest.and_then(|r| r.split_once(',')).map_or("", |(script, _)| script);
            return Ok(if SCRIPTS.contains(&script) { Format::Icdar2017 } else { Format::Icdar2015 });
        }
        if icdar::rectangle(line).is_ok() {
            return Ok(Format::Icdar2013);
        }
        return Err(unknown(path, format!("{} begins with {line:?}", file.display())));
    }
    Err(unknown(path, "its text files are empty"))
}

fn file(path: &Path) -> Result<Format> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let parent = path.parent().unwrap_or(Path::new(""));
    if matches!(name.as_str(), "gt.jsonl" | "labels.tsv") && recognise(parent).is_ok() {
        return Ok(Format::Pack);
    }
    match extension(path).as_str() {
        "mat" => return Ok(Format::SynthText),
        "mdb" => return database(path),
        "xml" => return xml(path),
        _ => {}
    }
    let mut scanner = Scanner::open(path)?;
    match scanner.peek()? {
        Some(b'[') => return Ok(Format::LabelStudio),
        Some(b'<') => return xml(path),
        Some(b'M') if mat::is_file(path)? => return Ok(Format::SynthText),
        Some(b'{') => {
            if let Some(format) = document(&mut scanner) {
                return Ok(format);
            }
        }
        Some(_) => {}
        None => return Err(unknown(path, "the file is empty")),
    }
    lines(path)
}

fn xml(path: &Path) -> Result<Format> {
    let mut lines = Lines::open(path)?;
    while let Some(line) = lines.next() {
        let (_, line) = line?;
        if line.contains("<tagset") {
            return Ok(Format::Svt);
        }
        if line.contains("<Annotations") {
            return Ok(Format::Ctw1500);
        }
    }
    Err(unknown(path, "the XML has neither tagset nor Annotations"))
}

/// A document tells by its first member that means something.
fn document(scanner: &mut Scanner) -> Option<Format> {
    scanner.take(b'{').ok()?;
    let mut first = true;
    while scanner.more(b'}', &mut first).ok()? {
        match scanner.key().ok()?.as_str() {
            "metainfo" | "data_list" => return Some(Format::Mmocr1),
            "form" => return Some(Format::Funsd),
            "imgs" | "anns" | "imgToAnns" => return Some(Format::TextOcr),
            "images" | "categories" => return Some(Format::Coco),
            // A line of JSON lines.
            "file_name" | "filename" | "text" | "label" | "height" | "width" => return None,
            _ => scanner.value(None).map(drop).ok()?,
        }
    }
    None
}

fn lines(path: &Path) -> Result<Format> {
    let mut lines = Lines::open(path)?;
    let mut scenes = false;
    let mut looked = 0;
    let mut broken = None;
    while let Some(line) = lines.next() {
        looked += 1;
        if looked > LINES {
            break;
        }
        // A line that is broken tells nothing; reading will say where it is.
        let line = match line {
            Ok((_, line)) => line,
            Err(error) => {
                broken = broken.or(Some(error));
                continue;
            }
        };
        if line.trim_start().starts_with('{') {
            let Ok(value) = serde_json::from_str::<Value>(line) else { continue };
            let has = |key: &str| value.get(key).is_some();
            if has("text") && (has("filename") || has("file_name")) {
                return Ok(Format::MmocrRec);
            }
            if has("text") {
                return Ok(Format::Cluener);
            }
            scenes |= has("annotations") || has("file_name");
            if let Some(a) = value.get("annotations").and_then(|a| a.get(0)) {
                return Ok(if a.get("box").is_some() { Format::WildReceipt } else { Format::MmocrDet });
            }
            continue;
        }
        if !line.contains('\t') && icdar_words::fields(line).is_some_and(|(name, _)| is_picture(name)) {
            return Ok(Format::IcdarWords);
        }
        if let Some((_, rest)) = line.split_once('\t') {
            let list = rest.trim_start().starts_with('[')
                && serde_json::from_str::<Value>(rest).is_ok_and(|v| v.is_array());
            return Ok(if list { Format::PaddleDet } else { Format::Text });
        }
        if line.contains(' ') {
            return Ok(Format::Text);
        }
        return Err(unknown(path, format!("it begins with {line:?}")));
    }
    match (scenes, broken) {
        (true, _) => Ok(Format::MmocrDet),
        // Of a file in another encoding no line can be read.
        (false, Some(error)) => Err(error),
        (false, None) => Err(unknown(path, "none of its first lines tells")),
    }
}

fn database(path: &Path) -> Result<Format> {
    let db = Lmdb::open(path)?;
    if db.get(b"num-samples")?.is_some() {
        Ok(Format::Lmdb)
    } else if db.get(b"total_number")?.is_some() {
        Ok(Format::LmdbLines)
    } else {
        Err(unknown(path, "the LMDB has neither num-samples nor total_number"))
    }
}
