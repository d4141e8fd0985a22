"""A device on azure-iot-device: telemetry, its twin, a direct method, messages from the cloud."""

import json
import math
import os
import sys
import threading

from azure.iot.device import IoTHubDeviceClient, Message, MethodResponse

with open(os.environ["IOTHUB_CA_FILE"]) as file:
    trusted = file.read()
client = IoTHubDeviceClient.create_from_connection_string(
    os.environ["IOTHUB_DEVICE_CONNECTION_STRING"], server_verification_cert=trusted
)
interval = 2.0
wake = threading.Event()


def say(text):
    print(text, flush=True)


def apply(desired):
    """Takes the desired interval, and reports what is done."""
    global interval
    wanted = desired.get("telemetryInterval")
    if wanted is None:
        return
    interval = float(wanted)
    client.patch_twin_reported_properties(
        {"telemetryInterval": {"value": wanted, "ac": 200, "av": desired["$version"]}}
    )
    say(f"sends every {interval} s")
    wake.set()


def method(request):
    known = request.name == "ping"
    answer = {"pong": request.payload} if known else {"error": f"there is no method {request.name}"}
    client.send_method_response(
        MethodResponse.create_from_method_request(request, 200 if known else 501, answer)
    )


client.connect()
say("connected")
client.on_twin_desired_properties_patch_received = apply
client.on_method_request_received = method
client.on_message_received = lambda message: say(f"from the cloud: {message.data.decode()}")
client.patch_twin_reported_properties({"language": f"Python {sys.version_info.major}"})
apply(client.get_twin()["desired"])

step = 0
while True:
    reading = {
        "temperature": round(21 + 4 * math.sin(step / 10), 2),
        "humidity": round(50 + 10 * math.cos(step / 10), 2),
    }
    message = Message(json.dumps(reading))
    message.content_type, message.content_encoding = "application/json", "utf-8"
    client.send_message(message)
    step += 1
    if step == 1:
        say("sent its first message")
    wake.wait(interval)
    wake.clear()
