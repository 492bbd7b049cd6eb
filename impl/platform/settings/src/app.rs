//! What a process calls itself, and what it logs.

use clap::{Args, ValueEnum};

/// Name, version and kind of deployment.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Deployment")]
pub struct AppSettings {
    /// Name shown by /health and the logs instead of the role's own
    #[arg(long, env = "APP_NAME")]
    pub app_name: Option<String>,
    /// Version shown by /health instead of the program's own
    #[arg(long, env = "APP_VERSION")]
    pub app_version: Option<String>,
    /// Log debug events as well
    #[arg(long, env = "DEBUG", value_parser = clap::builder::BoolishValueParser::new(), default_value = "false",
          default_missing_value = "true", num_args = 0..=1, require_equals = true)]
    pub debug: bool,
}

/// What is logged, and in which form.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
pub struct LogSettings {
    /// Form of a log line
    #[arg(long, env = "LOG_FORMAT", value_enum, ignore_case = true, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
    /// What is logged: a level, or directives such as `info,access=warn`
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log_filter: String,
}

/// Form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}
