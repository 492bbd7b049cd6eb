//! Handlers of page views that come in.

use std::collections::BTreeMap;

use analytics_api::apis::ingest::{
    EraseUserParams, EraseUserResponse, EraseVisitorParams, EraseVisitorResponse, Ingest, RecordPageViewResponse,
    RecordPageViewsResponse,
};
use analytics_api::models::{BatchReceipt, FieldError, FieldLocation, PageView, PageViewCreate, RejectedRow};
use chrono::{DateTime, TimeDelta, Utc};
use contract::{Problem, Rows};
use platform::http::Sender;
use platform::identity::Principal;
use platform::{Columns, Result};
use uuid::Uuid;

use crate::storage::{Stored, View};
use crate::user_agent;
use crate::visitor::Salt;
use crate::{AnalyticsService, erase};

/// How far a client's clock may be ahead.
const AHEAD: TimeDelta = TimeDelta::minutes(5);

impl Ingest for AnalyticsService {
    async fn record_page_view(
        &self,
        caller: Option<Principal>,
        body: PageViewCreate,
    ) -> Result<RecordPageViewResponse> {
        let salt = self.salts.today(&self.database).await?;
        let view = self.judge(body, caller.as_ref(), Some(&Sender::current()), &salt, Utc::now())?;
        self.bots.count([&view]);
        let stored = self.queue.store(vec![view.clone()]).await?;
        let Some(stored) = stored.first() else { return Err(platform::Error::internal("nothing was stored")) };
        let body = match stored.duplicate {
            true => self.earlier(&view, stored).await?,
            false => answer(view, stored),
        };
        Ok(RecordPageViewResponse::Created(body))
    }

    async fn record_page_views(
        &self,
        caller: Option<Principal>,
        body: Rows<PageViewCreate>,
    ) -> Result<RecordPageViewsResponse> {
        let (salt, now) = (self.salts.today(&self.database).await?, Utc::now());
        let mut rejected: BTreeMap<usize, Vec<contract::FieldError>> = BTreeMap::new();
        for error in body.refused {
            rejected.entry(row_of(error.pointer.as_deref().unwrap_or_default())).or_default().push(error);
        }
        let mut views = Vec::with_capacity(body.accepted.len());
        for (index, row) in body.accepted {
            match self.judge(row, caller.as_ref(), None, &salt, now) {
                Ok(view) => views.push(view),
                Err(_) => rejected.entry(index).or_default().push(out_of_range(index)),
            }
        }
        if views.is_empty() {
            return Err(Problem::validation(rejected.into_values().flatten().collect()).into());
        }
        let rejected: Vec<RejectedRow> =
            rejected.into_iter().map(|(index, errors)| rejected_row(index, &errors)).collect();
        self.bots.count(&views);
        let stored = self.queue.store(views).await?;
        let duplicates = stored.iter().filter(|stored| stored.duplicate).count();
        let body = BatchReceipt { stored: (stored.len() - duplicates) as i64, duplicates: duplicates as i64, rejected };
        Ok(match body.rejected.is_empty() {
            true => RecordPageViewsResponse::Created(body),
            false => RecordPageViewsResponse::MultiStatus(body),
        })
    }

    async fn erase_user(&self, _: Principal, params: EraseUserParams) -> Result<EraseUserResponse> {
        let erased = erase::of_user(&self.database, params.user_id).await;
        // Also when it could not be finished.
        self.top_paths.changed();
        erased.map(EraseUserResponse::Ok)
    }

    async fn erase_visitor(&self, _: Principal, params: EraseVisitorParams) -> Result<EraseVisitorResponse> {
        let erased = erase::of_visitor(&self.database, params.visitor).await;
        self.top_paths.changed();
        erased.map(EraseVisitorResponse::Ok)
    }
}

