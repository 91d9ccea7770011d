//! Street View Text: one XML file of upright rectangles, and the XML that CTW1500 shares.
//! <http://vision.ucsd.edu/~kai/svt/>

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader as XmlReader, escape::escape};

use crate::findings::{Findings, Location, Warning};
use crate::formats::lines::Root;
use crate::formats::out::OutFile;
use crate::formats::outline::{Instances, from_xywh};
use crate::formats::records::Records;
use crate::formats::sink::{Losses, Sink as FormatSink};
use crate::formats::values::{bounds_of, marked_text, size_of};
use crate::formats::{Format, Picture, Record, Truth, icdar};
use crate::{Error, Result};

/// Counts the lines that have been read.
struct Counting<R> {
    inner: R,
    lines: Arc<AtomicUsize>,
}

impl<R: BufRead> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let lines = buffer[..read].iter().filter(|b| **b == b'\n').count();
        self.lines.fetch_add(lines, Ordering::Relaxed);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counting<R> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        if let Ok(buffer) = self.inner.fill_buf() {
            let lines = buffer.iter().take(amount).filter(|b| **b == b'\n').count();
            self.lines.fetch_add(lines, Ordering::Relaxed);
        }
        self.inner.consume(amount);
    }
}

/// An XML file, event by event, with the line of each.
pub(super) struct Xml {
    reader: XmlReader<Counting<BufReader<File>>>,
    lines: Arc<AtomicUsize>,
    file: Arc<Path>,
    buffer: Vec<u8>,
    ended: bool,
    depth: usize,
}

impl Xml {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let lines = Arc::new(AtomicUsize::new(0));
        let reader = XmlReader::from_reader(Counting { inner: BufReader::new(file), lines: lines.clone() });
        Ok(Self { reader, lines, file: path.into(), buffer: Vec::new(), ended: false, depth: 0 })
    }

    pub(super) fn at(&self) -> Location {
        Location { file: self.file.clone(), line: self.lines.load(Ordering::Relaxed) + 1 }
    }

    pub(super) fn fail(&self, reason: String) -> Error {
        Error::Label { at: self.at(), reason, expected: "well-formed XML in UTF-8" }
    }

    /// The next event; `None` at the end. After an error the file has ended.
    pub(super) fn next(&mut self) -> Result<Option<Event<'static>>> {
        if self.ended {
            return Ok(None);
        }
        self.buffer.clear();
        match self.reader.read_event_into(&mut self.buffer) {
            Ok(Event::Eof) if self.depth > 0 => {
                self.ended = true;
                Err(self.fail("the file ends within an element".to_owned()))
            }
            Ok(Event::Eof) => {
                self.ended = true;
                Ok(None)
            }
            Ok(event) => {
                match &event {
                    Event::Start(_) => self.depth += 1,
                    Event::End(_) => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                }
                Ok(Some(event.into_owned()))
            }
            Err(e) => {
                self.ended = true;
                Err(self.fail(e.to_string()))
            }
        }
    }

    pub(super) fn attribute(&self, element: &BytesStart<'_>, name: &str) -> Result<Option<String>> {
        for attribute in element.attributes() {
            let attribute = attribute.map_err(|e| self.fail(e.to_string()))?;
            if attribute.key.as_ref() == name {
                return self.unescaped(&attribute.value).map(Some);
            }
        }
        Ok(None)
    }

    /// The text up to the end of the element that has just begun.
    pub(super) fn text_of(&mut self, element: &str) -> Result<String> {
        let mut text = String::new();
        while let Some(event) = self.next()? {
            match event {
                Event::Text(t) => text.push_str(&self.unescaped(&t)?),
                Event::CData(t) => text.push_str(&t),
                // An entity stands for itself between the pieces of text.
                Event::GeneralRef(name) => {
                    text.push_str(&self.unescaped(&format!("&{};", &*name))?);
                }
                Event::End(e) if e.name().as_ref() == element => return Ok(text),
                _ => {}
            }
        }
        Err(self.fail(format!("the element {element} does not end")))
    }

    fn unescaped(&self, text: &str) -> Result<String> {
        let text = quick_xml::escape::unescape(text).map_err(|e| self.fail(e.to_string()))?;
        Ok(text.into_owned())
    }
}

/// Reads `tagset` files.
pub(super) struct Reader {
    xml: Xml,
    root: Root,
}

impl Reader {
    pub(super) fn open(path: &Path, images: Option<&Path>) -> Result<Self> {
        Ok(Self { xml: Xml::open(path)?, root: Root::new(path, images) })
    }

