//! To whom traces are told.

use clap::Args;

/// Traces, by OpenTelemetry's names.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Traces")]
pub struct TraceSettings {
    /// Collector that takes traces as OTLP by HTTP, such as http://collector:4318; without one nobody is told
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otel_exporter_otlp_endpoint: Option<String>,
    /// Share of the traces that begin here and are told, 0 to 1; those that began elsewhere are told if they were there
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", default_value_t = 1.0)]
    pub otel_traces_sampler_arg: f64,
}

impl TraceSettings {
    pub(crate) fn endpoint(&self) -> Option<&str> {
        self.otel_exporter_otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty())
    }

    pub(crate) fn ratio(&self) -> f64 {
        self.otel_traces_sampler_arg.clamp(0.0, 1.0)
    }
}
