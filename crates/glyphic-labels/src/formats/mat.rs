//! MATLAB files of version 5 to 7.2, cell by cell.
//!
//! An own reader: the crates at hand either read numbers alone (`matfile`) or hold the whole file (`matrw`), and
//! SynthText's is larger than many a memory.
//! <https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf>

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::ZlibDecoder;

use crate::{Error, Result};

const HEADER: u64 = 128;
/// Cells in cells in cells: no deeper.
const DEEPEST: usize = 16;
/// No value of one cell is larger, in bytes.
const LARGEST: u64 = 1 << 30;

const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;

/// A value of a variable or cell. Arrays are stored column by column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Numbers {
        dims: Vec<usize>,
        data: Vec<f64>,
    },
    Text {
        dims: Vec<usize>,
        units: Vec<u16>,
    },
    Cells {
        dims: Vec<usize>,
        cells: Vec<Value>,
    },
    /// Something that no label needs.
    Other,
}

impl Value {
    /// The rows of a text, without the spaces that fill them up; the first text of cells.
    pub(crate) fn rows(&self) -> Vec<String> {
        match self {
            Self::Text { dims, units } => {
                let rows = dims.first().copied().unwrap_or(0);
                (0..rows)
                    .map(|r| {
                        let row: Vec<u16> = units.iter().skip(r).step_by(rows).copied().collect();
                        String::from_utf16_lossy(&row).trim_end_matches([' ', '\0']).to_owned()
                    })
                    .collect()
            }
            Self::Cells { cells, .. } => cells.iter().flat_map(Self::rows).collect(),
            _ => Vec::new(),
        }
    }
}

struct Variable {
    name: String,
    /// Of its tag.
    offset: u64,
}

/// A file with the places of its variables.
pub(crate) struct MatFile {
    path: PathBuf,
    variables: Vec<Variable>,
}

impl MatFile {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let binary = |offset: u64, reason: &str| Error::Binary {
            path: path.to_owned(),
            offset,
            reason: reason.to_owned(),
        };
        let mut header = [0; HEADER as usize];
        file.read_exact(&mut header)
            .map_err(|_| binary(0, "it is shorter than the head of a MATLAB file"))?;
        if header.starts_with(b"MATLAB 7.3") || header.starts_with(b"\x89HDF") {
            return Err(binary(0, "it is a MATLAB 7.3 file (HDF5); save it with `-v7`"));
        }
        match &header[126..128] {
            b"IM" => {}
            b"MI" => return Err(binary(126, "it was written on a big-endian machine; save it anew")),
            _ => return Err(binary(126, "it is no MATLAB file of version 5 to 7.2")),
        }
        let length = file.metadata().map_err(|source| Error::Read { path: path.to_owned(), source })?.len();
        let mut variables = Vec::new();
        let mut offset = HEADER;
        while offset < length {
            let mut cursor = Cursor::at(path, offset)?;
            let (name, size) = cursor.variable()?;
            variables.push(Variable { name, offset });
            offset += 8 + size;
        }
        if offset > length {
            return Err(binary(length, "the file ends within its last variable: it is truncated"));
        }
        Ok(Self { path: path.to_owned(), variables })
    }

    fn place(&self, name: &str) -> Option<u64> {
        self.variables.iter().find(|v| v.name == name).map(|v| v.offset)
    }

    /// A whole variable.
    pub(crate) fn value(&self, name: &str) -> Result<Option<Value>> {
        let Some(offset) = self.place(name) else { return Ok(None) };
        let mut cursor = Cursor::at(&self.path, offset)?;
        let size = cursor.enter()?;
        cursor.matrix(size, 0).map(Some)
    }

    /// The cells of a variable, one after the other.
    pub(crate) fn cells(&self, name: &str) -> Result<Option<Cells>> {
        let Some(offset) = self.place(name) else { return Ok(None) };
        let mut cursor = Cursor::at(&self.path, offset)?;
        cursor.enter()?;
        let head = cursor.head()?;
        if head.class != 1 {
            return Err(cursor.fail(format!("{name} is no cell array")));
        }
        let len = head.count().ok_or_else(|| cursor.fail("its dimensions overflow"))?;
        Ok(Some(Cells { cursor, left: len, len }))
    }
}

