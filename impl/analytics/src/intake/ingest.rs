//! Handlers of page views that come in.

use std::collections::{BTreeMap, HashMap};

use analytics_api::apis::ingest::{
    EraseUserParams, EraseUserResponse, EraseVisitorParams, EraseVisitorResponse, Ingest, RecordPageViewResponse,
    RecordPageViewsResponse,
};
use analytics_api::models::{BatchReceipt, FieldError, FieldLocation, PageView, PageViewCreate, RejectedRow};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use contract::{Problem, Rows};
use platform::audit::{Action, Entry};
use platform::http::Sender;
use platform::identity::Principal;
use platform::{Columns, Result, sql};
use uuid::Uuid;

use crate::intake::dictionary::OTHER;
use crate::intake::page_view::{Reporter, View};
use crate::intake::storage::Stored;
use crate::intake::visitor::Salt;
use crate::{AnalyticsService, intake::page_path, intake::user_agent, upkeep::erase};

/// How far a client's clock may be ahead.
const AHEAD: TimeDelta = TimeDelta::minutes(5);
/// How long ago a view may have been that is not reported by a superuser: as long as the name of an event is remembered.
pub(crate) const BACK: TimeDelta = TimeDelta::days(7);

const OUT_OF_RANGE: &str = "The time of the event is in the future or too old: the limit is seven days, for superusers the retention of page views.";

impl Ingest for AnalyticsService {
    async fn record_page_view(
        &self,
        caller: Option<Principal>,
        body: PageViewCreate,
    ) -> Result<RecordPageViewResponse> {
        let sender = Sender::current();
        let now = Utc::now();
        let created_at = self.time_of(&body, caller.as_ref(), now)?;
        self.backdating.admit(reporter(caller.as_ref(), &sender), std::iter::once(created_at), now)?;
        let salts = self.salts.of(&self.database, &[created_at.date_naive()]).await?;
        let view = self.view(body, created_at, caller.as_ref(), &sender, true, &salts);
        self.bots.count([&view]);
        let stored = self.queue.store(vec![view.clone()]).await?;
        let Some(stored) = stored.first() else { return Err(platform::Error::internal("nothing was stored")) };
        let body = match stored.duplicate {
            true if stored.own => self.earlier(&view, stored).await?,
            _ => answer(view, stored),
        };
        Ok(RecordPageViewResponse::Created(body))
    }

    async fn record_page_views(
        &self,
        caller: Option<Principal>,
        body: Rows<PageViewCreate>,
    ) -> Result<RecordPageViewsResponse> {
        let (sender, now) = (Sender::current(), Utc::now());
        let mut rejected: BTreeMap<usize, Vec<contract::FieldError>> = BTreeMap::new();
        for error in body.refused {
            rejected.entry(row_of(error.pointer.as_deref().unwrap_or_default())).or_default().push(error);
        }
        let mut dated = Vec::with_capacity(body.accepted.len());
        for (index, row) in body.accepted {
            match self.time_of(&row, caller.as_ref(), now) {
                Ok(created_at) => dated.push((row, created_at)),
                Err(_) => rejected.entry(index).or_default().push(out_of_range(index)),
            }
        }
        let times = dated.iter().map(|(_, created_at)| *created_at);
        self.backdating.admit(reporter(caller.as_ref(), &sender), times, now)?;
        let days: Vec<NaiveDate> = dated.iter().map(|(_, created_at)| created_at.date_naive()).collect();
        let salts = self.salts.of(&self.database, &days).await?;
        let mut views = Vec::with_capacity(dated.len());
        for (row, created_at) in dated {
            views.push(self.view(row, created_at, caller.as_ref(), &sender, false, &salts));
            // A thousand of them take a while; others' requests go on meanwhile.
            tokio::task::consume_budget().await;
        }
        if views.is_empty() {
            return Err(Problem::validation(rejected.into_values().flatten().collect()).into());
        }
        let rejected: Vec<RejectedRow> =
            rejected.into_iter().map(|(index, errors)| rejected_row(index, &errors)).collect();
        self.bots.count(&views);
        let stored = self.queue.store(views).await?;
        let duplicates = stored.iter().filter(|stored| stored.duplicate).count();
        let other = stored.iter().filter(|stored| stored.other).count() as i64;
        let (stored, duplicates) = ((stored.len() - duplicates) as i64, duplicates as i64);
        let body = BatchReceipt { stored, duplicates, other, rejected };
        Ok(match body.rejected.is_empty() {
            true => RecordPageViewsResponse::Created(body),
            false => RecordPageViewsResponse::MultiStatus(body),
        })
    }

    async fn erase_user(&self, caller: Principal, params: EraseUserParams) -> Result<EraseUserResponse> {
        let entry = Entry::of(&caller, Action::UserViewsErased, params.user_id);
        let erased = erase::of_user(&self.database, params.user_id, entry).await;
        // Also when it could not be finished.
        self.top_paths.changed();
        erased.map(EraseUserResponse::Ok)
    }

    async fn erase_visitor(&self, caller: Principal, params: EraseVisitorParams) -> Result<EraseVisitorResponse> {
        let entry = Entry::of(&caller, Action::VisitorViewsErased, &params.visitor);
        let erased = erase::of_visitor(&self.database, params.visitor, entry).await;
        self.top_paths.changed();
        erased.map(EraseVisitorResponse::Ok)
    }
}

