//! A service that fills every trait of the kitchen sink and answers with what it was given.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use contract::{
    Answer, Api, ByteStream, Caller, Event, FieldError, IdempotencyKey, Once, Operation, Problem, Quota, Rows,
    StorageQuota, StoredReply,
};
use futures_util::stream;
use http::StatusCode;
use kitchen_sink_api::apis::{answers, bodies, parameters, policies};
use kitchen_sink_api::models;

/// The service; all it keeps is answers by user and idempotency key, with the fingerprint of the request, and how many
/// requests of a class there were by a user.
#[derive(Default)]
pub struct Sink {
    pub kept: Mutex<HashMap<(i64, String), (u128, StoredReply)>>,
    /// Nothing is counted without it: most tests ask more often than they may.
    pub counts: Option<Mutex<HashMap<(i64, &'static str), u32>>>,
}

impl Sink {
    /// Does `work` unless it was done; it is told how many answers are kept already.
    fn once<R: Answer>(
        &self,
        caller: &Who,
        key: IdempotencyKey,
        work: impl FnOnce(usize) -> Result<R, Problem>,
    ) -> Result<Once<R>, Problem> {
        let Some(request) = key.sent() else { return work(0).map(Once::Fresh) };
        let mut kept = self.kept.lock().map_err(|_| Problem::internal("poisoned"))?;
        let count = kept.len();
        let place = match kept.entry((caller.id, request.key.clone())) {
            Entry::Occupied(known) if known.get().0 == request.fingerprint => {
                return Ok(Once::Replayed(known.get().1.clone()));
            }
            Entry::Occupied(_) => return Err(Problem::idempotency_key_reused()),
            Entry::Vacant(place) => place,
        };
        let reply = work(count).and_then(Answer::into_reply)?;
        place.insert((request.fingerprint, reply.stored()?));
        Ok(Once::Encoded(reply))
    }
}

/// Whom a token stands for.
pub struct Who {
    id: i64,
    scopes: &'static [&'static str],
}

impl Caller for Who {
    fn has_scope(&self, scope: &str) -> bool {
        self.scopes.contains(&scope)
    }
}

impl Api for Sink {
    type Caller = Who;
    type Error = Problem;

    async fn authenticate(&self, token: &str) -> Result<Who, Problem> {
        match token {
            "of-user" => Ok(Who { id: 1, scopes: &["user"] }),
            "of-superuser" => Ok(Who { id: 2, scopes: &["user", "superuser"] }),
            "of-nobody" => Ok(Who { id: 3, scopes: &[] }),
            "store-is-down" => Err(Problem::unavailable("database_unavailable", "Try again.", 1)),
            _ => Err(Problem::unauthorized("invalid_token", "The token is not valid.")),
        }
    }

    /// Windows never end here.
    async fn admit(&self, operation: &'static Operation, caller: Option<&Who>) -> Result<Vec<Quota>, Problem> {
        let Some(counts) = &self.counts else { return Ok(Vec::new()) };
        let mut counts = counts.lock().map_err(|_| Problem::internal("poisoned"))?;
        let mut refused = false;
        let counted = operation.rate_limits.iter().filter(|limit| !limit.by.counts_failures());
        let quotas: Vec<Quota> = counted
            .map(|limit| {
                let count = counts.entry((caller.map_or(0, |who| who.id), limit.class)).or_default();
                *count += 1;
                refused |= *count > limit.amount;
                let remaining = limit.amount.saturating_sub(*count);
                let (class, amount, window_seconds) = (limit.class, limit.amount, limit.window_seconds);
                Quota { class, amount, window_seconds, remaining, reset_seconds: window_seconds }
            })
            .collect();
        if refused { Err(Problem::rate_limited(&quotas)) } else { Ok(quotas) }
    }
}

macro_rules! echo {
    ($($operation:ident($body:ty) -> $answer:ident;)*) => {
        $(async fn $operation(&self, body: $body) -> Result<bodies::$answer, Problem> {
            Ok(bodies::$answer::Ok(body))
        })*
    };
}

