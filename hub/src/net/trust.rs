//! How clients are told to trust the hub's authority.

use std::path::Path;

/// What `twinbench hub ca` prints: where the authority's certificate is, and how each SDK is told
/// to trust it.
pub fn how_to_trust(ca: &Path) -> String {
    let ca = ca.display();
    format!(
        "\
The hub's authority: {ca}

Python, azure-iot-device (devices and provisioning)
  IoTHubDeviceClient.create_from_connection_string(text,
      server_verification_cert=open(r\"{ca}\").read())
Python, azure-iot-hub (service)
  REQUESTS_CA_BUNDLE={ca}
  messages to devices go over AMQP, which reads certifi: certifi.where = lambda: r\"{ca}\"
Python, azure-eventhub (built-in endpoint)
  EventHubConsumerClient(…, connection_verify=r\"{ca}\")
Node, azure-iot-device-mqtt
  client.setOptions({{ ca: fs.readFileSync(\"{ca}\", \"utf8\") }})
Node, azure-iothub and everything else
  NODE_EXTRA_CA_CERTS={ca}
C and C++, azure-iot-sdk-c, azure-sdk-for-c
  OPTION_TRUSTED_CERT, or the TLS stack's own list, with the text of the file
.NET and Java
  add the certificate to the user's trusted roots, or to a truststore of the program's own
mosquitto_pub, mosquitto_sub, curl
  --cafile {ca}, --cacert {ca}

Production connection strings work with GatewayHostName=localhost behind them:
  HostName=<hub>.azure-devices.net;DeviceId=…;SharedAccessKey=…;GatewayHostName=localhost
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_file_and_every_client() {
        let text = how_to_trust(Path::new("/x/ca.pem"));
        for wanted in [
            "server_verification_cert",
            "NODE_EXTRA_CA_CERTS",
            "GatewayHostName",
        ] {
            assert!(text.contains(wanted), "{wanted}");
        }
        assert!(text.matches("/x/ca.pem").count() >= 8);
    }
}
