//! Bodies come back as they were understood.

use contract::{FieldError, Problem, Rows};
use kitchen_sink_api::apis::bodies;
use kitchen_sink_api::models;

use super::Sink;

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
        errors: vec![models::FieldError { r#in: models::FieldLocation::Body, pointer, parameter: None, code, detail }],
    }
}
