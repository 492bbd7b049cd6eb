//! Handlers of logins and of one's own account.

use analytics_api::apis::users::{GetMeResponse, Users};
use platform::Result;
use platform::identity::Principal;

use crate::AnalyticsService;

platform::login_endpoints!(AnalyticsService, analytics_api {});

impl Users for AnalyticsService {
    async fn get_me(&self, caller: Principal) -> Result<GetMeResponse> {
        let user = self.accounts.current_user(&caller).await?;
        Ok(GetMeResponse::Ok(platform::user_model!(analytics_api, user)))
    }
}
