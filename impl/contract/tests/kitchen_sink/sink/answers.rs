//! Responses of every kind that a document can declare, and one that it does not.

use bytes::Bytes;
use contract::{ByteStream, Event, Problem, StorageQuota};
use futures_util::stream;
use http::StatusCode;
use kitchen_sink_api::apis::answers;
use kitchen_sink_api::models;

use super::{Sink, Who, thing};

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
        let name = if params.thing_id == 666 { "\u{0}".to_owned() } else { thing(params.thing_id).name };
        Ok(answers::GetThingResponse::Ok(models::Thing { name, ..thing(params.thing_id) }))
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
