//! Times convolutions of detectors and recognizers in floats and in bytes, one thread, in turns: `layer_speed [SECONDS]`.

use std::time::Instant;

use cpu_time::ProcessTime;
use glyphic_kernels::{
    Activation, Conv, ConvShape, Grid, Map, QuantizedConv, QuantizedInput, QuantizedOutput, Target,
};

/// Where a layer stands, inputs, outputs, kernel, stride, height and width of the input.
type Layer = (&'static str, usize, usize, [usize; 2], [usize; 2], [usize; 2]);

const LAYERS: &[Layer] = &[
    ("dbnet_lite", 3, 16, [3, 3], [2, 2], [640, 640]),
    ("dbnet_lite", 16, 24, [3, 3], [2, 2], [320, 320]),
    ("dbnet_lite", 24, 24, [3, 3], [1, 1], [160, 160]),
    ("dbnet_lite", 24, 48, [3, 3], [2, 2], [160, 160]),
    ("dbnet_lite", 48, 48, [3, 3], [1, 1], [80, 80]),
    ("dbnet_lite", 96, 96, [3, 3], [1, 1], [40, 40]),
    ("dbnet_lite", 128, 128, [3, 3], [1, 1], [20, 20]),
    ("dbnet_lite", 24, 48, [1, 1], [1, 1], [160, 160]),
    ("dbnet_lite", 48, 16, [3, 3], [1, 1], [160, 160]),
    ("crnn_lite", 24, 48, [3, 3], [2, 2], [16, 160]),
    ("crnn_lite", 48, 48, [3, 3], [1, 1], [8, 80]),
    ("crnn_lite", 48, 96, [3, 3], [2, 1], [8, 80]),
    ("crnn_lite", 96, 96, [3, 3], [1, 1], [4, 80]),
    ("crnn_lite", 96, 160, [3, 3], [2, 1], [4, 80]),
    ("crnn_lite", 160, 160, [3, 3], [1, 1], [2, 80]),
    ("crnn_lite", 192, 192, [1, 5], [1, 1], [1, 80]),
    ("dbnet_r18", 64, 64, [3, 3], [1, 1], [160, 160]),
    ("dbnet_r18", 128, 128, [3, 3], [1, 1], [80, 80]),
    ("dbnet_r18", 256, 256, [3, 3], [1, 1], [40, 40]),
    ("dbnet_r18", 512, 512, [3, 3], [1, 1], [20, 20]),
    ("dbnet_r18", 128, 256, [1, 1], [1, 1], [80, 80]),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let limit: f64 = std::env::args().nth(1).map_or(Ok(0.05), |s| s.parse())?;
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global()?;
    println!(
        "| Network | Convolution | Input | float ms | int8 ms | ratio |\n| --- | --- | --- | --- | --- | --- |"
    );
    for &(network, inputs, outputs, kernel, stride, [height, width]) in LAYERS {
        let pads = kernel.map(|k| k / 2);
        let shape = ConvShape {
            inputs,
            outputs,
            groups: 1,
            kernel,
            stride,
            dilation: [1, 1],
            before: pads,
            after: pads,
        };
        let number = |i: usize| ((i as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0;
        let count = outputs * inputs * kernel[0] * kernel[1];
        let weights: Vec<f32> = (0..count).map(number).collect();
        let bytes: Vec<i8> = weights.iter().map(|w| (w * 127.0) as i8).collect();
        let bias = vec![0.1; outputs];
        let float = Conv::new(shape, &weights, Some(&bias), [height, width]);
        let grid = Grid { scale: 1.0 / 128.0, zero: 128 };
        let int8 = QuantizedConv::new(shape, &bytes, &vec![1.0 / 127.0; outputs], Some(&bias), grid);
        let (map, plain) =
            (Map::new(1, height, width, inputs).framed(float.frame()), Map::new(1, height, width, inputs));
        let input: Vec<f32> = (0..map.len()).map(number).collect();
        let [out_height, out_width] = shape.output([height, width]);
        let out_map = Map::new(1, out_height, out_width, outputs);
        let mut out = vec![0.0; out_map.len()];
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..9 {
            for (i, times) in times.iter_mut().enumerate() {
                let (start, cpu, mut runs) = (Instant::now(), ProcessTime::now(), 0u32);
                while runs == 0 || start.elapsed().as_secs_f64() < limit {
                    let target = Target { values: &mut out, map: out_map, channel: 0 };
                    if i == 0 {
                        float.run(&input, map, None, Activation::Relu, target);
                    } else {
                        let input = QuantizedInput::Map(&input[..plain.len()]);
                        int8.run(input, plain, None, Activation::Relu, QuantizedOutput::Map(target));
                    }
                    runs += 1;
                }
                times.push(cpu.elapsed().as_secs_f64() * 1e3 / f64::from(runs));
            }
        }
        let mut ratios: Vec<f64> = times[0].iter().zip(&times[1]).map(|(a, b)| a / b).collect();
        let median = |values: &mut Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let ratio = median(&mut ratios);
        let [float, int8] = times.each_mut().map(median);
        println!(
            "| {network} | {}x{} stride {}x{}, {inputs} to {outputs} | {height}x{width} | {float:.3} | {int8:.3} | {ratio:.2} |",
            kernel[0], kernel[1], stride[0], stride[1],
        );
    }
    Ok(())
}