impl bodies::Bodies for Sink {
    echo! {
        echo_arrays(models::Arrays) -> EchoArraysResponse;
        echo_choices(models::Choices) -> EchoChoicesResponse;
        echo_defaults(models::Defaults) -> EchoDefaultsResponse;
        echo_form(models::Form) -> EchoFormResponse;
        echo_list(Vec<models::Thing>) -> EchoListResponse;
        echo_maps(models::Maps) -> EchoMapsResponse;
        echo_nested(models::Nested) -> EchoNestedResponse;
        echo_nullables(models::Nullables) -> EchoNullablesResponse;
        echo_numbers(models::Numbers) -> EchoNumbersResponse;
        echo_open(models::Open) -> EchoOpenResponse;
        echo_patch(models::ThingPatch) -> EchoPatchResponse;
        echo_rows(Vec<models::Thing>) -> EchoRowsResponse;
        echo_strings(models::Strings) -> EchoStringsResponse;
    }

    async fn echo_optional_body(
        &self,
        body: Option<models::Thing>,
    ) -> Result<bodies::EchoOptionalBodyResponse, Problem> {
        Ok(body.map_or(bodies::EchoOptionalBodyResponse::NoContent, bodies::EchoOptionalBodyResponse::Ok))
    }

    async fn sort_rows(&self, body: Rows<models::Thing>) -> Result<bodies::SortRowsResponse, Problem> {
        let accepted = body.accepted.len() as i64;
        let rejected: Vec<_> = body.refused.into_iter().map(row_error).collect();
        let verdict = models::RowVerdict { accepted, rejected };
        Ok(match verdict.rejected.is_empty() {
            true => bodies::SortRowsResponse::Ok(verdict),
            false => bodies::SortRowsResponse::MultiStatus(verdict),
        })
    }
}

fn row_error(error: FieldError) -> models::RowError {
    let index = error
        .pointer
        .as_deref()
        .and_then(|pointer| pointer.split('/').nth(1))
        .and_then(|index| index.parse().ok())
        .unwrap_or(-1);
    let (pointer, code, detail) = (error.pointer, error.code.to_owned(), error.detail);
    models::RowError {
        index,
        r_errors: vec![models::FieldError {
            r_in: models::FieldLocation::Body,
            pointer,
            parameter: None,
            code,
            detail,
        }],
    }
}

impl parameters::Parameters for Sink {
    async fn echo_path(&self, params: parameters::EchoPathParams) -> Result<parameters::EchoPathResponse, Problem> {
        let parameters::EchoPathParams { whole, code, key, color, day } = params;
        Ok(parameters::EchoPathResponse::Ok(models::PathEcho { whole, code, key, color, day }))
    }

    async fn echo_query(&self, params: parameters::EchoQueryParams) -> Result<parameters::EchoQueryResponse, Problem> {
        let color = match params.color {
            models::ColorOrRed::Red => models::Color::Red,
            models::ColorOrRed::Green => models::Color::Green,
            models::ColorOrRed::Blue => models::Color::Blue,
        };
        Ok(parameters::EchoQueryResponse::Ok(models::QueryEcho {
            needed: params.needed,
            text: params.text,
            whole: params.whole,
            small: Some(params.small),
            even: params.even,
            ratio: params.ratio,
            flag: Some(params.flag),
            color: Some(color),
            at: params.at,
            local: params.local,
            day: params.day,
            key: params.key,
            email: params.email,
        }))
    }

    async fn echo_query_arrays(
        &self,
        params: parameters::EchoQueryArraysParams,
    ) -> Result<parameters::EchoQueryArraysResponse, Problem> {
        Ok(parameters::EchoQueryArraysResponse::Ok(models::QueryArraysEcho {
            texts: params.texts.unwrap_or_default(),
            numbers: params.numbers,
            listed: params.listed.unwrap_or_default(),
            colors: params.colors.unwrap_or_default(),
            keys: params.keys.unwrap_or_default(),
        }))
    }

