//! Values with rules of safety: addresses without user information, secrets that do not stand in the file.

use url::{Host, Url};

use super::conceal::conceal_all;
use super::leaf::refuse;
use super::node::{Node, Value};
use super::reader::{Reader, only_file};
use super::shape::Shape;
use super::slot::Leaf;
use crate::http::SecretSource;
use crate::secret::Secret;

/// An `http://` or `https://` address without user information.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link(pub(crate) Url);

/// A secret that does not stand in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretText(pub(crate) SecretSource);

impl Link {
    /// Whether what is sent there can be read on the way: plain http to another machine.
    pub(crate) fn is_exposed(&self) -> bool {
        let loopback = match self.0.host() {
            Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        self.0.scheme() == "http" && !loopback
    }
}

impl Leaf for Link {
    fn shape() -> Shape {
        Shape::Text { what: "a URL" }
    }

    fn read(node: Node, reader: &mut Reader<'_>) -> Option<Self> {
        const EXAMPLE: &str = "https://orders.example/health";
        let text = reader.text(node, &format!("{EXAMPLE:?}"))?;
        // Whatever stands before an `@` may be a password: then nothing of it is shown.
        if text.text.contains('@') {
            reader.conceal(&text.place);
        }
        let parsed = Url::parse(&text.text);
        let url = match parsed {
            Ok(url) if !matches!(url.scheme(), "http" | "https") || !url.has_host() => {
                Err("only http:// and https:// are known")
            }
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                let message = format!("`{}` carries a user or a password", text.name);
                reader.error(&text.place, message, "take it out of the URL and use the keys for signing in");
                return None;
            }
            Ok(url) => Ok(url),
            Err(_) => Err(""),
        };
        match url {
            Ok(url) => Some(Self(url)),
            Err(why) if text.text.contains('@') => {
                reader.error(
                    &text.place,
                    format!("`{}` is not a URL", text.name),
                    format!("write for example {EXAMPLE:?}. {why}"),
                );
                None
            }
            Err(why) => {
                refuse(reader, &text, "a URL", EXAMPLE, why);
                None
            }
        }
    }
}

impl Leaf for SecretText {
    fn shape() -> Shape {
        Shape::Secret
    }

    fn read(node: Node, reader: &mut Reader<'_>) -> Option<Self> {
        if let Some(file) = only_file(&node) {
            return Some(Self(SecretSource::File(reader.path(file))));
        }
        let inline = match &node.value {
            Value::Text(text) => node.place.is_file() && referenced(text).is_none(),
            _ => true,
        };
        if inline {
            conceal_all(&node, reader);
            let message = format!("`{}` is a secret, and it stands in the file", node.name);
            let hint =
                format!("write {0} = \"${{env:NAME}}\" or {0} = {{ file = \"…\" }}, and change the secret", node.name);
            reader.error(&node.place, message, hint);
            return None;
        }
        let Value::Text(text) = node.value else { return None };
        let value = match referenced(&text).filter(|_| node.place.is_file()) {
            Some(variable) => reader.credential(variable, &format!("holds `{}`", node.name), &node.place)?,
            None if text.is_empty() => {
                reader.error(&node.place, format!("`{}` is empty", node.name), "set the variable to the secret");
                return None;
            }
            None => text,
        };
        Some(Self(SecretSource::Value(Secret::new(value))))
    }
}

/// The variable of a text that is one reference and nothing else: anything around it would be a part of a secret in the file.
pub(super) fn referenced(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${env:")?.strip_suffix('}')?;
    Some(name).filter(|name| !name.contains(['$', '}']))
}
