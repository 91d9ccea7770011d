//! Training SDMGR: pages with a class a box and links between boxes, validation by the macro F1 of classes and the F1 of links.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use glyphic_core::{Image, Page, Polygon, Sample, Transcript};
use glyphic_data::{Drawn, Mixture, PlanOptions, Recipe, SampleRng, Source};
use glyphic_eval::eval_kie_f1;
use glyphic_extract::ExtractorConfig;
use glyphic_extract::kie::sdmgr::{PageInput, Sdmgr, SdmgrConfig};
use glyphic_labels::{LazyPack, PackOptions};
use glyphic_nn::checkpoint::state_dict;
use rand::RngExt;

use super::source::{self, open_pack};
use crate::batches::{ExtractionBatches, PageAugment};
use crate::config::TrainConfig;
use crate::observer::{Observer, Summary};
use crate::skipped::SkippedSamples;
use crate::sources::SourceKind;
use crate::trainable::{Scores, Trainable};
use crate::{Error, Result};

/// Changes a page at random; by what factors its width and height have changed.
fn change(options: &PageAugment, page: &mut Page, rng: &mut SampleRng) -> [f64; 2] {
    let mut factor = || 1.0 + options.stretch * (2.0 * rng.random::<f64>() - 1.0);
    let (fx, fy) = (factor(), factor());
    let chars: Vec<char> = page.instances.iter().flat_map(|i| i.text().chars()).collect();
    let kept: Vec<bool> = page.instances.iter().map(|_| rng.random::<f64>() >= options.drop).collect();
    if kept.iter().any(|kept| *kept) {
        let mut kept = kept.into_iter();
        page.retain_instances(|_| kept.next().unwrap_or(true));
    }
    for instance in &mut page.instances {
        let height = instance.region.polygon.bounds().height();
        let mut step = || options.jitter * height * (2.0 * rng.random::<f64>() - 1.0);
        let (dx, dy) = (step(), step());
        let points = instance.region.polygon.to_flat();
        let moved: Vec<f64> = points.chunks_exact(2).flat_map(|p| [p[0] * fx + dx, p[1] * fy + dy]).collect();
        if let Ok(polygon) = Polygon::from_flat(&moved) {
            instance.region.polygon = polygon;
        }
        if options.misread > 0.0 && !chars.is_empty() {
            let text = instance.text().chars().filter_map(|c| match rng.random::<f64>() / options.misread {
                0.0..0.5 => None,
                0.5..1.0 => Some(chars[rng.random_range(0..chars.len())]),
                _ => Some(c),
            });
            instance.transcript = Some(Transcript::truth(text.collect::<String>()));
        }
    }
    [fx, fy]
}

/// A pack's pages. Pictures are read where the network looks at them.
struct Pages {
    pack: LazyPack,
    visual: bool,
}

impl Pages {
    fn page(&self, index: usize) -> Result<Sample, glyphic_labels::Error> {
        if self.visual {
            return self.pack.get(index);
        }
        let blank = Image::filled(1, 1, [255; 3]);
        let image = blank.unwrap_or_else(|e| panic!("a picture of one pixel can be made: {e}"));
        Ok(Sample { image, truth: self.pack.truth(index)? })
    }
}

impl Source for Pages {
    type Item = Sample;

    fn name(&self) -> String {
        Source::name(&self.pack)
    }

    fn len(&self) -> Option<usize> {
        Some(self.pack.len())
    }

    fn place(&self, index: u64) -> String {
        self.pack.place(index)
    }

    fn sample(&self, index: u64) -> glyphic_data::Result<Sample> {
        Ok(self.page(usize::try_from(index).unwrap_or(usize::MAX))?)
    }
}

/// A page with its targets.
pub(crate) struct PageItem {
    input: PageInput,
    targets: Vec<i64>,
    /// Of each pair of boxes.
    links: Vec<i64>,
    /// `[3, height, width]`, and height and width.
    picture: Option<(Vec<f32>, [usize; 2])>,
}

struct SdmgrTraining {
    config: SdmgrConfig,
    augment: PageAugment,
    validation: Vec<(String, Pages)>,
}

