"""What cases need: a task hub with its clients, workers and raw calls."""
import contextlib
import json
import queue
import threading
import time

import grpc
from durabletask import client, task, worker
from durabletask.grpc_options import GrpcWorkerResiliencyOptions
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal import orchestrator_service_pb2_grpc as rpc
from google.protobuf import empty_pb2, timestamp_pb2, wrappers_pb2

Status = client.OrchestrationStatus
TIMEOUT = 40


def text(value):
    return wrappers_pb2.StringValue(value=value)


def status_of(call, *arguments, **named):
    """The code with which a call is refused."""
    try:
        call(*arguments, **named)
    except grpc.RpcError as refused:
        return refused.code().name
    return "OK"


def eventually(condition, within=TIMEOUT):
    """Waits until a condition holds; gives what it gave."""
    end = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, "it never held"
        time.sleep(0.02)


class Hub:
    """A task hub, empty at first."""

    def __init__(self, address, name):
        self.address = address
        self.name = name
        self.metadata = [("taskhub", name)]
        self.open = []
        self.client = self.another_client()

    def another_client(self, name=None):
        made = client.TaskHubGrpcClient(
            host_address=self.address, metadata=[("taskhub", name or self.name)])
        self.open.append(made.close)
        return made

    def worker(self, *functions, start=True, **options):
        """A worker of functions: by their first parameter's name they are what they are."""
        made = worker.TaskHubGrpcWorker(
            host_address=self.address, metadata=self.metadata,
            resiliency_options=GrpcWorkerResiliencyOptions(
                reconnect_backoff_base_seconds=0.2, reconnect_backoff_cap_seconds=0.5),
            **options)
        for function in functions:
            if isinstance(function, type):
                made.add_entity(function)
                continue
            first = function.__code__.co_varnames[0]
            {"ctx": made.add_orchestrator, "_": made.add_activity,
             "activity": made.add_activity, "entity": made.add_entity}[first](function)
        if start:
            made.start()
        self.open.append(made.stop)
        return made

    def run(self, orchestrator, input=None, **options):
        """Starts an orchestration and waits for its end."""
        id = self.client.schedule_new_orchestration(orchestrator, input=input, **options)
        return self.client.wait_for_orchestration_completion(id, timeout=TIMEOUT)

    def result(self, orchestrator, input=None, **options):
        state = self.run(orchestrator, input, **options)
        assert state.runtime_status == Status.COMPLETED, state
        return json.loads(state.serialized_output) if state.serialized_output else None

    def ended(self, id):
        return self.client.wait_for_orchestration_completion(id, timeout=TIMEOUT)

    @contextlib.contextmanager
    def raw(self):
        """The calls themselves."""
        with grpc.insecure_channel(self.address) as channel:
            yield Raw(rpc.TaskHubSidecarServiceStub(channel), self.metadata)

    def close(self):
        threads = [threading.Thread(target=close) for close in reversed(self.open)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


class Raw:
    """Calls with the hub's header."""

    def __init__(self, stub, metadata):
        self.stub = stub
        self.metadata = metadata

    def __getattr__(self, name):
        call = getattr(self.stub, name)
        return lambda request=empty_pb2.Empty(), **named: call(
            request, metadata=self.metadata, **named)

    def work(self, **request):
        """A stream of work, without the pings."""
        stream = self.GetWorkItems(pb.GetWorkItemsRequest(**request))
        return Work(stream)

    def start(self, name, id, **fields):
        return self.StartInstance(pb.CreateInstanceRequest(name=name, instanceId=id, **fields))

    def finish(self, item, *actions, **fields):
        """Answers a turn with actions."""
        return self.CompleteOrchestratorTask(pb.OrchestratorResponse(
            instanceId=item.orchestratorRequest.instanceId, actions=actions,
            completionToken=item.completionToken, **fields))


class Work:
    """Items of a stream as they come, without the pings."""

    def __init__(self, stream):
        self.stream = stream
        self.items = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        try:
            for item in self.stream:
                if item.WhichOneof("request") != "healthPing":
                    self.items.put(item)
        except grpc.RpcError:
            pass

    def next(self, within=10):
        """The next item; None when there is none for a while."""
        try:
            return self.items.get(timeout=within)
        except queue.Empty:
            return None

    def end(self):
        self.stream.cancel()


def complete(id=0, status=pb.ORCHESTRATION_STATUS_COMPLETED, result='"done"', **fields):
    return pb.OrchestratorAction(id=id, completeOrchestration=pb.CompleteOrchestrationAction(
        orchestrationStatus=status, result=text(result), **fields))


def schedule(id, name, input=None, **fields):
    return pb.OrchestratorAction(id=id, scheduleTask=pb.ScheduleTaskAction(
        name=name, input=text(input) if input is not None else None, **fields))
