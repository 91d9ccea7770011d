use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::lmdb::{BIG, BRANCH, LEAF, MAGIC, META, NO_PAGE, NODE_HEADER, OVERFLOW, PAGE_HEADER, VERSION};
use crate::{Error, Result};

const PAGE: usize = 4096;
/// LMDB's own bound.
const LONGEST_KEY: usize = 511;
/// A node of a leaf is no larger; a larger value goes to pages of its own. Two must fit on a page.
const LARGEST_NODE: usize = (((PAGE - PAGE_HEADER) / 2) & !1) - 2;

/// A page as it fills up: nodes from the end, their offsets from the start.
struct Filling {
    bytes: Vec<u8>,
    lower: usize,
    upper: usize,
}

impl Filling {
    fn new(flags: u16) -> Self {
        let mut bytes = vec![0; PAGE];
        bytes[10..12].copy_from_slice(&flags.to_le_bytes());
        Self { bytes, lower: PAGE_HEADER, upper: PAGE }
    }

    fn is_empty(&self) -> bool {
        self.lower == PAGE_HEADER
    }

    fn fits(&self, node: usize) -> bool {
        self.lower + 2 + node.next_multiple_of(2) <= self.upper
    }

    /// A node: two numbers and flags as the kind of page has them, its key, its data.
    fn add(&mut self, head: [u16; 3], key: &[u8], data: &[u8]) {
        let size = (NODE_HEADER + key.len() + data.len()).next_multiple_of(2);
        self.upper -= size;
        let mut node = head.iter().flat_map(|h| h.to_le_bytes()).collect::<Vec<u8>>();
        node.extend((key.len() as u16).to_le_bytes());
        node.extend(key);
        node.extend(data);
        self.bytes[self.upper..self.upper + node.len()].copy_from_slice(&node);
        self.bytes[self.lower..self.lower + 2].copy_from_slice(&(self.upper as u16).to_le_bytes());
        self.lower += 2;
    }

    fn finish(mut self, number: u64) -> Vec<u8> {
        self.bytes[..8].copy_from_slice(&number.to_le_bytes());
        self.bytes[12..14].copy_from_slice(&(self.lower as u16).to_le_bytes());
        self.bytes[14..16].copy_from_slice(&(self.upper as u16).to_le_bytes());
        self.bytes
    }
}

/// Writes a database in one go: keys come in ascending order, pages are written one behind the other, and what is kept in
/// memory is one page and the first key of each leaf.
pub struct LmdbWriter {
    out: BufWriter<File>,
    path: PathBuf,
    leaf: Filling,
    /// The first key of the leaf that fills up.
    first: Vec<u8>,
    last: Vec<u8>,
    /// First key and page of each finished leaf.
    leaves: Vec<(Vec<u8>, u64)>,
    next_page: u64,
    overflow_pages: u64,
    entries: u64,
}

