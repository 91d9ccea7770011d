//! The Rust sources of a crate without its tests: modules that are declared `#[cfg(test)]`, in a file of their own or inline,
//! and other items of tests alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A file that is more than tests.
pub(crate) struct File {
    pub(crate) path: PathBuf,
    /// Its lines without tests; comments and the content of strings are spaces.
    pub(crate) code: String,
}

/// The files below the `src` of a crate, in the order of their names, without those that only tests are compiled from.
pub(crate) fn files_without_tests(src: &Path) -> Result<Vec<File>> {
    let (mut files, mut tests) = (Vec::new(), BTreeSet::new());
    for path in rust_files(src)? {
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let (code, modules) = without_tests(&without_text(&text));
        let module = module_of(src, &path)?;
        tests.extend(modules.into_iter().map(|name| [module.clone(), vec![name]].concat()));
        files.push((module, File { path, code }));
    }
    // A module of tests has all of its children with it.
    files.retain(|(module, _)| !(1..=module.len()).any(|depth| tests.contains(&module[..depth])));
    Ok(files.into_iter().map(|(_, file)| file).collect())
}

/// The path of the module that a file holds: `["formats", "coco"]`, none for `lib.rs`.
pub(crate) fn module_of(src: &Path, file: &Path) -> Result<Vec<String>> {
    let inside = file.strip_prefix(src)?.with_extension("");
    let mut module: Vec<String> =
        inside.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    Ok(module)
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a character is a part of a name.
pub(crate) fn word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Comments and the content of strings and characters become spaces; lines stay.
fn without_text(text: &str) -> String {
    let bytes: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
    while i < bytes.len() {
        let next = bytes.get(i + 1).copied();
        match bytes[i] {
            '/' if next == Some('/') => {
                while i < bytes.len() && bytes[i] != '\n' {
                    i += 1;
                }
            }
            '/' if next == Some('*') => {
                let mut depth = 0;
                while i < bytes.len() {
                    match (bytes[i], bytes.get(i + 1)) {
                        ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
                        ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
                        (c, _) => {
                            out.push(blank(c));
                            i += 1;
                        }
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
            'r' if !out.ends_with(word) && matches!(next, Some('"' | '#')) => {
                let hashes = bytes[i + 1..].iter().take_while(|c| **c == '#').count();
                if bytes.get(i + 1 + hashes) != Some(&'"') {
                    out.push('r');
                    i += 1;
                    continue;
                }
                i += hashes + 2;
                while i < bytes.len()
                    && !(bytes[i] == '"'
                        && bytes[i + 1..].iter().take_while(|c| **c == '#').count() >= hashes)
                {
                    out.push(blank(bytes[i]));
                    i += 1;
                }
                i += hashes + 1;
            }
            '"' => {
                i += 1;
                while i < bytes.len() && bytes[i] != '"' {
                    let step = if bytes[i] == '\\' { 2 } else { 1 };
                    bytes[i..(i + step).min(bytes.len())].iter().for_each(|c| out.push(blank(*c)));
                    i += step;
                }
                i += 1;
            }
            // A character, not a lifetime.
            '\'' if next == Some('\\') || bytes.get(i + 2) == Some(&'\'') => {
                i += if next == Some('\\') { 3 } else { 2 };
                while i < bytes.len() && bytes[i] != '\'' {
                    i += 1;
                }
                i += 1;
            }
            c => {
                out.push(c);
                i += 1;
            }
        }
    }
    out
}

/// Code without items that are compiled for tests alone, and the modules among those whose code is another file.
fn without_tests(code: &str) -> (String, Vec<String>) {
    let (mut out, mut modules) = (String::with_capacity(code.len()), Vec::new());
    let mut rest = code;
    let next =
        |code: &str| ["#[cfg(test)]", "#[cfg(all(test,"].iter().filter_map(|mark| code.find(mark)).min();
    while let Some(at) = next(rest) {
        // The attribute's line goes as a whole.
        let line = rest[..at].rfind('\n').map_or(0, |n| n + 1);
        let start = if rest[line..at].trim().is_empty() { line } else { at };
        out.push_str(&rest[..start]);
        rest = &rest[at + rest[at..].find(']').map_or(0, |n| n + 1)..];
        // Up to the end of the item: the first semicolon, or the brace that closes the first one opened.
        let mut depth = 0usize;
        let end = rest.char_indices().find_map(|(i, c)| {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            (depth == 0 && (c == ';' || c == '}')).then_some(i + 1)
        });
        let (item, after) = rest.split_at(end.unwrap_or(rest.len()));
        let words: Vec<&str> = item.strip_suffix(';').unwrap_or_default().split_whitespace().collect();
        if let [.., "mod", name] = words[..] {
            modules.push(name.to_owned());
        }
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    out.push_str(rest);
    (out, modules)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_only_tests_are_compiled_from_is_left_out_whatever_its_name() {
        let dir = tempfile::TempDir::new().unwrap();
        let src = dir.path();
        fs::create_dir_all(src.join("a/deep")).unwrap();
        for (name, text) in [
            ("lib.rs", "mod a;\npub mod tests;\n#[cfg(test)]\nmod fixtures;\n"),
            ("tests.rs", "pub fn of_a_laboratory() {}\n"),
            ("fixtures.rs", "fn f() {}\n"),
            (
                "a/mod.rs",
                "#[cfg(test)]\npub(crate) mod deep;\n\n/* #[cfg(test)] */\nfn a() {\n    \"#[cfg(test)]\"\n}\n\n    #[cfg(all(test, unix))]\n    mod tests {\n        fn b() {}\n    }\n",
            ),
            ("a/deep/mod.rs", "mod er;\n"),
            ("a/deep/er.rs", "fn c() {}\n"),
        ] {
            fs::write(src.join(name), text).unwrap();
        }
        let files = files_without_tests(src).unwrap();
        let names: Vec<&Path> = files.iter().map(|file| file.path.strip_prefix(src).unwrap()).collect();
        assert_eq!(names, ["a/mod.rs", "lib.rs", "tests.rs"].map(Path::new));
        assert_eq!(
            files[0].code.trim_matches('\n').lines().map(str::trim).collect::<Vec<_>>(),
            ["", "fn a() {", "", "}"]
        );
        assert_eq!(files.iter().map(|file| file.code.lines().count()).collect::<Vec<_>>(), [6, 2, 1]);
    }
}
