//! Handlers of logins and of one's own account.

use platform::Result;
use platform::identity::Principal;
use shop_api::apis::users::{GetMeResponse, Users};

use crate::ShopService;

platform::login_endpoints!(ShopService, shop_api {});

impl Users for ShopService {
    async fn get_me(&self, caller: Principal) -> Result<GetMeResponse> {
        let user = self.accounts.current_user(&caller).await?;
        Ok(GetMeResponse::Ok(platform::user_model!(shop_api, user)))
    }
}
