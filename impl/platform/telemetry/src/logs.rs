//! Logs: one line per event, as JSON or plain text, on standard output.
//!
//! That an event is one line is ensured in one place, where lines are written: no value, a client's input included, can start
//! another line or send escape sequences to a terminal. There are no colours, so there is nothing to turn off. The same place
//! adds the request id and the trace to every event that is logged while a request is processed.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::panic::{self, PanicHookInfo};

use contract::RequestId;
use platform_settings::{AppSettings, InvalidSettings, LogFormat, LogSettings};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use crate::notices;
use crate::traces::TraceContext;

/// The request that the current task processes, and its trace; `None` outside of requests.
pub type CurrentRequest = fn() -> Option<(RequestId, Option<TraceContext>)>;

/// Starts logging for the whole process, of panics as well; lines get the ids of the `current` request. Later calls do nothing.
///
/// # Errors
/// When the filter cannot be parsed.
pub fn start(app: &AppSettings, settings: &LogSettings, current: CurrentRequest) -> Result<(), InvalidSettings> {
    let directives = if app.debug { format!("debug,{}", settings.log_filter) } else { settings.log_filter.clone() };
    let filter =
        EnvFilter::try_new(directives).map_err(|error| InvalidSettings(format!("RUST_LOG is invalid: {error}")))?;
    let format = settings.log_format;
    let lines = fmt::layer().with_ansi(false).with_writer(move || OneLine { format, current, to: io::stdout() });
    let lines = match format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
        LogFormat::Text => lines.boxed(),
    };
    let subscriber = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(notices::Notices.with_filter(notices::filter()));
    match tracing::subscriber::set_global_default(subscriber) {
        Ok(()) => panic::set_hook(Box::new(panicked)),
        Err(_) => tracing::debug!("logging already initialized"),
    }
    Ok(())
}

/// Logs a panic as an event. Its message may contain client input, and line breaks.
fn panicked(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let words = panic.payload_as_str().unwrap_or("no message");
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(target: "panic", place, backtrace, "panic: {words}");
}

/// Writes each buffer as one line: an event and the line feed after it.
struct OneLine<W> {
    format: LogFormat,
    current: CurrentRequest,
    to: W,
}

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let request = (self.current)().map(|(id, trace)| of_request(self.format, &id, trace));
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        if request.is_none() && !line.chars().any(breaks) {
            self.to.write_all(event)?;
            return Ok(event.len());
        }
        let mut safe = escaped(line);
        if let Some(fields) = request {
            let end = match self.format {
                LogFormat::Json => safe.strip_suffix('}').map_or(safe.len(), str::len),
                LogFormat::Text => safe.len(),
            };
            safe.insert_str(end, &fields);
        }
        safe.push('\n');
        self.to.write_all(safe.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The fields that are added to events of a request. Ids contain nothing that needs escaping.
fn of_request(format: LogFormat, RequestId(id): &RequestId, trace: Option<TraceContext>) -> String {
    let fields = [("request_id", Some(id.to_string())), ("trace_id", trace.map(TraceContext::trace_id))];
    let written = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
    match format {
        LogFormat::Json => written.map(|(name, value)| format!(",\"{name}\":\"{value}\"")).collect(),
        LogFormat::Text => written.map(|(name, value)| format!(" {name}=\"{value}\"")).collect(),
    }
}

/// Whether a character ends a line for some reader, or starts an escape sequence of a terminal.
fn breaks(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

/// As JSON escapes, so that JSON stays JSON.
fn escaped(line: &str) -> String {
    let mut safe = String::with_capacity(line.len() + 8);
    for character in line.chars() {
        match character {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            other if breaks(other) => {
                let _ = write!(safe, "\\u{:04x}", u32::from(other));
            }
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(event: &str) -> String {
        let mut out = Vec::new();
        OneLine { format: LogFormat::Text, current: || None, to: &mut out }
            .write_all(event.as_bytes())
            .expect("memory takes it");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn whatever_a_value_holds_an_event_is_one_line() {
        assert_eq!(written("INFO all is well \u{e9}\n"), "INFO all is well \u{e9}\n");
        for (breaking, safe) in [
            ("a\nb", "a\\nb"),
            ("a\r\nb", "a\\r\\nb"),
            ("a\rb", "a\\rb"),
            ("a\u{85}b\u{2028}c\u{2029}d", "a\\u0085b\\u2028c\\u2029d"),
            ("\u{1b}[2Ja\u{b}\u{c}\0", "\\u001b[2Ja\\u000b\\u000c\\u0000"),
            ("\u{9b}31m\u{7f}", "\\u009b31m\\u007f"),
        ] {
            assert_eq!(written(&format!("{breaking}\n")), format!("{safe}\n"));
        }
    }
}