pub(super) fn train(
    model: &SdmgrConfig,
    batches: &ExtractionBatches,
    config: &TrainConfig,
    observer: &mut dyn Observer,
) -> Result<Summary> {
    let run = &config.run;
    let visual = model.visual.is_some();
    let mut skipped = SkippedSamples::open(&run.out, run.max_skipped)?;
    let mut parts: Vec<(Arc<dyn Source<Item = Sample>>, f64)> = Vec::new();
    for source in &config.train {
        let fail = |reason: &str| Error::Config { path: "train".into(), reason: reason.to_owned() };
        if source.outlines.is_some() || source.rules.is_some() {
            return Err(fail("`outlines` and `rules` are for detectors and recognizers"));
        }
        let SourceKind::Pack(path) = &source.source else {
            return Err(fail("an extractor is trained on packs with classes; synthetic text has none"));
        };
        let pack = open_pack(path, &mut skipped, observer)?;
        check(model, &pack)?;
        observer.message(&format!("{}: {} pages", path.display(), pack.len()));
        parts.push((Arc::new(Pages { pack, visual }), source.weight));
    }
    let mut validation = Vec::new();
    for set in &config.validate {
        let options = PackOptions { limit: set.limit, ..PackOptions::default() };
        let pack = LazyPack::open(&set.pack, &options)?;
        check(model, &pack)?;
        validation.push((set.name.clone(), Pages { pack, visual }));
    }
    let training = SdmgrTraining { config: model.clone(), augment: batches.augment.clone(), validation };
    let options = PlanOptions { seed: run.seed, batch_size: batches.batch_size, pool: 1 };
    source::train(training, Mixture::new(parts)?, options, run, skipped, observer)
}

/// Whether the classes of a pack are those of the model: the first that is not is an error, before any step.
fn check(model: &SdmgrConfig, pack: &LazyPack) -> Result<()> {
    for index in 0..pack.len() {
        model.targets(&pack.truth(index)?).map_err(|e| {
            let at = pack.location(index).map_or_else(|_| String::new(), |at| at.to_string());
            Error::Config { path: "model.sdmgr.classes".into(), reason: format!("{at}: {e}") }
        })?;
    }
    Ok(())
}

impl Recipe for SdmgrTraining {
    type Sample = Sample;
    type Item = PageItem;
    type Batch = Vec<PageItem>;

    fn item(&self, sample: Sample, drawn: Drawn, rng: &mut SampleRng) -> Result<PageItem, String> {
        let Sample { image, truth: mut page } = sample;
        let mut factors = [1.0; 2];
        if drawn.augmented && self.augment != PageAugment::default() {
            factors = change(&self.augment, &mut page, rng);
        }
        if page.instances.is_empty() {
            return Err("the page has no boxes".to_owned());
        }
        let text = |e: glyphic_extract::Error| e.to_string();
        let picture = match &self.config.visual {
            Some(_) => Some(self.config.picture_stretched(&image, factors).map_err(text)?),
            None => None,
        };
        let targets = self.config.targets(&page).map_err(text)?;
        let links = self.config.link_targets(&page);
        Ok(PageItem { input: self.config.prepare(&page).map_err(text)?, targets, links, picture })
    }

    fn batch(&self, items: Vec<PageItem>) -> glyphic_data::Result<Vec<PageItem>> {
        Ok(items)
    }
}

impl Trainable for SdmgrTraining {
    type Net = Sdmgr;

    fn init(&self, device: &Device) -> Sdmgr {
        self.config.init(device)
    }

    fn loss(&self, net: &Sdmgr, batch: &Vec<PageItem>, device: &Device) -> Result<Tensor<1>> {
        let pages: Vec<&PageInput> = batch.iter().map(|item| &item.input).collect();
        let (nodes, edges) = net.forward(&pages, pictures(batch, device), device);
        let targets: Vec<i64> = batch.iter().flat_map(|item| item.targets.iter().copied()).collect();
        let links: Vec<i64> = batch.iter().flat_map(|item| item.links.iter().copied()).collect();
        let loss = self.config.loss.forward(nodes, edges, &targets, &links);
        Ok(loss.node + loss.edge)
    }

