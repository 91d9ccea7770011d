use std::{
    io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use glyphic::{Orientation, Reader};
use glyphic_document::{Format, Records};

use super::read::{PdfText, read_page};
use crate::{
    args::DeviceArgs,
    exit::{Exit, Failure, OrExit},
    inputs::{self, Opening},
    results::{Kind, Results},
};

/// Reads one file with Tesseract's arguments and writes OUTPUT with each format's extension.
///
/// Languages, engine modes and the layouts of --psm need no choice here: the model reads Latin script, and pages are laid out by
/// what they hold. Variables that choose formats are followed; others are reported.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Image or PDF file, a .txt file with a list of them, or stdin
    #[arg(value_name = "INPUT")]
    input: PathBuf,
    /// Output file without its extension, or stdout
    #[arg(value_name = "OUTPUT")]
    output: PathBuf,
    /// Output formats: txt, pdf, hocr, tsv, alto [default: txt]
    #[arg(value_name = "FORMAT", value_parser = config)]
    formats: Vec<Config>,
    /// Languages, joined by +
    #[arg(short = 'l', value_name = "LANG", default_value = "eng")]
    languages: String,
    /// Page segmentation mode: 1 and 12 detect the orientation of pages, others read them as they are
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=13))]
    psm: u8,
    /// Engine mode; there is one engine
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=3))]
    oem: Option<u8>,
    /// Resolution of the input in dots per inch
    #[arg(long, value_name = "DPI", value_parser = clap::value_parser!(u16).range(10..=2400))]
    dpi: Option<u16>,
    /// Variable, as in tessedit_create_hocr=1
    #[arg(short = 'c', value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// Not used: models are named to the other commands
    #[arg(long, value_name = "PATH", hide = true)]
    tessdata_dir: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
}

/// A configuration file of Tesseract's by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Config {
    Format(Wanted),
    Quiet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Text,
    Pdf,
    Hocr,
    Tsv,
    Alto,
}

fn config(name: &str) -> Result<Config, String> {
    match name {
        "quiet" => Ok(Config::Quiet),
        _ => wanted(name)
            .map(Config::Format)
            .ok_or_else(|| "expected txt, pdf, hocr, tsv, alto or quiet".to_owned()),
    }
}

fn wanted(name: &str) -> Option<Wanted> {
    Some(match name {
        "txt" => Wanted::Text,
        "pdf" => Wanted::Pdf,
        "hocr" => Wanted::Hocr,
        "tsv" => Wanted::Tsv,
        "alto" => Wanted::Alto,
        _ => return None,
    })
}

impl Wanted {
    fn kind(self) -> Kind {
        match self {
            Self::Text => Kind::Stream(Format::Text { named: false }, Records::Read),
            Self::Pdf => Kind::Pdf,
            Self::Hocr => Kind::Stream(Format::Hocr, Records::Read),
            Self::Tsv => Kind::Stream(Format::Tsv, Records::Read),
            Self::Alto => Kind::Stream(Format::Alto, Records::Read),
        }
    }
}

/// Tesseract's names of languages that the model's script does not write.
const OTHER_SCRIPTS: [&str; 46] = [
    "amh", "ara", "asm", "bel", "ben", "bod", "bul", "chi_sim", "chi_tra", "ell", "fas", "grc", "guj", "heb",
    "hin", "hye", "iku", "jpn", "kan", "kat", "kaz", "khm", "kir", "kor", "lao", "mal", "mar", "mkd", "mon",
    "mya", "nep", "ori", "pan", "pus", "rus", "san", "sin", "snd", "srp", "syr", "tam", "tel", "tha", "uig",
    "ukr", "urd",
];

