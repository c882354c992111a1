//! One connection to the sound server, by the native protocol.
//!
//! Blocking reads and whole messages: replies, events and PCM arrive over the same socket in any
//! order. The `pulseaudio` crate encodes and decodes them; its own client is not used, because it
//! drops the server's events.
//!
//! Always: the length of a message is limited; messages that are not expected are skipped.

use std::ffi::{CStr, CString};
use std::io::{self, BufReader, Cursor, Read};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use pulseaudio::protocol::stream::{BufferAttr, StreamFlags};
use pulseaudio::protocol::{
    self, AuthParams, AuthReply, ChannelMap, Command, CommandReply, CreateRecordStreamReply,
    GetSinkInfo, Prop, Props, ProtocolError, PulseError, RecordStreamParams, SampleFormat,
    SampleSpec, ServerInfo, SetClientNameReply, SinkFlags, SinkInfo, SubscriptionEventFacility,
    SubscriptionMask, TagStructReader, Volume,
};
use raa_core::{SAMPLE_RATE, SLOT_SAMPLES};

use super::channels::Sink;
use super::server_path;
use crate::capture::audibility::DeviceVolume;
use crate::status::SoundServerTrouble;

const SAMPLE_BYTES: u32 = size_of::<f32>() as u32;
/// The server sends a block as soon as it has 20 ms; per channel.
const BLOCK_BYTES: u32 = SLOT_SAMPLES as u32 * SAMPLE_BYTES;
/// The server keeps 200 ms for a client that is suspended; older sound is of no use. Per channel.
const MAX_BEHIND_BYTES: u32 = 10 * BLOCK_BYTES;
/// How long the server may take for a reply while a stream is set up.
const REPLY_WITHIN: Duration = Duration::from_secs(5);
/// The channel of messages that belong to no stream.
const CONTROL: u32 = u32::MAX;
/// Both servers' name for the monitor of the current default sink.
const DEFAULT_MONITOR: &CStr = c"@DEFAULT_MONITOR@";

impl From<ProtocolError> for SoundServerTrouble {
    fn from(error: ProtocolError) -> Self {
        match error {
            ProtocolError::ServerError(PulseError::NoEntity) => Self::NoSink,
            ProtocolError::ServerError(PulseError::AccessDenied | PulseError::AuthKey) => {
                Self::Denied
            }
            ProtocolError::Io(error) => Self::from(error),
            error => Self::Protocol(error.to_string()),
        }
    }
}

impl From<io::Error> for SoundServerTrouble {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
        match error.kind() {
            UnexpectedEof | ConnectionReset | BrokenPipe => Self::Disconnected,
            _ => Self::Protocol(ProtocolError::Io(error).to_string()),
        }
    }
}

/// A message of the server.
pub(super) enum Message {
    /// 48 kHz, in the channels of the sink.
    Pcm(Vec<f32>),
    /// Something about the server or a sink has changed, possibly the default sink or its volume.
    Changed,
    /// A reply to [`Connection::request_state`].
    DefaultSink(String),
    /// The other reply to it.
    Volume(DeviceVolume),
    /// Any other message.
    Other,
}

pub(super) struct Connection {
    socket: BufReader<UnixStream>,
    version: u16,
    next_sequence: u32,
    /// The sequence number of an open request for the default sink.
    requested: Option<u32>,
    /// The sequence number of an open request for the volume.
    requested_volume: Option<u32>,
    /// Something changed while a reply was awaited.
    changed: bool,
    message: Vec<u8>,
}

impl Connection {
    /// Connects, authenticates and subscribes to changes of the server and its sinks.
    pub(super) fn open() -> Result<Self, SoundServerTrouble> {
        let path = server_path::socket()?;
        let socket =
            UnixStream::connect(&path).map_err(|error| SoundServerTrouble::NotRunning {
                path: path.display().to_string(),
                reason: error.to_string(),
            })?;
        socket.set_read_timeout(Some(REPLY_WITHIN))?;
        let mut connection = Self {
            socket: BufReader::new(socket),
            version: protocol::MAX_VERSION,
            next_sequence: 0,
            requested: None,
            requested_volume: None,
            changed: false,
            message: Vec::new(),
        };
        connection.introduce()?;
        connection.exchange(&Command::Subscribe(
            SubscriptionMask::SERVER | SubscriptionMask::SINK,
        ))?;
        Ok(connection)
    }

