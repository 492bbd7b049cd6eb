//! Handlers and SQL of the audit log, for superusers.

use platform::identity::Principal;
use platform::page::{Key, Kind, Order, Page, fingerprint};
use platform::{Columns, Result};
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder};
use tasks_api::apis::audit::{Audit, ListAuditEventsParams, ListAuditEventsResponse};
use tasks_api::models::AuditEvent;

use crate::TasksService;

impl Audit for TasksService {
    async fn list_audit_events(&self, _: Principal, params: ListAuditEventsParams) -> Result<ListAuditEventsResponse> {
        const SQL: &str = "SELECT e.id, e.created_at, e.actor_id, host(e.address), e.action, e.object_type, e.object_id, \
                           e.request_id FROM audit_events e WHERE TRUE";
        let page = page(&params);
        let mut sql = QueryBuilder::new(SQL);
        filter(&mut sql, &params);
        page.finish(&mut sql, "e.id")?;
        let rows = sql.build().fetch_all(self.database.reads()).await?;
        let mut body = rows.iter().map(event).collect::<sqlx::Result<Vec<_>>>()?;
        let x_next_cursor = page.cut(&mut body, |event| (Key::Id, event.id));
        Ok(ListAuditEventsResponse::Ok { body, x_next_cursor })
    }
}

fn page(params: &ListAuditEventsParams) -> Page<'_> {
    let ListAuditEventsParams { actor_id, action, object_type, object_id, since, until, .. } = params;
    Page {
        list: fingerprint(("audit_events", actor_id, action, object_type, object_id, since, until)),
        order: Order { name: "-id", key: "e.id", kind: Kind::Id, descending: true },
        cursor: params.cursor.as_deref(),
        skip: params.skip,
        limit: params.limit,
    }
}

fn filter(sql: &mut QueryBuilder<Postgres>, params: &ListAuditEventsParams) {
    if let Some(actor) = params.actor_id {
        sql.push(" AND e.actor_id = ").push_bind(actor);
    }
    if let Some(action) = &params.action {
        sql.push(" AND e.action = ").push_bind(action.clone());
    }
    if let Some(kind) = &params.object_type {
        sql.push(" AND e.object_type = ").push_bind(kind.clone());
    }
    if let Some(id) = &params.object_id {
        sql.push(" AND e.object_id = ").push_bind(id.clone());
    }
    if let Some(since) = params.since {
        sql.push(" AND e.created_at >= ").push_bind(since);
    }
    if let Some(until) = params.until {
        sql.push(" AND e.created_at < ").push_bind(until);
    }
}

fn event(row: &PgRow) -> sqlx::Result<AuditEvent> {
    let mut columns = Columns::of(row);
    Ok(AuditEvent {
        id: columns.take()?,
        created_at: columns.take()?,
        actor_id: columns.take()?,
        address: columns.take()?,
        action: columns.take()?,
        object_type: columns.take()?,
        object_id: columns.take()?,
        request_id: columns.take()?,
    })
}
