//! How fast the layers are here: milliseconds of processor time (all threads together) and, for convolutions, GFLOP/s (a multiply-add counts as two).
//! `cargo run --release -p glyphic-nn --example module_speed -- [threads] [filter]`

use std::time::Instant;

use burn::module::Module;
use burn::tensor::{Device, Distribution, Tensor};
use glyphic_nn::backbones::{Depth, LiteConfig, ResNetConfig};
use glyphic_nn::device;
use glyphic_nn::layers::{BatchNorm2dConfig, BidirectionalLstmConfig, conv2d, max_pool, upsample_nearest};
use glyphic_nn::ops::{After, convolve};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let threads = arguments.next().and_then(|a| a.parse().ok()).unwrap_or(1);
    let filter = arguments.next().unwrap_or_default();
    device::set_threads(threads).expect("nothing ran before");
    println!("{threads} threads, mean of several runs; backward is the gradient of input and weights");
    println!("{:<44} {:>10} {:>9} {:>10} {:>9}", "", "forward", "GFLOP/s", "+backward", "GFLOP/s");
    let cpu = device::cpu();

    // batch, from, to, kernel, stride, padding, height, width
    let convs = [
        ("conv 3x3 48->96, 16 x 8x80", 16, 48, 96, [3, 3], [1, 1], [1, 1], 8, 80),
        ("conv 3x3 s2,1 48->96, 16 x 8x80", 16, 48, 96, [3, 3], [2, 1], [1, 1], 8, 80),
        ("conv 3x3 160->160, 16 x 2x80", 16, 160, 160, [3, 3], [1, 1], [1, 1], 2, 80),
        ("conv 1x5 192->192, 16 x 1x80", 16, 192, 192, [1, 5], [1, 1], [0, 2], 1, 80),
        ("conv 3x3 s2 3->16, 1 x 640x640", 1, 3, 16, [3, 3], [2, 2], [1, 1], 640, 640),
        ("conv 3x3 s2 16->24, 1 x 320x320", 1, 16, 24, [3, 3], [2, 2], [1, 1], 320, 320),
        ("conv 3x3 24->24, 1 x 160x160", 1, 24, 24, [3, 3], [1, 1], [1, 1], 160, 160),
        ("conv 3x3 80->80, 1 x 40x40", 1, 80, 80, [3, 3], [1, 1], [1, 1], 40, 40),
        ("conv 1x1 48->48, 1 x 160x160", 1, 48, 48, [1, 1], [1, 1], [0, 0], 160, 160),
        ("conv 3x3 48->12, 1 x 160x160", 1, 48, 12, [3, 3], [1, 1], [1, 1], 160, 160),
        ("conv 3x3 64->64, 1 x 184x320", 1, 64, 64, [3, 3], [1, 1], [1, 1], 184, 320),
    ];
    for (name, n, from, to, kernel, stride, padding, h, w) in convs {
        if !name.contains(&filter) {
            continue;
        }
        let flop = |out: [usize; 4]| 2.0 * (n * to * out[2] * out[3] * from * kernel[0] * kernel[1]) as f64;
        let conv = conv2d([from, to], kernel, stride, padding, true, &cpu);
        let x = random([n, from, h, w], &cpu);
        let work = flop(convolve(&conv, x.clone()).dims());
        let forward = mean(|| drop(convolve(&conv, x.clone())));
        let auto = cpu.clone().autodiff();
        let conv = conv2d([from, to], kernel, stride, padding, true, &auto);
        let x = random([n, from, h, w], &auto).require_grad();
        let both = mean(|| drop(convolve(&conv, x.clone()).sum().backward()));
        line(name, forward, both, Some(work));
    }

    let shape = [16, 96, 8, 80];
    layer(
        "batch norm, 16 x 96 x 8x80",
        &filter,
        shape,
        |d| BatchNorm2dConfig::new(96).init(d),
        |m, x| m.forward(x),
    );
    layer(
        "batch norm and relu, 16 x 96 x 8x80",
        &filter,
        shape,
        |d| BatchNorm2dConfig::new(96).init(d),
        |m, x| m.forward_then(x, After::Relu),
    );
    layer("relu", &filter, shape, |_| Nothing::default(), |_, x| burn::tensor::activation::relu(x));
    layer(
        "max pool 3x3 s2",
        &filter,
        shape,
        |_| Nothing::default(),
        |_, x| max_pool(x, [3, 3], [2, 2], [1, 1]),
    );
    layer("nearest x2", &filter, shape, |_| Nothing::default(), |_, x| upsample_nearest(x, [16, 160]));
    let lstm = BidirectionalLstmConfig { input: 512, hidden: 256, output: 256 };
    if "lstm".contains(&filter) {
        for (name, t, n) in
            [("BiLSTM 512->256->256, T 26, N 64", 26, 64), ("BiLSTM 512->256->256, T 80, N 1", 80, 1)]
        {
            let plain = lstm.init(&cpu);
            let x = Tensor::<3>::random([t, n, 512], Distribution::Uniform(-1.0, 1.0), &cpu);
            let forward = mean(|| drop(plain.forward(x.clone())));
            let auto = cpu.clone().autodiff();
            let train = lstm.init(&auto);
            let x = Tensor::<3>::random([t, n, 512], Distribution::Uniform(-1.0, 1.0), &auto).require_grad();
            let both = mean(|| drop(train.forward(x.clone()).sum().backward()));
            line(name, forward, both, None);
        }
    }
    if "backbone".contains(&filter) {
        let lite = LiteConfig::default();
        layer(
            "Lite backbone, 1 x 640x640",
            "",
            [1, 3, 640, 640],
            |d| lite.init(d),
            |m, x| m.forward(x).pop().unwrap(),
        );
        let r18 = ResNetConfig::new(Depth::D18);
        layer(
            "ResNet-18, 1 x 640x640",
            "",
            [1, 3, 640, 640],
            |d| r18.init(d),
            |m, x| m.forward(x).pop().unwrap(),
        );
    }
}

