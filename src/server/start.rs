//! Builds a broker: store and state first, then the ports, then queues and threads. A failure on the way leaves nothing
//! behind: what was opened is closed by being dropped.

use super::clock::Clock;
use super::driver::Driver;
use super::failure::{Failure, system};
use super::storage::Storage;
use super::{Event, listen, machine, spawn};
use crate::base::budget::Budget;
use crate::base::ids::Uuid;
use crate::base::limits::FETCH_BYTES_MAX;
use crate::base::rng::Rng;
use crate::base::text::Text;
use crate::cold::{Answered, pool};
use crate::config::settings::{Settings, Storage as Backend};
use crate::engine::Engine;
use crate::http::guard::{Guard, GuardStop};
use crate::http::health::Health;
use crate::http::private::{self, PrivateSocket};
use crate::http::serve;
use crate::mail::cold::ColdJob;
use crate::mail::mailbox::{EngineSender, ReactorMail, ReactorSender, engine_mailbox};
use crate::net::reactor;
use crate::net::shared::Shared;
use crate::state::broker::Broker;
use crate::store::memory::MemoryStore;
use crate::store::plan::Image;
use crate::store::seam::{Reader, Writer};
use crate::store::sqlite::open;
use crate::store::sqlite::options::Options;
use crossbeam_channel::{Receiver, Sender, unbounded};
use mio::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;

/// Threads that read old data.
const COLD_THREADS: usize = 2;
/// Defaults of settings that cannot be set yet.
const DEFAULT_PARTITIONS: i32 = 1;
const RETENTION_MS: i64 = 24 * 60 * 60 * 1000;
const RETENTION_CHECK_MS: u64 = 60 * 1000;

/// A broker that runs.
pub struct Running {
    /// What is said on stdout.
    pub lines: Vec<String>,
    /// The engine's mailbox.
    pub engine: EngineSender,
    /// The reactors' mailboxes.
    pub reactors: Arc<[ReactorSender]>,
    /// What the cold readers have still to do.
    pub cold: Receiver<ColdJob>,
    /// The reactors' threads.
    pub reactor_threads: Vec<JoinHandle<()>>,
    /// What `/readyz` says.
    pub health: Arc<Health>,
    /// The HTTP side, where there is one.
    pub http: Option<Http>,
}

/// The HTTP side.
pub struct Http {
    /// Ends the guard.
    pub stop: GuardStop,
    /// The guard's thread.
    pub guard: JoinHandle<()>,
    /// The way from the guard to tiny_http; its file goes with it.
    pub _socket: PrivateSocket,
}

/// A store, opened and loaded.
struct Opened {
    writer: Box<dyn Writer>,
    readers: Vec<Box<dyn Reader>>,
    image: Image,
}

/// Starts a broker.
pub fn start(settings: &Settings, events: Sender<Event>) -> Result<Running, Failure> {
    let clock = Clock::start();
    let connections = machine::claim_files();
    let seed = machine::seed();
    let Opened { writer, readers, image } = open_store(settings, machine::seed())?;
    let (kafka, http) = match bind(settings) {
        Ok(bound) => bound,
        Err(failure) => {
            drop(readers);
            writer.close()?;
            return Err(failure);
        }
    };
    let budget = Budget::new(settings.memory_bytes.unwrap_or_else(machine::memory_budget));
    let lines = lines(settings, &kafka, http.as_ref());
    let health = Arc::new(Health { data_dir: data_dir(settings).map(Path::to_path_buf), ..Health::default() });

    let (engine_mail, inbox) = engine_mailbox();
    let advertised = settings.advertised_addr.as_ref().map(|(host, port)| (Text::from(host.as_str()), i32::from(*port)));
    let shared = Arc::new(Shared::new(engine_mail.clone(), budget.clone(), advertised, connections.kafka));
    let count = settings.reactors.unwrap_or_else(machine::reactors);
    let (mut reactors, reactor_mail) = reactor::build(count, &shared).map_err(system("a reactor"))?;
    if let Some(first) = reactors.first_mut() {
        first.listen(kafka).map_err(system("a reactor"))?;
    }
    let (jobs, storage_jobs) = unbounded();
    let (cold, cold_jobs) = unbounded();
    let broker = broker(settings, &budget, image.cluster_id);
    let engine = Engine::new(image, broker, seed, clock.now());

    let readers = readers.into_iter().enumerate().map(|(number, reader)| {
        let (jobs, budget, engine, reactors) = (cold_jobs.clone(), budget.clone(), engine_mail.clone(), reactor_mail.clone());
        spawn(&format!("cold-{number}"), move || pool::run(reader, jobs, budget, |answered| deliver(answered, &engine, &reactors)))
    });
    let readers = readers.collect::<Result<Vec<_>, Failure>>()?;
    let storage = Storage { writer, jobs: storage_jobs, engine: engine_mail.clone(), health: health.clone(), clock, readers };
    let (broken, ended) = (events.clone(), events.clone());
    spawn("storage", move || {
        let result = storage.run(|error| drop(broken.send(Event::StoreBroken(error.to_string()))));
        drop(ended.send(Event::StorageEnded(result.map_err(|error| error.to_string()))));
    })?;
    let driver = Driver { inbox, reactors: reactor_mail.clone(), storage: jobs, cold, clock };
    let ended = events.clone();
    spawn("engine", move || {
        driver.run(engine);
        drop(ended.send(Event::EngineEnded));
    })?;
    let http = http.map(|listener| start_http(listener, settings, &health, &budget, connections.http, &events)).transpose()?;
    let reactor_threads = reactors.into_iter().enumerate().map(|(number, reactor)| {
        let events = events.clone();
        spawn(&format!("reactor-{number}"), move || {
            if let Err(error) = reactor.run() {
                drop(events.send(Event::ThreadFailed(format!("reactor {number} has failed: {error}"))));
            }
        })
    });
    let reactor_threads = reactor_threads.collect::<Result<Vec<_>, Failure>>()?;
    health.serving.store(true, Relaxed);
    Ok(Running { lines, engine: engine_mail, reactors: reactor_mail, cold: cold_jobs, reactor_threads, health, http })
}

