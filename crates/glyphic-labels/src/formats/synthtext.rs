//! SynthText: one MATLAB file with the cell arrays `imnames`, `wordBB` (2 x 4 x words), `txt` (lines of words) and, where
//! the places of characters are known, `charBB` (2 x 4 x characters). They are read side by side. <https://www.robots.ox.ac.uk/~vgg/data/scenetext/>

use std::path::Path;

use glyphic_core::{CharSpan, Point, TextInstance};

use crate::findings::{Findings, Location, Warning};
use crate::formats::lines::Root;
use crate::formats::mat::{self, Cells, MatFile, Value};
use crate::formats::out::{OutFile, Spool};
use crate::formats::outline::{ILLEGIBLE, Instances};
use crate::formats::records::Records;
use crate::formats::sink::{CHARS_LOST, Losses, Sink as FormatSink};
use crate::formats::values::{marked_text, quad_of};
use crate::formats::{Format, Picture, Record, Truth};
use crate::{Error, Result};

pub(super) struct Reader {
    path: std::sync::Arc<Path>,
    names: Cells,
    boxes: Cells,
    texts: Cells,
    chars: Option<Cells>,
    root: Root,
    record: usize,
}

impl Reader {
    pub(super) fn open(path: &Path, images: Option<&Path>) -> Result<Self> {
        let mat = MatFile::open(path)?;
        let wrong = |reason: String| Error::NotFormat {
            path: path.to_owned(),
            format: Format::SynthText.name(),
            reason,
        };
        let cells = |name: &str| {
            mat.cells(name)?
                .ok_or_else(|| wrong(format!("it has no {name}; imnames, wordBB and txt are needed")))
        };
        let (names, boxes, texts) = (cells("imnames")?, cells("wordBB")?, cells("txt")?);
        if names.len != boxes.len || names.len != texts.len {
            return Err(wrong(format!(
                "imnames has {} cells, wordBB {}, txt {}",
                names.len, boxes.len, texts.len
            )));
        }
        let chars = mat.cells("charBB")?;
        if let Some(chars) = &chars
            && chars.len != names.len
        {
            return Err(wrong(format!("imnames has {} cells, charBB {}", names.len, chars.len)));
        }
        Ok(Self { path: path.into(), names, boxes, texts, chars, root: Root::new(path, images), record: 0 })
    }

    fn record(
        &mut self,
        cells: [Result<Value>; 3],
        chars: Option<Result<Value>>,
        warnings: &mut Findings<Warning>,
    ) -> Result<Record> {
        let [name, boxes, texts] = cells;
        let chars = match chars.transpose()? {
            Some(Value::Numbers { data, .. }) => data,
            _ => Vec::new(),
        };
        let (name, boxes, texts) = (name?, boxes?, texts?);
        // A cell has no line; its number serves.
        let at = Location { file: self.path.clone(), line: self.record };
        let wrong = |reason: &str| Error::Label {
            at: at.clone(),
            reason: format!("cell {}: {reason}", self.record),
            expected: "a name, 2 x 4 x n coordinates and n words",
        };
        let file_name = name.rows().into_iter().next().ok_or_else(|| wrong("imnames holds no name"))?;
        let Value::Numbers { data, .. } = boxes else { return Err(wrong("wordBB holds no numbers")) };
        if data.len() % 8 != 0 {
            return Err(wrong("wordBB is not 2 x 4 x n"));
        }
        let rows = texts.rows();
        let words: Vec<&str> = rows.iter().flat_map(|row| row.split_whitespace()).collect();
        let mut instances = Instances::new(&at, warnings);
        let known = words.len() == data.len() / 8;
        if !known {
            instances.remark(
                format!("{} words for {} regions", words.len(), data.len() / 8),
                "the regions are read without their words",
            );
        }
        let placed: usize = words.iter().map(|w| w.chars().count()).sum();
        let charted = known && !chars.is_empty() && chars.len() == 8 * placed;
        if known && !chars.is_empty() && !charted {
            instances.remark(
                format!("charBB has {} numbers for {placed} characters, 8 each are needed", chars.len()),
                "the words are read without the places of their characters",
            );
        }
        let mut quads = chars.chunks_exact(8);
        for (k, flat) in data.chunks_exact(8).enumerate() {
            let word = known.then(|| words[k].to_owned());
            let ignore = word.as_deref() == Some(ILLEGIBLE);
            let instance = instances.add(flat, word, ignore, None);
            if charted {
                let quads: Vec<&[f64]> = quads.by_ref().take(words[k].chars().count()).collect();
                if let Some(TextInstance { region, transcript: Some(transcript), .. }) = instance {
                    transcript.chars = spans(&region.polygon.to_flat(), words[k], &quads);
                }
            }
        }
        Ok(Record {
            picture: Picture::File(self.root.join(&file_name)),
            file_name,
            size: None,
            truth: Truth::Instances(instances.done()),
            fields: Vec::new(),
            links: Vec::new(),
            at,
        })
    }
}