/// Stands in for the module of a function.
#[derive(Module, Debug, Default)]
struct Nothing {
    none: Vec<burn::nn::Linear>,
}

fn random(shape: [usize; 4], device: &Device) -> Tensor<4> {
    Tensor::random(shape, Distribution::Uniform(-1.0, 1.0), device)
}

fn layer<M: Module>(
    name: &str,
    filter: &str,
    shape: [usize; 4],
    init: impl Fn(&Device) -> M,
    forward: impl Fn(&M, Tensor<4>) -> Tensor<4>,
) {
    if !name.contains(filter) {
        return;
    }
    let cpu = device::cpu();
    let module = init(&cpu);
    let x = random(shape, &cpu);
    let once = mean(|| drop(forward(&module, x.clone())));
    let auto = cpu.autodiff();
    let module = init(&auto);
    let x = random(shape, &auto).require_grad();
    let both = mean(|| drop(forward(&module, x.clone()).sum().backward()));
    line(name, once, both, None);
}

/// The mean of as many runs as fit half a second, at least three, after one to warm up.
fn mean(mut run: impl FnMut()) -> f64 {
    run();
    let (start, clock) = (Instant::now(), Clock::start());
    let mut runs = 0;
    while runs < 3 || (start.elapsed().as_secs_f64() < 0.5 && runs < 200) {
        run();
        runs += 1;
    }
    clock.seconds() / f64::from(runs)
}

/// Processor time of all threads where the system tells it (Linux): on a busy machine it says more than a watch.
struct Clock(Option<f64>, Instant);

impl Clock {
    fn start() -> Self {
        Self(processor_seconds(), Instant::now())
    }

    fn seconds(&self) -> f64 {
        match (processor_seconds(), self.0) {
            (Some(now), Some(start)) => now - start,
            _ => self.1.elapsed().as_secs_f64(),
        }
    }
}

fn processor_seconds() -> Option<f64> {
    let mut nanoseconds = 0.0;
    for thread in std::fs::read_dir("/proc/self/task").ok()? {
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += text.split(' ').next()?.parse::<f64>().ok()?;
    }
    Some(nanoseconds / 1e9)
}

fn line(name: &str, forward: f64, both: f64, flop: Option<f64>) {
    let rate = |flop: Option<f64>, t: f64| flop.map_or(String::new(), |f| format!("{:.1}", f / t / 1e9));
    println!(
        "{name:<44} {:>7.2} ms {:>9} {:>7.2} ms {:>9}",
        forward * 1e3,
        rate(flop, forward),
        both * 1e3,
        rate(flop.map(|f| 3.0 * f), both)
    );
}
