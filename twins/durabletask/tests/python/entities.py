"""Entities of the SDK: signals, calls, locks, schedules."""
import time
from datetime import datetime, timedelta, timezone

from durabletask import client, entities, task
from durabletask.entities import DurableEntity, EntityInstanceId

from support import Status, eventually, json, pb, status_of, text, wrappers_pb2


def counter(entity, input):
    state = entity.get_state(int, 0)
    if entity.operation == "add":
        entity.set_state(state + input)
        return state + input
    if entity.operation == "get":
        return state
    if entity.operation == "fail":
        entity.set_state(-1)
        entity.signal_entity(EntityInstanceId("counter", "victim"), "add", 1000)
        raise ValueError("rolled back")
    if entity.operation == "delete":
        entity.set_state(None)
        return None
    if entity.operation == "forward":
        entity.signal_entity(EntityInstanceId("counter", input), "add", 1)
        return entity.schedule_new_orchestration("echo", input="from an entity", instance_id="born")
    if entity.operation == "slow":
        time.sleep(input)
        return state
    raise NotImplementedError(entity.operation)


def echo(ctx, input):
    return input
    yield


def state_of(hub, id):
    found = hub.client.get_entity(id)
    return json.loads(found.get_state()) if found and found.get_state() else None


def case_signals_reach_their_entity(hub):
    hub.worker(counter)
    id = EntityInstanceId("Counter", "Key.1")
    for _ in range(20):
        hub.client.signal_entity(id, "add", 2)
    eventually(lambda: state_of(hub, id) == 40)
    found = hub.client.get_entity(id, include_state=False)
    assert found.id == id
    with hub.raw() as raw:
        seen = raw.GetEntity(pb.GetEntityRequest(instanceId="@counter@Key.1"))
        assert seen.exists and not seen.entity.HasField("serializedState")
        assert seen.entity.lastModifiedTime.seconds > 0
        # The name in any case, the key as it is.
        assert raw.GetEntity(pb.GetEntityRequest(instanceId="@COUNTER@Key.1")).exists
        assert not raw.GetEntity(pb.GetEntityRequest(instanceId="@counter@key.1")).exists


def case_what_was_never_signalled(hub):
    assert hub.client.get_entity(EntityInstanceId("counter", "nobody")) is None


def case_calls_give_results(hub):
    def asks(ctx, _):
        id = EntityInstanceId("counter", "called")
        found = []
        for number in (1, 2, 3):
            found.append((yield ctx.call_entity(id, "add", number)))
        ctx.signal_entity(id, "add", 10)
        found.append((yield ctx.call_entity(id, "get")))
        return found

    hub.worker(asks, counter)
    # What one orchestration sends to one entity keeps its order.
    assert hub.result(asks) == [1, 3, 6, 16]


def case_a_failed_operation_leaves_nothing(hub):
    def tries(ctx, _):
        id = EntityInstanceId("counter", "fragile")
        yield ctx.call_entity(id, "add", 5)
        try:
            yield ctx.call_entity(id, "fail")
        except Exception as failure:
            told = str(failure)
        return [(yield ctx.call_entity(id, "get")), told]

    hub.worker(tries, counter)
    state, told = hub.result(tries)
    assert state == 5 and "rolled back" in told, (state, told)
    assert hub.client.get_entity(EntityInstanceId("counter", "victim")) is None


def case_unknown_operations_and_entities_fail(hub):
    def tries(ctx, id):
        try:
            yield ctx.call_entity(EntityInstanceId(id, "x"), "dance")
        except Exception as failure:
            return type(failure).__name__
        return "fine"

    hub.worker(tries, counter)
    assert hub.result(tries, "counter") != "fine"
    assert hub.result(tries, "nothing") != "fine"


