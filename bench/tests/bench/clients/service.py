"""A service with azure-iot-hub: methods, twins, registry; request and answer are JSON."""
import json
import sys
import time

from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.models import CloudToDeviceMethod, QuerySpecification, Twin, TwinProperties
from msrest.exceptions import HttpOperationError

asked = json.load(sys.stdin)
manager = IoTHubRegistryManager.from_connection_string(asked["owner"])
seen = {}


def method(device, name, payload=None, seconds=10):
    call = CloudToDeviceMethod(
        method_name=name, payload=payload, response_timeout_in_seconds=seconds
    )
    try:
        answer = manager.invoke_device_method(device, call)
        return [answer.status, answer.payload]
    except HttpOperationError as error:
        return [error.response.status_code, error.response.headers.get("iothub-errorcode")]


def reported(device, name):
    for _ in range(200):
        found = manager.get_twin(device).properties.reported.get(name)
        if found is not None:
            return found
        time.sleep(0.05)
    return None


seen["echo"] = method(asked["device"], "echo", {"n": [1, "ü"]})
seen["start"] = method("pump", "start")
seen["unknown"] = method("pump", "fly")
seen["absent"] = method("absent", "start")
manager.update_twin("pump", Twin(properties=TwinProperties(desired={"telemetryInterval": 2})), "*")
seen["reported"] = reported("pump", "telemetryInterval")
key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
made = manager.create_device_with_sas("made-here", key, key, "enabled")
seen["made"] = made.device_id
online = manager.query_iot_hub(
    QuerySpecification(query="SELECT * FROM devices WHERE connectionState = 'Connected'")
)
seen["online"] = sorted(twin.device_id for twin in online.items)
print(json.dumps(seen))
