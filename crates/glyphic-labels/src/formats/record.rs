use std::fmt;
use std::io::{BufRead, BufReader, Cursor, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use glyphic_core::{Entity, Image, ImageLimits, Page, Polygon, Rect, Region, TextInstance, Transcript};
use image::metadata::Orientation;
use image::{ImageDecoder, ImageReader};

use crate::findings::Location;
use crate::formats::Kind;
use crate::lmdb::Lmdb;
use crate::{Error, Result};

/// One picture's truth as a format holds it, without the picture's pixels.
#[derive(Debug, Clone)]
pub struct Record {
    /// Where it stands.
    pub at: Location,
    /// The picture's name as the label says it; empty for a sentence.
    pub file_name: String,
    /// Where the picture's bytes are.
    pub picture: Picture,
    /// Width and height in pixels, where the label says them.
    pub size: Option<(u32, u32)>,
    /// What the label says.
    pub truth: Truth,
    /// What the picture as a whole says, by name: the `company`, `date`, `address` and `total` of SROIE, the `lex` of SVT.
    pub fields: Vec<(String, String)>,
    /// Pairs of regions, by index, that belong together, such as a question and its answer in FUNSD.
    pub links: Vec<[usize; 2]>,
}

/// What a label says.
#[derive(Debug, Clone, PartialEq)]
pub enum Truth {
    /// Pieces of text in a picture, for detection, spotting and key information.
    Instances(Vec<TextInstance>),
    /// What a crop says, for recognition.
    Text(String),
    /// A sentence with its named entities; there is no picture.
    Sentence {
        /// The sentence.
        text: String,
        /// Its entities.
        entities: Vec<Entity>,
    },
}

impl Truth {
    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Instances(_) => Kind::Instances,
            Self::Text(_) => Kind::Text,
            Self::Sentence { .. } => Kind::Sentence,
        }
    }
}

/// Where a picture's bytes are.
#[derive(Clone)]
pub enum Picture {
    /// There is none.
    None,
    /// In a file.
    File(PathBuf),
    /// In an LMDB, under the key that ends this path.
    Stored {
        /// The database.
        db: Arc<Lmdb>,
        /// The database's path and the key.
        path: PathBuf,
    },
    /// In memory, encoded as in a file.
    Memory(Arc<[u8]>),
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Stored { path, .. } => f.debug_tuple("Stored").field(path).finish(),
            Self::Memory(bytes) => f.debug_tuple("Memory").field(&bytes.len()).finish(),
        }
    }
}

impl Picture {
    /// The file, or the database's path with the key; empty where there is neither.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Stored { path, .. } => path,
            Self::None | Self::Memory(_) => Path::new(""),
        }
    }

    /// Whether it is there, as far as can be told without reading it.
    pub fn exists(&self) -> bool {
        match self {
            Self::None => false,
            Self::File(path) => path.is_file(),
            Self::Stored { .. } | Self::Memory(_) => true,
        }
    }
}

impl Record {
    /// The encoded bytes of the picture.
    ///
    /// # Errors
    /// [`Error::MissingImage`] where there is none, [`Error::Read`] and [`Error::Binary`] where it cannot be read.
    pub fn bytes(&self) -> Result<Arc<[u8]>> {
        match &self.picture {
            Picture::None => Err(self.missing()),
            Picture::Memory(bytes) => Ok(bytes.clone()),
            Picture::File(path) => match std::fs::read(path) {
                Ok(bytes) => Ok(bytes.into()),
                Err(source) => Err(self.unreadable(source)),
            },
            Picture::Stored { db, path } => {
                let key = path.file_name().unwrap_or_default().as_encoded_bytes();
                db.get(key)?.map(Into::into).ok_or_else(|| self.missing())
            }
        }
    }

    /// The decoded picture, upright.
    ///
    /// # Errors
    /// Those of [`Record::bytes`]; [`Error::Image`] where it is broken, [`Error::ImageSize`] where it is of another size
    /// than the label says.
    pub fn image(&self) -> Result<Image> {
        self.decode(&self.bytes()?)
    }

    /// The picture of these bytes, which are those of [`Record::bytes`].
    pub(crate) fn decode(&self, bytes: &[u8]) -> Result<Image> {
        let name = self.picture.path().display().to_string();
        let image = Image::decode(bytes, &name, ImageLimits::default())
            .map_err(|source| Error::Image { at: self.at.clone(), source })?;
        self.check_size((image.width(), image.height()))?;
        Ok(image)
    }

