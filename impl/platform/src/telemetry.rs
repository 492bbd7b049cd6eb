//! Logs: one line an event, as JSON or for people, on standard output.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::Subscriber;

use crate::settings::{AppSettings, InvalidSettings, LogFormat, LogSettings};

/// Starts logging for the whole process. Later calls change nothing.
///
/// # Errors
/// When the filter cannot be parsed.
pub fn start(app: &AppSettings, settings: &LogSettings) -> Result<(), InvalidSettings> {
    let directives = if app.debug { format!("debug,{}", settings.log_filter) } else { settings.log_filter.clone() };
    let filter = EnvFilter::try_new(directives)
        .map_err(|error| InvalidSettings(format!("RUST_LOG cannot be understood: {error}")))?;
    let subscriber = Subscriber::builder().with_env_filter(filter);
    let started = match settings.log_format {
        LogFormat::Json => {
            let subscriber = subscriber.json().flatten_event(true).with_current_span(false).with_span_list(false);
            tracing::subscriber::set_global_default(subscriber.finish())
        }
        LogFormat::Text => tracing::subscriber::set_global_default(subscriber.finish()),
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
    Ok(())
}
