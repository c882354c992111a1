//! One mix: the clients' gains in it, its limiter and encoder, and its RTP stream.
//!
//! Always: one slot is exactly one frame; after skipped slots the timestamp jumps and the sequence
//! number does not; a mix knows nothing of the others, so mixes can be encoded at once.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Limiter, Sum};
use crate::codec::{self, CodecError, Encoder, EncoderSettings, MAX_ENCODED_LEN};
use crate::rtp::{self, Packet, StreamStart};
use crate::settings::{ClientSettings, Volume};
use crate::{OPUS_PAYLOAD_TYPE, SLOT_SAMPLES};

/// A mono full-band CELT frame of 20 ms that says that it is silence (RFC 6716 sections 3.1 and 4.3).
const SILENCE: [u8; 3] = [31 << 3, 0xff, 0xfe];

/// Identifies a mix; frames of one slot are ordered by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MixId(pub u32);

impl MixId {
    /// The mix that every hub has.
    pub const MAIN: Self = Self(0);
}

/// A mix's configuration.
#[derive(Debug, Clone)]
pub struct MixConfig {
    /// Encoder settings.
    pub encoder: EncoderSettings,
    /// First values of its RTP stream, which are random (RFC 3550 section 5.1).
    pub stream: StreamStart,
    /// Volumes by SSRC that replace the operator's volume and mute in this mix; none by default.
    pub volumes: BTreeMap<u32, Volume>,
}

impl MixConfig {
    /// A mix of all clients as the operator's settings say.
    pub fn new(stream: StreamStart) -> Self {
        Self {
            encoder: EncoderSettings::default(),
            stream,
            volumes: BTreeMap::new(),
        }
    }
}

/// See the module's text.
pub(crate) struct Mix {
    id: MixId,
    /// Position among the hub's mixes.
    place: usize,
    volumes: BTreeMap<u32, Volume>,
    limiter: Limiter,
    encoder: Encoder,
    /// The next packet's header values.
    stream: StreamStart,
    /// The last frame was DTX and no client was in the mix.
    in_dtx: bool,
    /// Clients in the last slot.
    clients: usize,
    /// The last slot's packet.
    datagram: Bytes,
}

impl Mix {
    /// A mix at `place` among the hub's mixes.
    ///
    /// # Errors
    /// When an encoder setting is out of its range.
    pub(crate) fn new(id: MixId, place: usize, config: MixConfig) -> Result<Self, CodecError> {
        Ok(Self {
            id,
            place,
            volumes: config.volumes,
            limiter: Limiter::default(),
            encoder: Encoder::new(config.encoder)?,
            stream: config.stream,
            in_dtx: false,
            clients: 0,
            datagram: Bytes::new(),
        })
    }

    pub(crate) fn id(&self) -> MixId {
        self.id
    }

    /// Position among the hub's mixes.
    pub(crate) fn place(&self) -> usize {
        self.place
    }

    /// Clients that were in it in the last slot.
    pub(crate) fn clients(&self) -> usize {
        self.clients
    }

    /// The linear gain of a client with these settings.
    pub(crate) fn gain(&self, ssrc: u32, settings: &ClientSettings) -> f32 {
        match self.volumes.get(&ssrc) {
            Some(volume) => volume.gain(),
            None if settings.muted => 0.0,
            None => settings.volume.gain(),
        }
    }

    /// Passes over slots without making frames.
    pub(crate) fn skip_slots(&mut self, slots: u64) {
        let samples = (slots * SLOT_SAMPLES as u64) as u32;
        self.stream.timestamp = self.stream.timestamp.wrapping_add(samples);
    }

    /// Makes the slot's packet from partial sums, added in their order.
    pub(crate) fn play<'a>(&mut self, sums: impl Iterator<Item = &'a Sum>) {
        let mut pcm = [0.0; SLOT_SAMPLES];
        self.clients = sums.map(|sum| sum.add_to(&mut pcm)).sum();
        if self.clients > 0 || !self.limiter.is_at_rest() {
            self.limiter.process(&mut pcm);
        }
        self.datagram = self.encode(&pcm);
    }

    /// The packet that [`Mix::play`] made.
    pub(crate) fn take_datagram(&mut self) -> Bytes {
        std::mem::take(&mut self.datagram)
    }

    /// Silence costs nothing once the encoder itself has called it silence; its regular
    /// refreshing frames, which some decoders play as noise, are left out as well.
    fn encode(&mut self, pcm: &[f32; SLOT_SAMPLES]) -> Bytes {
        let mut payload = [SILENCE[0]; MAX_ENCODED_LEN];
        let is_silent = self.clients == 0;
        let was_in_dtx = self.in_dtx;
        let len = if is_silent && was_in_dtx {
            1
        } else {
            // The sum is finite, so libopus has no reason to refuse; if it did, silence is sent.
            self.encoder.encode(pcm, &mut payload).unwrap_or(1)
        };
        self.in_dtx = is_silent && codec::is_dtx(&payload[..len]);
        if self.in_dtx && !was_in_dtx {
            // Decoders continue what came before as noise. A constant part that fades away would be
            // heard then.
            return self.packet(&SILENCE);
        }
        self.packet(&payload[..len])
    }

    fn packet(&mut self, payload: &[u8]) -> Bytes {
        let mut datagram = Vec::with_capacity(rtp::HEADER_LEN + payload.len());
        let packet = Packet {
            marker: false,
            payload_type: OPUS_PAYLOAD_TYPE,
            sequence_number: self.stream.sequence_number,
            timestamp: self.stream.timestamp,
            ssrc: self.stream.ssrc,
            payload,
        };
        packet.write(&mut datagram);
        self.stream.sequence_number = self.stream.sequence_number.wrapping_add(1);
        self.stream.timestamp = self.stream.timestamp.wrapping_add(SLOT_SAMPLES as u32);
        datagram.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Decoder, MAX_PACKET_SAMPLES};

    /// The loudest 5 ms of the next slots, without their constant part.
    fn loudest(mix: &mut Mix, decoder: &mut Decoder, slots: usize, sound: &Sum) -> f32 {
        let mut pcm = [0.0; MAX_PACKET_SAMPLES];
        let mut loudest = 0.0f32;
        for _ in 0..slots {
            mix.play(std::iter::once(sound));
            let datagram = mix.take_datagram();
            let frame = Packet::parse(&datagram).unwrap();
            let samples = decoder.decode(frame.payload, &mut pcm).unwrap();
            for block in pcm[..samples].chunks_exact(240) {
                let mean = block.iter().sum::<f32>() / 240.0;
                let power: f32 = block.iter().map(|x| (x - mean) * (x - mean)).sum();
                loudest = loudest.max((power / 240.0).sqrt());
            }
        }
        loudest
    }

    #[test]
    fn a_constant_part_that_fades_stays_silent() {
        let stream = StreamStart {
            ssrc: 1,
            sequence_number: 0,
            timestamp: 0,
        };
        let mut mix = Mix::new(MixId::MAIN, 0, MixConfig::new(stream)).unwrap();
        let mut decoder = Decoder::new().unwrap();
        let mut sound = Sum::EMPTY;
        sound.add(&[0.8; SLOT_SAMPLES], 1.0, 1.0);
        assert!(loudest(&mut mix, &mut decoder, 2, &sound) > 0.1);
        loudest(&mut mix, &mut decoder, 12, &Sum::EMPTY);
        assert!(mix.in_dtx);
        let later = loudest(&mut mix, &mut decoder, 100, &Sum::EMPTY);
        assert!(later < 0.001, "{later}");
    }
}
