"""A server whose leases are short: what a worker keeps for too long goes to another."""
from support import Status, complete, pb, schedule, status_of


def case_what_is_kept_too_long_is_given_out_again(hub):
    with hub.raw() as raw:
        work = raw.work()
        raw.start("o", "one")
        item = work.next()
        again = work.next()
        assert again.orchestratorRequest.instanceId == "one"
        assert status_of(raw.finish, item, complete()) == "NOT_FOUND"
        raw.finish(again, schedule(0, "a"))
        activity = work.next()
        second = work.next()
        assert second.activityRequest.name == "a"
        assert activity.completionToken != second.completionToken
        raw.CompleteActivityTask(pb.ActivityResponse(completionToken=second.completionToken))
        raw.finish(work.next(), complete(1))
        work.end()
    assert hub.ended("one").runtime_status == Status.COMPLETED
