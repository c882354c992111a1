//! How changes can be refused, for the API's description. Its doc comments are published documentation.
//!
//! Always: each refusal of what all changes have in common is described here, once; a handler adds its own.

use utoipa::IntoResponses;

use super::error::ErrorBody;

/// Any change.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "documentation")]
pub(crate) enum RefusedChange {
    /// The host is not a name of this server, or a page of another site sends this
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// The header X-Raa-Desk is no name
    #[response(status = 422)]
    Desk(ErrorBody),
    /// The address makes too many changes; the header Retry-After says when to try again
    #[response(status = 429)]
    TooMany(ErrorBody),
}

/// A change that has a body; after [`RefusedChange`].
#[derive(IntoResponses)]
#[expect(dead_code, reason = "documentation")]
pub(crate) enum RefusedBody {
    /// The body is not valid JSON
    #[response(status = 400)]
    NoJson(ErrorBody),
    /// The body did not arrive within 10 s
    #[response(status = 408)]
    Late(ErrorBody),
    /// The body is too large
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// The content type is not application/json
    #[response(status = 415)]
    ContentType(ErrorBody),
    /// A field is missing, unknown, has the wrong type, or is out of range; or the header X-Raa-Desk is no name
    #[response(status = 422)]
    Content(ErrorBody),
}

/// A change that is stored.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "documentation")]
pub(crate) enum NotStored {
    /// The audio engine does not respond, or another program holds the database
    #[response(status = 503)]
    Unavailable(ErrorBody),
    /// The change cannot be stored, because the disk is full or broken; nothing has changed
    #[response(status = 507)]
    Disk(ErrorBody),
}
