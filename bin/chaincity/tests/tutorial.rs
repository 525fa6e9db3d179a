//! The tutorial, done as its reader would: every command typed into a shell, every file written,
//! on a demo city of real processes; what it shows must come out.
//!
//! Blocks of the document say by their info string what they are: `sh` (with `exit=N` when it
//! must fail so, `background` for what keeps a terminal), `text` (what the commands before it
//! print, `…` standing for anything), `yaml` (a file), `diff` (a change of one). The name of the
//! file is the line above.

#![allow(clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// What the demo says last, before it waits.
const READY: &str = "press Ctrl-C to end";
/// How long the demo may take until then.
const DEMO: Duration = Duration::from_secs(300);
/// How long the shell may live, whatever hangs in it.
const SHELL: Duration = Duration::from_secs(1_200);
/// How long a block's commands may take.
const COMMAND: Duration = Duration::from_secs(120);
/// Pause between two looks at the demo.
const LOOK: Duration = Duration::from_millis(100);
/// What the shell prints after each block, before the block's exit code.
const MARK: &str = "@@ended ";

/// A fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Block {
    /// Line of its fence.
    line: usize,
    /// What stands after the fence.
    info: String,
    /// The last text before it, which names the file that it is about.
    above: String,
    text: String,
}

impl Block {
    /// The file that it is about: in code, alone on the line above.
    fn file(&self) -> &str {
        let named = self.above.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
        named.unwrap_or_else(|| panic!("line {}: of which file?", self.line))
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn blocks(document: &str) -> Vec<Block> {
    let text = fs::read_to_string(repository().join("docs").join(document)).unwrap();
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut above = String::new();
    for (line, number) in text.lines().zip(1..) {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(info)) => {
                let (info, above, text) = (info.to_owned(), above.clone(), String::new());
                open = Some(Block { line: number, info, above, text });
            }
            (Some(block), None) => block.text += &format!("{line}\n"),
            (None, None) if line.is_empty() => {}
            (None, None) => above = line.to_owned(),
        }
    }
    assert!(open.is_none(), "{document}: a block does not end");
    blocks
}

