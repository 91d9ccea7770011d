use std::fmt::Write;

use glyphic::device;

use crate::{exit::Failure, output::print};

/// Reports version, platform, CPU features, threads, devices and models of this build
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(Args {}: Args) -> Result<(), Failure> {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{name:18}  {value}");
    };
    line("glyphic", env!("CARGO_PKG_VERSION"));
    line("platform", &format!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
    line("build", if cfg!(debug_assertions) { "debug (unoptimised; use --release)" } else { "release" });
    line("CPU features", &cpu_features().join(" "));
    match std::thread::available_parallelism() {
        Ok(n) => line("threads", &n.to_string()),
        Err(e) => line("threads", &format!("unknown: {e}")),
    }
    for backend in ["cpu", "vulkan", "wgpu", "cuda"] {
        let state = match device::parse(backend) {
            Ok(_) => "ready".to_owned(),
            Err(e) => e.to_string(),
        };
        line(&format!("device {backend}"), &state);
    }
    for model in glyphic_zoo::models() {
        let state = match model.weights() {
            Ok(weights) => format!("weights included, {:.1} MB", weights.len() as f64 / 1e6),
            Err(_) => "weights not included; give --weights FILE".to_owned(),
        };
        line(&format!("model {}", model.name), &state);
    }
    for extractor in glyphic_zoo::extractors() {
        let state = format!("weights included, {:.1} MB", extractor.bytes().len() as f64 / 1e6);
        line(&format!("extractor {}", extractor.name), &state);
    }
    print(&text)
}

/// The vector instructions that the networks can use on this machine.
fn cpu_features() -> Vec<&'static str> {
    #[allow(unused_mut, reason = "other processors have none to name")]
    let mut found = Vec::new();
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        macro_rules! detect {
            ($($name:tt),*) => { $(if std::is_x86_feature_detected!($name) { found.push($name); })* };
        }
        detect!("sse4.2", "avx", "avx2", "fma", "avx512f", "avx512vnni");
    }
    #[cfg(target_arch = "aarch64")]
    if std::arch::is_aarch64_feature_detected!("neon") {
        found.push("neon");
    }
    found
}