    fn image(&mut self, warnings: &mut Findings<Warning>) -> Result<Option<Record>> {
        loop {
            match self.xml.next()? {
                None => return Ok(None),
                Some(Event::Start(e)) if e.name().as_ref() == "image" => break,
                Some(_) => {}
            }
        }
        let at = self.xml.at();
        let mut instances = Instances::new(&at, warnings);
        let (mut name, mut lexicon, mut size) = (String::new(), None, None);
        let mut rectangle = [0.0; 4];
        let mut text = None;
        while let Some(event) = self.xml.next()? {
            match &event {
                Event::Start(e) | Event::Empty(e) => {
                    let empty = matches!(event, Event::Empty(_));
                    match e.name().as_ref() {
                        "imageName" if !empty => name = self.xml.text_of("imageName")?.trim().to_owned(),
                        "lex" if !empty => lexicon = Some(self.xml.text_of("lex")?.trim().to_owned()),
                        "Resolution" => size = Some([self.number(e, "x")?, self.number(e, "y")?]),
                        "tag" if !empty => text = Some(self.xml.text_of("tag")?),
                        "taggedRectangle" => {
                            rectangle = [
                                self.number(e, "x")?,
                                self.number(e, "y")?,
                                self.number(e, "width")?,
                                self.number(e, "height")?,
                            ];
                            text = None;
                            if empty {
                                instances.add(&from_xywh(rectangle), None, false, None);
                            }
                        }
                        _ => {}
                    }
                }
                Event::End(e) if e.name().as_ref() == "taggedRectangle" => {
                    let text = text.take();
                    let ignore = text.as_deref() == Some("###");
                    instances.add(&from_xywh(rectangle), text, ignore, None);
                }
                Event::End(e) if e.name().as_ref() == "image" => {
                    if name.is_empty() {
                        return Err(Error::Label {
                            at: at.clone(),
                            reason: "the image has no imageName".to_owned(),
                            expected: "an image with imageName and taggedRectangles",
                        });
                    }
                    return Ok(Some(Record {
                        picture: Picture::File(self.root.join(&name)),
                        file_name: name,
                        size: size.map(|s: [f64; 2]| (s[0] as u32, s[1] as u32)),
                        truth: Truth::Instances(instances.done()),
                        fields: lexicon
                            .into_iter()
                            .filter(|l: &String| !l.is_empty())
                            .map(|l| ("lex".to_owned(), l))
                            .collect(),
                        links: Vec::new(),
                        at,
                    }));
                }
                _ => {}
            }
        }
        Err(self.xml.fail("the image does not end".to_owned()))
    }

    fn number(&self, element: &BytesStart<'_>, name: &str) -> Result<f64> {
        let value = self.xml.attribute(element, name)?;
        let value = value.ok_or_else(|| self.xml.fail(format!("there is no attribute {name}")))?;
        icdar::number(&value).map_err(|reason| self.xml.fail(format!("{name}: {reason}")))
    }
}

impl Records for Reader {
    fn next(&mut self, warnings: &mut Findings<Warning>) -> Option<Result<Record>> {
        self.image(warnings).transpose()
    }
}

/// Writes a `tagset` file.
pub(super) struct Sink {
    out: OutFile,
}

impl Sink {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let mut out = OutFile::create(path)?;
        out.put("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<tagset>\n")?;
        Ok(Self { out })
    }
}

impl FormatSink for Sink {
    fn put(&mut self, record: &Record, losses: &mut Losses) -> Result<()> {
        let Truth::Instances(instances) = &record.truth else { return Ok(()) };
        let (width, height) = size_of(record, Format::Svt)?;
        let lexicon = record.fields.iter().find(|f| f.0 == "lex").map_or("", |f| f.1.as_str());
        let mut text = format!(
            "  <image>\n    <imageName>{}</imageName>\n    <lex>{}</lex>\n    <Resolution x=\"{width}\" y=\"{height}\"/>\n    <taggedRectangles>\n",
            escape(&record.file_name),
            escape(lexicon)
        );
        for instance in instances {
            let [x0, y0, x1, y1] = bounds_of(&instance.region.polygon, losses);
            let tag = match marked_text(instance, Format::Svt) {
                Some(t) => format!("<tag>{}</tag>", escape(t)),
                None => String::new(),
            };
            text.push_str(&format!(
                "      <taggedRectangle height=\"{}\" width=\"{}\" x=\"{x0}\" y=\"{y0}\">{tag}</taggedRectangle>\n",
                y1 - y0,
                x1 - x0
            ));
        }
        text.push_str("    </taggedRectangles>\n  </image>\n");
        self.out.put(text)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.out.put("</tagset>\n")?;
        self.out.commit()
    }
}