/// The cells of a variable.
pub(crate) struct Cells {
    cursor: Cursor,
    left: usize,
    pub(crate) len: usize,
}

impl Cells {
    /// The next cell; `None` at the end. Nothing comes after an error.
    pub(crate) fn next(&mut self) -> Option<Result<Value>> {
        self.left = self.left.checked_sub(1)?;
        let value = self.cursor.element_matrix(0);
        if value.is_err() {
            self.left = 0;
        }
        Some(value)
    }
}

/// Flags, dimensions and name of a matrix.
struct Head {
    class: u8,
    complex: bool,
    dims: Vec<usize>,
    name: String,
    /// Bytes that they took.
    taken: u64,
}

impl Head {
    fn count(&self) -> Option<usize> {
        self.dims.iter().try_fold(1usize, |n, d| n.checked_mul(*d))
    }
}

/// Reads on from a variable's tag.
struct Cursor {
    reader: Box<dyn Read + Send>,
    path: PathBuf,
    offset: u64,
}

impl Cursor {
    fn at(path: &Path, offset: u64) -> Result<Self> {
        let open = || -> std::io::Result<File> {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(offset))?;
            Ok(file)
        };
        let file = open().map_err(|source| Error::Read { path: path.to_owned(), source })?;
        Ok(Self { reader: Box::new(BufReader::new(file)), path: path.to_owned(), offset })
    }

    fn fail(&self, reason: impl Into<String>) -> Error {
        Error::Binary { path: self.path.clone(), offset: self.offset, reason: reason.into() }
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(|e| self.fail(format!("the data break off: {e}")))?;
        self.offset += N as u64;
        Ok(bytes)
    }

    fn take(&mut self, size: u64) -> Result<Vec<u8>> {
        if size > LARGEST {
            return Err(self.fail(format!("an element of {size} bytes is larger than any label")));
        }
        // Grows with what is there, not with what is claimed.
        let mut bytes = Vec::new();
        let read = (&mut self.reader).take(size).read_to_end(&mut bytes);
        let read = read.map_err(|e| self.fail(format!("the data break off: {e}")))?;
        if read as u64 != size {
            return Err(self.fail("the data break off"));
        }
        self.offset += size;
        Ok(bytes)
    }

    fn skip(&mut self, size: u64) -> Result<()> {
        let skipped = std::io::copy(&mut (&mut self.reader).take(size), &mut std::io::sink());
        if skipped.map_err(|e| self.fail(format!("the data break off: {e}")))? != size {
            return Err(self.fail("the data break off"));
        }
        self.offset += size;
        Ok(())
    }

    /// The type of the next element, its size, and its bytes where they stand in the tag itself.
    fn tag(&mut self) -> Result<(u32, u64, Option<Vec<u8>>)> {
        let [a, b, c, d, rest @ ..] = self.bytes::<8>()?;
        let kind = u32::from_le_bytes([a, b, c, d]);
        if kind >> 16 == 0 {
            return Ok((kind, u64::from(u32::from_le_bytes(rest)), None));
        }
        let size = (kind >> 16) as usize;
        if size > 4 {
            return Err(self.fail(format!("a small element claims {size} bytes, 4 are the most")));
        }
        Ok((kind & 0xFFFF, size as u64, Some(rest[..size].to_vec())))
    }

    /// The next element that is no matrix: its type, its bytes, and how many it took with its tag and padding.
    fn element(&mut self) -> Result<(u32, Vec<u8>, u64)> {
        let (kind, size, small) = self.tag()?;
        if let Some(bytes) = small {
            return Ok((kind, bytes, 8));
        }
        let bytes = self.take(size)?;
        let padding = size.next_multiple_of(8) - size;
        self.skip(padding)?;
        Ok((kind, bytes, 8 + size + padding))
    }

    /// Enters a variable, decompressing it where need be; its size.
    fn enter(&mut self) -> Result<u64> {
        let (kind, size, _) = self.tag()?;
        if kind == MATRIX {
            return Ok(size);
        }
        if kind != COMPRESSED {
            return Err(self.fail(format!("element type {kind} stands where a variable should")));
        }
        let compressed = std::mem::replace(&mut self.reader, Box::new(std::io::empty())).take(size);
        self.reader = Box::new(BufReader::new(ZlibDecoder::new(compressed)));
        self.offset = 0;
        match self.tag()? {
            (MATRIX, size, None) => Ok(size),
            (kind, ..) => Err(self.fail(format!("element type {kind} stands where a variable should"))),
        }
    }

    /// Name and size in the file of the variable.
    fn variable(&mut self) -> Result<(String, u64)> {
        let start = self.offset;
        let mut peek = Self::at(&self.path, start)?;
        let (kind, size, small) = peek.tag()?;
        if small.is_some() || (kind != MATRIX && kind != COMPRESSED) {
            // Subsystem data and the like are passed over.
            return match small {
                Some(_) => Ok((String::new(), 0)),
                None => Ok((String::new(), size.next_multiple_of(8))),
            };
        }
        self.enter()?;
        Ok((self.head()?.name, size))
    }

    fn head(&mut self) -> Result<Head> {
        let (_, flags, a) = self.element()?;
        let (_, dims, b) = self.element()?;
        let (_, name, c) = self.element()?;
        let [class, flag, ..] = flags[..] else { return Err(self.fail("the array flags are too short")) };
        let dims: Vec<usize> = dims
            .chunks_exact(4)
            .map(|d| usize::try_from(i32::from_le_bytes([d[0], d[1], d[2], d[3]])))
            .collect::<Result<_, _>>()
            .map_err(|_| self.fail("a dimension is negative"))?;
        let name = String::from_utf8_lossy(&name).into_owned();
        Ok(Head { class, complex: flag & 0x08 != 0, dims, name, taken: a + b + c })
    }

    fn element_matrix(&mut self, depth: usize) -> Result<Value> {
        match self.tag()? {
            (MATRIX, size, None) => self.matrix(size, depth),
            (kind, ..) => Err(self.fail(format!("element type {kind} stands where a cell should"))),
        }
    }

    /// The matrix of `size` bytes that begins here.
    fn matrix(&mut self, size: u64, depth: usize) -> Result<Value> {
        if depth > DEEPEST {
            return Err(self.fail("cells are nested too deep"));
        }
        if size == 0 {
            return Ok(Value::Numbers { dims: vec![0, 0], data: Vec::new() });
        }
        let start = self.offset;
        let head = self.head()?;
        let count = head.count().ok_or_else(|| self.fail("its dimensions overflow"))?;
        let value = match head.class {
            1 => {
                // A cell takes eight bytes at least.
                if count as u64 > size / 8 {
                    return Err(self.fail(format!("{count} cells do not fit into {size} bytes")));
                }
                let mut cells = Vec::with_capacity(count);
                for _ in 0..count {
                    cells.push(self.element_matrix(depth + 1)?);
                }
                Value::Cells { dims: head.dims, cells }
            }
            4 => {
                let (kind, bytes, _) = self.element()?;
                let units =
                    text_units(kind, &bytes).ok_or_else(|| self.fail(format!("text of type {kind}")))?;
                if units.len() != count {
                    return Err(self.fail(format!("{} characters, the dimensions say {count}", units.len())));
                }
                Value::Text { dims: head.dims, units }
            }
            6..=15 if !head.complex => {
                let (kind, bytes, _) = self.element()?;
                let data =
                    numbers(kind, &bytes).ok_or_else(|| self.fail(format!("numbers of type {kind}")))?;
                if data.len() != count {
                    return Err(self.fail(format!("{} numbers, the dimensions say {count}", data.len())));
                }
                Value::Numbers { dims: head.dims, data }
            }
            _ => {
                let rest =
                    size.checked_sub(head.taken).ok_or_else(|| self.fail("its parts exceed its size"))?;
                self.skip(rest)?;
                return Ok(Value::Other);
            }
        };
        let taken = self.offset - start;
        let rest = size.checked_sub(taken).ok_or_else(|| self.fail("its parts exceed its size"))?;
        self.skip(rest)?;
        Ok(value)
    }
}

