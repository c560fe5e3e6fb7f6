//! Applications of Apache Kafka that are users of a cluster themselves: Kafka Streams, Connect and MirrorMaker, each in a process
//! of its own.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::environment::Missing;
use crate::kafka_tools;

/// How long anything that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running application; ends with the value.
#[derive(Debug)]
pub struct Application {
    class: &'static str,
    child: Child,
    folder: TempDir,
    lines: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Application {
    /// Starts the Java class `class` with a file of these properties and then `arguments`, where `{folder}` stands for a folder
    /// of its own.
    ///
    /// # Errors
    /// Where there is no Java or no Kafka on this machine.
    pub fn start(
        class: &'static str,
        properties: &[(&str, &str)],
        arguments: &[&str],
    ) -> Result<Self, Missing> {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let of_folder = |text: &str| text.replace("{folder}", &folder.path().to_string_lossy());
        let mut text = String::new();
        for (name, value) in properties {
            writeln!(text, "{name}={}", of_folder(value)).expect("a string takes all");
        }
        let file = folder.path().join("application.properties");
        fs::write(&file, text).expect("a file can be written");
        let mut command = kafka_tools::jvm(class)?;
        command.arg(&file).args(arguments.iter().map(|argument| of_folder(argument)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| Missing(format!("java does not start: {error}")))?;
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let out = listen(child.stdout.take().expect("piped"), &lines);
        let err = listen(child.stderr.take().expect("piped"), &lines);
        Ok(Self { class, child, folder, lines, readers: vec![out, err] })
    }

    /// The folder of its own.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All that it has printed until now.
    pub fn printed(&self) -> String {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// Waits until something is there.
    ///
    /// # Panics
    /// When that does not come, or the application ends.
    pub fn wait_until<T>(&mut self, wanted: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            let ended = self.child.try_wait().expect("it is this process's child");
            assert!(ended.is_none(), "{} ended with {ended:?}\n{}", self.class, self.printed());
            assert!(Instant::now() < deadline, "{}: no {wanted}\n{}", self.class, self.printed());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until it has printed this line.
    pub fn wait_for_line(&mut self, line: &str) {
        self.wait_until(line, |it| it.printed().lines().any(|printed| printed == line).then_some(()));
    }

    /// Kills it (SIGKILL).
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end (SIGTERM), and waits until it has.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(mut self) -> String {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(id, Signal::TERM).expect("the process is there");
        self.wait_for_end();
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader does not panic");
        }
        self.printed()
    }

    fn wait_for_end(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().expect("it is this process's child").is_none() {
            assert!(Instant::now() < deadline, "{} does not end\n{}", self.class, self.printed());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(from: impl Read + Send + 'static, lines: &Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    let lines = Arc::clone(lines);
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    })
}
