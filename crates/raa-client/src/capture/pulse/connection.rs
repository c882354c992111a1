//! One connection to the sound server, by the native protocol.
//!
//! Blocking reads and whole messages: replies, events and PCM come over the same socket in any
//! order. The `pulseaudio` crate knows how each is written; its own client is not used, because
//! it drops the server's events.
//! Always: a message's length is bounded; a message of a kind nobody waits for is stepped over.

use std::ffi::{CStr, CString};
use std::io::{self, BufReader, Cursor, Read};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use pulseaudio::protocol::stream::{BufferAttr, StreamFlags};
use pulseaudio::protocol::{
    self, AuthParams, AuthReply, ChannelMap, Command, CommandReply, CreateRecordStreamReply, Prop,
    Props, ProtocolError, PulseError, RecordStreamParams, SampleFormat, SampleSpec, ServerInfo,
    SetClientNameReply, SubscriptionEventFacility, SubscriptionMask, TagStructReader,
};
use raa_core::{SAMPLE_RATE, SLOT_SAMPLES};

use super::server_path;

const SAMPLE_BYTES: u32 = size_of::<f32>() as u32;
/// The server gives a block as soon as it has 20 ms.
const BLOCK_BYTES: u32 = SLOT_SAMPLES as u32 * SAMPLE_BYTES;
/// It keeps 200 ms for a client that stands still; older sound is of no use.
const MAX_BEHIND_BYTES: u32 = 10 * BLOCK_BYTES;
/// How long the server may take to answer while a stream is being set up.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// What messages of the server itself go to, and not to a stream.
const CONTROL: u32 = u32::MAX;
/// The name under which both servers know the monitor of whatever sink is the default one.
const DEFAULT_MONITOR: &CStr = c"@DEFAULT_MONITOR@";

/// Why there is nothing to capture.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    NoPath(String),
    #[error("no sound server at {path}: {error}")]
    NoServer { path: String, error: io::Error },
    #[error("the sound server has no sink")]
    NoSink,
    #[error("the sound server has ended the capture")]
    Killed,
    #[error("the sound server is gone")]
    Lost,
    #[error("the sound server does not let this client in (its cookie is wrong)")]
    Denied,
    #[error("the sound server: {0}")]
    Protocol(ProtocolError),
}

impl From<ProtocolError> for Failure {
    fn from(error: ProtocolError) -> Self {
        match error {
            ProtocolError::ServerError(PulseError::NoEntity) => Self::NoSink,
            ProtocolError::ServerError(PulseError::AccessDenied | PulseError::AuthKey) => {
                Self::Denied
            }
            ProtocolError::Io(error) => Self::from(error),
            error => Self::Protocol(error),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
        match error.kind() {
            UnexpectedEof | ConnectionReset | BrokenPipe => Self::Lost,
            _ => Self::Protocol(error.into()),
        }
    }
}

/// What the server said.
pub(super) enum Message {
    /// 48 kHz mono.
    Pcm(Vec<f32>),
    /// Something about the server, perhaps its default sink, is different.
    ServerChanged,
    /// The answer to [`Connection::ask_default_sink`].
    DefaultSink(String),
    /// Nothing of interest.
    Other,
}

pub(super) struct Connection {
    socket: BufReader<UnixStream>,
    version: u16,
    next_sequence: u32,
    /// The request whose answer is the default sink's name.
    asked: Option<u32>,
    /// The server changed while something else was waited for.
    changed: bool,
    message: Vec<u8>,
}

impl Connection {
    /// Connects, introduces itself and asks to be told of changes.
    pub(super) fn open() -> Result<Self, Failure> {
        let path = server_path::socket().map_err(Failure::NoPath)?;
        let socket = UnixStream::connect(&path).map_err(|error| Failure::NoServer {
            path: path.display().to_string(),
            error,
        })?;
        socket.set_read_timeout(Some(ANSWER_WITHIN))?;
        let mut connection = Self {
            socket: BufReader::new(socket),
            version: protocol::MAX_VERSION,
            next_sequence: 0,
            asked: None,
            changed: false,
            message: Vec::new(),
        };
        connection.introduce()?;
        connection.acknowledged(&Command::Subscribe(SubscriptionMask::SERVER))?;
        Ok(connection)
    }

    /// The default sink's name.
    pub(super) fn default_sink(&mut self) -> Result<String, Failure> {
        let info: ServerInfo = self.request(&Command::GetServerInfo)?;
        sink_name(info).ok_or(Failure::NoSink)
    }

