//! Page views as CSV (RFC 4180), read a page at a time while they are sent.

use std::io;

use analytics_api::apis::analytics::ExportPageViewsParams;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use contract::ByteStream;
use futures_util::stream;
use platform::{Database, Result};
use sqlx::postgres::PgExecutor;

use crate::window::Window;

/// Rows read at once.
const PAGE: i64 = 2_000;
const HEADING: &str = "id,created_at,path,user_id,country,referrer,device,visitor,bot\r\n";

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
    let mut reader = Reader { database, end: window.end, path: params.path, after, left: params.limit };
    let mut first = HEADING.to_owned();
    reader.append(&mut first).await?;
    let pages = stream::unfold((reader, Some(first)), |(mut reader, first)| async move {
        if let Some(first) = first {
            return Some((Ok(Bytes::from(first)), (reader, None)));
        }
        let mut page = String::new();
        match reader.append(&mut page).await {
            Ok(()) if page.is_empty() => None,
            Ok(()) => Some((Ok(Bytes::from(page)), (reader, None))),
            Err(error) => {
                tracing::warn!(%error, "an export was cut");
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
}

impl Reader {
    /// Appends the next page; nothing when there is none.
    async fn append(&mut self, text: &mut String) -> Result<()> {
        if self.left == 0 {
            return Ok(());
        }
        let limit = PAGE.min(self.left);
        let rows = page(self.database.reads(), self.after, self.end, self.path.as_deref(), limit).await?;
        self.left = if (rows.len() as i64) < limit { 0 } else { self.left - limit };
        self.after = rows.last().map_or(self.after, |row| (row.1, row.0));
        rows.iter().for_each(|row| append(text, row));
        Ok(())
    }
}

type Text = Option<String>;
/// In the order of the heading.
type Row = (i64, DateTime<Utc>, String, Option<i64>, Text, Text, Text, Text, Text);

async fn page(
    db: impl PgExecutor<'_>,
    (time, id): (DateTime<Utc>, i64),
    end: DateTime<Utc>,
    path: Option<&str>,
    limit: i64,
) -> Result<Vec<Row>> {
    // The time alone decides which days are looked at.
    const SQL: &str = "SELECT v.id, v.created_at, p.path, v.user_id, v.country, v.referrer, v.device, v.visitor, v.bot \
         FROM (SELECT * FROM page_views WHERE (created_at, id) > ($1, $2) AND created_at >= $1 AND created_at < $3 \
                   AND ($4::text IS NULL OR path_id = (SELECT id FROM paths WHERE path = $4)) \
               ORDER BY created_at, id LIMIT $5) v JOIN paths p ON p.id = v.path_id ORDER BY v.created_at, v.id";
    Ok(sqlx::query_as(SQL).bind(time).bind(id).bind(end).bind(path).bind(limit).fetch_all(db).await?)
}

fn append(text: &mut String, row: &Row) {
    let (id, created_at, path, user, country, referrer, device, visitor, bot) = row;
    text.push_str(&id.to_string());
    text.push(',');
    text.push_str(&created_at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    text.push(',');
    append_field(text, path);
    text.push(',');
    if let Some(user) = user {
        text.push_str(&user.to_string());
    }
    for field in [country, referrer, device, visitor, bot] {
        text.push(',');
        if let Some(field) = field {
            append_field(text, field);
        }
    }
    text.push_str("\r\n");
}

/// Quoted where it must be; what is not there at all is the empty field without quotes.
fn append_field(text: &mut String, field: &str) {
    if !field.is_empty() && !field.contains([',', '"', '\r', '\n']) {
        return text.push_str(field);
    }
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
        ];
        for (field, expected) in fields {
            assert_eq!(written(field), expected);
        }
    }
}