def case_locks_keep_others_out(hub):
    def transfers(ctx, way):
        one, other = (EntityInstanceId("counter", name) for name in way)
        with (yield ctx.lock_entities([one, other])):
            a = yield ctx.call_entity(one, "get")
            b = yield ctx.call_entity(other, "get")
            yield ctx.create_timer(timedelta(milliseconds=20))
            yield ctx.call_entity(one, "add", -1)
            yield ctx.call_entity(other, "add", 1)
            c = yield ctx.call_entity(one, "get")
            d = yield ctx.call_entity(other, "get")
        return [c - a, d - b]

    hub.worker(transfers, counter)
    for name in "ab":
        hub.client.signal_entity(EntityInstanceId("counter", name), "add", 100)
    ids = [hub.client.schedule_new_orchestration(transfers, input=way)
           for way in [["a", "b"], ["b", "a"]] * 5]
    for id in ids:
        assert json.loads(hub.ended(id).serialized_output) == [-1, 1]
    eventually(lambda: state_of(hub, EntityInstanceId("counter", "a")) == 100)
    eventually(lambda: state_of(hub, EntityInstanceId("counter", "b")) == 100)


def case_others_wait_while_it_is_locked(hub):
    def holds(ctx, _):
        id = EntityInstanceId("counter", "held")
        with (yield ctx.lock_entities([id])):
            yield ctx.call_entity(id, "add", 1)
            yield ctx.wait_for_external_event("go")
            return (yield ctx.call_entity(id, "get"))

    hub.worker(holds, counter)
    id = hub.client.schedule_new_orchestration(holds)
    held = EntityInstanceId("counter", "held")
    with hub.raw() as raw:
        def locked_by():
            seen = raw.GetEntity(pb.GetEntityRequest(instanceId=str(held)))
            return seen.entity.lockedBy.value
        eventually(lambda: locked_by() == id)
        eventually(lambda: state_of(hub, held) == 1)
        hub.client.signal_entity(held, "add", 100)
        time.sleep(0.3)
        assert state_of(hub, held) == 1
        hub.client.raise_orchestration_event(id, "go")
        assert json.loads(hub.ended(id).serialized_output) == 1
        eventually(lambda: state_of(hub, held) == 101)
        assert not locked_by()


def case_locks_of_what_was_terminated_are_released(hub):
    def holds(ctx, _):
        with (yield ctx.lock_entities([EntityInstanceId("counter", "orphan")])):
            yield ctx.wait_for_external_event("never")

    hub.worker(holds, counter)
    id = hub.client.schedule_new_orchestration(holds)
    orphan = EntityInstanceId("counter", "orphan")
    with hub.raw() as raw:
        request = pb.GetEntityRequest(instanceId=str(orphan))
        eventually(lambda: raw.GetEntity(request).entity.lockedBy.value == id)
    hub.client.terminate_orchestration(id)
    hub.ended(id)
    hub.client.signal_entity(orphan, "add", 1)
    hub.client.clean_entity_storage()
    eventually(lambda: state_of(hub, orphan) == 1)


def case_scheduled_signals(hub):
    hub.worker(counter)
    id = EntityInstanceId("counter", "later")
    at = datetime.now(timezone.utc) + timedelta(seconds=1)
    hub.client.signal_entity(id, "add", 1, signal_time=at)
    time.sleep(0.3)
    assert state_of(hub, id) is None
    eventually(lambda: state_of(hub, id) == 1)
    assert datetime.now(timezone.utc) >= at
    # The past is now.
    hub.client.signal_entity(id, "add", 1, signal_time=at - timedelta(days=1))
    eventually(lambda: state_of(hub, id) == 2)


def case_orchestrations_schedule_signals(hub):
    def sends(ctx, _):
        ctx.signal_entity(EntityInstanceId("counter", "x"), "add", 7,
                          signal_time=ctx.current_utc_datetime + timedelta(milliseconds=500))
        return ctx.current_utc_datetime.timestamp()
        yield

    hub.worker(sends, counter)
    hub.result(sends)
    id = EntityInstanceId("counter", "x")
    assert state_of(hub, id) is None
    eventually(lambda: state_of(hub, id) == 7)


def case_entities_signal_and_start(hub):
    hub.worker(counter, echo)
    hub.client.signal_entity(EntityInstanceId("counter", "one"), "forward", "two")
    eventually(lambda: state_of(hub, EntityInstanceId("counter", "two")) == 1)
    eventually(lambda: hub.client.get_orchestration_state("born"))
    assert json.loads(hub.ended("born").serialized_output) == "from an entity"


def case_classes_as_entities(hub):
    class Account(DurableEntity):
        def deposit(self, amount):
            self.set_state(self.get_state(int, 0) + amount)
            return self.get_state(int)

    def pays(ctx, _):
        id = EntityInstanceId("Account", "mine")
        yield ctx.call_entity(id, "deposit", 5)
        return (yield ctx.call_entity(id, "deposit", 6))

    hub.worker(pays, Account)
    assert hub.result(pays) == 11


