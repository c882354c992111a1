//! The channels of a sink: which of them are recorded, and how they are mixed.
//!
//! Always: mono and stereo are recorded as mono, which the sound server mixes as their mean; a sink
//! with more channels is recorded as it is, because the server would take the mean of these, too.

use pulseaudio::protocol::{ChannelMap, ChannelPosition, SinkInfo};

use crate::capture::audibility::DeviceVolume;
use crate::capture::downmix::{Layout, Role};

/// A sink as far as its capture needs it.
pub(super) struct Sink {
    pub(super) volume: DeviceVolume,
    /// The channels to record.
    pub(super) channels: ChannelMap,
    pub(super) layout: Layout,
}

impl Default for Sink {
    fn default() -> Self {
        Self {
            volume: DeviceVolume::FULL,
            channels: ChannelMap::mono(),
            layout: Layout::of_count(1),
        }
    }
}

impl Sink {
    pub(super) fn of(info: &SinkInfo, volume: DeviceVolume) -> Self {
        let channels = info.channel_map;
        if channels.num_channels() <= 2 {
            return Self {
                volume,
                ..Self::default()
            };
        }
        let roles: Vec<_> = channels.into_iter().map(role).collect();
        Self {
            volume,
            channels,
            layout: Layout::of_roles(&roles),
        }
    }
}

fn role(position: ChannelPosition) -> Role {
    use ChannelPosition as Position;
    match position {
        Position::FrontLeft
        | Position::FrontRight
        | Position::FrontLeftOfCenter
        | Position::FrontRightOfCenter => Role::Front,
        Position::Mono | Position::FrontCenter => Role::Centre,
        Position::RearLeft
        | Position::RearRight
        | Position::SideLeft
        | Position::SideRight
        | Position::TopFrontLeft
        | Position::TopFrontRight
        | Position::TopRearLeft
        | Position::TopRearRight => Role::Surround,
        Position::RearCenter
        | Position::TopCenter
        | Position::TopFrontCenter
        | Position::TopRearCenter => Role::RearCentre,
        Position::Lfe => Role::LowFrequency,
        _ => Role::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(positions: &[ChannelPosition]) -> (u8, Layout) {
        let info = SinkInfo {
            channel_map: ChannelMap::new(positions.iter().copied()),
            ..SinkInfo::new_dummy(1)
        };
        let sink = Sink::of(&info, DeviceVolume::FULL);
        (sink.channels.num_channels(), sink.layout)
    }

    #[test]
    fn surround_sinks_are_recorded_whole() {
        use ChannelPosition::{
            FrontCenter, FrontLeft, FrontRight, Lfe, Mono, RearLeft, RearRight, SideLeft, SideRight,
        };
        let stereo = [FrontLeft, FrontRight];
        assert_eq!(layout(&[Mono]), (1, Layout::of_count(1)));
        assert_eq!(layout(&stereo), (1, Layout::of_count(1)));
        // PulseAudio's order of 5.1 differs from that of a WAV file.
        let six = [FrontLeft, FrontRight, RearLeft, RearRight, FrontCenter, Lfe];
        let (channels, six) = layout(&six);
        assert_eq!(channels, 6);
        assert_eq!(six.mix(&[1.0, 1.0, 0.0, 0.0, 0.0, 9.0]), 1.0);
        let eight = [
            FrontLeft,
            FrontRight,
            FrontCenter,
            Lfe,
            RearLeft,
            RearRight,
            SideLeft,
            SideRight,
        ];
        assert_eq!(layout(&eight), (8, Layout::of_count(8)));
    }
}
