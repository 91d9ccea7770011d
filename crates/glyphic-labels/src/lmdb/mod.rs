//! LMDB databases, read and written without the C library.
//!
//! An own reader because the library maps the file into memory: a truncated file ends the process by a bus error, and the
//! pages touched count as its memory. This one reads page by page, checks every offset, and stays small. The writer makes
//! what any LMDB library opens. <http://www.lmdb.tech/doc/>

mod write;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::{Error, Result};

pub use write::LmdbWriter;

/// The file in the folder of a database.
pub(crate) const DATA_FILE: &str = "data.mdb";

const MAGIC: u32 = 0xBEEF_C0DE;
const VERSION: u32 = 1;
const PAGE_HEADER: usize = 16;
const NODE_HEADER: usize = 8;
const NO_PAGE: u64 = u64::MAX;
/// No tree is deeper: each level multiplies the entries at least by two.
const DEEPEST: usize = 64;

const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
const OVERFLOW: u16 = 0x04;
const META: u16 = 0x08;
/// The value stands on overflow pages.
const BIG: u16 = 0x01;
/// A key with several values.
const MULTIPLE: u16 = 0x02 | 0x04;

/// A database opened for reading. Reading needs no lock; who writes at the same time must be done first.
#[derive(Debug)]
pub struct Lmdb {
    path: PathBuf,
    file: Mutex<File>,
    page_size: usize,
    /// Whole pages in the file.
    pages: u64,
    /// What the database says that it has.
    last_page: u64,
    root: u64,
    entries: u64,
}

struct Page(Vec<u8>);

impl Page {
    fn u16(&self, at: usize) -> Option<u16> {
        Some(u16::from_le_bytes(self.0.get(at..at + 2)?.try_into().ok()?))
    }

    fn u32(&self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.0.get(at..at + 4)?.try_into().ok()?))
    }

    fn u64(&self, at: usize) -> Option<u64> {
        Some(u64::from_le_bytes(self.0.get(at..at + 8)?.try_into().ok()?))
    }

    fn flags(&self) -> u16 {
        self.u16(10).unwrap_or(0)
    }

    /// Number of nodes.
    fn len(&self) -> usize {
        usize::from(self.u16(12).unwrap_or(0)).saturating_sub(PAGE_HEADER) / 2
    }

    fn node(&self, index: usize) -> Option<Node<'_>> {
        let at = usize::from(self.u16(PAGE_HEADER + 2 * index)?);
        let (low, high, flags) = (self.u16(at)?, self.u16(at + 2)?, self.u16(at + 4)?);
        let key_len = usize::from(self.u16(at + 6)?);
        let key = self.0.get(at + NODE_HEADER..at + NODE_HEADER + key_len)?;
        let rest = &self.0[at + NODE_HEADER + key_len..];
        Some(Node { low, high, flags, key, rest })
    }
}

struct Node<'a> {
    low: u16,
    high: u16,
    flags: u16,
    key: &'a [u8],
    rest: &'a [u8],
}

impl Node<'_> {
    /// In a branch.
    fn child(&self) -> u64 {
        u64::from(self.low) | u64::from(self.high) << 16 | u64::from(self.flags) << 32
    }

    /// In a leaf.
    fn size(&self) -> usize {
        usize::from(self.low) | usize::from(self.high) << 16
    }
}