impl AnalyticsService {
    /// The row a reported view becomes. `sender` is the visitor's own browser; a server that reports for others has none.
    fn judge(
        &self,
        view: PageViewCreate,
        caller: Option<&Principal>,
        sender: Option<&Sender>,
        salt: &Salt,
        now: DateTime<Utc>,
    ) -> Result<View, Problem> {
        let created_at = view.occurred_at.flatten().unwrap_or(now);
        if created_at > now + AHEAD || created_at < now - self.retention {
            let detail = "The time of the event is in the future, or longer ago than page views are kept.";
            return Err(Problem::conflict("event_time_out_of_range", detail));
        }
        let reported = view.user_agent.flatten();
        let agent = reported.as_deref().or_else(|| sender.and_then(Sender::user_agent));
        let visitor = match (view.visitor_id.flatten(), sender.and_then(|sender| sender.address)) {
            (Some(id), _) if !id.is_empty() => Some(salt.named(&id)),
            (_, Some(address)) => Some(salt.seen(address, agent.unwrap_or_default())),
            _ => None,
        };
        let event_id = view.event_id.flatten();
        Ok(View {
            path: view.path,
            user_id: view.user_id.flatten().or_else(|| caller.map(Principal::user_id)),
            country: view.country.flatten().map(|country| country.to_ascii_uppercase()),
            // What Postgres keeps.
            created_at: DateTime::from_timestamp_micros(created_at.timestamp_micros()).unwrap_or(created_at),
            event_id: event_id.unwrap_or_else(Uuid::now_v7),
            named: event_id.is_some(),
            referrer: view.referrer.flatten().as_deref().and_then(host),
            device: agent.map(user_agent::device),
            visitor,
            bot: agent.and_then(user_agent::bot),
        })
    }

    /// The row an event became when it came first.
    async fn earlier(&self, view: &View, stored: &Stored) -> Result<PageView> {
        const SQL: &str = "SELECT v.id, p.path, v.user_id, v.country, v.created_at, v.event_id, v.bot \
             FROM page_views v JOIN paths p ON p.id = v.path_id WHERE v.id = $1 AND v.created_at = $2";
        let row =
            sqlx::query(SQL).bind(stored.id).bind(stored.created_at).fetch_optional(self.database.reads()).await?;
        // Erased, or so old that it is gone: what is known of it is what it was named.
        let Some(row) = row else { return Ok(answer(view.clone(), stored)) };
        let mut columns = Columns::of(&row);
        Ok(PageView {
            id: columns.take()?,
            path: columns.take()?,
            user_id: columns.take()?,
            country: columns.take()?,
            created_at: columns.take()?,
            event_id: columns.take()?,
            bot: columns.take()?,
            duplicate: true,
        })
    }
}

fn answer(view: View, stored: &Stored) -> PageView {
    PageView {
        id: stored.id,
        path: view.path,
        user_id: view.user_id,
        country: view.country,
        created_at: stored.created_at,
        event_id: view.event_id,
        duplicate: stored.duplicate,
        bot: view.bot.map(str::to_owned),
    }
}

/// The host of a referring page; nothing when there is none to be seen.
fn host(referrer: &str) -> Option<String> {
    let rest = referrer.split_once("://").map_or(referrer, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.split_once(':').map_or(host, |(host, _)| host).to_ascii_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    let sane = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    (host.contains('.') && host.len() <= 255 && host.bytes().all(sane)).then(|| host.to_owned())
}

/// Pointers of rows begin with their index.
fn row_of(pointer: &str) -> usize {
    let digits = pointer.trim_start_matches("#/").split('/').next().unwrap_or_default();
    digits.parse().unwrap_or_default()
}

fn rejected_row(index: usize, errors: &[contract::FieldError]) -> RejectedRow {
    let error = |error: &contract::FieldError| FieldError {
        r_in: FieldLocation::Body,
        pointer: error.pointer.clone(),
        parameter: None,
        code: error.code.to_owned(),
        detail: error.detail.clone(),
    };
    RejectedRow { index: index as i64, r_errors: errors.iter().map(error).collect() }
}

fn out_of_range(index: usize) -> contract::FieldError {
    contract::FieldError::body(
        "event_time_out_of_range",
        format!("#/{index}/occurred_at"),
        "Is in the future, or longer ago than page views are kept.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_referrer_only_the_host_is_kept() {
        let hosts = [
            ("https://www.Example.com:8080/a?b#c", Some("example.com")),
            ("http://user:secret@news.example.org/x", Some("news.example.org")),
            ("example.com/path", Some("example.com")),
            ("", None),
            ("android-app:", None),
            ("https://", None),
            ("https://[::1]/", None),
            ("garbage with spaces.", None),
        ];
        for (referrer, expected) in hosts {
            assert_eq!(host(referrer).as_deref(), expected, "{referrer}");
        }
    }
}