    fn validate(&self, net: &Sdmgr, _: &Device) -> Result<Scores> {
        if self.validation.is_empty() {
            return Ok(Scores::default());
        }
        let extractor = ExtractorConfig::Sdmgr(self.config.clone()).build(&state_dict(net))?;
        let classes = self.config.classes.len();
        let uncounted = self.config.uncounted.iter().filter_map(|class| self.config.class_of(class));
        let uncounted: Vec<usize> = uncounted.collect();
        let (mut scores, mut decisive) = (BTreeMap::new(), Vec::new());
        for (name, pages) in &self.validation {
            let (mut truths, mut found) = (Vec::new(), Vec::new());
            let mut links = LinkCounts::default();
            for index in 0..pages.pack.len() {
                let Sample { image, truth } = pages.page(index)?;
                let targets = self.config.targets(&truth)?;
                let extraction = extractor.run(&image, &truth)?;
                links.add(&truth.links, extraction.links.iter().map(|link| [link.from, link.to]));
                for (target, label) in targets.into_iter().zip(extraction.labels) {
                    if let (Ok(target), Some(class)) = (usize::try_from(target), self.config.class_of(&label))
                    {
                        truths.push(target);
                        found.push(class);
                    }
                }
            }
            let score = eval_kie_f1(&found, &truths, classes, &uncounted)?;
            scores.insert(format!("{name}/macro_f1"), f64::from(score.macro_f1));
            scores.insert(format!("{name}/accuracy"), score.accuracy);
            decisive.push(f64::from(score.macro_f1));
            if let Some(f1) = links.f1() {
                scores.insert(format!("{name}/link_f1"), f1);
                decisive.push(f1);
            }
        }
        Ok(Scores::new(scores, &decisive))
    }
}

/// Links found beside those that are there, of pages whose links are known.
#[derive(Default)]
struct LinkCounts {
    right: usize,
    found: usize,
    there: usize,
}

impl LinkCounts {
    fn add(&mut self, truth: &[[usize; 2]], found: impl Iterator<Item = [usize; 2]>) {
        if truth.is_empty() {
            return;
        }
        let ordered = |[a, b]: [usize; 2]| [a.min(b), a.max(b)];
        let truth: BTreeSet<[usize; 2]> = truth.iter().copied().map(ordered).collect();
        let found: BTreeSet<[usize; 2]> = found.map(ordered).collect();
        self.right += truth.intersection(&found).count();
        self.found += found.len();
        self.there += truth.len();
    }

    /// 0 to 1; `None` where no page has links.
    fn f1(&self) -> Option<f64> {
        (self.there > 0).then(|| 2.0 * self.right as f64 / (self.found + self.there) as f64)
    }
}

/// The pictures of a batch, padded with 0 to one size.
fn pictures(batch: &[PageItem], device: &Device) -> Option<Tensor<4>> {
    let all: Vec<&(Vec<f32>, [usize; 2])> = batch.iter().filter_map(|item| item.picture.as_ref()).collect();
    let height = all.iter().map(|(_, [h, _])| *h).max()?;
    let width = all.iter().map(|(_, [_, w])| *w).max()?;
    let mut planes = Vec::with_capacity(all.len() * 3 * height * width);
    for (picture, [h, w]) in all {
        for plane in picture.chunks_exact(h * w) {
            for row in plane.chunks_exact(*w) {
                planes.extend_from_slice(row);
                planes.resize(planes.len() + width - w, 0.0);
            }
            planes.resize(planes.len() + (height - h) * width, 0.0);
        }
    }
    Some(Tensor::from_data(TensorData::new(planes, [batch.len(), 3, height, width]), device))
}

#[cfg(test)]
mod tests {
    use glyphic_core::{Rect, Region, TextInstance};

    use super::*;

    fn page() -> Page {
        let mut page = Page::new(300, 200);
        for i in 0..40 {
            let y0 = f64::from(i) * 5.0;
            let polygon = Polygon::from_rect(Rect { x0: 10.0, y0, x1: 60.0, y1: y0 + 4.0 }).unwrap();
            let mut instance = TextInstance::new(Region { polygon, score: 1.0 });
            instance.transcript = Some(Transcript::truth("TOTAL 1.50"));
            instance.label = Some("Total_key".to_owned());
            page.instances.push(instance);
        }
        page
    }

    #[test]
    fn pages_change_as_told_and_keep_their_classes() {
        let augment = PageAugment { stretch: 0.1, jitter: 0.2, drop: 0.2, misread: 0.1 };
        let mut changed = page();
        change(&augment, &mut changed, &mut glyphic_data::rng(&[7]));
        assert!((20..40).contains(&changed.instances.len()), "{}", changed.instances.len());
        assert!(changed.instances.iter().all(|i| i.label.as_deref() == Some("Total_key")));
        assert!(changed.instances.iter().any(|i| i.text() != "TOTAL 1.50"));
        let mut same = page();
        change(&PageAugment::default(), &mut same, &mut glyphic_data::rng(&[7]));
        assert_eq!(same.instances.len(), page().instances.len());
        assert!(same.instances.iter().zip(&page().instances).all(|(a, b)| a.text() == b.text()));
    }

