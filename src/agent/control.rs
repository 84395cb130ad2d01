//! The way into a running agent: a Unix socket in its data directory.
//!
//! Whoever may change the agent is whoever may open `agent.sock` (mode 0600, in a folder of mode 0700): nobody else, and never over the
//! network. One connection carries one command and one reply, each a line of JSON of bounded length.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use crate::error::{Exit, Explain};
use crate::shutdown::Tasks;

/// The socket's name in the data directory.
pub const SOCKET: &str = "agent.sock";
/// The longest command or reply.
const MAX_LINE_BYTES: u64 = 64 * 1024;
/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(10);
/// Commands that wait for the agent's loop.
const WAITING: usize = 16;

/// What can be asked of a running agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Takes one metric for a service.
    Send(Item),
    /// Puts a service into maintenance.
    Mute {
        /// The service's name.
        service: String,
        /// For how long.
        seconds: u64,
        /// Why.
        reason: String,
    },
    /// Ends that.
    Unmute {
        /// The service's name.
        service: String,
    },
}

/// One metric from a script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The service's name.
    pub service: String,
    /// The metric's name.
    pub metric: String,
    /// Its value.
    pub value: ItemValue,
}

/// The value of a metric from a script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemValue {
    /// A number.
    Gauge {
        /// The number.
        value: f64,
        /// Its unit.
        unit: String,
    },
    /// A number of its maximum.
    Quota {
        /// What is used.
        used: f64,
        /// Of how much.
        limit: f64,
        /// Their unit.
        unit: String,
    },
    /// A state.
    Status {
        /// Its rating, as a word.
        rating: String,
        /// What it says.
        text: String,
    },
}

/// The agent's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It was done.
    Done(String),
    /// It was not, for this reason.
    Refused(String),
}

/// A command on its way to the agent's loop.
pub type Ask = (Command, oneshot::Sender<Reply>);

/// Why the socket could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Another agent answers on it.
    #[error("another agent runs with the data directory {}", .0.display())]
    Taken(PathBuf),
    /// The operating system said no.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What it answered.
        source: std::io::Error,
    },
    /// The other side sent something else than a reply.
    #[error("the agent's answer cannot be read")]
    Garbled,
}

impl Explain for ControlError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Taken(_) => Some("stop it first, or give this one a data_dir of its own".into()),
            Self::Io { action: "listen on", .. } => {
                Some("check that data_dir exists and that this user may write there".into())
            }
            _ => None,
        }
    }

    fn exit(&self) -> Exit {
        Exit::Unavailable
    }
}

/// Listens in `data_dir` and hands commands to the returned channel. A socket that a killed agent left behind is replaced.
///
/// # Errors
/// [`ControlError`] when another agent runs there, or the socket cannot be made.
pub async fn listen(data_dir: &Path, tasks: &Tasks) -> Result<mpsc::Receiver<Ask>, ControlError> {
    let path = data_dir.join(SOCKET);
    let io = |action| {
        let path = path.clone();
        move |source| ControlError::Io { action, path, source }
    };
    if UnixStream::connect(&path).await.is_ok() {
        return Err(ControlError::Taken(data_dir.to_owned()));
    }
    if path.exists() {
        std::fs::remove_file(&path).map_err(io("replace"))?;
    }
    let listener = UnixListener::bind(&path).map_err(io("listen on"))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(io("protect"))?;
    let (sender, commands) = mpsc::channel(WAITING);
    let stop = tasks.stop().clone();
    tasks.spawn("control socket", async move {
        while let Some(accepted) = stop.until(listener.accept()).await {
            let Ok((stream, _)) = accepted else { continue };
            // One at a time: these are commands of people and scripts, and a slow one is cut off.
            let _ = tokio::time::timeout(PATIENCE, serve(stream, &sender)).await;
        }
        let _ = std::fs::remove_file(&path);
    });
    Ok(commands)
}

