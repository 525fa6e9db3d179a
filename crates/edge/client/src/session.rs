//! Signing in.

use std::sync::{Arc, PoisonError};

use chaincity_api::session::{CONTENT_TYPE, Challenge, ChallengeRequest, Login, Session};
use chaincity_api::{COSE, Endpoint};
use chaincity_crypto::{PublicKey, SecretKey, cose};
use chaincity_types::cbor;
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::error::ClientError;
use crate::transport::{Ask, Node};

impl Client {
    /// Signs in with an operator's key: from now on the client signs with it. A token is asked
    /// of a node when it is first needed, and again when it lapses.
    ///
    /// # Errors
    /// When the first node that answers does not accept the key.
    pub fn sign_in(&self, key: SecretKey) -> Result<Session, ClientError> {
        *self.signer.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(key));
        self.transport.forget_tokens();
        let mut last = ClientError::NotSignedIn;
        for node in self.transport.in_turn() {
            match self.open_session(node) {
                Ok(session) => {
                    self.transport.prefer(node);
                    return Ok(session);
                }
                Err(error) => last = error,
            }
            if last.code().is_some_and(|code| code == "operator-inactive") {
                break;
            }
        }
        Err(last)
    }

    /// The public key that the client signs with.
    #[must_use]
    pub fn operator(&self) -> Option<PublicKey> {
        self.signer().ok().map(|key| key.public_key())
    }

    pub(crate) fn signer(&self) -> Result<Arc<SecretKey>, ClientError> {
        let signer = self.signer.lock().unwrap_or_else(PoisonError::into_inner);
        signer.clone().ok_or(ClientError::NotSignedIn)
    }

    pub(crate) fn sign_in_at(&self, node: &Node) -> Result<(), ClientError> {
        self.open_session(node).map(drop)
    }

    fn open_session(&self, node: &Node) -> Result<Session, ClientError> {
        let key = self.signer()?;
        let public = key.public_key();
        let request = ChallengeRequest { key: hex::encode(public.as_bytes()) };
        let request = serde_json::to_vec(&request).unwrap_or_default();
        let ask = Ask::new(Endpoint::CreateChallenge, &[]).body("application/json", request);
        let challenge: Challenge = self.ask_one(node, &ask)?;
        // Sign for the ledger that we know, never for the one that the node names.
        let unreadable = |_| ClientError::answer(&node.url, "a challenge that is no hexadecimal");
        let login = Login {
            ledger: self.ledger,
            challenge: hex::decode(&challenge.challenge).map_err(unreadable)?,
            key: public.as_bytes().to_vec(),
        };
        let statement = cose::sign_statement(CONTENT_TYPE, &cbor::encode(&login), &key);
        let ask = Ask::new(Endpoint::CreateSession, &[]).body(COSE, statement);
        let session: Session = self.ask_one(node, &ask)?;
        node.set_token(Some(session.token.clone()));
        Ok(session)
    }

    fn ask_one<T: DeserializeOwned>(&self, node: &Node, ask: &Ask) -> Result<T, ClientError> {
        let bytes = self.transport.bytes(node, ask)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| ClientError::answer(&node.url, error.to_string()))
    }
}
