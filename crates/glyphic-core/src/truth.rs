use serde::{Deserialize, Serialize};

use crate::Point;

/// What results on a data set are held against. Readers of data sets give it and metrics take it, so that neither needs the
/// other.
pub trait Truths {
    /// That of one sample: [`OutlineTruth`] of a picture, the text of a crop, the classes of a picture's boxes,
    /// [`EntityText`] of a sentence.
    type Truth;
    /// Why it cannot be read.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The truth of every sample, in their order, those that are repeated included.
    ///
    /// # Errors
    /// Those of the data set, for the first broken annotation.
    fn truths(&self) -> Result<Vec<Self::Truth>, Self::Error>;
}

/// Several data sets, one behind the other.
impl<D: Truths> Truths for [D] {
    type Truth = D::Truth;
    type Error = D::Error;

    fn truths(&self) -> Result<Vec<D::Truth>, D::Error> {
        let mut all = Vec::new();
        for set in self {
            all.extend(set.truths()?);
        }
        Ok(all)
    }
}

/// The texts of a picture as its labels draw them: unlike a [`Polygon`](crate::Polygon), an outline may cross itself or have no
/// vertex at all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OutlineTruth {
    /// The picture's file.
    pub file_name: String,
    /// The vertices of each text in pixels of the picture.
    pub outlines: Vec<Vec<Point>>,
    /// Those of texts that neither reward nor punish.
    pub ignored: Vec<Vec<Point>>,
}

/// A named entity of a text: its category and its characters `start..=end`, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Entity {
    /// What it is, such as `address`.
    pub category: String,
    /// Its first character, from 0.
    pub start: i64,
    /// Its last character (not the one behind it).
    pub end: i64,
}

impl Entity {
    /// The entity of a category from its first to its last character.
    pub fn new(category: impl Into<String>, start: i64, end: i64) -> Self {
        Self { category: category.into(), start, end }
    }
}

/// A text and the entities in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct EntityText {
    /// The text, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its entities.
    pub entities: Vec<Entity>,
}
