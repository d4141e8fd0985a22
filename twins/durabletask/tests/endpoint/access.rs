//! Who may call a server.

use crate::common::Served;
use tonic::{Code, Request, transport::Channel};
use twinbench_durabletask::{
    HostOptions, Listening, ServeError, ServerOptions,
    proto::task_hub_sidecar_service_client::TaskHubSidecarServiceClient,
};

#[tokio::test]
async fn no_server_for_other_machines_without_a_key() {
    let options = ServerOptions {
        listen: "0.0.0.0:0".parse().unwrap(),
        ..ServerOptions::default()
    };
    assert!(matches!(
        Listening::open(options).await,
        Err(ServeError::NoKey(_))
    ));
}

#[tokio::test]
async fn an_address_that_is_taken_is_told() {
    let open = |listen| {
        Listening::open(ServerOptions {
            listen,
            ..ServerOptions::default()
        })
    };
    let first = open("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let told = open(first.address()).await.unwrap_err().to_string();
    assert!(told.contains("give another address"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn this_machine_needs_no_key_and_others_do() {
    let options = ServerOptions {
        key: Some("secret".to_owned()),
        listen: "0.0.0.0:0".parse().unwrap(),
        ..ServerOptions::default()
    };
    let served = tokio::task::spawn_blocking(|| Served::start(HostOptions::default(), options));
    let served = served.await.unwrap();
    let port = served.address.port();
    let call = async |host: &str, header: Option<(&'static str, &'static str)>| {
        let channel = Channel::from_shared(format!("http://{host}:{port}")).unwrap();
        let mut client = TaskHubSidecarServiceClient::new(channel.connect().await.unwrap());
        let mut request = Request::new(());
        if let Some((name, value)) = header {
            request.metadata_mut().insert(name, value.parse().unwrap());
        }
        client
            .hello(request)
            .await
            .map_or_else(|cause| cause.code(), |_| Code::Ok)
    };
    assert_eq!(call("127.0.0.1", None).await, Code::Ok);
    // The machine's own address is what another machine would come from, where it has one.
    if let Some(own) = own_address() {
        assert_eq!(call(&own, None).await, Code::Unauthenticated);
        let wrong = Some(("x-functions-key", "secre!"));
        assert_eq!(call(&own, wrong).await, Code::Unauthenticated);
        assert_eq!(
            call(&own, Some(("x-functions-key", "secret"))).await,
            Code::Ok
        );
        let bearer = Some(("authorization", "Bearer secret"));
        assert_eq!(call(&own, bearer).await, Code::Ok);
    }
    tokio::task::spawn_blocking(|| drop(served)).await.unwrap();
}

/// An address of this machine beside its loopback. No packet is sent for it.
fn own_address() -> Option<String> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback()).then(|| address.to_string())
}
