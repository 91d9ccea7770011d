//! Devices by name. A name either gives exactly that device or an error; nothing falls back silently.

pub use burn::tensor::Device;

use crate::{Error, Result};

/// The device of a name: `cpu`, `vulkan:0`, `wgpu:0`, `cuda:0` (the number may be left out and is 0 then).
///
/// # Errors
/// [`Error::UnknownDevice`] for other names, [`Error::BackendMissing`] when this build lacks the back-end,
/// [`Error::DeviceMissing`] when the machine lacks the device.
pub fn parse(name: &str) -> Result<Device> {
    let unknown = || Error::UnknownDevice { name: name.to_owned() };
    let (kind, index) = match name.split_once(':') {
        Some((kind, index)) => (kind, Some(index.parse::<usize>().map_err(|_| unknown())?)),
        None => (name, None),
    };
    match (kind, index) {
        ("cpu", None) => Ok(cpu()),
        ("vulkan", index) => vulkan(name, index.unwrap_or(0)),
        ("wgpu", index) => wgpu(name, index.unwrap_or(0)),
        ("cuda", index) => cuda(name, index.unwrap_or(0)),
        _ => Err(unknown()),
    }
}

/// The processor.
pub fn cpu() -> Device {
    Device::flex()
}

/// The names of the back-ends in this build, for help texts and error messages.
pub fn backends() -> &'static [&'static str] {
    &[
        "cpu",
        #[cfg(feature = "vulkan")]
        "vulkan",
        #[cfg(feature = "wgpu")]
        "wgpu",
        #[cfg(feature = "cuda")]
        "cuda",
    ]
}

/// Sets how many processor threads networks use, for the whole process. 0 means one a core.
///
/// # Errors
/// [`Error::Threads`] when the pool has started already: call this before the first image.
pub fn set_threads(threads: usize) -> Result<()> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(|e| Error::Threads { threads, reason: e.to_string() })
}

#[cfg(not(feature = "vulkan"))]
fn vulkan(name: &str, _: usize) -> Result<Device> {
    Err(Error::BackendMissing { name: name.to_owned(), feature: "vulkan" })
}

#[cfg(not(feature = "wgpu"))]
fn wgpu(name: &str, _: usize) -> Result<Device> {
    Err(Error::BackendMissing { name: name.to_owned(), feature: "wgpu" })
}

#[cfg(not(feature = "cuda"))]
fn cuda(name: &str, _: usize) -> Result<Device> {
    Err(Error::BackendMissing { name: name.to_owned(), feature: "cuda" })
}

#[cfg(feature = "vulkan")]
fn vulkan(name: &str, index: usize) -> Result<Device> {
    nth(name, index, burn::tensor::DeviceType::Vulkan)
}

#[cfg(feature = "wgpu")]
fn wgpu(name: &str, index: usize) -> Result<Device> {
    nth(name, index, burn::tensor::DeviceType::Wgpu)
}

#[cfg(feature = "cuda")]
fn cuda(name: &str, index: usize) -> Result<Device> {
    nth(name, index, burn::tensor::DeviceType::Cuda)
}

/// The device of an index among those that the back-end lists.
#[cfg(any(feature = "vulkan", feature = "wgpu", feature = "cuda"))]
fn nth(name: &str, index: usize, kind: burn::tensor::DeviceType) -> Result<Device> {
    let devices: Vec<Device> = Device::enumerate(kind).into_iter().collect();
    let count = devices.len();
    let reason = format!("the back-end lists {count} devices here, counted from 0");
    devices.into_iter().nth(index).ok_or_else(|| Error::DeviceMissing { name: name.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_always_there() {
        assert_eq!(parse("cpu").unwrap(), cpu());
        assert!(backends().contains(&"cpu"));
    }

    #[test]
    fn names_without_meaning_are_refused() {
        for name in ["", "gpu", "cpu:0", "cuda:x", "cuda:-1", "vulkan:", ":0", "CPU", "cuda:0:1"] {
            assert!(matches!(parse(name), Err(Error::UnknownDevice { .. })), "{name}");
        }
    }

    #[test]
    fn a_missing_backend_names_its_feature_and_never_falls_back() {
        for (name, feature) in
            [("vulkan:0", "vulkan"), ("wgpu:0", "wgpu"), ("cuda:0", "cuda"), ("cuda", "cuda")]
        {
            if backends().contains(&feature) {
                continue;
            }
            match parse(name) {
                Err(e @ Error::BackendMissing { .. }) => {
                    assert!(e.to_string().contains(&format!("`{feature}`")))
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}
