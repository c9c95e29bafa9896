//! The matrix's Rust clients: `monolog-clients-rust NAME VERB ARG...` does one of the verbs of tests/clients/README.md with the crate
//! of that name. The crates have little in common, so each has its own cases.

mod librdkafka;
mod librdkafka_programs;
mod pure;
mod shared;

use shared::Res;

/// What a crate logs at WARN and above goes to standard error, one entry a line.
struct Stderr;

impl log::Log for Stderr {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }
    fn log(&self, record: &log::Record) {
        eprintln!("{} {}: {}", record.level(), record.target(), record.args().to_string().replace('\n', " "));
    }
    fn flush(&self) {}
}

fn main() -> Res<()> {
    log::set_logger(&Stderr).map(|()| log::set_max_level(log::LevelFilter::Warn)).expect("the first logger");
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["rdkafka", "version"] => println!("rdkafka {}, librdkafka {}", env!("RDKAFKA"), rdkafka::util::get_rdkafka_version().1),
        ["rdkafka", "cases"] => librdkafka::cases(),
        ["rdkafka", "write"] => librdkafka::write()?,
        ["rdkafka", "read"] => librdkafka::read()?,
        ["rdkafka", "member", group, topic, ref options @ ..] => librdkafka_programs::member(group, topic, options)?,
        ["rdkafka", "produce", topic, rate] => librdkafka_programs::produce(topic, rate.parse()?)?,
        ["rskafka", "version"] => println!("rskafka {}", env!("RSKAFKA")),
        ["rskafka", "cases"] => pure::cases(),
        ["rskafka", "write"] => pure::write()?,
        ["rskafka", "read"] => pure::read()?,
        ["rskafka", "member", ..] => println!("skip no groups"),
        ["rskafka", "produce", topic, rate] => pure::produce(topic, rate.parse()?)?,
        _ => return Err(format!("no such client and verb: {}", args.join(" ")).into()),
    }
    Ok(())
}
