//! SynthText: one MATLAB file with the cell arrays `imnames`, `wordBB` (2 x 4 x words) and `txt` (lines of words). The
//! three are read side by side. <https://www.robots.ox.ac.uk/~vgg/data/scenetext/>

use std::path::Path;

use crate::formats::lines::Root;
use crate::formats::mat::{self, Cells, MatFile, Value};
use crate::formats::out::{OutFile, Spool};
use crate::formats::outline::{ILLEGIBLE, Instances};
use crate::formats::read::Records;
use crate::formats::write::{Losses, Sink as FormatSink, marked_text, quad_of};
use crate::formats::{Format, Picture, Record, Truth};
use crate::lint::Findings;
use crate::{Error, Location, Result, Warning};

pub(super) struct Reader {
    path: std::sync::Arc<Path>,
    names: Cells,
    boxes: Cells,
    texts: Cells,
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
        Ok(Self { path: path.into(), names, boxes, texts, root: Root::new(path, images), record: 0 })
    }

    fn record(&mut self, cells: [Result<Value>; 3], warnings: &mut Findings<Warning>) -> Result<Record> {
        let [name, boxes, texts] = cells;
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
        for (k, flat) in data.chunks_exact(8).enumerate() {
            let word = known.then(|| words[k].to_owned());
            let ignore = word.as_deref() == Some(ILLEGIBLE);
            instances.add(flat, word, ignore, None);
        }
        Ok(Record {
            picture: Picture::File(self.root.join(&file_name)),
            file_name,
            size: None,
            truth: Truth::Instances(instances.done()),
            fields: Vec::new(),
            at,
        })
    }
}

impl Records for Reader {
    fn next(&mut self, warnings: &mut Findings<Warning>) -> Option<Result<Record>> {
        let cells = [self.names.next()?, self.boxes.next()?, self.texts.next()?];
        self.record += 1;
        Some(self.record(cells, warnings))
    }
}

/// Writes the three cell arrays one behind the other; they are told record by record.
pub(super) struct Sink {
    out: OutFile,
    names: Spool,
    boxes: Spool,
    texts: Spool,
    records: usize,
}

impl Sink {
    pub(super) fn create(path: &Path) -> Result<Self> {
        Ok(Self {
            out: OutFile::create(path)?,
            names: Spool::new(path)?,
            boxes: Spool::new(path)?,
            texts: Spool::new(path)?,
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
        for instance in instances {
            let Some(word) = marked_text(instance, Format::SynthText) else {
                return unfit("a region has no text, and words are told by their number".to_owned());
            };
            if word.is_empty() || word.contains(char::is_whitespace) {
                return unfit(format!("{word:?} is not one word, and words are divided by white space"));
            }
            words.push(word);
            data.extend(quad_of(&instance.region.polygon, losses));
        }
        let dims: &[usize] = if words.len() == 1 { &[2, 4] } else { &[2, 4, words.len()] };
        self.names.put(mat::texts(&[&record.file_name]))?;
        self.boxes.put(mat::doubles(dims, &data))?;
        self.texts.put(mat::texts(&words))?;
        self.records += 1;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let Self { out, names, boxes, texts, records } = &mut *self;
        out.put(mat::file_header())?;
        for (name, spool) in [("imnames", names), ("wordBB", boxes), ("txt", texts)] {
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
