//! Settings of the tasks service.

use clap::Args;
use platform::settings::OpenIdSettings;
use platform_mail::MailSettings;

/// All of them.
#[derive(Debug, Clone, Default, Args)]
pub struct TasksSettings {
    /// Mail to users.
    #[command(flatten)]
    pub mail: MailSettings,
    /// Providers to sign in with.
    #[command(flatten)]
    pub openid: OpenIdSettings,
    /// How accounts are deleted.
    #[command(flatten)]
    pub deletion: DeletionSettings,
}

/// How accounts are deleted.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Accounts")]
pub struct DeletionSettings {
    /// Days after which an account is erased whose user has deleted it; until then the deletion can be cancelled
    #[arg(long, env = "ACCOUNT_DELETION_GRACE_DAYS", default_value_t = Self::DEFAULT_GRACE_DAYS, value_parser = clap::value_parser!(u16).range(0..=90))]
    pub account_deletion_grace_days: u16,
}

impl DeletionSettings {
    const DEFAULT_GRACE_DAYS: u16 = 14;
}

impl Default for DeletionSettings {
    fn default() -> Self {
        Self { account_deletion_grace_days: Self::DEFAULT_GRACE_DAYS }
    }
}
