//! Downloads from a server on this machine that breaks off, forgets ranges, lies and refuses, as told.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use super::{Fetched, Fetcher, Origin, Patience};
use crate::{CLASS_INDEX, Official, Result, VGG16_NOTOP, WeightsError};

/// What the server does with one connection.
#[derive(Clone, Copy)]
enum Act {
    /// Sends what is asked for, range or all.
    Serve,
    /// Announces all of what is asked for, and sends this many bytes of it.
    BreakAfter(usize),
    /// Sends everything, whatever was asked for.
    IgnoreRange,
    /// Sends everything with one byte wrong.
    Corrupt,
    /// Answers with a status and no file.
    Status(&'static str),
    /// Says the file has another size.
    OtherSize,
    /// Sends this many bytes, and then nothing for ever.
    FallSilentAfter(usize),
}

const CONTENT: &[u8] = b"The quick brown fox jumps over the lazy dog";
/// RFC 1321's digest of the sentence is well known.
const FILE: Official =
    Official { name: "fox.h5", bytes: 43, md5: "9e107d9d372bb6826bd81d3542a419d6", what: "a fox" };

/// Serves `FILE` on a free port, one act a connection, then stops listening; gives the base URL and, a request each, the
/// `Range` header.
fn server(acts: &'static [Act]) -> (String, Receiver<Option<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/vgg16/", listener.local_addr().unwrap());
    let (seen, ranges) = channel();
    thread::spawn(move || {
        for &act in acts {
            let (stream, _) = listener.accept().unwrap();
            // A client that has read enough may hang up before all is written.
            let _ = answer(stream, act, &seen);
        }
    });
    (url, ranges)
}

/// Tells `seen` of the request before the client hears of it.
fn answer(mut stream: TcpStream, act: Act, seen: &Sender<Option<String>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    assert_eq!(lines.next().unwrap()?, "GET /vgg16/fox.h5 HTTP/1.1");
    let mut range = None;
    for line in lines {
        let line = line?.to_lowercase();
        if line.is_empty() {
            break;
        }
        range = line.strip_prefix("range: ").map(str::to_owned).or(range);
    }
    let _ = seen.send(range.clone());
    let asked = range.as_deref().and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let from: usize = if matches!(act, Act::Serve | Act::BreakAfter(_) | Act::FallSilentAfter(_)) {
        asked.unwrap_or(0)
    } else {
        0
    };
    let mut body = CONTENT[from..].to_vec();
    let mut length = body.len();
    let status = match act {
        Act::Status(status) => {
            body.clear();
            length = 0;
            status
        }
        _ if from > 0 => "206 Partial Content",
        _ => "200 OK",
    };
    match act {
        Act::BreakAfter(n) | Act::FallSilentAfter(n) => body.truncate(n),
        Act::Corrupt => body[7] ^= 1,
        Act::OtherSize => length += 1,
        _ => {}
    }
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n");
    if from > 0 {
        head += &format!("Content-Range: bytes {from}-{}/{}\r\n", CONTENT.len() - 1, CONTENT.len());
    }
    write!(stream, "{head}\r\n")?;
    stream.write_all(&body)?;
    if matches!(act, Act::FallSilentAfter(_)) {
        // Until the client hangs up.
        std::io::Read::read(&mut stream, &mut [0])?;
    }
    Ok(())
}

fn fetcher(url: &str, dir: &Path) -> Fetcher {
    let patience = Patience { attempts: 2, pause: Duration::ZERO };
    let (base_url, dir) = (Some(url.to_owned()), dir.join("models"));
    Fetcher { base_url, dir, progress: false, patience, interrupted: None }
}

/// Fetches from a server with these acts into a fresh folder.
fn fetch(acts: &'static [Act]) -> (Result<Fetched>, Vec<Option<String>>, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let (url, ranges) = server(acts);
    let fetched = fetcher(&url, dir.path()).get(&FILE);
    (fetched, ranges.try_iter().collect(), dir)
}

/// The files that there are now; `None` if not even their folder is there.
fn left_in(dir: &Path) -> Option<Vec<String>> {
    let files = std::fs::read_dir(dir.join("models")).ok()?;
    let mut names: Vec<_> = files.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    Some(names)
}

#[test]
fn a_whole_file_is_fetched_once_and_then_found() {
    let (fetched, ranges, dir) = fetch(&[Act::Serve]);
    let fetched = fetched.unwrap();
    assert_eq!((fetched.origin, ranges), (Origin::Download, vec![None]));
    assert_eq!(std::fs::read(&fetched.path).unwrap(), CONTENT);
    assert_eq!(left_in(dir.path()).unwrap(), ["fox.h5"]);
    // Nobody listens at port 9: it can come from the folder alone.
    let again = fetcher("http://127.0.0.1:9", dir.path()).get(&FILE).unwrap();
    assert_eq!((again.origin, again.note), (Origin::Cache, None));
}

#[test]
fn a_broken_download_goes_on_where_it_broke() {
    let (fetched, ranges, _dir) = fetch(&[Act::BreakAfter(10), Act::BreakAfter(5), Act::Serve]);
    assert_eq!(std::fs::read(fetched.unwrap().path).unwrap(), CONTENT);
    assert_eq!(ranges, [None, Some("bytes=10-".into()), Some("bytes=15-".into())]);
}

#[test]
fn what_came_is_kept_for_the_next_run() {
    let (failed, _, dir) = fetch(&[Act::BreakAfter(20), Act::Status("503 Busy"), Act::Status("503 Busy")]);
    let said = failed.unwrap_err().to_string();
    assert!(said.contains("503") && said.contains("20 of 43 bytes are kept"), "{said}");
    assert_eq!(left_in(dir.path()).unwrap(), ["fox.h5.part"]);
    let (url, ranges) = server(&[Act::Serve]);
    let fetched = fetcher(&url, dir.path()).get(&FILE).unwrap();
    assert_eq!(std::fs::read(fetched.path).unwrap(), CONTENT);
    assert_eq!(ranges.recv().unwrap().as_deref(), Some("bytes=20-"));
    assert_eq!(left_in(dir.path()).unwrap(), ["fox.h5"]);
}

/// A server that keeps silent does not keep anybody waiting who wants to leave.
#[test]
fn an_interrupted_download_is_kept_for_the_next_run() {
    static INTERRUPTED: AtomicBool = AtomicBool::new(false);
    let dir = tempfile::tempdir().unwrap();
    let (url, _ranges) = server(&[Act::FallSilentAfter(20)]);
    let part = dir.path().join("models/fox.h5.part");
    let interrupter = {
        let part = part.clone();
        thread::spawn(move || {
            while std::fs::metadata(&part).map_or(0, |m| m.len()) < 20 {
                thread::yield_now();
            }
            INTERRUPTED.store(true, Ordering::Relaxed);
        })
    };
    let error = fetcher(&url, dir.path()).interrupted_by(&INTERRUPTED).get(&FILE).unwrap_err();
    interrupter.join().unwrap();
    let said = error.to_string();
    assert!(matches!(error, WeightsError::Interrupted { kept: 20, .. }), "{said}");
    assert!(said.contains("20 of 43 bytes are kept in") && said.contains("resume"), "{said}");
    let (url, ranges) = server(&[Act::Serve]);
    let fetched = fetcher(&url, dir.path()).get(&FILE).unwrap();
    assert_eq!(std::fs::read(fetched.path).unwrap(), CONTENT);
    assert_eq!(ranges.recv().unwrap().as_deref(), Some("bytes=20-"));
}

#[test]
fn an_interrupt_before_anything_came_leaves_nothing() {
    static INTERRUPTED: AtomicBool = AtomicBool::new(true);
    let dir = tempfile::tempdir().unwrap();
    let (url, _ranges) = server(&[Act::FallSilentAfter(0)]);
    let error = fetcher(&url, dir.path()).interrupted_by(&INTERRUPTED).get(&FILE).unwrap_err();
    assert!(error.to_string().contains("nothing is kept"), "{error}");
    assert_eq!(left_in(dir.path()), None);
}

#[test]
fn a_server_without_ranges_starts_over() {
    let (fetched, ranges, _dir) = fetch(&[Act::BreakAfter(10), Act::IgnoreRange]);
    assert_eq!(std::fs::read(fetched.unwrap().path).unwrap(), CONTENT);
    assert_eq!(ranges[1].as_deref(), Some("bytes=10-"));
}

#[test]
fn a_part_of_something_else_is_thrown_away() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("models")).unwrap();
    std::fs::write(dir.path().join("models/fox.h5.part"), "Something else").unwrap();
    let (url, ranges) = server(&[Act::Serve, Act::Serve]);
    let fetched = fetcher(&url, dir.path()).get(&FILE).unwrap();
    assert_eq!(std::fs::read(fetched.path).unwrap(), CONTENT);
    assert_eq!(ranges.iter().collect::<Vec<_>>(), [Some("bytes=14-".into()), None]);
}

