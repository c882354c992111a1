//! The log as CSV (RFC 4180), for spreadsheets. Pure.
//!
//! Always: a name that somebody has chosen can't become a formula.

use super::super::model::rfc_3339;
use crate::watch::entry::{By, Entry};

const HEAD: &str =
    "id,at,kind,client,name,ended,peak_dbfs,count,by,by_address,from,to,seen_by,seen_at,undone\r\n";

/// Writes entries in their order.
pub(super) fn text(entries: &[Entry]) -> Vec<u8> {
    let mut text = HEAD.to_owned();
    for entry in entries {
        let name = |by: &Option<By>| by.as_ref().map_or_else(String::new, |by| cell(&by.name));
        let address = entry.by.as_ref().and_then(|by| by.address);
        let cells = [
            entry.id.to_string(),
            rfc_3339(entry.at_ms),
            entry.kind.word().to_owned(),
            entry.client.map_or_else(String::new, |id| id.to_string()),
            cell(&entry.name),
            entry.ended_ms.map_or_else(String::new, rfc_3339),
            entry
                .peak_dbfs
                .map_or_else(String::new, |peak| peak.to_string()),
            entry.count.to_string(),
            name(&entry.by),
            address.map_or_else(String::new, |address| address.to_string()),
            value(&entry.from),
            value(&entry.to),
            name(&entry.seen_by),
            entry.seen_at_ms.map_or_else(String::new, rfc_3339),
            entry.undone.to_string(),
        ];
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text.into_bytes()
}

fn value(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => cell(text),
        serde_json::Value::Number(number) => number.to_string(),
        other => cell(&other.to_string()),
    }
}

/// Quotes a text if it must be.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ClientId;
    use crate::watch::entry::Kind;

    #[test]
    fn every_entry_is_a_line() {
        let sound = Entry {
            client: Some(ClientId(7)),
            name: "=cmd|'/C calc'!A0".into(),
            ended_ms: Some(1_795_920_251_123),
            peak_dbfs: Some(-12.5),
            ..Entry::new(8, 1_795_920_250_123, Kind::Sound)
        };
        let muted = Entry {
            name: "Ward 3, \"north\"".into(),
            by: Some(By::host([192, 0, 2, 7].into(), Some("Night shift"))),
            from: 100.into(),
            to: serde_json::json!({"muted": true}),
            ..Entry::new(9, 0, Kind::Muted)
        };
        let text = String::from_utf8(text(&[sound, muted])).unwrap();
        let lines: Vec<&str> = text.split_terminator("\r\n").collect();
        assert_eq!(
            lines[1],
            "8,2026-11-29T02:44:10.123Z,sound,00000007,'=cmd|'/C calc'!A0,\
             2026-11-29T02:44:11.123Z,-12.5,1,,,,,,,false"
        );
        assert_eq!(
            lines[2],
            "9,1970-01-01T00:00:00.000Z,muted,,\"Ward 3, \"\"north\"\"\",,,1,Night shift,192.0.2.7,\
             100,\"{\"\"muted\"\":true}\",,,false"
        );
        let columns = lines[0].split(',').count();
        assert_eq!((lines.len(), columns), (3, 15));
    }
}
