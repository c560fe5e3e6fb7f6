//! AlterUserScramCredentials (API 51): keeps and forgets what checks the passwords of users (KIP-554).

use std::collections::BTreeSet;
use std::sync::Arc;

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::alter_user_scram_credentials_response::AlterUserScramCredentialsResult;
use medallion_wire::messages::{AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use crate::error::Refusal;

/// The API.
pub(crate) struct AlterUserScramCredentials;

impl Handler for AlterUserScramCredentials {
    type Request = AlterUserScramCredentialsRequest;

    fn error_codes(response: &AlterUserScramCredentialsResponse) -> Vec<i16> {
        response.results.iter().map(|result| result.error_code).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: AlterUserScramCredentialsRequest,
    ) -> AlterUserScramCredentialsResponse {
        let deleted = request.deletions.iter().map(|deletion| deletion.name.clone());
        let users: BTreeSet<StrBytes> =
            deleted.chain(request.upsertions.iter().map(|upsertion| upsertion.name.clone())).collect();
        let answer = match state.authorize_cluster(&context, Operation::Alter) {
            Ok(()) => {
                let altered = state.controller.alter_user_scram_credentials(request).await;
                altered.map_err(Refusal::from)
            }
            Err(error) => Err(error.into()),
        };
        answer.unwrap_or_else(|refusal| {
            let message = refusal.message.map(StrBytes::from_string);
            let results = users.into_iter().map(|user| {
                AlterUserScramCredentialsResult::default()
                    .with_user(user)
                    .with_error_code(refusal.error.code())
                    .with_error_message(message.clone())
            });
            AlterUserScramCredentialsResponse::default().with_results(results.collect())
        })
    }
}