impl LmdbWriter {
    /// Begins a database in this file, which is replaced.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let write = |source| Error::Write { path: path.clone(), source };
        let mut out = BufWriter::with_capacity(1 << 18, File::create(&path).map_err(write)?);
        // The two heads come last, when all is known.
        out.write_all(&[0; 2 * PAGE]).map_err(write)?;
        Ok(Self {
            out,
            path,
            leaf: Filling::new(LEAF),
            first: Vec::new(),
            last: Vec::new(),
            leaves: Vec::new(),
            next_page: 2,
            overflow_pages: 0,
            entries: 0,
        })
    }

    /// Adds a key, which must be greater than the one before, byte by byte.
    ///
    /// # Errors
    /// [`Error::Setup`] for a key that is out of order, empty or longer than 511 bytes and for a value of 4 GiB,
    /// [`Error::Write`].
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let fail = |reason: String| Err(Error::Setup { what: "LMDB", reason });
        let shown = String::from_utf8_lossy(key);
        if key.is_empty() || key.len() > LONGEST_KEY {
            return fail(format!(
                "the key {shown:?} has {} bytes, 1 to {LONGEST_KEY} are allowed",
                key.len()
            ));
        }
        if self.entries > 0 && key <= self.last.as_slice() {
            return fail(format!("the key {shown:?} comes after {:?}", String::from_utf8_lossy(&self.last)));
        }
        let Ok(size) = u32::try_from(value.len()) else {
            return fail(format!("the value of {shown:?} is larger than 4 GiB"));
        };
        let big = NODE_HEADER + key.len() + value.len() > LARGEST_NODE;
        let held = if big { 8 } else { value.len() };
        if !self.leaf.fits(NODE_HEADER + key.len() + held) {
            self.end_leaf()?;
        }
        if self.leaf.is_empty() {
            self.first = key.to_vec();
        }
        let (low, high) = (size as u16, (size >> 16) as u16);
        if big {
            let number = self.overflow(value)?;
            self.leaf.add([low, high, BIG], key, &number.to_le_bytes());
        } else {
            self.leaf.add([low, high, 0], key, value);
        }
        self.last = key.to_vec();
        self.entries += 1;
        Ok(())
    }

    fn overflow(&mut self, value: &[u8]) -> Result<u64> {
        let (number, count) = (self.next_page, (PAGE_HEADER + value.len()).div_ceil(PAGE));
        let mut head = [0; PAGE_HEADER];
        head[..8].copy_from_slice(&number.to_le_bytes());
        head[10..12].copy_from_slice(&OVERFLOW.to_le_bytes());
        head[12..16].copy_from_slice(&(count as u32).to_le_bytes());
        self.write(&head)?;
        self.write(value)?;
        self.write(&vec![0; count * PAGE - PAGE_HEADER - value.len()])?;
        self.next_page += count as u64;
        self.overflow_pages += count as u64;
        Ok(number)
    }

    fn end_leaf(&mut self) -> Result<()> {
        let leaf = std::mem::replace(&mut self.leaf, Filling::new(LEAF));
        let number = self.page(leaf)?;
        self.leaves.push((std::mem::take(&mut self.first), number));
        Ok(())
    }

    fn page(&mut self, page: Filling) -> Result<u64> {
        let number = self.next_page;
        self.next_page += 1;
        self.write(&page.finish(number))?;
        Ok(number)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|source| Error::Write { path: self.path.clone(), source })
    }

    /// Writes the branches and the heads.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(mut self) -> Result<()> {
        if !self.leaf.is_empty() {
            self.end_leaf()?;
        }
        let mut level = std::mem::take(&mut self.leaves);
        let leaf_pages = level.len() as u64;
        let (mut depth, mut branch_pages) = (u16::from(leaf_pages > 0), 0);
        while level.len() > 1 {
            let mut above = Vec::new();
            let mut rest = level.as_slice();
            while !rest.is_empty() {
                let mut page = Filling::new(BRANCH);
                let mut taken = 0;
                while taken < rest.len() {
                    // The first key of a branch is never looked at.
                    let key: &[u8] = if taken == 0 { b"" } else { &rest[taken].0 };
                    // A branch has two children at least: the last one must not be left alone.
                    let last_two = taken >= 2 && rest.len() - taken == 2;
                    let room = NODE_HEADER + key.len();
                    let both = last_two
                        && !page.fits(room.next_multiple_of(2) + 2 + NODE_HEADER + rest[taken + 1].0.len());
                    if !page.fits(room) || both {
                        break;
                    }
                    let child = rest[taken].1;
                    page.add([child as u16, (child >> 16) as u16, (child >> 32) as u16], key, b"");
                    taken += 1;
                }
                let number = self.page(page)?;
                above.push((rest[0].0.clone(), number));
                branch_pages += 1;
                rest = &rest[taken..];
            }
            depth += 1;
            level = above;
        }
        let root = level.first().map_or(NO_PAGE, |(_, number)| *number);
        let tables = [
            table(PAGE as u32, 0x08, 0, [0; 4], NO_PAGE),
            table(0, 0, depth, [branch_pages, leaf_pages, self.overflow_pages, self.entries], root),
        ];
        let empty = [tables[0].clone(), table(0, 0, 0, [0; 4], NO_PAGE)];
        let last_page = self.next_page - 1;
        let map_size = (self.next_page * PAGE as u64).next_multiple_of(1 << 20);
        let heads = [head(0, map_size, &empty, 1, 0), head(1, map_size, &tables, last_page, 1)];
        let write = |source| Error::Write { path: self.path.clone(), source };
        self.out.seek(SeekFrom::Start(0)).map_err(write)?;
        for head in heads {
            self.out.write_all(&head).map_err(write)?;
        }
        let file = self.out.into_inner().map_err(|e| write(e.into_error()))?;
        file.sync_all().map_err(write)
    }
}

/// A table's description: page size (in the list of free pages alone), flags, depth, its counts of branch, leaf and overflow
/// pages and of entries, its root.
fn table(pad: u32, flags: u16, depth: u16, counts: [u64; 4], root: u64) -> Vec<u8> {
    let mut out = pad.to_le_bytes().to_vec();
    out.extend(flags.to_le_bytes());
    out.extend(depth.to_le_bytes());
    counts.iter().for_each(|c| out.extend(c.to_le_bytes()));
    out.extend(root.to_le_bytes());
    out
}

fn head(number: u64, map_size: u64, tables: &[Vec<u8>; 2], last_page: u64, transaction: u64) -> Vec<u8> {
    let mut out = number.to_le_bytes().to_vec();
    out.extend([0, 0]);
    out.extend(META.to_le_bytes());
    out.extend([0; 4]);
    out.extend(MAGIC.to_le_bytes());
    out.extend(VERSION.to_le_bytes());
    out.extend(0u64.to_le_bytes());
    out.extend(map_size.to_le_bytes());
    tables.iter().for_each(|t| out.extend(t));
    out.extend(last_page.to_le_bytes());
    out.extend(transaction.to_le_bytes());
    out.resize(PAGE, 0);
    out
}
