//! Reads values from the bytes of a fuzzer, front to back.
//!
//! Always: after the last byte, numbers are 0 and slices are empty, so that every input means something.

pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.slice(1).first().copied().unwrap_or(0)
    }

    /// A number from 0 to `below - 1`.
    pub(super) fn below(&mut self, below: u8) -> u8 {
        self.byte() % below
    }

    pub(super) fn signed(&mut self) -> i8 {
        self.byte() as i8
    }

    pub(super) fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// Up to `len` bytes.
    pub(super) fn slice(&mut self, len: usize) -> &'a [u8] {
        let (slice, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        slice
    }

    /// Bytes after their length.
    pub(super) fn counted(&mut self) -> &'a [u8] {
        let len = self.byte();
        self.slice(len.into())
    }
}
