//! Error responses in the format of their operation.

use axum::response::Response;

use crate::operation::Operation;
use crate::problem::{Problem, RequestId};

impl Operation {
    /// An error response of this operation, wherever the error came from: a problem document, unless the document gives its status
    /// another shape.
    pub fn refuse(&'static self, problem: Problem, request: Option<&RequestId>) -> Response {
        let problem = self.refusal(problem);
        let mut response = self.shaped(problem, request);
        response.extensions_mut().insert(self);
        response
    }

    /// The response to a problem that is in the format of this operation already.
    pub(crate) fn shaped(&self, problem: Problem, request: Option<&RequestId>) -> Response {
        let status = problem.status().as_u16();
        // What is declared for the status itself goes before ranges, and those before the default.
        let by_name = self.refusals.iter().find(|(statuses, _)| statuses.names(status));
        let Some((_, shape)) = by_name.or_else(|| self.refusals.iter().find(|(statuses, _)| statuses.contains(status)))
        else {
            return problem.into_response_for(request);
        };
        let problem = problem.of_request(request);
        match shape(&problem).and_then(|reply| reply.into_body().ok()) {
            Some((headers, body)) => problem.into_response_with(headers, body),
            None => problem.into_response_for(request),
        }
    }
}
