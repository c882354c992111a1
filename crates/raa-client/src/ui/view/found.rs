//! What a test of a server has found, in a sentence.
//!
//! Always: what stands in the way comes first: a name without an address, a page that does not
//! answer, then what the server hears.

use std::fmt::Display;

use crate::ui::server_test::{Found, Hears, NoAddress, NoServer, Server};
use crate::ui::texts::{self, Language, Text};

/// A host name may have 253 characters, for which the dialog has no room.
const HOST_UNITS: usize = 40;

/// The sentence about the server of this host.
pub(crate) fn sentence(host: &str, found: &Found, language: Language) -> String {
    let host = texts::cut(host, HOST_UNITS);
    let address = match &found.addresses {
        Ok(addresses) => addresses.first().map(|address| address.ip().to_string()),
        Err(NoAddress::TimedOut) => {
            return language.fill(Text::TestNameTimedOut, &[("host", &host)]);
        }
        Err(NoAddress::Unknown(_)) => None,
    };
    let Some(address) = address else {
        return language.fill(Text::TestNameNotFound, &[("host", &host)]);
    };
    match &found.server {
        Ok(server) => found_server(server, &address, language),
        Err(why) => no_server(why, &address, language),
    }
}

fn found_server(server: &Server, address: &str, language: Language) -> String {
    let text = match server.hears {
        Hears::Sound => Text::TestHearsSound,
        Hears::Silence => Text::TestHearsSilence,
        Hears::Nothing | Hears::Never => Text::TestHearsNothing,
        Hears::Unknown => Text::TestFound,
    };
    let values: [(&str, &dyn Display); 2] = [("version", &server.version), ("address", &address)];
    language.fill(text, &values)
}

fn no_server(why: &NoServer, address: &str, language: Language) -> String {
    let text = match why {
        NoServer::Unreachable(_) | NoServer::TimedOut => Text::TestNoAnswer,
        NoServer::Status(_) | NoServer::NotRaa => Text::TestNotRaa,
        NoServer::Https => Text::TestHttps,
        NoServer::Url(_) | NoServer::Address(_) => Text::TestNoPage,
    };
    language.fill(text, &[("address", &address)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(server: Result<Hears, NoServer>) -> Found {
        Found {
            addresses: Ok(vec![
                "192.0.2.7:4010".parse().unwrap(),
                "[2001:db8::7]:4010".parse().unwrap(),
            ]),
            server: server.map(|hears| Server {
                version: "0.1.0".into(),
                hears,
            }),
        }
    }

    #[track_caller]
    fn check(found: &Found, said: &str) {
        assert_eq!(sentence("raa.example", found, Language::English), said);
        let japanese = sentence("raa.example", found, Language::Japanese);
        assert!(!japanese.is_ascii(), "{japanese}");
    }

    #[test]
    fn every_result_has_a_sentence_of_its_own() {
        let without_address = |why| Found {
            addresses: Err(why),
            server: Err(NoServer::TimedOut),
        };
        check(
            &without_address(NoAddress::Unknown("no such host".into())),
            "The name raa.example was not found.",
        );
        check(
            &without_address(NoAddress::TimedOut),
            "Nobody told the address of raa.example in time.",
        );
        let no_answer = "No RAA page answers at 192.0.2.7.";
        check(
            &found(Err(NoServer::Unreachable("refused".into()))),
            no_answer,
        );
        check(&found(Err(NoServer::TimedOut)), no_answer);
        let other = "What answers at 192.0.2.7 is no RAA server.";
        check(&found(Err(NoServer::NotRaa)), other);
        check(&found(Err(NoServer::Status(404))), other);
        let raa = "Found RAA 0.1.0 at 192.0.2.7.";
        check(&found(Ok(Hears::Unknown)), raa);
        let hears = |hears, said: &str| check(&found(Ok(hears)), &format!("{raa} {said}"));
        hears(Hears::Sound, "It hears this computer.");
        hears(Hears::Silence, "It hears this computer, which is silent.");
        hears(Hears::Never, "It does not hear this computer yet.");
        hears(Hears::Nothing, "It does not hear this computer yet.");
    }
}
