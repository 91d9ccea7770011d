//! Names of a module's tensors in a state dict.

/// Where a traversal stands: names, and the struct that holds the last of them.
#[derive(Debug, Default)]
pub struct Path {
    names: Vec<String>,
    containers: Vec<String>,
}

impl Path {
    /// Enters a field of a struct, both as burn names them.
    pub fn enter(&mut self, name: &str, container: &str) {
        self.names.push(name.to_owned());
        self.containers.push(container.to_owned());
    }

    /// Leaves what was entered last.
    pub fn exit(&mut self) {
        self.names.pop();
        self.containers.pop();
    }

    fn container(&self) -> &str {
        self.containers.last().map_or("", String::as_str)
    }

    /// The name of the tensor in a state dict.
    pub fn name(&self) -> String {
        let mut parts: Vec<&str> = self
            .names
            .iter()
            .zip(&self.containers)
            // A variant's name is ours alone.
            .filter(|(_, container)| !container.starts_with("Enum:"))
            // `self_` is a field that would be a keyword.
            .map(|(name, _)| name.strip_suffix('_').unwrap_or(name))
            .collect();
        if ["Struct:BatchNorm", "Struct:LayerNorm", "Struct:GroupNorm", "Struct:InstanceNorm"]
            .contains(&self.container())
            && let Some(last) = parts.last_mut()
        {
            *last = match *last {
                "gamma" => "weight",
                "beta" => "bias",
                other => other,
            };
        }
        parts.join(".")
    }

    /// burn's `Linear` stores `[in, out]`, PyTorch `[out, in]`.
    pub fn is_transposed(&self) -> bool {
        self.container() == "Struct:Linear" && self.names.last().is_some_and(|n| n == "weight")
    }

    /// The shape of the tensor in a state dict, from that in the module.
    pub fn torch_shape(&self, mut shape: Vec<usize>) -> Vec<usize> {
        if self.is_transposed() {
            shape.reverse();
        }
        shape
    }
}

/// `[rows, columns]` row-major to `[columns, rows]`.
pub fn transpose(data: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|c| (0..rows).map(move |r| data[r * columns + c])).collect()
}
