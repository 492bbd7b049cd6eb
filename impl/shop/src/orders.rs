//! Handlers of orders.

use shop_api::apis::orders::Orders;

use crate::ShopService;

impl Orders for ShopService {}
