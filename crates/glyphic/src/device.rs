//! Where networks run.

#[cfg(feature = "train")]
pub use glyphic_nn::device::{Device, backends, cpu, parse, set_threads};

#[cfg(feature = "train")]
pub(crate) fn is_cpu(device: &Device) -> bool {
    *device == cpu()
}

#[cfg(not(feature = "train"))]
pub use alone::*;

/// A build without the feature `train`, whose networks run on the processor.
#[cfg(not(feature = "train"))]
mod alone {
    /// The processor.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Device(());

    /// A name that is no device of this build.
    #[derive(Debug, thiserror::Error)]
    #[error("device {name:?}: this build, without the feature `train`, has `cpu` alone")]
    pub struct UnknownDevice {
        /// The name as given.
        pub name: String,
    }

    /// The device of a name.
    ///
    /// # Errors
    /// [`UnknownDevice`] for another name than `cpu`.
    pub fn parse(name: &str) -> Result<Device, UnknownDevice> {
        if name == "cpu" { Ok(cpu()) } else { Err(UnknownDevice { name: name.to_owned() }) }
    }

    /// The processor.
    pub fn cpu() -> Device {
        Device(())
    }

    /// The names of the back-ends in this build.
    pub fn backends() -> &'static [&'static str] {
        &["cpu"]
    }

    /// Sets how many threads networks use, for the whole process. 0 means one a core.
    ///
    /// # Errors
    /// Those of the thread pool, when it has started already.
    pub fn set_threads(threads: usize) -> Result<(), rayon::ThreadPoolBuildError> {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()
    }

    pub(crate) fn is_cpu(_: &Device) -> bool {
        true
    }
}
