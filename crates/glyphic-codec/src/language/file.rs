//! A model as a safetensors file: the tree's nodes breadth first, logarithms in sixteenths below 0.

use std::collections::HashMap;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::{Case, LanguageModel, Links, MAX_ORDER};
use crate::{Error, Result};

const FORMAT: &str = "glyphic language model 1";

impl LanguageModel {
    /// Reads what [`LanguageModel::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::LanguageModel`] for bytes that hold no such model, or one that contradicts itself.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        read(bytes).map_err(|reason| Error::LanguageModel { reason })
    }

    /// A safetensors file: `symbols` and `log_probabilities` of all nodes but the root, `children`, their number, of all,
    /// `backoffs` of those with children and `capitals`; the characters and the order in its metadata.
    pub fn to_bytes(&self) -> Vec<u8> {
        let nodes = self.links.children.windows(2);
        let children: Vec<u8> = nodes.map(|pair| (pair[1] - pair[0]) as u8).collect();
        let capitals: Vec<u8> = self.capitals.iter().flat_map(|p| p.to_le_bytes()).collect();
        let bytes = |data| TensorView::new(Dtype::U8, vec![<[u8]>::len(data)], data);
        let tensors = [
            ("symbols", bytes(&self.symbols)),
            ("log_probabilities", bytes(&self.log_probabilities)),
            ("backoffs", bytes(&self.backoffs)),
            ("children", bytes(&children)),
            ("capitals", TensorView::new(Dtype::F32, vec![Case::COUNT], &capitals)),
        ];
        let tensors = tensors.map(|(name, view)| (name, view.expect("the shape is that of the data")));
        let metadata = HashMap::from([
            ("format".to_owned(), FORMAT.to_owned()),
            ("order".to_owned(), self.order.to_string()),
            ("characters".to_owned(), self.characters.iter().collect()),
        ]);
        safetensors::serialize(tensors, Some(metadata)).expect("tensors in memory can be written")
    }
}

fn read(bytes: &[u8]) -> Result<LanguageModel, String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
    let metadata = header.metadata().as_ref().filter(|m| m.get("format").is_some_and(|f| f == FORMAT));
    let metadata = metadata.ok_or_else(|| format!("the format is not {FORMAT:?}"))?;
    let entry = |name: &str| metadata.get(name).ok_or_else(|| format!("{name} is missing"));
    let order: usize = entry("order")?.parse().map_err(|_| "the order is no number".to_owned())?;
    if !(1..=MAX_ORDER).contains(&order) {
        return Err(format!("the order is {order}, expected 1 to {MAX_ORDER}"));
    }
    let characters: Vec<char> = entry("characters")?.chars().collect();
    if characters.len() > 254 || !characters.is_sorted_by(|a, b| a < b) {
        return Err("the characters are not in order, or more than 254".to_owned());
    }
    let tensor = |name: &str, dtype: Dtype| {
        let tensor = tensors.tensor(name).map_err(|e| e.to_string())?;
        match tensor.dtype() == dtype {
            true => Ok(tensor.data().to_vec()),
            false => Err(format!("{name} is of type {:?}, expected {dtype:?}", tensor.dtype())),
        }
    };
    let bytes = |name| tensor(name, Dtype::U8);
    let (symbols, log_probabilities, backoffs) =
        (bytes("symbols")?, bytes("log_probabilities")?, bytes("backoffs")?);
    let children = bytes("children")?;
    let capitals: Vec<f32> = tensor("capitals", Dtype::F32)?
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    let capitals: [f32; Case::COUNT] =
        capitals.try_into().map_err(|_| format!("capitals are not {}", Case::COUNT))?;
    if !capitals.iter().all(|p| *p > 0.0 && *p < 1.0) {
        return Err("capitals are no probabilities between 0 and 1".to_owned());
    }
    if let Some(symbol) = symbols.iter().find(|s| usize::from(**s) > characters.len()) {
        return Err(format!("symbol {symbol} stands for none of {} characters", characters.len()));
    }
    if symbols.len() != log_probabilities.len() {
        return Err(format!("{} symbols have {} probabilities", symbols.len(), log_probabilities.len()));
    }
    let links = Links::new(&children, &symbols, order)?;
    let inner = 1 + children.iter().skip(1).filter(|count| **count > 0).count();
    if backoffs.len() != inner {
        return Err(format!("{inner} nodes with children have {} backoffs", backoffs.len()));
    }
    Ok(LanguageModel { order, characters, symbols, log_probabilities, backoffs, capitals, links })
}