    async fn echo_headers(
        &self,
        params: parameters::EchoHeadersParams,
    ) -> Result<parameters::EchoHeadersResponse, Problem> {
        let parameters::EchoHeadersParams { x_text: text, x_whole: whole, x_flag: flag, x_key: key } = params;
        Ok(parameters::EchoHeadersResponse::Ok(models::HeaderEcho { text, whole, flag, key }))
    }
}

/// The thing every id stands for.
pub fn thing(id: i64) -> models::Thing {
    models::Thing { id: Some(id), name: "spoon".into(), note: None }
}

fn pieces(pieces: &[&'static str]) -> ByteStream {
    let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
    Box::pin(stream::iter(pieces))
}

impl answers::Answers for Sink {
    async fn answer_binary(&self) -> Result<answers::AnswerBinaryResponse, Problem> {
        Ok(answers::AnswerBinaryResponse::Ok(Box::pin(stream::iter([Ok(Bytes::from_static(&[0, 255, 10]))]))))
    }

    async fn answer_csv(&self) -> Result<answers::AnswerCsvResponse, Problem> {
        Ok(answers::AnswerCsvResponse::Ok(pieces(&["id,name\n", "1,spoon\n"])))
    }

    async fn answer_events(
        &self,
        params: answers::AnswerEventsParams,
    ) -> Result<answers::AnswerEventsResponse, Problem> {
        let after: u32 = params.last_event_id.and_then(|id| id.parse().ok()).unwrap_or(0);
        let events = (after + 1..after + 3).map(|id| Ok(Event::default().id(id.to_string()).event("thing").data("{}")));
        Ok(answers::AnswerEventsResponse::Ok(Box::pin(stream::iter(events.collect::<Vec<_>>()))))
    }

    async fn answer_ndjson(&self) -> Result<answers::AnswerNdjsonResponse, Problem> {
        Ok(answers::AnswerNdjsonResponse::Ok(pieces(&["{\"name\":\"spoon\"}\n", "{\"name\":\"fork\"}\n"])))
    }

    async fn answer_text(&self) -> Result<answers::AnswerTextResponse, Problem> {
        Ok(answers::AnswerTextResponse::Ok(pieces(&["hello"])))
    }

    async fn answer_several(
        &self,
        params: answers::AnswerSeveralParams,
    ) -> Result<answers::AnswerSeveralResponse, Problem> {
        let echo = models::HeaderEcho { text: "queued".into(), whole: None, flag: None, key: None };
        Ok(match params.status {
            200 => answers::AnswerSeveralResponse::Ok(thing(1)),
            202 => answers::AnswerSeveralResponse::Accepted { body: echo, x_position: 3, x_urgent: None },
            203 => answers::AnswerSeveralResponse::Accepted { body: echo, x_position: 0, x_urgent: Some(true) },
            303 => answers::AnswerSeveralResponse::SeeOther { location: "/sink/things/1".into() },
            418 => return Err(Problem::not_implemented()),
            status => {
                let status = StatusCode::from_u16(status as u16).map_err(Problem::internal)?;
                return Err(Problem::new(status, "not_declared", "A status the document does not know."));
            }
        })
    }

    async fn create_thing(&self, _: Who, body: models::Thing) -> Result<answers::CreateThingResponse, Problem> {
        match body.name.as_str() {
            "taken" => Err(Problem::conflict("duplicate_name", "There is one of that name.")),
            "spare" => {
                const SPARE: &StorageQuota = answers::CREATE_THING.quota("too_many_things");
                Err(SPARE.exceeded())
            }
            "panic" => panic!("the secret of the handler"),
            "lies" => Err(Problem::internal("the secret of the handler")),
            _ => Ok(answers::CreateThingResponse::Created { body, location: "/sink/things/1".into() }),
        }
    }

    async fn delete_thing(
        &self,
        _: Who,
        params: answers::DeleteThingParams,
    ) -> Result<answers::DeleteThingResponse, Problem> {
        match params.thing_id {
            404 => Err(Problem::not_found("thing_not_found", "There is no such thing.")),
            _ => Ok(answers::DeleteThingResponse::NoContent),
        }
    }

    async fn get_thing(&self, params: answers::GetThingParams) -> Result<answers::GetThingResponse, Problem> {
        Ok(answers::GetThingResponse::Ok(thing(params.thing_id)))
    }

    async fn list_things(&self, params: answers::ListThingsParams) -> Result<answers::ListThingsResponse, Problem> {
        let body = (params.skip..params.skip + params.limit.min(3)).map(|id| thing(id + 1)).collect();
        let x_next_cursor = (params.limit < 3).then(|| "bmV4dA".to_owned());
        Ok(answers::ListThingsResponse::Ok { body, x_total_count: params.count.then_some(3), x_next_cursor })
    }

    async fn put_thing(
        &self,
        _: Who,
        params: answers::PutThingParams,
        body: models::Thing,
    ) -> Result<answers::PutThingResponse, Problem> {
        contract::if_match(params.if_match.as_deref(), &thing(params.thing_id))?;
        Ok(answers::PutThingResponse::Ok(body))
    }
}

impl policies::Policies for Sink {
    async fn ask_deadline(
        &self,
        params: policies::AskDeadlineParams,
    ) -> Result<policies::AskDeadlineResponse, Problem> {
        tokio::time::sleep(Duration::from_millis(params.ms.unsigned_abs())).await;
        Ok(policies::AskDeadlineResponse::NoContent)
    }

    async fn ask_guarded_body(&self, _: Who, body: models::Thing) -> Result<policies::AskGuardedBodyResponse, Problem> {
        Ok(policies::AskGuardedBodyResponse::Ok(body))
    }

    async fn ask_idempotent(
        &self,
        caller: Who,
        params: policies::AskIdempotentParams,
        body: models::Thing,
    ) -> Result<Once<policies::AskIdempotentResponse>, Problem> {
        self.once(&caller, params.idempotency_key, |count| match body.name.as_str() {
            "taken" => Err(Problem::conflict("duplicate_name", "There is one of that name.")),
            _ => Ok(policies::AskIdempotentResponse::Created { body, location: format!("/sink/things/{count}") }),
        })
    }

    async fn ask_idempotent_change(
        &self,
        caller: Who,
        params: policies::AskIdempotentChangeParams,
    ) -> Result<Once<policies::AskIdempotentChangeResponse>, Problem> {
        self.once(&caller, params.idempotency_key, |_| match params.thing_id {
            404 => Err(Problem::not_found("thing_not_found", "There is no such thing.")),
            _ => Ok(policies::AskIdempotentChangeResponse::NoContent),
        })
    }

    async fn ask_optional(&self, caller: Option<Who>) -> Result<policies::AskOptionalResponse, Problem> {
        Ok(policies::AskOptionalResponse::Ok(models::Asker { user_id: caller.map(|who| who.id) }))
    }

    async fn ask_public(&self) -> Result<policies::AskPublicResponse, Problem> {
        Ok(policies::AskPublicResponse::Ok(models::Asker { user_id: None }))
    }

    async fn ask_rate(&self, _: Who) -> Result<policies::AskRateResponse, Problem> {
        Ok(policies::AskRateResponse::NoContent)
    }

    async fn ask_rate_body(&self, _: models::Thing) -> Result<policies::AskRateBodyResponse, Problem> {
        Ok(policies::AskRateBodyResponse::NoContent)
    }

    async fn ask_small_body(&self, body: models::Open) -> Result<policies::AskSmallBodyResponse, Problem> {
        Ok(policies::AskSmallBodyResponse::Ok(body))
    }

    async fn ask_superuser(&self, caller: Who) -> Result<policies::AskSuperuserResponse, Problem> {
        Ok(policies::AskSuperuserResponse::Ok(models::Asker { user_id: Some(caller.id) }))
    }

    async fn ask_user(&self, caller: Who) -> Result<policies::AskUserResponse, Problem> {
        Ok(policies::AskUserResponse::Ok(models::Asker { user_id: Some(caller.id) }))
    }
}
