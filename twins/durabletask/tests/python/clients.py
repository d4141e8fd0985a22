"""What clients of the SDK call, and what they are refused."""
import asyncio
import time
from datetime import datetime, timedelta, timezone

from durabletask import client, task

from support import (TIMEOUT, Status, complete, eventually, json, pb, schedule, status_of, text,
                     timestamp_pb2, wrappers_pb2)


def echo(ctx, input):
    return input
    yield


def waits(ctx, _):
    yield ctx.wait_for_external_event("never")


def fails(ctx, _):
    raise RuntimeError("as it should")
    yield


def case_states_tell_everything(hub):
    hub.worker(echo)
    before = datetime.now(timezone.utc) - timedelta(seconds=1)
    state = hub.run(echo, {"a": 1}, instance_id="one", version="3", tags={"x": "y"})
    assert (state.instance_id, state.name) == ("one", "echo")
    assert json.loads(state.serialized_input) == json.loads(state.serialized_output) == {"a": 1}
    with hub.raw() as raw:
        it = raw.GetInstance(pb.GetInstanceRequest(
            instanceId="one", getInputsAndOutputs=True)).orchestrationState
        bare = raw.GetInstance(pb.GetInstanceRequest(instanceId="one")).orchestrationState
    assert it.version.value == "3" and dict(it.tags) == {"x": "y"} and it.executionId.value
    times = [at.ToDatetime(tzinfo=timezone.utc) for at in (
        it.createdTimestamp, it.lastUpdatedTimestamp, it.completedTimestamp)]
    assert before < times[0] <= times[1] <= datetime.now(timezone.utc) + timedelta(seconds=1)
    assert times[2] >= times[0]
    assert not bare.HasField("input") and not bare.HasField("output")


def case_what_is_not_there(hub):
    assert hub.client.get_orchestration_state("nobody") is None
    assert hub.client.wait_for_orchestration_start("nobody", timeout=5) is None
    assert hub.client.wait_for_orchestration_completion("nobody", timeout=5) is None
    for call in (hub.client.suspend_orchestration, hub.client.resume_orchestration,
                 hub.client.get_orchestration_history):
        assert status_of(call, "nobody") == "NOT_FOUND", call
    assert status_of(hub.client.raise_orchestration_event, "nobody", "x") == "NOT_FOUND"
    assert hub.client.purge_orchestration("nobody").deleted_instance_count == 0


def case_what_has_ended_takes_no_harm(hub):
    hub.worker(echo)
    id = hub.run(echo).instance_id
    hub.client.raise_orchestration_event(id, "late")
    hub.client.suspend_orchestration(id)
    hub.client.resume_orchestration(id)
    hub.client.terminate_orchestration(id)
    assert hub.client.get_orchestration_state(id).runtime_status == Status.COMPLETED


def case_waits_keep_to_their_deadline(hub):
    id = hub.client.schedule_new_orchestration("nobody-works")
    for wait in (hub.client.wait_for_orchestration_start,
                 hub.client.wait_for_orchestration_completion):
        begun = time.monotonic()
        try:
            wait(id, timeout=0.5)
            raise AssertionError("it came")
        except TimeoutError:
            assert 0.4 < time.monotonic() - begun < 5
    with hub.raw() as raw:
        request = pb.GetInstanceRequest(instanceId=id)
        assert status_of(raw.WaitForInstanceStart, request, timeout=0.3) == "DEADLINE_EXCEEDED"


def case_many_wait_for_one(hub):
    def go(ctx, _):
        yield ctx.wait_for_external_event("go")
        return 1

    hub.worker(go)
    id = hub.client.schedule_new_orchestration(go)

    async def together():
        made = client.AsyncTaskHubGrpcClient(host_address=hub.address, metadata=hub.metadata)
        waiting = [asyncio.create_task(made.wait_for_orchestration_completion(id, timeout=30))
                   for _ in range(100)]
        await made.wait_for_orchestration_start(id, timeout=30)
        await made.raise_orchestration_event(id, "go")
        states = await asyncio.gather(*waiting)
        await made.close()
        return states

    states = asyncio.run(together())
    assert all(it.runtime_status == Status.COMPLETED for it in states)