    /// Width and height of the upright picture: the label's, else those in the head of the picture's file, whose pixels
    /// are not decoded.
    ///
    /// # Errors
    /// Those of [`Record::bytes`], and [`Error::Image`] for a file that is no picture.
    pub fn dimensions(&self) -> Result<(u32, u32)> {
        match self.size {
            Some(size) => Ok(size),
            None => self.head().map(|head| head.size),
        }
    }

    /// The truth as a page. The text of a crop becomes one instance that covers it, which needs its size.
    ///
    /// # Errors
    /// Those of [`Record::dimensions`] where the label does not say the size.
    pub fn page(&self) -> Result<Page> {
        let (width, height) = self.dimensions()?;
        self.page_of(width, height)
    }

    /// The truth as a page of this size.
    ///
    /// # Errors
    /// [`Error::Core`] where a crop's text is to cover a page without area.
    pub fn page_of(&self, width: u32, height: u32) -> Result<Page> {
        let mut page = Page { links: self.links.clone(), ..Page::new(width, height) };
        page.instances = match &self.truth {
            Truth::Instances(instances) => instances.clone(),
            Truth::Sentence { .. } => Vec::new(),
            Truth::Text(text) => {
                let (x1, y1) = (f64::from(width), f64::from(height));
                let polygon = Polygon::from_rect(Rect { x0: 0.0, y0: 0.0, x1, y1 })?;
                let mut instance = TextInstance::new(Region { polygon, score: 1.0 });
                instance.transcript = Some(Transcript::truth(text.clone()));
                vec![instance]
            }
        };
        Ok(page)
    }

    fn check_size(&self, found: (u32, u32)) -> Result<()> {
        match self.size {
            Some(declared) if declared != found => Err(Error::ImageSize {
                at: self.at.clone(),
                image: self.picture.path().to_owned(),
                declared,
                found,
            }),
            _ => Ok(()),
        }
    }

    /// What the head of the picture's file says.
    pub(crate) fn head(&self) -> Result<Head> {
        match &self.picture {
            Picture::File(path) => {
                let file = std::fs::File::open(path).map_err(|source| self.unreadable(source))?;
                self.head_of(BufReader::new(file))
            }
            _ => self.head_of(Cursor::new(self.bytes()?)),
        }
    }

    /// What the head of these bytes says, which are those of [`Record::bytes`].
    pub(crate) fn head_of(&self, bytes: impl BufRead + Seek) -> Result<Head> {
        let fail = |reason: String| Error::Image {
            at: self.at.clone(),
            source: glyphic_core::Error::Decode { name: self.picture.path().display().to_string(), reason },
        };
        let reader = ImageReader::new(bytes).with_guessed_format().map_err(|e| fail(e.to_string()))?;
        let format = reader.format();
        let mut decoder = reader.into_decoder().map_err(|e| fail(e.to_string()))?;
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let (w, h) = decoder.dimensions();
        let sideways = matches!(
            orientation,
            Orientation::Rotate90
                | Orientation::Rotate270
                | Orientation::Rotate90FlipH
                | Orientation::Rotate270FlipH
        );
        Ok(Head {
            size: if sideways { (h, w) } else { (w, h) },
            turned: orientation != Orientation::NoTransforms,
            extension: format.and_then(|f| f.extensions_str().first().copied()).unwrap_or("jpg"),
        })
    }

    fn unreadable(&self, source: std::io::Error) -> Error {
        match source.kind() {
            std::io::ErrorKind::NotFound => self.missing(),
            _ => Error::Read { path: self.picture.path().to_owned(), source },
        }
    }

    fn missing(&self) -> Error {
        let image = match &self.picture {
            Picture::None => PathBuf::from(&self.file_name),
            picture => picture.path().to_owned(),
        };
        Error::MissingImage { at: self.at.clone(), image, more: 0 }
    }
}

/// What the head of a picture's file says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    /// Width and height of the upright picture.
    pub(crate) size: (u32, u32),
    /// EXIF turns or mirrors the stored pixels.
    pub(crate) turned: bool,
    /// What a file of this format is called.
    pub(crate) extension: &'static str,
}
