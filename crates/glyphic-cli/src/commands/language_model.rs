use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};
use glyphic::LanguageModelTrainer;
use glyphic_core::TextInstance;
use glyphic_core::write_file;
use glyphic_labels::{LazyPack, PackOptions};

use crate::{
    exit::{Exit, Failure, OrExit},
    output::print,
};

/// Builds a character n-gram language model from texts, word lists and packs.
///
/// `read` and `recognize` use it for beam search (`--language-model FILE`). Each source may be followed by `=WEIGHT`, the
/// factor of its counts.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Output file, safetensors
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Order of the model: the longest n-gram, in characters
    #[arg(long, default_value_t = 6, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=7))]
    order: u8,
    /// Minimum count of n-grams of three characters or more
    #[arg(long, default_value_t = 1.0, value_name = "COUNT")]
    min_count: f64,
    /// Running text, UTF-8
    #[arg(long, value_name = "FILE[=WEIGHT]", value_parser = weighted)]
    text: Vec<(PathBuf, f64)>,
    /// Word list, one word per line with an optional count; each word counts in lower case, capitalized and in upper case
    #[arg(long, value_name = "FILE[=WEIGHT]", value_parser = weighted)]
    words: Vec<(PathBuf, f64)>,
    /// Pack whose texts are used
    #[arg(long, value_name = "DIR[=WEIGHT]", value_parser = weighted)]
    pack: Vec<(PathBuf, f64)>,
    /// Pack with case-insensitive labels; its texts do not affect the statistics of case
    #[arg(long, value_name = "DIR[=WEIGHT]", value_parser = weighted)]
    caseless_pack: Vec<(PathBuf, f64)>,
}

/// A path with what it counts. A path that exists is taken whole.
fn weighted(value: &str) -> Result<(PathBuf, f64), String> {
    match value.rsplit_once('=') {
        Some((path, weight)) if !Path::new(value).exists() => match weight.parse::<f64>() {
            Ok(weight) if weight.is_finite() && weight > 0.0 => Ok((path.into(), weight)),
            _ => Err(format!("the weight {weight:?} is no number above 0")),
        },
        _ => Ok((value.into(), 1.0)),
    }
}

/// A word that is never counted counts as often as one that is seen once in eleven million.
const UNCOUNTED: f64 = 0.3;

/// How often a listed word counts in small letters, capitalised and in capitals: signs and receipts have all three.
const SHARES: [f64; 3] = [0.4, 0.6, 0.6];

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let packs = [&args.pack, &args.caseless_pack];
    if args.text.is_empty() && args.words.is_empty() && packs.iter().all(|packs| packs.is_empty()) {
        let message = "there is nothing to read: name a --text, --words, --pack or --caseless-pack";
        return Err(Failure::new(Exit::Usage, message));
    }
    if !(0.0..=1e9).contains(&args.min_count) {
        return Err(Failure::new(Exit::Usage, format!("--min-count {}: expected 0 to 1e9", args.min_count)));
    }
    let mut trainer = LanguageModelTrainer::new(usize::from(args.order)).or_exit(Exit::Usage)?;
    for (path, weight) in &args.text {
        trainer.add(&text_of(path)?, *weight);
    }
    for (path, weight) in &args.words {
        add_words(&mut trainer, &text_of(path)?, *weight)
            .with_context(|| format!("cannot read {}", path.display()))
            .or_exit(Exit::Input)?;
    }
    let cased = args.pack.iter().map(|pack| (pack, true));
    for ((path, weight), cased) in cased.chain(args.caseless_pack.iter().map(|pack| (pack, false))) {
        let pack = LazyPack::open(path, &PackOptions::default()).or_exit(Exit::Input)?;
        for i in 0..pack.len() {
            let page = pack.truth(i).or_exit(Exit::Input)?;
            let texts = page.instances.iter().filter(|instance| !instance.ignore).map(TextInstance::text);
            for text in texts {
                if cased { trainer.add(text, *weight) } else { trainer.add_caseless(text, *weight) }
            }
        }
    }
    if trainer.words() == 0 {
        return Err(Failure::new(Exit::Input, "not a single word stands in what was named"));
    }
    let model = trainer.finish(args.min_count);
    let bytes = model.to_bytes();
    write_file(&args.out, &bytes)
        .with_context(|| format!("cannot write {}", args.out.display()))
        .or_exit(Exit::Output)?;
    let (out, words, ngrams) = (args.out.display(), trainer.words(), model.len());
    print(&format!("{out}: {ngrams} n-grams of {words} words, {:.1} MB\n", bytes.len() as f64 / 1e6))
}

fn text_of(path: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    Ok(text.or_exit(Exit::Input)?.trim_start_matches('\u{feff}').to_owned())
}

/// Words count the root of how often they are seen in a million: a language model of signs and receipts needs few
/// articles and many nouns.
fn add_words(trainer: &mut LanguageModelTrainer, text: &str, weight: f64) -> anyhow::Result<()> {
    let mut words: Vec<(&str, f64)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut parts = line.split_whitespace();
        let Some(word) = parts.next() else { continue };
        let count = match parts.next() {
            None => 0.0,
            Some(count) => {
                count.parse::<f64>().ok().filter(|c| c.is_finite() && *c >= 0.0).ok_or_else(|| {
                    anyhow!(
                        "line {}: {count:?} is no count; expected a word, or a word and a count",
                        number + 1
                    )
                })?
            }
        };
        if parts.next().is_some() {
            return Err(anyhow!("line {}: expected a word, or a word and a count; see --text", number + 1));
        }
        words.push((word, count));
    }
    let million = words.iter().map(|(_, count)| count).sum::<f64>().max(1.0) / 1e6;
    for (word, count) in words {
        let count = weight * (UNCOUNTED + (count / million).sqrt());
        let small = word.to_lowercase();
        let capitals = word.to_uppercase();
        let mut chars = small.chars();
        let capitalised: String =
            chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect();
        for (form, share) in [small.as_str(), &capitalised, &capitals].into_iter().zip(SHARES) {
            trainer.add(form, count * share);
        }
    }
    Ok(())
}
