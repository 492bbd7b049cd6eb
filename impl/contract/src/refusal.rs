//! Error responses in the format of their operation.

use axum::response::Response;
use http::HeaderMap;

use crate::operation::Operation;
use crate::problem::{Problem, RequestId};

impl Operation {
    /// An error response of this operation, wherever the error came from: a problem document, unless the document gives its status
    /// another shape.
    pub fn refuse(&'static self, problem: Problem, request: Option<&RequestId>) -> Response {
        let problem = self.refusal(problem);
        let mut response = self.kept_or_refused(self.shaped(problem, request), request, |_| ());
        response.extensions_mut().insert(self);
        response
    }

    /// A response that is kept to the document: itself, or a 500. `complete` adds the headers that each has.
    pub(crate) fn kept_or_refused(
        &'static self,
        mut response: Response,
        request: Option<&RequestId>,
        complete: impl Fn(&mut HeaderMap),
    ) -> Response {
        complete(response.headers_mut());
        self.kept(response, request).unwrap_or_else(|problem| {
            let mut response = self.shaped(self.refusal(problem), request);
            complete(response.headers_mut());
            response
        })
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
