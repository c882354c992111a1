//! Sample formats of devices, converted to floating point.
//!
//! Always: little endian, as WAVEFORMATEX defines it; full scale becomes ±1; an incomplete sample at
//! the end is ignored.

/// The storage format of one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    F32,
    I16,
    /// Packed: three bytes per sample.
    I24,
    /// Also formats with fewer valid bits: those are the upper ones, and the rest are zero
    /// (learn.microsoft.com/windows/win32/api/mmreg/ns-mmreg-waveformatextensible).
    I32,
}

impl Encoding {
    /// Returns the format with `stored_bits` per sample, padding included; `None` for one that no
    /// audio engine uses.
    pub(super) fn of(is_float: bool, stored_bits: u16) -> Option<Self> {
        match (is_float, stored_bits) {
            (true, 32) => Some(Self::F32),
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
            Self::I16 => "i16",
            Self::I24 => "i24",
            Self::I32 => "i32",
        }
    }

    /// Appends the samples in `bytes`.
    pub(super) fn decode(self, bytes: &[u8], samples: &mut Vec<f32>) {
        /// 2^31, because every integer is first shifted to the top of 32 bits.
        const FULL_SCALE: f32 = 2_147_483_648.0;
        let full_scale = |x: i32| x as f32 / FULL_SCALE;
        match self {
            Self::F32 => samples.extend(words(bytes).map(f32::from_le_bytes)),
            Self::I16 => samples
                .extend(words(bytes).map(|[a, b]| full_scale(i32::from_le_bytes([0, 0, a, b])))),
            Self::I24 => samples
                .extend(words(bytes).map(|[a, b, c]| full_scale(i32::from_le_bytes([0, a, b, c])))),
            Self::I32 => {
                samples.extend(words(bytes).map(|word| full_scale(i32::from_le_bytes(word))))
            }
        }
    }
}

fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks().0.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_maps_full_scale_to_one() {
        let check = |encoding: Encoding, bytes: &[u8], expected: &[f32]| {
            let mut samples = Vec::new();
            encoding.decode(bytes, &mut samples);
            assert_eq!(samples, expected, "{}", encoding.name());
        };
        let floats: Vec<u8> = [0.5f32, -1.0, 1.5]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        check(Encoding::F32, &floats, &[0.5, -1.0, 1.5]);
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
        for (is_float, bits) in [(true, 64), (true, 16), (false, 8), (false, 20), (false, 0)] {
            assert_eq!(Encoding::of(is_float, bits), None);
        }
    }
}
