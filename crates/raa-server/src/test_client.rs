//! Views of clients for the tests of all modules.

use std::time::Duration;

use raa_core::client::{ClientView, Status};
use raa_core::level::Level;
use raa_core::settings::{ClientSettings, SoundingFrom};
use raa_core::source::SourceStats;

/// A client that sends silence.
pub(crate) fn client(ssrc: u32) -> ClientView {
    ClientView {
        ssrc,
        settings: ClientSettings::default(),
        sender_name: None,
        status: Status::Connected,
        address: None,
        level: Level::SILENCE,
        seen_before: true,
        last_packet_ago: Some(Duration::ZERO),
        last_sound_ago: None,
        sound_began_ago: None,
        sound_peak_dbfs: None,
        sounding_from: SoundingFrom::default(),
        steady: false,
        stats: SourceStats::default(),
        quality: None,
        conflict: None,
        withheld: None,
        round_trip: None,
        capture_trouble: None,
        payload_types: None,
    }
}

/// A client that sounds.
pub(crate) fn sounding(ssrc: u32, peak_dbfs: f32) -> ClientView {
    ClientView {
        status: Status::Sounding,
        level: Level {
            rms_dbfs: peak_dbfs,
            peak_dbfs,
        },
        ..client(ssrc)
    }
}