def case_queries_filter_and_page(hub):
    hub.worker(echo, fails)
    for number in range(7):
        hub.client.schedule_new_orchestration(echo, input=number, instance_id=f"a-{number}")
    for number in range(3):
        hub.client.schedule_new_orchestration(fails, instance_id=f"b-{number}")
    for id in [f"a-{number}" for number in range(7)] + [f"b-{number}" for number in range(3)]:
        hub.ended(id)

    def ids(**query):
        query = client.OrchestrationQuery(**query)
        return sorted(it.instance_id for it in hub.client.get_all_orchestration_states(query))

    assert len(ids()) == len(ids(max_instance_count=3)) == 10
    assert ids(runtime_status=[Status.FAILED]) == ["b-0", "b-1", "b-2"]
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
    assert ids(created_time_from=tomorrow) == []
    assert len(ids(created_time_to=tomorrow, max_instance_count=4)) == 10
    with hub.raw() as raw:
        found, token, pages = [], None, 0
        while True:
            page = raw.QueryInstances(pb.QueryInstancesRequest(query=pb.InstanceQuery(
                instanceIdPrefix=text("a-"), maxInstanceCount=3, fetchInputsAndOutputs=True,
                continuationToken=text(token) if token else None)))
            found += [(it.instanceId, it.input.value) for it in page.orchestrationState]
            pages += 1
            token = page.continuationToken.value
            if not token:
                break
    assert found == [(f"a-{number}", str(number)) for number in range(7)] and pages == 3


def case_ids_of_what_has_ended_in_pages(hub):
    hub.worker(echo, fails, waits)
    ended = [hub.run(echo, instance_id=f"e-{number}").instance_id for number in (3, 1, 2)]
    hub.run(fails, instance_id="f")
    hub.client.schedule_new_orchestration(waits, instance_id="w")
    found, token = [], None
    while True:
        page = hub.client.list_instance_ids(page_size=1, continuation_token=token)
        found += page.items
        token = page.continuation_token
        if not token:
            break
    # In the order of their ends.
    assert found == ended + ["f"], found
    only = hub.client.list_instance_ids(runtime_status=[Status.FAILED])
    assert list(only.items) == ["f"] and not only.continuation_token
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
    assert not hub.client.list_instance_ids(completed_time_from=tomorrow).items
    assert len(hub.client.list_instance_ids(completed_time_to=tomorrow).items) == 4


def case_histories(hub):
    def activity(_, input):
        return input

    def works(ctx, input):
        return (yield ctx.call_activity(activity, input=input))

    hub.worker(works, activity)
    id = hub.run(works, "x" * 1000).instance_id
    kinds = [type(it).__name__ for it in hub.client.get_orchestration_history(id)]
    for kind in ("OrchestratorStarted", "ExecutionStarted", "TaskScheduled", "TaskCompleted",
                 "OrchestratorCompleted", "ExecutionCompleted"):
        assert any(kind in it for it in kinds), (kind, kinds)
    with hub.raw() as raw:
        of = raw.GetInstance(pb.GetInstanceRequest(instanceId=id)).orchestrationState
        def stream(execution):
            return list(raw.StreamInstanceHistory(pb.StreamInstanceHistoryRequest(
                instanceId=id, executionId=text(execution))))
        assert stream(of.executionId.value)
        assert status_of(stream, "another") == "NOT_FOUND"


def case_purges(hub):
    def parent(ctx, _):
        yield ctx.call_sub_orchestrator(echo, instance_id="child")

    hub.worker(parent, echo, fails, waits)
    hub.run(parent, instance_id="parent")
    assert hub.client.purge_orchestration("parent", recursive=True).deleted_instance_count == 2
    assert hub.client.get_orchestration_state("child") is None
    hub.client.schedule_new_orchestration(waits, instance_id="waits")
    hub.client.wait_for_orchestration_start("waits", timeout=30)
    assert hub.client.purge_orchestration("waits").deleted_instance_count == 0
    for number in range(4):
        hub.run(echo, instance_id=f"e{number}")
    hub.run(fails, instance_id="f")
    purged = hub.client.purge_orchestrations_by(runtime_status=[Status.FAILED])
    assert purged.deleted_instance_count == 1 and purged.is_complete
    with hub.raw() as raw:
        batch = pb.InstanceBatch(instanceIds=["e0", "e1", "nobody", "waits"])
        purged = raw.PurgeInstances(pb.PurgeInstancesRequest(instanceBatch=batch))
        assert purged.deletedInstanceCount == 2
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
    assert hub.client.purge_orchestrations_by(
        created_time_from=tomorrow).deleted_instance_count == 0
    assert hub.client.purge_orchestrations_by(created_time_to=tomorrow).deleted_instance_count == 2
    # An id that was purged is free again.
    assert hub.run(echo, instance_id="e0").runtime_status == Status.COMPLETED


