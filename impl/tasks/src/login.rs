//! Handlers of signing up, in and out.

use platform::Result;
use platform::identity::Principal;
use tasks_api::apis::login::TestTokenResponse;

use crate::TasksService;

platform::login_endpoints!(TasksService, tasks_api {
    async fn test_token(&self, caller: Principal) -> Result<TestTokenResponse> {
        let user = self.accounts.current_user(&caller).await?;
        Ok(TestTokenResponse::Ok(platform::user_model!(tasks_api, user)))
    }
});
