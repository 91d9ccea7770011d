use std::collections::HashMap;
use std::path::Path;

use glyphic_core::Point;
use glyphic_core::geometry::sort_clockwise;
use glyphic_extract::kie::relations;
use serde::Deserialize;

use crate::dataset::tasks::{typed, wrong};
use crate::dataset::{Dataset, Loader, Truths};
use crate::{Error, Result};
use glyphic_labels::Error as LabelError;

/// How a [`KieDataset`] is prepared.
#[derive(Debug, Clone, PartialEq)]
pub struct KieOptions {
    /// Before each file name.
    pub img_prefix: String,
    /// Distances between boxes are divided by it.
    pub norm: f32,
    /// Edges lead from a box of class 1 alone.
    pub directed: bool,
    /// See [`Dataset::test_mode`].
    pub test_mode: bool,
}

impl Default for KieOptions {
    /// Norm 10, undirected, in test mode.
    fn default() -> Self {
        Self { img_prefix: String::new(), norm: 10.0, directed: false, test_mode: true }
    }
}

/// Receipts and the like: boxes with texts and classes.
pub struct KieDataset {
    /// Its annotations, with `file_name`, `height`, `width` and `annotations` of `box`, `text` and `label`.
    pub loader: Loader,
    /// The class of each character; 0 is no character.
    dict: HashMap<char, i32>,
    options: KieOptions,
}

/// What a key information pipeline is given.
#[derive(Debug, Clone, PartialEq)]
pub struct KieItem {
    /// The picture's file.
    pub filename: String,
    /// Its height in pixels.
    pub height: u32,
    /// Its width in pixels.
    pub width: u32,
    /// Before the file name.
    pub img_prefix: String,
    /// Its boxes.
    pub ann_info: KieAnnotations,
    /// The text of each box.
    pub ori_texts: Vec<String>,
}

/// The boxes of a picture, `n` of them.
#[derive(Debug, Clone, PartialEq)]
pub struct KieAnnotations {
    /// `[n, 4]`: left, top, right, bottom in pixels.
    pub bboxes: Vec<[f32; 4]>,
    /// `[n, n, 5]`, row by row, as [`relations`] gives them.
    pub relations: Vec<[f32; 5]>,
    /// `[n, length of the longest]`: the classes of the characters, -1 behind the last.
    pub texts: Vec<Vec<i32>>,
    /// `[n, 1 + n]`: the class of each box, then 1 for each box of the same edge, 0 for others, -1 for itself.
    pub labels: Vec<Vec<i32>>,
}

#[derive(Deserialize)]
struct Info {
    file_name: String,
    height: u32,
    width: u32,
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Annotation {
    #[serde(rename = "box")]
    corners: Vec<f64>,
    text: String,
    #[serde(default)]
    label: i32,
    #[serde(default)]
    edge: i64,
}

impl KieDataset {
    /// A data set whose dictionary is a file of one character a line, the first of class 1.
    ///
    /// # Errors
    /// [`Error::Labels`], [`Error::Core`] for a dictionary that is none.
    pub fn open(loader: Loader, dict_file: impl AsRef<Path>, options: KieOptions) -> Result<Self> {
        let path = dict_file.as_ref();
        let bytes = std::fs::read(path)
            .map_err(|source| Error::from(LabelError::Read { path: path.to_owned(), source }))?;
        let text = String::from_utf8(bytes).map_err(|e| {
            Error::Core(glyphic_core::Error::Dict {
                name: path.display().to_string(),
                line: e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count()
                    + 1,
                reason: "it is not UTF-8".to_owned(),
            })
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        // By line, as the classes are counted: an entry of several characters is never met in a text.
        let lines = text.lines().zip(1..).filter_map(|(line, class)| {
            let mut chars = line.chars();
            let first = chars.next()?;
            chars.next().is_none().then_some((first, class))
        });
        Ok(Self { loader, dict: lines.collect(), options })
    }

    fn info(&self, index: usize) -> Result<Info> {
        const EXPECTED: &str = "file_name, height, width and annotations, each with box, text and label";
        typed(self.loader.get(index)?, &self.loader.location(index), EXPECTED)
    }
}

impl Truths for KieDataset {
    type Truth = Vec<usize>;
    type Error = Error;

    fn truths(&self) -> Result<Vec<Vec<usize>>> {
        let class = |i, label: i32| {
            let negative =
                |_| wrong(&self.loader.location(i), format!("label {label}"), "a class, from 0 on");
            usize::try_from(label).map_err(negative)
        };
        let classes = |i| self.info(i)?.annotations.iter().map(|a| class(i, a.label)).collect();
        (0..self.loader.len()).map(classes).collect()
    }
}

impl Dataset for KieDataset {
    type Item = KieItem;

    fn len(&self) -> usize {
        self.loader.len()
    }

    fn test_mode(&self) -> bool {
        self.options.test_mode
    }

    fn prepare(&self, index: usize) -> Result<KieItem> {
        let info = self.info(index)?;
        let at = self.loader.location(index);
        if info.annotations.is_empty() {
            return Err(wrong(&at, "there are no annotations", "a box at least; leave the picture out"));
        }
        let mut boxes = Vec::with_capacity(info.annotations.len());
        let mut texts: Vec<Vec<i32>> = Vec::with_capacity(info.annotations.len());
        for a in &info.annotations {
            let Some(corners) = a.corners.first_chunk::<8>() else {
                return Err(wrong(
                    &at,
                    format!("a box of {} numbers", a.corners.len()),
                    "box: [x1, y1, ..., x4, y4]",
                ));
            };
            let points: Vec<Point> = corners.chunks_exact(2).map(|c| Point::new(c[0], c[1])).collect();
            let sorted = sort_clockwise(&points);
            let mut flat = [0.0; 8];
            for (k, p) in sorted.iter().enumerate() {
                // The reference keeps whole pixels.
                (flat[2 * k], flat[2 * k + 1]) = (p.x.trunc() as f32, p.y.trunc() as f32);
            }
            boxes.push(flat);
            texts.push(a.text.chars().filter_map(|c| self.dict.get(&c).copied()).collect());
        }
        let (relations, bboxes) = relations(&boxes, self.options.norm);
        let longest = texts.iter().map(Vec::len).max().unwrap_or(0);
        texts.iter_mut().for_each(|t| t.resize(longest, -1));
        let annotations = &info.annotations;
        let labels = annotations.iter().enumerate().map(|(i, a)| {
            let edge = |j: usize| {
                if i == j {
                    return -1;
                }
                let same = i32::from(a.edge == annotations[j].edge);
                if self.options.directed { i32::from(same & a.label == 1) } else { same }
            };
            std::iter::once(a.label).chain((0..annotations.len()).map(edge)).collect()
        });
        Ok(KieItem {
            height: info.height,
            width: info.width,
            img_prefix: self.options.img_prefix.clone(),
            ann_info: KieAnnotations { bboxes, relations, texts, labels: labels.collect() },
            ori_texts: info.annotations.iter().map(|a| a.text.clone()).collect(),
            filename: info.file_name,
        })
    }
}
