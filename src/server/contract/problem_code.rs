//! The codes of problems. They are stable, because programs branch on them.

/// Declares the codes. A line has the variant, the status, the code, the title, and what a developer can do about it.
macro_rules! problem_codes {
    ($($variant:ident, $status:literal, $code:literal, $title:literal, $help:literal;)*) => {
        /// A problem code of the API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ProblemCode {
            $($variant,)*
        }

        impl ProblemCode {
            /// Every code, by status.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the status, the code and the title.
            pub fn facts(self) -> (u16, &'static str, &'static str) {
                match self {
                    $(Self::$variant => ($status, $code, $title),)*
                }
            }

            /// Returns what a developer can do about the problem.
            pub fn help(self) -> &'static str {
                match self {
                    $(Self::$variant => $help,)*
                }
            }
        }
    };
}

#[rustfmt::skip] // a table
problem_codes! {
    MalformedJson, 400, "malformed_json", "The body is not JSON",
        "The body ended early, or is not JSON. `detail` says where reading stopped. Send the body with your language's JSON library.";
    BadParameter, 400, "bad_parameter", "A query parameter or header cannot be read",
        "`detail` names the parameter or header and the values that it takes. A parameter that is not known here is refused, so that a typing mistake is noticed.";
    BadCursor, 400, "bad_cursor", "The cursor is not valid here",
        "The cursor is not from this list, or it is from another log, because the database was restored. For a list, begin without `after`. For events, read the state of your open escalations again, and go on from the `cursor` of a page of events without `after`.";
    Unauthenticated, 401, "unauthenticated", "An API key is needed",
        "Send `Authorization: Bearer blt_…` with a key of this server. An admin makes keys in Settings, Agents.";
    KeyRevoked, 401, "key_revoked", "This API key was revoked",
        "An admin has revoked this key, or it was replaced and its time is over. Ask for the new one.";
    NotFound, 404, "not_found", "There is nothing here",
        "The address or the id is mistyped, or the escalation belongs to another agent. The API is under /api/v1.";
    MethodNotAllowed, 405, "method_not_allowed", "This address does not take that method",
        "The header `Allow` names the methods that the address takes.";
    NotAcceptable, 406, "not_acceptable", "None of the accepted types can be sent",
        "Accept `application/json`, or `text/event-stream` for events.";
    RequestTimeout, 408, "request_timeout", "The body did not come in time",
        "The upload stopped for too long. Send the request again, with the same Idempotency-Key.";
    NotInControl, 409, "not_in_control", "A human is in control of this conversation",
        "While an operator holds the conversation, the agent's own messages are refused. Do not send this message to the customer, and pass on what the customer says. `current` is the escalation as it is now.";
    AlreadyClosed, 409, "already_closed", "This escalation is already closed",
        "It has ended meanwhile. `current` has the outcome, on which you can act now.";
    NotClosed, 409, "not_closed", "This escalation is not closed yet",
        "Only an outcome can be acknowledged. Wait for it with `GET /escalations/{id}?wait=50&until=outcome`.";
    BodyTooLarge, 413, "body_too_large", "The body is too large",
        "`detail` names the limit. Of a long conversation send the last messages, and the number of all in `conversation.total_messages`.";
    UnsupportedMediaType, 415, "unsupported_media_type", "The body must be application/json",
        "Send `Content-Type: application/json`. The body may be compressed by gzip, and in no other way.";
    InvalidField, 422, "invalid_field", "A field is not as it must be",
        "`errors` names every field by a JSON pointer, and says what it must be. Nothing was done.";
    UnknownField, 422, "unknown_field", "There is no such field",
        "`errors` names the field, and the fields that are known there. Unknown fields are refused, so that a typing mistake is noticed.";
    WrongFormat, 422, "wrong_format", "The messages are not in the format given",
        "None of the messages can be read in `conversation.format`. `errors` says which format they look like.";
    SchemaInvalid, 422, "schema_invalid", "The JSON Schema cannot be used",
        "`errors` says why. A schema is of draft 2020-12, has at most 64 KiB, and refers to no other document.";
    IdempotencyKeyReused, 422, "idempotency_key_reused", "This key was used with another request",
        "An Idempotency-Key, or a client_message_id, names one request. Use a new one for a new request, and the same body for a retry. `current` is the escalation for which it was used.";
    TooManyOpen, 429, "too_many_open", "Too many escalations are open",
        "The workspace has as many open escalations as it may have. Cancel those that need no human any more.";
    TooManyStreams, 429, "too_many_streams", "Too many streams and waits are open",
        "A key may have 1,000 open at once. One request for `/events` hears of all your escalations.";
    RateLimited, 429, "rate_limited", "Too many requests",
        "Try again after the seconds in `Retry-After`. The headers `RateLimit` and `RateLimit-Policy` tell what is left.";
    Internal, 500, "internal", "Something went wrong on our side",
        "Try again with the same Idempotency-Key. The `request_id` finds the cause in the server's log.";
    Overloaded, 503, "overloaded", "The server cannot keep up",
        "The server or its database is busy or restarts. Try again after the seconds in `Retry-After`, with the same Idempotency-Key: a write takes effect once.";
    StorageFull, 503, "storage_full", "There is hardly any space left on the disk",
        "Nothing new is opened until the disk has space again. What is open can still be answered and ended.";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_code_is_named_once_and_helps() {
        let codes: HashSet<_> = ProblemCode::ALL.iter().map(|it| it.facts().1).collect();
        assert_eq!(codes.len(), ProblemCode::ALL.len());
        for code in ProblemCode::ALL {
            let (status, word, title) = code.facts();
            assert!((400..600).contains(&status) && !title.ends_with('.'), "{word}");
            assert!(code.help().ends_with('.') && code.help().len() > 40, "{word}");
        }
    }
}
