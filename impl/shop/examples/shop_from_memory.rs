//! The shop as the server runs it, but orders are created in memory and not kept: routing, identity, limits, logs, decoding,
//! fingerprints and encoding without storage. Products are read once. Settings are the server's own.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{SubsecRound, Utc};
use contract::{Answer, Once, Operation, Problem, Quota};
use platform::identity::{Accounts, Principal};
use platform::{Database, Error, Result};
use shop_api::apis::orders;
use shop_api::models;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct FromMemory {
    accounts: Accounts,
    products: HashMap<i64, Product>,
    /// As if the database had counted.
    last_order: AtomicI64,
}

struct Product {
    sku: String,
    name: String,
    price_cents: i64,
    currency: String,
}

impl contract::Api for FromMemory {
    type Caller = Principal;
    type Error = Error;

    async fn authenticate(&self, token: &str) -> Result<Principal> {
        self.accounts.authenticate(token).await
    }

    /// No limits in a measurement.
    async fn admit(&self, _: &'static Operation, _: Option<&Principal>) -> Result<Vec<Quota>> {
        Ok(Vec::new())
    }
}

impl orders::Orders for FromMemory {
    async fn create_order(
        &self,
        caller: Principal,
        params: orders::CreateOrderParams,
        body: models::OrderCreate,
    ) -> Result<Once<orders::CreateOrderResponse>> {
        let body = self.order(caller.user_id(), &body)?;
        let answer = orders::CreateOrderResponse::Created { location: format!("/api/v2/orders/{}", body.id), body };
        Ok(match params.idempotency_key.sent() {
            None => Once::Fresh(answer),
            Some(_) => Once::Encoded(answer.into_reply()?),
        })
    }

    async fn cancel_order(
        &self,
        _: Principal,
        _: orders::CancelOrderParams,
    ) -> Result<contract::Once<orders::CancelOrderResponse>> {
        Err(unmeasured())
    }

    async fn get_order(&self, _: Principal, _: orders::GetOrderParams) -> Result<orders::GetOrderResponse> {
        Err(unmeasured())
    }

    async fn get_order_timeline(
        &self,
        _: Principal,
        _: orders::GetOrderTimelineParams,
    ) -> Result<orders::GetOrderTimelineResponse> {
        Err(unmeasured())
    }

    async fn list_orders(&self, _: Principal, _: orders::ListOrdersParams) -> Result<orders::ListOrdersResponse> {
        Err(unmeasured())
    }

    async fn pay_order(
        &self,
        _: Principal,
        _: orders::PayOrderParams,
    ) -> Result<contract::Once<orders::PayOrderResponse>> {
        Err(unmeasured())
    }

    async fn stream_order_events(
        &self,
        _: Principal,
        _: orders::StreamOrderEventsParams,
    ) -> Result<orders::StreamOrderEventsResponse> {
        Err(unmeasured())
    }
}

/// The response of an operation that is not measured.
fn unmeasured() -> Error {
    Problem::not_implemented().into()
}

impl FromMemory {
    fn order(&self, user_id: i64, wanted: &models::OrderCreate) -> Result<models::Order> {
        let id = self.last_order.fetch_add(1, Ordering::Relaxed) + 1;
        let (mut items, mut total_cents, mut currency) = (Vec::with_capacity(wanted.items.len()), 0, "");
        for item in &wanted.items {
            let product = self
                .products
                .get(&item.product_id)
                .ok_or_else(|| Problem::not_found("product_not_found", "Product not found."))?;
            currency = &product.currency;
            total_cents += item.quantity * product.price_cents;
            items.push(models::OrderItem {
                id,
                product_id: item.product_id,
                sku: product.sku.clone(),
                name: product.name.clone(),
                quantity: item.quantity,
                unit_price_cents: product.price_cents,
            });
        }
        let now = Utc::now().trunc_subsecs(6);
        let (status, currency) = (models::OrderStatus::Pending, currency.to_owned());
        let (created_at, updated_at) = (now, now);
        Ok(models::Order {
            id,
            user_id: Some(user_id),
            status,
            reason: None,
            total_cents,
            currency,
            items,
            expires_at: None,
            created_at,
            updated_at,
        })
    }
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    bench::from_memory::serve("shop", shop::DOCUMENT, async |_, database, accounts| {
        let products = products(&database).await?;
        let service = FromMemory { accounts, products, last_order: AtomicI64::new(100_000) };
        Ok(orders::routes().router(Arc::new(service)))
    })
    .await
}

async fn products(database: &Database) -> Result<HashMap<i64, Product>> {
    const SQL: &str = "SELECT id, sku, name, price_cents, currency FROM products WHERE deleted_at IS NULL";
    let rows: Vec<(i64, String, String, i64, String)> = sqlx::query_as(SQL).fetch_all(database.reads()).await?;
    let product = |(id, sku, name, price_cents, currency)| (id, Product { sku, name, price_cents, currency });
    Ok(rows.into_iter().map(product).collect())
}
