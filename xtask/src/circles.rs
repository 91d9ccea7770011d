//! Which files of a crate use each other, and the circles among them.
//!
//! A `use` or a path is followed to the file that defines the item, through re-exports; declaring a module (`mod x;`)
//! or re-exporting its items is no use of it. Tests are not looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::sources::{File, files_without_tests, module_of, word};

/// A crate's files by the path of their module: `["formats", "coco"]`.
struct Sources {
    files: BTreeMap<Vec<String>, Source>,
}

struct Source {
    file: PathBuf,
    /// The text without comments, strings, tests and `use` declarations.
    code: String,
    uses: Vec<Use>,
}

/// One leaf of a `use` declaration.
struct Use {
    path: Vec<String>,
    /// The name it has here; `*` for a glob.
    name: String,
    /// Others may use it from here.
    public: bool,
}

/// The circles of files in the crate whose sources are in `src`, the largest first, each in the order of names.
pub(crate) fn circles(src: &Path) -> Result<Vec<Vec<PathBuf>>> {
    let sources = Sources::read(src)?;
    let edges = sources.edges();
    let mut circles: Vec<Vec<PathBuf>> = components(&edges)
        .into_iter()
        .filter(|c| c.len() > 1)
        .map(|c| c.into_iter().map(|module| sources.files[&module].file.clone()).collect())
        .collect();
    circles.iter_mut().for_each(|c: &mut Vec<PathBuf>| c.sort());
    circles.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
    Ok(circles)
}

impl Sources {
    fn read(src: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        for File { path: file, code } in files_without_tests(src)? {
            let module = module_of(src, &file)?;
            let (code, uses) = parse(&code);
            files.insert(module, Source { file, code, uses });
        }
        Ok(Self { files })
    }

    /// For each file those that it uses.
    fn edges(&self) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
        let edges_of = |(module, source): (&Vec<String>, &Source)| {
            let named = source
                .uses
                .iter()
                .filter(|u| !u.public || mentions(&source.code, &u.name))
                .map(|u| u.path.clone());
            let used = named
                .chain(paths(&source.code))
                .filter_map(|path| self.definition(module, &path, 0))
                .filter(|target| target != module)
                .collect();
            (module.clone(), used)
        };
        self.files.iter().map(edges_of).collect()
    }

    /// The module whose file defines what a path names, seen from `module`; `None` for another crate's.
    fn definition(&self, module: &[String], path: &[String], depth: usize) -> Option<Vec<String>> {
        // Re-exports in a circle end here.
        if depth > 16 {
            return None;
        }
        let mut at = module.to_vec();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => (at, rest) = (Vec::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|s| s == "super") {
                    at.pop()?;
                    rest = &rest[1..];
                }
            }
            child => {
                at.push(child.to_owned());
                if !self.files.contains_key(&at) {
                    return None;
                }
                at.pop();
            }
        }
        while let Some(name) = rest.first() {
            at.push(name.clone());
            if !self.files.contains_key(&at) {
                at.pop();
                break;
            }
            rest = &rest[1..];
        }
        // A folder without a mod.rs of its own, or a module written inline.
        let source = self.files.get(&at)?;
        let Some(name) = rest.first() else { return Some(at) };
        let exported = source.uses.iter().find(|u| u.name == *name);
        if let Some(found) = exported.and_then(|u| self.definition(&at, &u.path, depth + 1)) {
            return Some(found);
        }
        let globs = source.uses.iter().filter(|u| u.name == "*" && u.public);
        let through = globs
            .filter_map(|u| self.definition(&at, &u.path, depth + 1))
            .find(|module| self.files.get(module).is_some_and(|s| defines(&s.code, name)));
        Some(through.unwrap_or(at))
    }
}

/// Whether a name stands in the code as a word.
fn mentions(code: &str, name: &str) -> bool {
    code.match_indices(name)
        .any(|(at, _)| !code[..at].ends_with(word) && !code[at + name.len()..].starts_with(word))
}

fn defines(code: &str, name: &str) -> bool {
    ["fn ", "struct ", "enum ", "trait ", "type ", "const ", "static ", "mod "]
        .iter()
        .any(|kind| mentions(code, &format!("{kind}{name}")))
}

/// Paths in the code that begin with `crate`, `super` or `self`.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for head in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(head) {
            if !code[..at].ends_with(word) && !code[..at].ends_with(':') {
                let end = code[at..].find(|c: char| !word(c) && c != ':').map_or(code.len(), |n| at + n);
                let path = code[at..end].split("::").filter(|s| !s.is_empty()).map(str::to_owned);
                found.push(path.collect());
            }
        }
    }
    found
}

/// The code, and apart from it its `use` declarations.
fn parse(bare: &str) -> (String, Vec<Use>) {
    let (mut code, mut uses) = (String::new(), Vec::new());
    let mut rest = bare;
    while let Some((at, visibility)) = next_use(rest) {
        code.push_str(&rest[..at]);
        let declared = &rest[at + visibility.len()..];
        let end = declared.find(';').unwrap_or(declared.len());
        leaves(declared["use ".len()..end].trim(), &[], !visibility.is_empty(), &mut uses);
        rest = declared.get(end + 1..).unwrap_or_default();
    }
    code.push_str(rest);
    (code, uses)
}

