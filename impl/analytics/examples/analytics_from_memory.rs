//! Analytics as the server runs it, but page views are acknowledged without being stored, and a ranking is constant:
//! routing, identity, limits, logs, decoding and encoding without storage. Settings are the server's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use analytics_api::apis::{analytics as queries, ingest};
use analytics_api::models::{BatchReceipt, PageView, PageViewCreate, PathCount};
use chrono::{SubsecRound, Utc};
use contract::{Problem, Rows};
use platform::identity::{Accounts, Principal};
use platform::{Error, Result};
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct FromMemory {
    accounts: Accounts,
    /// As if the database had counted.
    last_view: AtomicI64,
}

impl contract::Api for FromMemory {
    type Caller = Principal;
    type Error = Error;

    /// No limits in a measurement.
    async fn admit(&self, _: &'static contract::Operation, _: Option<&Principal>) -> Result<Vec<contract::Quota>> {
        Ok(Vec::new())
    }

    async fn authenticate(&self, token: &str) -> Result<Principal> {
        self.accounts.authenticate(token).await
    }
}

impl ingest::Ingest for FromMemory {
    async fn record_page_view(
        &self,
        _: Option<Principal>,
        view: PageViewCreate,
    ) -> Result<ingest::RecordPageViewResponse> {
        Ok(ingest::RecordPageViewResponse::Created(PageView {
            id: self.last_view.fetch_add(1, Ordering::Relaxed) + 1,
            path: view.path,
            user_id: view.user_id.flatten(),
            country: view.country.flatten(),
            created_at: Utc::now().trunc_subsecs(6),
            event_id: view.event_id.flatten().unwrap_or_else(Uuid::now_v7),
            duplicate: false,
            bot: None,
        }))
    }

    async fn record_page_views(
        &self,
        _: Option<Principal>,
        rows: Rows<PageViewCreate>,
    ) -> Result<ingest::RecordPageViewsResponse> {
        let (stored, duplicates, other, rejected) = (rows.accepted.len() as i64, 0, 0, Vec::new());
        Ok(ingest::RecordPageViewsResponse::Created(BatchReceipt { stored, duplicates, other, rejected }))
    }

    async fn erase_user(&self, _: Principal, _: ingest::EraseUserParams) -> Result<ingest::EraseUserResponse> {
        Err(unmeasured())
    }

    async fn erase_visitor(&self, _: Principal, _: ingest::EraseVisitorParams) -> Result<ingest::EraseVisitorResponse> {
        Err(unmeasured())
    }
}

impl queries::Analytics for FromMemory {
    async fn get_top_paths(&self, params: queries::GetTopPathsParams) -> Result<queries::GetTopPathsResponse> {
        let path = |place: i64| PathCount { path: format!("/seed/page-{place}"), count: 10_000 / place };
        Ok(queries::GetTopPathsResponse::Ok((1..=params.limit).map(path).collect()))
    }

    async fn export_page_views(
        &self,
        _: Principal,
        _: queries::ExportPageViewsParams,
    ) -> Result<queries::ExportPageViewsResponse> {
        Err(unmeasured())
    }

    async fn get_breakdown(&self, _: queries::GetBreakdownParams) -> Result<queries::GetBreakdownResponse> {
        Err(unmeasured())
    }

    async fn get_time_series(&self, _: queries::GetTimeSeriesParams) -> Result<queries::GetTimeSeriesResponse> {
        Err(unmeasured())
    }

    async fn get_top_paths_slow(&self, _: queries::GetTopPathsSlowParams) -> Result<queries::GetTopPathsSlowResponse> {
        Err(unmeasured())
    }

    async fn get_uniques(&self, _: queries::GetUniquesParams) -> Result<queries::GetUniquesResponse> {
        Err(unmeasured())
    }

    async fn stream_live(&self, _: queries::StreamLiveParams) -> Result<queries::StreamLiveResponse> {
        Err(unmeasured())
    }
}

/// The response of an operation that is not measured.
fn unmeasured() -> Error {
    Problem::not_implemented().into()
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    bench::from_memory::serve("analytics", analytics::DOCUMENT, async |_, _, accounts| {
        let service = Arc::new(FromMemory { accounts, last_view: AtomicI64::new(100_000) });
        Ok(ingest::routes().merge(queries::routes()).router(service))
    })
    .await
}
