//! What settings say of certificates and keys.

crate::choices! {
    /// The form of certificates and keys (`ssl.keystore.type`, `ssl.truststore.type`).
    pub enum StoreType as "PEM" {
        /// Text with `BEGIN CERTIFICATE` and `BEGIN PRIVATE KEY` (KIP-651). Java's own stores are not read.
        Pem = "PEM",
    }

    /// Whether a server's certificate must be for its host (`ssl.endpoint.identification.algorithm`).
    pub enum EndpointIdentification as "https, or nothing" {
        /// It must.
        Https = "https",
        /// Any certificate that is trusted will do.
        None = "" | "none",
    }
}
