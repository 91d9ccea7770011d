//! How pages stand: of each image its path, the degrees clockwise by which its text is turned, how sure that is, and the seconds
//! it took, separated by tabs.

use std::time::Instant;

use glyphic::{Device, Image, Reader, device};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device: Device = device::cpu();
    let reader = Reader::from_default(&device)?;
    for path in std::env::args().skip(1) {
        let image = Image::open(&path)?;
        let begin = Instant::now();
        let standing = reader.standing(&image)?;
        let seconds = begin.elapsed().as_secs_f64();
        println!("{path}\t{}\t{:.3}\t{seconds:.3}", standing.degrees, standing.confidence);
    }
    Ok(())
}
