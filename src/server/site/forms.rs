//! Reads the forms of the plain pages, and says why a form was refused.

use axum::{
    Form,
    extract::{FromRequest, Request},
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::{
    domain::text::{Name, TextProblem},
    server::{
        error::Error,
        password::{self, WeakPassword},
        site::{frame::FormNotice, respond::failed},
        store::operators::Email,
    },
};

/// The maximum bytes of a plain page's form.
pub const LARGEST_FORM: usize = 16 * 1024;

/// The fields of a form, as they were typed.
#[derive(Clone)]
pub struct FormFields(pub Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for FormFields {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let fields = Form::<Vec<(String, String)>>::from_request(request, state).await;
        fields.map(|Form(fields)| Self(fields)).map_err(IntoResponse::into_response)
    }
}

impl FormFields {
    /// Returns a field; an empty text when it was not sent.
    pub fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    /// Returns a field, if it was sent.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Parses a name, without blanks around it. `called` names the field in a refusal.
    pub fn name(&self, name: &str, called: &str) -> Result<Name, FormRefusal> {
        let parsed = Name::parse(self.get(name).trim());
        parsed.map_err(|problem: TextProblem| FormRefusal::Said(format!("{called} {problem}.")))
    }

    /// Parses the e-mail address.
    pub fn email(&self) -> Result<Email, FormRefusal> {
        self.get("email").parse().map_err(|_| FormRefusal::said("An e-mail address looks like ada@example.com."))
    }

    /// Returns a new password, if it may be chosen.
    pub fn new_password(&self, name: &str) -> Result<String, FormRefusal> {
        let password = self.get(name);
        password::choose(password).map_err(|weak: WeakPassword| {
            let mut sentence = weak.to_string();
            sentence[..1].make_ascii_uppercase();
            FormRefusal::Said(sentence + ".")
        })?;
        Ok(password.to_owned())
    }
}

/// The reason why a form was refused.
pub enum FormRefusal {
    /// A sentence for the person who sent the form.
    Said(String),
    /// A fault of the server.
    Fault(Error),
}

impl FormRefusal {
    /// Returns a refusal with a sentence.
    pub fn said(sentence: &str) -> Self {
        Self::Said(sentence.to_owned())
    }

    /// Responds with the page drawn again with the sentence, or with the response to a server fault.
    pub async fn answer(self, draw: impl AsyncFnOnce(StatusCode, FormNotice) -> Response) -> Response {
        match self {
            Self::Said(sentence) => draw(StatusCode::UNPROCESSABLE_ENTITY, FormNotice::Refused(sentence)).await,
            Self::Fault(error) => failed(error),
        }
    }
}

impl From<Error> for FormRefusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused { refusal, .. } => Self::Said(refusal.to_string()),
            fault => Self::Fault(fault),
        }
    }
}

impl From<sqlx::Error> for FormRefusal {
    fn from(error: sqlx::Error) -> Self {
        Self::Fault(error.into())
    }
}
