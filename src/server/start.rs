//! Builds a broker: store and state first, then the ports, then queues and threads. A failure on the way leaves nothing
//! behind: what was opened is closed by being dropped.

use super::clock::Clock;
use super::driver::{Driver, Turns};
use super::failure::{Failure, system};
use super::patience::Patience;
use super::storage::Storage;
use super::{Event, announce, copy, create_topics, listen, machine, spawn, spawn_prompt};
use crate::base::budget::Budget;
use crate::base::ids::Uuid;
use crate::base::rng::Rng;
use crate::base::text::Text;
use crate::cold::{Answered, pool};
use crate::config::settings::{Settings, Storage as Backend};
use crate::engine::Engine;
use crate::http::copied::Copier;
use crate::http::desk::Desk;
use crate::http::guard::{Guard, GuardStop};
use crate::http::health::Health;
use crate::http::private::{self, PrivateSocket};
use crate::http::serve;
use crate::http::share::Share;
use crate::http::site::Site;
use crate::mail::channel::channel;
use crate::mail::cold::ColdJob;
use crate::mail::mailbox::{EngineSender, ReactorMail, ReactorSender, engine_mailbox};
use crate::net::reactor;
use crate::net::shared::Shared;
use crate::state::broker::Broker;
use crate::store::memory::MemoryStore;
use crate::store::plan::Image;
use crate::store::seam::{Reader, Writer};
use crate::store::sqlite::backup::Backup;
use crate::store::sqlite::open;
use crate::store::sqlite::options::Options;
use crossbeam_channel::{Receiver, Sender, unbounded};
use log::warn;
use mio::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Instant;

/// Threads that read old data.
const COLD_THREADS: usize = 2;

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
    copier: Option<Copier>,
}

/// What can be had without threads.
struct Built {
    engine: Engine,
    writer: Box<dyn Writer>,
    readers: Vec<Box<dyn Reader>>,
    kafka: TcpListener,
    http: Option<TcpListener>,
}

/// Starts a broker.
pub fn start(settings: &Settings, events: Sender<Event>) -> Result<Running, Failure> {
    let clock = Clock::start();
    let connections = machine::claim_files(settings.connections_max);
    let budget = Budget::new(settings.memory_bytes.unwrap_or_else(machine::memory_budget));
    let mut opened = open_store(settings, machine::seed())?;
    let copier = opened.copier.take();
    let Built { engine, writer, readers, kafka, http } = build(settings, opened, &budget, &clock)?;
    let lines = announce::lines(settings, &kafka, http.as_ref(), &connections);
    let health = Arc::new(Health { data_dir: data_dir(settings).map(Path::to_path_buf), ..Health::default() });

    let (engine_mail, inbox) = engine_mailbox();
    let advertised = settings.advertised_addr.as_ref().map(|(host, port)| (Text::from(host.as_str()), i32::from(*port)));
    let shared = Arc::new(Shared::new(engine_mail.clone(), budget.clone(), advertised, connections.kafka, settings.request_bytes_max));
    let count = settings.reactors.unwrap_or_else(machine::reactors);
    let (mut reactors, reactor_mail) = reactor::build(count, &shared).map_err(system("a reactor"))?;
    if let Some(first) = reactors.first_mut() {
        first.listen(kafka).map_err(system("a reactor"))?;
    }
    let (jobs, storage_jobs) = channel();
    let (cold, cold_jobs) = unbounded();
    let http = http.map(|listener| HttpParts::new(listener, count, &engine_mail)).transpose()?;
    // Answers go to the reactors, and behind them to the desks of the HTTP threads.
    let desks = http.iter().flat_map(|parts| &parts.mail);
    let mail: Arc<[ReactorSender]> = reactor_mail.iter().chain(desks).cloned().collect();
    let readers = readers.into_iter().enumerate().map(|(number, reader)| {
        let (jobs, budget, engine, reactors) = (cold_jobs.clone(), budget.clone(), engine_mail.clone(), mail.clone());
        spawn(&format!("cold-{number}"), move || pool::run(reader, jobs, budget, |answered| deliver(answered, &engine, &reactors)))
    });
    let readers = readers.collect::<Result<Vec<_>, Failure>>()?;
    let turns = Turns { engine, reactors: mail, storage: jobs, cold, wakes_at_ms: None };
    let driver = Arc::new(Driver::new(turns, inbox, engine_mail.clone(), clock));
    let (of_plans, of_room) = (driver.clone(), driver.clone());
    let storage = Storage {
        writer,
        jobs: storage_jobs,
        plan_is_done: Box::new(move |outcome| of_plans.plan_is_done(outcome)),
        room_is_known: Box::new(move |has_room| of_room.room_is_known(has_room)),
        health: health.clone(),
        clock,
        patience: Patience::new(Instant::now()),
        readers,
    };
    let (broken, ended) = (events.clone(), events.clone());
    spawn_prompt("storage", move || {
        let result = storage.run(|error| drop(broken.send(Event::StoreBroken(error.to_string()))));
        drop(ended.send(Event::StorageEnded(result.map_err(|error| error.to_string()))));
    })?;
    let ended = events.clone();
    spawn_prompt("engine", move || {
        driver.run();
        drop(ended.send(Event::EngineEnded));
    })?;
    let http = http.map(|parts| start_http(parts, settings, copier, &health, &budget, connections.http, &events)).transpose()?;
    let reactor_threads = reactors.into_iter().enumerate().map(|(number, reactor)| {
        let events = events.clone();
        spawn_prompt(&format!("reactor-{number}"), move || {
            if let Err(error) = reactor.run() {
                drop(events.send(Event::ThreadFailed(format!("reactor {number} has failed: {error}"))));
            }
        })
    });
    let reactor_threads = reactor_threads.collect::<Result<Vec<_>, Failure>>()?;
    health.serving.store(true, Relaxed);
    Ok(Running { lines, engine: engine_mail, reactors: reactor_mail, cold: cold_jobs, reactor_threads, health, http })
}

