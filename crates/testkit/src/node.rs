#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a server that does not start fails the test"
)]

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;
use uuid::Uuid;

const BOOT_PATIENCE: Duration = Duration::from_secs(90);

/// A `RabbitMQ` server of our own, from the Debian package, with everything in a temporary folder. It is ended with
/// its port mapper when it is dropped.
pub struct Node {
    folder: TempDir,
    scripts: PathBuf,
    name: String,
    port: u16,
    mapper_port: u16,
    distribution_port: u16,
    server: Option<Child>,
    undertaker: Child,
}

/// Ends the processes with our port mapper's address in their environment, and their folder, once its input ends:
/// also when the test is killed.
const UNDERTAKER: &str = r#"
read -r _
for process in /proc/[0-9]*; do
    grep -qsazx "ERL_EPMD_PORT=$1" "$process/environ" && kill -9 "${process#/proc/}"
done 2>/dev/null
rm -rf "$2"
"#;

impl Node {
    /// Installs nothing: the package has to be there.
    pub fn start() -> Self {
        let (folder, mapper_port) = (TempDir::new().unwrap(), free_port());
        let undertaker = Command::new("sh")
            .args(["-c", UNDERTAKER, "undertaker", &mapper_port.to_string()])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut node = Self {
            folder,
            scripts: scripts(),
            name: format!("t-{}@localhost", Uuid::new_v4().simple()),
            port: free_port(),
            mapper_port,
            distribution_port: free_port(),
            server: None,
            undertaker,
        };
        node.write_configuration();
        node.boot();
        node
    }

    /// Its address; the same after a crash.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    /// Starts the server and returns when its port is open.
    pub fn boot(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.path("out")).unwrap();
        let server = self
            .command("rabbitmq-server")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        self.server = Some(server);
        let since = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(since.elapsed() < BOOT_PATIENCE, "RabbitMQ did not start:\n{}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops the server without ending it: its sockets stay open and silent.
    pub fn freeze(&self) {
        self.signal_server(Signal::SIGSTOP);
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        self.signal_server(Signal::SIGCONT);
    }

    /// kill -9, as a crash does it; the port mapper lives on.
    pub fn crash(&mut self) {
        self.signal_server(Signal::SIGKILL);
        if let Some(mut server) = self.server.take() {
            server.wait().unwrap();
        }
        let since = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
            assert!(since.elapsed() < BOOT_PATIENCE, "RabbitMQ did not die");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn signal_server(&self, signal: Signal) {
        for pid in self.processes() {
            if !fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().starts_with("epmd") {
                // It may have ended by itself in between.
                let _ = kill(Pid::from_raw(pid), signal);
            }
        }
    }

    /// Runs `rabbitmqctl`.
    pub fn control(&self, arguments: &[&str]) {
        self.ask(arguments);
    }

    /// Runs `rabbitmqctl`, and gives what it says.
    pub fn ask(&self, arguments: &[&str]) -> String {
        let output = self.command("rabbitmqctl").args(["-n", &self.name, "-q"]).args(arguments).output().unwrap();
        assert!(output.status.success(), "rabbitmqctl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new(self.scripts.join(script));
        command
            .env("HOME", self.folder.path())
            .env("ERL_EPMD_PORT", self.mapper_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODENAME", &self.name)
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_DIST_PORT", self.distribution_port.to_string())
            .env("RABBITMQ_MNESIA_BASE", self.path("mnesia"))
            .env("RABBITMQ_LOG_BASE", self.path("log"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_PID_FILE", self.path("pid"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", self.path("enabled_plugins"))
            .env("RABBITMQ_CONFIG_FILE", self.path("rabbitmq"))
            .env("RABBITMQ_CONF_ENV_FILE", self.path("none"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", self.path("none"))
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none",
            );
        command
    }

    fn write_configuration(&self) {
        fs::create_dir(self.path("mnesia")).unwrap();
        fs::create_dir(self.path("log")).unwrap();
        let cookie = self.path(".erlang.cookie");
        fs::write(&cookie, Uuid::new_v4().simple().to_string()).unwrap();
        fs::set_permissions(&cookie, fs::Permissions::from_mode(0o400)).unwrap();
        fs::write(self.path("enabled_plugins"), "[].").unwrap();
        let configuration = format!(
            "listeners.tcp.default = 127.0.0.1:{}\nvm_memory_high_watermark.absolute = 512MB\n\
             disk_free_limit.absolute = 50MB\nlog.file = false\nlog.console = true\n",
            self.port
        );
        fs::write(self.path("rabbitmq.conf"), configuration).unwrap();
    }

    /// The server, its helpers and its port mapper run in sessions of their own; ours are told by their environment.
    fn processes(&self) -> Vec<i32> {
        let ours = format!("ERL_EPMD_PORT={}\0", self.mapper_port);
        let numbers = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        numbers
            .filter(|pid| {
                let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
                environment.windows(ours.len()).any(|window| window == ours.as_bytes())
            })
            .collect()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("out")).unwrap_or_default()
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.undertaker.stdin.take());
        let _ = self.undertaker.wait();
        if let Some(mut server) = self.server.take() {
            let _ = server.wait();
        }
    }
}

/// Where the package has its plain scripts; those on the search path change the user and the folders.
fn scripts() -> PathBuf {
    let listing = Command::new("dpkg").args(["-L", "rabbitmq-server"]).output().unwrap();
    let listing = String::from_utf8(listing.stdout).unwrap();
    let server = listing
        .lines()
        .find(|line| line.ends_with("lib/rabbitmq/bin/rabbitmq-server"))
        .expect("install the Debian package rabbitmq-server");
    Path::new(server).parent().unwrap().to_owned()
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