impl Lmdb {
    /// Opens a database: its folder, or the file itself.
    ///
    /// # Errors
    /// [`Error::Read`] where there is none, [`Error::Binary`] where it is none or of another kind.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let path = if path.is_dir() { path.join(DATA_FILE) } else { path.to_owned() };
        let read = |source| Error::Read { path: path.clone(), source };
        let file = File::open(&path).map_err(read)?;
        let length = file.metadata().map_err(read)?.len();
        let mut db = Self {
            path: path.clone(),
            file: Mutex::new(file),
            page_size: 4096,
            pages: 1,
            last_page: 0,
            root: NO_PAGE,
            entries: 0,
        };
        let head = db.bytes_at(0, (length as usize).min(4096))?;
        let first = Page(head);
        let (Some(magic), Some(version)) = (first.u32(PAGE_HEADER), first.u32(PAGE_HEADER + 4)) else {
            return Err(db.fail(0, "it is shorter than the head of an LMDB file"));
        };
        if magic == MAGIC.swap_bytes() {
            return Err(db.fail(16, "it was written on a machine of the other byte order; write it anew"));
        }
        if magic != MAGIC || first.flags() & META == 0 {
            return Err(db.fail(16, "it is no LMDB file"));
        }
        if version != VERSION {
            return Err(db.fail(20, format!("it is of LMDB's data version {version}, {VERSION} is read")));
        }
        let page_size = first.u32(PAGE_HEADER + 24).unwrap_or(0) as usize;
        if !page_size.is_power_of_two() || !(512..=65536).contains(&page_size) {
            return Err(db.fail(40, format!("a page size of {page_size} bytes is none")));
        }
        db.page_size = page_size;
        db.pages = length / page_size as u64;
        // The two heads take turns; the one written last is the database's.
        let heads = [0, 1].map(|n| db.page(n));
        let [zero, one] = heads;
        let mut heads: Vec<Page> =
            [zero?, one?].into_iter().filter(|p| p.u32(PAGE_HEADER) == Some(MAGIC)).collect();
        heads.sort_by_key(|p| p.u64(PAGE_HEADER + 128));
        let newest = heads.pop().ok_or_else(|| db.fail(0, "neither of its heads is sound"))?;
        // Address 8, map size 8, the list of free pages 48, then the database itself.
        let main = PAGE_HEADER + 24 + 48;
        let flags = newest.u16(main + 4).unwrap_or(0);
        if flags != 0 {
            return Err(db.fail(
                0,
                format!(
                    "its keys have several values or are numbers (flags {flags:#x}), labels have none such"
                ),
            ));
        }
        db.entries = newest.u64(main + 32).unwrap_or(0);
        db.root = newest.u64(main + 40).unwrap_or(NO_PAGE);
        db.last_page = newest.u64(PAGE_HEADER + 120).unwrap_or(0);
        Ok(db)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of keys.
    pub fn len(&self) -> u64 {
        self.entries
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// The value of a key.
    ///
    /// # Errors
    /// [`Error::Binary`] with the offset where the database breaks off or contradicts itself, [`Error::Read`].
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut number = self.root;
        if number == NO_PAGE {
            return Ok(None);
        }
        for _ in 0..DEEPEST {
            let page = self.page(number)?;
            let broken =
                || self.fail(self.offset(number), format!("page {number} has a node outside of itself"));
            let flags = page.flags();
            if flags & LEAF != 0 {
                let (mut low, mut high) = (0, page.len());
                while low < high {
                    let middle = (low + high) / 2;
                    let node = page.node(middle).ok_or_else(broken)?;
                    match node.key.cmp(key) {
                        std::cmp::Ordering::Less => low = middle + 1,
                        std::cmp::Ordering::Greater => high = middle,
                        std::cmp::Ordering::Equal => return self.value(&node, number).map(Some),
                    }
                }
                return Ok(None);
            }
            if flags & BRANCH == 0 {
                return Err(self.fail(self.offset(number), format!("page {number} is no page of the tree")));
            }
            // The first node holds all that is less than the second's key.
            let (mut low, mut high) = (1, page.len());
            while low < high {
                let middle = (low + high) / 2;
                if page.node(middle).ok_or_else(broken)?.key <= key {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            number = page.node(low - 1).ok_or_else(broken)?.child();
        }
        Err(self.fail(self.offset(number), "the tree runs in a circle"))
    }

    /// All keys and values, by key.
    pub fn iter(&self) -> Entries<'_> {
        Entries { db: self, stack: Vec::new(), started: false, left: self.entries }
    }

    fn value(&self, node: &Node<'_>, page: u64) -> Result<Vec<u8>> {
        let size = node.size();
        if node.flags & MULTIPLE != 0 {
            return Err(self.fail(self.offset(page), "a key has several values; labels have one each"));
        }
        if node.flags & BIG == 0 {
            let value = node.rest.get(..size);
            return value.map(<[u8]>::to_vec).ok_or_else(|| {
                self.fail(self.offset(page), format!("page {page} has a value outside of itself"))
            });
        }
        let first = node.rest.first_chunk().map(|b| u64::from_le_bytes(*b));
        let first = first.ok_or_else(|| {
            self.fail(self.offset(page), format!("page {page} has a value outside of itself"))
        })?;
        let needed = (PAGE_HEADER + size).div_ceil(self.page_size) as u64;
        self.check(first, needed)?;
        let head = Page(self.bytes_at(self.offset(first), PAGE_HEADER)?);
        if head.flags() & OVERFLOW == 0 {
            return Err(self.fail(self.offset(first), format!("page {first} holds no large value")));
        }
        self.bytes_at(self.offset(first) + PAGE_HEADER as u64, size)
    }

    fn offset(&self, page: u64) -> u64 {
        page.saturating_mul(self.page_size as u64)
    }

    fn fail(&self, offset: u64, reason: impl Into<String>) -> Error {
        Error::Binary { path: self.path.clone(), offset, reason: reason.into() }
    }

    /// Whether pages are in the file.
    fn check(&self, first: u64, count: u64) -> Result<()> {
        if first.checked_add(count).is_none_or(|end| end > self.pages) {
            let reason = format!(
                "page {first} is needed, but the file ends after {} of the database's {} pages: it is truncated",
                self.pages,
                self.last_page.saturating_add(1)
            );
            return Err(self.fail(self.offset(self.pages), reason));
        }
        Ok(())
    }

    fn page(&self, number: u64) -> Result<Page> {
        self.check(number, 1)?;
        self.bytes_at(self.offset(number), self.page_size).map(Page)
    }

    fn bytes_at(&self, offset: u64, len: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        // A thread that panicked with the lock left the file as good as ever.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|source| Error::Read { path: self.path.clone(), source })?;
        Ok(bytes)
    }
}

/// The entries of a database, by key.
pub struct Entries<'a> {
    db: &'a Lmdb,
    /// The pages on the way down, and which node of each comes next.
    stack: Vec<(u64, Page, usize)>,
    started: bool,
    left: u64,
}

