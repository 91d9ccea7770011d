use std::path::{Path, PathBuf};

use clap::ValueEnum;
use glyphic_labels::formats::{Format, Kind, LabelFiles, Record, WriteOptions, Writer, cut};
use glyphic_labels::{Error, Findings, Warning};

use super::{Count, Source, say_warnings, separator};
use crate::exit::{Exit, Failure, OrExit};

/// Converts labels from one format to another.
///
/// Formats: pack, mmocr-det, mmocr-rec, mmocr1, text, coco, textocr, icdar2013, icdar2015, icdar2017, icdar-words,
/// ctw1500, totaltext, sroie, synthtext, svt, wildreceipt, funsd, cluener, paddle-det, paddle-rec, label-studio, lmdb, lmdb-lines.
/// Annotated regions are cut out where the target format stores crops (pack --crops, lmdb).
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    conversion: Conversion,
    /// Target format [default: inferred from the name of TO]
    #[arg(long, value_name = "FORMAT")]
    to: Option<Format>,
    /// Separator between file name and text in TO of the format `text`; \t is a tab [default: a tab]
    #[arg(long, value_name = "TEXT", value_parser = separator)]
    to_separator: Option<String>,
    /// Type of label files for ctw1500 and totaltext
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    label_files: Files,
    /// Split regions of several words at white space; required for synthtext
    #[arg(long)]
    split_words: bool,
    /// Cut out the annotated regions and write a pack of crops
    #[arg(long)]
    crops: bool,
}

/// From where to where.
#[derive(Debug, clap::Args)]
pub(super) struct Conversion {
    /// Labels: a file, or a folder for formats that consist of several files
    #[arg(value_name = "FROM")]
    labels: PathBuf,
    /// Output file, or output folder, which must not exist
    #[arg(value_name = "TO")]
    out: PathBuf,
    #[command(flatten)]
    source: Source,
    /// Skip invalid records with a warning; by default they are an error and nothing is written
    #[arg(long)]
    skip_broken: bool,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Files {
    /// Plain text
    #[default]
    Txt,
    /// XML, for ctw1500
    Xml,
    /// MATLAB tables, for totaltext
    Mat,
}

impl From<Files> for LabelFiles {
    fn from(files: Files) -> Self {
        match files {
            Files::Txt => Self::Text,
            Files::Xml => Self::Xml,
            Files::Mat => Self::Matlab,
        }
    }
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let to = match args.to {
        Some(to) => to,
        None => format_of(&args.conversion.out)?,
    };
    let options = WriteOptions {
        separator: args.to_separator,
        label_files: args.label_files.into(),
        split_words: args.split_words,
    };
    convert(&args.conversion, to, &options, args.crops)
}

fn format_of(path: &Path) -> Result<Format, Failure> {
    match path.extension().and_then(|e| e.to_str()) {
        None => Ok(Format::Pack),
        Some("lmdb") => Ok(Format::Lmdb),
        Some("tsv") => Ok(Format::Text),
        Some("xml") => Ok(Format::Svt),
        Some("mat") => Ok(Format::SynthText),
        Some(other) => {
            let names = Format::ALL.map(Format::name).join(", ");
            let message =
                format!("a name that ends in .{other} does not tell the format; add --to, one of {names}");
            Err(Failure::new(Exit::Usage, message))
        }
    }
}

/// Reads, converts and writes record by record; the output appears when all is done.
pub(super) fn convert(
    conversion: &Conversion,
    to: Format,
    options: &WriteOptions,
    crops: bool,
) -> Result<(), Failure> {
    let Conversion { labels, out, source, skip_broken } = conversion;
    // Of a folder of labels any file may be what is read.
    if let (Ok(read), Ok(written)) = (labels.canonicalize(), out.canonicalize())
        && written.starts_with(read)
    {
        let message = format!("{} would be replaced, but it is read from; name another TO", out.display());
        return Err(Failure::new(Exit::Usage, message));
    }
    let mut reader = source.open(labels)?;
    let mut writer = Writer::create(out, to, options).or_exit(Exit::Output)?;
    let count = Count::new();
    let mut skipped = 0;
    let mut left_out = LeftOut::default();
    for record in reader.by_ref() {
        let done = record.and_then(|record| put(&mut writer, record, to, crops, &mut left_out));
        match done {
            Ok(()) => {}
            Err(error @ Error::Write { .. }) => return Err(error).or_exit(Exit::Output),
            Err(error) if *skip_broken => {
                count.say(format!("warning: {error}"));
                skipped += 1;
            }
            Err(error) => {
                count.say("nothing is written; --skip-broken leaves out what is broken");
                return Err(error).or_exit(Exit::Input);
            }
        }
        count.step();
    }
    drop(count);
    say_warnings(reader.warnings());
    left_out.say();
    let written = writer.finish().or_exit(Exit::Output)?;
    for (loss, count) in &written.losses {
        match count {
            1 => eprintln!("note: {loss}: once"),
            n => eprintln!("note: {loss}: {n} times"),
        }
    }
    let (from, records) = (reader.format(), written.records);
    eprint!("{records} records from {from} to {to}: {}", out.display());
    match skipped {
        0 => eprintln!(),
        n => eprintln!("; {n} left out"),
    }
    Ok(())
}

/// Regions that gave no crop.
#[derive(Default)]
struct LeftOut {
    outside: Findings<Warning>,
    ignored: usize,
    without_text: usize,
}

impl LeftOut {
    fn say(&self) {
        say_warnings(&self.outside);
        for (count, what) in [(self.ignored, "to be ignored"), (self.without_text, "without a text")] {
            match count {
                0 => {}
                1 => eprintln!("note: 1 region {what} is left out"),
                n => eprintln!("note: {n} regions {what} are left out"),
            }
        }
    }
}

fn put(
    writer: &mut Writer,
    record: Record,
    to: Format,
    crops: bool,
    left_out: &mut LeftOut,
) -> Result<(), Error> {
    let scene = record.truth.kind() == Kind::Instances;
    if scene && (crops || (to.holds_pictures() && !to.holds(Kind::Instances))) {
        let made = cut(&record)?;
        left_out.ignored += made.ignored;
        left_out.without_text += made.without_text;
        made.outside.into_iter().for_each(|w| left_out.outside.add(w));
        return made.crops.iter().try_for_each(|crop| writer.put(crop));
    }
    if scene && to.holds(Kind::Text) && !to.holds(Kind::Instances) {
        return Err(Error::Unfit {
            at: record.at,
            format: to.name(),
            reason: "it is a picture with regions; `convert ... DIR --to pack --crops` cuts them out, or take lmdb".to_owned(),
        });
    }
    writer.put(&record)
}
