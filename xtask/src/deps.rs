use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::circles::circles;
use crate::sources::files_without_tests;
use crate::{cargo, output, root};

/// What each crate may use of the workspace. A crate that is not listed may use none.
const ALLOWED: &[(&str, &[&str])] = &[
    ("glyphic-core", &[]),
    ("glyphic-imgproc", &["glyphic-core"]),
    ("glyphic-kernels", &[]),
    ("glyphic-ops", &[]),
    ("glyphic-graph", &["glyphic-kernels", "glyphic-ops"]),
    ("glyphic-onnx", &["glyphic-graph"]),
    ("glyphic-capture", &["glyphic-graph"]),
    ("glyphic-nn", &["glyphic-core", "glyphic-graph", "glyphic-onnx", "glyphic-capture"]),
    ("glyphic-labels", &["glyphic-core", "glyphic-imgproc"]),
    ("glyphic-data", &["glyphic-core", "glyphic-imgproc", "glyphic-labels"]),
    (
        "glyphic-mmocr",
        &[
            "glyphic-core",
            "glyphic-imgproc",
            "glyphic-labels",
            "glyphic-data",
            "glyphic-regions",
            "glyphic-extract",
        ],
    ),
    ("glyphic-synth", &["glyphic-core", "glyphic-imgproc"]),
    ("glyphic-document", &["glyphic-core", "glyphic-imgproc"]),
    ("glyphic-pdf", &["glyphic-core"]),
    ("glyphic-eval", &["glyphic-core"]),
    ("glyphic-zoo", &["glyphic-core"]),
    ("glyphic-testing", &["glyphic-core"]),
    ("glyphic-regions", &["glyphic-core", "glyphic-imgproc"]),
    (
        "glyphic-detect",
        &["glyphic-regions", "glyphic-core", "glyphic-graph", "glyphic-imgproc", "glyphic-nn"],
    ),
    ("glyphic-codec", &["glyphic-core", "glyphic-imgproc"]),
    (
        "glyphic-recognize",
        &["glyphic-codec", "glyphic-core", "glyphic-graph", "glyphic-imgproc", "glyphic-nn"],
    ),
    ("glyphic-extract", &["glyphic-core", "glyphic-graph", "glyphic-imgproc", "glyphic-nn"]),
    (
        "glyphic",
        &[
            "glyphic-core",
            "glyphic-kernels",
            "glyphic-graph",
            "glyphic-onnx",
            "glyphic-imgproc",
            "glyphic-nn",
            "glyphic-detect",
            "glyphic-recognize",
            "glyphic-extract",
            "glyphic-zoo",
        ],
    ),
    (
        "glyphic-train",
        &[
            "glyphic",
            "glyphic-capture",
            "glyphic-core",
            "glyphic-imgproc",
            "glyphic-nn",
            "glyphic-detect",
            "glyphic-recognize",
            "glyphic-extract",
            "glyphic-labels",
            "glyphic-data",
            "glyphic-synth",
            "glyphic-eval",
            "glyphic-zoo",
        ],
    ),
];

/// Crates that stand at the top and may use every other.
const TOP: &[&str] = &["glyphic-cli", "glyphic-bench", "glyphic-python"];

/// Crates that nobody should have to build burn for, tests included.
const WITHOUT_BURN: &[&str] = &[
    "glyphic-core",
    "glyphic-imgproc",
    "glyphic-kernels",
    "glyphic-ops",
    "glyphic-graph",
    "glyphic-onnx",
    "glyphic-labels",
    "glyphic-data",
    "glyphic-synth",
    "glyphic-eval",
    "glyphic-document",
    "glyphic-pdf",
    "glyphic-codec",
    "glyphic-regions",
];

/// No crate may have more lines of source, tests not counted.
const MOST_LINES: usize = 8000;

/// No more files of a crate may use each other in a circle.
const MOST_IN_CIRCLE: usize = 3;

/// Used by tests alone.
const TESTING: &str = "glyphic-testing";

/// What a crate's tests may use besides: data sets are tested by metrics, recognizers as files.
const BY_TESTS: &[(&str, &str)] = &[("glyphic-mmocr", "glyphic-eval"), ("glyphic-recognize", "glyphic-onnx")];

