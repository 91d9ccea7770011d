/// Sizes of a convolution `[batch, inputs, h, w] -> [batch, outputs, h', w']`; pairs are `[vertical, horizontal]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConvShape {
    pub(crate) batch: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) padding: [usize; 2],
    /// Of the input.
    pub(crate) size: [usize; 2],
    /// Of the output.
    pub(crate) out: [usize; 2],
}

impl ConvShape {
    /// `None` where the kernel is larger than the padded input, or where a size is 0.
    pub(crate) fn new(
        [batch, inputs, height, width]: [usize; 4],
        [outputs, _, kernel_height, kernel_width]: [usize; 4],
        stride: [usize; 2],
        padding: [usize; 2],
    ) -> Option<Self> {
        let (size, kernel) = ([height, width], [kernel_height, kernel_width]);
        if [batch, inputs, outputs].contains(&0) || [size, kernel, stride].as_flattened().contains(&0) {
            return None;
        }
        let out = |axis: usize| {
            let free = (size[axis] + 2 * padding[axis]).checked_sub(kernel[axis])?;
            Some(free / stride[axis] + 1)
        };
        let out = [out(0)?, out(1)?];
        Some(Self { batch, inputs, outputs, kernel, stride, padding, size, out })
    }

    /// The input of the transposed convolution that makes `[batch, outputs, h', w']` (no output padding).
    pub(crate) fn transposed(
        [batch, inputs, height, width]: [usize; 4],
        [_, outputs, kernel_height, kernel_width]: [usize; 4],
        stride: [usize; 2],
        padding: [usize; 2],
    ) -> Option<Self> {
        let (out, kernel) = ([height, width], [kernel_height, kernel_width]);
        if out.contains(&0) {
            return None;
        }
        let size =
            |axis: usize| ((out[axis] - 1) * stride[axis] + kernel[axis]).checked_sub(2 * padding[axis]);
        let input = [batch, outputs, size(0)?, size(1)?];
        Self::new(input, [inputs, outputs, kernel_height, kernel_width], stride, padding)
    }

    pub(crate) fn input_dims(&self) -> [usize; 4] {
        [self.batch, self.inputs, self.size[0], self.size[1]]
    }

    pub(crate) fn output_dims(&self) -> [usize; 4] {
        [self.batch, self.outputs, self.out[0], self.out[1]]
    }

    pub(crate) fn weight_dims(&self) -> [usize; 4] {
        [self.outputs, self.inputs, self.kernel[0], self.kernel[1]]
    }

    /// Weights of one output channel.
    pub(crate) fn depth(&self) -> usize {
        self.inputs * self.kernel[0] * self.kernel[1]
    }

    /// How many remainders of `position % stride` the kernel meets.
    pub(crate) fn phases(&self) -> [usize; 2] {
        [self.stride[0].min(self.kernel[0]), self.stride[1].min(self.kernel[1])]
    }

    /// The farthest step of the kernel within one phase.
    pub(crate) fn reach(&self) -> [usize; 2] {
        [(self.kernel[0] - 1) / self.stride[0], (self.kernel[1] - 1) / self.stride[1]]
    }
}