fn open_store(settings: &Settings, seed: u64) -> Result<Opened, Failure> {
    let cluster_id = Rng::new(seed).uuid();
    match settings.storage {
        Backend::Memory => {
            let mut store = MemoryStore::new(cluster_id);
            let image = store.load()?;
            let readers = (0..COLD_THREADS).map(|_| Box::new(store.clone()) as Box<dyn Reader>).collect();
            Ok(Opened { writer: Box::new(store), readers, image })
        }
        Backend::Disk => {
            let mut writer = open::open(&settings.data_dir, &Options::new(cluster_id))?;
            let image = writer.load()?;
            let readers = (0..COLD_THREADS).map(|_| Ok(Box::new(writer.reader()?) as Box<dyn Reader>)).collect::<Result<_, Failure>>()?;
            Ok(Opened { writer: Box::new(writer), readers, image })
        }
    }
}

fn bind(settings: &Settings) -> Result<(TcpListener, Option<TcpListener>), Failure> {
    let kafka = listen::bind(&settings.kafka_addr, "Kafka")?;
    let http = settings.http_addr.as_ref().map(|address| listen::bind(address, "HTTP")).transpose()?;
    Ok((kafka, http))
}

fn data_dir(settings: &Settings) -> Option<&Path> {
    (settings.storage == Backend::Disk).then_some(settings.data_dir.as_path())
}

fn broker(settings: &Settings, budget: &Budget, cluster_id: Uuid) -> Broker {
    Broker {
        cluster_id,
        auto_create: settings.auto_create,
        default_partitions: DEFAULT_PARTITIONS,
        initial_rebalance_delay_ms: 0,
        retention_ms: RETENTION_MS,
        retention_check_ms: RETENTION_CHECK_MS,
        tail_bytes: budget.limit_bytes() / 4,
        fetch_bytes_max: FETCH_BYTES_MAX.min(budget.limit_bytes() / 2),
    }
}

fn deliver(answered: Answered, engine: &EngineSender, reactors: &[ReactorSender]) {
    match answered {
        Answered::Engine(input) => engine.send(input),
        Answered::Reactor(to, response) => {
            if let Some(reactor) = reactors.get(usize::from(to.conn.reactor)) {
                reactor.send(ReactorMail::Answer { to, response: Some(response) });
            }
        }
    }
}

fn start_http(
    listener: TcpListener,
    settings: &Settings,
    health: &Arc<Health>,
    budget: &Budget,
    clients_max: usize,
    events: &Sender<Event>,
) -> Result<Http, Failure> {
    let (socket, behind) = private::bind(data_dir(settings)).map_err(system("the private socket of the HTTP side"))?;
    let (guard, stop) = Guard::new(listener, socket.path.clone(), budget.clone(), clients_max).map_err(system("the HTTP guard"))?;
    let server = serve::start(behind).map_err(system("the HTTP server"))?;
    let health = health.clone();
    spawn("http", move || serve::run(&server, &health))?;
    let events = events.clone();
    let guard = spawn("guard", move || {
        if let Err(error) = guard.run() {
            drop(events.send(Event::ThreadFailed(format!("the HTTP guard has failed: {error}"))));
        }
    })?;
    Ok(Http { stop, guard, _socket: socket })
}

/// What is said on stdout once the ports are open.
fn lines(settings: &Settings, kafka: &TcpListener, http: Option<&TcpListener>) -> Vec<String> {
    let at = |listener: &TcpListener| {
        listener.local_addr().map_or_else(|error| format!("an unknown address ({error})"), |address| address.to_string())
    };
    let mut lines = vec![format!("Kafka server listening on {}", at(kafka))];
    match http {
        Some(listener) => lines.push(format!("HTTP server listening on {}", at(listener))),
        None => lines.push("HTTP server off".to_string()),
    }
    lines.push(match data_dir(settings) {
        Some(dir) => format!("Data directory {}", std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf()).display()),
        None => "Data in memory only: it is gone when the broker ends".to_string(),
    });
    lines.push(match &settings.advertised_addr {
        Some((host, port)) if host.contains(':') => format!("Clients are told to connect to [{host}]:{port}"),
        Some((host, port)) => format!("Clients are told to connect to {host}:{port}"),
        None => "Clients are told to connect to the address on which they reached this broker".to_string(),
    });
    let open = [Some(kafka), http]
        .into_iter()
        .flatten()
        .filter_map(|listener| listener.local_addr().ok())
        .any(|address| !address.ip().is_loopback());
    if open {
        lines.push("The ports are open to the network without a token".to_string());
    }
    lines
}