def case_ended_without_a_last_turn(hub):
    id = hub.client.schedule_new_orchestration("nobody-works")
    with hub.raw() as raw:
        left = raw.SkipGracefulOrchestrationTerminations(
            pb.SkipGracefulOrchestrationTerminationsRequest(
                instanceBatch=pb.InstanceBatch(instanceIds=[id, "nobody"]), reason=text('"x"')))
    assert list(left.unterminatedInstanceIds) == ["nobody"]
    assert hub.ended(id).runtime_status == Status.TERMINATED


def case_task_hubs_are_apart(hub):
    hub.worker(echo)
    hub.run(echo, instance_id="mine")
    other = hub.another_client(hub.name + "-2")
    assert other.get_orchestration_state("mine") is None
    other.schedule_new_orchestration(echo, instance_id="mine")
    try:
        other.wait_for_orchestration_completion("mine", timeout=0.5)
        raise AssertionError("a worker of another hub took it")
    except TimeoutError:
        pass
    # No header is the hub "default", which no other case uses.
    default = client.TaskHubGrpcClient(host_address=hub.address)
    assert default.get_orchestration_state("mine") is None
    default.close()


def case_task_hubs_are_made_and_removed(hub):
    hub.worker(echo)
    with hub.raw() as raw:
        raw.CreateTaskHub(pb.CreateTaskHubRequest())
        hub.run(echo, instance_id="one")
        raw.CreateTaskHub(pb.CreateTaskHubRequest())
        assert hub.client.get_orchestration_state("one")
        raw.CreateTaskHub(pb.CreateTaskHubRequest(recreateIfExists=True))
        assert hub.client.get_orchestration_state("one") is None
        # Its workers work on.
        assert hub.run(echo, instance_id="one").runtime_status == Status.COMPLETED
        raw.DeleteTaskHub(pb.DeleteTaskHubRequest())
        assert hub.client.get_orchestration_state("one") is None
        raw.Hello()


def case_names_of_hubs_are_checked(hub):
    for name in ("a b", "x" * 65, "a/b"):
        other = hub.another_client(name)
        assert status_of(other.get_orchestration_state, "x") == "NOT_FOUND", name


