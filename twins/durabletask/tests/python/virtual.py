"""A server whose time goes from timer to timer, and stands while work is out."""
import time
from datetime import timedelta

from durabletask import task
from durabletask.entities import EntityInstanceId


def case_thirty_days_take_no_time(hub):
    def reminds(_, day):
        return day

    def escalates(ctx, _):
        begun = ctx.current_utc_datetime
        for day in range(30):
            yield ctx.create_timer(timedelta(days=1))
            yield ctx.call_activity(reminds, input=day)
        return (ctx.current_utc_datetime - begun).total_seconds()

    hub.worker(escalates, reminds)
    begun = time.monotonic()
    took = hub.result(escalates)
    assert 30 * 86_400 <= took < 31 * 86_400, took
    assert time.monotonic() - begun < 30


def case_time_stands_while_work_is_out(hub):
    def slow(_, __):
        time.sleep(1)

    def races(ctx, _):
        begun = ctx.current_utc_datetime
        work = ctx.call_activity(slow)
        timer = ctx.create_timer(timedelta(milliseconds=100))
        winner = yield task.when_any([work, timer])
        assert winner == work
        return (ctx.current_utc_datetime - begun).total_seconds()

    hub.worker(races, slow)
    assert hub.result(races) == 0


def case_scheduled_signals_in_a_year(hub):
    def clock(entity, _):
        entity.set_state(entity.get_state(int, 0) + 1)

    def sends(ctx, _):
        id = EntityInstanceId("clock", "k")
        ctx.signal_entity(id, "tick", signal_time=ctx.current_utc_datetime + timedelta(days=365))
        yield ctx.create_timer(timedelta(days=366))
        return (yield ctx.call_entity(id, "tick"))

    hub.worker(sends, clock)
    hub.result(sends)
    found = hub.client.get_entity(EntityInstanceId("clock", "k"))
    assert found.get_state(int) == 2