/// The reader's desk: the clone's folder as far as the tutorial uses it, and the two terminals.
struct Desk {
    dir: tempfile::TempDir,
    demo: Option<Child>,
    shell: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// What the last commands printed.
    printed: String,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let programs = Path::new(env!("CARGO_BIN_EXE_chaincity")).parent().unwrap().to_owned();
        assert!(
            programs.join("chaincity-verify").is_file(),
            "`cargo build -p chaincity-verify` comes before this test"
        );
        fs::create_dir(dir.path().join("target")).unwrap();
        symlink(&programs, dir.path().join("target/debug")).unwrap();
        symlink(repository().join("examples"), dir.path().join("examples")).unwrap();
        // The repository's script builds first; the programs are built already.
        let run = dir.path().join("run");
        fs::write(&run, "#!/bin/sh\nexec target/debug/chaincity demo \"$@\"\n").unwrap();
        fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).unwrap();
        let mut shell = Command::new("timeout")
            .arg(SHELL.as_secs().to_string())
            .args(["bash", "-c", "exec 2>&1; exec bash"])
            .current_dir(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = shell.stdin.take().unwrap();
        let output = BufReader::new(shell.stdout.take().unwrap());
        Self { dir, demo: None, shell, input, output, printed: String::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn do_block(&mut self, block: &Block) {
        let words: Vec<&str> = block.info.split_whitespace().collect();
        match words[..] {
            ["sh", "background"] => self.start_demo(block),
            ["sh"] => self.type_commands(block, "0"),
            ["sh", exit] => self.type_commands(block, exit.strip_prefix("exit=").unwrap()),
            ["text"] => self.check_printed(block),
            ["yaml"] => self.write_file(block),
            ["diff"] => self.change_file(block),
            _ => panic!("line {}: what is `{}`?", block.line, block.info),
        }
    }

    fn start_demo(&mut self, block: &Block) {
        let log = self.path("demo.log");
        let file = File::create(&log).unwrap();
        let demo = Command::new("sh")
            .args(["-c", &format!("exec {}", block.text)])
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        self.demo = Some(demo);
        let begun = Instant::now();
        loop {
            let said = fs::read_to_string(&log).unwrap_or_default();
            if said.contains(READY) {
                return;
            }
            let ended = self.demo.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < DEMO, "the demo: {ended:?}\n{said}");
            std::thread::sleep(LOOK);
        }
    }

    /// Whether each node's read model has followed as far as any node has come.
    fn is_followed(&self) -> bool {
        let asked = Command::new(env!("CARGO_BIN_EXE_chaincity"))
            .args(["status", "--city", "demo-data", "--json"])
            .current_dir(self.dir.path())
            .output()
            .unwrap();
        let nodes: Vec<Value> = String::from_utf8(asked.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let tip = nodes.iter().filter_map(|node| node["height"].as_u64()).max();
        tip.is_some() && nodes.iter().all(|node| node["read_model"].as_u64() >= tip)
    }

    /// Types the commands into the shell; all must end well, or the only one as told.
    fn type_commands(&mut self, block: &Block, exit: &str) {
        let begun = Instant::now();
        // A query sees what its node's read model has followed; a reader takes longer than that.
        while self.demo.is_some() && !self.is_followed() {
            assert!(begun.elapsed() < COMMAND, "line {}: a read model stays behind", block.line);
            std::thread::sleep(LOOK);
        }
        // Nothing that the block starts may read what is typed after it.
        let file = self.path("block.sh");
        fs::write(&file, format!("trap 'failed=$?' ERR\n{}", block.text)).unwrap();
        let line = format!(
            "failed=0; . ./block.sh </dev/null; trap - ERR; echo; echo \"{MARK}$failed\"\n"
        );
        self.input.write_all(line.as_bytes()).unwrap();
        self.printed.clear();
        let ended = loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line).unwrap();
            assert!(read > 0, "line {}: the shell ended\n{}", block.line, self.printed);
            if let Some(code) = line.strip_prefix(MARK) {
                break code.trim().to_owned();
            }
            self.printed += &line;
        };
        assert_eq!(ended, exit, "line {}:\n{}{}", block.line, block.text, self.printed);
        assert!(begun.elapsed() < COMMAND, "line {}: took {:?}", block.line, begun.elapsed());
    }

    fn check_printed(&self, block: &Block) {
        let mut printed = self.printed.lines();
        for wanted in block.text.lines() {
            assert!(
                printed.any(|line| matches(wanted, line)),
                "line {}: `{wanted}` is not printed, or not there:\n{}",
                block.line,
                self.printed
            );
        }
    }

    fn write_file(&self, block: &Block) {
        let file = block.file();
        let path = self.path(file);
        assert!(!path.exists(), "line {}: {file} is there already", block.line);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &block.text).unwrap();
    }

    fn change_file(&self, block: &Block) {
        let file = block.file();
        let side = |other: char| -> String {
            let lines = block.text.lines().filter(|line| !line.starts_with(other));
            lines.map(|line| format!("{}\n", line.get(1..).unwrap())).collect()
        };
        let (old, new) = (side('+'), side('-'));
        let text = fs::read_to_string(self.path(file)).unwrap();
        let places = text.matches(&old).count();
        assert_eq!(places, 1, "line {}: places in {file} for\n{old}", block.line);
        fs::write(self.path(file), text.replace(&old, &new)).unwrap();
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(mut demo) = self.demo.take() {
            // The demo ends its nodes when it is interrupted, as by Ctrl-C.
            let pid = demo.id().to_string();
            drop(Command::new("kill").args(["-INT", &pid]).status());
            drop(demo.wait());
        }
        drop(self.shell.kill());
        drop(self.shell.wait());
    }
}

/// Whether the line is as wanted, `…` standing for anything.
fn matches(wanted: &str, line: &str) -> bool {
    let Some((first, rest)) = wanted.split_once('…') else { return wanted == line };
    let (middle, last) = rest.rsplit_once('…').unwrap_or(("", rest));
    let Some(mut line) = line.strip_prefix(first) else { return false };
    for part in middle.split('…') {
        let Some((_, after)) = line.split_once(part) else { return false };
        line = after;
    }
    line.ends_with(last)
}

#[test]
fn the_tutorial_does_what_it_says() {
    let mut desk = Desk::new();
    for block in blocks("tutorial.md") {
        desk.do_block(&block);
    }
}

#[test]
fn both_languages_of_the_tutorial_have_the_same_blocks() {
    let of = |document: &str| -> Vec<(String, String, String)> {
        let part = |block: Block| {
            let about_file = ["yaml", "diff"].contains(&block.info.as_str());
            let file = if about_file { block.file().to_owned() } else { String::new() };
            (block.info, file, block.text)
        };
        blocks(document).into_iter().map(part).collect()
    };
    let (en, zh) = (of("tutorial.md"), of("tutorial.zh.md"));
    for (en, zh) in en.iter().zip(&zh) {
        assert_eq!(en, zh);
    }
    assert_eq!(en.len(), zh.len());
}

#[test]
fn a_line_is_compared_around_what_is_left_out() {
    assert!(matches("a … c", "a b c") && matches("a …", "a b c") && matches("… c", "a b c"));
    assert!(matches("a b", "a b") && !matches("a b", "a b c") && !matches("a … d", "a b c"));
    assert!(!matches("b …", "a b c") && matches("… x …", "1 x 2"));
}
