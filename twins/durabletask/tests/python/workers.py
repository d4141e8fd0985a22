"""How work reaches workers: streams, limits, filters, loss, delays. Mostly by raw calls."""
import threading
import time

import grpc
from durabletask import task, worker
from durabletask.entities import EntityInstanceId

from support import Status, complete, eventually, json, pb, schedule, status_of, text, wrappers_pb2


def nap(_, seconds):
    time.sleep(seconds)
    return seconds


def naps(ctx, seconds):
    return (yield ctx.call_activity(nap, input=seconds))


def case_a_lost_worker_s_item_goes_to_another(hub):
    with hub.raw() as raw:
        first = raw.work()
        raw.start("o", "one")
        item = first.next()
        assert item.orchestratorRequest.instanceId == "one"
        first.end()
        second = raw.work()
        again = second.next()
        assert again.orchestratorRequest.newEvents[1].executionStarted.name == "o"
        # The first comes too late.
        assert status_of(raw.finish, item, complete(result='"first"')) == "NOT_FOUND"
        raw.finish(again, complete(result='"second"'))
        assert status_of(raw.finish, again, complete()) == "NOT_FOUND"
        second.end()
    assert hub.ended("one").serialized_output == '"second"'


def case_what_is_lost_five_times_fails(hub):
    with hub.raw() as raw:
        work = raw.work()
        raw.start("o", "one")
        raw.finish(work.next(), schedule(0, "deadly"))
        for _ in range(5):
            item = work.next()
            assert item.activityRequest.name == "deadly", item
            work.end()
            work = raw.work()
        item = work.next()
        failed = [it.taskFailed for it in item.orchestratorRequest.newEvents
                  if it.HasField("taskFailed")]
        assert failed[0].failureDetails.errorType == "WorkerLost", item
        raw.finish(item, complete(1))
        work.end()


def case_an_orchestration_that_kills_its_workers_fails(hub):
    with hub.raw() as raw:
        raw.start("deadly", "one")
        for _ in range(5):
            work = raw.work()
            assert work.next()
            work.end()
    state = hub.ended("one")
    assert state.runtime_status == Status.FAILED
    assert state.failure_details.error_type == "WorkerLost"


def case_a_worker_that_stops_in_the_middle(hub):
    def slow(_, __):
        began.append(time.monotonic())
        time.sleep(2 if len(began) == 1 else 0)
        return "done"

    def waits(ctx, _):
        return (yield ctx.call_activity(slow))

    began = []
    first = hub.worker(waits, slow)
    id = hub.client.schedule_new_orchestration(waits)
    eventually(lambda: began)
    stopping = threading.Thread(target=first.stop)
    stopping.start()
    hub.worker(waits, slow)
    assert json.loads(hub.ended(id).serialized_output) == "done"
    stopping.join()


def case_limits_of_a_worker_are_kept(hub):
    with hub.raw() as raw:
        work = raw.work(maxConcurrentActivityWorkItems=2, maxConcurrentOrchestrationWorkItems=1)
        raw.start("o", "one")
        raw.start("o", "two")
        turn = work.next()
        assert work.next(within=0.3) is None, "a second turn at once"
        raw.finish(turn, *[schedule(number, "a") for number in range(5)])
        seen = [work.next() for _ in range(3)]
        kinds = sorted(it.WhichOneof("request") for it in seen)
        assert kinds == ["activityRequest", "activityRequest", "orchestratorRequest"], kinds
        assert work.next(within=0.3) is None, "a third activity at once"
        activity = next(it for it in seen if it.HasField("activityRequest"))
        raw.CompleteActivityTask(pb.ActivityResponse(completionToken=activity.completionToken))
        assert work.next().HasField("activityRequest")
        work.end()


def case_work_is_shared_fairly(hub):
    took = {"one": 0, "two": 0}
    lock = threading.Lock()

    def made(name):
        def step(_, __):
            with lock:
                took[name] += 1
            time.sleep(0.05)
        return step

    def fan(ctx, _):
        yield task.when_all([ctx.call_activity("step") for _ in range(40)])

    for name in took:
        concurrency = worker.ConcurrencyOptions(maximum_concurrent_activity_work_items=4)
        hub.worker(fan, made(name), concurrency_options=concurrency)
    hub.result(fan)
    assert min(took.values()) >= 10, took


