//! The shop service. So far it knows its users; everything else its document promises answers 501.

use contract::Service;
use platform::identity::{Accounts, Principal};
use platform::{Error, Result};
use shop_api::apis;
use shop_api::apis::users::GetMeResponse;

pub use shop_api::{DOCUMENT, OPERATIONS, router};

/// The service: what its handlers work with.
#[derive(Clone)]
pub struct ShopService {
    accounts: Accounts,
}

impl ShopService {
    /// A service for the holders of accounts.
    pub fn new(accounts: Accounts) -> Self {
        Self { accounts }
    }
}

impl Service for ShopService {
    type Caller = Principal;
    type Error = Error;

    async fn authenticate(&self, token: &str) -> Result<Principal> {
        self.accounts.authenticate(token).await
    }
}

platform::login_endpoints!(ShopService, shop_api {});

impl apis::users::Users for ShopService {
    async fn get_me(&self, caller: Principal) -> Result<GetMeResponse> {
        let user = self.accounts.current_user(&caller).await?;
        Ok(GetMeResponse::Ok(platform::user_model!(shop_api, user)))
    }
}

impl apis::operations::Operations for ShopService {}
impl apis::orders::Orders for ShopService {}
impl apis::products::Products for ShopService {}
