//! Parameters come back as they were understood.

use contract::Problem;
use kitchen_sink_api::apis::parameters;
use kitchen_sink_api::models;

use super::Sink;

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
