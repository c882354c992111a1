//! Splits the bytes of a WebSocket connection into frames (RFC 6455 section 5.2).
//!
//! Only what an RAA server sends is supported: unmasked, unfragmented frames.
//! Always: a frame that arrives whole is not copied; an incomplete one is kept within a limit.

/// The longest payload that is accepted; frames of the mix are much shorter.
const MAX_PAYLOAD: usize = 1 << 16;
/// The bit of a final fragment.
const FIN: u8 = 0x80;
/// The bits of extensions, which are not used.
const RESERVED: u8 = 0x70;
/// The bit of a masked payload, which servers do not send.
const MASKED: u8 = 0x80;

/// A WebSocket frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// One message of the mix.
    Binary(&'a [u8]),
    /// The server closes the connection.
    Close,
    /// Text, ping or pong.
    Other,
}

/// The server sent something unsupported, so the frames after it cannot be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The state of splitting one connection.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// The beginning of a frame whose rest has not arrived.
    kept: Vec<u8>,
}

impl Frames {
    /// Takes the next bytes and calls `each` for every frame that is complete with them.
    pub(crate) fn take(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(Frame<'_>),
    ) -> Result<(), Malformed> {
        if self.kept.is_empty() {
            let used = split(bytes, &mut each)?;
            self.kept.extend_from_slice(&bytes[used..]);
        } else {
            self.kept.extend_from_slice(bytes);
            let used = split(&self.kept, &mut each)?;
            self.kept.drain(..used);
        }
        Ok(())
    }
}

/// Calls `each` for the complete frames at the front and returns their length together.
fn split(bytes: &[u8], each: &mut impl FnMut(Frame<'_>)) -> Result<usize, Malformed> {
    let mut used = 0;
    while let Some((header, payload)) = lengths(&bytes[used..])? {
        let begin = used + header;
        let Some(body) = bytes.get(begin..begin + payload) else {
            break;
        };
        each(match bytes[used] & 0x0f {
            2 => Frame::Binary(body),
            8 => Frame::Close,
            _ => Frame::Other,
        });
        used = begin + payload;
    }
    Ok(used)
}

/// Returns the lengths of header and payload; `None` while the header is incomplete.
fn lengths(bytes: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let &[first, second, ..] = bytes else {
        return Ok(None);
    };
    if first & FIN == 0 || first & RESERVED != 0 || second & MASKED != 0 {
        return Err(Malformed);
    }
    let lengths = match second {
        126 => bytes
            .get(2..4)
            .map(|len| (4, usize::from(u16::from_be_bytes([len[0], len[1]])))),
        127 => return Err(Malformed),
        len => Some((2, usize::from(len))),
    };
    match lengths {
        Some((_, payload)) if payload > MAX_PAYLOAD => Err(Malformed),
        lengths => Ok(lengths),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![FIN | opcode];
        match payload.len() {
            len @ 0..126 => bytes.push(len as u8),
            len => {
                bytes.push(126);
                bytes.extend((len as u16).to_be_bytes());
            }
        }
        bytes.extend(payload);
        bytes
    }

    /// Describes the frames of `bytes` that arrive in pieces of `size`.
    fn frames_in_pieces(bytes: &[u8], size: usize) -> Vec<String> {
        let (mut frames, mut found) = (Frames::default(), Vec::new());
        for piece in bytes.chunks(size) {
            let note = |frame: Frame<'_>| {
                found.push(match frame {
                    Frame::Binary(payload) => format!("{} of {}", payload.len(), payload[0]),
                    other => format!("{other:?}"),
                });
            };
            frames.take(piece, note).unwrap();
        }
        assert!(frames.kept.is_empty());
        found
    }

    #[test]
    fn frames_do_not_depend_on_the_pieces() {
        let all = [
            frame(1, b"{}"),
            frame(2, &[7; 172]),
            frame(2, &[8; 15]),
            frame(9, b""),
            frame(2, &[9; 1288]),
            frame(8, &[3, 233]),
        ]
        .concat();
        let expected = [
            "Other",
            "172 of 7",
            "15 of 8",
            "Other",
            "1288 of 9",
            "Close",
        ];
        for size in [1, 2, 3, 5, 100, 174, 175, 176, 177, all.len()] {
            assert_eq!(
                frames_in_pieces(&all, size),
                expected,
                "in pieces of {size}"
            );
        }
    }

    #[test]
    fn unsupported_frames_are_refused() {
        for bytes in [[0x02, 0x01], [0x82, 0x81], [0xc2, 0x01], [0x82, 127]] {
            let taken = Frames::default().take(&bytes, |frame| panic!("{frame:?}"));
            assert_eq!(taken, Err(Malformed), "{bytes:x?}");
        }
    }
}
