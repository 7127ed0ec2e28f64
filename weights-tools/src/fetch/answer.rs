//! A server's answer, piece by piece, from a thread of its own: whoever waits for it can stop waiting, which a call that
//! blocks for up to a minute would not allow.

use std::io::{self, ErrorKind, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use ureq::RequestBuilder;
use ureq::http::response::Parts;
use ureq::typestate::WithoutBody;

const BLOCK: usize = 1 << 16;
/// Blocks that wait to be written, at most.
const AHEAD: usize = 16;

/// What comes, in this order: the head and then blocks, until the sender hangs up, or what went wrong.
pub(super) enum Piece {
    /// Status and headers.
    Head(Box<Parts>),
    /// Some bytes of the body.
    Block(Vec<u8>),
    /// There is no answer.
    None(Box<ureq::Error>),
    /// The connection broke.
    Broken(io::Error),
}

/// Sends a request. The thread ends with the answer, or soon after nobody listens any more.
pub(super) fn ask(request: RequestBuilder<WithoutBody>) -> Receiver<Piece> {
    let (pieces, answer) = sync_channel(AHEAD);
    thread::spawn(move || tell(request, &pieces));
    answer
}

fn tell(request: RequestBuilder<WithoutBody>, pieces: &SyncSender<Piece>) {
    let (head, body) = match request.call() {
        Ok(response) => response.into_parts(),
        Err(e) => return drop(pieces.send(Piece::None(e.into()))),
    };
    let mut listened_to = pieces.send(Piece::Head(head.into())).is_ok();
    let mut body = body.into_reader();
    while listened_to {
        let mut block = vec![0; BLOCK];
        match body.read(&mut block) {
            Ok(0) => return,
            Ok(n) => {
                block.truncate(n);
                listened_to = pieces.send(Piece::Block(block)).is_ok();
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return drop(pieces.send(Piece::Broken(e))),
        }
    }
}
