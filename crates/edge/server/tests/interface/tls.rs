//! HTTPS with a consortium's own authority.

use chaincity_client::Client;
use chaincity_server::TlsFiles;
use rcgen::{CertificateParams, KeyPair, generate_simple_self_signed};

use crate::city::City;

#[test]
fn the_client_speaks_https_to_a_node_whose_authority_it_trusts_and_to_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let made = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = TlsFiles {
        certificate: folder.path().join("certificate.pem"),
        key: folder.path().join("key.pem"),
    };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let city = City::with(|config| config.tls = Some(files), 0);
    let url = format!("https://localhost:{}", city.server.address().port());
    let client = |pem: &str| {
        let builder = Client::builder(city.node.ledger()).authorities(pem.as_bytes()).node(&url);
        builder.build().unwrap()
    };
    assert_eq!(client(&made.cert.pem()).status().unwrap().height, 0);

    let key = KeyPair::generate().unwrap();
    let other = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let other = other.self_signed(&key).unwrap();
    let retry = chaincity_client::Retry { attempts: 0, ..Default::default() };
    let builder = Client::builder(city.node.ledger()).authorities(other.pem().as_bytes());
    assert!(builder.node(&url).retry(retry).build().unwrap().status().is_err());
    assert!(
        Client::builder(city.node.ledger())
            .authorities(b"no certificate")
            .node(&url)
            .build()
            .is_err()
    );
}

#[test]
fn a_server_says_which_file_it_cannot_use() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.pem");
    let files = TlsFiles { certificate: missing.clone(), key: missing };
    let mut config = chaincity_server::Config::new("127.0.0.1:0".parse().unwrap());
    config.tls = Some(files);
    let city = City::open();
    let error = chaincity_server::Server::start(&config, city.node.clone(), city.reader.clone());
    assert!(error.unwrap_err().to_string().contains("missing.pem"));
}
