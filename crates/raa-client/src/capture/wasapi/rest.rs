//! Rests: no stream is open until something plays.
//!
//! Always: whatever goes wrong ends the rest, so that the capture is opened and reports it.

use std::time::{Duration, Instant};

use tracing::info;

use super::super::limit::peak;
use super::super::rest::{self, LISTEN_EVERY, LISTEN_FOR, LOOK_EVERY};
use super::super::{PcmInbox, SenderEnded};
use super::devices::Devices;
use super::sleep;
use super::stream::Stream;
use crate::status::CaptureTrouble;

/// How often the playback devices are listed again.
const LIST_EVERY: Duration = Duration::from_secs(5);

/// Waits until a playback device plays.
pub(super) fn until_something_plays(pcm: &PcmInbox) -> Result<(), SenderEnded> {
    let Ok(devices) = Devices::new() else {
        return Ok(());
    };
    let mut listed = Instant::now();
    let mut meters = devices.meters();
    while !rest::is_over(meters.as_ref().and_then(|meters| meters.peak())) {
        sleep(LOOK_EVERY, pcm)?;
        if listed.elapsed() >= LIST_EVERY {
            listed = Instant::now();
            meters = devices.meters();
        }
    }
    info!("the capture no longer rests: something plays, or no meter can be read");
    Ok(())
}

/// Waits until the chosen capture device has sound, which takes longer: it must be opened to find out.
pub(super) fn until_device_sounds(
    id: &str,
    buffer_ms: u8,
    pcm: &PcmInbox,
) -> Result<(), SenderEnded> {
    loop {
        sleep(LISTEN_EVERY, pcm)?;
        if rest::is_over(listen(id, buffer_ms).ok()) {
            info!("the capture no longer rests: the device sounds, or cannot be opened");
            return Ok(());
        }
    }
}

/// Opens the device for a moment and returns the peak of its sound.
fn listen(id: &str, buffer_ms: u8) -> Result<f32, CaptureTrouble> {
    let device = Devices::new()?.by_id(id)?;
    let mut stream = Stream::device(&device, buffer_ms)?;
    let (start, mut loudest) = (Instant::now(), 0.0f32);
    while start.elapsed() < LISTEN_FOR {
        stream.wait(LISTEN_FOR.saturating_sub(start.elapsed()));
        while stream.read()?.is_some() {
            stream.convert()?;
            while let Some(block) = stream.next_block() {
                loudest = loudest.max(peak(&block));
            }
        }
    }
    Ok(loudest)
}
