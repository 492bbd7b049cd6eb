//! Handlers for those who keep the shop running.

use contract::Problem;
use platform::audit::{Action, Entry};
use platform::identity::Principal;
use platform::{Result, Transaction};
use shop_api::apis::operations::{
    DiscardDeadLetterParams, DiscardDeadLetterResponse, GetDeadLetterParams, GetDeadLetterResponse, GetQueueResponse,
    ListDeadLettersParams, ListDeadLettersResponse, ListStockEntriesParams, ListStockEntriesResponse, Operations,
    RequeueDeadLetterParams, RequeueDeadLetterResponse,
};
use shop_api::models::{DeadLetter, DeadLetterState, QueueStatus};

use crate::pipeline::ORDER_CREATED;
use crate::products::product_not_found;
use crate::{ShopService, dead_letter_queries, product_queries, queue_queries, stock_queries};

impl Operations for ShopService {
    async fn list_stock_entries(
        &self,
        _: Principal,
        params: ListStockEntriesParams,
    ) -> Result<ListStockEntriesResponse> {
        let (body, x_next_cursor) = stock_queries::list(self.database.reads(), &params).await?;
        if body.is_empty() && !product_queries::exists(self.database.reads(), params.product_id).await? {
            return Err(product_not_found().into());
        }
        Ok(ListStockEntriesResponse::Ok { body, x_next_cursor })
    }

    async fn list_dead_letters(&self, _: Principal, params: ListDeadLettersParams) -> Result<ListDeadLettersResponse> {
        let (body, x_next_cursor) = dead_letter_queries::list(self.database.reads(), &params).await?;
        let x_total_count = match params.count {
            true => Some(dead_letter_queries::count(self.database.reads(), &params).await?),
            false => None,
        };
        Ok(ListDeadLettersResponse::Ok { body, x_total_count, x_next_cursor })
    }

    async fn get_dead_letter(&self, _: Principal, params: GetDeadLetterParams) -> Result<GetDeadLetterResponse> {
        let letter = dead_letter_queries::find(self.database.reads(), params.dead_letter_id).await?;
        Ok(GetDeadLetterResponse::Ok(letter.ok_or_else(dead_letter_not_found)?))
    }

    async fn discard_dead_letter(
        &self,
        caller: Principal,
        params: DiscardDeadLetterParams,
    ) -> Result<DiscardDeadLetterResponse> {
        let entry = Entry::of(&caller, Action::DeadLetterDiscarded, params.dead_letter_id);
        let (letter, written) = self
            .database
            .write(move |mut tx| async move {
                let letter = locked(&mut tx, params.dead_letter_id).await?;
                let letter = dead_letter_queries::settle(&mut tx, letter.id, DeadLetterState::Discarded).await?;
                Ok((letter, entry.write(&mut tx).await?))
            })
            .await?;
        written.tell();
        Ok(DiscardDeadLetterResponse::Ok(letter))
    }

    async fn requeue_dead_letter(
        &self,
        caller: Principal,
        params: RequeueDeadLetterParams,
    ) -> Result<RequeueDeadLetterResponse> {
        let entry = Entry::of(&caller, Action::DeadLetterRequeued, params.dead_letter_id);
        let (letter, written) = self
            .database
            .write(move |mut tx| async move {
                let letter = locked(&mut tx, params.dead_letter_id).await?;
                if let (ORDER_CREATED, Some(order)) = (&*letter.topic, letter.order_id) {
                    dead_letter_queries::reopen_order(&mut tx, order).await?;
                }
                // As if nobody had tried it yet.
                platform_outbox::put(&mut tx, &letter.topic, letter.order_id, &letter.payload, None).await?;
                let letter = dead_letter_queries::settle(&mut tx, letter.id, DeadLetterState::Requeued).await?;
                Ok((letter, entry.write(&mut tx).await?))
            })
            .await?;
        written.tell();
        self.pipeline.outbox().wake();
        Ok(RequeueDeadLetterResponse::Ok(letter))
    }

    async fn get_queue(&self, _: Principal) -> Result<GetQueueResponse> {
        let queue = self.pipeline.outbox().state().await?;
        let (pending_orders, oldest_seconds) = queue_queries::pending(self.database.reads()).await?;
        Ok(GetQueueResponse::Ok(QueueStatus {
            unpublished: queue.unpublished,
            pending_orders,
            oldest_seconds,
            dead_letters: queue.dead_letters,
            unread: queue.unread,
            in_progress: queue.in_progress,
        }))
    }
}

/// A dead letter nobody has decided about yet; until the transaction ends, nobody else can.
async fn locked(tx: &mut Transaction, id: i64) -> Result<DeadLetter> {
    let letter = dead_letter_queries::lock(tx, id).await?.ok_or_else(dead_letter_not_found)?;
    if letter.state != DeadLetterState::Waiting {
        return Err(
            Problem::conflict("dead_letter_settled", "The dead letter was already requeued or discarded.").into()
        );
    }
    Ok(letter)
}

fn dead_letter_not_found() -> Problem {
    Problem::not_found("dead_letter_not_found", "Dead letter not found.")
}
