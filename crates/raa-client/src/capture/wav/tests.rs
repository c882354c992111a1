//! Headers of all kinds, written byte by byte as other programs write them.

use super::*;

/// Returns a chunk, with its pad byte if its length is odd.
fn chunk(id: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut chunk = id.to_vec();
    chunk.extend((body.len() as u32).to_le_bytes());
    chunk.extend(body);
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

/// Returns a format chunk for 48 kHz.
fn format(tag: u16, channels: u16, bits: u16) -> Vec<u8> {
    chunk(b"fmt ", &format_body(tag, channels, bits))
}

fn format_body(tag: u16, channels: u16, bits: u16) -> Vec<u8> {
    let frame = channels * bits.div_ceil(8);
    let halves = [tag, channels, 48_000, 0, 0, 0, frame, bits];
    halves.iter().flat_map(|half| half.to_le_bytes()).collect()
}

fn extensible(sub_tag: u16, channels: u16, bits: u16, mask: u32) -> Vec<u8> {
    let mut body = format_body(TAG_EXTENSIBLE, channels, bits);
    body.extend(22u16.to_le_bytes());
    body.extend(bits.to_le_bytes());
    body.extend(mask.to_le_bytes());
    body.extend(sub_tag.to_le_bytes());
    body.extend(GUID_TAIL);
    chunk(b"fmt ", &body)
}

fn file(kind: &[u8; 4], riff_len: u32, chunks: &[&[u8]]) -> Vec<u8> {
    let mut file = kind.to_vec();
    file.extend(riff_len.to_le_bytes());
    file.extend(b"WAVE");
    file.extend(chunks.concat());
    file
}

/// Returns a header with these lengths, and four bytes of sound.
fn with_lengths(riff_len: u32, len: u32) -> Vec<u8> {
    let data = [b"data", &len.to_le_bytes(), b"1234"].map(|part| part.to_vec());
    file(
        b"RIFF",
        riff_len,
        &[&format(TAG_PCM, 1, 16), &data.concat()],
    )
}

#[track_caller]
fn header(bytes: &[u8]) -> (Header, Vec<u8>) {
    let mut rest = bytes;
    let header = Header::read(&mut rest).unwrap();
    (header, rest.to_vec())
}

#[test]
fn every_format_is_read() {
    for (tag, bits, encoding) in [
        (TAG_PCM, 8, Encoding::U8),
        (TAG_PCM, 12, Encoding::I16),
        (TAG_PCM, 16, Encoding::I16),
        (TAG_PCM, 20, Encoding::I24),
        (TAG_PCM, 24, Encoding::I24),
        (TAG_PCM, 32, Encoding::I32),
        (TAG_FLOAT, 32, Encoding::F32),
        (TAG_FLOAT, 64, Encoding::F64),
        (TAG_A_LAW, 8, Encoding::ALaw),
        (TAG_MU_LAW, 8, Encoding::MuLaw),
    ] {
        for fmt in [format(tag, 2, bits), extensible(tag, 2, bits, 3)] {
            let bytes = file(b"RIFF", 99, &[&fmt, &chunk(b"data", b"12345678")]);
            let (header, sound) = header(&bytes);
            assert_eq!(header.encoding, encoding, "{tag} {bits}");
            assert_eq!((header.rate, header.len), (48_000, Some(8)));
            assert_eq!(header.layout, Layout::of_count(2));
            assert_eq!(sound, b"12345678");
        }
    }
}

#[test]
fn unfinished_lengths_reach_to_the_end() {
    // As ffmpeg, GStreamer and sox write them into a pipe, and a recorder that was killed.
    for (riff_len, len) in [
        (u32::MAX, u32::MAX),
        (0, 0),
        (36, 0),
        (u32::MAX, 0),
        (0, u32::MAX),
    ] {
        let (header, sound) = header(&with_lengths(riff_len, len));
        assert_eq!(header.len, None, "{riff_len} {len}");
        assert_eq!(sound, b"1234");
    }
    // An empty file with a chunk behind its data.
    assert_eq!(header(&with_lengths(40, 0)).0.len, Some(0));
    assert_eq!(header(&with_lengths(40, 4)).0.len, Some(4));
    // Longer than the file: its end decides.
    assert_eq!(
        header(&with_lengths(0x7fff_f024, 0x7fff_f000)).0.len,
        Some(0x7fff_f000)
    );
}

#[test]
fn odd_chunks_are_followed_by_a_pad_byte() {
    let bytes = file(
        b"RIFF",
        200,
        &[
            &chunk(b"LIST", b"odd"),
            &chunk(b"fmt ", &[format_body(TAG_PCM, 1, 16), vec![0]].concat()),
            &chunk(b"bext", &[0; 603]),
            &chunk(b"data", b"1234"),
        ],
    );
    let (header, sound) = header(&bytes);
    assert_eq!((header.len, sound.as_slice()), (Some(4), &b"1234"[..]));
}

#[test]
fn long_files_have_their_length_in_64_bits() {
    let ds64 = |len: u64| {
        let mut body = vec![0; 28];
        body[8..16].copy_from_slice(&len.to_le_bytes());
        chunk(b"ds64", &body)
    };
    for kind in [b"RF64", b"BW64"] {
        for (len, expected) in [
            (5_000_000_000, Some(5_000_000_000)),
            (0, None),
            (u64::MAX, None),
        ] {
            let data = [&b"data"[..], &[0xff; 4], b"1234"].concat();
            let chunks = [&ds64(len)[..], &format(TAG_PCM, 2, 16), &data];
            let (header, sound) = header(&file(kind, u32::MAX, &chunks));
            assert_eq!(header.len, expected);
            assert_eq!(sound, b"1234");
        }
    }
    // A short file with the long header: the chunk's own length counts.
    let chunks = [
        &ds64(9)[..],
        &format(TAG_PCM, 1, 16),
        &chunk(b"data", b"1234"),
    ];
    assert_eq!(header(&file(b"RF64", u32::MAX, &chunks)).0.len, Some(4));
}

#[test]
fn channel_masks_give_the_roles() {
    let data = chunk(b"data", b"");
    let layout = |fmt: Vec<u8>| header(&file(b"RIFF", 99, &[&fmt, &data])).0.layout;
    let surround = layout(extensible(TAG_PCM, 6, 16, 0x60f));
    assert_eq!(surround, Layout::of_count(6));
    let other = layout(extensible(TAG_PCM, 6, 16, 0x33f));
    assert_eq!(other, Layout::of_mask(6, 0x33f));
    assert_eq!(layout(format(TAG_PCM, 6, 16)), Layout::of_count(6));
    let unknown = layout(extensible(TAG_PCM, 6, 16, 0));
    assert_eq!(unknown, Layout::of_mask(6, 0));
}

#[test]
fn files_that_cannot_be_played_are_refused() {
    let check = |bytes: &[u8], words: &str| {
        let error = Header::read(&mut &bytes[..]).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    let data = chunk(b"data", b"1234");
    let with = |fmt: &[u8]| file(b"RIFF", 99, &[fmt, &data]);
    check(b"This is not a WAV file at all.", "RIFF");
    check(b"fLaC\0\0\0\x22and so on", "RIFF");
    check(&file(b"RIFF", 99, &[]), "within its header");
    check(b"RIFF", "within its header");
    check(
        &file(b"RIFF", 99, &[&data, &format(TAG_PCM, 1, 16)]),
        "before its format",
    );
    check(&with(&chunk(b"fmt ", &[0; 14])), "14 bytes");
    // MP3, ADPCM, a GUID of something else; 64-bit integers, half floats, 4 bits, no channels.
    check(&with(&format(0x55, 2, 16)), "0x0055");
    check(&with(&format(2, 2, 4)), "0x0002 and 4 bits");
    let mut guid = extensible(TAG_PCM, 2, 16, 3);
    guid[40] ^= 1;
    check(&with(&guid), "0xfffe");
    check(&with(&format(TAG_PCM, 2, 64)), "64 bits in 64");
    check(&with(&format(TAG_FLOAT, 2, 16)), "16 bits in 16");
    check(&with(&format(TAG_PCM, 0, 16)), "16 bits in 0");
    // The length of a frame is not a multiple of the length of a sample.
    let mut odd = format(TAG_PCM, 2, 16);
    odd[20] = 5;
    check(&with(&odd), "16 bits in 20");
}
