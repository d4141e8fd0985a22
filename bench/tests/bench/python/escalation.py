"""A worker and a client of the Durable Task SDK beside a bench.

Starts an orchestration that reads what the bench's device has become, waits for thirty days, and
signals an entity of the bench's own application; prints what it came to.
"""

import sys

from durabletask import client, entities, task, worker

ADDRESS = sys.argv[1]


def double(_: task.ActivityContext, number: int) -> int:
    return number * 2


def escalate(ctx: task.OrchestrationContext, number: int):
    first = ctx.current_utc_datetime
    doubled = yield ctx.call_activity(double, input=number)
    from datetime import timedelta

    yield ctx.create_timer(timedelta(days=30))
    tally = entities.EntityInstanceId("tally", "all")
    ctx.signal_entity(tally, "add", input=doubled)
    total = yield ctx.call_entity(tally, "add", input=1)
    return {"days": (ctx.current_utc_datetime - first).days, "total": total}


def tally(ctx: entities.EntityContext, number: int):
    total = (ctx.get_state(int) or 0) + number
    ctx.set_state(total)
    return total


started = client.TaskHubGrpcClient(host_address=ADDRESS)
instance = started.schedule_new_orchestration("escalate", input=4)
with worker.TaskHubGrpcWorker(host_address=ADDRESS) as hosted:
    hosted.add_orchestrator(escalate)
    hosted.add_activity(double)
    hosted.add_entity(tally)
    hosted.start()
    state = started.wait_for_orchestration_completion(instance, timeout=60)
    assert state is not None
    print(state.runtime_status.name, state.serialized_output, flush=True)
