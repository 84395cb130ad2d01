//! `send`: one metric from a script, through the running agent if there is one, else directly.

use std::path::Path;

use super::args::SendOptions;
use super::once::{DEADLINE, outcome};
use super::output::Output;
use super::setting::{block_on, clock, load};
use crate::agent::Collector;
use crate::agent::control::{Command, Item, ItemValue, Reply, ask};
use crate::config::Loaded;
use crate::error::{Exit, Failure};

/// Sends it.
pub(super) fn send(config: Option<&Path>, options: &SendOptions, output: &Output) -> Result<Exit, Failure> {
    let loaded = load(config, output)?;
    let item = Item { service: options.service.clone(), metric: options.metric.clone(), value: value(options)? };
    block_on(async {
        let asked = ask(&loaded.config.agent.data_dir, &Command::Send(item.clone())).await?;
        match asked {
            Some(Reply::Done(text)) => {
                output.document(&serde_json::json!({ "ok": true, "message": text }), |output| output.done(&text));
                Ok(Exit::Done)
            }
            Some(Reply::Refused(reason)) => Err(Failure::new(Exit::Usage, reason)),
            None => directly(&loaded, &item, output).await,
        }
    })
}

fn value(options: &SendOptions) -> Result<ItemValue, Failure> {
    let unit = options.unit.clone().unwrap_or_else(|| "1".to_owned());
    match (options.value, &options.rating, options.used, options.limit) {
        (Some(value), None, None, None) => Ok(ItemValue::Gauge { value, unit }),
        (None, Some(rating), None, None) => {
            Ok(ItemValue::Status { rating: rating.clone(), text: options.text.clone().unwrap_or_default() })
        }
        (None, None, Some(used), Some(limit)) => Ok(ItemValue::Quota { used, limit, unit }),
        _ => Err(Failure::new(Exit::Usage, "give one of --value, --rating with --text, or --used with --limit")),
    }
}

async fn directly(loaded: &Loaded, item: &Item, output: &Output) -> Result<Exit, Failure> {
    let service = loaded.config.condense.services.iter().find(|service| service.name.as_str() == item.service);
    let Some(service) = service else {
        let known: Vec<&str> = loaded.config.condense.services.iter().map(|service| service.name.as_str()).collect();
        return Err(Failure::new(Exit::Usage, format!("the configuration has no service {:?}", item.service))
            .hint(format!("it has: {}", known.join(", "))));
    };
    let clock = clock();
    let batch = crate::agent::batch_of(item, service.id.clone(), clock.now())
        .map_err(|reason| Failure::new(Exit::Usage, reason))?;
    let collector = Collector::new(loaded.config.clone(), clock);
    output.note("no agent runs here, so this goes out directly …");
    let drained = collector.deliver(vec![batch], DEADLINE).await?;
    outcome(&drained, format_args!("{} was delivered for {}", item.metric, item.service), output)
}
