//! What a process calls itself, and what it logs.

use clap::{Args, ValueEnum};

/// Name, version and kind of deployment.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Deployment")]
pub struct AppSettings {
    /// Name of the service in /health and logs; default: the name of the role
    #[arg(long, env = "APP_NAME")]
    pub app_name: Option<String>,
    /// Version in /health; default: the version of the API
    #[arg(long, env = "APP_VERSION")]
    pub app_version: Option<String>,
    /// Also log at level debug
    #[arg(long, env = "DEBUG", value_parser = clap::builder::BoolishValueParser::new(), default_value = "false",
          default_missing_value = "true", num_args = 0..=1, require_equals = true)]
    pub debug: bool,
}

/// Level and format of logs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
pub struct LogSettings {
    /// Format of log lines
    #[arg(long, env = "LOG_FORMAT", value_enum, ignore_case = true, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
    /// Log level, or directives such as `info,access=warn`
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log_filter: String,
}

/// Format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// Plain text.
    Text,
}
