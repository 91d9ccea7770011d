use std::fmt::Write;

use clap::ValueEnum;
use glyphic_zoo::{DEFAULT_DETECTOR, DEFAULT_RECOGNIZER, LanguageModel, Model};

use crate::{
    exit::{Exit, Failure, OrExit},
    output::print,
};

/// Lists the models that `--model` knows by name.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How the list is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// A table
    #[default]
    Text,
    /// Everything the catalog says
    Json,
    /// A table and the details, as Markdown
    Markdown,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let (models, languages) = (glyphic_zoo::models(), glyphic_zoo::language_models());
    let text = match args.format {
        Format::Text => table(models, languages),
        Format::Json => {
            let catalog = serde_json::json!({ "models": models, "language_models": languages });
            serde_json::to_string_pretty(&catalog).or_exit(Exit::Output)? + "\n"
        }
        Format::Markdown => markdown(models, languages),
    };
    print(&text)
}

fn is_default(model: &Model) -> bool {
    [DEFAULT_DETECTOR, DEFAULT_RECOGNIZER].contains(&model.name.as_str())
}

fn table(models: &[Model], languages: &[LanguageModel]) -> String {
    let width = models.iter().map(|m| m.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for m in models {
        let weights = match (&m.weights, is_default(m)) {
            (Some(_), true) => "default",
            (Some(_), false) => "shipped",
            (None, _) => "--weights",
        };
        // Writing to a String does not fail.
        let _ = writeln!(text, "{:width$}  {:9}  {weights:9}  {}", m.name, m.task, m.summary);
    }
    for m in languages {
        let _ = writeln!(text, "{:width$}  {:9}  {:9}  {}", m.name, "language", "default", m.summary);
    }
    text
}

fn markdown(models: &[Model], languages: &[LanguageModel]) -> String {
    let mut text = "| name | task | weights | what |\n|---|---|---|---|\n".to_owned();
    for m in models {
        let weights = match &m.weights {
            Some(w) => format!("[{0}](../weights/{1}.md)", w.file, m.name),
            None => "your own, `--weights`".to_owned(),
        };
        let default = if is_default(m) { " (default)" } else { "" };
        let _ = writeln!(text, "| `{}`{default} | {} | {weights} | {} |", m.name, m.task, m.summary);
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
        if let Some(w) = &m.weights {
            item("Trained on", &w.data);
            item("Licence of the weights", &w.licence);
            item("SHA-256", &format!("`{}`", w.sha256));
            for (metric, score) in &w.scores {
                item(metric, &score.to_string());
            }
        }
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
