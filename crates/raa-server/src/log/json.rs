//! Formats one log line as a JSON object.
//!
//! The JSON of tracing-subscriber calls the text `message` and nests the fields; operators can search
//! and chart flat objects more easily.

use std::fmt::{self, Write as _};
use std::time::SystemTime;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Formats events as flat JSON objects. Spans are ignored; the server has none.
pub(super) struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = event.metadata().level();
        writer.write_str(&line(SystemTime::now(), *level, &fields))
    }
}

/// Returns the line that reports `count` dropped lines.
pub(super) fn dropped_lines(count: u64) -> String {
    let mut fields = Fields::default();
    fields
        .message
        .push_str("log lines were dropped because the reader of stdout is too slow");
    fields.push("dropped", &count.to_string());
    line(SystemTime::now(), Level::WARN, &fields)
}

/// Returns the line that reports `count` lines that could not be written.
pub(super) fn failed_lines(count: u64, reason: &str) -> String {
    let mut fields = Fields::default();
    fields
        .message
        .push_str("log lines are missing here because they could not be written");
    fields.push("dropped", &count.to_string());
    fields.push("reason", &quoted(reason));
    line(SystemTime::now(), Level::WARN, &fields)
}

fn line(time: SystemTime, level: Level, fields: &Fields) -> String {
    format!(
        "{{\"time\":\"{}\",\"level\":\"{}\",\"msg\":{}{}}}\n",
        humantime::format_rfc3339_millis(time),
        level.as_str().to_ascii_lowercase(),
        quoted(&fields.message),
        fields.rest,
    )
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[derive(Default)]
struct Fields {
    message: String,
    /// The other fields, each as `,"name":value`.
    rest: String,
}

impl Fields {
    fn push(&mut self, name: &str, json: &str) {
        let _ = write!(self.rest, ",{}:{json}", quoted(name));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "message" => self.message = text,
            name => self.push(name, &quoted(&text)),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = value.to_owned(),
            name => self.push(name, &quoted(value)),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // Three decimals are enough for milliseconds. Infinity and NaN become null.
        let rounded = (value * 1000.0).round() / 1000.0;
        self.push(field.name(), &serde_json::Value::from(rounded).to_string());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field.name(), &value.to_string());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field.name(), &value.to_string());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field.name(), &value.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing_subscriber::layer::SubscriberExt as _;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(log: impl FnOnce()) -> String {
        let memory = Memory::default();
        let writer = memory.clone();
        let layer = tracing_subscriber::fmt::layer()
            .event_format(JsonLines)
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        String::from_utf8(memory.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn fields_are_at_the_top_with_their_types() {
        let text = logged(|| {
            let (mean_ms, nan) = (0.123_456_f64, f64::NAN);
            tracing::info!(
                mean_ms,
                nan,
                slots = -3,
                big = u64::MAX,
                on = true,
                "mix cycle stats"
            );
        });
        assert!(
            text.starts_with("{\"time\":\"2") && text.ends_with("}\n"),
            "{text}"
        );
        let mut line: Value = serde_json::from_str(&text).unwrap();
        let time = line.as_object_mut().unwrap().remove("time").unwrap();
        let (time, zone) = time.as_str().unwrap().split_at(23);
        assert!(time.as_bytes()[19] == b'.' && zone == "Z", "{time}{zone}");
        let expected = json!({"level": "info", "msg": "mix cycle stats", "mean_ms": 0.123,
            "nan": null, "slots": -3, "big": u64::MAX, "on": true});
        assert_eq!(line, expected);
    }

    #[test]
    fn hostile_text_stays_in_its_string() {
        let text = logged(|| {
            let name = "a\"b\n\u{1b}[31m";
            tracing::warn!(name, from = ?name, "of {name}");
        });
        assert_eq!(text.lines().count(), 1);
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["name"], "a\"b\n\u{1b}[31m");
        assert_eq!(line["msg"], "of a\"b\n\u{1b}[31m");
        assert_eq!(line["from"], format!("{:?}", "a\"b\n\u{1b}[31m"));
    }

    #[test]
    fn the_line_about_dropped_lines_is_json() {
        let line: Value = serde_json::from_str(&dropped_lines(7)).unwrap();
        assert_eq!(
            (&line["dropped"], &line["level"]),
            (&json!(7), &json!("warn"))
        );
    }
}