def case_queries_of_entities(hub):
    hub.worker(counter)
    for number in range(7):
        hub.client.signal_entity(EntityInstanceId("counter", f"k{number}"), "add", number + 1)
    hub.client.signal_entity(EntityInstanceId("other", "k"), "add", 1)
    eventually(lambda: len(hub.client.get_all_entities(
        client.EntityQuery(instance_id_starts_with="@counter@"))) == 7)
    found = hub.client.get_all_entities(client.EntityQuery(
        instance_id_starts_with="@counter@k", include_state=True, page_size=2))
    assert [(it.id.key, json.loads(it.get_state())) for it in found] == [
        (f"k{number}", number + 1) for number in range(7)]
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
    assert not hub.client.get_all_entities(client.EntityQuery(last_modified_from=tomorrow))
    with hub.raw() as raw:
        page = raw.QueryEntities(pb.QueryEntitiesRequest(query=pb.EntityQuery(
            instanceIdStartsWith=text("@counter@k"), pageSize=wrappers_pb2.Int32Value(value=3))))
        assert len(page.entities) == 3 and page.continuationToken.value
        assert not page.entities[0].HasField("serializedState")


def case_entities_without_a_state_go_by_themselves(hub):
    hub.worker(counter)
    id = EntityInstanceId("counter", "gone")
    hub.client.signal_entity(id, "add", 1)
    eventually(lambda: state_of(hub, id) == 1)
    hub.client.signal_entity(id, "delete")
    eventually(lambda: not [it for it in hub.client.get_all_entities() if it.id == id])
    cleaned = hub.client.clean_entity_storage()
    assert cleaned.empty_entities_removed == 0 and cleaned.orphaned_locks_released == 0


def case_entities_are_purged_by_their_id(hub):
    hub.worker(counter)
    id = EntityInstanceId("counter", "p")
    hub.client.signal_entity(id, "add", 1)
    eventually(lambda: state_of(hub, id) == 1)
    with hub.raw() as raw:
        # Orchestrations alone are meant: there is none of this id.
        purged = raw.PurgeInstances(pb.PurgeInstancesRequest(
            instanceId=str(id), isOrchestration=True))
        assert purged.deletedInstanceCount == 0
        purged = raw.PurgeInstances(pb.PurgeInstancesRequest(instanceId=str(id)))
        assert purged.deletedInstanceCount == 1
    assert state_of(hub, id) is None


def case_an_entity_does_one_thing_at_a_time(hub):
    def calls(ctx, _):
        id = EntityInstanceId("counter", "busy")
        return (yield task.when_all([ctx.call_entity(id, "add", 1) for _ in range(40)]))

    hub.worker(calls, counter)
    hub.worker(calls, counter)
    ids = [hub.client.schedule_new_orchestration(calls) for _ in range(5)]
    seen = sorted(number for id in ids for number in json.loads(hub.ended(id).serialized_output))
    assert seen == list(range(1, 201))


def case_a_backlog_is_seen(hub):
    id = EntityInstanceId("counter", "slow")
    for _ in range(5):
        hub.client.signal_entity(id, "add", 1)
    with hub.raw() as raw:
        seen = raw.GetEntity(pb.GetEntityRequest(instanceId=str(id)))
        assert seen.entity.backlogQueueSize == 5, seen
        page = raw.QueryEntities(pb.QueryEntitiesRequest(
            query=pb.EntityQuery(includeTransient=True)))
        assert [it.instanceId for it in page.entities] == [str(id)]
        page = raw.QueryEntities(pb.QueryEntitiesRequest(query=pb.EntityQuery()))
        assert not page.entities
    hub.worker(counter)
    eventually(lambda: state_of(hub, id) == 5)


def case_large_states(hub):
    def keeper(entity, input):
        if input is not None:
            entity.set_state(input)
        return len(entity.get_state(str, ""))

    def keeps(ctx, length):
        id = EntityInstanceId("keeper", "k")
        yield ctx.call_entity(id, "set", "x" * length)
        return (yield ctx.call_entity(id, "length"))

    hub.worker(keeps, keeper)
    assert hub.result(keeps, 200_000) == 200_000