    /// The network looks at each box where it stands in the stretched picture.
    #[test]
    fn pictures_are_stretched_with_their_boxes() {
        let white = Rect { x0: 240.0, y0: 160.0, x1: 280.0, y1: 180.0 };
        let mut pixels = vec![0; 3 * 300 * 200];
        for y in white.y0 as usize..white.y1 as usize {
            pixels[3 * (y * 300 + white.x0 as usize)..3 * (y * 300 + white.x1 as usize)].fill(255);
        }
        let mut truth = Page::new(300, 200);
        let polygon = Polygon::from_rect(white).unwrap();
        truth.instances.push(TextInstance::new(Region { polygon, score: 1.0 }));
        let training = SdmgrTraining {
            config: SdmgrConfig { visual: Some(Default::default()), ..SdmgrConfig::default() },
            augment: PageAugment { stretch: 0.4, ..PageAugment::default() },
            validation: Vec::new(),
        };
        let mut sizes = BTreeSet::new();
        for seed in 0..8 {
            let sample =
                Sample { image: Image::from_rgb(300, 200, pixels.clone()).unwrap(), truth: truth.clone() };
            let drawn = Drawn { source: 0, augmented: true };
            let item = training.item(sample, drawn, &mut glyphic_data::rng(&[seed])).unwrap();
            let (planes, [height, width]) = item.picture.unwrap();
            let [x0, y0, x1, y1] = item.input.boxes[0].map(|v| v as usize);
            let row = |y: usize| &planes[y * width..][..width];
            assert!((y0 + 8..y1 - 8).all(|y| row(y)[x0 + 8..x1 - 8].iter().all(|v| *v > 2.0)), "{seed}");
            assert!(row((y0 + y1) / 2)[x0 - 8] < 0.0 && row(y0 - 8)[(x0 + x1) / 2] < 0.0, "{seed}");
            sizes.insert([height, width]);
        }
        assert!(sizes.len() > 4, "{sizes:?}");
    }

    #[test]
    fn links_follow_the_boxes_that_are_left() {
        let mut linked = page();
        linked.instances.iter_mut().enumerate().for_each(|(i, box_)| box_.label = Some(i.to_string()));
        linked.links = (0..20).map(|i| [i, i + 20]).collect();
        let augment = PageAugment { drop: 0.3, ..PageAugment::default() };
        change(&augment, &mut linked, &mut glyphic_data::rng(&[3]));
        assert!((1..20).contains(&linked.links.len()));
        let number = |i: usize| linked.instances[i].label.as_deref().unwrap().parse::<usize>().unwrap();
        assert!(linked.links.iter().all(|[a, b]| number(*a) + 20 == number(*b)));
    }

    #[test]
    fn links_are_counted_whatever_their_direction_on_pages_that_know_them() {
        let mut counts = LinkCounts::default();
        counts.add(&[], [[0, 1]].into_iter());
        assert_eq!(counts.f1(), None);
        counts.add(&[[0, 1], [2, 3]], [[1, 0], [0, 1], [4, 5]].into_iter());
        assert_eq!(counts.f1(), Some(0.5));
    }

    #[test]
    fn pictures_of_a_batch_are_padded_to_one_size() {
        let item = |h: usize, w: usize| {
            let input = SdmgrConfig::default().prepare(&page()).unwrap();
            PageItem { input, targets: vec![], links: vec![], picture: Some((vec![1.0; 3 * h * w], [h, w])) }
        };
        let tensor = pictures(&[item(2, 3), item(1, 4)], &glyphic_nn::device::cpu()).unwrap();
        assert_eq!(tensor.dims(), [2, 3, 2, 4]);
        let values: Vec<f32> = tensor.into_data().try_to_vec().unwrap();
        assert_eq!(values[..8], [1., 1., 1., 0., 1., 1., 1., 0.]);
        assert_eq!(values[24..32], [1., 1., 1., 1., 0., 0., 0., 0.]);
    }
}