    /// Returns the default sink's name.
    pub(super) fn default_sink(&mut self) -> Result<String, SoundServerTrouble> {
        let info: ServerInfo = self.request(&Command::GetServerInfo)?;
        sink_name(info).ok_or(SoundServerTrouble::NoSink)
    }

    /// Returns the volume and the channels of a sink; those of ordinary stereo if the server does not
    /// describe it in a way that can be understood.
    pub(super) fn sink(&mut self, name: &str) -> Result<Sink, SoundServerTrouble> {
        self.exchange(&sink_request(name))?;
        let mut body = Cursor::new(&self.message[..]);
        Ok(read_reply::<SinkInfo>(&mut body, self.version).map_or_else(
            |_| Sink::default(),
            |(_, info)| Sink::of(&info, volume(&info)),
        ))
    }

    /// Starts capturing in these channels; [`Connection::read`] returns the blocks from now on.
    pub(super) fn record_default_monitor(
        &mut self,
        channels: ChannelMap,
    ) -> Result<(), SoundServerTrouble> {
        let _: CreateRecordStreamReply =
            self.request(&Command::CreateRecordStream(record_parameters(channels)))?;
        // While nothing plays, nothing arrives, however long that may be.
        self.socket.get_ref().set_read_timeout(None)?;
        Ok(())
    }

    /// Requests the default sink's name and the volume of `sink`; [`Connection::read`] returns the
    /// replies.
    pub(super) fn request_state(&mut self, sink: &str) -> Result<(), SoundServerTrouble> {
        self.requested = Some(self.write(&Command::GetServerInfo)?);
        self.requested_volume = Some(self.write(&sink_request(sink))?);
        Ok(())
    }

    /// Waits for the next message.
    pub(super) fn read(&mut self) -> Result<Message, SoundServerTrouble> {
        if std::mem::take(&mut self.changed) {
            return Ok(Message::Changed);
        }
        if self.read_message()? != CONTROL {
            let samples = self.message.as_chunks::<4>().0;
            return Ok(Message::Pcm(
                samples.iter().map(|x| f32::from_le_bytes(*x)).collect(),
            ));
        }
        let mut body = Cursor::new(&self.message[..]);
        match Command::read_tag_prefixed(&mut body, self.version) {
            Ok((sequence, Command::Reply)) if self.requested == Some(sequence) => {
                self.requested = None;
                let info: ServerInfo = TagStructReader::new(&mut body, self.version).read()?;
                sink_name(info)
                    .map(Message::DefaultSink)
                    .ok_or(SoundServerTrouble::NoSink)
            }
            Ok((sequence, Command::Reply)) if self.requested_volume == Some(sequence) => {
                self.requested_volume = None;
                let info = TagStructReader::new(&mut body, self.version).read();
                Ok(info.map_or(Message::Other, |info| Message::Volume(volume(&info))))
            }
            Ok((_, Command::RecordStreamKilled(_))) => Err(SoundServerTrouble::StreamEnded),
            Ok((_, command)) if is_change(&command) => Ok(Message::Changed),
            // A newer server may send messages that this program does not know.
            Ok(_) | Err(_) => Ok(Message::Other),
        }
    }

    fn introduce(&mut self) -> Result<(), SoundServerTrouble> {
        let auth = AuthParams {
            version: protocol::MAX_VERSION,
            supports_shm: false,
            supports_memfd: false,
            cookie: server_path::cookie(),
        };
        let reply: AuthReply = self.request(&Command::Auth(auth))?;
        self.version = self.version.min(reply.version);
        let _: SetClientNameReply = self.request(&Command::SetClientName(properties()))?;
        Ok(())
    }

    /// Sends a command and returns its reply.
    fn request<R: CommandReply>(&mut self, command: &Command) -> Result<R, SoundServerTrouble> {
        self.exchange(command)?;
        let mut body = Cursor::new(&self.message[..]);
        let (_, reply) = read_reply(&mut body, self.version)?;
        Ok(reply)
    }