impl Args {
    /// The formats asked for by name or by variable, once each.
    fn wanted(&self) -> Result<Vec<Wanted>, Failure> {
        let mut all: Vec<Wanted> = Vec::new();
        let named = self.formats.iter().filter_map(|config| match config {
            Config::Format(wanted) => Some(*wanted),
            Config::Quiet => None,
        });
        all.extend(named);
        for variable in &self.variables {
            let (name, value) = variable
                .split_once('=')
                .with_context(|| format!("-c {variable}: expected NAME=VALUE"))
                .or_exit(Exit::Usage)?;
            match name.strip_prefix("tessedit_create_").and_then(wanted) {
                Some(wanted) if matches!(value, "1" | "true" | "T") => all.push(wanted),
                Some(wanted) => all.retain(|other| *other != wanted),
                None => eprintln!("warning: -c {name} is Tesseract's own; it changes nothing here"),
            }
        }
        if all.is_empty() {
            all.push(Wanted::Text);
        }
        let mut once = Vec::new();
        all.into_iter().for_each(|wanted| {
            if !once.contains(&wanted) {
                once.push(wanted);
            }
        });
        Ok(once)
    }

    fn check(&self) -> Result<(), Failure> {
        if self.psm == 0 {
            let message =
                "--psm 0 writes no text; `glyphic read --format json` gives the orientation of pages with it";
            return Err(Failure::new(Exit::Usage, message));
        }
        if self.oem == Some(0) {
            eprintln!("warning: --oem 0: there is no legacy engine; a neural network reads");
        }
        if self.tessdata_dir.is_some() {
            eprintln!("warning: --tessdata-dir is Tesseract's own; it changes nothing here");
        }
        for language in self.languages.split('+').filter(|l| OTHER_SCRIPTS.contains(l)) {
            eprintln!("warning: -l {language}: the model reads Latin script only");
        }
        Ok(())
    }
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    args.check()?;
    let wanted = args.wanted()?;
    let stdout = ["stdout", "-"].iter().any(|name| args.output == Path::new(name));
    if stdout && wanted.len() > 1 {
        return Err(Failure::new(Exit::Usage, "several formats need a name of output files, not stdout"));
    }
    let inputs = inputs::of_tesseract(&args.input)?;
    let device = args.device.open()?;
    let mut config = glyphic::ReaderConfig::default();
    // The modes with "OSD": orientation and script detection.
    let detects = matches!(args.psm, 1 | 12);
    config.reading.orientation = if detects { Orientation::Auto } else { Orientation::Keep };
    let reader = Reader::builder().config(config).device(device).build().or_exit(Exit::Model)?;
    let scratch = tempfile::tempdir().context("cannot make a temporary folder").or_exit(Exit::Output)?;
    let piped = scratch.path().join("stdout.pdf");
    let mut results = Vec::new();
    for wanted in &wanted {
        let kind = wanted.kind();
        let mut path = args.output.as_os_str().to_owned();
        path.push(format!(".{}", kind.extension()));
        let to = match (stdout, wanted) {
            (false, _) => Some(Path::new(&path)),
            (true, Wanted::Pdf) => Some(piped.as_path()),
            (true, _) => None,
        };
        results.push(Results::one(kind, to, inputs.len())?);
    }
    let opening = Opening::at(args.dpi);
    let failed = inputs::in_batches(&inputs, &opening, 1, |progress, batch| {
        for (input, loaded) in batch {
            let (page, source) = read_page(&reader, &loaded, PdfText::Ignore)?;
            let mut info = input.info(&loaded, source);
            info.dpi = info.dpi.or(args.dpi.map(f64::from));
            for result in &mut results {
                progress.aside(|| result.put(input, &loaded, &info, &page))?;
            }
        }
        Ok(())
    })?;
    results.into_iter().try_for_each(Results::finish)?;
    if stdout && piped.exists() {
        let copied =
            std::fs::File::open(&piped).and_then(|mut pdf| io::copy(&mut pdf, &mut io::stdout().lock()));
        copied.context("cannot write standard output").or_exit(Exit::Output)?;
    }
    failed.result()
}