def case_filters_bring_work_to_who_can_do_it(hub):
    def one(_, __):
        return "one"

    def two(_, __):
        return "two"

    def both(ctx, _):
        first = yield ctx.call_activity("one")
        second = yield ctx.call_activity("two")
        third = yield ctx.call_entity(EntityInstanceId("three", "k"), "get")
        return [first, second, third]

    def three(entity, _):
        return "three"

    for functions in ((both,), (one,), (two,), (three,)):
        made = hub.worker(*functions, start=False)
        made.use_work_item_filters()
        made.start()
    assert hub.result(both) == ["one", "two", "three"]


def case_filters_by_version(hub):
    def filters(*versions):
        return pb.WorkItemFilters(orchestrations=[
            pb.OrchestrationFilter(name="o", versions=versions)])

    with hub.raw() as raw:
        two = raw.work(workItemFilters=filters("2"))
        none = raw.work(workItemFilters=filters(""))
        raw.start("o", "bare")
        raw.start("o", "two", version=text("2"))
        raw.start("o", "three", version=text("3"))
        raw.start("other", "other")
        assert two.next().orchestratorRequest.instanceId == "two"
        assert none.next().orchestratorRequest.instanceId == "bare"
        assert two.next(within=0.3) is None and none.next(within=0.3) is None
        any = raw.work(workItemFilters=filters())
        assert any.next().orchestratorRequest.instanceId == "three"
        assert any.next(within=0.3) is None
        nothing = raw.work(workItemFilters=pb.WorkItemFilters())
        assert nothing.next(within=0.3) is None
        for work in (two, none, any, nothing):
            work.end()


def case_abandoned_items_come_again_later(hub):
    with hub.raw() as raw:
        work = raw.work()
        raw.start("o", "one")
        item = work.next()
        begun = time.monotonic()
        raw.AbandonTaskOrchestratorWorkItem(
            pb.AbandonOrchestrationTaskRequest(completionToken=item.completionToken))
        item = work.next()
        assert item.orchestratorRequest.instanceId == "one"
        assert time.monotonic() - begun > 0.2, "at once"
        signal = pb.OrchestratorAction(id=1, sendEntityMessage=pb.SendEntityMessageAction(
            entityOperationSignaled=pb.EntityOperationSignaledEvent(
                requestId="11111111-1111-1111-1111-111111111111", operation="op",
                targetInstanceId=text("@e@k"))))
        raw.finish(item, schedule(0, "a"), signal)
        seen = {}
        for _ in range(2):
            item = work.next()
            seen[item.WhichOneof("request")] = item
        raw.AbandonTaskActivityWorkItem(pb.AbandonActivityTaskRequest(
            completionToken=seen["activityRequest"].completionToken))
        raw.AbandonTaskEntityWorkItem(pb.AbandonEntityTaskRequest(
            completionToken=seen["entityRequestV2"].completionToken))
        again = {work.next().WhichOneof("request") for _ in range(2)}
        assert again == {"activityRequest", "entityRequestV2"}
        # Abandoning what is not out does nothing; it does not count as a loss either.
        raw.AbandonTaskActivityWorkItem(pb.AbandonActivityTaskRequest(
            completionToken=seen["activityRequest"].completionToken))
        work.end()


def case_abandoning_is_no_loss(hub):
    with hub.raw() as raw:
        work = raw.work()
        raw.start("o", "one")
        for _ in range(7):
            item = work.next()
            raw.AbandonTaskOrchestratorWorkItem(
                pb.AbandonOrchestrationTaskRequest(completionToken=item.completionToken))
        raw.finish(work.next(), complete())
        work.end()
    assert hub.ended("one").runtime_status == Status.COMPLETED


def case_streams_are_kept_alive(hub):
    with hub.raw() as raw:
        stream = raw.GetWorkItems(pb.GetWorkItemsRequest())
        assert next(stream).WhichOneof("request") == "healthPing"
        stream.cancel()


