//! What a server sends over WebSocket, cut into frames (RFC 6455 section 5.2).
//!
//! Only what an RAA server may send is understood: unmasked frames of one piece. Always: a frame
//! that came whole is not copied, and what is kept of one that did not is bounded.

/// Longer frames than this are none of the mix.
const MAX_PAYLOAD: usize = 1 << 16;
/// FIN, and an opcode of four bits without extensions.
const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// One message of the mix.
    Binary(&'a [u8]),
    /// The server says goodbye.
    Close,
    /// Texts, pings and pongs.
    Other,
}

/// The server sends what is not understood; nothing after it can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// One connection's bytes.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// The beginning of a frame whose rest has not come.
    kept: Vec<u8>,
}

impl Frames {
    /// Takes the next bytes and hands out every frame that is whole with them.
    pub(crate) fn take(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(Frame<'_>),
    ) -> Result<(), Malformed> {
        if self.kept.is_empty() {
            let used = cut(bytes, &mut each)?;
            self.kept.extend_from_slice(&bytes[used..]);
        } else {
            self.kept.extend_from_slice(bytes);
            let used = cut(&self.kept, &mut each)?;
            self.kept.drain(..used);
        }
        Ok(())
    }
}

/// Hands out the whole frames at the front and gives their length.
fn cut(bytes: &[u8], each: &mut impl FnMut(Frame<'_>)) -> Result<usize, Malformed> {
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

/// Lengths of header and payload; `None` while they have not come.
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

    /// What comes out when `bytes` come in pieces of `size`.
    fn cut_in(bytes: &[u8], size: usize) -> Vec<String> {
        let (mut frames, mut seen) = (Frames::default(), Vec::new());
        for piece in bytes.chunks(size) {
            let note = |frame: Frame<'_>| {
                seen.push(match frame {
                    Frame::Binary(payload) => format!("{} of {}", payload.len(), payload[0]),
                    other => format!("{other:?}"),
                });
            };
            frames.take(piece, note).unwrap();
        }
        assert!(frames.kept.is_empty());
        seen
    }

    #[test]
    fn frames_are_the_same_however_they_are_cut() {
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
            assert_eq!(cut_in(&all, size), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn what_no_server_sends_is_refused() {
        for bytes in [[0x02, 0x01], [0x82, 0x81], [0xc2, 0x01], [0x82, 127]] {
            let taken = Frames::default().take(&bytes, |frame| panic!("{frame:?}"));
            assert_eq!(taken, Err(Malformed), "{bytes:x?}");
        }
    }
}