/// Whether a file begins as those of MATLAB do.
pub(crate) fn is_file(path: &Path) -> Result<bool> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut head = Vec::new();
        File::open(path)?.take(8).read_to_end(&mut head)?;
        Ok(head)
    };
    let head = read().map_err(|source| Error::Read { path: path.to_owned(), source })?;
    Ok(head.starts_with(b"MATLAB "))
}

/// Numbers of one of MATLAB's types.
fn numbers(kind: u32, bytes: &[u8]) -> Option<Vec<f64>> {
    macro_rules! each {
        ($t:ty) => {
            bytes
                .chunks_exact(size_of::<$t>())
                .map(|c| <$t>::from_le_bytes(c.try_into().unwrap_or_default()) as f64)
                .collect()
        };
    }
    Some(match kind {
        1 => each!(i8),
        2 => each!(u8),
        3 => each!(i16),
        4 => each!(u16),
        5 => each!(i32),
        6 => each!(u32),
        7 => each!(f32),
        9 => each!(f64),
        12 => each!(i64),
        13 => each!(u64),
        _ => return None,
    })
}

/// UTF-16 units of a text.
fn text_units(kind: u32, bytes: &[u8]) -> Option<Vec<u16>> {
    match kind {
        1 | 2 => Some(bytes.iter().map(|b| u16::from(*b)).collect()),
        4 | 17 => Some(bytes.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect()),
        16 => Some(String::from_utf8_lossy(bytes).encode_utf16().collect()),
        _ => None,
    }
}

