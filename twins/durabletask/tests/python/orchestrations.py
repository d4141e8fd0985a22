"""What orchestrators of the SDK do."""
import time
from datetime import datetime, timedelta, timezone

from durabletask import task, worker

from support import Status, eventually, json, pb, status_of


def case_chain(hub):
    def plus_one(_, number):
        return number + 1

    def chain(ctx, number):
        numbers = [number]
        for _ in range(10):
            number = yield ctx.call_activity(plus_one, input=number)
            numbers.append(number)
        return numbers

    hub.worker(chain, plus_one)
    assert hub.result(chain, 1) == list(range(1, 12))


def case_fan_out_and_in(hub):
    def square(_, number):
        return number * number

    def fan(ctx, count):
        tasks = [ctx.call_activity(square, input=number) for number in range(count)]
        results = yield task.when_all(tasks)
        return sum(results)

    hub.worker(fan, square)
    assert hub.result(fan, 100) == sum(number * number for number in range(100))


def case_sub_orchestrations(hub):
    def leaf(ctx, number):
        return [number, ctx.parent_instance_id, ctx.instance_id]
        yield

    def middle(ctx, numbers):
        tasks = [ctx.call_sub_orchestrator(leaf, input=number, instance_id=f"leaf-{number}")
                 for number in numbers]
        return (yield task.when_all(tasks))

    def root(ctx, _):
        found = yield ctx.call_sub_orchestrator(middle, input=[1, 2, 3], instance_id="middle")
        return found

    hub.worker(root, middle, leaf)
    found = hub.result(root)
    assert found == [[number, "middle", f"leaf-{number}"] for number in (1, 2, 3)], found


def case_a_failed_activity_can_be_caught(hub):
    def fails(_, __):
        raise ValueError("no such thing")

    def catches(ctx, _):
        try:
            yield ctx.call_activity(fails)
        except task.TaskFailedError as failure:
            return [failure.details.error_type.rsplit(".")[-1], failure.details.message]

    hub.worker(catches, fails)
    assert hub.result(catches) == ["ValueError", "no such thing"]


def case_a_failure_that_nobody_catches(hub):
    def fails(_, __):
        raise KeyError("lost")

    def child(ctx, _):
        yield ctx.call_activity(fails)

    def parent(ctx, _):
        yield ctx.call_sub_orchestrator(child)

    hub.worker(parent, child, fails)
    state = hub.run(parent)
    assert state.runtime_status == Status.FAILED
    assert "TaskFailedError" in state.failure_details.error_type
    assert state.failure_details.stack_trace


def case_retries_keep_to_their_policy(hub):
    tries = []

    def shaky(_, times):
        tries.append(time.monotonic())
        if len(tries) < times:
            raise RuntimeError("not yet")
        return len(tries)

    policy = task.RetryPolicy(first_retry_interval=timedelta(milliseconds=200),
                              max_number_of_attempts=5, backoff_coefficient=2)

    def patient(ctx, times):
        return (yield ctx.call_activity(shaky, input=times, retry_policy=policy))

    hub.worker(patient, shaky)
    assert hub.result(patient, 4) == 4
    pauses = [after - before for before, after in zip(tries, tries[1:])]
    for pause, least in zip(pauses, (0.2, 0.4, 0.8)):
        assert least <= pause < least + 2, pauses


def case_retries_end(hub):
    tries = []

    def fails(_, __):
        tries.append(1)
        raise RuntimeError("never")

    policy = task.RetryPolicy(first_retry_interval=timedelta(milliseconds=10),
                              max_number_of_attempts=3)

    def stubborn(ctx, _):
        yield ctx.call_activity(fails, retry_policy=policy)

    hub.worker(stubborn, fails)
    assert hub.run(stubborn).runtime_status == Status.FAILED
    assert len(tries) == 3


def case_retries_of_sub_orchestrations(hub):
    tries = []

    def child(ctx, _):
        tries.append(1)
        if len(tries) < 3:
            raise RuntimeError("not yet")
        return "at last"
        yield

    policy = task.RetryPolicy(first_retry_interval=timedelta(milliseconds=10),
                              max_number_of_attempts=3)

    def parent(ctx, _):
        return (yield ctx.call_sub_orchestrator(child, retry_policy=policy))

    hub.worker(parent, child)
    assert hub.result(parent) == "at last"


