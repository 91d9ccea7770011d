use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use glyphic_core::{Image, Rect};
use glyphic_imgproc::{crop_rect, crop_text, resize_antialiased};
use glyphic_labels::{LazyPack, Location, PackKind};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, Source};

/// What a label leaves open about the print it describes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelRules {
    /// The label's case may differ from the print's: a loss must accept either.
    pub case_insensitive: bool,
    /// The label leaves out spaces: a loss must accept them anywhere.
    pub no_spaces: bool,
}

/// A line or word with what it says.
#[derive(Debug, Clone)]
pub struct TextSample {
    /// The picture, which may hold a little of the surroundings.
    pub image: Image,
    /// Where in `image` the text stands, in pixels; all of the picture for a plain crop.
    pub text_box: Rect,
    /// What it says.
    pub text: String,
    /// How far to trust the label.
    pub rules: LabelRules,
}

impl TextSample {
    /// A crop that holds the text and nothing else.
    pub fn new(image: Image, text: impl Into<String>) -> Self {
        let (x1, y1) = (f64::from(image.width()), f64::from(image.height()));
        let text_box = Rect { x0: 0.0, y0: 0.0, x1, y1 };
        Self { image, text_box, text: text.into(), rules: LabelRules::default() }
    }

    /// The text alone, without its surroundings.
    pub fn crop(&self) -> Image {
        crop_rect(&self.image, self.text_box)
    }
}

/// How to make recognition samples of a pack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CropOptions {
    /// The labels' case differs from the print (SROIE and SVT are labelled in upper case).
    pub case_insensitive: bool,
    /// The labels have no spaces where the print has (WildReceipt).
    pub no_spaces: bool,
    /// Keep this many crops from the start; all when `None`.
    pub limit: Option<usize>,
    /// Surroundings kept on each side for augmentation, as a share of the text's height.
    pub margin: f64,
    /// Decoded crops kept in memory, in bytes; beyond it pictures are decoded anew for each crop.
    pub cache_bytes: usize,
}

impl Default for CropOptions {
    fn default() -> Self {
        Self { case_insensitive: false, no_spaces: false, limit: None, margin: 0.25, cache_bytes: 512 << 20 }
    }
}

/// A crop: the picture, and the annotation in it (always 0 in a recognition pack).
#[derive(Debug, Clone, Copy)]
struct Entry {
    image: u32,
    instance: u32,
}

/// The crops of one picture in the order of its entries, `None` for one outside the picture.
type Crops = Arc<[Option<TextSample>]>;

/// The words or lines of a pack, one by one: the crops of a recognition pack as they are, those of a detection
/// pack cut out of its pictures (upright boxes plainly, others by perspective warp).
///
/// Ignored annotations and those without a text are left out.
pub struct TextCrops {
    pack: LazyPack,
    entries: Vec<Entry>,
    rules: LabelRules,
    margin: f64,
    /// Of each picture, where it has been decoded already.
    cache: Vec<Mutex<Option<Crops>>>,
    cache_left: AtomicUsize,
}

impl TextCrops {
    /// The crops of a pack. Nothing is decoded yet.
    ///
    /// # Errors
    /// [`Error::Setup`] where nothing is to be read in the pack.
    pub fn new(pack: LazyPack, options: &CropOptions) -> Result<Self> {
        let limit = options.limit.unwrap_or(usize::MAX);
        let entries: Vec<Entry> = (0..pack.len())
            .flat_map(|image| {
                let instances: Vec<u32> = match pack.instances(image) {
                    None => vec![0],
                    Some(instances) => (0u32..)
                        .zip(instances)
                        .filter(|(_, t)| !t.ignore && !t.text().is_empty())
                        .map(|(k, _)| k)
                        .collect(),
                };
                instances.into_iter().map(move |instance| Entry { image: image as u32, instance })
            })
            .take(limit)
            .collect();
        if entries.is_empty() {
            return Err(Error::Setup {
                what: "recognition samples",
                reason: format!("{} has no text that is not ignored", pack.labels().display()),
            });
        }
        let cache = (0..pack.len()).map(|_| Mutex::new(None)).collect();
        let rules = LabelRules { case_insensitive: options.case_insensitive, no_spaces: options.no_spaces };
        let cache_left = AtomicUsize::new(options.cache_bytes);
        Ok(Self { pack, entries, rules, margin: options.margin.max(0.0), cache, cache_left })
    }

    /// The pack they are cut from.
    pub fn pack(&self) -> &LazyPack {
        &self.pack
    }

    /// How far their labels can be trusted.
    pub fn rules(&self) -> LabelRules {
        self.rules
    }

