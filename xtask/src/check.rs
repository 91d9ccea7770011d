use anyhow::Result;

use crate::{cargo, deps, generate, onnx, python, run};

/// Everything a change has to pass, the quick steps first and the tests last.
///
/// clippy and rustdoc share the dependencies' metadata; the tests, the documentation's examples and the
/// generated pages share one build of the binaries.
pub(crate) fn check() -> Result<()> {
    run(cargo(&["fmt", "--all", "--check"]))?;
    deps::deps()?;
    run(cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))?;
    // What the README builds first, and with the commands beside reading: both without burn.
    for features in ["", "tools"] {
        let without_burn = [
            "clippy",
            "--package",
            "glyphic-cli",
            "--no-default-features",
            "--features",
            features,
            "--quiet",
        ];
        run(cargo(&[&without_burn[..], &["--", "-D", "warnings"]].concat()))?;
    }
    let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--quiet"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    run(doc)?;
    let cases = onnx::cases();
    let with_cases = |mut tests: std::process::Command| {
        if let Some(cases) = &cases {
            tests.env("GLYPHIC_ONNX_TESTS", cases);
        }
        tests
    };
    if !has_nextest() {
        run(cargo(&["test", "--workspace", "--no-run", "--quiet"]))?;
        generate::generate(generate::Mode::Compare)?;
        python::test()?;
        return run(with_cases(cargo(&["test", "--workspace", "--quiet"])));
    }
    run(cargo(&["nextest", "run", "--workspace", "--no-run", "--cargo-quiet"]))?;
    generate::generate(generate::Mode::Compare)?;
    python::test()?;
    run(cargo(&["test", "--workspace", "--doc", "--quiet"]))?;
    run(with_cases(cargo(&["nextest", "run", "--workspace", "--no-fail-fast", "--status-level", "fail"])))
}

fn has_nextest() -> bool {
    cargo(&["nextest", "--version"]).output().is_ok_and(|o| o.status.success())
}
