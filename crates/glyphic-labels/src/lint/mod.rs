//! What is wrong with labels, told before a network is trained on them.

mod report;
mod texts;

use std::collections::HashMap;
use std::io::Cursor;
use std::path::Path;

use glyphic_core::{Image, TextInstance, Vocab};
use glyphic_imgproc::{share_inside, text_size};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

pub use report::{LintReport, TooLong, UnknownChar};
pub use texts::{TextCheck, class, encode};

use crate::findings::Location;
use crate::formats::{Kind, ReadOptions, Reader, Record, Truth};
use crate::pack::LazyPack;
use crate::{LineInput, PackKind, Result};

/// A region of which less than this share is in its picture is named: what is left of its text cannot be read.
const LEAST_INSIDE: f64 = 0.5;

/// Decodes every picture of a pack and looks at its polygons.
///
/// # Errors
/// None of the findings is an error; only an index beyond the end would be.
pub fn lint_pack(pack: &LazyPack) -> Result<LintReport> {
    let looked: Vec<Result<Picture>> = (0..pack.len()).into_par_iter().map(|i| look_at(pack, i)).collect();
    let polygons = pack.all_warnings().clone();
    let mut report = LintReport { samples: pack.len(), polygons, ..LintReport::default() };
    for (i, looked) in looked.into_iter().enumerate() {
        let picture = looked?;
        picture.broken.into_iter().for_each(|b| report.broken.add(b));
        picture.outside.into_iter().for_each(|o| report.outside.add(o));
        let empty = pack.kind() == PackKind::Recognition && pack.text(i).is_some_and(|t| t.trim().is_empty());
        if empty {
            report.empty.add(pack.location(i)?);
        }
    }
    Ok(report)
}

/// What is wrong with one picture, in words.
#[derive(Default)]
struct Picture {
    broken: Option<String>,
    outside: Vec<String>,
}

fn look_at(pack: &LazyPack, i: usize) -> Result<Picture> {
    let at = pack.location(i)?;
    Ok(match pack.image(i) {
        Ok(image) => {
            let outside = outside(pack.instances(i).unwrap_or_default(), &image, &at);
            Picture { broken: None, outside }
        }
        Err(error) => Picture { broken: Some(error.to_string()), ..Picture::default() },
    })
}

/// The regions of a picture that are not in it, or of which only a small part is.
fn outside(instances: &[TextInstance], image: &Image, at: &Location) -> Vec<String> {
    let (w, h) = (image.width(), image.height());
    let name = |(k, t): (usize, &TextInstance)| match share_inside(&t.region.polygon, image) {
        0.0 => Some(format!("{at}: annotation {k} lies outside of its {w}x{h} picture")),
        inside if inside < LEAST_INSIDE => Some(format!(
            "{at}: annotation {k} lies mostly outside of its {w}x{h} picture, which holds {:.0}% of its area",
            inside * 100.0
        )),
        _ => None,
    };
    instances.iter().enumerate().filter_map(name).collect()
}

/// Pictures looked at together.
const CHUNK: usize = 64;

/// Looks at the splits of a data set one after the other, in labels of any format: what [`lint_pack`] and `lint_texts`
/// look at, labels that cannot be read, pictures that EXIF turns, and pictures that occur twice, in a split or in two.
/// What is kept in memory is a hash of each picture.
pub struct Linter<'a> {
    vocab: Option<&'a Vocab>,
    input: LineInput,
    splits: usize,
    /// Of each picture the split and place where it was seen first.
    seen: HashMap<[u8; 16], (usize, Location)>,
}

/// What one record's picture and texts are like.
struct Looked {
    picture: Picture,
    turned: bool,
    hash: Option<[u8; 16]>,
    /// The texts to read, with the size of their crops where it is known.
    texts: Vec<(String, Option<(u32, u32)>)>,
    /// They are no truth of pictures: no recognizer has to write them.
    sentence: bool,
}

impl<'a> Linter<'a> {
    /// Texts are held against a vocabulary and CTC's time steps where there is one.
    pub fn new(vocab: Option<&'a Vocab>, input: LineInput) -> Self {
        Self { vocab, input, splits: 0, seen: HashMap::new() }
    }

