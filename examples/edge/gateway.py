"""A heavy edge: takes readings of child devices that know no cloud, computes means, sends them as the children.

Each child is a program of its own, which the gateway starts and which speaks lines of JSON to a port on
loopback. A child whose connection is lost is told to the cloud by a reported property of the gateway.
"""

import asyncio
import json
import os
import statistics
import sys

from azure.iot.device import Message, MethodResponse
from azure.iot.device.aio import IoTHubDeviceClient

WINDOW = float(os.environ.get("WINDOW", "10"))
with open(os.environ["IOTHUB_CA_FILE"]) as file:
    TRUSTED = file.read()
CHILDREN = [text for name, text in sorted(os.environ.items()) if name.startswith("CHILD_")]


def say(text):
    print(text, flush=True)


def name_of(connection):
    return dict(part.split("=", 1) for part in connection.split(";"))["DeviceId"]


async def connect(connection):
    client = IoTHubDeviceClient.create_from_connection_string(
        connection, server_verification_cert=TRUSTED
    )
    await client.connect()
    return client


class Gateway:
    def __init__(self, own, children):
        self.own = own
        self.children = children
        self.readings = {name: [] for name in children}
        self.here = set()

    async def report(self):
        await self.own.patch_twin_reported_properties({"children": {n: n in self.here for n in self.children}})

    async def serve(self, reader, writer):
        """A child's connection: its name first, then a reading in each line."""
        name = json.loads(await reader.readline())["name"]
        if name not in self.children:
            writer.close()
            return
        self.here.add(name)
        say(f"{name} is here")
        await self.report()
        while line := await reader.readline():
            self.readings[name].append(json.loads(line))
        self.here.discard(name)
        say(f"{name} is gone")
        await self.report()

    async def send(self):
        """The means of a window, as the children."""
        sent = 0
        while True:
            await asyncio.sleep(WINDOW)
            for name, client in self.children.items():
                window, self.readings[name] = self.readings[name], []
                if not window:
                    continue
                mean = {
                    quantity: round(statistics.fmean(reading[quantity] for reading in window), 2)
                    for quantity in ("temperature", "humidity")
                }
                message = Message(json.dumps(mean))
                message.content_type, message.content_encoding = "application/json", "utf-8"
                message.custom_properties.update({"gateway": "gateway-01", "readings": str(len(window))})
                await client.send_message(message)
                sent += 1
                if sent == len(self.children):
                    say("sent the first means")

    async def method(self, request):
        answer = {"window": WINDOW, "children": sorted(self.here)}
        known = request.name == "status"
        await self.own.send_method_response(
            MethodResponse.create_from_method_request(request, 200 if known else 501, answer if known else None)
        )


async def main():
    own = await connect(os.environ["IOTHUB_DEVICE_CONNECTION_STRING"])
    children = {name_of(connection): await connect(connection) for connection in CHILDREN}
    gateway = Gateway(own, children)
    own.on_method_request_received = gateway.method
    await gateway.report()
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "child.py")
    for name in children:
        await asyncio.create_subprocess_exec(sys.executable, script, str(port), name)
    say(f"connected, with {len(children)} children")
    await gateway.send()


asyncio.run(main())