def case_large_histories_are_streamed(hub):
    payload = json.dumps("x" * 100_000)
    with hub.raw() as raw:
        work = raw.work(capabilities=[pb.WORKER_CAPABILITY_HISTORY_STREAMING])
        raw.start("o", "one", input=text(payload))
        item = work.next()
        assert not item.orchestratorRequest.requiresHistoryStreaming
        for number in range(15):
            raw.finish(item, schedule(number, "a", payload))
            activity = work.next()
            raw.CompleteActivityTask(pb.ActivityResponse(
                completionToken=activity.completionToken, result=text(payload)))
            item = work.next()
        request = item.orchestratorRequest
        assert request.requiresHistoryStreaming and not request.pastEvents
        chunks = list(raw.StreamInstanceHistory(pb.StreamInstanceHistoryRequest(
            instanceId="one", executionId=request.executionId, forWorkItemProcessing=True)))
        assert len(chunks) > 1
        past = [it for chunk in chunks for it in chunk.events]
        done = [it for it in past if it.HasField("taskCompleted")]
        # What is new is not in the past.
        assert len(done) == 14 and request.newEvents[-1].taskCompleted.taskScheduledId == 14
        raw.finish(item, complete(15))
        work.end()
        # Who cannot ask for it is sent it.
        raw.start("o", "two", input=text(payload))
        work = raw.work()
        assert not work.next().orchestratorRequest.requiresHistoryStreaming
        work.end()


def case_answers_in_parts(hub):
    with hub.raw() as raw:
        work = raw.work()
        raw.start("o", "one")
        item = work.next()
        raw.finish(item, schedule(0, "a"), schedule(1, "b"), isPartial=True)
        raw.finish(item, schedule(2, "c"), isPartial=True)
        assert work.next(within=0.3) is None
        raw.finish(item, schedule(3, "d"))
        names = [work.next().activityRequest.name for _ in range(4)]
        assert sorted(names) == ["a", "b", "c", "d"], names
        assert status_of(raw.finish, item, isPartial=True) == "NOT_FOUND"
        work.end()


def case_events_that_were_not_taken_come_again(hub):
    with hub.raw() as raw:
        raw.start("o", "one")
        for number in range(3):
            raw.RaiseEvent(pb.RaiseEventRequest(instanceId="one", name=f"e{number}"))
        work = raw.work()
        item = work.next()
        events = item.orchestratorRequest.newEvents
        assert [it.WhichOneof("eventType") for it in events] == [
            "orchestratorStarted", "executionStarted"] + ["eventRaised"] * 3
        raw.finish(item, numEventsProcessed=wrappers_pb2.Int32Value(value=3))
        item = work.next()
        names = [it.eventRaised.name for it in item.orchestratorRequest.newEvents[1:]]
        assert names == ["e1", "e2"], names
        raw.finish(item, complete())
        work.end()


def case_answers_that_mean_nothing_are_given_out_again(hub):
    with hub.raw() as raw:
        work = raw.work()
        raw.start("o", "one")
        item = work.next()
        assert status_of(raw.finish, item, pb.OrchestratorAction(id=1)) == "INVALID_ARGUMENT"
        item = work.next()
        running = complete(status=pb.ORCHESTRATION_STATUS_RUNNING)
        assert status_of(raw.finish, item, running) == "INVALID_ARGUMENT"
        item = work.next()
        # The token of one kind is none of another.
        wrong = pb.ActivityResponse(completionToken=item.completionToken)
        assert status_of(raw.CompleteActivityTask, wrong) == "INVALID_ARGUMENT"
        raw.AbandonTaskActivityWorkItem(
            pb.AbandonActivityTaskRequest(completionToken=item.completionToken))
        item = work.next()
        raw.finish(item, complete())
        work.end()
    assert hub.ended("one").runtime_status == Status.COMPLETED


