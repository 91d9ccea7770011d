use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::{cargo, output, root, run, target};

/// What becomes of a page that differs from the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is written.
    Write,
    /// It is an error.
    Compare,
}

/// Brings the catalog's hashes up to date, builds the command, then [`generate`].
pub(crate) fn build_and_generate(mode: Mode) -> Result<()> {
    compare_or_write(mode, vec![("crates/glyphic-zoo/catalog.toml", catalog()?)])?;
    // As for the tests: with other packages features differ and burn is built anew.
    run(cargo(&["build", "--quiet", "--workspace", "--lib", "--bins", "--tests"]))?;
    generate(mode)
}

/// The generated pages, from the command that stands built in the target folder.
pub(crate) fn generate(mode: Mode) -> Result<()> {
    compare_or_write(
        mode,
        vec![
            ("docs/cli.md", cli_page()?),
            ("docs/config.md", config_page()?),
            ("docs/models.md", models_page()?),
            ("README.md", readme()?),
        ],
    )
}

fn compare_or_write(mode: Mode, pages: Vec<(&str, String)>) -> Result<()> {
    let mut stale = Vec::new();
    for (path, text) in pages {
        let file = root().join(path);
        if fs::read_to_string(&file).is_ok_and(|old| old == text) {
            continue;
        }
        match mode {
            Mode::Compare => stale.push(path),
            Mode::Write => {
                fs::write(&file, text).with_context(|| format!("cannot write {path}"))?;
                eprintln!("wrote {path}");
            }
        }
    }
    if !stale.is_empty() {
        bail!("out of date: {}; run `cargo xtask generate`", stale.join(", "));
    }
    Ok(())
}

const NOTE: &str = "<!-- Written by `cargo xtask generate`; do not edit. -->\n";

/// `glyphic ARGS`, without colour.
fn glyphic(args: &[&str]) -> Result<String> {
    let mut command =
        Command::new(target().join("debug").join(format!("glyphic{}", std::env::consts::EXE_SUFFIX)));
    command.args(args).env("NO_COLOR", "1").current_dir(root());
    output(command)
}

/// Every command's `--help`, the subcommands' below it.
fn cli_page() -> Result<String> {
    let mut page = format!("{NOTE}# The `glyphic` command\n");
    add_help(&mut page, &[])?;
    Ok(page)
}

fn add_help(page: &mut String, command: &[&str]) -> Result<()> {
    let help = glyphic(&[command, &["--help"]].concat())?;
    let name = [&["glyphic"], command].concat().join(" ");
    let text = help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    page.push_str(&format!("\n## {name}\n\n```text\n{}\n```\n", text.trim_end()));
    for sub in subcommands(&help) {
        add_help(page, &[command, &[sub.as_str()]].concat())?;
    }
    Ok(())
}

/// The names under `Commands:` in a help text.
fn subcommands(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

fn config_page() -> Result<String> {
    let config = glyphic(&["config", "show"])?;
    Ok(format!(
        "{NOTE}# Configuration\n\n\
         `--model FILE.toml` reads a file like this one, which holds the defaults. A file needs only the keys that \
         differ: a key that is set changes that key and nothing else. Inside `[detector.NAME]` and \
         `[recognizer.NAME]` the other keys have the defaults of the model NAME. `glyphic config show MODEL` prints \
         all keys for each name of [models.md](models.md). \
         An unknown key is an error with its line.\n\n\
         ```toml\n{}\n```\n",
        config.trim_end()
    ))
}

fn models_page() -> Result<String> {
    let table = glyphic(&["models", "--format", "markdown"])?;
    Ok(format!("{NOTE}# Models\n\n{table}"))
}

/// The README with what the example really prints.
fn readme() -> Result<String> {
    let text = fs::read_to_string(root().join("README.md")).context("cannot read README.md")?;
    with_block(&text, "and prints\n\n```text\n", &glyphic(&["read", "examples/receipt.jpg"])?)
}

/// `text` with what stands between `start` and the next fence replaced.
fn with_block(text: &str, start: &str, block: &str) -> Result<String> {
    let (head, rest) = text.split_once(start).with_context(|| format!("README.md has no {start:?}"))?;
    let (_, tail) = rest.split_once("```").context("README.md has an open fence")?;
    Ok(format!("{head}{start}{block}```{tail}"))
}

/// The catalog with the hashes of the files that stand in weights/.
fn catalog() -> Result<String> {
    let path = root().join("crates/glyphic-zoo/catalog.toml");
    let text = fs::read_to_string(path).context("cannot read the catalog")?;
    let mut file = String::new();
    let mut lines = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("file = ") {
            file = name.trim_matches('"').to_owned();
        }
        lines.push(match line.starts_with("sha256 = ") {
            true => format!("sha256 = \"{}\"", sha256(&root().join("weights").join(&file))?),
            false => line.to_owned(),
        });
    }
    Ok(lines.join("\n") + "\n")
}

fn sha256(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subcommands_are_read_from_a_help_text() {
        let help = "Reads text\n\nUsage: x\n\nCommands:\n  read    Reads\n          more\n  models  Lists\n  help    Print\n\nOptions:\n  -h\n";
        assert_eq!(subcommands(help), ["read", "models"]);
        assert_eq!(subcommands("Usage: x\n"), Vec::<String>::new());
    }

    #[test]
    fn the_block_after_its_mark_is_replaced_and_nothing_else() {
        let text = "a\n```text\nx\n```\nprints\n```text\nold\n```\nb\n```text\ny\n```\n";
        let replaced = with_block(text, "prints\n```text\n", "new\n").unwrap();
        assert_eq!(replaced, text.replace("old", "new"));
        assert!(with_block(text, "no such mark", "new").is_err());
    }
}