impl Records for Reader {
    fn next(&mut self, warnings: &mut Findings<Warning>) -> Option<Result<Record>> {
        let cells = [self.names.next()?, self.boxes.next()?, self.texts.next()?];
        let chars = self.chars.as_mut().and_then(Cells::next);
        self.record += 1;
        Some(self.record(cells, chars, warnings))
    }
}

/// Where the characters of a word stand along it: the middles of the left and right sides of their quadrilaterals, on the
/// line between those of the word's.
fn spans(word: &[f64], text: &str, quads: &[&[f64]]) -> Vec<CharSpan> {
    let middle = |q: &[f64], a: usize, b: usize| {
        Point::new((q[2 * a] + q[2 * b]) / 2.0, (q[2 * a + 1] + q[2 * b + 1]) / 2.0)
    };
    let (from, to) = (middle(word, 0, 3), middle(word, 1, 2));
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let squared = dx * dx + dy * dy;
    if squared == 0.0 {
        return Vec::new();
    }
    let along = |p: Point| (((p.x - from.x) * dx + (p.y - from.y) * dy) / squared).clamp(0.0, 1.0) as f32;
    let char = |(char, quad): (char, &&[f64])| CharSpan {
        char,
        score: 1.0,
        start: along(middle(quad, 0, 3)),
        end: along(middle(quad, 1, 2)),
    };
    text.chars().zip(quads).map(char).collect()
}

/// The part of a quadrilateral from one place along it to another, 0 to 1, as high as the whole.
fn part(quad: &[f64], start: f32, end: f32) -> [f64; 8] {
    let between = |a: usize, b: usize, t: f32, k: usize| {
        // Ten-thousandths of a pixel: fractions are no more exact.
        let v = quad[2 * a + k] + (quad[2 * b + k] - quad[2 * a + k]) * f64::from(t);
        (v * 1e4).round() / 1e4
    };
    let corners = [(0, 1, start), (0, 1, end), (3, 2, end), (3, 2, start)];
    std::array::from_fn(|i| {
        let (a, b, t) = corners[i / 2];
        between(a, b, t, i % 2)
    })
}

/// Whether the characters of a text are those whose places are known.
fn is_placed(text: &str, chars: &[CharSpan]) -> bool {
    text.chars().eq(chars.iter().map(|c| c.char))
}

/// A word, its quadrilateral, and the places of its characters where they are known.
type Word<'a> = (&'a str, Vec<f64>, Vec<CharSpan>);

/// The words of a text, each with its part of the region: from its first character to its last where their places are known,
/// else in proportion to the number of characters.
fn split<'a>(text: &'a str, chars: &[CharSpan], quad: &[f64]) -> Vec<Word<'a>> {
    let count = text.chars().count() as f32;
    let words = || {
        let is_word = |(_, word): &(usize, &str)| !word.is_empty();
        let mut first = 0;
        let parts = text.split(char::is_whitespace).map(move |word| {
            let from = first;
            first += word.chars().count() + 1;
            (from, word)
        });
        parts.filter(is_word)
    };
    let by_chars = |(first, word): (usize, &str)| {
        let own = &chars[first..first + word.chars().count()];
        let start = own.iter().map(|c| c.start).fold(f32::INFINITY, f32::min);
        let end = own.iter().map(|c| c.end).fold(f32::NEG_INFINITY, f32::max);
        (start, end, own)
    };
    let placed = is_placed(text, chars)
        && words().all(|word| {
            let (start, end, _) = by_chars(word);
            start < end
        });
    let cut = |(first, word): (usize, &'a str)| {
        if !placed {
            let (start, end) = (first as f32 / count, (first + word.chars().count()) as f32 / count);
            return (word, part(quad, start, end).to_vec(), Vec::new());
        }
        let (start, end, own) = by_chars((first, word));
        let along = |t: f32| (t - start) / (end - start);
        let own = own.iter().map(|c| CharSpan { start: along(c.start), end: along(c.end), ..*c });
        (word, part(quad, start, end).to_vec(), own.collect())
    };
    words().map(cut).collect()
}