def case_timers_fire_in_order(hub):
    def naps(ctx, _):
        begun = ctx.current_utc_datetime
        yield ctx.create_timer(timedelta(milliseconds=300))
        yield ctx.create_timer(begun + timedelta(milliseconds=600))
        return (ctx.current_utc_datetime - begun).total_seconds()

    hub.worker(naps)
    took = hub.result(naps)
    assert 0.6 <= took < 5, took


def case_events_come_before_and_after_they_are_waited_for(hub):
    def waits(ctx, _):
        early = yield ctx.wait_for_external_event("Early")
        late = yield ctx.wait_for_external_event("late")
        return [early, late]

    id = hub.client.schedule_new_orchestration(waits)
    # Nobody works yet; names of events are the same in any case.
    hub.client.raise_orchestration_event(id, "EARLY", data={"n": 1})
    hub.worker(waits)
    hub.client.wait_for_orchestration_start(id, timeout=30)
    hub.client.raise_orchestration_event(id, "late", data=[2])
    assert json.loads(hub.ended(id).serialized_output) == [{"n": 1}, [2]]


def case_an_event_wins_over_its_timer(hub):
    def waits(ctx, _):
        event = ctx.wait_for_external_event("go")
        timer = ctx.create_timer(timedelta(hours=1))
        winner = yield task.when_any([event, timer])
        return "event" if winner == event else "timer"

    hub.worker(waits)
    id = hub.client.schedule_new_orchestration(waits)
    hub.client.raise_orchestration_event(id, "go")
    assert json.loads(hub.ended(id).serialized_output) == "event"


def case_a_timer_wins_over_its_event(hub):
    def waits(ctx, _):
        event = ctx.wait_for_external_event("go")
        timer = ctx.create_timer(timedelta(milliseconds=200))
        winner = yield task.when_any([event, timer])
        return "event" if winner == event else "timer"

    hub.worker(waits)
    assert hub.result(waits) == "timer"


def case_many_events_in_their_order(hub):
    def gathers(ctx, count):
        found = []
        for _ in range(count):
            found.append((yield ctx.wait_for_external_event("n")))
        return found

    hub.worker(gathers)
    id = hub.client.schedule_new_orchestration(gathers, input=50)
    for number in range(50):
        hub.client.raise_orchestration_event(id, "n", data=number)
    assert json.loads(hub.ended(id).serialized_output) == list(range(50))


def case_orchestrations_send_each_other_events(hub):
    def listener(ctx, _):
        return (yield ctx.wait_for_external_event("word"))

    def speaker(ctx, to):
        ctx.send_event(to, "word", data="hello")
        return "said"
        yield

    hub.worker(listener, speaker)
    id = hub.client.schedule_new_orchestration(listener)
    assert hub.result(speaker, id) == "said"
    assert json.loads(hub.ended(id).serialized_output) == "hello"


def case_continue_as_new_keeps_events_and_tags(hub):
    def counts(ctx, sum):
        number = yield ctx.wait_for_external_event("n")
        if number == 0:
            return sum
        ctx.continue_as_new(sum + number, save_events=True)

    id = hub.client.schedule_new_orchestration(counts, input=0, tags={"team": "blue"})
    hub.worker(counts)
    for number in [1, 2, 3, 4, 5, 0]:
        hub.client.raise_orchestration_event(id, "n", data=number)
    state = hub.ended(id)
    assert state.serialized_output == "15", state
    with hub.raw() as raw:
        seen = raw.GetInstance(pb.GetInstanceRequest(instanceId=id, getInputsAndOutputs=True))
    assert dict(seen.orchestrationState.tags) == {"team": "blue"}
    assert seen.orchestrationState.input.value == "15"


def case_continue_as_new_many_times(hub):
    def loops(ctx, left):
        if left == 0:
            return "out"
        yield ctx.create_timer(timedelta(milliseconds=1))
        ctx.continue_as_new(left - 1)

    hub.worker(loops)
    assert hub.result(loops, 50) == "out"


