use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{cargo, output};

/// What each crate may use of the workspace. A crate that is not listed may use none.
const ALLOWED: &[(&str, &[&str])] = &[
    ("glyphic-core", &[]),
    ("glyphic-imgproc", &["glyphic-core"]),
    ("glyphic-graph", &[]),
    ("glyphic-nn", &["glyphic-core", "glyphic-imgproc", "glyphic-graph"]),
    ("glyphic-data", &["glyphic-core", "glyphic-imgproc"]),
    ("glyphic-synth", &["glyphic-core", "glyphic-imgproc"]),
    ("glyphic-document", &["glyphic-core", "glyphic-imgproc"]),
    ("glyphic-eval", &["glyphic-core"]),
    ("glyphic-zoo", &["glyphic-core"]),
    ("glyphic-testing", &["glyphic-core"]),
    ("glyphic-detect", &["glyphic-core", "glyphic-imgproc", "glyphic-nn"]),
    ("glyphic-recognize", &["glyphic-core", "glyphic-imgproc", "glyphic-nn"]),
    (
        "glyphic",
        &[
            "glyphic-core",
            "glyphic-imgproc",
            "glyphic-nn",
            "glyphic-detect",
            "glyphic-recognize",
            "glyphic-zoo",
        ],
    ),
    (
        "glyphic-train",
        &[
            "glyphic",
            "glyphic-core",
            "glyphic-imgproc",
            "glyphic-nn",
            "glyphic-detect",
            "glyphic-recognize",
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
    "glyphic-graph",
    "glyphic-data",
    "glyphic-synth",
    "glyphic-eval",
    "glyphic-document",
];

/// Used by tests alone.
const TESTING: &str = "glyphic-testing";

/// What a crate's tests may use besides: decoders are tested on the targets that training draws, metrics on data sets.
const BY_TESTS: &[(&str, &str)] = &[("glyphic-detect", "glyphic-data"), ("glyphic-eval", "glyphic-data")];

/// Fails where a crate uses one that stands above or beside it, or reaches burn and must not.
pub(crate) fn deps() -> Result<()> {
    let json = output(cargo(&["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&json).context("cargo metadata gave no JSON")?;
    let wrong = violations(&metadata)?;
    if !wrong.is_empty() {
        bail!("dependency direction:\n  {}", wrong.join("\n  "));
    }
    eprintln!("+ dependency direction: right");
    Ok(())
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
    fn a_crate_that_reaches_burn_and_must_not_is_named_with_the_way() {
        let m = metadata(&[("glyphic-data", "helper", None), ("helper", "burn-core", None)]);
        assert_eq!(
            violations(&m).unwrap(),
            ["glyphic-data reaches burn: glyphic-data -> helper -> burn-core"]
        );
    }
}