    /// Starts to capture; from here on [`Connection::read`] tells what comes.
    pub(super) fn record_default_monitor(&mut self) -> Result<(), Failure> {
        let _: CreateRecordStreamReply =
            self.request(&Command::CreateRecordStream(record_parameters()))?;
        // Where nothing plays, nothing comes, for as long as it may be.
        self.socket.get_ref().set_read_timeout(None)?;
        Ok(())
    }

    /// Asks for the default sink's name; the answer comes by [`Connection::read`].
    pub(super) fn ask_default_sink(&mut self) -> Result<(), Failure> {
        self.asked = Some(self.write(&Command::GetServerInfo)?);
        Ok(())
    }

    /// Waits for the next message.
    pub(super) fn read(&mut self) -> Result<Message, Failure> {
        if std::mem::take(&mut self.changed) {
            return Ok(Message::ServerChanged);
        }
        if self.read_message()? != CONTROL {
            let samples = self.message.as_chunks::<4>().0;
            return Ok(Message::Pcm(
                samples.iter().map(|x| f32::from_le_bytes(*x)).collect(),
            ));
        }
        let mut body = Cursor::new(&self.message[..]);
        match Command::read_tag_prefixed(&mut body, self.version) {
            Ok((sequence, Command::Reply)) if self.asked == Some(sequence) => {
                self.asked = None;
                let info: ServerInfo = TagStructReader::new(&mut body, self.version).read()?;
                sink_name(info)
                    .map(Message::DefaultSink)
                    .ok_or(Failure::NoSink)
            }
            Ok((_, Command::RecordStreamKilled(_))) => Err(Failure::Killed),
            Ok((_, command)) if is_server_change(&command) => Ok(Message::ServerChanged),
            // Servers newer than this program may have more to say.
            Ok(_) | Err(_) => Ok(Message::Other),
        }
    }

    fn introduce(&mut self) -> Result<(), Failure> {
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

    /// Sends a command and waits for its reply.
    fn request<R: CommandReply>(&mut self, command: &Command) -> Result<R, Failure> {
        self.answered(command)?;
        let mut body = Cursor::new(&self.message[..]);
        let (_, reply) = read_reply(&mut body, self.version)?;
        Ok(reply)
    }

    /// Sends a command whose reply says nothing but yes.
    fn acknowledged(&mut self, command: &Command) -> Result<(), Failure> {
        self.answered(command)
    }

    /// Leaves the reply in `message`.
    fn answered(&mut self, command: &Command) -> Result<(), Failure> {
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
                Ok((_, command)) => self.changed |= is_server_change(&command),
                Err(_) => {}
            }
        }
    }

    /// Returns the command's sequence number, which its reply carries.
    fn write(&mut self, command: &Command) -> Result<u32, Failure> {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        protocol::write_command_message(self.socket.get_mut(), sequence, command, self.version)?;
        Ok(sequence)
    }

    /// Reads a whole message and returns where it goes to.
    fn read_message(&mut self) -> Result<u32, Failure> {
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

fn is_server_change(command: &Command) -> bool {
    let Command::SubscribeEvent(event) = command else {
        return false;
    };
    event.event_facility == SubscriptionEventFacility::Server
}

fn sink_name(info: ServerInfo) -> Option<String> {
    info.default_sink_name
        .map(|name| name.to_string_lossy().into_owned())
}

fn record_parameters() -> RecordStreamParams {
    RecordStreamParams {
        sample_spec: SampleSpec {
            format: SampleFormat::Float32Le,
            channels: 1,
            sample_rate: SAMPLE_RATE,
        },
        channel_map: ChannelMap::mono(),
        source_name: Some(DEFAULT_MONITOR.to_owned()),
        buffer_attr: BufferAttr {
            max_length: MAX_BEHIND_BYTES,
            fragment_size: BLOCK_BYTES,
            ..BufferAttr::default()
        },
        flags: StreamFlags {
            adjust_latency: true,
            // A stream whose sink disappears would be moved, perhaps to a microphone.
            no_move: true,
            // A sink that nothing plays on may sleep although somebody listens.
            no_inhibit_auto_suspend: true,
            ..StreamFlags::default()
        },
        props: properties(),
        ..RecordStreamParams::default()
    }
}

/// How the client is shown by volume controls.
fn properties() -> Props {
    let mut properties = Props::new();
    let mut set = |property, text: &CStr| properties.set(property, CString::from(text));
    set(Prop::ApplicationName, c"RAA client");
    set(Prop::MediaName, c"what this computer plays");
    properties
}
