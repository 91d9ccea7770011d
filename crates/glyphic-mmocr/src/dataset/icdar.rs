use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use glyphic_core::OutlineTruth;
use serde::Deserialize;
use serde_json::Value;

use crate::dataset::tasks::{mask, outlines, wrong};
use crate::dataset::{Dataset, DetectionAnnotations, DetectionItem, Truths};
use crate::{Error, Result};
use glyphic_labels::Error as LabelError;
use glyphic_labels::Location;
use glyphic_labels::json;
use glyphic_labels::json::flag;

/// How an [`IcdarDataset`] is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IcdarOptions {
    /// Before each file name.
    pub img_prefix: String,
    /// See [`Dataset::test_mode`]. Nothing is filtered in test mode.
    pub test_mode: bool,
    /// Leave out pictures without an annotation, and those smaller than 32 pixels a side, outside of the test mode.
    pub filter_empty_gt: bool,
    /// Keep this many pictures from the start; all when `None`.
    pub select_first_k: Option<usize>,
    /// Keep one picture more than `select_first_k`, as MMOCR 0.2.1 does.
    pub one_more: bool,
}

impl Default for IcdarOptions {
    /// All pictures with annotations, to train.
    fn default() -> Self {
        Self {
            img_prefix: String::new(),
            test_mode: false,
            filter_empty_gt: true,
            select_first_k: None,
            one_more: false,
        }
    }
}

/// Pictures with outlines of texts, a COCO document whose category is `text`. The document is held in memory.
pub struct IcdarDataset {
    file: Arc<Path>,
    images: Vec<(Image, Vec<Annotation>)>,
    /// Ids of the categories called `text`.
    categories: Vec<i64>,
    options: IcdarOptions,
}

#[derive(Debug, Clone, Deserialize)]
struct Image {
    id: i64,
    file_name: String,
    height: u32,
    width: u32,
}

#[derive(Debug, Clone, Deserialize)]
struct Annotation {
    image_id: i64,
    bbox: [f64; 4],
    area: f64,
    category_id: i64,
    iscrowd: Option<Value>,
    ignore: Option<Value>,
    segmentation: Option<Value>,
}

#[derive(Deserialize)]
struct Category {
    id: i64,
    name: String,
}

#[derive(Deserialize)]
struct Document {
    images: Vec<Image>,
    #[serde(default)]
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

/// Pictures smaller than this are left out with those without annotations.
const SMALLEST: u32 = 32;

impl IcdarDataset {
    /// Reads a document.
    ///
    /// # Errors
    /// [`Error::Labels`] for a document that is none, [`Error::Setup`] where no category is called `text`.
    pub fn open(path: impl AsRef<Path>, options: IcdarOptions) -> Result<Self> {
        let path = path.as_ref();
        let file: Arc<Path> = path.into();
        let bytes = std::fs::read(path)
            .map_err(|source| Error::from(LabelError::Read { path: path.to_owned(), source }))?;
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
        let at = Location { file: file.clone(), line: 1 };
        let document: Document =
            json::parse(bytes, &at, "a COCO document with images, annotations and categories")?;
        let named = document.categories.iter().filter(|c| c.name == "text");
        let categories: Vec<i64> = named.map(|c| c.id).collect();
        if categories.is_empty() {
            let reason = format!("{} has no category \"text\"", path.display());
            return Err(Error::Setup { what: "IcdarDataset", reason });
        }
        let mut by_image: BTreeMap<i64, Vec<Annotation>> = BTreeMap::new();
        for annotation in document.annotations {
            by_image.entry(annotation.image_id).or_default().push(annotation);
        }
        let limit = match options.select_first_k.filter(|k| *k > 0) {
            Some(k) => k + usize::from(options.one_more),
            None => usize::MAX,
        };
        let images = document.images.into_iter().take(limit).map(|image| {
            let annotations = by_image.get(&image.id).cloned().unwrap_or_default();
            (image, annotations)
        });
        let kept = |(image, annotations): &(Image, Vec<Annotation>)| {
            let labelled = annotations.iter().any(|a| categories.contains(&a.category_id));
            options.test_mode
                || (image.width.min(image.height) >= SMALLEST && (labelled || !options.filter_empty_gt))
        };
        let images = images.filter(kept).collect();
        Ok(Self { file, images, categories, options })
    }

    fn annotations(&self, index: usize) -> Result<DetectionAnnotations> {
        let (_, annotations) = self.images.get(index).ok_or_else(|| Error::Index {
            name: self.file.display().to_string(),
            index,
            len: self.images.len(),
        })?;
        let at = Location { file: self.file.clone(), line: 1 };
        let mut ann = DetectionAnnotations::default();
        for a in annotations {
            let [x, y, w, h] = a.bbox;
            let tiny = a.area <= 0.0 || w < 1.0 || h < 1.0;
            let label = self.categories.iter().position(|c| *c == a.category_id);
            let Some(label) = label.filter(|_| !flag(a.ignore.as_ref()) && !tiny) else { continue };
            let bbox = [x, y, x + w, y + h].map(|v| v as f32);
            let mask = mask(a.segmentation.as_ref(), &at)
                .map_err(|_| wrong(&at, format!("{a:?}"), "segmentation: [[x1, y1, ...]]"))?;
            if flag(a.iscrowd.as_ref()) {
                ann.bboxes_ignore.push(bbox);
                ann.masks_ignore.push(mask);
            } else {
                ann.bboxes.push(bbox);
                ann.labels.push(label as i64);
                ann.masks.push(mask);
            }
        }
        Ok(ann)
    }
}

impl Truths for IcdarDataset {
    type Truth = OutlineTruth;
    type Error = Error;

    fn truths(&self) -> Result<Vec<OutlineTruth>> {
        let truth = |i: usize| Ok(outlines(self.images[i].0.file_name.clone(), self.annotations(i)?));
        (0..self.images.len()).map(truth).collect()
    }
}

impl Dataset for IcdarDataset {
    type Item = DetectionItem;

    fn len(&self) -> usize {
        self.images.len()
    }

    fn test_mode(&self) -> bool {
        self.options.test_mode
    }

    fn prepare(&self, index: usize) -> Result<DetectionItem> {
        let ann_info = self.annotations(index)?;
        let image = &self.images[index].0;
        Ok(DetectionItem {
            filename: image.file_name.clone(),
            height: image.height,
            width: image.width,
            img_prefix: self.options.img_prefix.clone(),
            ann_info,
        })
    }
}
