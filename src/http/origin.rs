//! Whether a write may come from where it says to come from. Any page that a browser shows may send requests to a broker on the same
//! machine or network; curl and programs name no origin and are let in. Asked by `routes`.

use super::reply::Reply;
use super::site::Site;
use crate::wire::error_code::ErrorCode;
use std::net::IpAddr;

/// Names that nobody outside can have: they are reserved for machines and networks of one's own (RFC 6761, 6762, 8375), or by
/// custom, and no public name server knows them.
const PRIVATE: &[&str] = &["localhost", "local", "internal", "home.arpa", "lan"];

/// Refuses writes of pages from elsewhere. `header` gives the header of a name, in small letters.
pub fn check<'a>(site: &Site, header: &dyn Fn(&str) -> Option<&'a str>) -> Result<(), Reply> {
    let (origin, host) = (header("origin"), header("host"));
    if !is_at_home(origin, host, header("sec-fetch-site")) {
        return Err(refuse("pages of another host may not write here".to_owned()));
    }
    // A page may have its own name point here (DNS rebinding), and is then no page of another host. It has no token, though.
    if origin.is_some() && !site.asks_for_token() && !is_ours(host.unwrap_or_default(), &site.names) {
        let host = host.unwrap_or_default();
        return Err(refuse(format!(
            "pages may write here under an IP address, localhost, a name of one's own network or that of server.advertised_addr, and {host:?} is none; set security.token to allow all names"
        )));
    }
    Ok(())
}

fn refuse(what: String) -> Reply {
    Reply::error(403, ErrorCode::CLUSTER_AUTHORIZATION_FAILED.name(), what)
}

/// Whether a write comes from no page at all, or from one of the host that it goes to.
fn is_at_home(origin: Option<&str>, host: Option<&str>, fetch_site: Option<&str>) -> bool {
    let Some(origin) = origin else { return !matches!(fetch_site, Some("cross-site" | "same-site")) };
    let from = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    from.zip(host).is_some_and(|(from, host)| from.eq_ignore_ascii_case(host))
}

/// Whether a `Host` cannot be a name that somebody else has pointed here.
fn is_ours(host: &str, names: &[String]) -> bool {
    let name = match host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())) {
        Some((name, _)) => name,
        None => host,
    };
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&name);
    let is_private = |ending: &str| name.strip_suffix(ending).is_some_and(|front| front.is_empty() || front.ends_with('.'));
    !name.is_empty()
        && (address.parse::<IpAddr>().is_ok()
            || !name.contains(['.', ':'])
            || PRIVATE.iter().any(|ending| is_private(ending))
            || names.iter().any(|known| known.eq_ignore_ascii_case(&name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::budget::Budget;
    use crate::http::share::Share;

    fn said(token: Option<&str>, headers: &[(&str, &'static str)]) -> Option<String> {
        let mut site = Site::new(Default::default(), Share::of(Budget::new(32 << 20)), token.map(str::to_owned), 1);
        site.names = vec!["broker.example".to_owned()];
        let header = |name: &str| headers.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
        check(&site, &header).err().map(|reply| {
            assert_eq!(reply.status, 403);
            String::from_utf8(reply.body).unwrap()
        })
    }

    #[test]
    fn pages_of_other_hosts_may_not_write() {
        let at_home = |origin| is_at_home(Some(origin), Some("localhost:8080"), None);
        assert!(at_home("http://localhost:8080") && at_home("http://LOCALHOST:8080"));
        assert!(is_at_home(Some("https://broker"), Some("broker"), Some("same-origin")));
        for origin in
            ["null", "http://evil", "http://localhost", "http://localhost:80800", "localhost:8080", "http://evil@localhost:8080", ""]
        {
            assert!(!at_home(origin), "{origin}");
        }
        assert!(!is_at_home(Some("http://localhost:8080"), None, None));
        // Some browsers name no origin with a form; they all say that it came from elsewhere.
        for (site, is_fine) in [(None, true), (Some("none"), true), (Some("same-origin"), true), (Some("cross-site"), false)] {
            assert_eq!(is_at_home(None, Some("localhost"), site), is_fine, "{site:?}");
        }
    }

    #[test]
    fn a_name_of_somebody_else_that_points_here_does_not_help() {
        let rebound = [("origin", "http://evil.example:8080"), ("host", "evil.example:8080")];
        assert!(said(None, &rebound).unwrap().contains("evil.example:8080"));
        assert_eq!(said(Some("secret"), &rebound), None, "who has the token may come from anywhere");
        assert_eq!(said(None, &rebound[1..]), None, "curl by any name of the network");
        assert_eq!(said(None, &[("origin", "http://Broker.Example:8080"), ("host", "broker.example:8080")]), None);
    }

    #[test]
    fn names_that_cannot_be_somebody_elses() {
        for host in [
            "127.0.0.1:8080",
            "192.168.1.5",
            "[::1]:8080",
            "[fe80::1]",
            "localhost",
            "LOCALHOST:1",
            "localhost.:1",
            "a.localhost",
            "monolog:8080",
            "broker.lan",
            "monolog.kafka.svc.cluster.local:8080",
            "nas.home.arpa",
        ] {
            assert!(is_ours(host, &[]), "{host}");
        }
        for host in [
            "",
            ":8080",
            "evil.example",
            "evil.example:8080",
            "evillocal.com",
            "127.0.0.1.evil.example",
            "x.local.evil.example",
            "evil.home-arpa.com",
        ] {
            assert!(!is_ours(host, &[]), "{host}");
        }
        assert!(
            is_ours("broker.example:1", &["broker.example".to_owned()]) && !is_ours("x.broker.example", &["broker.example".to_owned()])
        );
    }
}
