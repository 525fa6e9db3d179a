//! Everybody at his desk: signed in, with what all of them share.

use std::collections::BTreeMap;
use std::sync::Arc;

use chaincity_client::Client;
use chaincity_crypto::hash;

use super::bell::Bell;
use super::cast::{OTHERS, PORT, SEATS, Seat};
use super::forms::Forms;
use super::safe::Safes;
use crate::actor::{Actor, remote};
use crate::city::City;
use crate::cluster::Cluster;
use crate::fault::Fault;

/// A seat with who sits there.
#[derive(Debug)]
pub(super) struct Person {
    /// Where.
    pub(super) seat: &'static Seat,
    /// The key, at work.
    pub(super) actor: Actor,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Town {
    /// Those who work by their task lists.
    pub(super) people: Vec<Person>,
    /// Those who act by the story.
    others: Vec<Person>,
    /// Names of the organisations.
    names: BTreeMap<String, (String, String)>,
    /// What calls look like.
    pub(super) forms: Forms,
    /// Where is sealed.
    pub(super) safes: Safes,
    /// The bank port's public key.
    pub(super) port: String,
    /// Tells of blocks.
    pub(super) bell: Arc<Bell>,
}

impl Town {
    /// Signs everybody in, each at its node.
    pub(super) fn open(city: &City, cluster: &Cluster) -> Result<Self, Fault> {
        let ledger = hash::ledger_id(&city.genesis);
        let url = |node: &str| {
            let index = cluster.position(node);
            let process = index.and_then(|index| cluster.nodes.get(index));
            process.map(|process| process.url.clone()).ok_or_else(|| nobody(node))
        };
        let sit = |seats: &'static [Seat]| {
            let sit = |seat: &'static Seat| {
                let actor = Actor::sign_in(&[url(seat.node)?], ledger, city.key(seat.name)?)?;
                Ok(Person { seat, actor })
            };
            seats.iter().map(sit).collect::<Result<Vec<_>, Fault>>()
        };
        let listener = Client::new(&url("registry")?, ledger).map_err(remote)?;
        listener.sign_in(city.key("registrar")?).map_err(remote)?;
        let members = city.genesis.members.iter();
        let named = members.map(|m| (m.id.clone(), (m.name_zh.clone(), m.name_en.clone())));
        Ok(Self {
            people: sit(SEATS)?,
            others: sit(OTHERS)?,
            names: named.collect(),
            forms: Forms::read()?,
            safes: Safes::make(&city.dir)?,
            port: city.key(PORT)?.public_key().to_string(),
            bell: Bell::hang(listener)?,
        })
    }

    /// Who has this key.
    pub(super) fn person(&self, name: &str) -> Result<&Person, Fault> {
        let mut all = self.people.iter().chain(&self.others);
        all.find(|person| person.seat.name == name).ok_or_else(|| nobody(name))
    }

    /// What an organisation is called, in Chinese and English.
    pub(super) fn name(&self, member: &str) -> (String, String) {
        let same = || (member.to_owned(), member.to_owned());
        self.names.get(member).cloned().unwrap_or_else(same)
    }
}

fn nobody(name: &str) -> Fault {
    Fault::other(format!("没有 {name}"), format!("there is no {name}"))
}
