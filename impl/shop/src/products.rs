//! Handlers of products.

use shop_api::apis::products::Products;

use crate::ShopService;

impl Products for ShopService {}
