//! Handlers of orders.

use contract::{Once, Problem};
use platform::http::Sender;
use platform::identity::{Principal, caller_is_gone};
use platform::{OnConstraint, Result};
use shop_api::apis::orders::{
    CancelOrderParams, CancelOrderResponse, CreateOrderParams, CreateOrderResponse, GetOrderParams, GetOrderResponse,
    GetOrderTimelineParams, GetOrderTimelineResponse, ListOrdersParams, ListOrdersResponse, Orders, PayOrderParams,
    PayOrderResponse, StreamOrderEventsParams, StreamOrderEventsResponse,
};
use shop_api::models::OrderCreate;

use crate::live::Events;
use crate::{ShopService, event_queries, live, order_list, order_queries};

/// Most events of a timeline; the document's limit.
const TIMELINE: i64 = 1_000;

impl Orders for ShopService {
    async fn list_orders(&self, caller: Principal, params: ListOrdersParams) -> Result<ListOrdersResponse> {
        let (body, x_next_cursor) = order_list::list(self.database.reads(), &caller, &params).await?;
        let x_total_count = match params.count {
            true => Some(order_list::count(self.database.reads(), &caller, &params).await?),
            false => None,
        };
        Ok(ListOrdersResponse::Ok { body, x_total_count, x_next_cursor })
    }

    async fn create_order(
        &self,
        caller: Principal,
        params: CreateOrderParams,
        body: OrderCreate,
    ) -> Result<Once<CreateOrderResponse>> {
        let trace = Sender::current_trace();
        let accepted = self
            .database
            .write_once_idempotent(caller.user_id(), params.idempotency_key, move |mut tx| async move {
                let body = order_queries::insert(&mut tx, &caller, &body, trace)
                    .await
                    .on_constraint("orders_user_id_fkey", caller_is_gone)?;
                Ok(CreateOrderResponse::Created { location: format!("/api/v2/orders/{}", body.id), body })
            })
            .await?;
        self.pipeline.outbox().wake();
        Ok(accepted)
    }

    async fn get_order(&self, caller: Principal, params: GetOrderParams) -> Result<GetOrderResponse> {
        let order = order_queries::find(self.database.reads(), &caller, params.order_id).await?;
        Ok(GetOrderResponse::Ok(order.ok_or_else(not_found)?))
    }

    async fn pay_order(&self, caller: Principal, params: PayOrderParams) -> Result<Once<PayOrderResponse>> {
        let id = params.order_id;
        let paid = self
            .database
            .write_once_idempotent(caller.user_id(), params.idempotency_key, move |mut tx| async move {
                match order_queries::pay(&mut tx, &caller, id).await? {
                    Some(order) => Ok(PayOrderResponse::Ok(order)),
                    None => Err(refusal(order_queries::find(&mut *tx, &caller, id).await?.is_some()).into()),
                }
            })
            .await?;
        self.pipeline.announce(&[id]);
        Ok(paid)
    }

    async fn cancel_order(&self, caller: Principal, params: CancelOrderParams) -> Result<Once<CancelOrderResponse>> {
        let id = params.order_id;
        let cancelled = self
            .database
            .write_once_idempotent(caller.user_id(), params.idempotency_key, move |mut tx| async move {
                match order_queries::cancel(&mut tx, &caller, id).await? {
                    Some(order) => Ok(CancelOrderResponse::Ok(order)),
                    None => Err(refusal(order_queries::find(&mut *tx, &caller, id).await?.is_some()).into()),
                }
            })
            .await?;
        self.pipeline.announce(&[id]);
        Ok(cancelled)
    }

    async fn get_order_timeline(
        &self,
        caller: Principal,
        params: GetOrderTimelineParams,
    ) -> Result<GetOrderTimelineResponse> {
        let timeline = event_queries::events(self.database.reads(), &caller, params.order_id, 0, TIMELINE).await?;
        Ok(GetOrderTimelineResponse::Ok(timeline.ok_or_else(not_found)?.events))
    }

    async fn stream_order_events(
        &self,
        caller: Principal,
        params: StreamOrderEventsParams,
    ) -> Result<StreamOrderEventsResponse> {
        match live::events(&self.database, self.pipeline.live(), caller, &params).await? {
            Events::Stream(events) => Ok(StreamOrderEventsResponse::Ok(events)),
            Events::Over => Ok(StreamOrderEventsResponse::NoContent),
            Events::Missing => Err(not_found().into()),
        }
    }
}

/// Why nothing was changed: the order is not there for the caller, or it is in another state.
fn refusal(there: bool) -> Problem {
    match there {
        // Not 409: deployed clients look for this status.
        true => Problem::bad_request("order_state_conflict", "The status of the order does not allow this operation."),
        false => not_found(),
    }
}

fn not_found() -> Problem {
    Problem::not_found("order_not_found", "Order not found.")
}