/// Quadrilaterals as a matrix of 2 x 4 x their number.
fn quads_matrix(flat: &[f64]) -> Vec<u8> {
    match flat.len() / 8 {
        // MATLAB drops a last dimension of 1.
        1 => mat::doubles(&[2, 4], flat),
        n => mat::doubles(&[2, 4, n], flat),
    }
}

/// What is said where a region is divided.
const SPLIT: &str = "texts of several words are divided, and their regions with them";

/// Writes the cell arrays one behind the other; they are told record by record.
pub(super) struct Sink {
    out: OutFile,
    names: Spool,
    boxes: Spool,
    texts: Spool,
    chars: Spool,
    /// Some record has places of characters; without any, `charBB` is not written.
    charted: bool,
    records: usize,
    split_words: bool,
}

impl Sink {
    pub(super) fn create(path: &Path, split_words: bool) -> Result<Self> {
        Ok(Self {
            split_words,
            out: OutFile::create(path)?,
            names: Spool::new(path)?,
            boxes: Spool::new(path)?,
            texts: Spool::new(path)?,
            chars: Spool::new(path)?,
            charted: false,
            records: 0,
        })
    }
}

impl FormatSink for Sink {
    fn put(&mut self, record: &Record, losses: &mut Losses) -> Result<()> {
        let Truth::Instances(instances) = &record.truth else { return Ok(()) };
        let unfit = |reason: String| {
            Err(Error::Unfit { at: record.at.clone(), format: Format::SynthText.name(), reason })
        };
        let (mut words, mut data) = (Vec::new(), Vec::new());
        // One box a character of the picture, or none at all: they are told by their number.
        let mut chars = Some(Vec::new());
        for instance in instances {
            let Some(text) = marked_text(instance, Format::SynthText) else {
                return unfit("a region has no text, and words are told by their number".to_owned());
            };
            let places = instance.transcript.as_ref().map_or(&[][..], |t| &t.chars);
            let one = !text.is_empty() && !text.contains(char::is_whitespace);
            let some = !text.trim().is_empty();
            if !(one || some && self.split_words) {
                let how = if some { "; split_words (--split-words) divides its region" } else { "" };
                return unfit(format!("{text:?} is not one word, and words are divided by white space{how}"));
            }
            let quad = quad_of(&instance.region.polygon, losses);
            let parts = if one { vec![(text, quad, places.to_vec())] } else { split(text, places, &quad) };
            if !one {
                losses.count(SPLIT);
            }
            for (word, quad, places) in parts {
                match &mut chars {
                    Some(all) if is_placed(word, &places) => {
                        all.extend(places.iter().flat_map(|c| part(&quad, c.start, c.end)));
                    }
                    _ => chars = None,
                }
                words.push(word);
                data.extend(quad);
            }
        }
        let chars = chars.filter(|c| !c.is_empty());
        if chars.is_none() {
            let placed = |i: &&TextInstance| i.transcript.as_ref().is_some_and(|t| !t.chars.is_empty());
            instances.iter().filter(placed).for_each(|_| losses.count(CHARS_LOST));
        }
        self.charted |= chars.is_some();
        self.chars.put(quads_matrix(&chars.unwrap_or_default()))?;
        self.names.put(mat::texts(&[&record.file_name]))?;
        self.boxes.put(quads_matrix(&data))?;
        self.texts.put(mat::texts(&words))?;
        self.records += 1;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let Self { out, names, boxes, texts, chars, charted, records, .. } = &mut *self;
        out.put(mat::file_header())?;
        let chars = charted.then_some(("charBB", chars));
        for (name, spool) in [("imnames", names), ("wordBB", boxes), ("txt", texts)].into_iter().chain(chars)
        {
            let head = mat::matrix_head(1, &[1, *records], name);
            let size = u32::try_from(head.len() as u64 + spool.len).map_err(|_| Error::Setup {
                what: "MATLAB file",
                reason: format!(
                    "{name} is larger than 4 GiB, which its version 5 cannot hold; write in parts"
                ),
            })?;
            out.put(mat::matrix_tag(size))?;
            out.put(head)?;
            out.append(spool)?;
        }
        self.out.commit()
    }
}