def case_custom_status(hub):
    def tells(ctx, _):
        ctx.set_custom_status({"step": 1})
        yield ctx.wait_for_external_event("next")
        ctx.set_custom_status("last")
        yield ctx.wait_for_external_event("next")
        return None

    hub.worker(tells)
    id = hub.client.schedule_new_orchestration(tells)

    def shown():
        return hub.client.get_orchestration_state(id).serialized_custom_status

    eventually(lambda: shown() and json.loads(shown()) == {"step": 1})
    hub.client.raise_orchestration_event(id, "next")
    eventually(lambda: shown() == '"last"')
    hub.client.raise_orchestration_event(id, "next")
    assert hub.ended(id).serialized_custom_status == '"last"'


def case_suspended_ones_take_nothing_in(hub):
    def waits(ctx, _):
        return (yield ctx.wait_for_external_event("go"))

    hub.worker(waits)
    id = hub.client.schedule_new_orchestration(waits)
    hub.client.wait_for_orchestration_start(id, timeout=30)
    hub.client.suspend_orchestration(id, reason="lunch")
    eventually(lambda: hub.client.get_orchestration_state(id).runtime_status == Status.SUSPENDED)
    hub.client.suspend_orchestration(id)
    hub.client.raise_orchestration_event(id, "go", data=1)
    try:
        hub.client.wait_for_orchestration_completion(id, timeout=1)
        raise AssertionError("it went on")
    except TimeoutError:
        pass
    hub.client.resume_orchestration(id)
    assert json.loads(hub.ended(id).serialized_output) == 1


def case_terminated_with_an_output(hub):
    def waits(ctx, _):
        yield ctx.wait_for_external_event("never")

    hub.worker(waits)
    id = hub.client.schedule_new_orchestration(waits)
    hub.client.wait_for_orchestration_start(id, timeout=30)
    hub.client.terminate_orchestration(id, output={"why": "enough"})
    state = hub.ended(id)
    assert state.runtime_status == Status.TERMINATED
    assert json.loads(state.serialized_output) == {"why": "enough"}
    # Again, and one that is not there: both are fine.
    hub.client.terminate_orchestration(id)
    hub.client.terminate_orchestration("nobody")


def case_terminated_before_it_began(hub):
    id = hub.client.schedule_new_orchestration("unknown")
    hub.client.terminate_orchestration(id)
    hub.worker()
    assert hub.ended(id).runtime_status == Status.TERMINATED


def case_terminated_with_its_children(hub):
    def child(ctx, _):
        yield ctx.wait_for_external_event("never")

    def parent(ctx, ids):
        yield task.when_all([ctx.call_sub_orchestrator(child, instance_id=id) for id in ids])

    hub.worker(parent, child)
    for recursive, expected in ((True, Status.TERMINATED), (False, Status.RUNNING)):
        ids = [f"{recursive}-{number}" for number in range(3)]
        id = hub.client.schedule_new_orchestration(parent, input=ids)
        for child_id in ids:
            eventually(lambda: hub.client.get_orchestration_state(child_id))
            hub.client.wait_for_orchestration_start(child_id, timeout=30)
        hub.client.terminate_orchestration(id, recursive=recursive)
        assert hub.ended(id).runtime_status == Status.TERMINATED
        for child_id in ids:
            eventually(lambda: hub.client.get_orchestration_state(child_id).runtime_status
                       == expected)


def case_rewound_from_before_its_failure(hub):
    done, broken = [], [True]

    def fine(_, number):
        done.append(number)
        return number

    def fragile(_, number):
        done.append(number)
        if broken:
            raise RuntimeError("broken")
        return number

    def steps(ctx, _):
        first = yield ctx.call_activity(fine, input=1)
        second = yield ctx.call_activity(fragile, input=2)
        return [first, second]

    hub.worker(steps, fine, fragile)
    state = hub.run(steps)
    assert state.runtime_status == Status.FAILED
    broken.clear()
    hub.client.rewind_orchestration(state.instance_id, reason="mended")
    state = hub.ended(state.instance_id)
    assert json.loads(state.serialized_output) == [1, 2], state
    # What had been done was not done again.
    assert done == [1, 2, 2], done


def case_rewound_with_its_children(hub):
    broken = [True]

    def fragile(_, number):
        if broken:
            raise RuntimeError("broken")
        return number

    def child(ctx, number):
        return (yield ctx.call_activity(fragile, input=number))

    def parent(ctx, _):
        return (yield ctx.call_sub_orchestrator(child, input=7, instance_id="the-child"))

    hub.worker(parent, child, fragile)
    state = hub.run(parent)
    assert state.runtime_status == Status.FAILED
    broken.clear()
    hub.client.rewind_orchestration(state.instance_id)
    assert json.loads(hub.ended(state.instance_id).serialized_output) == 7