async fn serve(mut stream: UnixStream, sender: &mpsc::Sender<Ask>) -> std::io::Result<()> {
    let mut line = String::new();
    let (reader, mut writer) = stream.split();
    BufReader::new(reader.take(MAX_LINE_BYTES)).read_line(&mut line).await?;
    let reply = match serde_json::from_str::<Command>(&line) {
        Ok(command) => {
            let (answer, answered) = oneshot::channel();
            let sent = sender.send((command, answer)).await.is_ok();
            let reply = if sent { answered.await.ok() } else { None };
            reply.unwrap_or_else(|| Reply::Refused("the agent is stopping".into()))
        }
        Err(error) => Reply::Refused(format!("the command cannot be read: {error}")),
    };
    let mut text = serde_json::to_vec(&reply)?;
    text.push(b'\n');
    writer.write_all(&text).await
}

/// Asks the agent that runs with `data_dir`; `None` when none does.
///
/// # Errors
/// [`ControlError`] when one is there but does not answer.
pub async fn ask(data_dir: &Path, command: &Command) -> Result<Option<Reply>, ControlError> {
    let path = data_dir.join(SOCKET);
    let Ok(mut stream) = UnixStream::connect(&path).await else { return Ok(None) };
    let exchange = async {
        let mut line = serde_json::to_vec(command)?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        let mut reply = String::new();
        BufReader::new((&mut stream).take(MAX_LINE_BYTES)).read_line(&mut reply).await?;
        Ok::<_, std::io::Error>(reply)
    };
    let late = || std::io::Error::from(std::io::ErrorKind::TimedOut);
    let reply = tokio::time::timeout(PATIENCE, exchange).await.unwrap_or_else(|_| Err(late()));
    let reply = reply.map_err(|source| ControlError::Io { action: "talk to", path: path.clone(), source })?;
    serde_json::from_str(&reply).map(Some).map_err(|_| ControlError::Garbled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shutdown::Stop;

    fn unmute() -> Command {
        Command::Unmute { service: "orders".into() }
    }

    #[tokio::test]
    async fn a_command_reaches_the_agent_and_its_reply_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let tasks = Tasks::new(Stop::new());
        let mut commands = listen(dir.path(), &tasks).await.unwrap();
        let mode = std::fs::metadata(dir.path().join(SOCKET)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let command = unmute();
        let (reply, ()) = tokio::join!(ask(dir.path(), &command), async {
            let (command, answer) = commands.recv().await.unwrap();
            assert_eq!(command, unmute());
            answer.send(Reply::Done("not muted any more".into())).unwrap();
        });
        assert_eq!(reply.unwrap(), Some(Reply::Done("not muted any more".into())));
        tasks.drain(PATIENCE).await.unwrap();
        assert!(!dir.path().join(SOCKET).exists(), "removed at an orderly end");
    }

    #[tokio::test]
    async fn nobody_there_is_an_answer_and_a_second_agent_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(ask(dir.path(), &unmute()).await.unwrap(), None);
        let tasks = Tasks::new(Stop::new());
        let _commands = listen(dir.path(), &tasks).await.unwrap();
        assert!(matches!(listen(dir.path(), &tasks).await, Err(ControlError::Taken(_))));
    }

    #[tokio::test]
    async fn a_socket_of_a_killed_agent_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        drop(UnixListener::bind(dir.path().join(SOCKET)).unwrap());
        assert!(dir.path().join(SOCKET).exists());
        let tasks = Tasks::new(Stop::new());
        listen(dir.path(), &tasks).await.unwrap();
    }

    #[tokio::test]
    async fn garbage_and_endless_lines_are_answered_and_harm_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let tasks = Tasks::new(Stop::new());
        let _commands = listen(dir.path(), &tasks).await.unwrap();
        let endless = vec![b'x'; 100_000];
        for garbage in [&b"{\"command\":\"explode\"}\n"[..], &endless, b"\n"] {
            let socket = dir.path().join(SOCKET);
            let mut stream = UnixStream::connect(socket).await.unwrap();
            let _ = stream.write_all(garbage).await;
            let mut reply = String::new();
            let _ = stream.read_to_string(&mut reply).await;
            assert!(reply.is_empty() || reply.contains("cannot be read"), "{reply}");
        }
    }
}
