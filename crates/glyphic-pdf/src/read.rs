//! Pages of a PDF as pictures.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use glyphic_core::{Image, ImageLimits};
use hayro::hayro_interpret::{
    Context, InterpreterCache, InterpreterSettings, InterpreterWarning, TransformExt as _, interpret_page,
};
use hayro::hayro_syntax::{LoadPdfError, Pdf, page::Page};
use hayro::kurbo::{Affine, Rect};
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};

use crate::text::Collector;
use crate::{Error, Result, TextLayer};

/// Points of PDF to the inch.
pub(crate) const POINTS: f64 = 72.0;

/// The resolution of a page that is more than one picture, in dots per inch. Small print is 20 pixels high at it.
const DEFAULT_DPI: f64 = 200.0;

/// A page that is one scanned picture is drawn at the picture's own resolution within these bounds.
const SCAN_DPI: (f64, f64) = (50.0, 600.0);

/// A page is not drawn at less, whatever the limits on pictures: nothing could be read.
const LEAST_DPI: f64 = 40.0;

/// A picture that takes this share of a page's width and height is the page.
const WHOLE_PAGE: f64 = 0.9;

/// Pages nest deeply where someone means ill; threads of this size hold as deep as the interpreter allows.
const STACK: usize = 64 << 20;

/// The resolution at which pages are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Dpi {
    /// A page that is one scanned picture at that picture's own resolution, others at 200 dpi, less where they would be too
    /// large.
    #[default]
    Auto,
    /// Dots per inch.
    Fixed(f64),
}

/// A PDF file that is open; pages are drawn when they are asked for.
pub struct PdfFile {
    pdf: Pdf,
    name: String,
    bytes: Arc<Vec<u8>>,
}

/// A page as a picture, and what it holds as text.
#[derive(Debug, Clone)]
pub struct PdfPage {
    /// The picture, upright as the page's rotation has it.
    pub image: Image,
    /// Pixels to the inch.
    pub dpi: f64,
    /// The text that the page holds as text, in pixels of the picture.
    pub layer: TextLayer,
    /// From the picture's pixels to the page's own coordinates: `x' = a x + c y + e`, `y' = b x + d y + f`, in the order a
    /// to f.
    pub to_page: [f64; 6],
    /// What the picture lacks, as in "an image on it cannot be decoded".
    pub warnings: Vec<String>,
}

impl PdfFile {
    /// Opens a file's bytes; `name` stands in errors.
    ///
    /// # Errors
    /// [`Error::Encrypted`] for a file that needs a password, [`Error::Invalid`] for one whose pages cannot be found.
    pub fn open(bytes: Vec<u8>, name: &str) -> Result<Self> {
        let bytes = Arc::new(bytes);
        let data = Shared(Arc::clone(&bytes));
        let invalid = |reason: &str| Error::Invalid { name: name.to_owned(), reason: reason.to_owned() };
        let opened = guarded("open", move || Pdf::new(Arc::new(data))).map_err(|reason| invalid(&reason))?;
        let pdf = match opened {
            Ok(pdf) => pdf,
            Err(LoadPdfError::Decryption(_)) => return Err(Error::Encrypted { name: name.to_owned() }),
            Err(LoadPdfError::Invalid) => {
                let reason = if crate::is_pdf(&bytes) {
                    "its pages cannot be found"
                } else {
                    "it does not begin with %PDF-"
                };
                return Err(invalid(reason));
            }
        };
        if pdf.pages().is_empty() {
            return Err(invalid("it has no pages"));
        }
        Ok(Self { pdf, name: name.to_owned(), bytes })
    }

