"""The backend that the SDK brings for tests, on a free port, until its input ends."""
import socket
import sys

from durabletask.testing import create_test_backend

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
backend = create_test_backend(port=port)
print(f"127.0.0.1:{port}", flush=True)
sys.stdin.read()
backend.stop()
