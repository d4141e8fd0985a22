"""Sends to devices with azure-iot-hub (uamqp, port 5671); request and answer are JSON."""
import json, sys
import certifi

asked = json.load(sys.stdin)
# uamqp looks nowhere else for the certificates that it trusts.
certifi.where = lambda: asked["ca"]
from azure.iot.hub import IoTHubRegistryManager
from uamqp import TransportType

transport = TransportType.AmqpOverWebsocket if asked.get("websocket") else TransportType.Amqp


def connected():
    return IoTHubRegistryManager.from_connection_string(
        asked["connection_string"], transport_type=transport
    )


def send(one):
    """Tells how it went. One connection of about six never has uamqp's token answered: it says so
    after ten seconds, and its application is to try again with a new one. Why is not known."""
    global manager
    for left in (2, 1, 0):
        try:
            manager.send_c2d_message(one["device"], one["body"], properties=one["properties"])
            return "sent"
        except Exception as error:
            told = type(error).__name__ + ": " + str(error)
            if "Authorization timeout" not in told or left == 0:
                return told
            print(told + ", trying again", file=sys.stderr)
            manager = connected()


manager = connected()
results = [send(one) for one in asked["messages"]]
manager.amqp_svc_client.disconnect_sync()
print(json.dumps(results))