def case_bad_messages_are_refused(hub):
    with hub.raw() as raw:
        def refused(call, request):
            return status_of(getattr(raw, call), request) == "INVALID_ARGUMENT"

        far = timestamp_pb2.Timestamp(seconds=253402300799)
        policy = pb.OrchestrationIdReusePolicy(replaceableStatus=[99])
        bad = [
            ("StartInstance", pb.CreateInstanceRequest()),
            ("StartInstance", pb.CreateInstanceRequest(name="n", instanceId="@e@k")),
            ("StartInstance", pb.CreateInstanceRequest(name="n", instanceId="x" * 300)),
            ("StartInstance", pb.CreateInstanceRequest(
                name="n", orchestrationIdReusePolicy=policy)),
            ("SignalEntity", pb.SignalEntityRequest(instanceId="no-entity", name="op")),
            ("GetEntity", pb.GetEntityRequest(instanceId="@@")),
            ("QueryInstances", pb.QueryInstancesRequest(
                query=pb.InstanceQuery(runtimeStatus=[42]))),
            ("QueryInstances", pb.QueryInstancesRequest(
                query=pb.InstanceQuery(maxInstanceCount=-1))),
            ("QueryEntities", pb.QueryEntitiesRequest(
                query=pb.EntityQuery(continuationToken=text("?")))),
            ("QueryEntities", pb.QueryEntitiesRequest(query=pb.EntityQuery(
                pageSize=wrappers_pb2.Int32Value(value=-5)))),
            ("ListInstanceIds", pb.ListInstanceIdsRequest(lastInstanceKey=text("nonsense"))),
            ("ListInstanceIds", pb.ListInstanceIdsRequest(pageSize=-1)),
            ("PurgeInstances", pb.PurgeInstancesRequest()),
            ("PurgeInstances", pb.PurgeInstancesRequest(
                instanceBatch=pb.InstanceBatch(instanceIds=["x"] * 501))),
            ("CompleteActivityTask", pb.ActivityResponse(completionToken="?")),
            ("AbandonTaskEntityWorkItem", pb.AbandonEntityTaskRequest(completionToken="")),
            ("CompleteOrchestratorTask", pb.OrchestratorResponse(completionToken="-1")),
        ]
        for call, request in bad:
            assert refused(call, request), (call, request)
        stream = raw.GetWorkItems(pb.GetWorkItemsRequest(maxConcurrentActivityWorkItems=-1))
        assert status_of(lambda: next(stream)) == "INVALID_ARGUMENT"
        # The far end of the calendar is none.
        raw.StartInstance(pb.CreateInstanceRequest(name="n", scheduledStartTimestamp=far))
        raw.Hello()


def case_what_is_too_long_is_refused(hub):
    hub.worker(waits)
    id = hub.client.schedule_new_orchestration(waits)
    long = "x" * 9_000_000
    assert status_of(
        hub.client.schedule_new_orchestration, waits, input=long) == "INVALID_ARGUMENT"
    assert status_of(
        hub.client.raise_orchestration_event, id, "e", data=long) == "INVALID_ARGUMENT"


def case_calls_without_a_service(hub):
    with hub.raw() as raw:
        unknown = raw.stub.Hello
        assert unknown
    import grpc
    with grpc.insecure_channel(hub.address) as channel:
        call = channel.unary_unary("/TaskHubSidecarService/NoSuchCall")
        assert status_of(call, b"") == "UNIMPLEMENTED"
        call = channel.unary_unary("/TaskHubSidecarService/StartInstance")
        # Bytes that are no message.
        assert status_of(call, b"\xff\xff\xff\xff") in ("INTERNAL", "INVALID_ARGUMENT")
        call = channel.unary_unary("/TaskHubSidecarService/Hello")
        assert call(b"") == b""


def case_traces_are_carried_on(hub):
    trace = pb.TraceContext(traceParent="00-" + "ab" * 16 + "-" + "cd" * 8 + "-01",
                            spanID="cd" * 8, traceState=text("k=v"))
    child = pb.OrchestratorAction(id=1, createSubOrchestration=pb.CreateSubOrchestrationAction(
        instanceId="child", name="c", parentTraceContext=trace))
    with hub.raw() as raw:
        work = raw.work()
        raw.start("o", "one", parentTraceContext=trace)
        item = work.next()
        started = item.orchestratorRequest.newEvents[1].executionStarted
        assert started.parentTraceContext == trace
        span = pb.OrchestrationTraceContext(spanID=text("ef" * 8))
        raw.finish(item, schedule(0, "a", parentTraceContext=trace, tags={"t": "1"}), child,
                   orchestrationTraceContext=span)
        items = {it.WhichOneof("request"): it for it in (work.next(), work.next())}
        activity = items["activityRequest"].activityRequest
        assert activity.parentTraceContext == trace and dict(activity.tags) == {"t": "1"}
        child = items["orchestratorRequest"].orchestratorRequest
        started = child.newEvents[1].executionStarted
        assert started.parentTraceContext == trace
        assert started.parentInstance.orchestrationInstance.instanceId == "one"
        raw.CompleteActivityTask(pb.ActivityResponse(
            completionToken=items["activityRequest"].completionToken))
        again = work.next()
        assert again.orchestratorRequest.orchestrationTraceContext == span
        raw.finish(again, complete(2))
        raw.finish(items["orchestratorRequest"], complete(0))
        work.end()
    assert hub.ended("one").runtime_status == Status.COMPLETED
