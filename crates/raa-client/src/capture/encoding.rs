//! Sample formats of devices and files, converted to floating point.
//!
//! Always: little endian, as WAVEFORMATEX defines it; full scale becomes ±1; an incomplete sample at
//! the end is ignored.

/// The storage format of one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    F32,
    F64,
    /// Unsigned; silence is 128.
    U8,
    I16,
    /// Packed: three bytes per sample.
    I24,
    /// Also formats with fewer valid bits: those are the upper ones, and the rest are zero
    /// (learn.microsoft.com/windows/win32/api/mmreg/ns-mmreg-waveformatextensible).
    I32,
    /// ITU-T G.711, as telephone systems record.
    ALaw,
    MuLaw,
}

impl Encoding {
    /// Returns the linear format with `stored_bits` per sample, padding included; `None` for one
    /// that nobody uses.
    pub(super) fn of(is_float: bool, stored_bits: u16) -> Option<Self> {
        match (is_float, stored_bits) {
            (true, 32) => Some(Self::F32),
            (true, 64) => Some(Self::F64),
            (false, 8) => Some(Self::U8),
            (false, 16) => Some(Self::I16),
            (false, 24) => Some(Self::I24),
            (false, 32) => Some(Self::I32),
            _ => None,
        }
    }

    /// Returns the short name, as in "f32".
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::U8 => "u8",
            Self::I16 => "i16",
            Self::I24 => "i24",
            Self::I32 => "i32",
            Self::ALaw => "A-law",
            Self::MuLaw => "mu-law",
        }
    }

    /// Returns the length of one sample.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::ALaw | Self::MuLaw => 1,
            Self::I16 => 2,
            Self::I24 => 3,
            Self::F32 | Self::I32 => 4,
            Self::F64 => 8,
        }
    }

    /// Appends the samples in `bytes`.
    pub(super) fn decode(self, bytes: &[u8], samples: &mut Vec<f32>) {
        /// 2^31, because every integer is first shifted to the top of 32 bits.
        const FULL_SCALE: f32 = 2_147_483_648.0;
        let full_scale = |x: i32| x as f32 / FULL_SCALE;
        match self {
            Self::F32 => samples.extend(words(bytes).map(f32::from_le_bytes)),
            Self::F64 => samples.extend(words(bytes).map(|word| f64::from_le_bytes(word) as f32)),
            Self::U8 => samples.extend(bytes.iter().map(|x| (f32::from(*x) - 128.0) / 128.0)),
            Self::I16 => samples
                .extend(words(bytes).map(|[a, b]| full_scale(i32::from_le_bytes([0, 0, a, b])))),
            Self::I24 => samples
                .extend(words(bytes).map(|[a, b, c]| full_scale(i32::from_le_bytes([0, a, b, c])))),
            Self::I32 => {
                samples.extend(words(bytes).map(|word| full_scale(i32::from_le_bytes(word))))
            }
            Self::ALaw => samples.extend(bytes.iter().map(|code| a_law(*code))),
            Self::MuLaw => samples.extend(bytes.iter().map(|code| mu_law(*code))),
        }
    }
}

fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks().0.iter().copied()
}

/// ITU-T G.711: a sign, three bits of exponent and four of mantissa; every other bit is inverted.
fn a_law(code: u8) -> f32 {
    let code = code ^ 0x55;
    let (exponent, mantissa) = (code >> 4 & 7, i32::from(code & 0x0f));
    // In 13 bits, at the middle of its step.
    let magnitude = match exponent {
        0 => 2 * mantissa + 1,
        exponent => (2 * mantissa + 33) << (exponent - 1),
    };
    let magnitude = magnitude as f32 / 4096.0;
    if code & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }
}

/// ITU-T G.711: as A-law, but with all bits inverted and an offset that makes all steps alike.
fn mu_law(code: u8) -> f32 {
    let code = !code;
    let (exponent, mantissa) = (code >> 4 & 7, i32::from(code & 0x0f));
    // In 14 bits.
    let magnitude = (((2 * mantissa + 33) << exponent) - 33) as f32 / 8192.0;
    if code & 0x80 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(encoding: Encoding, bytes: &[u8], expected: &[f32]) {
        let mut samples = Vec::new();
        encoding.decode(bytes, &mut samples);
        assert_eq!(samples, expected, "{}", encoding.name());
    }

    #[test]
    fn every_format_maps_full_scale_to_one() {
        let floats: Vec<u8> = [0.5f32, -1.0, 1.5]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        check(Encoding::F32, &floats, &[0.5, -1.0, 1.5]);
        let doubles: Vec<u8> = [0.5f64, -1.0]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        check(Encoding::F64, &doubles, &[0.5, -1.0]);
        check(Encoding::U8, &[128, 192, 0], &[0.0, 0.5, -1.0]);
        check(Encoding::I16, &[0, 0x40, 0, 0x80], &[0.5, -1.0]);
        check(Encoding::I24, &[0, 0, 0x40, 0, 0, 0x80], &[0.5, -1.0]);
        check(Encoding::I32, &[0, 0, 0, 0x40, 0, 0, 0, 0x80], &[0.5, -1.0]);
        // 24 bits in 32: the lowest byte is padding.
        check(Encoding::I32, &[0, 1, 0, 0], &[1.0 / 8_388_608.0]);
        check(Encoding::I24, &[1, 0, 0], &[1.0 / 8_388_608.0]);
        // Half a sample is ignored.
        check(Encoding::I16, &[0, 0x40, 7], &[0.5]);
        check(Encoding::F32, &[], &[]);
    }

    #[test]
    fn companded_samples_have_the_values_of_g_711() {
        // The quietest and the loudest code of each sign, and one in between, in the 16 bits that
        // most decoders give.
        let mu_law = [
            (0xff, 0),
            (0x7f, 0),
            (0x80, 32_124),
            (0x00, -32_124),
            (0xcf, 924),
        ];
        let a_law = [
            (0xd5, 8),
            (0x55, -8),
            (0xaa, 32_256),
            (0x2a, -32_256),
            (0x85, 4224),
        ];
        for (code, expected) in mu_law {
            check(Encoding::MuLaw, &[code], &[expected as f32 / 32_768.0]);
        }
        for (code, expected) in a_law {
            check(Encoding::ALaw, &[code], &[expected as f32 / 32_768.0]);
        }
    }

    #[test]
    fn sample_lengths_agree_with_the_decoder() {
        for encoding in [
            Encoding::F32,
            Encoding::F64,
            Encoding::U8,
            Encoding::I16,
            Encoding::I24,
            Encoding::I32,
            Encoding::ALaw,
            Encoding::MuLaw,
        ] {
            let mut samples = Vec::new();
            encoding.decode(&vec![0; 7 * encoding.bytes()], &mut samples);
            assert_eq!(samples.len(), 7, "{}", encoding.name());
        }
    }

    #[test]
    fn nan_and_infinity_are_preserved() {
        let mut samples = Vec::new();
        Encoding::F32.decode(&f32::NAN.to_le_bytes(), &mut samples);
        Encoding::F32.decode(&f32::INFINITY.to_le_bytes(), &mut samples);
        assert!(samples[0].is_nan() && samples[1].is_infinite());
    }

    #[test]
    fn unusual_formats_are_rejected() {
        assert_eq!(Encoding::of(true, 32), Some(Encoding::F32));
        assert_eq!(Encoding::of(false, 24), Some(Encoding::I24));
        for (is_float, bits) in [(true, 16), (false, 64), (false, 20), (false, 0)] {
            assert_eq!(Encoding::of(is_float, bits), None);
        }
    }
}