/// The head of a file.
pub(crate) fn file_header() -> [u8; HEADER as usize] {
    let mut header = [b' '; HEADER as usize];
    let text = b"MATLAB 5.0 MAT-file, written by glyphic";
    header[..text.len()].copy_from_slice(text);
    header[116..124].fill(0);
    header[124..].copy_from_slice(b"\x00\x01IM");
    header
}

fn element(kind: u32, data: &[u8]) -> Vec<u8> {
    let mut out = kind.to_le_bytes().to_vec();
    out.extend((data.len() as u32).to_le_bytes());
    out.extend(data);
    out.resize(out.len().next_multiple_of(8), 0);
    out
}

/// Flags, dimensions and name of a matrix.
pub(crate) fn matrix_head(class: u8, dims: &[usize], name: &str) -> Vec<u8> {
    let mut out = element(6, &[class, 0, 0, 0, 0, 0, 0, 0]);
    let dims: Vec<u8> = dims.iter().flat_map(|d| (*d as i32).to_le_bytes()).collect();
    out.extend(element(5, &dims));
    out.extend(element(1, name.as_bytes()));
    out
}

/// The tag of a matrix of this size.
pub(crate) fn matrix_tag(size: u32) -> [u8; 8] {
    let mut tag = [0; 8];
    tag[..4].copy_from_slice(&MATRIX.to_le_bytes());
    tag[4..].copy_from_slice(&size.to_le_bytes());
    tag
}

/// A variable of cells, column by column, each of them a matrix.
pub(crate) fn cells(name: &str, dims: &[usize], cells: &[Vec<u8>]) -> Vec<u8> {
    let body = [matrix_head(1, dims, name), cells.concat()].concat();
    [&matrix_tag(body.len() as u32)[..], &body].concat()
}

fn matrix(class: u8, dims: &[usize], kind: u32, data: &[u8]) -> Vec<u8> {
    let mut body = matrix_head(class, dims, "");
    body.extend(element(kind, data));
    let mut out = matrix_tag(body.len() as u32).to_vec();
    out.extend(body);
    out
}

/// A matrix of doubles, column by column.
pub(crate) fn doubles(dims: &[usize], data: &[f64]) -> Vec<u8> {
    let bytes: Vec<u8> = data.iter().flat_map(|v| v.to_le_bytes()).collect();
    matrix(6, dims, 9, &bytes)
}

/// A matrix of characters with a text a row, filled up with spaces.
pub(crate) fn texts(rows: &[&str]) -> Vec<u8> {
    let units: Vec<Vec<u16>> = rows.iter().map(|r| r.encode_utf16().collect()).collect();
    let width = units.iter().map(Vec::len).max().unwrap_or(0);
    let column = |c: usize| units.iter().map(move |u| u.get(c).copied().unwrap_or(u16::from(b' ')));
    let data: Vec<u8> = (0..width).flat_map(column).flat_map(u16::to_le_bytes).collect();
    matrix(4, &[rows.len(), width], 4, &data)
}