    /// Sends a command and waits for its reply, which is left in `message`.
    fn exchange(&mut self, command: &Command) -> Result<(), SoundServerTrouble> {
        let sequence = self.write(command)?;
        loop {
            if self.read_message()? != CONTROL {
                continue;
            }
            let mut body = Cursor::new(&self.message[..]);
            match Command::read_tag_prefixed(&mut body, self.version) {
                Ok((replied, Command::Reply)) if replied == sequence => return Ok(()),
                Ok((replied, Command::Error(error))) if replied == sequence => {
                    return Err(ProtocolError::ServerError(error).into());
                }
                Ok((_, command)) => self.changed |= is_change(&command),
                Err(_) => {}
            }
        }
    }

    /// Sends a command and returns its sequence number, which the reply repeats.
    fn write(&mut self, command: &Command) -> Result<u32, SoundServerTrouble> {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        protocol::write_command_message(self.socket.get_mut(), sequence, command, self.version)?;
        Ok(sequence)
    }

    /// Reads a whole message and returns its channel.
    fn read_message(&mut self) -> Result<u32, SoundServerTrouble> {
        let descriptor = protocol::read_descriptor(&mut self.socket)?;
        let len = descriptor.length as usize;
        if len > protocol::MAX_MEMBLOCKQ_LENGTH {
            let text = format!("message of {len} bytes");
            return Err(ProtocolError::Invalid(text).into());
        }
        self.message.resize(len, 0);
        self.socket.read_exact(&mut self.message)?;
        Ok(descriptor.channel)
    }
}

fn read_reply<R: CommandReply>(
    body: &mut Cursor<&[u8]>,
    version: u16,
) -> Result<(u32, R), ProtocolError> {
    let (sequence, _) = Command::read_tag_prefixed(body, version)?;
    Ok((sequence, TagStructReader::new(body, version).read()?))
}

fn is_change(command: &Command) -> bool {
    use SubscriptionEventFacility::{Server, Sink};
    let Command::SubscribeEvent(event) = command else {
        return false;
    };
    [Server, Sink].contains(&event.event_facility)
}

fn sink_request(name: &str) -> Command {
    Command::GetSinkInfo(GetSinkInfo {
        index: None,
        // A name with a zero inside cannot come from the server.
        name: CString::new(name).ok(),
    })
}

/// Returns the volume as far as it applies to the monitor.
///
/// A mute always does. A volume in hardware comes behind the monitor, except at its lowest position,
/// where the server adds a mute of its own.
fn volume(info: &SinkInfo) -> DeviceVolume {
    let channels = info.cvolume.channels().iter();
    let linear = channels.map(Volume::to_linear).fold(0.0, f32::max);
    let in_hardware = info.flags.contains(SinkFlags::HW_VOLUME_CTRL) && linear > 0.0;
    DeviceVolume {
        muted: info.muted,
        db: if in_hardware {
            0.0
        } else {
            20.0 * linear.log10()
        },
    }
}

fn sink_name(info: ServerInfo) -> Option<String> {
    info.default_sink_name
        .map(|name| name.to_string_lossy().into_owned())
}

fn record_parameters(channel_map: ChannelMap) -> RecordStreamParams {
    let channels = channel_map.num_channels();
    RecordStreamParams {
        sample_spec: SampleSpec {
            format: SampleFormat::Float32Le,
            channels,
            sample_rate: SAMPLE_RATE,
        },
        channel_map,
        source_name: Some(DEFAULT_MONITOR.to_owned()),
        buffer_attr: BufferAttr {
            max_length: MAX_BEHIND_BYTES * u32::from(channels),
            fragment_size: BLOCK_BYTES * u32::from(channels),
            ..BufferAttr::default()
        },
        flags: StreamFlags {
            adjust_latency: true,
            // Otherwise, when its sink disappears, the server would move the stream, perhaps to a
            // microphone.
            no_move: true,
            // Capturing does not keep a silent sink awake.
            no_inhibit_auto_suspend: true,
            ..StreamFlags::default()
        },
        props: properties(),
        ..RecordStreamParams::default()
    }
}

/// Describes the client to volume controls.
fn properties() -> Props {
    let mut properties = Props::new();
    let mut set = |property, text: &CStr| properties.set(property, CString::from(text));
    set(Prop::ApplicationName, c"RAA client");
    set(Prop::MediaName, c"what this computer plays");
    properties
}
