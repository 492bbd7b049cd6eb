//! Page views as CSV (RFC 4180), read a page at a time while they are sent.

use std::io;

use analytics_api::apis::analytics::ExportPageViewsParams;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use contract::ByteStream;
use futures_util::stream;
use platform::slices::Slice;
use platform::{Columns, Database, Result, backoff, sql};
use sqlx::postgres::{PgExecutor, PgRow};

use crate::reports::window::Window;

/// Rows read at once.
const PAGE: i64 = 2_000;
const SMALLEST_PAGE: i64 = 50;
/// So often a page is asked for when the database is busy; half a minute in all.
const ATTEMPTS: u32 = 10;
/// What spreadsheets take a cell for a formula by, whatever stands between it and the beginning that they do not show.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
const HEADING: &str = "id,created_at,path,user_id,country,referrer,device,visitor,bot,claimed_user_id\r\n";

/// The page views of a window, bots among them, in the order of their times. A failure after the first page cuts the stream.
///
/// # Errors
/// Those of the database, before anything is sent.
pub(crate) async fn csv(
    database: Database,
    window: Option<Window>,
    params: ExportPageViewsParams,
) -> Result<ByteStream> {
    let Some(window) = window else {
        return Ok(Box::pin(stream::iter([Ok(Bytes::from_static(HEADING.as_bytes()))])));
    };
    let after = (window.start, params.after_id);
    let mut reader = Reader {
        database,
        end: window.end,
        path: params.path,
        after,
        left: params.limit,
        slice: Slice::new(SMALLEST_PAGE, PAGE),
        begun: false,
    };
    let mut first = HEADING.to_owned();
    reader.append(&mut first).await?;
    reader.begun = true;
    let pages = stream::unfold((reader, Some(first)), |(mut reader, first)| async move {
        if let Some(first) = first {
            return Some((Ok(Bytes::from(first)), (reader, None)));
        }
        let mut page = String::new();
        match reader.append(&mut page).await {
            Ok(()) if page.is_empty() => None,
            Ok(()) => Some((Ok(Bytes::from(page)), (reader, None))),
            Err(error) => {
                tracing::warn!(%error, "export aborted");
                reader.left = 0;
                Some((Err(io::Error::other("the database failed")), (reader, None)))
            }
        }
    });
    Ok(Box::pin(pages))
}

/// Where an export is.
struct Reader {
    database: Database,
    end: DateTime<Utc>,
    path: Option<String>,
    /// Time and id of the last row.
    after: (DateTime<Utc>, i64),
    left: i64,
    slice: Slice,
    /// Whether anything was sent.
    begun: bool,
}

impl Reader {
    /// Appends the next page; nothing when there is none.
    async fn append(&mut self, text: &mut String) -> Result<()> {
        if self.left == 0 {
            return Ok(());
        }
        let (rows, limit) = self.page().await?;
        self.left = if (rows.len() as i64) < limit { 0 } else { self.left - limit };
        self.after = rows.last().map_or(self.after, |row| (row.created_at, row.id));
        rows.iter().for_each(|row| append(text, row));
        Ok(())
    }
}

