//! Challenges and tokens.
//!
//! A challenge is not stored: it carries a nonce and its expiry under a keyed digest of this
//! process (RFC 2104), bound to the operator's key, so that asking for many costs no memory and
//! crowds nobody out. What is stored is the challenges *used*, until they expire, and the
//! sessions: both only after an active operator's signature was verified, and both bounded.
//!
//! A token is 256 random bits; only its digest is kept, so that memory holds nothing to steal.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chaincity_api::Problem;
use chaincity_crypto::{PublicKey, hash};
use chaincity_types::Digest;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use crate::config::Limits;

const NONCE_BYTES: usize = 16;
const EXPIRY_BYTES: usize = 8;
const MAC_BYTES: usize = 32;
const TOKEN_BYTES: usize = 32;
/// How long the last check that an operator is active holds.
const CHECK_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Sessions and challenges of one server.
pub(crate) struct Sessions {
    mac: hmac::Key,
    random: SystemRandom,
    started: Instant,
    session: Duration,
    challenge: Duration,
    sessions_max: usize,
    per_key_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// By digest of the token.
    sessions: BTreeMap<Digest, Held>,
    /// Challenges used, with the time at which they expire anyway.
    used: BTreeMap<Vec<u8>, Instant>,
}

#[derive(Clone)]
struct Held {
    key: PublicKey,
    expires: Instant,
    checked: Instant,
}

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) key: PublicKey,
    pub(crate) expires: Instant,
    /// Whether it is time to check again that the operator is active.
    pub(crate) stale: bool,
}

impl Sessions {
    /// # Errors
    /// When the operating system gives no randomness.
    pub(crate) fn new(limits: &Limits) -> Result<Self, ring::error::Unspecified> {
        let random = SystemRandom::new();
        Ok(Self {
            mac: hmac::Key::generate(hmac::HMAC_SHA256, &random)?,
            random,
            started: Instant::now(),
            session: Duration::from_secs(limits.session_s),
            challenge: Duration::from_secs(limits.challenge_s),
            sessions_max: limits.sessions_max.max(1),
            per_key_max: limits.sessions_per_key_max.max(1),
            inner: Mutex::default(),
        })
    }

    /// A challenge for a key: nonce, expiry, keyed digest.
    pub(crate) fn challenge(&self, key: &PublicKey) -> Result<Vec<u8>, Problem> {
        let mut nonce = [0; NONCE_BYTES];
        self.random.fill(&mut nonce).map_err(|_unspecified| Problem::Fault)?;
        let expiry = self.started.elapsed().saturating_add(self.challenge).as_secs();
        let mut challenge = nonce.to_vec();
        challenge.extend(expiry.to_be_bytes());
        let tag = hmac::sign(&self.mac, &bound(&challenge, key));
        challenge.extend(tag.as_ref());
        Ok(challenge)
    }

    /// Whether this is a challenge that this server gave to this key and that has not expired.
    pub(crate) fn check_challenge(&self, challenge: &[u8], key: &PublicKey) -> Result<(), Problem> {
        let tag_at = NONCE_BYTES.saturating_add(EXPIRY_BYTES);
        let (head, tag) = challenge.split_at_checked(tag_at).ok_or(Problem::ChallengeInvalid)?;
        if tag.len() != MAC_BYTES || hmac::verify(&self.mac, &bound(head, key), tag).is_err() {
            return Err(Problem::ChallengeInvalid);
        }
        let expiry = head.iter().skip(NONCE_BYTES).fold(0_u64, |n, b| (n << 8) | u64::from(*b));
        if self.started.elapsed().as_secs() > expiry {
            return Err(Problem::ChallengeInvalid);
        }
        Ok(())
    }

    /// Uses up a checked challenge and opens a session: the token, in hexadecimal.
    pub(crate) fn open(&self, challenge: &[u8], key: PublicKey) -> Result<String, Problem> {
        let mut token = [0; TOKEN_BYTES];
        self.random.fill(&mut token).map_err(|_unspecified| Problem::Fault)?;
        let now = Instant::now();
        let mut inner = self.lock();
        inner.tidy(now);
        if inner.used.contains_key(challenge) {
            return Err(Problem::ChallengeInvalid);
        }
        if inner.used.len() >= self.sessions_max {
            return Err(Problem::Busy);
        }
        inner.make_room(self.sessions_max, |_| true);
        inner.make_room(self.per_key_max, |held| held.key == key);
        let lapses = self.challenge.saturating_add(Duration::from_secs(1));
        inner.used.insert(challenge.to_vec(), later(now, lapses));
        let held = Held { key, expires: later(now, self.session), checked: now };
        inner.sessions.insert(hash::plain(&token), held);
        Ok(hex::encode(token))
    }

