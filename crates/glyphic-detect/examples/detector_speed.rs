//! How long the default detector takes: `cargo run --release -p glyphic-detect --example detector_speed [threads] [width height]`.

use std::time::{Duration, Instant};

use glyphic_core::Image;
use glyphic_detect::{DbNetConfig, DbNetDetector};
use glyphic_nn::checkpoint::state_dict;
use glyphic_nn::device::{cpu, set_threads};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<u32> = std::env::args().skip(1).map(|a| a.parse()).collect::<Result<_, _>>()?;
    if let Some(threads) = arguments.first() {
        set_threads(*threads as usize)?;
    }
    let sizes = match arguments[..] {
        [_, width, height] => vec![(width, height)],
        _ => vec![(640, 640), (1280, 736)],
    };
    let config = DbNetConfig::lite();
    let start = Instant::now();
    let detector = DbNetDetector::new(config.clone(), &state_dict(&config.init(&cpu())), &cpu())?;
    println!("built in {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    for (width, height) in sizes {
        let rgb = (0..width * height * 3).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let image = Image::from_rgb(width, height, rgb)?;
        let (mut map_time, mut decode_time) = (Duration::MAX, Duration::MAX);
        for _ in 0..15 {
            let start = Instant::now();
            let map = detector.probability_map(&image)?;
            map_time = map_time.min(start.elapsed());
            let start = Instant::now();
            std::hint::black_box(config.decode.decode(&map));
            decode_time = decode_time.min(start.elapsed());
        }
        let [map, decode] = [map_time, decode_time].map(|t| t.as_secs_f64() * 1e3);
        println!("{width}x{height}: map {map:.1} ms, regions {decode:.1} ms");
    }
    Ok(())
}
