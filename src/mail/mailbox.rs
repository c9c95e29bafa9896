//! The two mailboxes. Reactors write to the engine in order and never wait for it: where [`EngineSender::has_room`] says no,
//! they stop reading. The engine writes to reactors and never waits for them either, so the two cannot block each other.

use super::channel::{Inbox, Post, channel};
use super::followers::Followers;
use super::input::{Input, ReplyTo};
use super::view::View;
use crate::base::budget::Charge;
use crate::base::ids::ConnId;
use crate::base::limits::ENGINE_MAILBOX_MAX;
use crate::wire::message::{Request, Response};
use crossbeam_channel::{Receiver, Sender, unbounded};
use mio::net::TcpStream;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel, Ordering::SeqCst};

/// Produces that wait for the outcome of a commit, at most; more wake the engine, so that deciding them does not hold up the
/// next commit.
const PRODUCES_PATIENT_MAX: usize = 8;

/// Where anybody leaves mail for the engine.
#[derive(Clone)]
pub struct EngineSender {
    post: Post<Input>,
    committing: Arc<AtomicBool>,
    followers: Arc<Followers>,
}

/// The engine's mailbox.
pub struct EngineInbox {
    /// The mail.
    pub mail: Inbox<Input>,
    /// The Produces that were left here.
    pub followers: Arc<Followers>,
    committing: Arc<AtomicBool>,
}

/// How soon the engine is to look at what was left for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Nothing was left.
    None,
    /// A Produce: while a commit is under way it could only be put into the next plan, so the outcome's bell is soon enough.
    Produce,
    /// Anything else.
    Now,
}

/// The engine's mailbox and the end to write to it.
pub fn engine_mailbox() -> (EngineSender, EngineInbox) {
    let (post, mail) = channel();
    let (committing, followers) = (Arc::new(AtomicBool::new(false)), Arc::new(Followers::default()));
    (EngineSender { post, committing: committing.clone(), followers: followers.clone() }, EngineInbox { mail, followers, committing })
}

impl EngineSender {
    /// Whether a reactor may send another request. All other mail is bounded by its nature: one outcome per plan, one
    /// farewell per connection, one answer per job.
    pub fn has_room(&self) -> bool {
        self.post.unread() < ENGINE_MAILBOX_MAX
    }

    /// Leaves mail. After the engine has ended nobody reads it, and nobody waits for an answer.
    pub fn send(&self, input: Input) {
        self.post(input);
        self.ring(Urgency::Now);
    }

    /// Leaves one of several letters; [`EngineSender::ring`] after the last.
    pub fn post(&self, input: Input) {
        let is_produce = matches!(&input, Input::Request(envelope) if matches!(envelope.request, Request::Produce(_)));
        self.post.post(input);
        if is_produce {
            self.followers.note();
        }
    }

    /// Wakes the engine for what was posted, if need be.
    pub fn ring(&self, urgency: Urgency) {
        if urgency != Urgency::None {
            self.followers.ring();
        }
        match urgency {
            Urgency::None => {}
            Urgency::Produce if self.committing.load(SeqCst) && self.post.unread() <= PRODUCES_PATIENT_MAX => {}
            Urgency::Produce | Urgency::Now => self.post.ring(),
        }
    }
}

impl EngineInbox {
    /// Says whether an outcome is to come. It looks at its mail after it has said no, and before it sleeps.
    pub fn set_committing(&self, committing: bool) {
        self.committing.store(committing, SeqCst);
    }
}

/// The closed list of what a reactor is told.
#[derive(Debug)]
pub enum ReactorMail {
    /// A connection was accepted and is yours.
    Connection(TcpStream),
    /// The answer to a request; `None`: it gets no bytes.
    Answer {
        /// The request.
        to: ReplyTo,
        /// Its answer.
        response: Option<Response>,
        /// What pays for it, where it is long.
        charge: Option<Charge>,
    },
    /// The answer to a question. Those who ask are the HTTP side; a reactor gets none.
    View {
        /// The question.
        to: ReplyTo,
        /// Its answer.
        view: View,
        /// What pays for it, where it is long.
        charge: Option<Charge>,
    },
    /// Close a connection.
    Close(ConnId),
    /// The memory budget is exhausted: close incomplete frames that are slow.
    Squeeze,
    /// A connection ended while you had stopped accepting: there may be room again.
    Accept,
    /// Take no more connections and requests, and say so by dropping this.
    Drain(Sender<()>),
    /// Write out what is answered, then end.
    Finish,
}

