//! How loud each channel is in the mono mix, by its role.
//!
//! Recommendation ITU-R BS.775 mixes surround sound down to stereo: the centre and the surrounds go
//! into both sides or their own at -3 dB, and the low-frequency channel is left out. The mean of both
//! sides is the mono mix. So the front left and right channels have the same gain of 1/2 in every
//! layout, and stereo played on a surround device is as loud as on a stereo device. The sum may
//! exceed full scale; `limit` brings it down again.
//!
//! Always: every layout that has a channel other than the low-frequency one is heard; a single
//! channel keeps its level.

use std::f32::consts::FRAC_1_SQRT_2;

/// The role of a channel: its place among the loudspeakers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Left or right at the front.
    Front,
    Centre,
    /// Left or right at the side, at the back or above.
    Surround,
    /// In the middle at the back or above.
    RearCentre,
    LowFrequency,
    /// Not known, as of an interface with many inputs.
    Unknown,
}

/// The roles of WAVEFORMATEXTENSIBLE's channel mask, from the lowest bit on
/// (learn.microsoft.com/windows/win32/api/mmreg/ns-mmreg-waveformatextensible).
const MASK_ROLES: [Role; 18] = [
    Role::Front,
    Role::Front,
    Role::Centre,
    Role::LowFrequency,
    Role::Surround,
    Role::Surround,
    Role::Front,
    Role::Front,
    Role::RearCentre,
    Role::Surround,
    Role::Surround,
    Role::RearCentre,
    Role::Surround,
    Role::RearCentre,
    Role::Surround,
    Role::Surround,
    Role::RearCentre,
    Role::Surround,
];

/// The channels of a sound with their gains.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    gains: Vec<f32>,
}

impl Layout {
    /// Returns the layout of channels with these roles.
    pub(super) fn of_roles(roles: &[Role]) -> Self {
        if roles.iter().all(|role| *role == Role::Unknown) {
            return Self::of_unknown(roles.len());
        }
        let mut gains: Vec<f32> = roles.iter().map(|role| gain(*role)).collect();
        let heard = gains.iter().filter(|gain| **gain > 0.0).count();
        match heard {
            // Low-frequency channels alone.
            0 => gains.fill(1.0 / roles.len() as f32),
            1 => gains
                .iter_mut()
                .for_each(|gain| *gain = f32::from(*gain > 0.0)),
            _ => {}
        }
        Self { gains }
    }

    /// Returns the usual layout of this many channels, for sound that does not state one.
    pub(super) fn of_count(channels: u16) -> Self {
        use Role::{Centre, Front, LowFrequency, RearCentre, Surround};
        let surround: &[Role] = match channels {
            1 => &[Centre],
            2 => &[Front, Front],
            3 => &[Front, Front, Centre],
            4 => &[Front, Front, Surround, Surround],
            5 => &[Front, Front, Centre, Surround, Surround],
            6 => &[Front, Front, Centre, LowFrequency, Surround, Surround],
            7 => &[
                Front,
                Front,
                Centre,
                LowFrequency,
                RearCentre,
                Surround,
                Surround,
            ],
            8 => &[
                Front,
                Front,
                Centre,
                LowFrequency,
                Surround,
                Surround,
                Surround,
                Surround,
            ],
            _ => return Self::of_unknown(channels.into()),
        };
        Self::of_roles(surround)
    }

    /// Returns the layout of a channel mask of WAVEFORMATEXTENSIBLE. Channels beyond its bits have
    /// no known role.
    pub(super) fn of_mask(channels: u16, mask: u32) -> Self {
        let bits = MASK_ROLES.iter().enumerate();
        let roles = bits
            .filter(|(bit, _)| mask >> bit & 1 == 1)
            .map(|(_, role)| *role);
        let rest = std::iter::repeat(Role::Unknown);
        Self::of_roles(&roles.chain(rest).take(channels.into()).collect::<Vec<_>>())
    }

    /// Returns a layout in which every channel may have the sound: with two of them it is stereo, and
    /// with more their powers add up to that of stereo.
    fn of_unknown(channels: usize) -> Self {
        let gain = if channels == 1 {
            1.0
        } else {
            1.0 / (2.0 * channels as f32).sqrt()
        };
        Self {
            gains: vec![gain; channels],
        }
    }

    /// Returns the number of channels.
    pub(super) fn channels(&self) -> usize {
        self.gains.len()
    }

