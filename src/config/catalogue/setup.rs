//! `[setup]`.

use crate::config::said::{Choice, FilePath, Link, Preset, Said, SecretText, Words, table};
use crate::config::{CredentialType, SetupBackend};

impl Words for SetupBackend {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("cloud-foundry", Self::CloudFoundry), ("service-manager", Self::ServiceManager)];
}

impl Words for CredentialType {
    const WORDS: &'static [(&'static str, Self)] = &[("binding-secret", Self::BindingSecret), ("x509", Self::X509)];
}

table! {
    /// The enablement.
    SetupSaid {
        /// "auto" (by the credentials that are there), "cloud-foundry" or "service-manager".
        backend: Preset<Choice<SetupBackend>> = "auto";
        /// The space that holds the instance.
        space: Preset<String> = "sap_cloud_alm_space";
        /// The name of the service instance.
        instance: Preset<String> = "sap_cloud_alm_api";
        /// The name of the service key.
        key: Preset<String> = "sap_cloud_alm_key";
        /// Names under which the service may be offered.
        service_names: Preset<Vec<String>> = "[\"SAPCloudALMAPIs\", \"sap-cloud-alm-api\"]";
        /// The service plan.
        plan: Preset<String> = "standard";
        /// What the key may do. Default: what pushing and reading back needs.
        authorities: Said<Vec<String>> = "[\"metrics.write\", \"hm.write\"]";
        /// How the key signs in: "binding-secret" or "x509".
        credential_type: Preset<Choice<CredentialType>> = "binding-secret";
        /// The Cloud Foundry way.
        cloud_foundry: Said<SetupCloudFoundrySaid> = "";
        /// The Service Manager way.
        service_manager: Said<SetupServiceManagerSaid> = "";
        /// The entitlement.
        btp: Said<SetupBtpSaid> = "";
        /// Optional further step: the BTP destination that a managed service reads.
        destination: Said<SetupDestinationSaid> = "";
    }
}

table! {
    /// The Cloud Foundry way.
    SetupCloudFoundrySaid {
        /// The API of the Cloud Foundry environment.
        api: Said<Link> = "https://api.cf.eu10.hana.ondemand.com";
        /// The organisation.
        org: Said<String> = "orders-prod";
        /// The identity provider; the default one if it is left out.
        origin: Said<String> = "sap.ids";
        /// The user. Without one a passcode is asked for on the terminal.
        username: Said<String> = "admin@orders.example";
        /// The password, from a variable or a file.
        password: Said<SecretText> = "${env:CF_PASSWORD}";
        /// The same, as the path of its file.
        password_file: Said<FilePath> = "cf-password";
        /// The same, as the name of a variable.
        password_env: Said<String> = "CF_PASSWORD";
    }
}

table! {
    /// The Service Manager way.
    SetupServiceManagerSaid {
        /// A binding of the Service Manager; without it one is made with the cis key.
        key_file: Said<FilePath> = "service-manager.json";
    }
}

table! {
    /// The entitlement. On the Cloud Foundry way only needed when the plan is not yet visible in the marketplace.
    SetupBtpSaid {
        /// A key of the Cloud Management Service (cis).
        cis_key_file: Said<FilePath> = "cis-key.json";
        /// The id of the subaccount.
        subaccount: Said<String> = "0f2c8d1e-0000-4000-8000-0123456789ab";
    }
}

table! {
    /// The BTP destination through which a managed service pushes by itself.
    SetupDestinationSaid {
        /// Its name.
        name: Preset<String> = "CALM_datacollector";
        /// A key of the destination service.
        key_file: Said<FilePath> = "destination.json";
    }
}