    /// Number of pages, at least 1.
    pub fn pages(&self) -> usize {
        self.pdf.pages().len()
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Draws a page, counted from 0.
    ///
    /// # Errors
    /// [`Error::NoPage`], [`Error::TooLarge`] for a page beyond `limits`, [`Error::Page`] for one that cannot be drawn. The
    /// other pages are not touched by it.
    pub fn page(&self, index: usize, dpi: Dpi, limits: ImageLimits) -> Result<PdfPage> {
        let pages = self.pdf.pages();
        let Some(page) = pages.get(index) else {
            return Err(Error::NoPage { name: self.name.clone(), page: index + 1, pages: pages.len() });
        };
        let failed = |reason: String| Error::Page { name: self.name.clone(), page: index + 1, reason };
        guarded("draw", || self.draw(page, index, dpi, limits)).map_err(failed)?
    }

    fn draw(&self, page: &Page<'_>, index: usize, dpi: Dpi, limits: ImageLimits) -> Result<PdfPage> {
        let number = index + 1;
        let failed = |reason: String| Error::Page { name: self.name.clone(), page: number, reason };
        let (width, height) = page.render_dimensions();
        let (width, height) = (f64::from(width), f64::from(height));
        if !(width.is_finite() && height.is_finite() && width > 0.0 && height > 0.0) {
            return Err(failed(format!("its size is {width} by {height} points; it should be above 0")));
        }
        let collector = collect(page, width, height);
        let dpi = match dpi {
            Dpi::Fixed(dpi) => dpi,
            Dpi::Auto => {
                let wanted = own_dpi(&collector, width, height).unwrap_or(DEFAULT_DPI);
                let most = (limits.max_pixels as f64 / (width * height))
                    .sqrt()
                    .min(f64::from(limits.max_side.min(u32::from(u16::MAX))) / width.max(height));
                // A little less than the limit, so that rounding does not step over it.
                wanted.min(most * POINTS * 0.999).max(LEAST_DPI)
            }
        };
        let scale = dpi / POINTS;
        let side = |points: f64| (points * scale).round().clamp(1.0, f64::from(u32::MAX)) as u32;
        let (columns, rows) = (side(width), side(height));
        let limits = ImageLimits { max_side: limits.max_side.min(u32::from(u16::MAX)), ..limits };
        limits.check(columns, rows, &self.name).map_err(|source| Error::TooLarge { page: number, source })?;
        // Whole pixels: the drawn size is cut to an integer.
        let exact = |pixels: u32, points: f64| (f64::from(pixels) + 0.001) as f32 / points as f32;
        let settings =
            PixmapSettings { x_scale: exact(columns, width), y_scale: exact(rows, height), bg_color: WHITE };
        let (sink, lacking) = Lacking::sink();
        let pixmap = render(page, &RenderCache::new(), &sink, &RenderSettings::default(), &settings);
        let (columns, rows) = (u32::from(pixmap.width()), u32::from(pixmap.height()));
        let rgb = pixmap.data_as_u8_slice().chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
        let image = Image::from_rgb(columns, rows, rgb).map_err(|e| failed(e.to_string()))?;
        let layer = collector.into_layer(f64::from(settings.x_scale), columns, rows);
        let to_pixels = Affine::scale_non_uniform(f64::from(settings.x_scale), f64::from(settings.y_scale))
            * initial(page);
        let to_page = to_pixels.inverse().as_coeffs();
        Ok(PdfPage { image, dpi, layer, to_page, warnings: lacking.warnings() })
    }
}

/// What the renderer could not draw.
#[derive(Debug, Default)]
struct Lacking {
    images: AtomicUsize,
    fonts: AtomicUsize,
}

impl Lacking {
    /// Settings of the renderer that count what it leaves out.
    fn sink() -> (InterpreterSettings, Arc<Self>) {
        let lacking = Arc::new(Self::default());
        let counted = Arc::clone(&lacking);
        let warning_sink = Arc::new(move |warning| {
            let counter = match warning {
                InterpreterWarning::ImageDecodeFailure => &counted.images,
                InterpreterWarning::UnsupportedFont => &counted.fonts,
                // Annotations without an appearance show nothing.
                _ => return,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        });
        (InterpreterSettings { warning_sink, ..InterpreterSettings::default() }, lacking)
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        // An image may be decoded more than once: the number means nothing.
        if self.images.load(Ordering::Relaxed) > 0 {
            warnings.push("an image on it cannot be decoded; its text is missing".to_owned());
        }
        if self.fonts.load(Ordering::Relaxed) > 0 {
            warnings.push("a font on it cannot be loaded; text in it may be missing".to_owned());
        }
        warnings
    }
}

/// The file's bytes, shared with the parser.
struct Shared(Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// From the page's coordinates to points from its top-left corner as it is shown.
fn initial(page: &Page<'_>) -> Affine {
    page.initial_transform(true).to_kurbo()
}

/// What a page draws, in points from its top-left corner.
fn collect(page: &Page<'_>, width: f64, height: f64) -> Collector {
    let mut collector = Collector::default();
    let mut context = Context::new(
        initial(page),
        Rect::new(0.0, 0.0, width, height),
        &InterpreterCache::new(),
        page.xref(),
        InterpreterSettings::default(),
    );
    interpret_page(page, &mut context, &mut collector);
    collector
}

/// The resolution of the one picture that a scanned page consists of.
fn own_dpi(collector: &Collector, width: f64, height: f64) -> Option<f64> {
    let (at, [columns, rows]) = collector.only_picture()?;
    let covers = at.transform_rect_bbox(Rect::new(0.0, 0.0, 1.0, 1.0));
    if covers.width() < WHOLE_PAGE * width || covers.height() < WHOLE_PAGE * height {
        return None;
    }
    let [a, b, c, d, _, _] = at.as_coeffs();
    let (across, down) = (a.hypot(b), c.hypot(d));
    if !(across > 0.0 && down > 0.0) {
        return None;
    }
    let dpi = POINTS * (f64::from(columns) / across).max(f64::from(rows) / down);
    Some(dpi.clamp(SCAN_DPI.0, SCAN_DPI.1))
}

/// Begins the names of the threads on which PDF is parsed and drawn.
const THREAD: &str = "pdf-";

/// Whether this is a thread on which PDF is parsed or drawn, whose panic becomes an [`Error`]: a program's panic hook
/// need not print it.
pub fn is_guarded_thread() -> bool {
    std::thread::current().name().is_some_and(|name| name.starts_with(THREAD))
}

/// Runs on a thread with a large stack; a panic of the renderer is an error of that page.
fn guarded<T: Send>(what: &str, work: impl FnOnce() -> T + Send) -> std::result::Result<T, String> {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name(format!("{THREAD}{what}"))
            .stack_size(STACK)
            .spawn_scoped(scope, work)
            .map_err(|e| format!("no thread to {what} it: {e}"))?
            .join()
            .map_err(|_| {
                format!(
                    "the renderer failed to {what} it; the file is damaged, or uses what is not supported"
                )
            })
    })
}