/// Prints what each crate uses and its size. Fails where a crate uses one that stands above or beside it, reaches burn
/// and must not, is too large, or has a large circle of files.
pub(crate) fn deps() -> Result<()> {
    let json = output(cargo(&["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&json).context("cargo metadata gave no JSON")?;
    let mut wrong = violations(&metadata)?;
    wrong.extend(reading_with_burn(metadata["packages"].as_array().map_or(&[], Vec::as_slice)));
    let (rooms, faults) = rooms(&root().join("crates"))?;
    wrong.extend(faults);
    print!("{rooms}");
    if !wrong.is_empty() {
        bail!("crates:\n  {}", wrong.join("\n  "));
    }
    eprintln!("+ dependency direction, sizes and circles: right");
    Ok(())
}

/// What reading pictures needs without the feature `train`, and the ways to burn among it: none.
fn reading_with_burn(packages: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    let mut queue = vec!["glyphic".to_owned()];
    while let Some(name) = queue.pop() {
        let package = packages.iter().find(|package| package["name"] == name.as_str());
        let dependencies = package.and_then(|package| package["dependencies"].as_array());
        for dependency in dependencies.into_iter().flatten() {
            let (used, optional) = (text(&dependency["name"]), dependency["optional"] == true);
            if optional || dependency["kind"] == "dev" {
                continue;
            }
            let features = dependency["features"].as_array().into_iter().flatten();
            let trains = packages
                .iter()
                .any(|p| p["name"] == used.as_str() && !p["features"]["train"].is_null())
                && (dependency["uses_default_features"] != false || features.clone().any(|f| f == "train"));
            if used.starts_with("burn") || used == "glyphic-nn" {
                wrong.push(format!("glyphic reaches burn without its feature train: {name} -> {used}"));
            } else if trains {
                wrong.push(format!("{name} turns on the feature train of {used}"));
            } else if used.starts_with("glyphic") && seen.insert(used.clone()) {
                queue.push(used);
            }
        }
    }
    wrong
}

/// A table of the crates, those used first, and what is wrong with their size and circles.
fn rooms(crates: &Path) -> Result<(String, Vec<String>)> {
    let (mut table, mut wrong) = (String::new(), Vec::new());
    let top = TOP.iter().map(|name| (*name, "every other"));
    let below: Vec<(&str, String)> = ALLOWED
        .iter()
        .map(|(name, used)| {
            (*name, used.iter().map(|u| u.trim_start_matches("glyphic-")).collect::<Vec<_>>().join(" "))
        })
        .collect();
    let below = below.iter().map(|(name, used)| (*name, used.as_str()));
    for (name, used) in below.chain(top) {
        let src = crates.join(name).join("src");
        if !src.is_dir() {
            wrong.push(format!("{name} is listed, but there is no {}", src.display()));
            continue;
        }
        let lines: usize = files_without_tests(&src)?.iter().map(|file| file.code.lines().count()).sum();
        let circles = circles(&src)?;
        let largest = circles.first().map_or(0, Vec::len);
        let circle = if largest == 0 { String::new() } else { format!("circle of {largest}") };
        let used = if used.is_empty() { "-" } else { used };
        table.push_str(&format!("{name:18} {lines:5} lines  {circle:12}  uses {used}\n"));
        if lines > MOST_LINES {
            wrong.push(format!("{name} has {lines} lines; {MOST_LINES} are the most: divide it"));
        }
        for circle in circles.iter().filter(|c| c.len() > MOST_IN_CIRCLE) {
            let inside = |file: &PathBuf| file.strip_prefix(&src).unwrap_or(file).display().to_string();
            let files: Vec<String> = circle.iter().map(inside).collect();
            wrong.push(format!(
                "{name}: {} files use each other in a circle, {MOST_IN_CIRCLE} are the most: {}",
                files.len(),
                files.join(", ")
            ));
        }
    }
    Ok((table, wrong))
}

fn violations(metadata: &Value) -> Result<Vec<String>> {
    let list = |value: &Value, what: &str| -> Result<Vec<Value>> {
        value.as_array().cloned().with_context(|| format!("cargo metadata has no {what}"))
    };
    let members: BTreeSet<String> = list(&metadata["workspace_members"], "workspace_members")?
        .iter()
        .filter_map(|id| id.as_str().map(str::to_owned))
        .collect();
    let mut names = BTreeMap::new();
    let mut wrong = Vec::new();
    for package in list(&metadata["packages"], "packages")? {
        let (id, name) = (text(&package["id"]), text(&package["name"]));
        if members.contains(&id) {
            for dependency in list(&package["dependencies"], "dependencies")? {
                let (used, dev) = (text(&dependency["name"]), dependency["kind"] == "dev");
                if used.starts_with("glyphic") && !may_use(&name, &used, dev) {
                    wrong.push(format!("{name} uses {used}, which does not stand below it"));
                }
            }
        }
        names.insert(id, name);
    }
    let mut edges: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in list(&metadata["resolve"]["nodes"], "resolve.nodes")? {
        let used = list(&node["deps"], "deps")?.iter().map(|d| text(&d["pkg"])).collect();
        edges.insert(text(&node["id"]), used);
    }
    for id in &members {
        let name = names.get(id).map_or("", String::as_str);
        if WITHOUT_BURN.contains(&name)
            && let Some(path) = path_to_burn(id, &edges, &names)
        {
            wrong.push(format!("{name} reaches burn: {path}"));
        }
    }
    Ok(wrong)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn may_use(name: &str, used: &str, dev: bool) -> bool {
    if TOP.contains(&name) {
        return !TOP.contains(&used);
    }
    let allowed = ALLOWED.iter().find(|(n, _)| *n == name).map_or(&[][..], |(_, a)| a);
    allowed.contains(&used) || (dev && (used == TESTING || BY_TESTS.contains(&(name, used))))
}

/// The chain of crates to the first one of burn's, breadth first.
fn path_to_burn(
    start: &str,
    edges: &BTreeMap<String, Vec<String>>,
    names: &BTreeMap<String, String>,
) -> Option<String> {
    let name = |id: &str| names.get(id).cloned().unwrap_or_default();
    let mut seen = BTreeSet::from([start.to_owned()]);
    let mut queue = std::collections::VecDeque::from([(start.to_owned(), name(start))]);
    while let Some((id, path)) = queue.pop_front() {
        for used in edges.get(&id).into_iter().flatten() {
            let path = format!("{path} -> {}", name(used));
            if name(used).starts_with("burn") {
                return Some(path);
            }
            if seen.insert(used.clone()) {
                queue.push_back((used.clone(), path));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    fn metadata(deps: &[(&str, &str, Option<&str>)]) -> Value {
        let names: BTreeSet<&str> = deps.iter().flat_map(|(a, b, _)| [*a, *b]).collect();
        let of = |n: &str| deps.iter().filter(|(a, ..)| *a == n).collect::<Vec<_>>();
        json!({
            "workspace_members": names.iter().filter(|n| n.starts_with("glyphic")).collect::<Vec<_>>(),
            "packages": names.iter().map(|n| json!({
                "id": n, "name": n,
                "dependencies": of(n).iter().map(|(_, b, kind)| json!({"name": b, "kind": kind})).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
            "resolve": {"nodes": names.iter().map(|n| json!({
                "id": n, "deps": of(n).iter().map(|(_, b, _)| json!({"pkg": b})).collect::<Vec<_>>(),
            })).collect::<Vec<_>>()},
        })
    }

    #[test]
    fn crates_that_use_what_stands_below_them_pass() {
        let m = metadata(&[
            ("glyphic-imgproc", "glyphic-core", None),
            ("glyphic-nn", "burn", None),
            ("glyphic-eval", "glyphic-testing", Some("dev")),
            ("glyphic-cli", "glyphic-eval", None),
        ]);
        assert_eq!(violations(&m).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_crate_that_uses_one_above_or_beside_it_is_named() {
        for (name, used) in [
            ("glyphic-core", "glyphic-imgproc"),
            ("glyphic-detect", "glyphic-recognize"),
            ("glyphic", "glyphic-cli"),
            ("glyphic-eval", "glyphic-testing"),
        ] {
            let wrong = violations(&metadata(&[(name, used, None)])).unwrap();
            assert_eq!(wrong, [format!("{name} uses {used}, which does not stand below it")]);
        }
    }

    #[test]
    fn reading_reaches_burn_by_optional_dependencies_alone() {
        let package = |name: &str, dependencies: Value| json!({"name": name, "dependencies": dependencies, "features": {"train": []}});
        let nn = |optional: bool| json!([{"name": "glyphic-nn", "kind": null, "optional": optional, "features": []}]);
        let detect = |on: bool| json!([{"name": "glyphic-detect", "kind": null, "optional": false, "uses_default_features": on, "features": []}]);
        let wrong = |on, optional| {
            reading_with_burn(&[package("glyphic", detect(on)), package("glyphic-detect", nn(optional))])
        };
        assert_eq!(wrong(false, true), Vec::<String>::new());
        assert_eq!(wrong(true, true), ["glyphic turns on the feature train of glyphic-detect"]);
        assert_eq!(
            wrong(false, false),
            ["glyphic reaches burn without its feature train: glyphic-detect -> glyphic-nn"]
        );
    }

    #[test]
    fn a_crate_that_reaches_burn_and_must_not_is_named_with_the_way() {
        let m = metadata(&[("glyphic-data", "helper", None), ("helper", "burn-core", None)]);
        assert_eq!(
            violations(&m).unwrap(),
            ["glyphic-data reaches burn: glyphic-data -> helper -> burn-core"]
        );
    }

    #[test]
    fn every_crate_is_listed_and_a_large_one_or_a_large_circle_is_named() {
        let crates = tempfile::TempDir::new().unwrap();
        for name in ALLOWED.iter().map(|(name, _)| *name).chain(TOP.iter().copied()) {
            let src = crates.path().join(name).join("src");
            fs::create_dir_all(&src).unwrap();
            fs::write(src.join("lib.rs"), "//! Empty.\n").unwrap();
        }
        let (table, wrong) = rooms(crates.path()).unwrap();
        assert!(wrong.is_empty() && table.lines().count() == ALLOWED.len() + TOP.len(), "{table}{wrong:?}");
        let eval = crates.path().join("glyphic-eval/src");
        fs::write(eval.join("long.rs"), "//\n".repeat(8000)).unwrap();
        for (name, next) in [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")] {
            fs::write(eval.join(format!("{name}.rs")), format!("use crate::{next}::x;")).unwrap();
        }
        let (_, wrong) = rooms(crates.path()).unwrap();
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(wrong[0].contains("8005 lines") && wrong[1].contains("a.rs, b.rs, c.rs, d.rs"), "{wrong:?}");
    }
}
