//! What lies between a connection and the answers: pages of other origins, and gzip.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::Method;
use axum::response::Response;
use medallion_settings::ConfigError;
use tower::ServiceBuilder;
use tower::util::{BoxCloneSyncService, ServiceExt, service_fn};

use super::app::{App, handle};
use super::{cors, gzip};
use crate::settings::RegistrySettings;

/// Answers requests; what it is made of is shared by its clones.
#[derive(Debug, Clone)]
pub(crate) struct Answering(BoxCloneSyncService<Request, Response, Infallible>);

impl Answering {
    /// # Errors
    /// Where settings of CORS are not valid.
    pub(crate) fn new(app: &Arc<App>, settings: &RegistrySettings) -> Result<Self, ConfigError> {
        let app = Arc::clone(app);
        let packs = settings.compression;
        let answer = service_fn(move |request: Request| {
            let app = Arc::clone(&app);
            async move {
                let is_taken = packs && gzip::is_taken(request.headers());
                let response = handle(app, request).await;
                Ok::<_, Infallible>(if packs { gzip::packed(response, is_taken).await } else { response })
            }
        });
        let of_pages = ServiceBuilder::new().option_layer(cors::layer(settings)?).service(answer.clone());
        let answer = service_fn(move |request: Request| {
            // The layer would answer whoever asks by this method.
            let passes = request.method() == Method::OPTIONS && !cors::is_preflight(request.headers());
            let (answer, of_pages) = (answer.clone(), of_pages.clone());
            async move { if passes { answer.oneshot(request).await } else { of_pages.oneshot(request).await } }
        });
        Ok(Self(BoxCloneSyncService::new(answer)))
    }

    pub(super) async fn answer(self, request: Request) -> Result<Response, Infallible> {
        self.0.oneshot(request).await
    }
}