    /// Number of crops.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none. Never true of a value that [`TextCrops::new`] gave.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The text of crop `index`; nothing is decoded.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn text(&self, index: usize) -> Result<&str> {
        Ok(self.text_of(self.entry(index)?))
    }

    /// Where the label of crop `index` stands.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn location(&self, index: usize) -> Result<Location> {
        Ok(self.pack.location(self.entry(index)?.image as usize)?)
    }

    /// Crop `index`.
    ///
    /// # Errors
    /// Those of [`LazyPack::image`]; the error of labels for a polygon outside its picture.
    pub fn get(&self, index: usize) -> Result<TextSample> {
        let entry = self.entry(index)?;
        let image = entry.image as usize;
        // Threads that want crops of one picture wait here for a single decoding.
        let mut slot = self.cache[image].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(crops) = slot.as_ref() {
            return self.pick(crops, entry);
        }
        let picture = self.pack.image(image)?;
        if self.cache_left.load(Ordering::Relaxed) == 0 {
            drop(slot);
            return self.cut(&picture, entry);
        }
        let crops: Crops =
            self.entries_of(image).iter().map(|entry| self.cut(&picture, *entry).ok()).collect();
        let bytes = crops.iter().flatten().map(|c| c.image.rgb().len()).sum();
        let _ = self
            .cache_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(bytes)));
        self.pick(slot.insert(crops), entry)
    }

    fn entry(&self, index: usize) -> Result<Entry> {
        self.entries.get(index).copied().ok_or_else(|| Error::Index {
            name: self.pack.labels().display().to_string(),
            index,
            len: self.entries.len(),
        })
    }

    fn text_of(&self, entry: Entry) -> &str {
        match self.pack.instances(entry.image as usize) {
            Some(instances) => instances[entry.instance as usize].text(),
            None => self.pack.text(entry.image as usize).unwrap_or_default(),
        }
    }

    /// The entries of one picture stand together, by annotation.
    fn entries_of(&self, image: usize) -> &[Entry] {
        let first = self.entries.partition_point(|e| (e.image as usize) < image);
        let len = self.entries[first..].partition_point(|e| e.image as usize == image);
        &self.entries[first..first + len]
    }

    fn pick(&self, crops: &[Option<TextSample>], entry: Entry) -> Result<TextSample> {
        let nth = self.entries_of(entry.image as usize).partition_point(|e| e.instance < entry.instance);
        crops.get(nth).cloned().flatten().ok_or_else(|| self.outside(entry))
    }

    fn cut(&self, picture: &Image, entry: Entry) -> Result<TextSample> {
        let text = self.text_of(entry).to_owned();
        let (image, text_box) = match self.pack.instances(entry.image as usize) {
            None => {
                let whole = TextSample::new(picture.clone(), "");
                (whole.image, whole.text_box)
            }
            Some(instances) => {
                let polygon = &instances[entry.instance as usize].region.polygon;
                crop_text(picture, polygon, self.margin).ok_or_else(|| self.outside(entry))?
            }
        };
        let (image, text_box) = at_most(image, text_box);
        Ok(TextSample { image, text_box, text, rules: self.rules })
    }

    fn outside(&self, entry: Entry) -> Error {
        let index = entry.image as usize;
        match self.pack.location(index) {
            Ok(at) => glyphic_labels::Error::Label {
                at,
                reason: format!("annotation {} lies outside the picture", entry.instance),
                expected: "polygons inside the picture, or \"ignore\": true",
            }
            .into(),
            Err(e) => e.into(),
        }
    }
}

impl Source for TextCrops {
    type Item = TextSample;

    fn name(&self) -> String {
        match self.pack.kind() {
            PackKind::Detection => format!("crops of {}", self.pack.name()),
            PackKind::Recognition => self.pack.name(),
        }
    }

    fn len(&self) -> Option<usize> {
        Some(self.entries.len())
    }

    fn place(&self, index: u64) -> String {
        let location = self.location(usize::try_from(index).unwrap_or(usize::MAX));
        location.map_or_else(|_| self.name(), |at| at.to_string())
    }

    fn sample(&self, index: u64) -> Result<TextSample> {
        self.get(usize::try_from(index).unwrap_or(usize::MAX))
    }
}

/// Crops are kept no higher than this: three times what a recognizer of height 32 looks at.
const MAX_HEIGHT: f64 = 96.0;

/// Shrinks a crop whose text is higher than [`MAX_HEIGHT`].
fn at_most(image: Image, text_box: Rect) -> (Image, Rect) {
    let factor = text_box.height() / MAX_HEIGHT;
    if factor <= 1.0 {
        return (image, text_box);
    }
    let side = |pixels: u32| (f64::from(pixels) / factor).round().max(1.0);
    let (width, height) = (side(image.width()), side(image.height()));
    let Ok(small) = resize_antialiased(&image, width as u32, height as u32) else {
        return (image, text_box);
    };
    let (fx, fy) = (f64::from(image.width()) / width, f64::from(image.height()) / height);
    let text_box =
        Rect { x0: text_box.x0 / fx, y0: text_box.y0 / fy, x1: text_box.x1 / fx, y1: text_box.y1 / fy };
    (small, text_box)
}

