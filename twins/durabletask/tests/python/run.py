"""Runs the cases of one module against a server, many at a time, and prints one line of JSON each.

    python run.py MODULE HOST:PORT [CASE...]

A case is a function `case_…(hub)` of the module; it fails by raising. Each has a task hub of its own.
"""
import importlib
import json
import logging
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import support

logging.disable(logging.WARNING)


def run(name, function, address):
    begun = time.monotonic()
    hub = support.Hub(address, name.removeprefix("case_")[:48])
    error = None
    try:
        function(hub)
    except BaseException:
        error = traceback.format_exc()
    try:
        hub.close()
    except BaseException:
        error = error or traceback.format_exc()
    took = round(time.monotonic() - begun, 2)
    return {"case": name.removeprefix("case_"), "ok": error is None, "seconds": took, "error": error}


def main():
    module, address, wanted = sys.argv[1], sys.argv[2], sys.argv[3:]
    cases = vars(importlib.import_module(module))
    cases = {name: it for name, it in cases.items() if name.startswith("case_")}
    if wanted:
        cases = {f"case_{name}": cases[f"case_{name}"] for name in wanted}
    with ThreadPoolExecutor(12) as pool:
        running = [pool.submit(run, name, it, address) for name, it in cases.items()]
        for done in running:
            print(json.dumps(done.result()), flush=True)


main()
