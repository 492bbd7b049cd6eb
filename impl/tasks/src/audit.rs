//! Handlers and SQL of the audit log, for superusers.

use platform::identity::Principal;
use platform::page::{Key, Kind, Order, Page, fingerprint};
use platform::{Result, read, sql_shapes};
use sqlx::{Postgres, QueryBuilder};
use tasks_api::apis::audit::{Audit, ListAuditEventsParams, ListAuditEventsResponse};
use tasks_api::models::AuditEvent;

use crate::TasksService;

impl Audit for TasksService {
    async fn list_audit_events(&self, _: Principal, params: ListAuditEventsParams) -> Result<ListAuditEventsResponse> {
        let rows = page_sql(&params)?.build().fetch_all(self.database.reads()).await?;
        let mut body = rows.iter().map(read).collect::<sqlx::Result<Vec<AuditEvent>>>()?;
        let x_next_cursor = page(&params).cut(&mut body, |event| (Key::Id, event.id));
        Ok(ListAuditEventsResponse::Ok { body, x_next_cursor })
    }
}

fn page_sql(params: &ListAuditEventsParams) -> Result<QueryBuilder<Postgres>> {
    let mut sql = QueryBuilder::new(
        "SELECT e.id, e.created_at, e.actor_id, host(e.address) AS address, e.action, e.object_type, e.object_id, e.request_id
         FROM audit_events e WHERE TRUE",
    );
    filter(&mut sql, params);
    page(params).finish(&mut sql, "e.id")?;
    Ok(sql)
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

sql_shapes!(|| {
    let all = ListAuditEventsParams {
        skip: 0,
        limit: 1,
        cursor: None,
        actor_id: None,
        action: None,
        object_type: None,
        object_id: None,
        since: None,
        until: None,
    };
    let filtered = ListAuditEventsParams {
        skip: 1,
        actor_id: Some(1),
        action: Some(String::new()),
        object_type: Some(String::new()),
        object_id: Some(String::new()),
        since: Some(contract::EARLIEST),
        until: Some(contract::EARLIEST),
        ..all.clone()
    };
    let shapes = |params: ListAuditEventsParams| {
        page(&params).shapes(|cursor| page_sql(&ListAuditEventsParams { cursor, ..params.clone() }))
    };
    [all, filtered].into_iter().flat_map(shapes).collect()
});
