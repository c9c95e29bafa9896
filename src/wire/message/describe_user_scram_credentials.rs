//! DescribeUserScramCredentials (key 50): which SCRAM credentials there are (KIP-554).
//! Versions: there is one.

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Asks for credentials; what is secret in them is never told.
    pub struct DescribeUserScramCredentialsRequest {
        /// The users; null for all.
        users: Option<Vec<UserName>> => 0.., default Some(Vec::new());
    }

    /// A user who is asked for.
    pub struct UserName {
        /// The name of the user.
        name: Text => 0..;
    }

    /// The credentials.
    pub struct DescribeUserScramCredentialsResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 0.., default Some(Text::default());
        /// One entry for each of what was asked for.
        results: Vec<DescribeUserScramCredentialsResult> => 0..;
    }

    /// The answer for one user.
    pub struct DescribeUserScramCredentialsResult {
        /// The name of the user.
        user: Text => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 0.., default Some(Text::default());
        /// One entry for each mechanism.
        credential_infos: Vec<CredentialInfo> => 0..;
    }

    /// What may be told of a credential.
    pub struct CredentialInfo {
        /// The mechanism (1: SCRAM-SHA-256, 2: SCRAM-SHA-512).
        mechanism: i8 => 0..;
        /// How often the password is hashed.
        iterations: i32 => 0..;
    }
}
