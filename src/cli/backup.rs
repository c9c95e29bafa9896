//! `monolog backup FILE [URL]`: a copy of all that a running broker holds, in one file that serve can start from. The broker
//! makes the copy and sends it; here it becomes a file, complete and synced or not at all.

use super::health::{Place, find, split_url};
use super::help;
use crate::base::limits::BACKUP_SYNC_BYTES;
use crate::config::layers::merge;
use serde_json::Value;
use socket2::{SockRef, TcpKeepalive};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::park_timeout;
use std::time::{Duration, Instant};

/// The head of an answer is shorter, and so is the body of one that is no copy.
const HEAD_BYTES_MAX: usize = 64 * 1024;
const CONNECT: Duration = Duration::from_secs(5);
/// A broker takes its time for a copy; a machine that has gone away is noticed by this.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// Copies what the broker holds into the file that the arguments after `backup` name.
pub fn run(args: &[String]) -> ExitCode {
    if super::asks_for_help(args) {
        return super::say(format_args!("{}", help::backup()));
    }
    let Some((file, rest)) = args.split_first().filter(|(file, _)| !file.starts_with('-') && !file.is_empty()) else {
        return super::wrong("backup wants the name of a file first; see monolog help backup");
    };
    let (hosts, place) = match find(rest, "/api/backup") {
        Ok(found) => found,
        Err(code) => return code,
    };
    // The token of the settings, as serve finds it.
    let settings = match merge(split_url(rest).1, &super::environment()) {
        Ok(merged) => merged.settings,
        Err(lines) => return super::wrong_settings(&lines),
    };
    let token = settings.http_token().map(|token| token.expose().to_owned());
    match backup(Path::new(file), &hosts, &place, token.as_deref()) {
        Ok(bytes) => super::say(format_args!("{bytes} bytes in {file}\n")),
        Err(why) => {
            super::complain(format_args!("monolog: no backup was made: {why}\n"));
            ExitCode::FAILURE
        }
    }
}

fn backup(file: &Path, hosts: &[String], place: &Place, token: Option<&str>) -> Result<u64, String> {
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if file.is_dir() {
        return Err(format!("{} is a directory; name a file", file.display()));
    }
    // A rename would put a file in the place of a device, a pipe or a link, such as /dev/stdout.
    if fs::symlink_metadata(file).is_ok_and(|found| !found.is_file()) {
        return Err(format!("{} is no plain file, and would be replaced by one", file.display()));
    }
    if dir.join("lock").exists() {
        return Err(format!("{} is a data directory; a backup belongs elsewhere", dir.display()));
    }
    let mut stream = connect(hosts, place)?;
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let asked = write!(
        stream,
        "POST {} HTTP/1.1\r\nHost: {}:{}\r\nConnection: close\r\nContent-Length: 0\r\n{authorization}\r\n",
        place.path, hosts[0], place.port
    );
    asked.map_err(|error| format!("the broker does not take the request: {error}"))?;
    let (len, first) = read_head(&mut stream)?;
    let part = part_of(file);
    let written = write_file(&part, &first, &mut stream, len).and_then(|()| {
        fs::rename(&part, file)?;
        File::open(dir)?.sync_all()
    });
    written.map_err(|error| {
        let _ = fs::remove_file(&part);
        format!("{}: {error}", file.display())
    })?;
    Ok(len)
}

/// What is not complete yet lies beside the file, under another name.
fn part_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

fn connect(hosts: &[String], place: &Place) -> Result<TcpStream, String> {
    let mut why = String::new();
    for host in hosts {
        let reached = (host.as_str(), place.port).to_socket_addrs().and_then(|addresses| {
            let mut error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
            for address in addresses {
                match TcpStream::connect_timeout(&address, CONNECT) {
                    Ok(stream) => return Ok(stream),
                    Err(refused) => error = refused,
                }
            }
            Err(error)
        });
        match reached {
            Ok(stream) => {
                // Where it cannot be had, one waits longer for nobody.
                let _ = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE));
                return Ok(stream);
            }
            Err(error) if why.is_empty() => why = format!("{host}:{} does not answer: {error}", place.port),
            Err(_) => {}
        }
    }
    Err(why)
}