impl Entries<'_> {
    fn advance(&mut self) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        if !std::mem::replace(&mut self.started, true) && self.db.root != NO_PAGE {
            self.push(self.db.root)?;
        }
        while let Some((number, page, next)) = self.stack.last_mut() {
            let number = *number;
            if *next >= page.len() {
                self.stack.pop();
                continue;
            }
            let index = *next;
            *next += 1;
            let node = page.node(index).ok_or_else(|| {
                self.db.fail(self.db.offset(number), format!("page {number} has a node outside of itself"))
            })?;
            if page.flags() & LEAF != 0 {
                // A page that is reached twice must not multiply what comes after.
                self.left = self.left.checked_sub(1).ok_or_else(|| {
                    let reason = format!("there are more entries than the {} of its head", self.db.entries);
                    self.db.fail(self.db.offset(number), reason)
                })?;
                return Ok(Some((node.key.to_vec(), self.db.value(&node, number)?)));
            }
            let child = node.child();
            self.push(child)?;
        }
        Ok(None)
    }

    fn push(&mut self, number: u64) -> Result<()> {
        if self.stack.len() >= DEEPEST {
            return Err(self.db.fail(self.db.offset(number), "the tree runs in a circle"));
        }
        let page = self.db.page(number)?;
        if page.flags() & (LEAF | BRANCH) == 0 {
            let reason = format!("page {number} is no page of the tree");
            return Err(self.db.fail(self.db.offset(number), reason));
        }
        self.stack.push((number, page, 0));
        Ok(())
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<(Vec<u8>, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance();
        if next.is_err() {
            self.stack.clear();
        }
        next.transpose()
    }
}

#[cfg(test)]
mod tests;