/// Where anybody leaves mail for a reactor: first come, first served, and one system call for all that comes before it looks.
#[derive(Clone)]
pub struct ReactorSender {
    mail: Sender<ReactorMail>,
    bell: Arc<Bell>,
}

/// A reactor's mailbox. Its size is bounded by the requests that the reactor has let in and not yet seen answered.
pub struct ReactorInbox {
    mail: Receiver<ReactorMail>,
    bell: Arc<Bell>,
}

struct Bell {
    rung: AtomicBool,
    waker: mio::Waker,
}

/// The mailbox of the reactor that polls `registry`; mail shows up there as an event with this token.
pub fn reactor_mailbox(registry: &mio::Registry, token: mio::Token) -> io::Result<(ReactorSender, ReactorInbox)> {
    let bell = Arc::new(Bell { rung: AtomicBool::new(false), waker: mio::Waker::new(registry, token)? });
    let (sender, receiver) = unbounded();
    Ok((ReactorSender { mail: sender, bell: bell.clone() }, ReactorInbox { mail: receiver, bell }))
}

impl ReactorSender {
    /// Leaves mail, and wakes the reactor unless somebody has since it last looked.
    pub fn send(&self, mail: ReactorMail) {
        self.post(mail);
        self.ring();
    }

    /// Leaves mail without waking the reactor: for one of several letters, with [`ReactorSender::ring`] after the last. A thread
    /// that is woken by the first takes the core from the one that still writes, and answers one letter at a time.
    pub fn post(&self, mail: ReactorMail) {
        // A reactor that is gone has closed its connections: nobody waits for the letter.
        let _ = self.mail.send(mail);
    }

    /// Wakes the reactor unless somebody has since it last looked.
    pub fn ring(&self) {
        if !self.bell.rung.swap(true, AcqRel) {
            // It fails when the kernel is out of memory; the next mail would ring again.
            if self.bell.waker.wake().is_err() {
                self.bell.rung.store(false, std::sync::atomic::Ordering::Release);
            }
        }
    }
}

impl ReactorInbox {
    /// Takes everything that is there. Mail that comes later rings again: the bell is reset before the first look.
    pub fn take(&self) -> impl Iterator<Item = ReactorMail> {
        self.bell.rung.swap(false, AcqRel);
        self.mail.try_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::text::Text;
    use crate::mail::input::{Envelope, Peer};
    use mio::{Events, Poll, Token};
    use std::time::Duration;

    #[test]
    fn produces_are_counted_and_wake_who_waits_for_them() {
        let (sender, inbox) = engine_mailbox();
        let request = |request| {
            let peer = Peer { host: Text::default(), advertised_host: Text::default(), advertised_port: 0 };
            let to = ReplyTo { conn: ConnId { reactor: 0, slot: 0, generation: 0 }, seq: 0 };
            let (client_id, batches, charge, is_atomic) = (None, Vec::new(), None, false);
            Input::Request(Box::new(Envelope {
                to,
                api_version: 0,
                correlation_id: 0,
                client_id,
                peer: Arc::new(peer),
                request,
                batches,
                charge,
                is_atomic,
            }))
        };
        sender.send(request(Request::Heartbeat(Default::default())));
        sender.post(Input::Stop);
        assert_eq!(inbox.followers.seen(), 0);
        inbox.set_committing(true);
        let followers = inbox.followers.clone();
        // Without the bell this would never end.
        let waiter = std::thread::spawn(move || followers.wait(0, 2, Duration::from_secs(3_600)));
        sender.send(request(Request::Produce(Default::default())));
        sender.post(request(Request::Produce(Default::default())));
        sender.ring(Urgency::Produce);
        waiter.join().unwrap();
        assert_eq!((inbox.followers.seen(), inbox.mail.unread()), (2, 4));
    }

    #[test]
    fn many_letters_ring_once_and_later_ones_again() {
        let mut poll = Poll::new().unwrap();
        let (sender, inbox) = reactor_mailbox(poll.registry(), Token(7)).unwrap();
        let mut events = Events::with_capacity(8);
        for round in 0..2 {
            for slot in 0..5 {
                sender.send(ReactorMail::Close(ConnId { reactor: 0, slot, generation: round }));
            }
            poll.poll(&mut events, None).unwrap();
            assert_eq!(events.iter().filter(|event| event.token() == Token(7)).count(), 1);
            let slots: Vec<u32> =
                inbox.take().filter_map(|mail| if let ReactorMail::Close(conn) = mail { Some(conn.slot) } else { None }).collect();
            assert_eq!(slots, [0, 1, 2, 3, 4]);
        }
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        assert!(events.is_empty(), "a mailbox that was emptied is silent");
    }
}
