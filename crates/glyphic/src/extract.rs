//! From what a page says to what it means.

use glyphic_core::{Image, Page, Region, TextInstance, Transcript, from_toml};
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
    let mut page = boxes(page);
    let extraction = extractor.run(image, &page).map_err(glyphic_core::Error::from)?;
    let fields = fields(&page, &extraction).map_err(glyphic_core::Error::from)?;
    for (instance, label) in page.instances.iter_mut().zip(&extraction.labels) {
        instance.label = Some(label.clone());
    }
    Ok(Extracted { page, extraction, fields })
}

/// What classes are given to: a page's lines up to wide gaps, or its words where it has no lines.
fn boxes(page: &Page) -> Page {
    let mut boxes = Page { lines: Vec::new(), ..page.clone() };
    if !page.lines.is_empty() {
        let line = |line: &glyphic_core::Line| TextInstance {
            transcript: Some(Transcript {
                text: line.text.clone(),
                score: line.score,
                ..Transcript::default()
            }),
            ..TextInstance::new(Region { polygon: line.polygon.clone(), score: line.score })
        };
        boxes.instances = page.lines.iter().map(line).collect();
    }
    boxes
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
        assert_eq!(boxes(&page).instances.len(), 2);
        let text = "rye bread".to_owned();
        page.lines.push(glyphic_core::Line { polygon, text, score: 1.0, instances: vec![0, 1] });
        let boxes = boxes(&page);
        assert_eq!(boxes.instances.iter().map(TextInstance::text).collect::<Vec<_>>(), ["rye bread"]);
    }
}