impl Reader {
    /// The next rows, and how many there could have been: fewer at once, and later, while the database is busy.
    async fn page(&self) -> Result<(Vec<Row>, i64)> {
        let mut attempt = 0;
        loop {
            let limit = self.slice.get().min(self.left);
            let rows = page(self.database.reads(), self.after, self.end, self.path.as_deref(), limit).await;
            self.slice.settle(limit, &rows);
            attempt += 1;
            match rows {
                Ok(rows) => return Ok((rows, limit)),
                // Whoever has got nothing yet asks again by himself.
                Err(error) if error.is_unavailable() && self.begun && attempt < ATTEMPTS => {
                    tracing::debug!(%error, attempt, limit, "retrying page of export");
                    tokio::time::sleep(backoff(attempt)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

struct Row {
    id: i64,
    created_at: DateTime<Utc>,
    path: String,
    user_id: Option<i64>,
    user_claimed: bool,
    /// Country, referrer, device, visitor and bot, in the order of the heading.
    texts: [Option<String>; 5],
}

fn row(row: &PgRow) -> sqlx::Result<Row> {
    let mut columns = Columns::of(row);
    Ok(Row {
        id: columns.get("id")?,
        created_at: columns.get("created_at")?,
        path: columns.get("path")?,
        user_id: columns.get("user_id")?,
        texts: [
            columns.get("country")?,
            columns.get("referrer")?,
            columns.get("device")?,
            columns.get("visitor")?,
            columns.get("bot")?,
        ],
        user_claimed: columns.get("user_claimed")?,
    })
}

async fn page(
    db: impl PgExecutor<'_>,
    (time, id): (DateTime<Utc>, i64),
    end: DateTime<Utc>,
    path: Option<&str>,
    limit: i64,
) -> Result<Vec<Row>> {
    // The time alone decides which days are looked at.
    let sql = sql!(
        "SELECT v.id, v.created_at, p.path, v.user_id, v.country, v.referrer, v.device, v.visitor, v.bot, v.user_claimed
         FROM (SELECT * FROM page_views WHERE (created_at, id) > ($1, $2) AND created_at >= $1 AND created_at < $3
                   AND ($4::text IS NULL OR path_id = (SELECT id FROM paths WHERE path = $4))
               ORDER BY created_at, id LIMIT $5) v JOIN paths p ON p.id = v.path_id ORDER BY v.created_at, v.id"
    );
    let rows = sqlx::query(sql).bind(time).bind(id).bind(end).bind(path).bind(limit).fetch_all(db).await?;
    Ok(rows.iter().map(row).collect::<sqlx::Result<_>>()?)
}

fn append(text: &mut String, row: &Row) {
    let Row { id, created_at, path, user_id, user_claimed, texts } = row;
    text.push_str(&id.to_string());
    text.push(',');
    text.push_str(&created_at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    text.push(',');
    append_field(text, path);
    text.push(',');
    // Who has a token is a user; what others say is no more than that.
    let (known, said) = if *user_claimed { (None, *user_id) } else { (*user_id, None) };
    append_number(text, known);
    for field in texts {
        text.push(',');
        if let Some(field) = field {
            append_field(text, field);
        }
    }
    text.push(',');
    append_number(text, said);
    text.push_str("\r\n");
}

fn append_number(text: &mut String, number: Option<i64>) {
    if let Some(number) = number {
        text.push_str(&number.to_string());
    }
}

/// Quoted where it must be; what is not there at all is the empty field without quotes. What a spreadsheet would carry out as a
/// formula begins with an apostrophe, as OWASP advises.
fn append_field(text: &mut String, field: &str) {
    let is_invisible = |c: char| c.is_control() || contract::is_blank(c);
    if field.starts_with(['\t', '\r']) || field.trim_start_matches(is_invisible).starts_with(FORMULA) {
        return append_quoted(text, &format!("'{field}"));
    }
    if !field.is_empty() && !field.contains([',', '"', '\r', '\n']) {
        return text.push_str(field);
    }
    append_quoted(text, field);
}

fn append_quoted(text: &mut String, field: &str) {
    text.push('"');
    text.push_str(&field.replace('"', "\"\""));
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_field_is_quoted() {
        let written = |field: &str| {
            let mut text = String::new();
            append_field(&mut text, field);
            text
        };
        let fields = [
            ("/a b", "/a b"),
            ("a,b", r#""a,b""#),
            (r#"say "x""#, r#""say ""x""""#),
            ("a\nb", "\"a\nb\""),
            ("a\rb", "\"a\rb\""),
            ("", r#""""#),
            ("é;'", "é;'"),
            ("=1+1", r#""'=1+1""#),
            ("=HYPERLINK(\"http://x\",\"y\")", r#""'=HYPERLINK(""http://x"",""y"")""#),
            ("+1", r#""'+1""#),
            ("-1", r#""'-1""#),
            ("@SUM(1)", r#""'@SUM(1)""#),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("\n=1", "\"'\n=1\""),
            ("  =1", r#""'  =1""#),
            ("\u{3000}=1", "\"'\u{3000}=1\""),
            ("\u{200b}\u{2003}@x", "\"'\u{200b}\u{2003}@x\""),
            ("\u{1}=1", "\"'\u{1}=1\""),
            ("\tx", "\"'\tx\""),
            ("＝1", r#""'＝1""#),
            ("＠x", r#""'＠x""#),
            ("/a=b-c", "/a=b-c"),
        ];
        for (field, expected) in fields {
            assert_eq!(written(field), expected);
        }
    }
}
