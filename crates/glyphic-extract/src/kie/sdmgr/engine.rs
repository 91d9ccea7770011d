use glyphic_core::{Extractor, Image, Page};
use glyphic_graph::{Graph, Session, Tensor};
use serde::{Deserialize, Serialize};

use super::preprocess::padded;
use super::{PageInput, SdmgrConfig};
use crate::{Error, Result};

/// What was made of a page's boxes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Extraction {
    /// The class of each box of the page, in its order.
    pub labels: Vec<String>,
    /// The probability of each box's class, 0 to 1.
    pub scores: Vec<f32>,
    /// Boxes that belong together, those that are surest first.
    pub links: Vec<Link>,
}

/// Two boxes that belong together, such as the name of a field and its value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Index of the one box on its page.
    pub from: usize,
    /// Index of the other.
    pub to: usize,
    /// The probability, 0 to 1.
    pub score: f32,
}

/// Finds the class of each box of a page and the links between them. One serves every thread; a page never depends on others.
pub struct PageExtractor {
    config: SdmgrConfig,
    session: Session,
}

impl PageExtractor {
    pub(crate) fn from_graph(config: SdmgrConfig, graph: &Graph) -> Result<Self> {
        config.validate()?;
        let weights = |name: &str| {
            let (value, _) = graph.names.iter().find(|(_, known)| *known == name)?;
            graph.constants.get(value)
        };
        // Networks of other origin may keep no names; what does not fit there is found when they run.
        let classes = weights("bbox_head.node_cls.bias").map(Tensor::len);
        let characters =
            weights("bbox_head.node_embed.weight").and_then(|t| t.shape().first()?.checked_sub(1));
        for (what, network, listed) in
            [("classes", classes, config.classes.len()), ("characters", characters, config.num_chars() - 1)]
        {
            if let Some(network) = network.filter(|network| *network != listed) {
                return Err(Error::Count { what, network, listed });
            }
        }
        let mut inputs = vec!["chars", "last", "relations"];
        if config.visual.is_some() {
            inputs.extend(["image", "regions"]);
        }
        let graph = graph.cut(&inputs, &["classes", "links"])?;
        Ok(Self { config, session: Session::new(graph)? })
    }

    /// The configuration.
    pub fn config(&self) -> &SdmgrConfig {
        &self.config
    }

    /// Classes and links of a page's boxes. Of pages without boxes there are none.
    ///
    /// # Errors
    /// [`Error::TooManyBoxes`]; [`Error::Scores`] where the scores are not of the configuration's classes;
    /// [`Error::Image`], [`Error::Graph`].
    pub fn run(&self, image: &Image, page: &Page) -> Result<Extraction> {
        let input = self.config.prepare(page)?;
        let n = input.texts.len();
        if n == 0 {
            return Ok(Extraction::default());
        }
        let (classes, links) = self.scores(image, input)?;
        let mut extraction = Extraction::default();
        for row in classes.chunks_exact(self.config.classes.len()) {
            let (best, probability) = best(row);
            extraction.labels.push(self.config.classes[best].clone());
            extraction.scores.push(probability);
        }
        let together = |from: usize, to: usize| softmax_of(&links[(from * n + to) * 2..][..2], 1);
        for from in 0..n {
            for to in from + 1..n {
                // Either direction says the same of a pair.
                let score = (together(from, to) + together(to, from)) / 2.0;
                if score > self.config.min_link_score {
                    extraction.links.push(Link { from, to, score });
                }
            }
        }
        extraction.links.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(extraction)
    }

    /// Scores of classes `[n, classes]` and of links `[n, n, 2]`.
    fn scores(&self, image: &Image, input: PageInput) -> Result<(Vec<f32>, Vec<f32>)> {
        let PageInput { texts, relations, boxes, .. } = input;
        let texts: Vec<&[usize]> = texts.iter().map(Vec::as_slice).collect();
        let (chars, last, shape) = padded(&texts);
        let n = texts.len();
        let mut inputs = vec![
            ("chars", Tensor::from_f32(&shape, chars.into_iter().map(|class| class as f32).collect())?),
            ("last", Tensor::from_f32(&shape, last)?),
            ("relations", Tensor::from_f32(&[n, n, 5], relations)?),
        ];
        if self.config.visual.is_some() {
            let (planes, [height, width]) = self.config.picture(image)?;
            inputs.push(("image", Tensor::from_f32(&[1, 3, height, width], planes)?));
            inputs.push(("regions", Tensor::from_f32(&[n, 4], boxes.into_flattened())?));
        }
        let mut outputs = self.session.run(&inputs)?.into_iter();
        let mut next = |what, expected: Vec<usize>| {
            let output = outputs.next();
            let got = output.as_ref().map_or(Vec::new(), |t| t.shape().to_vec());
            match output.and_then(Tensor::into_f32) {
                Some(values) if got == expected => Ok(values),
                _ => Err(Error::Scores { what, got, expected }),
            }
        };
        Ok((next("classes", vec![n, self.config.classes.len()])?, next("links", vec![n, n, 2])?))
    }
}

/// The best class of a row of scores, the first of those that are equal, and its probability.
fn best(row: &[f32]) -> (usize, f32) {
    let best = (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
    (best, softmax_of(row, best))
}

fn softmax_of(row: &[f32], class: usize) -> f32 {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    (row[class] - largest).exp() / row.iter().map(|v| (v - largest).exp()).sum::<f32>()
}

impl Extractor for PageExtractor {
    fn extract(&self, image: &Image, page: &mut Page) -> glyphic_core::Result<()> {
        let extraction = self.run(image, page)?;
        for (instance, label) in page.instances.iter_mut().zip(extraction.labels) {
            instance.label = Some(label);
        }
        Ok(())
    }
}
