//! One file over HTTP: resumed where it broke off, checked, and named only when whole.
//!
//! What is published never changes, so the digest stands in for `If-Range`: a part that belongs to something else gives
//! a wrong MD5, and where a part was involved the download starts once more from nothing before it is called wrong.

use std::fs::{self, File, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ureq::Agent;
use ureq::http::response::Parts;
use ureq::http::{StatusCode, header};

use super::answer::{Piece, ask};
use super::{Fetcher, fault};
use crate::digest::md5_of;
use crate::{CLASS_INDEX, Official, Result, WeightsError};

/// How long a server may keep silent.
const SILENCE: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(20);
/// How often somebody who waits looks up to see whether to go on waiting.
const LOOK: Duration = Duration::from_millis(100);

/// Why a connection ended before the file was whole.
enum Stop {
    /// It broke; another may bring the rest.
    Broken(String),
    /// Trying again would bring the same.
    Final(WeightsError),
    /// Somebody wants it to end.
    Interrupted,
}

/// Brings the file, and gives its path.
pub(super) fn download(fetcher: &Fetcher, file: &Official) -> Result<PathBuf> {
    let (target, part) = (fetcher.dir.join(file.name), fetcher.dir.join(format!("{}.part", file.name)));
    let run = Download { fetcher, file, url: fetcher.url(file), target: &target };
    let mut out = File::options().create(true).truncate(false).read(true).write(true).open(&part);
    let out = out
        .as_mut()
        .map_err(|e| WeightsError::writing("write", &part)(std::io::Error::new(e.kind(), e.to_string())))?;
    match out.try_lock() {
        Ok(()) | Err(TryLockError::Error(_)) => {} // A file system without locks: go on without.
        Err(TryLockError::WouldBlock) => {
            return Err(run.failed("another download of it is under way".to_owned()));
        }
    }
    let had_part = size(out, &part)? > 0;
    if let Err(e) = run.fill(out, &part) {
        if size(out, &part)? == 0 {
            fs::remove_file(&part).map_err(WeightsError::writing("remove", &part))?;
        }
        return Err(e);
    }
    let mut found = md5_of(&part)?;
    if found != file.md5 && had_part {
        out.set_len(0).map_err(WeightsError::writing("write", &part))?;
        run.fill(out, &part)?;
        found = md5_of(&part)?;
    }
    if found != file.md5 {
        fs::remove_file(&part).map_err(WeightsError::writing("remove", &part))?;
        let detail = format!("what came has the MD5 {found}, Keras's own has {}; it was discarded", file.md5);
        return Err(run.failed(detail));
    }
    out.sync_all().map_err(WeightsError::writing("write", &part))?;
    fs::rename(&part, &target).map_err(WeightsError::writing("write", &target))?;
    Ok(target)
}

struct Download<'a> {
    fetcher: &'a Fetcher,
    file: &'a Official,
    url: String,
    target: &'a Path,
}

