//! From what a page says to what it means.

use glyphic_core::{Image, Line, Page, Polygon, Region, TextInstance, Transcript, from_toml};
use glyphic_extract::kie::sdmgr::Extraction;
use glyphic_extract::kie::{Fields, fields};
use glyphic_extract::ner::bert_softmax::EntityFinder;
use glyphic_extract::{EntityConfig, ExtractorConfig, PageExtractor};
use serde::{Deserialize, Serialize};

use crate::weights::Loaded;
use crate::{Error, Result, Weights};

/// A page's boxes with their classes and links, and the fields that they make.
#[derive(Debug, Clone, PartialEq)]
pub struct Extracted {
    /// The boxes: an instance each, labelled with its class. Lines of the page that was read, where it has any.
    pub page: Page,
    /// Classes with their probabilities, and links.
    pub extraction: Extraction,
    /// Keys with their values.
    pub fields: Fields,
}

/// The file that names an extractor and its configuration.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, alias = "model")]
    extractor: ExtractorConfig,
}

/// The extractor of a TOML text, as in `[extractor.sdmgr]`. `name` stands in messages.
///
/// # Errors
/// [`Error::Config`] with the line of a typo.
pub fn parse_extractor(text: &str, name: &str) -> Result<ExtractorConfig> {
    let failed = |source| Error::Config { name: name.to_owned(), source };
    from_toml::<File>(text).map(|file| file.extractor).map_err(failed)
}

/// The extractor of a configuration with its weights, on the processor.
///
/// # Errors
/// [`Error::Weights`] for weights that do not fit, [`Error::Core`] for a configuration that describes no network.
pub fn load_extractor(config: &ExtractorConfig, weights: &Weights) -> Result<PageExtractor> {
    config.validate().map_err(glyphic_core::Error::from)?;
    let built = match weights.load()? {
        Loaded::Graph(graph) => config.from_graph(&graph),
        #[cfg(feature = "train")]
        Loaded::State(weights) => config.build(&weights),
    };
    built.map_err(|e| weights.does_not_fit(e))
}

/// The file that names a finder of entities and its configuration.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct EntityFile {
    #[serde(default, alias = "model")]
    ner: EntityConfig,
}

/// The finder of entities of a TOML text, as in `[ner.bert_softmax]`. `name` stands in messages.
///
/// # Errors
/// [`Error::Config`] with the line of a typo.
pub fn parse_entity_finder(text: &str, name: &str) -> Result<EntityConfig> {
    let failed = |source| Error::Config { name: name.to_owned(), source };
    from_toml::<EntityFile>(text).map(|file| file.ner).map_err(failed)
}

/// The finder of entities of a configuration with its vocabulary, a token a line, and weights, on the processor.
///
/// # Errors
/// [`Error::Weights`] for weights or a vocabulary that do not fit, [`Error::Core`] for a configuration that describes no
/// network.
pub fn load_entity_finder(
    config: &EntityConfig,
    vocabulary: &str,
    weights: &Weights,
) -> Result<EntityFinder> {
    config.validate().map_err(glyphic_core::Error::from)?;
    let built = match weights.load()? {
        Loaded::Graph(graph) => config.from_graph(vocabulary, &graph),
        #[cfg(feature = "train")]
        Loaded::State(weights) => config.build(vocabulary, &weights),
    };
    built.map_err(|e| weights.does_not_fit(e))
}

/// The classes, links and fields of a page that was read.
///
/// # Errors
/// [`Error::Core`] where the page has more boxes than the extractor takes, or where its network fails.
pub fn extract(extractor: &PageExtractor, image: &Image, page: &Page) -> Result<Extracted> {
    let mut page = boxes(page, extractor.config().split_at_colons);
    let extraction = extractor.run(image, &page).map_err(glyphic_core::Error::from)?;
    let fields = fields(&page, &extraction).map_err(glyphic_core::Error::from)?;
    for (instance, label) in page.instances.iter_mut().zip(&extraction.labels) {
        instance.label = Some(label.clone());
    }
    page.links = extraction.links.iter().map(|link| [link.from, link.to]).collect();
    Ok(Extracted { page, extraction, fields })
}

/// What classes are given to: a page's lines up to wide gaps, or its words where it has no lines. Lines are divided behind words
/// that end in a colon where `split_at_colons`.
fn boxes(page: &Page, split_at_colons: bool) -> Page {
    let mut boxes = Page { lines: Vec::new(), links: Vec::new(), ..page.clone() };
    if !page.lines.is_empty() {
        let line = |line: Line| TextInstance {
            transcript: Some(Transcript { text: line.text, score: line.score, ..Transcript::default() }),
            ..TextInstance::new(Region { polygon: line.polygon, score: line.score })
        };
        let lines = page.lines.iter().flat_map(|line| match split_at_colons {
            true => divided(page, line),
            false => vec![line.clone()],
        });
        boxes.instances = lines.map(line).collect();
    }
    boxes
}

