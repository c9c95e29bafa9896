//! The routes of groups: list, look at one, delete; an offset of one, read and committed. Called by `routes`.

use super::desk::Desk;
use super::input::{Object, from_json};
use super::list::{Sheet, rows, show};
use super::reply::Reply;
use super::site::Site;
use super::target::Parameters;
use super::text::rfc3339;
use super::topics::{odd, refusal};
use crate::base::text::Text;
use crate::mail::view::{GroupView, MemberView, OffsetView, Question, View};
use crate::wire::error_code::ErrorCode;
use crate::wire::message::delete_groups::DeleteGroupsRequest;
use crate::wire::message::offset_commit::{OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use crate::wire::message::{Request, Response};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

#[derive(Serialize)]
struct ListedGroup<'a> {
    id: &'a str,
    state: &'a str,
    generation: i32,
    members: usize,
    protocol: &'a str,
    lag: i64,
}

#[derive(Serialize)]
struct DescribedGroup<'a, M, O> {
    id: &'a str,
    state: &'a str,
    generation: i32,
    protocol: &'a str,
    lag: i64,
    members: M,
    offsets: O,
}

#[derive(Serialize)]
struct ListedMember<'a> {
    id: &'a str,
    client_id: &'a str,
    host: &'a str,
    assignment: Vec<Assigned<'a>>,
}

#[derive(Serialize)]
struct Assigned<'a> {
    topic: &'a str,
    #[serde(serialize_with = "numbers")]
    partitions: &'a [[u8; 4]],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOffset {
    offset: i64,
}

/// `GET /api/groups`
pub fn list(site: &Site, desk: &mut Desk) -> Result<Reply, Reply> {
    show(site, desk, Question::Groups, |view, sheet| {
        let View::Groups(groups) = view else { return Err(odd()) };
        sheet.put(&rows(groups, listed))
    })
}

/// `GET /api/groups/{g}`
pub fn describe(site: &Site, desk: &mut Desk, id: &str) -> Result<Reply, Reply> {
    find(site, desk, id, |group, sheet| {
        let GroupView { id, state, generation, protocol, lag, members, offsets, .. } = group;
        let (members, offsets) = (rows(members, member), rows(offsets, committed));
        sheet.put(&DescribedGroup { id, state, generation: *generation, protocol, lag: *lag, members, offsets })
    })
}

/// `DELETE /api/groups/{g}`
pub fn delete(desk: &mut Desk, id: &str) -> Result<Reply, Reply> {
    let request = DeleteGroupsRequest { groups_names: vec![Text::from(id)] };
    let Response::DeleteGroups(response) = desk.ask(2, Request::DeleteGroups(request))? else { return Err(odd()) };
    match response.results.into_iter().next().ok_or_else(odd)?.error_code {
        ErrorCode::NONE => Ok(Reply::empty(204)),
        ErrorCode::GROUP_ID_NOT_FOUND => Err(missing(id)),
        ErrorCode::NON_EMPTY_GROUP => Err(Reply::kafka(ErrorCode::NON_EMPTY_GROUP, format!("group {id:?} has members"))),
        code => Err(refusal(code, None, id)),
    }
}

/// `GET /api/groups/{g}/offsets/{t}`
pub fn offset(site: &Site, desk: &mut Desk, id: &str, topic: &str, target: &str) -> Result<Reply, Reply> {
    let partition = Parameters::of(target, &["partition"])?.partition()?;
    find(site, desk, id, |group, sheet| {
        let found = group.offsets.iter().find(|offset| offset.topic == *topic && offset.partition == partition);
        let found = found.ok_or_else(|| {
            let what = format!("group {id:?} has committed no offset of {topic}, partition {partition}");
            Reply::kafka(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, what)
        })?;
        sheet.put(&json!({"offset": found.offset}))
    })
}

