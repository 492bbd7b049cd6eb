//! Handlers of products.

use contract::{Problem, if_match};
use platform::audit::{Action, Entry};
use platform::identity::Principal;
use platform::{OnConstraint, Result, Transaction};
use shop_api::apis::products::{
    AdjustStockParams, AdjustStockResponse, CreateProductResponse, DeleteProductParams, DeleteProductResponse,
    GetProductParams, GetProductResponse, ListProductsParams, ListProductsResponse, PatchProductParams,
    PatchProductResponse, Products,
};
use shop_api::models::{Product, ProductCreate, ProductUpdate, StockChange, StockEntryKind};

use crate::{ShopService, product_queries, stock_queries};

/// The largest stock of a product, including what orders may still release.
const MOST_STOCK: i64 = 1_000_000_000;

impl Products for ShopService {
    async fn list_products(&self, params: ListProductsParams) -> Result<ListProductsResponse> {
        let (body, x_next_cursor) = product_queries::list(self.database.reads(), &params).await?;
        let x_total_count = match params.count {
            true => Some(product_queries::count(self.database.reads(), &params).await?),
            false => None,
        };
        Ok(ListProductsResponse::Ok { body, x_total_count, x_next_cursor })
    }

    async fn create_product(&self, _: Principal, body: ProductCreate) -> Result<CreateProductResponse> {
        let created =
            self.database.write_once(move |mut tx| async move { product_queries::insert(&mut tx, &body).await }).await;
        let body = sku_is_free(created)?;
        Ok(CreateProductResponse::Created { location: format!("/api/v2/products/{}", body.id), body })
    }

    async fn get_product(&self, params: GetProductParams) -> Result<GetProductResponse> {
        let product = product_queries::find(self.database.reads(), params.product_id).await?;
        Ok(GetProductResponse::Ok(product.ok_or_else(product_not_found)?))
    }

    async fn patch_product(
        &self,
        _: Principal,
        params: PatchProductParams,
        body: ProductUpdate,
    ) -> Result<PatchProductResponse> {
        let PatchProductParams { product_id, if_match: condition } = params;
        let changed = self
            .database
            .write(move |mut tx| async move {
                let current = locked(&mut tx, product_id).await?;
                if_match(condition.as_deref(), &current)?;
                let changed = product_queries::update(&mut tx, product_id, &body).await?;
                match body.stock {
                    Some(stock) => restock(&mut tx, changed, StockEntryKind::Adjust, stock - current.stock).await,
                    None => Ok(changed),
                }
            })
            .await;
        Ok(PatchProductResponse::Ok(sku_is_free(changed)?))
    }

    async fn delete_product(&self, caller: Principal, params: DeleteProductParams) -> Result<DeleteProductResponse> {
        let DeleteProductParams { product_id, if_match: condition } = params;
        let entry = Entry::of(&caller, Action::ProductDeleted, product_id);
        self.database
            .write(move |mut tx| async move {
                let current = locked(&mut tx, product_id).await?;
                if_match(condition.as_deref(), &current)?;
                product_queries::delete(&mut tx, product_id).await?;
                entry.write(&mut tx).await
            })
            .await?
            .tell();
        Ok(DeleteProductResponse::NoContent)
    }

    async fn adjust_stock(&self, _: Principal, params: AdjustStockParams) -> Result<AdjustStockResponse> {
        let AdjustStockParams { product_id, delta, kind } = params;
        let kind = booked_as(kind, delta);
        let product = self
            .database
            .write(move |mut tx| async move {
                let current = locked(&mut tx, product_id).await?;
                restock(&mut tx, current, kind, delta).await
            })
            .await?;
        Ok(AdjustStockResponse::Ok(product))
    }
}

async fn locked(tx: &mut Transaction, id: i64) -> Result<Product> {
    Ok(product_queries::lock(tx, id).await?.ok_or_else(product_not_found)?)
}

/// Changes the stock of a locked product, within its limits.
async fn restock(tx: &mut Transaction, current: Product, kind: StockEntryKind, delta: i64) -> Result<Product> {
    if delta == 0 {
        return Ok(current);
    }
    let stock = current.stock + delta;
    if stock < 0 {
        return Err(insufficient_stock().into());
    }
    // Reserved stock may be released at any time, and must fit.
    if delta > 0 && stock + stock_queries::held(tx, current.id).await? > MOST_STOCK {
        return Err(stock_limit().into());
    }
    stock_queries::change(tx, current.id, kind, delta).await
}

/// A decrease is never recorded as received.
fn booked_as(kind: StockChange, delta: i64) -> StockEntryKind {
    match kind {
        StockChange::Receive if delta >= 0 => StockEntryKind::Receive,
        _ => StockEntryKind::Adjust,
    }
}

/// Also one that differs in case, form or white space only (migration V023).
fn sku_is_free(result: Result<Product>) -> Result<Product> {
    let taken = || Problem::conflict("sku_taken", "A product with this SKU already exists.");
    result.on_constraint("products_sku_key", taken).on_constraint("products_sku_identity_key", taken)
}

fn insufficient_stock() -> Problem {
    Problem::conflict("insufficient_stock", "Insufficient stock.")
}

fn stock_limit() -> Problem {
    Problem::conflict("stock_limit", "The stock, reservations included, would exceed 1,000,000,000.")
}

/// The error response for a product that does not exist or is archived.
pub(crate) fn product_not_found() -> Problem {
    Problem::not_found("product_not_found", "Product not found.")
}
