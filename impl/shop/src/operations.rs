//! Handlers of operations.

use shop_api::apis::operations::Operations;

use crate::ShopService;

impl Operations for ShopService {}