/// `POST /api/groups/{g}/offsets/{t}`: as an admin commits, outside of the group.
pub fn commit(desk: &mut Desk, id: &str, topic: &str, target: &str, body: &[u8]) -> Result<Reply, Reply> {
    let partition_index = Parameters::of(target, &["partition"])?.partition()?;
    let Object(NewOffset { offset }) = from_json(body)?;
    if offset < 0 {
        return Err(Reply::bad(format!("offset {offset} is below 0")));
    }
    if id.is_empty() {
        return Err(Reply::kafka(ErrorCode::INVALID_GROUP_ID, "the id of the group is empty"));
    }
    let partition = OffsetCommitRequestPartition { partition_index, committed_offset: offset, ..Default::default() };
    let named = OffsetCommitRequestTopic { name: Text::from(topic), partitions: vec![partition], ..Default::default() };
    let request = OffsetCommitRequest { group_id: Text::from(id), topics: vec![named], ..OffsetCommitRequest::default() };
    let Response::OffsetCommit(response) = desk.ask(9, Request::OffsetCommit(request))? else { return Err(odd()) };
    let result = response.topics.into_iter().flat_map(|topic| topic.partitions).next().ok_or_else(odd)?;
    match result.error_code {
        ErrorCode::NONE => Ok(Reply::json(200, &json!({"offset": offset}))),
        ErrorCode::UNKNOWN_MEMBER_ID => {
            Err(Reply::kafka(ErrorCode::NON_EMPTY_GROUP, format!("group {id:?} is active; stop its members before you move its offsets")))
        }
        code => Err(refusal(code, None, &format!("{topic}, partition {partition_index}"))),
    }
}

/// `GET /api/pending`
pub fn pending(site: &Site, desk: &mut Desk) -> Result<Reply, Reply> {
    show(site, desk, Question::Pending, |view, sheet| {
        let View::Pending(waiting) = view else { return Err(odd()) };
        sheet.put(&rows(waiting, |it| {
            json!({"topic": it.topic.as_str(), "partition": it.partition, "offset": it.offset, "deadline": rfc3339(it.deadline_ms),
                "correlation_id": it.correlation_id, "client_id": it.client_id.as_deref()})
        }))
    })
}

fn find(site: &Site, desk: &mut Desk, id: &str, write: impl FnOnce(&GroupView, &mut Sheet) -> Result<(), Reply>) -> Result<Reply, Reply> {
    show(site, desk, Question::Group(Text::from(id)), |view, sheet| {
        let View::Groups(groups) = view else { return Err(odd()) };
        write(groups.first().ok_or_else(|| missing(id))?, sheet)
    })
}

fn missing(id: &str) -> Reply {
    Reply::kafka(ErrorCode::GROUP_ID_NOT_FOUND, format!("there is no group {id:?}"))
}

fn listed(group: &GroupView) -> ListedGroup<'_> {
    let GroupView { id, state, generation, protocol, member_count, lag, .. } = group;
    ListedGroup { id, state, generation: *generation, members: *member_count, protocol, lag: *lag }
}

fn member(member: &MemberView) -> ListedMember<'_> {
    let MemberView { id, client_id, host, assignment } = member;
    ListedMember { id, client_id, host, assignment: assigned(assignment).unwrap_or_default() }
}

fn committed(it: &OffsetView) -> Value {
    json!({"topic": it.topic.as_str(), "partition": it.partition, "offset": it.offset, "end_offset": it.end_offset, "lag": it.lag(),
        "metadata": it.metadata.as_str()})
}

/// The partitions in an assignment of the consumer protocol (`ConsumerProtocolAssignment`); `None` for other protocols.
fn assigned(mut rest: &[u8]) -> Option<Vec<Assigned<'_>>> {
    let _version = take::<2>(&mut rest)?;
    let count = i32::from_be_bytes(take(&mut rest)?);
    let mut topics = Vec::new();
    for _ in 0..count {
        let len = usize::try_from(i16::from_be_bytes(take(&mut rest)?)).ok()?;
        let (name, after) = rest.split_at_checked(len)?;
        rest = after;
        let count = usize::try_from(i32::from_be_bytes(take(&mut rest)?)).ok()?;
        let (numbers, after) = rest.split_at_checked(count.checked_mul(4)?)?;
        rest = after;
        topics.push(Assigned { topic: std::str::from_utf8(name).ok()?, partitions: numbers.as_chunks().0 });
    }
    Some(topics)
}

fn numbers<S: Serializer>(partitions: &&[[u8; 4]], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(partitions.iter().map(|number| i32::from_be_bytes(*number)))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_of_consumers_are_read_and_others_passed_over() {
        let bytes = [&[0, 1, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 2][..], &[0, 0, 0, 4, 0, 0, 0, 7], &[0xff; 4]].concat();
        let read = |bytes: &[u8]| assigned(bytes).map(|topics| json!(topics));
        assert_eq!(read(&bytes), Some(json!([{"topic": "t", "partitions": [4, 7]}])));
        for end in 0..bytes.len() - 4 {
            assert_eq!(read(&bytes[..end]), None, "cut at {end}");
        }
        assert_eq!(read(b"{\"connect\":1}"), None);
        assert_eq!(read(&[0, 0, 0xff, 0xff, 0xff, 0xff]), Some(json!([])));
    }
}
