//! W3C Trace Context: `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.

use std::fmt;

/// A position in a trace, the parent of the spans that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace: u128,
    span: u64,
    sampled: bool,
}

impl TraceContext {
    /// The root of a new trace.
    pub(super) fn new(sampled: bool) -> Self {
        // Zero is not a valid id.
        Self { trace: rand::random::<u128>() | 1, span: rand::random::<u64>() | 1, sampled }
    }

    /// Parses a `traceparent`; `None` when it is invalid. Later versions may have more fields.
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.trim().split('-');
        let mut field = |length: usize| {
            let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            fields.next().filter(|field| field.len() == length && field.bytes().all(hex))
        };
        let (version, trace, span, flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
        if version == "ff" || (version == "00" && fields.next().is_some()) {
            return None;
        }
        let (trace, span) = (u128::from_str_radix(trace, 16).ok()?, u64::from_str_radix(span, 16).ok()?);
        let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        (trace != 0 && span != 0).then_some(Self { trace, span, sampled })
    }

    /// The context in a request's header fields.
    pub fn of(headers: &http::HeaderMap) -> Option<Self> {
        headers.get("traceparent").and_then(|value| Self::parse(value.to_str().ok()?))
    }

    /// A new span of the same trace.
    pub(super) fn child(self) -> Self {
        Self { span: rand::random::<u64>() | 1, ..self }
    }

    /// The trace id, as in logs.
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace)
    }

    pub(super) fn span(self) -> u64 {
        self.span
    }

    /// Whether the trace is sampled, decided where it began.
    pub fn is_sampled(self) -> bool {
        self.sampled
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = TraceContext::parse(text).expect("one of the standard's own");
        assert_eq!(context.to_string(), text);
        assert!(context.is_sampled());
        let child = context.child();
        assert!(child.trace_id() == context.trace_id() && child.span() != context.span());
        let (begun, quiet) = (TraceContext::new(true), TraceContext::new(false));
        assert_eq!(TraceContext::parse(&begun.to_string()), Some(begun));
        assert!(!TraceContext::parse(&quiet.to_string()).expect("ours").is_sampled());
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-more";
        assert!(TraceContext::parse(later).is_some_and(TraceContext::is_sampled));
    }

    #[test]
    fn what_is_no_context_begins_none() {
        for text in [
            "",
            "00",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
    }
}
