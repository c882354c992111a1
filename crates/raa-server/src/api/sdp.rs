//! `GET /api/clients/{id}.sdp`: describes a client's stream (SDP, RFC 8866), so that a program such as VLC can
//! play a copy of its packets.
//!
//! The server sends no copy: an operator makes one, for example with nftables' `dup` or from a capture, and
//! says where it goes. Always: the payload types are those that the client's packets have.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use raa_core::client::{ClientView, PayloadTypes};

use super::clients::{client_id, unknown};
use super::error::{ApiError, ErrorBody, quoted};
use crate::engine::EngineHandle;
use crate::id::ClientId;

/// The end of the path.
pub(crate) const SUFFIX: &str = ".sdp";
/// RTP's own port (RFC 3551 section 8), and what VLC and ffmpeg listen on by habit.
const USUAL_PORT: u16 = 5004;

/// Where the copy of the packets arrives.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    address: IpAddr,
    port: u16,
}

/// Describe a client's stream for a program that plays a copy of its packets (SDP, RFC 8866).
///
/// The server sends no copy itself; docs/operating.md says how to make one. VLC and ffmpeg play plain Opus
/// only, which RAA's own clients send with `redundancy = 0`.
#[utoipa::path(
    get, path = "/api/clients/{id}.sdp", tag = "clients",
    params(
        ("id" = ClientId, Path, description = "Client id: 8 hexadecimal digits in lower or upper case, or bgmtest0"),
        ("address" = Option<String>, Query, example = "192.0.2.7", description = "IP address at which the copy arrives; 127.0.0.1 by default"),
        ("port" = Option<u16>, Query, minimum = 1, maximum = 65535, description = "UDP port at which the copy arrives, 1 to 65535; 5004 by default"),
    ),
    responses(
        (status = 200, description = "The description", body = String, content_type = "application/sdp"),
        (status = 404, description = "There is no such client", body = ErrorBody),
        (status = 409, description = "The client has sent nothing since the server started", body = ErrorBody),
        (status = 422, description = "A parameter is unknown or out of range", body = ErrorBody),
    )
)]
pub(crate) async fn describe(
    State(engine): State<EngineHandle>,
    uri: Uri,
    Path(file): Path<String>,
) -> Result<Response, ApiError> {
    let id = file.strip_suffix(SUFFIX).unwrap_or(&file).to_owned();
    let id = client_id(Ok(Path(id)))?;
    let target = target(uri.query().unwrap_or_default())?;
    let snapshot = engine.snapshot();
    let client = snapshot
        .client(id.0)
        .ok_or_else(|| unknown(&id.to_string()))?;
    let types = client.payload_types.ok_or_else(|| {
        let message =
            "the client has sent nothing since the server started, so its stream is not known";
        ApiError::new(StatusCode::CONFLICT, "no_stream", message)
    })?;
    let text = text(client, types, &target);
    Ok(([(CONTENT_TYPE, "application/sdp")], text).into_response())
}

/// Reads the query. Addresses and numbers need no percent-encoding, except for the colons of IPv6.
fn target(query: &str) -> Result<Target, ApiError> {
    let mut target = Target {
        address: Ipv4Addr::LOCALHOST.into(),
        port: USUAL_PORT,
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = value.replace("%3A", ":").replace("%3a", ":");
        let refuse = |allowed: &str| {
            let message = format!(
                "{} is \"{}\"; it must be {allowed}",
                quoted(name),
                quoted(&value)
            );
            ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "value_out_of_range",
                message,
            )
        };
        match name {
            "address" => target.address = value.parse().map_err(|_| refuse("an IP address"))?,
            "port" => match value.parse() {
                Ok(port) if port > 0 => target.port = port,
                _ => return Err(refuse("a whole number from 1 to 65535")),
            },
            _ => {
                let message = format!(
                    "there is no parameter {}; there are address and port",
                    quoted(name)
                );
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                return Err(ApiError::new(status, "unknown_field", message));
            }
        }
    }
    Ok(target)
}

fn text(client: &ClientView, types: PayloadTypes, target: &Target) -> String {
    let Target { address, port } = target;
    let version = if address.is_ipv4() { "IP4" } else { "IP6" };
    let name = match client.name() {
        // A session's name must not be empty.
        "" => "-",
        name => name,
    };
    let PayloadTypes { packet, sound } = types;
    let mut text = format!(
        "v=0\r\n\
         o=- {} 1 IN {version} {address}\r\n\
         s={name}\r\n\
         c=IN {version} {address}\r\n\
         t=0 0\r\n",
        client.ssrc
    );
    let is_redundant = packet != sound;
    let formats = if is_redundant {
        format!("{packet} {sound}")
    } else {
        sound.to_string()
    };
    // Writing to a text cannot fail. Opus has this clock rate and two channels whatever it holds (RFC 7587).
    let _ = write!(
        text,
        "m=audio {port} RTP/AVP {formats}\r\n\
         a=rtpmap:{sound} opus/48000/2\r\n\
         a=fmtp:{sound} stereo=1;useinbandfec=1\r\n"
    );
    if is_redundant {
        let _ = write!(
            text,
            "a=rtpmap:{packet} red/48000/2\r\na=fmtp:{packet} {sound}/{sound}\r\n"
        );
    }
    text + "a=rtcp-mux\r\na=recvonly\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str) -> (u16, String) {
        let error = target(query).unwrap_err();
        (error.status.as_u16(), error.message)
    }

    #[test]
    fn the_query_says_where_the_copy_goes() {
        let check = |query: &str, address: &str, port| {
            let address = address.parse().unwrap();
            assert_eq!(target(query), Ok(Target { address, port }), "{query}");
        };
        check("", "127.0.0.1", 5004);
        check("port=6000", "127.0.0.1", 6000);
        check("address=192.0.2.7&port=1", "192.0.2.7", 1);
        check("address=2001%3Adb8::7", "2001:db8::7", 5004);
    }

    #[test]
    fn impossible_parameters_are_named() {
        for (query, words) in [
            ("port=0", "from 1 to 65535"),
            ("port=70000", "70000"),
            ("port", "from 1 to 65535"),
            ("address=somewhere", "an IP address"),
            ("address=::1%0d%0am=audio", "an IP address"),
            ("prot=5004", "there is no parameter"),
        ] {
            let (status, message) = refused(query);
            assert_eq!(status, 422);
            assert!(message.contains(words), "{message}");
        }
    }
}