/// The ports, and the state with the topics of the settings. Where one cannot be had, the store is closed again.
fn build(settings: &Settings, opened: Opened, budget: &Budget, clock: &Clock) -> Result<Built, Failure> {
    let Opened { mut writer, readers, image, .. } = opened;
    let built = bind(settings).and_then(|ports| {
        let broker = broker(settings, budget, image.cluster_id);
        let mut engine = Engine::new(image, broker, machine::seed(), clock.now());
        create_topics::create(&settings.create_topics, &mut engine, &mut *writer, clock)?;
        Ok((ports, engine))
    });
    match built {
        Ok(((kafka, http), engine)) => Ok(Built { engine, writer, readers, kafka, http }),
        Err(failure) => {
            drop(readers);
            if matches!(failure, Failure::Storage(_)) {
                // As in the storage thread: a store that has failed is not written to by closing it.
                std::mem::forget(writer);
            } else {
                writer.close()?;
            }
            Err(failure)
        }
    }
}

fn open_store(settings: &Settings, seed: u64) -> Result<Opened, Failure> {
    let cluster_id = Rng::new(seed).uuid();
    match settings.storage {
        Backend::Memory => {
            let mut store = MemoryStore::new(cluster_id);
            let image = store.load()?;
            let readers = (0..COLD_THREADS).map(|_| Box::new(store.clone()) as Box<dyn Reader>).collect();
            Ok(Opened { writer: Box::new(store), readers, image, copier: None })
        }
        Backend::Disk => {
            let mut writer =
                open::open(&settings.data_dir, &Options { gc_interval_ms: settings.gc_interval_ms, ..Options::new(cluster_id) })?;
            let image = writer.load()?;
            let readers = (0..COLD_THREADS).map(|_| Ok(Box::new(writer.reader()?) as Box<dyn Reader>)).collect::<Result<_, Failure>>()?;
            let copier = Some(copy::copier(Backup::of(&writer)));
            Ok(Opened { writer: Box::new(writer), readers, image, copier })
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

/// What tools are told of the data directory.
fn log_dir(settings: &Settings) -> Text {
    data_dir(settings).map_or(Text::from_static("sqlite:memory"), |dir| {
        let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
        Text::from(absolute.to_string_lossy().into_owned())
    })
}

fn broker(settings: &Settings, budget: &Budget, cluster_id: Uuid) -> Broker {
    let fetch_bytes_max = settings.fetch_bytes_max.min(budget.limit_bytes() / 2);
    if fetch_bytes_max < settings.fetch_bytes_max {
        warn!("a fetch answer has {fetch_bytes_max} bytes at most: half of limits.memory, which is less than limits.max_fetch_bytes");
    }
    let unless_off = |bound: i64| if settings.retention_enabled { bound } else { -1 };
    Broker {
        cluster_id,
        log_dir: log_dir(settings),
        auto_create: settings.auto_create,
        default_partitions: settings.default_partitions,
        initial_rebalance_delay_ms: settings.initial_rebalance_delay_ms,
        retention_ms: unless_off(settings.retention_ms),
        retention_check_ms: settings.retention_check_ms,
        retention_bytes: unless_off(settings.retention_bytes),
        message_bytes_max: settings.message_bytes_max,
        request_bytes_max: settings.request_bytes_max,
        topics_max: settings.topics_max,
        partitions_max: settings.partitions_max,
        tail_bytes: budget.limit_bytes() / 4,
        memory: budget.clone(),
        fetch_bytes_max,
    }
}

fn deliver(answered: Answered, engine: &EngineSender, reactors: &[ReactorSender]) {
    match answered {
        Answered::Engine(input) => engine.send(input),
        Answered::Reactor(to, response, charge) => {
            if let Some(reactor) = reactors.get(usize::from(to.conn.reactor)) {
                reactor.send(ReactorMail::Answer { to, response: Some(response), charge });
            }
        }
    }
}

/// What this broker is called in the settings.
fn names(settings: &Settings) -> Vec<String> {
    let advertised = settings.advertised_addr.iter().map(|(host, _)| host.clone());
    let bound = settings.http_addr.iter().chain([&settings.kafka_addr]).filter_map(|address| address.host.clone());
    advertised.chain(bound).collect()
}

/// What of the HTTP side is there before the engine runs.
struct HttpParts {
    listener: TcpListener,
    desks: Vec<Desk>,
    mail: Vec<ReactorSender>,
}

impl HttpParts {
    /// Desks numbered behind the reactors.
    fn new(listener: TcpListener, reactors: usize, engine: &EngineSender) -> Result<HttpParts, Failure> {
        let numbers = (0..serve::THREADS).map(|number| u16::try_from(reactors + number).unwrap_or(u16::MAX));
        let made = numbers.map(|number| Desk::new(number, engine.clone())).collect::<Result<Vec<_>, _>>();
        let (desks, mail) = made.map_err(system("an HTTP thread"))?.into_iter().unzip();
        Ok(HttpParts { listener, desks, mail })
    }
}

fn start_http(
    parts: HttpParts,
    settings: &Settings,
    copier: Option<Copier>,
    health: &Arc<Health>,
    budget: &Budget,
    clients_max: usize,
    events: &Sender<Event>,
) -> Result<Http, Failure> {
    let (socket, behind) = private::bind(data_dir(settings)).map_err(system("the private socket of the HTTP side"))?;
    let share = Share::of(budget.clone());
    let token = settings.http_token().map(|token| token.expose().to_owned());
    let server = Arc::new(serve::start(behind).map_err(system("the HTTP server"))?);
    let mut site = Site::new(health.clone(), share, token, settings.default_partitions);
    site.names = names(settings);
    if let Some(copier) = copier {
        site.copier = copier;
    }
    let site = Arc::new(site);
    let (guard, stop) = Guard::new(parts.listener, socket.path.clone(), site.share.clone(), site.waiting.clone(), clients_max)
        .map_err(system("the HTTP guard"))?;
    for (number, desk) in parts.desks.into_iter().enumerate() {
        let (server, site) = (server.clone(), site.clone());
        spawn(&format!("http-{number}"), move || serve::run(&server, &site, desk))?;
    }
    let events = events.clone();
    let guard = spawn("guard", move || {
        if let Err(error) = guard.run() {
            drop(events.send(Event::ThreadFailed(format!("the HTTP guard has failed: {error}"))));
        }
    })?;
    Ok(Http { stop, guard, _socket: socket })
}
