"""A device with azure-iot-device: does what it is told, line by line, and tells what it hears."""

import asyncio
import json
import sys
import threading

from azure.iot.device import Message, MethodResponse, X509
from azure.iot.device.aio import IoTHubDeviceClient, IoTHubModuleClient


saying = threading.Lock()


def say(**what):
    # Handlers run in threads of their own; their lines are not to mix.
    with saying:
        print(json.dumps(what), flush=True)


def make(order):
    options = {"server_verification_cert": open(order["ca"]).read()}
    options["websockets"] = order.get("websockets", False)
    if "product" in order:
        options["product_info"] = order["product"]
    if "x509" in order:
        certificate = X509(**order["x509"])
        return IoTHubDeviceClient.create_from_x509_certificate(
            certificate, order["host"], order["device"], **options
        )
    kind = IoTHubModuleClient if order.get("module") else IoTHubDeviceClient
    return kind.create_from_connection_string(order["connection"], **options)


async def main():
    lines = asyncio.get_running_loop()
    read = lambda: lines.run_in_executor(None, sys.stdin.readline)
    client = make(json.loads(await read()))

    async def method(request):
        say(method={"name": request.name, "payload": request.payload})
        if request.name == "echo":
            response = MethodResponse.create_from_method_request(request, 200, request.payload)
        elif request.name == "silent":
            return
        else:
            response = MethodResponse.create_from_method_request(request, 501, {"unknown": True})
        await client.send_method_response(response)

    def message(message):
        say(
            c2d={
                "body": message.data.decode(),
                "id": message.message_id,
                "correlation": message.correlation_id,
                "type": message.content_type,
                "encoding": message.content_encoding,
                "ack": message.ack,
                "properties": message.custom_properties,
            }
        )

    def desired(patch):
        say(desired=patch)

    def state():
        say(connected=client.connected)

    client.on_connection_state_change = state
    try:
        await client.connect()
    except Exception as error:
        say(refused=type(error).__name__)
        return
    while True:
        line = await read()
        if not line:
            break
        order = json.loads(line)
        match order["do"]:
            case "listen":
                client.on_method_request_received = method
                client.on_twin_desired_properties_patch_received = desired
                if isinstance(client, IoTHubDeviceClient):
                    client.on_message_received = message
                # The handlers subscribe in the background; a twin comes after them.
                await client.get_twin()
                say(listening=True)
            case "send":
                sent = Message(order["body"])
                sent.message_id = order.get("id")
                sent.correlation_id = order.get("correlation")
                sent.content_type = order.get("type")
                sent.content_encoding = order.get("encoding")
                sent.custom_properties.update(order.get("properties", {}))
                if "output" in order:
                    await client.send_message_to_output(sent, order["output"])
                else:
                    await client.send_message(sent)
                say(sent=True)
            case "twin":
                say(twin=await client.get_twin())
            case "report":
                try:
                    await client.patch_twin_reported_properties(order["patch"])
                    say(reported=True)
                except Exception as error:
                    say(reported=type(error).__name__)
            case "disconnect":
                await client.disconnect()
                say(disconnected=True)
            case "connect":
                await client.connect()
                say(connected_again=True)
            case "upload":
                await upload(client, order)
    await client.shutdown()


async def upload(client, order):
    from urllib.parse import quote

    from azure.core.exceptions import AzureError
    from azure.storage.blob import BlobClient

    info = await client.get_storage_info_for_blob(order["blob"])
    say(storage=info)
    # As Microsoft's sample has it; small limits make blocks of it.
    url = f"https://{info['hostName']}/{info['containerName']}/{quote(info['blobName'])}{info['sasToken']}"
    limits = {"max_single_put_size": 1024, "max_block_size": 512}
    ranges = {"max_single_get_size": 700, "max_chunk_get_size": 300}
    try:
        with BlobClient.from_blob_url(url, connection_verify=order["ca"], **limits, **ranges) as blob:
            for body in order["bodies"]:
                blob.upload_blob(body.encode(), overwrite=True, max_concurrency=3)
                say(read=blob.download_blob().readall().decode())
            try:
                blob.upload_blob(b"again")
            except AzureError as error:
                say(again=error.error_code)
        status = 201
    except AzureError as error:
        status = error.status_code
    good = status == 201
    await client.notify_blob_upload_status(info["correlationId"], good, status, "done")
    say(notified=status)


asyncio.run(main())
