//! Handlers of analytics.

use std::borrow::Cow;
use std::time::Duration;

use analytics_api::apis::analytics::{
    Analytics, ExportPageViewsParams, ExportPageViewsResponse, GetBreakdownParams, GetBreakdownResponse,
    GetTimeSeriesParams, GetTimeSeriesResponse, GetTopPathsParams, GetTopPathsResponse, GetTopPathsSlowParams,
    GetTopPathsSlowResponse, GetUniquesParams, GetUniquesResponse, StreamLiveParams, StreamLiveResponse,
};
use analytics_api::models::Uniques;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use contract::Problem;
use platform::Result;
use platform::audit::{self, Action, Entry};
use platform::identity::Principal;

use crate::reports::window::Window;
use crate::{
    AnalyticsService, intake::page_path, reports::breakdown, reports::export, reports::time_buckets,
    reports::time_series, reports::top_paths,
};

/// Most points of a time series.
const POINTS: usize = 10_000;

/// A path that is asked for, as it is kept.
fn public(path: &Option<String>) -> Option<Cow<'_, str>> {
    path.as_deref().map(page_path::public)
}

impl Analytics for AnalyticsService {
    async fn get_top_paths_slow(&self, params: GetTopPathsSlowParams) -> Result<GetTopPathsSlowResponse> {
        let ranking = match Window::of(params.start, params.end) {
            Some(window) => top_paths::from_rows(self.database.reads(), window, params.limit).await?,
            None => Vec::new(),
        };
        Ok(GetTopPathsSlowResponse::Ok(top_paths::body(&ranking)))
    }

    async fn get_top_paths(&self, params: GetTopPathsParams) -> Result<GetTopPathsResponse> {
        let GetTopPathsParams { start, end, limit } = params;
        let database = self.database.clone();
        let compute = move || async move {
            match Window::of(start, end) {
                Some(window) => top_paths::from_counts(database.reads(), window, limit).await,
                None => Ok(Vec::new()),
            }
        };
        let place = |time: Option<DateTime<Utc>>| {
            time.map_or_else(String::new, |time| format!("{}.{}", time.timestamp(), time.timestamp_subsec_nanos()))
        };
        let question = format!("top-paths:{}:{}:{limit}", place(start), place(end));
        let ranking = self.top_paths.get(&question, compute).await?;
        Ok(GetTopPathsResponse::Ok(top_paths::body(&ranking)))
    }

    async fn get_time_series(&self, params: GetTimeSeriesParams) -> Result<GetTimeSeriesResponse> {
        let zone: Tz =
            params.time_zone.parse().map_err(|_| Problem::not_found("time_zone_not_found", "Unknown time zone."))?;
        let path = public(&params.path);
        let path = path.as_deref();
        let start = match params.start {
            None => time_series::first_view(self.database.reads(), path).await?,
            start => start,
        };
        let window = start.and_then(|start| Window::until_now(start, params.end));
        let Some(window) = window else { return Ok(GetTimeSeriesResponse::Ok(Vec::new())) };
        let beginnings = time_buckets::beginnings(window, params.interval, zone, POINTS).ok_or_else(|| {
            Problem::conflict("window_too_large", "The window has more than 10000 points; use a longer interval.")
        })?;
        let body = time_series::counts(self.database.reads(), window, beginnings, path).await?;
        Ok(GetTimeSeriesResponse::Ok(body))
    }

    async fn get_uniques(&self, params: GetUniquesParams) -> Result<GetUniquesResponse> {
        let body = match Window::of(params.start, params.end) {
            Some(window) => breakdown::uniques(self.database.reads(), window, public(&params.path).as_deref()).await?,
            None => Uniques { visitors: 0, users: 0 },
        };
        Ok(GetUniquesResponse::Ok(body))
    }

    async fn get_breakdown(&self, params: GetBreakdownParams) -> Result<GetBreakdownResponse> {
        let GetBreakdownParams { dimension, start, end, path, limit } = params;
        let body = match Window::of(start, end) {
            Some(window) => {
                breakdown::by(self.database.reads(), dimension, window, public(&path).as_deref(), limit).await?
            }
            None => Vec::new(),
        };
        Ok(GetBreakdownResponse::Ok(body))
    }

    async fn stream_live(&self, params: StreamLiveParams) -> Result<StreamLiveResponse> {
        let patience = Duration::from_secs(u64::try_from(params.seconds).unwrap_or(1));
        Ok(StreamLiveResponse::Ok(self.live.events(patience).await?))
    }

    async fn export_page_views(
        &self,
        caller: Principal,
        params: ExportPageViewsParams,
    ) -> Result<ExportPageViewsResponse> {
        let path = public(&params.path).map(Cow::into_owned);
        let params = ExportPageViewsParams { path, ..params };
        let window = Window::of(params.start, params.end);
        let entry = Entry::by(Some(caller.user_id()), Action::ViewsExported);
        audit::write_alone(&self.database, entry).await?;
        Ok(ExportPageViewsResponse::Ok(export::csv(self.database.clone(), window, params).await?))
    }
}