/// A line in parts that end where a word ends in a colon. One whose words or places are not known stays whole.
fn divided(page: &Page, line: &Line) -> Vec<Line> {
    let ends = |i: &usize| page.instances.get(*i).is_some_and(|word| word.text().ends_with(':'));
    let parts: Vec<&[usize]> = line.instances.split_inclusive(ends).collect();
    let part = |part: &&[usize]| {
        let words: Vec<&TextInstance> = part.iter().filter_map(|i| page.instances.get(*i)).collect();
        let (first, last) = (words.first()?, words.last()?);
        // Of words with four corners the outer ones, so that a line that lies askew stays one.
        let polygon = match (first.region.polygon.points(), last.region.polygon.points()) {
            ([a, .., d], [_, b, c, _]) => Polygon::new(vec![*a, *b, *c, *d]),
            _ => return None,
        };
        Some(Line {
            polygon: polygon.ok()?,
            text: words.iter().map(|word| word.text()).collect::<Vec<_>>().join(" "),
            score: words
                .iter()
                .filter_map(|word| word.transcript.as_ref())
                .map(|t| t.score)
                .fold(1.0, f32::min),
            instances: part.to_vec(),
        })
    };
    let divided: Option<Vec<Line>> = parts.iter().map(part).collect();
    divided.filter(|parts| parts.len() > 1).unwrap_or_else(|| vec![line.clone()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_in_an_extractors_file_is_named_with_its_line() {
        let config = parse_extractor("[extractor.sdmgr]\nnode_embed = 64\n", "my.toml").unwrap();
        let ExtractorConfig::Sdmgr(sdmgr) = config;
        assert_eq!((sdmgr.node_embed, sdmgr.edge_embed), (64, 256));
        for (text, word) in [
            ("[extractor.sdmgr]\nnode_embedd = 64\n", "node_embedd"),
            ("[extractor.sdmgrr]\n", "sdmgrr"),
            ("[extracter.sdmgr]\n", "extracter"),
        ] {
            let error = parse_extractor(text, "my.toml").unwrap_err().to_string();
            assert!(error.starts_with("my.toml: ") && error.contains(word), "{error}");
        }
    }

    #[test]
    fn lines_are_what_is_classified_and_words_where_there_are_none() {
        let polygon = glyphic_core::Polygon::from_flat(&[0., 0., 9., 0., 9., 9., 0., 9.]).unwrap();
        let mut page = Page::new(20, 20);
        for text in ["rye", "bread"] {
            let mut word = TextInstance::new(Region { polygon: polygon.clone(), score: 1.0 });
            word.transcript = Some(Transcript::truth(text));
            page.instances.push(word);
        }
        assert_eq!(boxes(&page, false).instances.len(), 2);
        let text = "rye bread".to_owned();
        page.lines.push(glyphic_core::Line { polygon, text, score: 1.0, instances: vec![0, 1] });
        let boxes = boxes(&page, true);
        assert_eq!(boxes.instances.iter().map(TextInstance::text).collect::<Vec<_>>(), ["rye bread"]);
    }

    #[test]
    fn lines_of_forms_end_at_a_colon() {
        let mut page = Page::new(200, 20);
        let at = |x0: f64, x1: f64| Polygon::from_flat(&[x0, 2., x1, 2., x1, 18., x0, 18.]).unwrap();
        for (i, text) in ["Ship", "to:", "Elmhaven", "at", "9:30"].into_iter().enumerate() {
            let x = 40.0 * i as f64;
            let mut word = TextInstance::new(Region { polygon: at(x, x + 30.0), score: 1.0 });
            word.transcript = Some(Transcript::truth(text));
            page.instances.push(word);
        }
        let text = "Ship to: Elmhaven at 9:30".to_owned();
        page.lines = vec![Line { polygon: at(0., 190.), text, score: 1.0, instances: vec![0, 1, 2, 3, 4] }];
        assert_eq!(boxes(&page, false).instances.len(), 1);
        let parts = boxes(&page, true).instances;
        assert_eq!(
            parts.iter().map(TextInstance::text).collect::<Vec<_>>(),
            ["Ship to:", "Elmhaven at 9:30"]
        );
        assert_eq!(parts[1].region.polygon.bounds().x0, 80.0);
        // A colon at the end divides nothing, and words that are not there neither.
        page.lines[0].instances = vec![0, 1];
        assert_eq!(boxes(&page, true).instances[0].text(), "Ship to: Elmhaven at 9:30");
        page.lines[0].instances = vec![1, 17];
        assert_eq!(boxes(&page, true).instances.len(), 1);
    }
}