def case_rewinding_needs_a_failure(hub):
    def fine(ctx, _):
        return 1
        yield

    hub.worker(fine)
    assert status_of(hub.client.rewind_orchestration, "nobody") == "NOT_FOUND"
    state = hub.run(fine)
    assert status_of(hub.client.rewind_orchestration, state.instance_id) == "FAILED_PRECONDITION"


def case_restarted_in_place_and_as_new(hub):
    runs = []

    def once_more(ctx, input):
        if not ctx.is_replaying:
            runs.append(ctx.instance_id)
        return input
        yield

    hub.worker(once_more)
    state = hub.run(once_more, {"a": 1}, tags={"k": "v"})
    first = state.instance_id
    assert hub.client.restart_orchestration(first) == first
    eventually(lambda: len(runs) == 2)
    assert json.loads(hub.ended(first).serialized_output) == {"a": 1}
    second = hub.client.restart_orchestration(first, restart_with_new_instance_id=True)
    assert second != first
    assert json.loads(hub.ended(second).serialized_output) == {"a": 1}
    with hub.raw() as raw:
        seen = raw.GetInstance(pb.GetInstanceRequest(instanceId=second))
    assert dict(seen.orchestrationState.tags) == {"k": "v"}


def case_restarting_needs_an_end(hub):
    def waits(ctx, _):
        yield ctx.wait_for_external_event("never")

    hub.worker(waits)
    assert status_of(hub.client.restart_orchestration, "nobody") == "NOT_FOUND"
    id = hub.client.schedule_new_orchestration(waits)
    for as_new in (False, True):
        refused = status_of(
            hub.client.restart_orchestration, id, restart_with_new_instance_id=as_new)
        assert refused == "FAILED_PRECONDITION"


def case_versions_reach_orchestrators_and_children(hub):
    def child(ctx, _):
        return ctx.version
        yield

    def parent(ctx, _):
        other = yield ctx.call_sub_orchestrator(child, version="9.9")
        return [ctx.version, other]

    hub.worker(parent, child)
    assert hub.result(parent, version="1.2.3") == ["1.2.3", "9.9"]


def case_a_version_that_the_worker_refuses_fails(hub):
    def simple(ctx, _):
        return 1
        yield

    made = hub.worker(simple, start=False)
    made.use_versioning(worker.VersioningOptions(
        version="1.0", match_strategy=worker.VersionMatchStrategy.STRICT,
        failure_strategy=worker.VersionFailureStrategy.FAIL))
    made.start()
    state = hub.run(simple, version="2.0")
    assert state.runtime_status == Status.FAILED
    assert "VersionMismatch" in state.failure_details.error_type, state.failure_details
    assert hub.run(simple, version="1.0").runtime_status == Status.COMPLETED


def case_a_version_that_one_worker_rejects_reaches_another(hub):
    def simple(ctx, _):
        return ctx.version
        yield

    for version in ("1.0", "2.0"):
        made = hub.worker(simple, start=False)
        made.use_versioning(worker.VersioningOptions(
            version=version, match_strategy=worker.VersionMatchStrategy.STRICT,
            failure_strategy=worker.VersionFailureStrategy.REJECT))
        made.start()
    for version in ("1.0", "2.0", "1.0", "2.0"):
        assert hub.result(simple, version=version) == version


def case_scheduled_starts(hub):
    def tells(ctx, _):
        return ctx.current_utc_datetime.timestamp()
        yield

    hub.worker(tells)
    at = datetime.now(timezone.utc) + timedelta(seconds=1)
    id = hub.client.schedule_new_orchestration(tells, start_at=at)
    assert hub.client.get_orchestration_state(id).runtime_status == Status.PENDING
    hub.ended(id)
    assert datetime.now(timezone.utc) >= at