/// Where the next `use` declaration begins, and its visibility.
fn next_use(code: &str) -> Option<(usize, &str)> {
    let at = code.match_indices("use ").map(|(at, _)| at).find(|at| {
        let line = &code[code[..*at].rfind('\n').map_or(0, |n| n + 1)..*at];
        let line = line.trim();
        line.is_empty() || line == "pub" || (line.starts_with("pub(") && line.ends_with(')'))
    })?;
    let begin = code[..at].rfind('\n').map_or(0, |n| n + 1);
    let begin = begin + code[begin..at].len() - code[begin..at].trim_start().len();
    Some((begin, &code[begin..at]))
}

/// The leaves of a tree such as `a::{b, c::{self, d as e}}`.
fn leaves(tree: &str, above: &[String], public: bool, into: &mut Vec<Use>) {
    let (head, group) = match tree.find('{') {
        Some(open) => (&tree[..open], Some(&tree[open + 1..tree.rfind('}').unwrap_or(tree.len())])),
        None => (tree, None),
    };
    let (head, alias) = match head.split_once(" as ") {
        Some((head, alias)) => (head, Some(alias.trim())),
        None => (head, None),
    };
    let mut path = above.to_vec();
    path.extend(head.split("::").map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned));
    let Some(group) = group else {
        let glob = path.last().is_some_and(|s| s == "*");
        if glob || (path.len() > 1 && path.last().is_some_and(|s| s == "self")) {
            path.pop();
        }
        let name = match alias {
            Some(alias) => alias.to_owned(),
            None if glob => "*".to_owned(),
            None => path.last().cloned().unwrap_or_default(),
        };
        into.push(Use { path, name, public });
        return;
    };
    let (mut depth, mut start) = (0usize, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                leaves(group[start..at].trim(), &path, public, into);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !group[start..].trim().is_empty() {
        leaves(group[start..].trim(), &path, public, into);
    }
}

/// Strongly connected components, by Kosaraju's algorithm.
fn components(edges: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>) -> Vec<Vec<Vec<String>>> {
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    for start in edges.keys() {
        // Twice on the stack: to go in, and to come out.
        let mut stack = vec![(start, false)];
        while let Some((node, done)) = stack.pop() {
            if done {
                order.push(node);
            } else if seen.insert(node) {
                stack.push((node, true));
                stack.extend(edges.get(node).into_iter().flatten().map(|next| (next, false)));
            }
        }
    }
    let mut back: BTreeMap<&Vec<String>, Vec<&Vec<String>>> = BTreeMap::new();
    for (from, targets) in edges {
        targets.iter().for_each(|to| back.entry(to).or_default().push(from));
    }
    let mut found = Vec::new();
    let mut placed = BTreeSet::new();
    for start in order.into_iter().rev() {
        let (mut component, mut stack) = (Vec::new(), vec![start]);
        while let Some(node) = stack.pop() {
            if placed.insert(node) {
                component.push(node.clone());
                stack.extend(back.get(node).into_iter().flatten());
            }
        }
        if !component.is_empty() {
            found.push(component);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crate_of(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::TempDir::new().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }

    fn found(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let dir = crate_of(files);
        let names = |c: Vec<PathBuf>| {
            c.iter().map(|p| p.strip_prefix(dir.path()).unwrap().display().to_string()).collect()
        };
        circles(dir.path()).unwrap().into_iter().map(names).collect()
    }

    #[test]
    fn files_that_use_each_other_are_a_circle() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\nmod c;\npub use a::A;"),
            ("a.rs", "use crate::b::{self, B};\npub struct A(B);"),
            ("b.rs", "pub struct B;\nfn f() { crate::c::g() }"),
            ("c.rs", "use super::A;\npub fn g() {}"),
        ];
        assert_eq!(found(&files), [["a.rs", "b.rs", "c.rs"]]);
    }

    #[test]
    fn declaring_and_re_exporting_is_no_use_and_is_looked_through() {
        let files = [
            ("lib.rs", "mod error;\npub mod formats;\npub use error::Error;"),
            ("error.rs", "pub struct Error;"),
            ("formats/mod.rs", "mod coco;\nmod record;\npub use coco::read;\npub use record::*;"),
            ("formats/coco.rs", "use crate::Error;\nuse crate::formats::Record;\npub fn read() {}"),
            ("formats/record.rs", "use crate::Error;\npub struct Record;"),
        ];
        assert_eq!(found(&files), Vec::<Vec<String>>::new());
        let mut used = files;
        used[2].1 = "mod coco;\nmod record;\npub use coco::read;\npub use record::*;\npub fn all() { read() }\npub struct Shared;";
        used[3].1 = "use super::Shared;\npub fn read() {}";
        assert_eq!(found(&used), [["formats/coco.rs", "formats/mod.rs"]]);
    }

    #[test]
    fn tests_comments_and_texts_are_not_looked_at() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\n#[cfg(test)]\nmod more;"),
            ("a.rs", "use crate::b::B;\npub struct A;"),
            (
                "b.rs",
                "pub struct B;\n// crate::a::A\nconst T: &str = \"crate::a::A\";\nconst R: &str = r#\"crate::a\"#;\nconst C: char = '\"';\n#[cfg(test)]\nmod tests { use crate::a::A; }",
            ),
            ("more.rs", "use crate::b::B;\npub struct C(crate::a::A);"),
        ];
        assert_eq!(found(&files), Vec::<Vec<String>>::new());
    }
}
