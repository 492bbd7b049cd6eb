//! Responses are kept to the document, as the mode of the process says.

use axum::response::Response;
use conformance::Sent;

use crate::operation::Operation;
use crate::problem::{Problem, RequestId};

impl Operation {
    /// A response of this operation, or why it must not be sent. Where the document is not enforced, it is sent whatever it is.
    pub(crate) fn kept(&'static self, response: Response, request: Option<&RequestId>) -> Result<Response, Problem> {
        let Some(enforced) = conformance::is_due() else { return Ok(response) };
        let (response, verdict) = match self.responses {
            Some(responses) => {
                let request_id = request.map(|id| id.0.clone());
                let sent = Sent { operation: self.id, is_head: self.method == "HEAD", request_id };
                responses.check(sent, enforced, response)
            }
            None => {
                let status = response.status();
                let declared = self.statuses.contains(status.as_u16());
                let verdict = if declared { Ok(()) } else { Err(format!("{} must not return {status}", self.id)) };
                (response, verdict)
            }
        };
        match verdict {
            Err(cause) if enforced => Err(Problem::internal(cause)),
            _ => Ok(response),
        }
    }
}