    /// Mixes one frame, a sample of each channel.
    pub(super) fn mix(&self, frame: &[f32]) -> f32 {
        let channels = frame.iter().zip(&self.gains);
        channels.map(|(sample, gain)| sample * gain).sum()
    }
}

fn gain(role: Role) -> f32 {
    match role {
        Role::Front | Role::RearCentre => 0.5,
        Role::Centre => FRAC_1_SQRT_2,
        Role::Surround | Role::Unknown => 0.5 * FRAC_1_SQRT_2,
        Role::LowFrequency => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// -3 dB in one of two sides.
    const SURROUND: f32 = 0.353_553_4;
    const CENTRE: f32 = FRAC_1_SQRT_2;

    #[track_caller]
    fn check(layout: &Layout, expected: &[f32]) {
        let is_near = |(gain, expected): (&f32, &f32)| (gain - expected).abs() < 1e-6;
        let are_near = layout.gains.iter().zip(expected).all(is_near);
        assert!(
            layout.channels() == expected.len() && are_near,
            "{layout:?}"
        );
    }

    #[test]
    fn each_layout_has_the_gains_of_bs_775() {
        let check = |channels, gains: &[f32]| check(&Layout::of_count(channels), gains);
        check(1, &[1.0]);
        check(2, &[0.5, 0.5]);
        check(3, &[0.5, 0.5, CENTRE]);
        check(4, &[0.5, 0.5, SURROUND, SURROUND]);
        check(5, &[0.5, 0.5, CENTRE, SURROUND, SURROUND]);
        check(6, &[0.5, 0.5, CENTRE, 0.0, SURROUND, SURROUND]);
        check(7, &[0.5, 0.5, CENTRE, 0.0, 0.5, SURROUND, SURROUND]);
        let eight = [
            0.5, 0.5, CENTRE, 0.0, SURROUND, SURROUND, SURROUND, SURROUND,
        ];
        check(8, &eight);
        check(0, &[]);
    }

    #[test]
    fn stereo_is_as_loud_in_every_layout() {
        for channels in 2..=8u16 {
            let mut frame = vec![0.0; channels.into()];
            frame[..2].copy_from_slice(&[0.5, 0.3]);
            let mixed = Layout::of_count(channels).mix(&frame);
            assert!((mixed - 0.4).abs() < 1e-6, "{channels} channels: {mixed}");
        }
    }

    #[test]
    fn masks_name_the_channels_in_their_order() {
        let check = |channels, mask, gains: &[f32]| check(&Layout::of_mask(channels, mask), gains);
        check(1, 0x4, &[1.0]);
        check(2, 0x3, &[0.5, 0.5]);
        // 5.1 with the surrounds at the back, and at the sides.
        check(6, 0x3f, &[0.5, 0.5, CENTRE, 0.0, SURROUND, SURROUND]);
        check(6, 0x60f, &[0.5, 0.5, CENTRE, 0.0, SURROUND, SURROUND]);
        check(4, 0x107, &[0.5, 0.5, CENTRE, 0.5]);
        check(3, 0xb, &[0.5, 0.5, 0.0]);
        // More bits than channels, and fewer.
        check(2, 0x3f, &[0.5, 0.5]);
        check(3, 0x3, &[0.5, 0.5, SURROUND]);
    }

    #[test]
    fn no_layout_silences_a_sound() {
        assert_eq!(
            Layout::of_mask(1, 0x8).gains,
            [1.0],
            "low frequencies alone"
        );
        assert_eq!(
            Layout::of_mask(2, 0xc).gains,
            [1.0, 0.0],
            "2.1 without a front pair"
        );
        let only_low = Layout::of_roles(&[Role::LowFrequency; 2]);
        assert_eq!(only_low.gains, [0.5, 0.5]);
        // No roles: a pair is stereo, and more channels are never below a third of it.
        assert_eq!(Layout::of_mask(2, 0).gains, [0.5, 0.5]);
        for channels in [3, 6, 9, 16, 32] {
            let mut frame = vec![0.0; channels];
            frame[..2].fill(0.5);
            let layout = Layout::of_mask(channels as u16, 0);
            let (pair, all) = (layout.mix(&frame), layout.mix(&vec![0.5; channels]));
            let expected = 0.5 * (2.0 / channels as f32).sqrt();
            assert!((pair - expected).abs() < 1e-6, "{channels}: {pair}");
            assert!((0.5..=2.01).contains(&all), "{channels}: {all}");
        }
    }
}