#[test]
fn a_wrong_digest_leaves_nothing_behind() {
    let (failed, _, dir) = fetch(&[Act::Corrupt]);
    let said = failed.unwrap_err().to_string();
    assert!(said.contains(FILE.md5) && said.contains("discarded") && said.contains("by hand"), "{said}");
    assert_eq!(left_in(dir.path()), None);
}

#[test]
fn a_missing_file_or_one_of_another_size_is_not_asked_for_twice() {
    for (acts, says) in
        [(&[Act::Status("404 Not Found")], "404"), (&[Act::OtherSize], "has 44 bytes under that name")]
    {
        let (failed, ranges, _dir) = fetch(acts);
        let said = failed.unwrap_err().to_string();
        assert!(said.contains(says) && ranges.len() == 1, "{said}");
    }
}

#[test]
fn no_network_says_how_to_do_without() {
    let dir = tempfile::tempdir().unwrap();
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let said = fetcher(&format!("http://{unused}"), dir.path()).get(&FILE).unwrap_err().to_string();
    for part in ["no answer", "network", "fox.h5 (43 bytes, MD5 9e107d9d", "--weights", "by hand"] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    assert_eq!(left_in(dir.path()), None);
}

#[test]
fn a_cached_file_that_is_not_keras_own_is_used_only_where_it_is_sound() {
    let dir = tempfile::tempdir().unwrap();
    let fetcher = fetcher("http://127.0.0.1:9", dir.path());
    std::fs::create_dir(&fetcher.dir).unwrap();
    let path = fetcher.dir.join(CLASS_INDEX.name);
    std::fs::write(&path, "{\"0\": [\"n01440764\", ").unwrap();
    assert_eq!(fetcher.cached(&CLASS_INDEX), None);
    let index: serde_json::Map<_, _> =
        (0..1000).map(|i| (i.to_string(), format!("class {i}").into())).collect();
    std::fs::write(&path, serde_json::to_vec(&index).unwrap()).unwrap();
    assert!(fetcher.cached(&CLASS_INDEX).unwrap().note.is_some());
}

