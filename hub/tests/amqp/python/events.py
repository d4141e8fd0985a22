"""Reads the built-in endpoint with azure-eventhub; request and answer are JSON."""
import datetime, json, sys, threading
from azure.eventhub import EventHubConsumerClient, TransportType

asked = json.load(sys.stdin)


def plain(value):
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return value


def told(event, context):
    return {
        "body": event.body_as_str(),
        "sequence": event.sequence_number,
        "offset": event.offset,
        "time": event.enqueued_time.timestamp(),
        "key": plain(event.partition_key),
        "system": {plain(k): plain(v) for k, v in event.system_properties.items()},
        "properties": {plain(k): plain(v) for k, v in (event.properties or {}).items()},
        "last": {k: plain(v) for k, v in (context.last_enqueued_event_properties or {}).items()},
    }


def client(**more):
    if asked.get("websocket"):
        more["transport_type"] = TransportType.AmqpOverWebsocket
    return EventHubConsumerClient.from_connection_string(
        asked["endpoint"], consumer_group=asked.get("group", "$Default"), retry_total=0,
        load_balancing_interval=1, **asked.get("client", {}), **more
    )


def closer(one):
    """Closes a client from another thread, once: its receive call then returns."""
    closing = threading.Lock()

    def close():
        if closing.acquire(blocking=False):
            threading.Thread(target=one.close).start()

    return close


def receive(partition, start, inclusive=False, count=1, owner=None, track=False, patience=60, first=None, signal=None):
    """Receives until there are enough events, an error comes, or patience ends. The first event
    sets an event or makes a file, for those who wait for it."""
    found, errors = [], []
    one = client()
    close = closer(one)

    def on_event(context, event):
        if event is not None:
            found.append(told(event, context))
            if first is not None:
                first.set()
            if signal is not None:
                open(signal, "w").close()
        if len(found) >= count:
            close()

    def on_error(context, error):
        errors.append(type(error).__name__ + ": " + str(error))
        close()

    timer = threading.Timer(patience, close)
    timer.start()
    more = {"owner_level": owner} if owner is not None else {}
    try:
        one.receive(
            on_event=on_event, on_error=on_error, partition_id=partition,
            starting_position=start, starting_position_inclusive=inclusive,
            track_last_enqueued_event_properties=track, **more
        )
    except Exception as error:
        errors.append(type(error).__name__ + ": " + str(error))
    timer.cancel()
    return {"events": found, "errors": errors}


def batches(partition, size, total):
    """The sizes of the batches in which events come."""
    sizes, bodies = [], []
    one = client()
    close = closer(one)

    def on_batch(context, events):
        sizes.append(len(events))
        bodies.extend(e.body_as_str() for e in events)
        if len(bodies) >= total:
            close()

    timer = threading.Timer(60, close)
    timer.start()
    one.receive_batch(on_event_batch=on_batch, partition_id=partition, starting_position="-1",
                      max_batch_size=size, max_wait_time=2)
    timer.cancel()
    return {"sizes": sizes, "bodies": bodies}


def contest(partition):
    """A reader with an epoch; then one with a lower, and one with a higher."""
    first, reading = {}, threading.Event()

    def read():
        first.update(receive(partition, "-1", count=10**6, owner=5, first=reading))

    thread = threading.Thread(target=read)
    thread.start()
    assert reading.wait(60), first
    lower = receive(partition, "-1", owner=1)
    none = receive(partition, "-1")
    higher = receive(partition, "-1", owner=6)
    thread.join()
    return {"first": first["errors"], "lower": lower, "none": none, "higher": higher}


def properties():
    with client() as one:
        hub = one.get_eventhub_properties()
        parts = [one.get_partition_properties(p) for p in hub["partition_ids"]]
    return json.loads(json.dumps({"hub": hub, "partitions": parts}, default=plain))


def position(text):
    if isinstance(text, float):
        return datetime.datetime.fromtimestamp(text, datetime.timezone.utc)
    return text


work = {"receive": receive, "batches": batches, "contest": contest, "properties": properties}
arguments = dict(asked.get("arguments", {}))
if "start" in arguments:
    arguments["start"] = position(arguments["start"])
try:
    result = work[asked["work"]](**arguments)
except Exception as error:
    result = {"failed": type(error).__name__ + ": " + str(error)}
print(json.dumps(result))