def case_entity_batches(hub):
    with hub.raw() as raw:
        for number in range(4):
            raw.SignalEntity(pb.SignalEntityRequest(
                instanceId="@e@k", name=f"op{number}", input=text(str(number)),
                requestId=f"00000000-0000-0000-0000-00000000000{number}"))
        work = raw.work()
        item = work.next()
        request = item.entityRequestV2
        operations = [it.entityOperationSignaled for it in request.operationRequests]
        assert [it.operation for it in operations] == [f"op{number}" for number in range(4)]
        assert operations[2].requestId.endswith("2") and operations[2].input.value == "2"
        assert not request.HasField("entityState")
        done = pb.OperationResult(success=pb.OperationResultSuccess())
        failed = pb.OperationResult(failure=pb.OperationResultFailure(
            failureDetails=pb.TaskFailureDetails(errorType="E", errorMessage="m")))
        # Two of four: the others come again, with the new state.
        raw.CompleteEntityTask(pb.EntityBatchResult(
            completionToken=item.completionToken, results=[done, failed],
            entityState=text("1")))
        item = work.next()
        request = item.entityRequestV2
        assert request.entityState.value == "1" and len(request.operationRequests) == 2
        # The whole batch fails: its state does not count.
        raw.CompleteEntityTask(pb.EntityBatchResult(
            completionToken=item.completionToken, entityState=text("2"),
            failureDetails=pb.TaskFailureDetails(errorType="E", errorMessage="m")))
        assert status_of(raw.CompleteEntityTask, pb.EntityBatchResult(
            completionToken=item.completionToken)) == "NOT_FOUND"
        seen = raw.GetEntity(pb.GetEntityRequest(instanceId="@e@k", includeState=True))
        assert seen.entity.serializedState.value == "1"
        work.end()


def case_own_request_ids_are_guids(hub):
    import uuid
    with hub.raw() as raw:
        work = raw.work()
        raw.SignalEntity(pb.SignalEntityRequest(instanceId="@a@k", name="go"))
        item = work.next()
        uuid.UUID(item.entityRequestV2.operationRequests[0].entityOperationSignaled.requestId)
        send = pb.OperationAction(sendSignal=pb.SendSignalAction(instanceId="@b@k", name="went"))
        done = pb.OperationResult(success=pb.OperationResultSuccess())
        raw.CompleteEntityTask(pb.EntityBatchResult(
            completionToken=item.completionToken, results=[done], actions=[send],
            entityState=text("1")))
        item = work.next()
        signalled = item.entityRequestV2.operationRequests[0].entityOperationSignaled
        uuid.UUID(signalled.requestId)
        assert signalled.operation == "went"
        work.end()


def case_orchestrators_terminate_others(hub):
    with hub.raw() as raw:
        work = raw.work()
        raw.start("victim", "victim")
        raw.finish(work.next(), pb.OrchestratorAction(id=0, createTimer=pb.CreateTimerAction(
            fireAt={"seconds": 4_000_000_000})))
        raw.start("o", "one")
        raw.finish(work.next(), pb.OrchestratorAction(
            id=0, terminateOrchestration=pb.TerminateOrchestrationAction(
                instanceId="victim", reason=text('"over"'))), complete(1))
        work.end()
    state = hub.ended("victim")
    assert state.runtime_status == Status.TERMINATED and state.serialized_output == '"over"'


def case_a_worker_comes_back(hub):
    made = hub.worker(naps, nap)
    assert hub.result(naps, 0) == 0
    made.stop()
    id = hub.client.schedule_new_orchestration(naps, input=0)
    hub.worker(naps, nap)
    assert hub.ended(id).runtime_status == Status.COMPLETED


def case_through_the_scheduler_s_own_packages(hub):
    from durabletask.azuremanaged.client import DurableTaskSchedulerClient
    from durabletask.azuremanaged.worker import DurableTaskSchedulerWorker
    to = {"host_address": f"http://{hub.address}", "secure_channel": True,
          "taskhub": hub.name, "token_credential": None}
    with DurableTaskSchedulerWorker(**to) as made:
        made.add_orchestrator(naps)
        made.add_activity(nap)
        made.start()
        with DurableTaskSchedulerClient(**to) as scheduler:
            id = scheduler.schedule_new_orchestration(naps, input=0)
            state = scheduler.wait_for_orchestration_completion(id, timeout=30)
    assert state.runtime_status == Status.COMPLETED