impl Download<'_> {
    /// Adds to the part, over as many connections as it takes, until it has the full size.
    fn fill(&self, out: &mut File, part: &Path) -> Result<()> {
        let bar = self.bar();
        let (mut failures, mut pause) = (0, self.fetcher.patience.pause);
        loop {
            let mut have = size(out, part)?;
            if have > self.file.bytes {
                out.set_len(0).map_err(WeightsError::writing("write", part))?;
                have = 0;
            }
            if have == self.file.bytes {
                bar.finish_and_clear();
                return Ok(());
            }
            bar.set_position(have);
            let broken = match self.connection(out, part, have, &bar) {
                Ok(()) => "the server ended early".to_owned(),
                Err(Stop::Final(e)) => return Err(e),
                Err(Stop::Interrupted) => return Err(self.interrupted(out, part)?),
                Err(Stop::Broken(detail)) => detail,
            };
            let now = size(out, part)?;
            if now > have {
                (failures, pause) = (0, self.fetcher.patience.pause);
                continue;
            }
            failures += 1;
            if failures >= self.fetcher.patience.attempts {
                let kept = match now {
                    0 => String::new(),
                    n => format!(
                        " ({n} of {} bytes are kept in {}: run it again to resume)",
                        self.file.bytes,
                        part.display()
                    ),
                };
                return Err(self.failed(format!("{broken}{kept}")));
            }
            let waited = Instant::now();
            while waited.elapsed() < pause {
                if self.fetcher.is_interrupted() {
                    return Err(self.interrupted(out, part)?);
                }
                thread::sleep(LOOK.min(pause));
            }
            pause *= 2;
        }
    }

    /// One request for what is missing, and all that it brings.
    fn connection(&self, out: &mut File, part: &Path, have: u64, bar: &ProgressBar) -> Result<(), Stop> {
        let write = |e| Stop::Final(WeightsError::writing("write", part)(e));
        let mut request = self.agent().get(&self.url).header(header::ACCEPT_ENCODING, "identity");
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
        }
        let answer = ask(request);
        let head = match self.next(&answer)? {
            Some(Piece::Head(head)) => head,
            Some(Piece::None(e)) => return Err(self.refused(*e)),
            _ => return Err(Stop::Broken("no answer".to_owned())),
        };
        let from = self.accepted(&head, have)?;
        out.set_len(from).map_err(write)?;
        out.seek(SeekFrom::Start(from)).map_err(write)?;
        bar.set_position(from);
        let mut left = self.file.bytes - from;
        loop {
            match self.next(&answer)? {
                None => return Ok(()),
                Some(Piece::Block(block)) if block.len() as u64 > left => {
                    let detail =
                        format!("the server sends more than the {} bytes of Keras's file", self.file.bytes);
                    return Err(Stop::Final(self.failed(detail)));
                }
                Some(Piece::Block(block)) => {
                    out.write_all(&block).map_err(write)?;
                    left -= block.len() as u64;
                    bar.inc(block.len() as u64);
                }
                Some(Piece::Broken(e)) => return Err(Stop::Broken(e.to_string())),
                Some(Piece::None(e)) => return Err(self.refused(*e)),
                Some(Piece::Head(_)) => return Err(Stop::Broken("two answers to one request".to_owned())),
            }
        }
    }

    /// The next piece of an answer, or `None` after the last.
    fn next(&self, answer: &Receiver<Piece>) -> Result<Option<Piece>, Stop> {
        loop {
            if self.fetcher.is_interrupted() {
                return Err(Stop::Interrupted);
            }
            match answer.recv_timeout(LOOK) {
                Ok(piece) => return Ok(Some(piece)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn interrupted(&self, out: &File, part: &Path) -> Result<WeightsError> {
        let (kept, bytes) = (size(out, part)?, self.file.bytes);
        Ok(WeightsError::Interrupted { path: part.to_owned(), kept, bytes })
    }

    /// Where in the file the body of a response begins, if it is one to take.
    fn accepted(&self, head: &Parts, have: u64) -> Result<u64, Stop> {
        let text = |name| head.headers.get(name).and_then(|v| v.to_str().ok());
        let whole = |bytes: u64| {
            let detail =
                format!("the server has {bytes} bytes under that name, Keras's file has {}", self.file.bytes);
            if bytes == self.file.bytes { Ok(()) } else { Err(Stop::Final(self.failed(detail))) }
        };
        match head.status {
            // A server that knows no ranges sends all of it again.
            StatusCode::OK => {
                text(header::CONTENT_LENGTH).and_then(|n| n.parse().ok()).map_or(Ok(()), whole)?;
                Ok(0)
            }
            StatusCode::PARTIAL_CONTENT => {
                let range = text(header::CONTENT_RANGE)
                    .and_then(|r| r.strip_prefix("bytes "))
                    .and_then(|r| r.split_once('/'));
                let Some((range, total)) = range else {
                    return Err(Stop::Broken("the server sent a part without saying which".to_owned()));
                };
                total.parse().map_or(Ok(()), whole)?;
                match range.split_once('-').and_then(|(from, _)| from.parse::<u64>().ok()) {
                    Some(from) if from == have => Ok(from),
                    _ => {
                        Err(Stop::Broken(format!("asked for bytes from {have} on, the server sent {range}")))
                    }
                }
            }
            s if s.is_server_error() || s == StatusCode::TOO_MANY_REQUESTS => {
                Err(Stop::Broken(format!("the server answers {s}")))
            }
            s => Err(Stop::Final(self.failed(format!("the server answers {s}")))),
        }
    }

    fn agent(&self) -> Agent {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .user_agent(concat!("graft-weights/", env!("CARGO_PKG_VERSION")));
        let host = self.url.split("://").nth(1).unwrap_or("");
        if host.starts_with("127.0.0.1") || host.starts_with("localhost") {
            config = config.proxy(None); // A proxy's 127.0.0.1 is another machine.
        }
        config.build().into()
    }

    /// A request that had no answer, in words.
    fn refused(&self, e: ureq::Error) -> Stop {
        match e {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                Stop::Final(self.failed(format!("it is no URL ({e})")))
            }
            ureq::Error::HostNotFound => {
                Stop::Broken("the server's name is not known; there may be no network".to_owned())
            }
            e => Stop::Broken(format!("no answer ({e}); there may be no network")),
        }
    }

    fn failed(&self, detail: String) -> WeightsError {
        let Official { name, bytes, md5, .. } = self.file;
        // What lies there was not worth using, or nobody would have asked a server.
        let there = if self.target.exists() { fault(self.target, self.file) } else { None };
        let there = there.map_or_else(String::new, |fault| format!(" (what lies in the cache: {fault})"));
        let option = if *name == CLASS_INDEX.name { "--class-index" } else { "--weights" };
        let remedy = format!(
            "To get it by hand, download {name} ({bytes} bytes, MD5 {md5}) elsewhere and put it at {}, or give a training method \
             or predict a file that you have ({option})",
            self.target.display()
        );
        WeightsError::Fetch { url: self.url.clone(), detail: detail + &there, remedy }
    }

    fn bar(&self) -> ProgressBar {
        // indicatif draws nothing where stderr is no terminal.
        let target =
            if self.fetcher.progress { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style =
            ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
        let bar = ProgressBar::with_draw_target(Some(self.file.bytes), target).with_message(self.file.name);
        style.map_or(bar.clone(), |s| bar.with_style(s))
    }
}

fn size(file: &File, path: &Path) -> Result<u64> {
    Ok(file.metadata().map_err(WeightsError::io("read", path))?.len())
}
