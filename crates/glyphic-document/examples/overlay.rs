//! Draws predictions on their pictures: `overlay <predictions.jsonl> <folder of pictures> <folder to write to>`.

use std::{env, error::Error, path::Path, time::Instant};

use glyphic_core::Image;
use glyphic_document::{Overlay, overlay, read_pages};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [predictions, pictures, out] = &arguments[..] else {
        return Err("usage: overlay <predictions.jsonl> <folder of pictures> <folder to write to>".into());
    };
    std::fs::create_dir_all(out)?;
    for (name, page) in read_pages(predictions)? {
        let image = Image::open(Path::new(pictures).join(&name))?;
        let start = Instant::now();
        let drawn = overlay(&image, &page, Overlay::default());
        eprintln!("{name}: {} instances in {:.1?}", page.instances.len(), start.elapsed());
        drawn.save(Path::new(out).join(&name).with_extension("png"))?;
    }
    Ok(())
}
