//! `key show`, `key import`, `key test`.

use std::io::Read;
use std::path::Path;

use serde::Serialize;

use super::args::{KeyCommand, KeyImportOptions, KeyShowOptions};
use super::output::Output;
use super::setting::{block_on, clock, key_options, load, no_key, service_key};
use crate::error::{Exit, Failure};
use crate::sap::service_key::{KeyReceiver, KeySummary, Location, ServiceKey};
use crate::sap::uaa::{PUSH_SCOPES, READ_SCOPES, TokenSource};
use crate::secret::{MAX_SECRET_BYTES, Secret, write_file};

/// Runs one of the key's commands.
pub(super) fn key(config: Option<&Path>, command: &KeyCommand, output: &Output) -> Result<Exit, Failure> {
    match command {
        KeyCommand::Show(options) => show(config, options, *output),
        KeyCommand::Import(options) => import(config, options, *output),
        KeyCommand::Test => test(config, *output),
    }
}

fn show(config: Option<&Path>, options: &KeyShowOptions, output: Output) -> Result<Exit, Failure> {
    let loaded = load(config, &output)?;
    let key = service_key(&loaded)?;
    if options.egress {
        let egress = key.egress();
        output.document(&egress, |output| {
            for endpoint in &egress {
                output.line(format_args!("{}:{}  {}", endpoint.host, endpoint.port, endpoint.purpose));
            }
            output.hint("ask for these by name: the addresses behind them change");
        });
        return Ok(Exit::Done);
    }
    let summary = key.summary(clock().now());
    output.document(&summary, |output| describe(&summary, output));
    Ok(Exit::Done)
}

fn describe(summary: &KeySummary, output: Output) {
    let lines = [
        ("client id", Some(summary.client_id.clone())),
        ("credential", Some(summary.credential_type.to_owned())),
        ("API", Some(summary.api.clone())),
        ("token service", Some(summary.token_host.clone())),
        ("identity zone", summary.identity_zone.clone()),
        ("subaccount", summary.subaccount_id.clone()),
        ("certificate", summary.certificate_subject.clone()),
        ("valid until", summary.certificate_not_after.clone()),
        ("days left", summary.certificate_days_left.map(|days| days.to_string())),
    ];
    for (name, value) in lines {
        if let Some(value) = value {
            output.line(format_args!("{name:<14} {value}"));
        }
    }
    for warning in &summary.warnings {
        output.note(format_args!("note: {warning}"));
    }
}

fn import(config: Option<&Path>, options: &KeyImportOptions, output: Output) -> Result<Exit, Failure> {
    let loaded = load(config, &output)?;
    let cloud_alm = &loaded.config.cloud_alm;
    let target = match (&cloud_alm.service_key, &cloud_alm.service_key_path_for_setup) {
        (Some(Location::File(path)), _) | (None, Some(path)) => path.clone(),
        (None, None) => return Err(no_key(&loaded)),
        _ => {
            return Err(Failure::new(
                Exit::Usage,
                "the configuration takes its key from a place that the agent cannot write",
            )
            .hint("use service_key_file under [cloud_alm], or store the key where the platform keeps it"));
        }
    };
    let text = read(options.file.as_deref())?;
    let key = ServiceKey::parse(text.expose(), &key_options(&loaded))?;
    write_file(&target, key.to_json().expose())?;
    let summary = key.summary(clock().now());
    output.document(&summary, |output| {
        output.done(format_args!("stored at {} (mode 0600)", target.display()));
        describe(&summary, output);
        output.hint("calm-agent key test");
    });
    Ok(Exit::Done)
}

/// The text of a key; stdin when no file is named. The file of a download may have any mode: it is the operator's.
fn read(path: Option<&Path>) -> Result<Secret, Failure> {
    let path = path.unwrap_or(Path::new("-"));
    let failed =
        |error: std::io::Error| Failure::new(Exit::Malformed, format!("cannot read {}", path.display())).because(error);
    let reader: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(path).map_err(failed)?)
    };
    let mut text = String::new();
    reader.take(MAX_SECRET_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_SECRET_BYTES {
        return Err(Failure::new(Exit::Malformed, format!("{} is too large for a service key", path.display())));
    }
    Ok(Secret::new(text))
}

#[derive(Serialize)]
struct Tested {
    ok: bool,
    expires: String,
    scopes: Vec<String>,
    missing: Vec<&'static str>,
    missing_for_reading_back: Vec<&'static str>,
}

fn test(config: Option<&Path>, output: Output) -> Result<Exit, Failure> {
    let loaded = load(config, &output)?;
    let key = service_key(&loaded)?;
    let client_id = key.client_id().to_owned();
    let secrets: Vec<Secret> = key.secrets().cloned().collect();
    let http = loaded.config.cloud_alm.deliver.http;
    let token = block_on(async {
        let source = TokenSource::new(KeyReceiver::fixed(key), http, clock());
        source.token().await.map_err(|denied| {
            use crate::error::Explain;
            let error = denied.error;
            let shown = crate::secret::redact(&error.to_string(), &secrets);
            let failure =
                Failure::new(error.exit(), format!("cannot sign in as {client_id}")).because(chain(&shown, &*error));
            match error.hint() {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        })
    })?;
    let tested = Tested {
        ok: token.missing_scopes(&PUSH_SCOPES).is_empty(),
        expires: token.expires().to_string(),
        scopes: token.claims().scopes.clone(),
        missing: token.missing_scopes(&PUSH_SCOPES),
        missing_for_reading_back: token.missing_scopes(&READ_SCOPES),
    };
    output.document(&tested, |output| report(&tested, output));
    Ok(if tested.ok { Exit::Done } else { Exit::Refused })
}

fn chain(first: &str, error: &dyn std::error::Error) -> String {
    let mut text = first.to_owned();
    let mut next = error.source();
    while let Some(cause) = next {
        let line = cause.to_string();
        if !text.ends_with(&line) {
            text.push_str(": ");
            text.push_str(&line);
        }
        next = cause.source();
    }
    text
}

fn report(tested: &Tested, output: Output) {
    output.done(format_args!("signed in; the token is valid until {}", tested.expires));
    for scope in &tested.scopes {
        output.line(scope);
    }
    if !tested.ok {
        output.note(format_args!("missing for pushing: {}", tested.missing.join(", ")));
        output.hint(
            "the instance was made without these authorities; create a new instance of SAP Cloud ALM API with them in its JSON parameters, then a new key",
        );
    } else if !tested.missing_for_reading_back.is_empty() {
        output
            .note(format_args!("missing for reading back (optional): {}", tested.missing_for_reading_back.join(", ")));
    }
}