impl AnalyticsService {
    /// When a reported view was.
    fn time_of(
        &self,
        view: &PageViewCreate,
        caller: Option<&Principal>,
        now: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, Problem> {
        let created_at = view.occurred_at.flatten().unwrap_or(now);
        let trusted = caller.is_some_and(Principal::is_superuser);
        let oldest = now - if trusted { self.retention } else { BACK.min(self.retention) };
        if created_at > now + AHEAD || created_at < oldest {
            return Err(Problem::conflict("event_time_out_of_range", OUT_OF_RANGE));
        }
        // What Postgres keeps.
        Ok(DateTime::from_timestamp_micros(created_at.timestamp_micros()).unwrap_or(created_at))
    }

    /// The row a reported view becomes. When it is `alone`, its sender is the visitor's own browser; a server that reports for others
    /// sends many.
    fn view(
        &self,
        view: PageViewCreate,
        created_at: DateTime<Utc>,
        caller: Option<&Principal>,
        sender: &Sender,
        alone: bool,
        salts: &HashMap<NaiveDate, Salt>,
    ) -> View {
        let reported = view.user_agent.flatten();
        let browser = Some(sender).filter(|_| alone);
        let agent = reported.as_deref().or_else(|| browser.and_then(Sender::user_agent));
        let salt = salts.get(&created_at.date_naive());
        let visitor = match (view.visitor_id.flatten(), browser.and_then(|sender| sender.address)) {
            // One of blanks alone tells nobody from anybody.
            (Some(id), _) if !contract::trim_name(&id).is_empty() => salt.map(|salt| salt.named(&id)),
            (_, Some(address)) => salt.map(|salt| salt.seen(address, agent.unwrap_or_default())),
            _ => None,
        };
        let reporter = reporter(caller, sender);
        let signature = match caller {
            Some(caller) => format!("user {}", caller.user_id()),
            None => format!("{reporter:?}"),
        };
        // Whoever has a token is whom it was given to; only superusers report for others. What anybody says without one is kept as
        // what he says.
        let claimed = view.user_id.flatten();
        let (user_id, user_claimed) = match caller {
            Some(caller) if caller.is_superuser() => (claimed.or_else(|| Some(caller.user_id())), false),
            Some(caller) => (Some(caller.user_id()), false),
            None => (claimed, claimed.is_some()),
        };
        let event_id = view.event_id.flatten();
        View {
            path: page_path::public(&view.path).into_owned(),
            user_id,
            user_claimed,
            reporter,
            country: view.country.flatten().map(|country| country.to_ascii_uppercase()),
            created_at,
            event_id: event_id.unwrap_or_else(Uuid::now_v7),
            named: event_id.is_some(),
            signatures: event_id.map(|event| self.salts.signatures(event, &signature)).unwrap_or_default(),
            referrer: view.referrer.flatten().as_deref().and_then(host),
            device: agent.map(user_agent::device),
            visitor,
            bot: agent.and_then(user_agent::bot),
        }
    }

    /// The row an event became when it came first.
    async fn earlier(&self, view: &View, stored: &Stored) -> Result<PageView> {
        const SQL: &str = sql!(
            "SELECT v.id, p.path, v.user_id, v.country, v.created_at, v.event_id, v.bot
             FROM page_views v JOIN paths p ON p.id = v.path_id WHERE v.id = $1 AND v.created_at = $2"
        );
        let row =
            sqlx::query(SQL).bind(stored.id).bind(stored.created_at).fetch_optional(self.database.reads()).await?;
        // Erased, or so old that it is gone: what is known of it is what it was named.
        let Some(row) = row else { return Ok(answer(view.clone(), stored)) };
        let mut columns = Columns::of(&row);
        Ok(PageView {
            id: columns.get("id")?,
            path: columns.get("path")?,
            user_id: columns.get("user_id")?,
            country: columns.get("country")?,
            created_at: columns.get("created_at")?,
            event_id: columns.get("event_id")?,
            bot: columns.get("bot")?,
            duplicate: true,
        })
    }
}

/// Who reports views.
fn reporter(caller: Option<&Principal>, sender: &Sender) -> Reporter {
    match caller {
        Some(caller) if caller.is_superuser() => Reporter::Superuser,
        Some(caller) => Reporter::User(caller.user_id()),
        None => Reporter::at(sender.address),
    }
}

/// The response for a view that is new, or a duplicate of another client's, of which nothing is revealed but that it exists.
fn answer(view: View, stored: &Stored) -> PageView {
    PageView {
        id: stored.id,
        path: if stored.other { OTHER.to_owned() } else { view.path },
        user_id: view.user_id,
        country: view.country,
        created_at: view.created_at,
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
        r#in: FieldLocation::Body,
        pointer: error.pointer.clone(),
        parameter: None,
        code: error.code.to_owned(),
        detail: error.detail.clone(),
    };
    RejectedRow { index: index as i64, errors: errors.iter().map(error).collect() }
}

fn out_of_range(index: usize) -> contract::FieldError {
    contract::FieldError::body("event_time_out_of_range", format!("#/{index}/occurred_at"), OUT_OF_RANGE)
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
