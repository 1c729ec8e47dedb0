"""A sensor written from the proto alone, by its generated code: what any other language can do.

Usage: client.py ADDRESS API_KEY; prints one line of JSON per step.
"""
import json
import sys
import time
import uuid

import grpc
from google.protobuf import struct_pb2
from trapperkeeper.sensor.v1 import sensor_api_pb2 as pb
from trapperkeeper.sensor.v1 import sensor_api_pb2_grpc as api

address, key = sys.argv[1], sys.argv[2]
stub = api.SensorAPIStub(grpc.insecure_channel(address))


def say(step, **facts):
    print(json.dumps({"step": step, **facts}), flush=True)


def uuid7():
    data = bytearray(int(time.time() * 1000).to_bytes(6, "big") + uuid.uuid4().bytes[6:])
    data[6] = 0x70 | (data[6] & 0x0F)
    return str(uuid.UUID(bytes=bytes(data)))


def sync(*metadata):
    answer, call = stub.SyncRules.with_call(
        pb.SyncRulesRequest(tags=["production"]), metadata=(("x-api-key", key), *metadata), timeout=10
    )
    return answer, dict(call.initial_metadata())


answer, metadata = sync()
rule = answer.rules[0]
say("sync", rules=[each.name for each in answer.rules], etag=answer.etag, header=metadata["x-etag"])

same, metadata = sync(("if-none-match", answer.etag))
say("unchanged", bytes=same.ByteSize(), header=metadata["x-etag"], notModified=metadata["x-not-modified"])

event = pb.Event(
    event_id=uuid7(),
    rule_id=rule.rule_id,
    rule_version=rule.version,
    action=rule.action,
    match_kind=pb.MATCH_KIND_VALUE,
    matched_path=pb.FieldPath(segments=[pb.PathSegment(field_name="temperature")]),
    matched_value_json="120",
    record_json=b'{"temperature":120}',
)
event.client_timestamp.GetCurrentTime()


def report(*events):
    request = pb.ReportEventsRequest(sensor_id=uuid7(), events=events)
    request.client_timestamp.GetCurrentTime()
    told = stub.ReportEvents(request, metadata=(("x-api-key", key),), timeout=10)
    return {
        "accepted": told.accepted_count,
        "rejected": told.rejected_count,
        "duplicates": told.duplicate_count,
        "codes": [pb.EventCode.Name(each.code) for each in told.results],
        "statuses": [pb.EventStatus.Name(each.status) for each in told.results],
    }


say("report", id=event.event_id, **report(event))
say("again", **report(event))

# What a client of the first protocol sends: only fields below 100.
payload = struct_pb2.Struct()
payload.update({"temperature": 130})
original = pb.Event(event_id=uuid7(), payload=payload, metadata={"batch": "7"})
original.client_timestamp.GetCurrentTime()
say("original", id=original.event_id, **report(original))

try:
    stub.SyncRules(pb.SyncRulesRequest(), timeout=10)
except grpc.RpcError as error:
    say("no key", code=error.code().name, message=error.details())