    /// Who holds this token.
    pub(crate) fn find(&self, token: &str) -> Option<Caller> {
        let digest = token_digest(token)?;
        let now = Instant::now();
        let inner = self.lock();
        let held = inner.sessions.get(&digest).filter(|held| held.expires > now)?;
        let stale = now.saturating_duration_since(held.checked) >= CHECK_AGAIN_AFTER;
        Some(Caller { key: held.key, expires: held.expires, stale })
    }

    /// Notes that the token's operator was found active just now.
    pub(crate) fn mark_checked(&self, token: &str) {
        if let Some(digest) = token_digest(token)
            && let Some(held) = self.lock().sessions.get_mut(&digest)
        {
            held.checked = Instant::now();
        }
    }

    /// Ends every session of a key.
    pub(crate) fn end(&self, key: &PublicKey) {
        self.lock().sessions.retain(|_, held| held.key != *key);
    }

    /// Sessions held.
    pub(crate) fn count(&self) -> usize {
        let mut inner = self.lock();
        inner.tidy(Instant::now());
        inner.sessions.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing under this lock can panic half-way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn tidy(&mut self, now: Instant) {
        self.sessions.retain(|_, held| held.expires > now);
        self.used.retain(|_, expires| *expires > now);
    }

    /// Ends the oldest of the sessions meant until fewer than `max` are left.
    fn make_room(&mut self, max: usize, meant: impl Fn(&Held) -> bool) {
        while self.sessions.values().filter(|held| meant(held)).count() >= max {
            let oldest = self.sessions.iter().filter(|(_, held)| meant(held));
            let oldest = oldest.min_by_key(|(_, held)| held.expires).map(|(digest, _)| *digest);
            let Some(digest) = oldest else { return };
            self.sessions.remove(&digest);
        }
    }
}

fn bound(challenge: &[u8], key: &PublicKey) -> Vec<u8> {
    [challenge, key.as_bytes().as_slice()].concat()
}

fn token_digest(token: &str) -> Option<Digest> {
    let mut bytes = [0; TOKEN_BYTES];
    hex::decode_to_slice(token, &mut bytes).ok()?;
    Some(hash::plain(&bytes))
}

fn later(now: Instant, by: Duration) -> Instant {
    now.checked_add(by).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions(change: impl Fn(&mut Limits)) -> Sessions {
        let mut limits = Limits::default();
        change(&mut limits);
        Sessions::new(&limits).unwrap()
    }

    const ANNA: PublicKey = PublicKey::from_bytes([1; 32]);
    const BELA: PublicKey = PublicKey::from_bytes([2; 32]);

    #[test]
    fn a_challenge_serves_its_own_key_on_its_own_server_once() {
        let here = sessions(|_| ());
        let challenge = here.challenge(&ANNA).unwrap();
        assert_eq!(here.check_challenge(&challenge, &ANNA), Ok(()));
        let refused = Err(Problem::ChallengeInvalid);
        assert_eq!(here.check_challenge(&challenge, &BELA), refused);
        assert_eq!(sessions(|_| ()).check_challenge(&challenge, &ANNA), refused);
        for at in 0..challenge.len() {
            let mut bent = challenge.clone();
            bent[at] ^= 1;
            assert_eq!(here.check_challenge(&bent, &ANNA), refused, "byte {at}");
        }
        assert_eq!(here.check_challenge(&[], &ANNA), refused);

        let token = here.open(&challenge, ANNA).unwrap();
        assert_eq!(here.find(&token).unwrap().key, ANNA);
        assert_eq!(here.open(&challenge, ANNA), refused.map(|()| String::new()));
    }

    #[test]
    fn a_token_lapses_and_can_be_withdrawn() {
        let brief = sessions(|limits| limits.session_s = 0);
        let token = brief.open(&brief.challenge(&ANNA).unwrap(), ANNA).unwrap();
        assert!(brief.find(&token).is_none());

        let here = sessions(|_| ());
        let token = here.open(&here.challenge(&ANNA).unwrap(), ANNA).unwrap();
        assert!(here.find("").is_none() && here.find(&format!("zz{token}")).is_none());
        here.end(&ANNA);
        assert!(here.find(&token).is_none());
    }

    #[test]
    fn sessions_are_bounded_in_all_and_for_each_key() {
        let few = sessions(|limits| (limits.sessions_max, limits.sessions_per_key_max) = (3, 2));
        let open = |key: PublicKey| few.open(&few.challenge(&key).unwrap(), key).unwrap();
        let first = open(ANNA);
        let (second, third) = (open(ANNA), open(ANNA));
        assert!(few.find(&first).is_none(), "the key's oldest session ended");
        assert!(few.find(&second).is_some() && few.find(&third).is_some());
        assert_eq!(few.count(), 2);
        // Used challenges are bounded too: three were used.
        let challenge = few.challenge(&BELA).unwrap();
        assert_eq!(few.open(&challenge, BELA), Err(Problem::Busy));
    }
}
