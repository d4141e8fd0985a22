"""A service with azure-iot-hub that visits one device; request and answer are JSON."""
import json
import sys
import time

from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.models import CloudToDeviceMethod, Twin, TwinProperties
from msrest.exceptions import HttpOperationError

PATIENCE = 60
asked = json.load(sys.stdin)
device = asked["device"]
manager = IoTHubRegistryManager.from_connection_string(asked["owner"])
seen = {}


def wait(what, until):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = until()
        if found is not None:
            return found
        time.sleep(0.1)
    sys.exit(f"{what} did not come")


def reported(name, wanted=None):
    def look():
        found = manager.get_twin(device).properties.reported.get(name)
        return found if wanted is None or found == wanted else None

    return wait(f"{name} of {device}", look)


def call():
    request = CloudToDeviceMethod(
        method_name=asked["method"], payload=asked["payload"], response_timeout_in_seconds=30
    )
    try:
        answer = manager.invoke_device_method(device, request)
    except HttpOperationError as error:
        if error.response.headers.get("iothub-errorcode") == "DeviceNotOnline":
            return None
        raise
    # A device that has just come may not have its handler yet.
    return None if answer.status == 501 else [answer.status, answer.payload]


# It is there, and has said something of itself.
reported(asked["reported"][0])
for name, wanted in asked.get("until", {}).items():
    reported(name, wanted)
seen["method"] = wait(asked["method"], call)
if "desired" in asked:
    twin = Twin(properties=TwinProperties(desired=asked["desired"]))
    manager.update_twin(device, twin, "*")
seen["reported"] = {name: reported(name) for name in asked["reported"]}
print(json.dumps(seen))
