use std::fmt;
use std::str::FromStr;

use crate::Error;

/// A format of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// This project's folders: `images/` with `gt.jsonl`, or `crops/` with `labels.tsv`.
    Pack,
    /// MMOCR 0.x: a JSON object a line, with `bbox`, `segmentation` and `iscrowd`.
    MmocrDet,
    /// MMOCR 0.x: a JSON object a line, with `filename` and `text`.
    MmocrRec,
    /// MMOCR 1.x: a JSON document with `metainfo` and `data_list`.
    Mmocr1,
    /// A line a crop: its file, a separator, its text.
    Text,
    /// COCO: a JSON document with `images`, `annotations` and `categories`.
    Coco,
    /// TextOCR: a JSON document with `imgs`, `anns` and `imgToAnns`.
    TextOcr,
    /// ICDAR 2013: a text file a picture, upright rectangles, quoted texts.
    Icdar2013,
    /// ICDAR 2015: a text file a picture, quadrilaterals.
    Icdar2015,
    /// ICDAR 2017 MLT: as 2015, with the script before the text.
    Icdar2017,
    /// ICDAR's lists of word crops: a file, a comma, its text in double quotes.
    IcdarWords,
    /// SCUT-CTW1500: a file a picture, 14 vertices, as text or XML.
    Ctw1500,
    /// Total-Text: a file a picture, any number of vertices, as text or MATLAB file.
    TotalText,
    /// ICDAR 2019 SROIE: a text file a picture, and its fields as JSON.
    Sroie,
    /// SynthText: one MATLAB file.
    SynthText,
    /// Street View Text: one XML file.
    Svt,
    /// WildReceipt: a JSON object a line, with class numbers; class list and dictionary beside it.
    WildReceipt,
    /// FUNSD: a JSON file a form, entities with their classes and what they are linked with.
    Funsd,
    /// CLUENER: a sentence a line, with its entities.
    Cluener,
    /// PaddleOCR detection: the file, a TAB, a JSON list.
    PaddleDet,
    /// PaddleOCR recognition: the file, a TAB, the text.
    PaddleRec,
    /// Label Studio's JSON export.
    LabelStudio,
    /// LMDB with `image-000000001`, `label-000000001` and `num-samples`.
    Lmdb,
    /// LMDB of label lines with the keys `0`, `1`, ... and `total_number`, as MMOCR 0.2.1 makes it.
    LmdbLines,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::Pack,
        Self::MmocrDet,
        Self::MmocrRec,
        Self::Mmocr1,
        Self::Text,
        Self::Coco,
        Self::TextOcr,
        Self::Icdar2013,
        Self::Icdar2015,
        Self::Icdar2017,
        Self::IcdarWords,
        Self::Ctw1500,
        Self::TotalText,
        Self::Sroie,
        Self::SynthText,
        Self::Svt,
        Self::WildReceipt,
        Self::Funsd,
        Self::Cluener,
        Self::PaddleDet,
        Self::PaddleRec,
        Self::LabelStudio,
        Self::Lmdb,
        Self::LmdbLines,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pack => "pack",
            Self::MmocrDet => "mmocr-det",
            Self::MmocrRec => "mmocr-rec",
            Self::Mmocr1 => "mmocr1",
            Self::Text => "text",
            Self::Coco => "coco",
            Self::TextOcr => "textocr",
            Self::Icdar2013 => "icdar2013",
            Self::Icdar2015 => "icdar2015",
            Self::Icdar2017 => "icdar2017",
            Self::IcdarWords => "icdar-words",
            Self::Ctw1500 => "ctw1500",
            Self::TotalText => "totaltext",
            Self::Sroie => "sroie",
            Self::SynthText => "synthtext",
            Self::Svt => "svt",
            Self::WildReceipt => "wildreceipt",
            Self::Funsd => "funsd",
            Self::Cluener => "cluener",
            Self::PaddleDet => "paddle-det",
            Self::PaddleRec => "paddle-rec",
            Self::LabelStudio => "label-studio",
            Self::Lmdb => "lmdb",
            Self::LmdbLines => "lmdb-lines",
        }
    }

    /// Whether it can hold this kind of truth.
    pub fn holds(self, kind: Kind) -> bool {
        match self {
            Self::Pack | Self::Mmocr1 => kind != Kind::Sentence,
            Self::MmocrRec
            | Self::Text
            | Self::IcdarWords
            | Self::PaddleRec
            | Self::Lmdb
            | Self::LmdbLines => kind == Kind::Text,
            Self::Cluener => kind == Kind::Sentence,
            _ => kind == Kind::Instances,
        }
    }

    /// Whether it says which regions belong together.
    pub fn holds_links(self) -> bool {
        matches!(self, Self::Pack | Self::Funsd | Self::LabelStudio)
    }

    /// Whether it holds the pictures themselves beside their labels.
    pub fn holds_pictures(self) -> bool {
        matches!(self, Self::Pack | Self::Lmdb)
    }
}

/// The names of all formats, for messages.
pub(crate) fn names() -> String {
    Format::ALL.map(Format::name).join(", ")
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|f| f.name() == name);
        known.ok_or_else(|| Error::FormatName { name: name.to_owned() })
    }
}

/// The three kinds of [`crate::formats::Truth`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Regions of text in a picture.
    Instances,
    /// The text of a crop.
    Text,
    /// A sentence with named entities.
    Sentence,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Instances => "regions of text in pictures",
            Self::Text => "texts of crops",
            Self::Sentence => "sentences with entities",
        })
    }
}
