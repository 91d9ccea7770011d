//! Operations with kernels and gradients of our own: the processor back-end's convolutions are several times slower
//! than the machine allows, and its batch normalization in training is a dozen passes over memory.
//!
//! Each function here computes the same as burn's of that name, and is burn's on every other device (and where the
//! sizes or options are ones that the kernels do not cover). Results are the same to the last bit with any number of
//! threads.

mod conv;
mod kernels;
mod norm;
mod planes;
mod product;
mod roi;
mod shape;
mod sums;

use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, DispatchKindConversion, Flex, TensorMetadata};
use burn::tensor::{BackendPrimitive, DType, DispatchTensor, Float, Tensor, TensorData};

pub use conv::{conv_transpose2d, conv2d, convolve, convolve_transposed};
pub use norm::{After, BatchNormTrained, batch_norm_train};
pub use roi::RoiAlign;
pub use sums::{ColumnSums, sum_columns};

/// The back-end of training on the processor.
type Tracked = Autodiff<Flex, NoCheckpointing>;

/// The primitive of a tensor of 32-bit floats where it lies on that back-end.
fn primitive<B, const D: usize>(tensor: &Tensor<D>) -> Option<<Float as BackendPrimitive<B>>::Primitive>
where
    B: burn::backend::Backend,
    DispatchTensor: DispatchKindConversion<B>,
{
    if tensor.dtype() != DType::F32 {
        return None;
    }
    tensor.clone().try_into_primitive::<B>().ok()
}

/// A tensor's numbers in order.
fn in_order(tensor: FlexTensor) -> FlexTensor {
    match tensor.as_slice::<f32>() {
        Some(_) => tensor,
        None => tensor.to_contiguous(),
    }
}

/// The numbers of what [`in_order`] gave.
fn numbers(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().unwrap_or_else(|| panic!("{:?} is in order", tensor.shape()))
}

/// A tensor's numbers in order, without a copy where nothing else holds them.
fn into_numbers(tensor: FlexTensor) -> Vec<f32> {
    let data = tensor.into_data();
    data.try_into_vec().unwrap_or_else(|e| panic!("tensors of other types are left to burn: {e:?}"))
}

fn tensor<const D: usize>(values: Vec<f32>, dims: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, dims))
}
