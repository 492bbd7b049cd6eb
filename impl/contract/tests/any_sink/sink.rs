//! A service that fills every trait and returns what it was given. docs/guides/writing-documents.md shows parts of it.

use contract::{Api, Caller, Operation, Problem, Quota};
use futures_util::TryStreamExt as _;
use kitchen_sink_any_api::Verify;
use kitchen_sink_any_api::apis::callbacks::{Callbacks, SubscribeParams, SubscribeResponse};
use kitchen_sink_any_api::apis::guarded::{GreetResponse, Guarded, ReadSecretParams, ReadSecretResponse};
use kitchen_sink_any_api::apis::media::{
    CountRowsResponse, EchoTextResponse, GetPictureParams, GetPictureResponse, Media, PutPictureParams,
    PutPictureResponse, SendAlbumForm, SendAlbumResponse, SendFormResponse, UploadBody, UploadResponse,
};
use kitchen_sink_any_api::apis::parameters::{
    AskNoteParams, AskNoteResponse, AuthenticateParams, AuthenticateResponse, ExportNoteParams, ExportNoteResponse,
    OddPathResponse, Parameters, ProbeNoteParams, ProbeNoteResponse, ReadMatrixParams, ReadMatrixResponse,
    SearchParams, SearchResponse,
};
use kitchen_sink_any_api::apis::shapes::{
    AddShapeResponse, CloneResponse, CreateAccountResponse, EchoEverythingResponse, EchoNestedListResponse,
    EchoTreeResponse, Shapes,
};
use kitchen_sink_any_api::models::{
    Account, Draft, Everything, Mistake, NestedList, SendFormBody, Shape, Subscription, Tree, Upload,
};
use kitchen_sink_any_api::outgoing::{AuditedRemoval, ShapeAdded, ToldOfRemoval};
use serde_json::{Map, Value, json};

/// The service; it keeps nothing.
pub struct Sink;

/// Whom credentials stand for.
pub struct Who(String);

impl Caller for Who {
    fn has_scope(&self, _: &str) -> bool {
        true
    }
}

impl Api for Sink {
    type Caller = Who;
    type Error = Problem;

    async fn authenticate(&self, _: &str) -> Result<Who, Problem> {
        Err(Problem::internal("this document has schemes of its own"))
    }

    async fn admit(&self, _: &'static Operation, _: Option<&Who>) -> Result<Vec<Quota>, Problem> {
        Ok(Vec::new())
    }
}

type Scopes = &'static [&'static str];

impl Verify for Sink {
    async fn verify_key(&self, key: &str, _: Scopes) -> Result<Who, Problem> {
        if key == "sesame" { Ok(Who(key.to_owned())) } else { Err(wrong()) }
    }

    async fn verify_account(&self, user: &str, password: &str, _: Scopes) -> Result<Who, Problem> {
        if password == "secret" { Ok(Who(user.to_owned())) } else { Err(wrong()) }
    }

    async fn verify_token(&self, token: &str, scopes: Scopes) -> Result<Who, Problem> {
        if token == "token" { Ok(Who(scopes.join(" "))) } else { Err(wrong()) }
    }

    fn joined(&self, callers: Vec<Who>) -> Result<Who, Problem> {
        let names: Vec<_> = callers.iter().map(|Who(name)| name.as_str()).collect();
        Ok(Who(names.join(" and ")))
    }
}

fn wrong() -> Problem {
    Problem::unauthorized("invalid_credentials", "Wrong credentials.")
}

