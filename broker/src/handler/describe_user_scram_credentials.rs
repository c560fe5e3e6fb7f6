//! DescribeUserScramCredentials (API 50): which users have which SCRAM credentials (KIP-554); never the credentials.

use std::collections::BTreeMap;
use std::sync::Arc;

use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::describe_user_scram_credentials_response::{
    CredentialInfo, DescribeUserScramCredentialsResult,
};
use medallion_wire::messages::{DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use crate::controller::image::MetadataImage;

/// The API.
pub(crate) struct DescribeUserScramCredentials;

impl Handler for DescribeUserScramCredentials {
    type Request = DescribeUserScramCredentialsRequest;

    fn error_codes(response: &DescribeUserScramCredentialsResponse) -> Vec<i16> {
        let users = response.results.iter().map(|user| user.error_code);
        std::iter::once(response.error_code).chain(users).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: DescribeUserScramCredentialsRequest,
    ) -> DescribeUserScramCredentialsResponse {
        let asked: Vec<StrBytes> = request.users.into_iter().flatten().map(|user| user.name).collect();
        if let Err(error) = state.authorize_cluster(&context, Operation::Describe) {
            let refused = DescribeUserScramCredentialsResult::default();
            let refused = refused.with_error_code(error.code()).with_error_message(None);
            return DescribeUserScramCredentialsResponse::default()
                .with_error_code(error.code())
                .with_error_message(None)
                .with_results(vec![refused; asked.len()]);
        }
        DescribeUserScramCredentialsResponse::default().with_results(describe(&state.image(), &asked))
    }
}

/// What is told of the users in `asked`, or of all when it is empty.
fn describe(image: &MetadataImage, asked: &[StrBytes]) -> Vec<DescribeUserScramCredentialsResult> {
    let mut credentials: BTreeMap<&str, Vec<CredentialInfo>> = BTreeMap::new();
    for ((mechanism, user), credential) in &image.scram_credentials {
        let info =
            CredentialInfo::default().with_mechanism(*mechanism).with_iterations(credential.iterations);
        credentials.entry(user).or_default().push(info);
    }
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for user in asked {
        *times.entry(user).or_default() += 1;
    }
    if asked.is_empty() {
        times = credentials.keys().map(|user| (*user, 1)).collect();
    }
    let describe_one = |(user, times): (&str, usize)| {
        let result =
            DescribeUserScramCredentialsResult::default().with_user(StrBytes::from_string(user.to_owned()));
        if times > 1 {
            let text = "Cannot describe SCRAM credentials for the same user twice in a single request: ";
            return refused(result, ResponseError::DuplicateResource, format!("{text}{user}"));
        }
        match credentials.get(user) {
            Some(infos) => result.with_credential_infos(infos.clone()),
            None => {
                let text = "Attempt to describe a user credential that does not exist: ";
                refused(result, ResponseError::ResourceNotFound, format!("{text}{user}"))
            }
        }
    };
    times.into_iter().map(describe_one).collect()
}

fn refused(
    result: DescribeUserScramCredentialsResult,
    error: ResponseError,
    message: String,
) -> DescribeUserScramCredentialsResult {
    result.with_error_code(error.code()).with_error_message(Some(StrBytes::from_string(message)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::image::ScramCredential;
    use bytes::Bytes;

    #[test]
    fn users_are_described_by_name_or_all() {
        let mut image = MetadataImage::default();
        for (mechanism, user, iterations) in [(1, "ann", 4_096), (2, "ann", 8_192), (1, "bob", 5_000)] {
            let [salt, stored_key, server_key] = [const { Bytes::new() }; 3];
            let credential = ScramCredential { salt, stored_key, server_key, iterations };
            image.scram_credentials.insert((mechanism, user.into()), Arc::new(credential));
        }
        let told = |asked: &[&'static str]| -> Vec<String> {
            let asked: Vec<_> = asked.iter().map(|user| StrBytes::from_static_str(user)).collect();
            let describe_one = |result: DescribeUserScramCredentialsResult| {
                let infos = result.credential_infos.iter();
                let infos: Vec<_> = infos.map(|info| (info.mechanism, info.iterations)).collect();
                format!("{} {} {infos:?}", result.user, result.error_code)
            };
            describe(&image, &asked).into_iter().map(describe_one).collect()
        };
        assert_eq!(told(&[]), ["ann 0 [(1, 4096), (2, 8192)]", "bob 0 [(1, 5000)]"]);
        assert_eq!(told(&["bob"]), ["bob 0 [(1, 5000)]"]);
        assert_eq!(told(&["eve", "bob", "eve", "cid"]), ["bob 0 [(1, 5000)]", "cid 91 []", "eve 92 []"]);
    }
}