/// For use at once no digest is taken, and what is of no use is named where nothing better can be had.
#[test]
fn what_lies_in_the_cache_is_at_hand_if_its_names_are_right() {
    let dir = tempfile::tempdir().unwrap();
    let fetcher = fetcher("http://127.0.0.1:9", dir.path());
    std::fs::create_dir(&fetcher.dir).unwrap();
    let path = fetcher.dir.join(CLASS_INDEX.name);
    let index: serde_json::Map<_, _> = (0..1000).map(|i| (i.to_string(), "a name".into())).collect();
    std::fs::write(&path, serde_json::to_vec(&index).unwrap()).unwrap();
    assert_eq!(fetcher.at_hand(&CLASS_INDEX).unwrap(), path);
    std::fs::write(&path, "{}").unwrap();
    let said = fetcher.at_hand(&CLASS_INDEX).unwrap_err().to_string();
    assert!(said.contains("cannot fetch") && said.contains("is not the names of 1000 classes"), "{said}");
    let weights = fetcher.dir.join(VGG16_NOTOP.name);
    std::fs::write(&weights, "<html>").unwrap();
    let said = fetcher.at_hand(&VGG16_NOTOP).unwrap_err().to_string();
    assert!(said.contains("what lies in the cache") && said.contains("is a web page"), "{said}");
}
