"""A device that knows no cloud: gives its gateway a reading ten times a second. `child.py PORT NAME`"""

import json
import math
import socket
import sys
import time

port, name = int(sys.argv[1]), sys.argv[2]
with socket.create_connection(("127.0.0.1", port)) as gateway:
    gateway.sendall(json.dumps({"name": name}).encode() + b"\n")
    step = 0
    while True:
        reading = {"temperature": 20 + 3 * math.sin(step / 50), "humidity": 45 + 5 * math.cos(step / 50)}
        gateway.sendall(json.dumps(reading).encode() + b"\n")
        step += 1
        time.sleep(0.1)
