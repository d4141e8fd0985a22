"""Registers with azure-iot-device's provisioning client, then connects to the hub it is given."""

import asyncio
import json
import sys

from azure.iot.device import X509
from azure.iot.device.aio import IoTHubDeviceClient, ProvisioningDeviceClient


async def main():
    order = json.loads(sys.argv[1])
    trust = open(order["ca"]).read()
    options = {"server_verification_cert": trust, "websockets": order.get("websockets", False)}
    scope = ("provisioning_host", "registration_id", "id_scope")
    names = {name: order[name] for name in scope}
    if "x509" in order:
        certificate = X509(**order["x509"])
        client = ProvisioningDeviceClient.create_from_x509_certificate(
            x509=certificate, **names, **options
        )
    else:
        client = ProvisioningDeviceClient.create_from_symmetric_key(
            symmetric_key=order["key"], **names, **options
        )
    try:
        result = await client.register()
    except Exception as error:
        print(json.dumps({"refused": type(error).__name__}))
        return
    state = result.registration_state
    hub, device = state.assigned_hub, state.device_id
    if "x509" in order:
        client = IoTHubDeviceClient.create_from_x509_certificate(certificate, hub, device, **options)
    else:
        client = IoTHubDeviceClient.create_from_symmetric_key(order["key"], hub, device, **options)
    await client.send_message("registered")
    print(json.dumps({"sent": {"status": result.status, "hub": hub, "device": device}}))
    await client.shutdown()


asyncio.run(main())
