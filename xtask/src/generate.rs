use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

use crate::{cargo, output, root, run};

/// What becomes of a page that differs from the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is written.
    Write,
    /// It is an error.
    Compare,
}

/// Builds the command, then [`generate`].
pub(crate) fn build_and_generate(mode: Mode) -> Result<()> {
    run(cargo(&["build", "--quiet", "--package", "glyphic-cli"]))?;
    generate(mode)
}

/// The generated pages, from the command that stands built in the target folder.
pub(crate) fn generate(mode: Mode) -> Result<()> {
    let mut stale = Vec::new();
    for (path, text) in pages()? {
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

fn pages() -> Result<Vec<(&'static str, String)>> {
    Ok(vec![
        ("docs/cli.md", cli_page()?),
        ("docs/config.md", config_page()?),
        ("docs/models.md", models_page()?),
    ])
}

const NOTE: &str = "<!-- Written by `cargo xtask generate`; do not edit. -->\n";

/// `glyphic ARGS`, without colour.
fn glyphic(args: &[&str]) -> Result<String> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let mut command =
        Command::new(target.join("debug").join(format!("glyphic{}", std::env::consts::EXE_SUFFIX)));
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
         `--model FILE.toml` reads a file like this one, which holds the defaults. A file may leave out whole \
         tables: `[detector.*]`, `[recognizer.*]` and `[reading]` keep the defaults below where it does not name \
         them. A stage that it does name is taken from the file alone: keys left out of `[detector.dbnet]` have \
         the network's own defaults, which are the paper's or MMOCR's, not those of the shipped model, so start \
         from `glyphic config show`. A key that is not known is an error that names its line.\n\n\
         ```toml\n{}\n```\n",
        config.trim_end()
    ))
}

fn models_page() -> Result<String> {
    let table = glyphic(&["models", "--format", "markdown"])?;
    Ok(format!("{NOTE}# Models\n\n{table}"))
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
}
