//! The analytics service. So far it knows its users; everything else its document promises answers 501.

use analytics_api::apis;
use analytics_api::apis::users::GetMeResponse;
use contract::Service;
use platform::identity::{Accounts, Principal};
use platform::{Error, Result};

pub use analytics_api::{DOCUMENT, OPERATIONS, router};

/// The service: what its handlers work with.
#[derive(Clone)]
pub struct AnalyticsService {
    accounts: Accounts,
}

impl AnalyticsService {
    /// A service for the holders of accounts.
    pub fn new(accounts: Accounts) -> Self {
        Self { accounts }
    }
}

impl Service for AnalyticsService {
    type Caller = Principal;
    type Error = Error;

    async fn authenticate(&self, token: &str) -> Result<Principal> {
        self.accounts.authenticate(token).await
    }
}

platform::login_endpoints!(AnalyticsService, analytics_api {});

impl apis::users::Users for AnalyticsService {
    async fn get_me(&self, caller: Principal) -> Result<GetMeResponse> {
        let user = self.accounts.current_user(&caller).await?;
        Ok(GetMeResponse::Ok(platform::user_model!(analytics_api, user)))
    }
}

impl apis::analytics::Analytics for AnalyticsService {}
impl apis::ingest::Ingest for AnalyticsService {}
impl apis::seeding::Seeding for AnalyticsService {}