#[cfg(test)]
mod tests {
    use glyphic_labels::PackOptions;
    use glyphic_testing::packs;

    use super::*;

    const INK: [u8; 3] = [250, 20, 20];

    fn crops(dir: &tempfile::TempDir, options: &CropOptions) -> Result<TextCrops> {
        TextCrops::new(LazyPack::open(dir.path(), &PackOptions::default())?, options)
    }

    fn receipt() -> tempfile::TempDir {
        let line = |name: &str| {
            format!(
                r####"{{"file_name": "{name}", "annotations": [
                {{"polygon": [5, 6, 45, 6, 45, 18, 5, 18], "text": "upright one"}},
                {{"polygon": [5, 20, 45, 24, 44, 34, 4, 30], "text": "leaning"}},
                {{"polygon": [50, 6, 70, 6, 70, 18, 50, 18], "text": "###", "ignore": true}},
                {{"polygon": [50, 20, 70, 20, 70, 30, 50, 30], "text": ""}},
                {{"polygon": [90, 20, 99, 20, 99, 30, 90, 30], "text": "outside"}}]}}"####
            )
            .replace('\n', "")
        };
        packs::detection(&[&line("a.png"), &line("b.png")], &[("a.png", 80, 40), ("b.png", 80, 40)])
    }

    #[test]
    fn crops_of_a_detection_pack_are_those_with_a_text_that_is_not_ignored() {
        let dir = receipt();
        for cache_bytes in [0, 10 << 20] {
            let options = CropOptions { cache_bytes, case_insensitive: true, ..CropOptions::default() };
            let crops = crops(&dir, &options).expect("has texts");
            let texts: Vec<&str> = (0..crops.len()).map(|i| crops.text(i).expect("in range")).collect();
            assert_eq!(texts, ["upright one", "leaning", "outside"].repeat(2));
            for (i, tag) in [(0, 0), (3, 1), (0, 0)] {
                let crop = crops.get(i).expect("inside");
                assert_eq!(crop.text, "upright one");
                assert!(crop.rules.case_insensitive && !crop.rules.no_spaces);
                let expected =
                    crop_rect(&packs::picture(80, 40, tag), Rect { x0: 5.0, y0: 6.0, x1: 45.0, y1: 18.0 });
                assert_eq!(crop.crop().rgb(), expected.rgb());
                assert!(crop.image.width() > 40, "there is something around it");
            }
            let leaning = crops.get(4).expect("inside").crop();
            assert_eq!((leaning.width(), leaning.height()), (40, 10));
            let error = crops.get(5).expect_err("outside").to_string();
            assert!(error.contains("gt.jsonl:2") && error.contains("annotation 4"), "{error}");
            assert!(matches!(crops.get(6), Err(Error::Index { .. })));
        }
    }

    #[test]
    fn crops_of_a_recognition_pack_are_its_pictures() {
        let dir = packs::recognition("a.png\ta b\nb.png\tc", |i| (30 + i as u32, 20));
        let crops = crops(&dir, &CropOptions::default()).expect("has texts");
        let second = crops.get(1).expect("readable");
        assert_eq!((second.text.as_str(), second.crop().rgb()), ("c", packs::picture(31, 20, 1).rgb()));
        assert_eq!(crops.location(1).expect("in range").line, 2);
    }

    #[test]
    fn a_limit_counts_crops_and_nothing_to_read_is_an_error() {
        let options = CropOptions { limit: Some(4), ..CropOptions::default() };
        assert_eq!(crops(&receipt(), &options).expect("has texts").len(), 4);
        let line = r#"{"file_name": "a.png", "annotations": []}"#;
        let blank = packs::detection(&[line], &[("a.png", 8, 8)]);
        assert!(matches!(crops(&blank, &CropOptions::default()), Err(Error::Setup { .. })));
    }

    #[test]
    fn several_threads_read_the_same_crops() {
        let dir = receipt();
        let crops = crops(&dir, &CropOptions::default()).expect("has texts");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..20).for_each(|i| assert!(crops.get(i % 2).is_ok())));
            }
        });
    }

    #[test]
    fn high_crops_are_shrunk_and_their_box_with_them() {
        let image = Image::filled(400, 240, INK).expect("valid");
        let text_box = Rect { x0: 20.0, y0: 24.0, x1: 380.0, y1: 216.0 };
        let (small, inner) = at_most(image, text_box);
        assert_eq!((small.width(), small.height()), (200, 120));
        assert!((inner.height() - MAX_HEIGHT).abs() < 0.5 && (inner.width() - 180.0).abs() < 0.5);
    }
}