/// What was given, as JSON.
fn echo(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

impl Shapes for Sink {
    async fn add_shape(&self, _: Who, body: Shape) -> Result<AddShapeResponse, Problem> {
        Ok(match body {
            Shape::Circle(circle) if circle.radius > 100.0 => AddShapeResponse::ClientError {
                status: 418,
                body: Mistake {
                    error: "too_round".into(),
                    message: "No shape is that round.".into(),
                    additional_properties: Map::new(),
                },
            },
            Shape::Circle(_) => AddShapeResponse::Ok(body),
            Shape::Square(_) => AddShapeResponse::Created { body, location: "/v2/shapes/1".into() },
        })
    }

    async fn clone(&self, body: Draft) -> Result<CloneResponse, Problem> {
        Ok(CloneResponse::Ok(Draft { id: Some(2), secret: None, ..body }))
    }

    async fn create_account(&self, body: Account) -> Result<CreateAccountResponse, Problem> {
        // The document says that a password is only written.
        Ok(CreateAccountResponse::Created(Account { id: Some(1), password: None, ..body }))
    }

    async fn echo_everything(&self, body: Everything) -> Result<EchoEverythingResponse, Problem> {
        Ok(EchoEverythingResponse::Ok(body))
    }

    async fn echo_nested_list(&self, body: NestedList) -> Result<EchoNestedListResponse, Problem> {
        Ok(EchoNestedListResponse::Ok(body))
    }

    async fn echo_tree(&self, body: Tree) -> Result<EchoTreeResponse, Problem> {
        Ok(EchoTreeResponse::Ok(body))
    }
}

impl Parameters for Sink {
    async fn search(&self, params: SearchParams) -> Result<SearchResponse, Problem> {
        let SearchParams { filter, near, page, r#type, session, x_trace } = params;
        let page = page.map(|page| page.size);
        let all =
            json!({"filter": filter, "near": near, "page": page, "type": r#type, "session": session, "trace": x_trace});
        Ok(SearchResponse::Ok(echo(all)))
    }

    async fn authenticate(&self, params: AuthenticateParams) -> Result<AuthenticateResponse, Problem> {
        Ok(AuthenticateResponse::Ok(echo(
            json!({"where": params.r#where, "accept": params.accept, "limit": params.limit}),
        )))
    }

    async fn read_matrix(&self, params: ReadMatrixParams) -> Result<ReadMatrixResponse, Problem> {
        Ok(ReadMatrixResponse::Ok(echo(json!({"point": params.point, "ids": params.ids}))))
    }

    async fn export_note(&self, params: ExportNoteParams) -> Result<ExportNoteResponse, Problem> {
        Ok(ExportNoteResponse::Ok(params.note_id))
    }

    async fn probe_note(&self, params: ProbeNoteParams) -> Result<ProbeNoteResponse, Problem> {
        Ok(ProbeNoteResponse::Ok { x_size: params.note_id.len() as i64, x_point: Some([("x".to_owned(), 1)].into()) })
    }

    async fn ask_note(&self, _: AskNoteParams) -> Result<AskNoteResponse, Problem> {
        Ok(AskNoteResponse::NoContent)
    }

    async fn odd_path(&self) -> Result<OddPathResponse, Problem> {
        Ok(OddPathResponse::NoContent)
    }
}

impl Media for Sink {
    async fn upload(&self, body: UploadBody) -> Result<UploadResponse, Problem> {
        let bytes = match body {
            UploadBody::Json(upload) => upload.title.len() as u64,
            UploadBody::Multipart(form) => form.pictures.iter().map(contract::File::size).sum(),
        };
        let body = kitchen_sink_any_api::models::UploadCreated {
            bytes: i64::try_from(bytes).map_err(Problem::internal)?,
            additional_properties: Map::new(),
        };
        Ok(UploadResponse::Created(body))
    }

    async fn send_album(&self, body: SendAlbumForm) -> Result<SendAlbumResponse, Problem> {
        let sizes = |files: Vec<contract::File>| files.iter().map(contract::File::size).collect::<Vec<_>>();
        Ok(SendAlbumResponse::Ok(echo(json!({
            "id": body.id, "cover": body.cover.map(|cover| cover.size()), "raw": body.raw.map(|raw| raw.size()), "pages": sizes(body.pages),
            "size": body.size, "rows": body.rows, "more": body.additional_properties,
        }))))
    }

    async fn put_picture(
        &self,
        _: PutPictureParams,
        body: contract::BodyStream,
    ) -> Result<PutPictureResponse, Problem> {
        // Read as it arrives: no more than a piece of it is in memory.
        let sum = |sum, piece: contract::Bytes| async move { Ok(sum + piece.len()) };
        let size = body.try_fold(0, sum).await.map_err(Problem::of_body)?;
        if size == 0 {
            Err(Problem::bad_request("missing_body", "A picture is not empty."))
        } else {
            Ok(PutPictureResponse::NoContent)
        }
    }

    async fn get_picture(&self, params: GetPictureParams) -> Result<GetPictureResponse, Problem> {
        Ok(match params.name.as_str() {
            "dot" => GetPictureResponse::Ok(Box::pin(futures_util::stream::iter([Ok("png".into())]))),
            "title" => GetPictureResponse::OkJson(Upload { title: "Dot".into(), additional_properties: Map::new() }),
            _ => return Err(Problem::not_found("picture_not_found", "There is no such picture.")),
        })
    }

    async fn echo_text(&self, body: String) -> Result<EchoTextResponse, Problem> {
        Ok(EchoTextResponse::Ok(body))
    }

    async fn count_rows(&self, body: Vec<Upload>) -> Result<CountRowsResponse, Problem> {
        Ok(CountRowsResponse::Ok(i64::try_from(body.len()).map_err(Problem::internal)?))
    }

    async fn send_form(&self, body: SendFormBody) -> Result<SendFormResponse, Problem> {
        Ok(SendFormResponse::Ok(echo(json!({"tags": body.tags, "point": body.point}))))
    }
}

impl Guarded for Sink {
    async fn read_secret(&self, Who(name): Who, params: ReadSecretParams) -> Result<ReadSecretResponse, Problem> {
        let rest = params.rest.unwrap_or_default().into_keys();
        Ok(ReadSecretResponse::Ok(std::iter::once(name).chain(rest).collect::<Vec<_>>().join(" ")))
    }

    async fn greet(&self, caller: Option<Who>) -> Result<GreetResponse, Problem> {
        Ok(GreetResponse::Ok(caller.map_or_else(|| "stranger".to_owned(), |Who(name)| name)))
    }
}

impl Callbacks for Sink {
    async fn subscribe(&self, params: SubscribeParams, body: Subscription) -> Result<SubscribeResponse, Problem> {
        let urls = [
            ("added", ShapeAdded::url(&body, &params.from)?),
            ("removed", ToldOfRemoval::url(&body)?),
            ("audited", AuditedRemoval::url(&json!({ "id": "a/b" }))?),
        ];
        let told = urls.into_iter().filter_map(|(name, url)| Some((name.to_owned(), url?)));
        Ok(SubscribeResponse::Created(told.collect()))
    }
}
