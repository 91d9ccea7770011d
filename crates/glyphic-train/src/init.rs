//! Initial weights of a run: of the whole network, or of its backbone alone.

use std::path::{Path, PathBuf};

use burn::module::Module;
use glyphic_nn::checkpoint::{self, LoadOptions, StateDict, load_into, state_names};
use serde::{Deserialize, Serialize};

use crate::observer::Observer;
use crate::{Error, Result};

/// Initial weights (safetensors, ONNX or `.pth`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a file of weights, or `backbone` with one")]
pub enum Init {
    /// Of the whole network, loaded strictly.
    Network(PathBuf),
    /// Of the backbone alone.
    Backbone(BackboneInit),
}

/// Initial weights of the backbone: a ResNet of torchvision, or a network with one under `backbone`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackboneInit {
    /// The file.
    pub backbone: PathBuf,
}

/// Where backbones stand in networks.
const PREFIX: &str = "backbone.";

impl Init {
    /// Sets the weights, and says what was set and what was not.
    pub(crate) fn load<M: Module>(&self, net: &mut M, observer: &mut dyn Observer) -> Result<()> {
        match self {
            Self::Network(path) => {
                load_into(net, &checkpoint::read(path)?, &LoadOptions::default())?;
            }
            Self::Backbone(BackboneInit { backbone: path }) => {
                let found = backbone(net, &checkpoint::read(path)?, path)?;
                observer.message(&found.to_string());
            }
        }
        Ok(())
    }
}

/// What was set of a backbone.
#[derive(Debug, Clone, PartialEq)]
struct Found {
    file: PathBuf,
    set: usize,
    /// Names of the backbone that the file lacks.
    kept: Vec<String>,
    /// Names of the file that are not the backbone's.
    unused: Vec<String>,
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "backbone: {} tensors set from {}", self.set, self.file.display())?;
        for (what, names) in [("not in the file", &self.kept), ("not of the backbone", &self.unused)] {
            if !names.is_empty() {
                write!(f, "; {what}: {}", names.join(", "))?;
            }
        }
        Ok(())
    }
}

/// Sets those weights of a network's backbone that a checkpoint has, under the backbone's own names or with the prefix.
fn backbone<M: Module>(net: &mut M, dict: &StateDict, file: &Path) -> Result<Found> {
    let refuse = |reason: String| Error::Init { path: file.to_owned(), reason };
    let mut part = StateDict::new();
    let mut found = Found { file: file.to_owned(), set: 0, kept: Vec::new(), unused: Vec::new() };
    let mut used = std::collections::HashSet::new();
    for (name, shape) in state_names(net) {
        let Some(own) = name.strip_prefix(PREFIX) else { continue };
        let sources = [name.as_str(), own];
        let Some((source, value)) = sources.iter().find_map(|s| Some((*s, dict.get(s)?))) else {
            found.kept.push(own.to_owned());
            continue;
        };
        if value.shape != shape {
            return Err(refuse(format!("{source} should be {shape:?} and is {:?}", value.shape)));
        }
        used.insert(source.to_owned());
        part.insert(name, &shape, &value.data);
    }
    found.set = used.len();
    if found.set == 0 {
        return Err(refuse(match found.kept.is_empty() {
            true => "the network has no backbone".to_owned(),
            false => format!("none of its tensors is the backbone's, such as {}", found.kept[0]),
        }));
    }
    found.unused = dict
        .names()
        .filter(|name| !used.contains(*name) && !name.ends_with("num_batches_tracked"))
        .map(str::to_owned)
        .collect();
    load_into(net, &part, &LoadOptions::default().ignore("*"))?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use glyphic_detect::{DetectorNetwork, PanNetConfig};
    use glyphic_nn::checkpoint::state_dict;
    use glyphic_nn::device::cpu;

    use super::*;

    #[test]
    fn a_backbone_is_set_from_torchvisions_names_and_from_a_networks() {
        let model = PanNetConfig::default();
        let trained = state_dict(&model.init(&cpu()));
        for prefix in ["", PREFIX] {
            let mut file = StateDict::new();
            for name in trained.names() {
                let value = trained.get(name).unwrap();
                // One tensor is missing, another is the classifier's.
                match name.strip_prefix(PREFIX) {
                    Some("bn1.weight") | None => {}
                    Some(own) => {
                        file.insert(format!("{prefix}{own}"), &value.shape, &vec![0.25; value.data.len()])
                    }
                }
            }
            file.insert("fc.bias", &[3], &[1.0; 3]);
            let mut net = model.init(&cpu());
            let found = backbone(&mut net, &file, Path::new("resnet18.pth")).unwrap();
            assert_eq!(
                (&found.kept[..], &found.unused[..]),
                (&["bn1.weight".to_owned()][..], &["fc.bias".to_owned()][..])
            );
            assert_eq!(found.set, file.len() - 1);
            let after = state_dict(&net);
            assert!(after.get("backbone.layer4.1.conv2.weight").unwrap().data.iter().all(|v| *v == 0.25));
            assert!(after.get("backbone.bn1.weight").unwrap().data.iter().all(|v| *v == 1.0));
            let said = found.to_string();
            assert!(said.contains("resnet18.pth") && said.contains("fc.bias"), "{said}");
        }
        let mut wrong = StateDict::new();
        wrong.insert("conv1.weight", &[1], &[0.0]);
        let error = backbone(&mut model.init(&cpu()), &wrong, Path::new("x.pth")).unwrap_err().to_string();
        assert!(error.contains("x.pth") && error.contains("[64, 3, 7, 7]"), "{error}");
        let error = backbone(&mut model.init(&cpu()), &StateDict::new(), Path::new("x.pth")).unwrap_err();
        assert!(error.to_string().contains("none of its tensors"), "{error}");
    }
}
