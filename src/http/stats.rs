//! `GET /api/stats` and the index page. Called by `routes`.

use super::desk::Desk;
use super::reply::Reply;
use super::site::Site;
use super::topics::odd;
use crate::base::metrics;
use crate::mail::view::{Question, View};
use serde_json::json;

const INDEX: &str = include_str!("index.html");

/// How much there is of everything, and the counters since the start.
pub fn stats(site: &Site, desk: &mut Desk) -> Result<Reply, Reply> {
    let (View::Totals(totals), _) = desk.look(Question::Totals)? else { return Err(odd()) };
    let commits = metrics::COMMITS.get();
    let mean_us = metrics::COMMIT_US.get().checked_div(commits).unwrap_or(0);
    let budget = site.share.whole();
    Ok(Reply::json(
        200,
        &json!({
            "topics": totals.topics,
            "partitions": totals.partitions,
            "messages": totals.messages,
            "bytes": totals.bytes,
            "groups": totals.groups,
            "pending": totals.pending,
            "uptime_seconds": site.uptime().as_secs(),
            "memory_used_bytes": budget.used_bytes(),
            "memory_limit_bytes": budget.limit_bytes(),
            "commits": commits,
            "commits_failed": metrics::COMMITS_FAILED.get(),
            "commit_mean_ms": mean_us as f64 / 1_000.0,
            "commit_max_ms": metrics::COMMIT_MAX_US.get() as f64 / 1_000.0,
            "batches_appended": metrics::BATCHES_APPENDED.get(),
            "connections_accepted": metrics::CONNECTIONS_ACCEPTED.get(),
            "connections_faulted": metrics::CONNECTIONS_FAULTED.get(),
            "fetch_ranges_tail": metrics::FETCH_RANGES_TAIL.get(),
            "fetch_ranges_cold": metrics::FETCH_RANGES_COLD.get(),
        }),
    ))
}

/// The page at `/`: what can be asked.
pub fn index() -> Reply {
    Reply { content_type: "text/html; charset=utf-8", body: INDEX.as_bytes().to_vec(), ..Reply::empty(200) }
}
