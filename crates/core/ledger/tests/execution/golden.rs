//! One small block, pinned byte by byte: formats and execution cannot drift unseen. A change
//! here is a change of the protocol.

use chaincity_crypto::hash;
use chaincity_types::wire::Mode;
use chaincity_types::{Digest, cbor};

use crate::desk::{Desk, add, call, create, outcomes};

const PINNED: &str = "\
receipt e4026a465a580b57ae31b99ba8bc714772c9c96e5c6fb0df08ea7ca8b8130d95
receipt 061ffeca37dd66ea0deb6a736ae9f5a6d624f13e42bc86d83ba0b75cd4128844
receipt b5c2b959a000375842d36595362478052f0884708fc17cc6bcd16b2197662b9f
version 70fc6e87a98856355fba49b235937e330c30352edd990dbf1d28be62e170165e a42959e6a0c466fb66bfe65c677957390ab2ed4deb242227c911fc0a680f2e4f
version ebabefd13db839d389d5e7cf055f0bed8a41f7c7fb3e95a99c05202c055c1c1d 7a59759c56dbd7d29c558ac77454c93beafe20abc28582680ca67b542d197aa4
version 70fc6e87a98856355fba49b235937e330c30352edd990dbf1d28be62e170165e 7d1ca66435c7b8e6800fd02b7275fea21202ef8e2a54aab2e3dbc0f615f930d4
head 70fc6e87a98856355fba49b235937e330c30352edd990dbf1d28be62e170165e 12f97675bb753c2fe64ee4c770629905e1df6292a84f74e64297837c545f3062
head ebabefd13db839d389d5e7cf055f0bed8a41f7c7fb3e95a99c05202c055c1c1d 76c8aa9129073aeda53e621c3714f40fe00d0c06e6a2d6de938de02f368977b2
effects 96c2e02cc4d31bf311f62606e598d295d16f81f03daca14ef393803ef9991992
";

#[test]
fn the_effects_of_a_small_block_are_pinned() {
    let mut desk = Desk::new();
    // Independent of the test package's text, which is part of genesis.
    desk.id = Digest([7; 32]);
    let signed = [
        desk.sign("court", Mode::Atomic, vec![call("hold", [("item", "i1".into())])]),
        desk.sign("clerk", Mode::Atomic, vec![create("i1", "s-jia", 10)]),
        desk.sign("clerk", Mode::Independent, vec![add("i1", 5), add("i2", 1)]),
    ];
    let executed = desk.block(&signed);
    assert_eq!(outcomes(&executed.receipts[2]), ["applied", "not-found"]);
    let mut found = String::new();
    for receipt in &executed.receipts {
        found += &format!("receipt {}\n", hash::plain(&cbor::encode(receipt)));
    }
    for version in &executed.versions {
        found += &format!("version {} {}\n", version.state_key, version.record.head.body);
    }
    for (key, head) in &executed.heads {
        found += &format!("head {key} {}\n", hash::plain(&head.to_bytes()));
    }
    found += &format!("effects {}\n", executed.effects_root);
    assert_eq!(found, PINNED);
    // The body of the first version, for whoever reads the format by hand.
    let body = chaincity_types::wire::Version::clone(&desk.item("i1").version);
    assert_eq!(hash::version_digest(&body), desk.item("i1").head.body);
}
