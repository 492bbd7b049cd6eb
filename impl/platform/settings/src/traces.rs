//! Settings of trace export.

use clap::Args;
use http::Uri;

use crate::InvalidSettings;

/// Traces, by the names of OpenTelemetry.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Traces")]
pub struct TraceSettings {
    /// OpenTelemetry collector (OTLP over HTTP), such as http://collector:4318; without one traces are not exported
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otel_exporter_otlp_endpoint: Option<String>,
    /// Share of new traces that are sampled, 0 to 1; traces begun by the caller follow its sampling decision
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", default_value_t = 1.0)]
    pub otel_traces_sampler_arg: f64,
}

impl TraceSettings {
    /// Host and port of the collector, and the prefix of its paths; `None` without a collector.
    ///
    /// # Errors
    /// When it is not an HTTP address.
    pub fn collector(&self) -> Result<Option<(String, String)>, InvalidSettings> {
        let endpoint = self.otel_exporter_otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty());
        let Some(endpoint) = endpoint else { return Ok(None) };
        let uri: Option<Uri> = endpoint.parse().ok();
        let (Some("http"), Some(authority), Some(uri)) =
            (uri.as_ref().and_then(Uri::scheme_str), uri.as_ref().and_then(Uri::authority), uri.as_ref())
        else {
            let refusal = "OTEL_EXPORTER_OTLP_ENDPOINT must be an http:// URL such as http://collector:4318";
            return Err(InvalidSettings(refusal.into()));
        };
        let port = authority.port_u16().unwrap_or(4318);
        Ok(Some((format!("{}:{port}", authority.host()), uri.path().trim_end_matches('/').to_owned())))
    }

    /// The share of traces that are sampled, from 0 to 1.
    pub fn ratio(&self) -> f64 {
        self.otel_traces_sampler_arg.clamp(0.0, 1.0)
    }
}
