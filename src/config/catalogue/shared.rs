//! Groups of keys that several tables have.

use crate::condense::{Across, Confirm};
use crate::config::said::{
    Choice, FilePath, Leaf, Link, Needed, Node, OneOrMany, Preset, Reader, RuleSaid, Said, SecretText, Shape, Words,
    table,
};

table! {
    /// A certificate of the listener.
    ListenerTlsSaid {
        /// The chain in PEM, leaf first.
        cert_file: Needed<FilePath> = "tls.crt";
        /// Its key in PEM.
        key_file: Needed<FilePath> = "tls.key";
        /// Roots in PEM that a caller's certificate must come from.
        client_ca_file: Said<FilePath> = "clients.pem";
    }
}

table! {
    /// What guards a listener. Beyond loopback one of them is needed.
    GuardSaid {
        /// A certificate for this listener, and with `client_ca_file` who may come.
        tls: Said<ListenerTlsSaid> = "{ cert_file = \"tls.crt\", key_file = \"tls.key\", client_ca_file = \"clients.pem\" }";
        /// A token that callers must bring, from a variable or a file.
        bearer_token: Said<SecretText> = "${env:AGENT_TOKEN}";
        /// The same, as the path of its file.
        bearer_token_file: Said<FilePath> = "/run/secrets/agent-token";
        /// Listen beyond loopback without a guard, for instance for pods behind a mesh.
        insecure: Preset<bool> = "false";
    }
}

table! {
    /// How a request signs in: with a user and a password, or with a token.
    SignInSaid {
        /// The user.
        username: Said<String> = "monitoring";
        /// The password, from a variable or a file.
        password: Said<SecretText> = "${env:SHOP_PASSWORD}";
        /// The same, as the path of its file.
        password_file: Said<FilePath> = "/run/secrets/shop-password";
        /// A bearer token, from a variable or a file.
        bearer_token: Said<SecretText> = "{ file = \"/run/secrets/shop-token\" }";
        /// The same, as the path of its file.
        bearer_token_file: Said<FilePath> = "/run/secrets/shop-token";
    }
}

table! {
    /// How a target is reached.
    ReachSaid {
        /// Certificates in PEM that are trusted beside the system's own.
        ca_file: Said<FilePath> = "internal-ca.pem";
        /// A client certificate in PEM, leaf first.
        cert_file: Said<FilePath> = "client.crt";
        /// The key of the client certificate.
        key_file: Said<FilePath> = "client.key";
        /// A proxy for this target; without it the system's proxy variables count, except for loopback.
        proxy: Said<Link> = "http://proxy.example:8080";
        /// Allow plain http:// beyond loopback. Never together with a credential.
        allow_insecure: Preset<bool> = "false";
    }
}

table! {
    /// How a source's statuses are confirmed and weighed.
    WeightSaid {
        /// Whether being down makes the whole service fatal, so that its tile turns red.
        essential: Preset<bool> = "false";
        /// When a change counts: so many bad ones of the last ones. Good again after two good ones.
        confirm: Preset<Confirm> = "2 of 3";
    }
}

impl Words for Across {
    const WORDS: &'static [(&'static str, Self)] =
        &[("sum", Self::Sum), ("avg", Self::Average), ("min", Self::Min), ("max", Self::Max), ("each", Self::Each)];
}

table! {
    /// What a source's numbers mean.
    MeaningSaid {
        /// Which recipes read it: a name, a list of names, "auto" (by what is seen) or "none".
        /// Default: "auto" for a route of the receiver without rules of its own, "host" for this machine, else "none".
        recipe: Said<OneOrMany<RecipeSaid>> = "auto";
        /// Whether what neither a rule nor a recipe selects is forwarded as it is. A source with neither forwards everything.
        forward_rest: Preset<bool> = "false";
        /// Attributes that go out as labels. Default: all.
        labels: Said<Vec<String>> = "[\"mountpoint\"]";
        /// How several instances become one row: "sum", "avg", "min", "max" or "each". Default: by kind.
        across: Said<Choice<Across>> = "each";
        /// Rules of its own; they come before the recipes'.
        rule: Said<Vec<RuleSaid>> = "";
    }
}

/// The name of a recipe, with its place, since which there are is known later.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RecipeSaid {
    pub(crate) name: String,
    pub(crate) place: crate::config::problem::Place,
}

impl Leaf for RecipeSaid {
    fn shape() -> Shape {
        Shape::Text { what: "the name of a recipe" }
    }

    fn read(node: Node, reader: &mut Reader<'_>) -> Option<Self> {
        let place = node.place.clone();
        String::read(node, reader).map(|name| Self { name, place })
    }
}
