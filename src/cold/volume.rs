//! Completes a DescribeLogDirs with the size of the volume and what is free on it, as Kafka tells them (KIP-827): asking the system
//! may wait for a disk, which the engine must not. Called by `cold::complete`.

use crate::store::seam::Reader;
use crate::wire::message::Response;
use crate::wire::message::describe_log_dirs::DescribeLogDirsResponse;

/// Fills in both figures; where they are not known they stay at -1.
pub fn complete(reader: &dyn Reader, mut response: DescribeLogDirsResponse) -> Response {
    if let Some(volume) = reader.volume() {
        let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        for result in &mut response.results {
            (result.total_bytes, result.usable_bytes) = (signed(volume.total_bytes), signed(volume.usable_bytes));
        }
    }
    Response::DescribeLogDirs(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cold::testing::{Broken, store};
    use crate::store::seam::StoreError;
    use crate::wire::message::describe_log_dirs::DescribeLogDirsResult;

    #[test]
    fn figures_are_those_of_the_volume_or_unknown() {
        let asked = || DescribeLogDirsResponse { results: vec![DescribeLogDirsResult::default()], ..DescribeLogDirsResponse::default() };
        let figures = |response| match response {
            Response::DescribeLogDirs(response) => (response.results[0].total_bytes, response.results[0].usable_bytes),
            other => panic!("{other:?}"),
        };
        assert_eq!(figures(complete(&Broken(StoreError::Full(String::new())), asked())), (i64::MAX, 7));
        assert_eq!(figures(complete(&store(Vec::new()), asked())), (-1, -1));
    }
}
