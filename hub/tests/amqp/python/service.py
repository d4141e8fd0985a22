"""Sends to devices with azure-iot-hub (uamqp, port 5671); request and answer are JSON."""
import json, sys
import certifi

asked = json.load(sys.stdin)
# uamqp looks nowhere else for the certificates that it trusts.
certifi.where = lambda: asked["ca"]
from azure.iot.hub import IoTHubRegistryManager
from uamqp import TransportType

transport = TransportType.AmqpOverWebsocket if asked.get("websocket") else TransportType.Amqp
manager = IoTHubRegistryManager.from_connection_string(
    asked["connection_string"], transport_type=transport
)
results = []
for one in asked["messages"]:
    try:
        manager.send_c2d_message(one["device"], one["body"], properties=one["properties"])
        results.append("sent")
    except Exception as error:
        results.append(type(error).__name__ + ": " + str(error))
manager.amqp_svc_client.disconnect_sync()
print(json.dumps(results))