    /// Looks at the next split; `on` is called with each record when it has been looked at.
    ///
    /// # Errors
    /// Those of [`Reader::open`]; what is wrong with records are findings.
    pub fn lint(
        &mut self,
        path: &Path,
        read: &ReadOptions,
        mut on: impl FnMut(&Record),
    ) -> Result<LintReport> {
        let mut reader = Reader::open(path, read)?;
        let mut report = LintReport::default();
        let mut check = self.vocab.map(|vocab| TextCheck::new(vocab, self.input));
        loop {
            let before = report.samples;
            let mut records = Vec::with_capacity(CHUNK);
            for record in reader.by_ref().take(CHUNK) {
                report.samples += 1;
                match record {
                    Ok(record) => records.push(record),
                    Err(error) => report.labels.add(error.to_string()),
                }
            }
            if report.samples == before {
                break;
            }
            let looked: Vec<Looked> = records.par_iter().map(look_at_record).collect();
            for (record, looked) in records.iter().zip(looked) {
                report.sentences |= looked.sentence;
                self.add(record, looked, &mut report, &mut check);
                on(record);
            }
        }
        report.polygons = reader.warnings().clone();
        if let Some(check) = check.filter(|_| !report.sentences) {
            check.finish(&mut report);
        }
        self.splits += 1;
        Ok(report)
    }

    /// Takes over what was seen of a record.
    fn add(
        &mut self,
        record: &Record,
        looked: Looked,
        report: &mut LintReport,
        check: &mut Option<TextCheck<'_>>,
    ) {
        let at = &record.at;
        let mut good = looked.picture.broken.is_none();
        looked.picture.broken.into_iter().for_each(|b| report.broken.add(b));
        looked.picture.outside.into_iter().for_each(|o| report.outside.add(o));
        if looked.turned {
            report.turned.add(at.clone());
        }
        if let Some(hash) = looked.hash {
            match self.seen.get(&hash) {
                Some((split, first)) if *split == self.splits => {
                    report.repeated.add((at.clone(), first.clone()))
                }
                Some((_, first)) => report.shared.add((at.clone(), first.clone())),
                None => drop(self.seen.insert(hash, (self.splits, at.clone()))),
            }
        }
        for (text, size) in looked.texts {
            if text.trim().is_empty() {
                report.empty.add(at.clone());
                good = false;
            }
            if let Some(check) = check.as_mut().filter(|_| !looked.sentence) {
                good &= check.text(&text, at, size, report);
            }
        }
        if let Some(check) = check.as_mut().filter(|_| good) {
            check.count_usable();
        }
    }
}

fn look_at_record(record: &Record) -> Looked {
    let mut looked = Looked {
        picture: Picture::default(),
        turned: false,
        hash: None,
        texts: Vec::new(),
        sentence: record.truth.kind() == Kind::Sentence,
    };
    if let Truth::Sentence { text, .. } = &record.truth {
        looked.hash = Sha256::digest(text).first_chunk().copied();
        looked.texts.push((text.clone(), None));
        return looked;
    }
    let image = record.bytes().and_then(|bytes| {
        let digest = Sha256::digest(&bytes);
        looked.hash = digest.first_chunk().copied();
        looked.turned = record.head_of(Cursor::new(&bytes))?.turned;
        record.decode(&bytes)
    });
    let image = match image {
        Ok(image) => Some(image),
        Err(error) => {
            looked.picture.broken = Some(error.to_string());
            None
        }
    };
    match &record.truth {
        Truth::Sentence { .. } => {}
        Truth::Text(text) => {
            looked.texts.push((text.clone(), image.map(|image| (image.width(), image.height()))));
        }
        Truth::Instances(instances) => {
            if let Some(image) = &image {
                looked.picture.outside = outside(instances, image, &record.at);
            }
            for instance in instances.iter().filter(|i| !i.ignore && i.transcript.is_some()) {
                looked.texts.push((instance.text().to_owned(), text_size(&instance.region.polygon)));
            }
        }
    }
    looked
}

#[cfg(test)]
mod tests;