/// Reads the head of the answer: how long the copy is, and what of it has come already.
fn read_head(stream: &mut TcpStream) -> Result<(u64, Vec<u8>), String> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut piece).map_err(|error| format!("the broker has gone away: {error}"))?;
        bytes.extend_from_slice(&piece[..count]);
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut answer = httparse::Response::new(&mut headers);
        match answer.parse(&bytes) {
            Ok(httparse::Status::Complete(head)) => {
                let code = answer.code.unwrap_or(0);
                let value =
                    |name: &str| answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value);
                let len = value("content-length").and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
                let is_copy = value("content-type") == Some(b"application/vnd.sqlite3");
                let mut body = bytes.split_off(head);
                return match len {
                    Some(len) if code == 200 && is_copy => Ok((len, body)),
                    _ => {
                        let _ = stream.take(HEAD_BYTES_MAX as u64).read_to_end(&mut body);
                        Err(refused(code, &body))
                    }
                };
            }
            Ok(httparse::Status::Partial) if count > 0 && bytes.len() < HEAD_BYTES_MAX => {}
            Ok(httparse::Status::Partial) if count == 0 => return Err("the broker has gone away".to_owned()),
            _ => return Err("what answers does not speak HTTP".to_owned()),
        }
    }
}

fn refused(code: u16, body: &[u8]) -> String {
    let said = serde_json::from_slice::<Value>(body).ok().and_then(|body| Some(body.get("error")?.as_str()?.to_owned()));
    match said {
        Some(said) => said,
        None => format!("the answer is HTTP {code}, and no copy"),
    }
}

fn write_file(part: &Path, first: &[u8], rest: &mut impl Read, len: u64) -> io::Result<()> {
    // What an earlier one left is not written into: it may be open to others, or a link.
    match fs::remove_file(part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part)?;
    let first = &first[..first.len().min(usize::try_from(len).unwrap_or(usize::MAX))];
    file.write_all(first)?;
    let left = len - first.len() as u64;
    let (mut rest, mut copied) = (rest.take(left), 0);
    // The broker may live on the same disk, and would wait behind all of it at the end: synced as it grows, with as much rest.
    loop {
        let count = io::copy(&mut rest.by_ref().take(BACKUP_SYNC_BYTES as u64), &mut file)?;
        if count == 0 {
            break;
        }
        copied += count;
        let begun = Instant::now();
        file.sync_data()?;
        park_timeout(begun.elapsed());
    }
    if copied < left {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("the broker has gone away, {} of {len} bytes came", len - left + copied),
        ));
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_whole_or_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let part = dir.path().join("a.part");
        write_file(&part, b"ab", &mut &b"cdef"[..], 5).unwrap();
        assert_eq!(fs::read(&part).unwrap(), b"abcde");
        assert!(write_file(&part, b"ab", &mut &b"c"[..], 5).unwrap_err().to_string().contains("3 of 5"));
        assert_eq!(part_of(Path::new("x/b.db")), Path::new("x/b.db.part"));
    }

    #[test]
    fn what_lies_in_the_way_is_neither_followed_nor_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (kept, link, part) = (dir.path().join("kept"), dir.path().join("link"), dir.path().join("b.part"));
        fs::write(&kept, "kept").unwrap();
        std::os::unix::fs::symlink(&kept, &link).unwrap();
        let place = Place { host: String::new(), port: 1, path: String::new() };
        for other in [link.as_path(), Path::new("/dev/null")] {
            let why = backup(other, &["127.0.0.1".to_owned()], &place, None).unwrap_err();
            assert!(why.contains("is no plain file"), "{why}");
        }
        std::os::unix::fs::symlink(&kept, &part).unwrap();
        write_file(&part, b"ab", &mut &b""[..], 2).unwrap();
        fs::set_permissions(&part, fs::Permissions::from_mode(0o644)).unwrap();
        write_file(&part, b"abc", &mut &b""[..], 3).unwrap();
        assert_eq!((fs::read(&kept).unwrap(), fs::read(&part).unwrap()), (b"kept".to_vec(), b"abc".to_vec()));
        assert_eq!(fs::symlink_metadata(&part).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_was_refused_is_said() {
        assert_eq!(refused(409, b"{\"error\":\"another copy is being made\",\"code\":\"X\"}\n"), "another copy is being made");
        assert_eq!(refused(404, b"<html>"), "the answer is HTTP 404, and no copy");
    }

    #[test]
    fn it_does_not_write_over_a_data_directory() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("lock"), "").unwrap();
        let place = Place { host: String::new(), port: 1, path: String::new() };
        let why = backup(&dir.path().join("monolog.db"), &["127.0.0.1".to_owned()], &place, None).unwrap_err();
        assert!(why.contains("is a data directory"), "{why}");
        assert!(backup(dir.path(), &["127.0.0.1".to_owned()], &place, None).unwrap_err().contains("is a directory"));
    }
}
