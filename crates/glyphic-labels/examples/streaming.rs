//! Labels of any size in flat memory: `streaming lines FILE N` and `streaming lmdb DIR N` make N records, `streaming read PATH`
//! reads any format to its end, `streaming convert FROM TO FORMAT` writes it in another. To see the memory that a run takes,
//! put `/usr/bin/time -v` before it.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use glyphic_labels::Location;
use glyphic_labels::formats::{Format, Picture, ReadOptions, Reader, Record, Truth, WriteOptions, Writer};

/// Bytes of a made picture, about those of a word's crop.
const PICTURE: usize = 3000;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let started = Instant::now();
    let records = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["lines", path, count] => make(path, Format::Text, count.parse()?)?,
        ["lmdb", path, count] => make(path, Format::Lmdb, count.parse()?)?,
        ["read", path] => {
            let mut bytes = 0;
            let mut records = 0usize;
            for record in Reader::open(path, &ReadOptions::default())? {
                let record = record?;
                if matches!(record.picture, Picture::Stored { .. }) {
                    bytes += record.bytes()?.len();
                }
                records += 1;
            }
            println!("{bytes} bytes of pictures");
            records
        }
        ["convert", from, to, format] => {
            let mut writer = Writer::create(to, format.parse()?, &WriteOptions::default())?;
            for record in Reader::open(from, &ReadOptions::default())? {
                writer.put(&record?)?;
            }
            writer.finish()?.records
        }
        _ => return Err("say lines FILE N, lmdb DIR N, read PATH or convert FROM TO FORMAT".into()),
    };
    println!("{records} records in {:.2} s", started.elapsed().as_secs_f64());
    Ok(())
}

fn make(path: &str, format: Format, count: usize) -> Result<usize, Box<dyn Error>> {
    let mut writer = Writer::create(path, format, &WriteOptions::default())?;
    for i in 0..count {
        let picture = vec![i as u8; PICTURE + i % 97];
        writer.put(&Record {
            at: Location { file: Path::new("made").into(), line: i + 1 },
            file_name: format!("crops/{i:07}.png"),
            picture: Picture::Memory(picture.into()),
            size: None,
            truth: Truth::Text(format!("text number {i} with spaces")),
            fields: Vec::new(),
            links: Vec::new(),
        })?;
    }
    Ok(writer.finish()?.records)
}
