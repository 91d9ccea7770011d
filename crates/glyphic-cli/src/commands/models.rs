use std::fmt::Write;

use clap::ValueEnum;
use glyphic_zoo::{
    DEFAULT_DETECTOR, DEFAULT_EXTRACTOR, DEFAULT_RECOGNIZER, Extractor, LanguageModel, Model, Weights,
};

use crate::{
    exit::{Exit, Failure, OrExit},
    output::print,
};

/// Lists the available models, by the names that `--model` accepts.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// A table
    #[default]
    Text,
    /// All fields of the catalog
    Json,
    /// Markdown: a table, then the details of each model
    Markdown,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let (models, extractors, languages) =
        (glyphic_zoo::models(), glyphic_zoo::extractors(), glyphic_zoo::language_models());
    let text = match args.format {
        Format::Text => table(models, extractors, languages),
        Format::Json => {
            let catalog = serde_json::json!({ "models": models, "extractors": extractors, "language_models": languages });
            serde_json::to_string_pretty(&catalog).or_exit(Exit::Output)? + "\n"
        }
        Format::Markdown => markdown(models, extractors, languages),
    };
    print(&text)
}

fn is_default(model: &Model) -> bool {
    [DEFAULT_DETECTOR, DEFAULT_RECOGNIZER].contains(&model.name.as_str())
}

fn table(models: &[Model], extractors: &[Extractor], languages: &[LanguageModel]) -> String {
    let width = models.iter().map(|m| m.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for m in models {
        let weights = match (&m.weights, is_default(m)) {
            (Some(_), true) => "default",
            (Some(_), false) => "shipped",
            (None, _) => "--weights",
        };
        // Writing to a String does not fail.
        let _ = writeln!(text, "{:width$}  {:9}  {weights:9}  {}", m.name, m.tasks(), m.summary);
    }
    for m in extractors {
        let weights = if m.name == DEFAULT_EXTRACTOR { "default" } else { "shipped" };
        let _ = writeln!(text, "{:width$}  {:9}  {weights:9}  {}", m.name, "extract", m.summary);
    }
    for m in languages {
        let _ = writeln!(text, "{:width$}  {:9}  {:9}  {}", m.name, "language", "default", m.summary);
    }
    text
}

fn markdown(models: &[Model], extractors: &[Extractor], languages: &[LanguageModel]) -> String {
    let mut text = "| name | task | weights | what |\n|---|---|---|---|\n".to_owned();
    for m in models {
        let weights = match &m.weights {
            Some(w) => format!("[{0}](../weights/{1}.md)", w.file, m.name),
            None => "your own, `--weights`".to_owned(),
        };
        let default = if is_default(m) { " (default)" } else { "" };
        let _ = writeln!(text, "| `{}`{default} | {} | {weights} | {} |", m.name, m.tasks(), m.summary);
    }
    for m in extractors {
        let default = if m.name == DEFAULT_EXTRACTOR { " (default)" } else { "" };
        let weights = format!("[{}](../weights/{}.md)", m.weights.file, m.name);
        let _ = writeln!(text, "| `{}`{default} | extract | {weights} | {} |", m.name, m.summary);
    }
    for m in languages {
        let weights = format!("[{}](../weights/{}.md)", m.file, m.name);
        let _ = writeln!(text, "| `{}` (default) | language | {weights} | {} |", m.name, m.summary);
    }
    for m in models {
        let _ = writeln!(text, "\n## {}\n", m.name);
        let mut item = |name: &str, value: &str| {
            let _ = writeln!(text, "- {name}: {value}");
        };
        if let Some(paper) = &m.paper {
            item("Paper", paper);
        }
        if let Some(vocabulary) = &m.vocabulary {
            item("Reads", vocabulary);
        }
        item("Preprocessing", &m.preprocessing);
        if let Some(weights) = &m.weights {
            describe(&mut item, weights);
        }
    }
    for m in extractors {
        let _ = writeln!(text, "\n## {}\n", m.name);
        let mut item = |name: &str, value: &str| {
            let _ = writeln!(text, "- {name}: {value}");
        };
        item("Paper", &m.paper);
        describe(&mut item, &m.weights);
    }
    for m in languages {
        let _ = writeln!(text, "\n## {}\n", m.name);
        let hash = format!("`{}`", m.sha256);
        for (name, value) in [("Made of", &m.data), ("Licence", &m.licence), ("SHA-256", &hash)] {
            let _ = writeln!(text, "- {name}: {value}");
        }
    }
    text
}

/// Origin, licence and scores of weights.
fn describe(item: &mut dyn FnMut(&str, &str), weights: &Weights) {
    item("Trained on", &weights.data);
    item("Licence of the weights", &weights.licence);
    item("SHA-256", &format!("`{}`", weights.sha256));
    for (metric, score) in &weights.scores {
        item(metric, &score.to_string());
    }
}
