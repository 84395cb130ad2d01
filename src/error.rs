//! How a failure reaches a person: one sentence of fact for each level, the chain of causes, a hint, and an exit code.
//!
//! Modules have error types of their own (`thiserror`) that state only their own fact and keep the cause as `source`. What a person can do
//! about it is a *hint*, a method and never part of the message. At the edge everything becomes a [`Failure`], and `main` prints it.

use std::error::Error;
use std::fmt;

/// Exit codes of the program. Source: sysexits, as far as it has a fitting one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Something inside went wrong that fits none of the others.
    Failed = 1,
    /// The command line was not understood.
    Usage = 2,
    /// Input data is malformed.
    Malformed = 65,
    /// The other side cannot be reached or does not work.
    Unavailable = 69,
    /// Not everything could be delivered; the rest is still queued.
    Queued = 75,
    /// A credential was refused, or lacks a scope.
    Refused = 77,
    /// The configuration is invalid.
    Config = 78,
}

/// What an error can say beyond its message.
pub trait Explain: Error {
    /// The next action for a person, as a sentence.
    fn hint(&self) -> Option<String> {
        None
    }

    /// The exit code of a command that ends with this error.
    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

/// An error at the edge of the program, ready to be shown.
#[derive(Debug)]
pub struct Failure {
    message: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
    hint: Option<String>,
    exit: Exit,
}

impl Failure {
    /// A failure that states `message` and ends the program with `exit`.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { message: message.into(), cause: None, hint: None, exit }
    }

    /// Keeps what led to it; its own message becomes the next line of the chain.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds the next action for the person.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// From an error that explains itself: its hint and exit code are taken over.
    pub fn explain<E: Explain + Send + Sync + 'static>(message: impl Into<String>, error: E) -> Self {
        Self { message: message.into(), hint: error.hint(), exit: error.exit(), cause: Some(Box::new(error)) }
    }

    /// The code to end with.
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// The next action, if one is known.
    pub fn next_action(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Every message of the chain, outermost first, without repetitions.
    pub fn chain(&self) -> Vec<String> {
        let mut lines = vec![self.message.clone()];
        let mut next = self.cause.as_ref().map(|cause| cause.as_ref() as &dyn Error);
        while let Some(error) = next {
            let line = error.to_string();
            if lines.last() != Some(&line) {
                lines.push(line);
            }
            next = error.source();
        }
        lines
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause.as_ref() as &(dyn Error + 'static))
    }
}

impl<E: Explain + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let (message, hint, exit) = (error.to_string(), error.hint(), error.exit());
        Self { message, hint, exit, cause: Some(Box::new(error)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot sign in")]
    struct SignIn(#[source] std::num::ParseIntError);

    impl Explain for SignIn {
        fn hint(&self) -> Option<String> {
            Some("download the key again".into())
        }
        fn exit(&self) -> Exit {
            Exit::Refused
        }
    }

    fn sign_in() -> SignIn {
        SignIn("x".parse::<u8>().expect_err("x is no number"))
    }

    #[test]
    fn the_chain_names_each_fact_once() {
        let failure = Failure::from(sign_in());
        assert_eq!(failure.chain(), ["cannot sign in", "invalid digit found in string"]);
        assert_eq!(failure.next_action(), Some("download the key again"));
        assert_eq!(failure.exit(), Exit::Refused);
    }

    #[test]
    fn an_outer_message_goes_in_front() {
        let failure = Failure::explain("cannot start", sign_in());
        assert_eq!(failure.chain()[..2], ["cannot start", "cannot sign in"]);
        assert_eq!(failure.exit(), Exit::Refused);
    }
}
