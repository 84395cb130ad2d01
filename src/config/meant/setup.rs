//! The enablement's table.

use super::reach::{refuse_exposed, secret};
use crate::config::catalogue::{SetupCloudFoundrySaid, SetupSaid};
use crate::config::said::Reader;
use crate::config::types::{SetupBtp, SetupCloudFoundry, SetupDestination, SetupServiceManager, SetupTable};
use crate::http::SecretSource;
use crate::secret::Secret;

/// What setup is told.
pub(super) fn setup(said: &SetupSaid, reader: &mut Reader<'_>) -> SetupTable {
    SetupTable {
        backend: said.backend.value.0,
        space: said.space.value.clone(),
        instance: said.instance.value.clone(),
        key: said.key.value.clone(),
        service_names: said.service_names.value.clone(),
        plan: said.plan.value.clone(),
        authorities: said.authorities.value.clone(),
        credential_type: said.credential_type.value.0,
        cloud_foundry: said.cloud_foundry.value.as_ref().map(|table| cloud_foundry(table, reader)),
        service_manager: said
            .service_manager
            .value
            .as_ref()
            .map(|table| SetupServiceManager { key_file: table.key_file.value.clone().map(|path| path.0) }),
        btp: said.btp.value.as_ref().map(|table| SetupBtp {
            cis_key_file: table.cis_key_file.value.clone().map(|path| path.0),
            subaccount: table.subaccount.value.clone(),
        }),
        destination: said.destination.value.as_ref().map(|table| SetupDestination {
            name: table.name.value.clone(),
            key_file: table.key_file.value.clone().map(|path| path.0),
        }),
    }
}

fn cloud_foundry(said: &SetupCloudFoundrySaid, reader: &mut Reader<'_>) -> SetupCloudFoundry {
    if let (Some(api), Some(place)) = (&said.api.value, &said.api.place) {
        refuse_exposed(api, place, "api", reader);
    }
    let password = secret("password", &said.password, &said.password_file, reader);
    if let (Some(place), true) = (&said.password_env.place, said.password.is_said() || said.password_file.is_said()) {
        reader.error(place, "`password_env` beside another place of the password", "take one of them out");
    }
    SetupCloudFoundry {
        api: said.api.value.clone().map(|link| link.0),
        org: said.org.value.clone(),
        origin: said.origin.value.clone(),
        username: said.username.value.clone(),
        password: password.or_else(|| password_variable(said, reader)),
    }
}

/// A variable that is not set is setup's to say: it may still ask for the password.
fn password_variable(said: &SetupCloudFoundrySaid, reader: &Reader<'_>) -> Option<SecretSource> {
    let text = reader.environment.get(said.password_env.value.as_ref()?).filter(|text| !text.is_empty())?;
    Some(SecretSource::Value(Secret::new(text)))
}
