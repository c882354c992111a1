//! The result of a server test in a sentence.
//!
//! Always: the first obstacle determines the sentence: a name without an address, a page that does not
//! respond; only then comes what the server receives. An address in the sentence is the one that was
//! asked.

use std::fmt::Display;

use super::{ClientState, NoAddress, NoServer, RaaServer, TestResult};
use crate::ui::texts::{self, Language, Text};

/// The length to which a host name is cut; it may have 253 characters, too many for the dialog.
const HOST_UNITS: usize = 40;

/// Returns the sentence about the server `host`.
pub(crate) fn sentence(host: &str, tested: &TestResult, language: Language) -> String {
    let host = texts::cut(host, HOST_UNITS);
    let address = match &tested.addresses {
        Ok(addresses) => addresses.first().map(|address| address.ip().to_string()),
        Err(NoAddress::TimedOut) => {
            return language.fill(Text::TestNameTimedOut, &[("host", &host)]);
        }
        Err(NoAddress::Unknown(_)) => None,
    };
    let Some(address) = address else {
        return language.fill(Text::TestNameNotFound, &[("host", &host)]);
    };
    match &tested.server {
        Ok(server) => found(server, language),
        Err(reason) => {
            let page = tested.page_host.as_ref();
            let page = page.map(|host| texts::cut(host, HOST_UNITS));
            not_found(
                reason,
                &address,
                page.as_ref().unwrap_or(&address),
                language,
            )
        }
    }
}

fn found(server: &RaaServer, language: Language) -> String {
    let text = match server.client {
        ClientState::Sounding => Text::TestSounding,
        ClientState::Connected => Text::TestConnected,
        ClientState::Offline | ClientState::Unlisted => Text::TestOffline,
        ClientState::Taken(_) => Text::TestTaken,
        ClientState::Elsewhere(_) | ClientState::Unknown => Text::TestFound,
    };
    let values: [(&str, &dyn Display); 2] =
        [("version", &server.version), ("address", &server.address)];
    language.fill(text, &values)
}

/// Returns why there is no server at `page`; the server's own address was found.
fn not_found(reason: &NoServer, address: &str, page: &str, language: Language) -> String {
    let (text, address) = match reason {
        NoServer::Unreachable(_) | NoServer::TimedOut => (Text::TestNoAnswer, page),
        NoServer::Status(_) | NoServer::NotRaa => (Text::TestNotRaa, page),
        NoServer::Https => (Text::TestHttps, address),
        NoServer::Url(_) | NoServer::Address(_) => (Text::TestNoPage, address),
    };
    language.fill(text, &[("address", &address)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tested(server: Result<ClientState, NoServer>) -> TestResult {
        TestResult {
            addresses: Ok(vec![
                "192.0.2.7:4010".parse().unwrap(),
                "[2001:db8::7]:4010".parse().unwrap(),
            ]),
            page_host: None,
            server: server.map(|client| RaaServer {
                version: "0.1.0".into(),
                address: "2001:db8::7".parse().unwrap(),
                client,
            }),
        }
    }

    #[track_caller]
    fn check(tested: &TestResult, expected: &str) {
        assert_eq!(sentence("raa.example", tested, Language::English), expected);
        let japanese = sentence("raa.example", tested, Language::Japanese);
        assert!(!japanese.is_ascii(), "{japanese}");
    }

    #[test]
    fn a_server_without_an_address_is_not_found() {
        let without_address = |reason| TestResult {
            addresses: Err(reason),
            page_host: None,
            server: Err(NoServer::TimedOut),
        };
        check(
            &without_address(NoAddress::Unknown("no such host".into())),
            "The name raa.example was not found.",
        );
        check(
            &without_address(NoAddress::TimedOut),
            "Looking up raa.example timed out.",
        );
    }

    #[test]
    fn every_reason_has_a_sentence() {
        let check = |reason, expected: &str| check(&tested(Err(reason)), expected);
        let no_response = "The RAA page at 192.0.2.7 does not respond.";
        check(NoServer::Unreachable("refused".into()), no_response);
        check(NoServer::TimedOut, no_response);
        let other = "192.0.2.7 is not an RAA server.";
        check(NoServer::NotRaa, other);
        check(NoServer::Status(404), other);
        check(
            NoServer::Https,
            "192.0.2.7 was found, but pages with https:// cannot be tested.",
        );
        let no_page = "192.0.2.7 was found, but the page in the settings file was not.";
        check(NoServer::Url("x".into()), no_page);
        check(NoServer::Address(NoAddress::TimedOut), no_page);
    }

    #[test]
    fn a_page_elsewhere_is_named_by_its_host() {
        let tested = TestResult {
            page_host: Some("proxy.example".into()),
            ..tested(Err(NoServer::TimedOut))
        };
        check(&tested, "The RAA page at proxy.example does not respond.");
    }

    #[test]
    fn every_client_state_has_a_sentence() {
        // The second address has answered.
        let raa = "Found RAA 0.1.0 at 2001:db8::7.";
        check(&tested(Ok(ClientState::Unknown)), raa);
        let check = |state, rest: &str| check(&tested(Ok(state)), &format!("{raa} {rest}"));
        let nothing = "It receives nothing from this computer yet.";
        check(
            ClientState::Sounding,
            "It receives sound from this computer.",
        );
        check(
            ClientState::Connected,
            "This computer is connected and silent.",
        );
        let taken = ClientState::Taken("192.0.2.9".parse().unwrap());
        check(taken, "Another computer has the same number.");
        check(ClientState::Unlisted, nothing);
        check(ClientState::Offline, nothing);
    }
}