def case_ids_are_refused_or_replaced(hub):
    def waits(ctx, what):
        yield ctx.wait_for_external_event("go")
        return what

    hub.worker(waits)

    def start(what, *statuses):
        policy = pb.OrchestrationIdReusePolicy(replaceableStatus=statuses)
        return hub.client.schedule_new_orchestration(
            waits, input=what, instance_id="same", reuse_id_policy=policy)

    start(1)
    hub.client.wait_for_orchestration_start("same", timeout=30)
    assert status_of(start, 2) == "ALREADY_EXISTS"
    assert status_of(start, 2, pb.ORCHESTRATION_STATUS_COMPLETED) == "ALREADY_EXISTS"
    start(3, pb.ORCHESTRATION_STATUS_RUNNING)
    hub.client.raise_orchestration_event("same", "go")
    assert json.loads(hub.ended("same").serialized_output) == 3
    assert status_of(start, 4) == "ALREADY_EXISTS"
    start(5, pb.ORCHESTRATION_STATUS_COMPLETED, pb.ORCHESTRATION_STATUS_FAILED)
    hub.client.raise_orchestration_event("same", "go")
    eventually(lambda: hub.ended("same").serialized_output == "5")


def case_what_nobody_registered_fails(hub):
    def calls(ctx, _):
        yield ctx.call_activity("nothing")

    hub.worker(calls)
    state = hub.run("no_such_orchestrator")
    assert state.runtime_status == Status.FAILED
    assert "OrchestratorNotRegistered" in state.failure_details.error_type
    state = hub.run(calls)
    assert state.runtime_status == Status.FAILED


def case_code_that_changed_is_found_out(hub):
    def activity(_, __):
        return 1

    def before(ctx, _):
        yield ctx.call_activity(activity)
        yield ctx.wait_for_external_event("go")

    def after(ctx, _):
        yield ctx.create_timer(timedelta(hours=1))
        yield ctx.wait_for_external_event("go")

    before.__name__ = after.__name__ = "changes"
    first = hub.worker(before, activity)
    id = hub.client.schedule_new_orchestration("changes")
    eventually(lambda: any(
        "TaskCompleted" in type(it).__name__ for it in hub.client.get_orchestration_history(id)))
    first.stop()
    hub.worker(after, activity)
    hub.client.raise_orchestration_event(id, "go")
    state = hub.ended(id)
    assert state.runtime_status == Status.FAILED
    assert "NonDeterminism" in state.failure_details.error_type, state.failure_details


def case_random_ids_are_the_same_at_each_turn(hub):
    def makes(ctx, _):
        first = ctx.new_uuid()
        yield ctx.create_timer(timedelta(milliseconds=1))
        return [first, ctx.new_uuid()]

    hub.worker(makes)
    first, second = hub.result(makes)
    assert first != second


def case_payloads_of_every_kind(hub):
    def same(_, value):
        return value

    def echoes(ctx, values):
        found = []
        for value in values:
            found.append((yield ctx.call_activity(same, input=value)))
        return found

    values = [None, "", "äöü€𝄞\u0000\n\"", 0, -1.5, 1e300, True, [], {}, {"a": [{"b": None}]},
              "x" * 100_000]
    # All of them together are the orchestration's input and output as well.
    hub.worker(echoes, same)
    assert hub.result(echoes, values) == values


def case_payloads_of_a_megabyte(hub):
    def same(_, value):
        return value

    def echoes(ctx, value):
        return (yield ctx.call_activity(same, input=value))

    hub.worker(echoes, same)
    assert hub.result(echoes, "x" * 1_000_000) == "x" * 1_000_000


def case_a_long_history(hub):
    def same(_, number):
        return number

    def long(ctx, count):
        sum = 0
        for _ in range(count // 50):
            sum += len((yield task.when_all(
                [ctx.call_activity(same, input=number) for number in range(50)])))
        return sum

    hub.worker(long, same)
    assert hub.result(long, 600) == 600
    states = hub.client.get_all_orchestration_states()
    history = hub.client.get_orchestration_history(states[0].instance_id)
    assert len(history) > 1200, len(history)


def case_activities_see_where_they_belong(hub):
    def tells(activity, _):
        return [activity.orchestration_id, activity.task_id]

    def asks(ctx, _):
        first = yield ctx.call_activity(tells)
        second = yield ctx.call_activity(tells)
        return [first, second, ctx.instance_id]

    hub.worker(asks, tells)
    first, second, id = hub.result(asks)
    assert first[0] == second[0] == id and first[1] != second[1]
