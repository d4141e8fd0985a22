"""Compares our description of the protocol, given as a file, with the SDK's own."""
import sys

from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf import descriptor_pb2

theirs = descriptor_pb2.FileDescriptorProto()
pb.DESCRIPTOR.CopyToProto(theirs)
ours = descriptor_pb2.FileDescriptorSet()
with open(sys.argv[1], "rb") as file:
    ours.ParseFromString(file.read())
ours = next(file for file in ours.file if file.service)


def messages(all, prefix=""):
    for message in all:
        name = prefix + message.name
        oneofs = [it.name for it in message.oneof_decl]
        for field in message.field:
            of = oneofs[field.oneof_index] if field.HasField("oneof_index") else None
            yield (name, field.number, field.name, field.type, field.type_name.lstrip("."),
                   field.label, of)
        yield (name,)
        yield from messages(message.nested_type, name + ".")


def all_of(file):
    found = set(messages(file.message_type))
    found |= {(it.name, value.name, value.number) for it in file.enum_type for value in it.value}
    for service in file.service:
        found |= {(service.name, it.name, it.input_type.lstrip("."), it.output_type.lstrip("."),
                   it.client_streaming, it.server_streaming) for it in service.method}
    return found | {("package", file.package)}


theirs, ours = all_of(theirs), all_of(ours)
print(f"{len(theirs)} facts")
for what, missing in (("missing", theirs - ours), ("too many", ours - theirs)):
    for it in sorted(map(repr, missing)):
        print(what, it)
sys.exit(theirs != ours or len(theirs) < 500)
