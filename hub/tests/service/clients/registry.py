"""Every REST feature of azure-iot-hub 2.7, against the hub named on standard input.

Prints one JSON object of what it saw; the test that starts it judges.
"""
import json
import sys
import time

import requests

request = json.loads(sys.stdin.read())
CS = request["connectionString"]

from azure.iot.hub import (
    DigitalTwinClient,
    IoTHubConfigurationManager,
    IoTHubHttpRuntimeManager,
    IoTHubJobManager,
    IoTHubRegistryManager,
)
from azure.iot.hub.models import (
    CloudToDeviceMethod,
    Configuration,
    ConfigurationContent,
    ConfigurationQueriesTestInput,
    ExportImportDevice,
    JobProperties,
    JobRequest,
    QuerySpecification,
    Twin,
    TwinProperties,
)
from azure.iot.hub.protocol.models import AuthenticationMechanism, SymmetricKey
from azure.storage.blob import ContainerClient
from msrest.exceptions import HttpOperationError

seen = {}


def refused(call):
    """Status and code of a refusal."""
    try:
        call()
    except HttpOperationError as error:
        return [error.response.status_code, error.response.headers.get("iothub-errorcode")]
    except Exception as error:  # some operations raise their own kinds
        response = getattr(error, "response", None)
        return [getattr(response, "status_code", None), type(error).__name__]
    return "not refused"


manager = IoTHubRegistryManager.from_connection_string(CS)

# Identities.
key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
second = "YTEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
made = manager.create_device_with_sas("py-1", key, second, "enabled", status_reason="new")
seen["made"] = [made.device_id, made.status, made.status_reason, made.connection_state,
                made.authentication.type, made.authentication.symmetric_key.primary_key == key,
                bool(made.generation_id), bool(made.etag)]
generated = manager.create_device_with_sas("py-2", "", "", "disabled")
seen["generated"] = [len(generated.authentication.symmetric_key.primary_key) > 20, generated.status]
thumb = "a" * 40
x509 = manager.create_device_with_x509("py-x509", thumb, "b" * 64, "enabled")
seen["x509"] = [x509.authentication.type, x509.authentication.x509_thumbprint.primary_thumbprint.lower() == thumb]
ca = manager.create_device_with_certificate_authority("py-ca", "enabled")
seen["ca"] = ca.authentication.type
seen["exists"] = refused(lambda: manager.create_device_with_sas("py-1", key, second, "enabled"))
seen["bad_id"] = refused(lambda: manager.create_device_with_sas("py 1", key, second, "enabled"))
seen["bad_key"] = refused(lambda: manager.create_device_with_sas("py-9", "AAAA", second, "enabled"))
updated = manager.update_device_with_sas("py-1", made.etag, second, key, "enabled", status_reason="changed")
seen["updated"] = [updated.status_reason, updated.etag != made.etag,
                   updated.authentication.symmetric_key.primary_key == second]
seen["stale"] = refused(lambda: manager.update_device_with_sas("py-1", made.etag, key, second, "enabled"))
manager.update_device_with_x509("py-x509", "*", "c" * 40, "d" * 40, "disabled")
seen["x509_disabled"] = manager.get_device("py-x509").status
manager.update_device_with_certificate_authority("py-ca", "*", "disabled")
seen["listed"] = sorted(d.device_id for d in manager.get_devices(100) if d.device_id.startswith("py-"))
seen["top"] = len(manager.get_devices(2))
seen["missing"] = refused(lambda: manager.get_device("nobody"))
manager.delete_device("py-ca")
seen["deleted"] = refused(lambda: manager.get_device("py-ca"))
seen["delete_again"] = refused(lambda: manager.delete_device("py-ca"))
statistics = manager.get_device_registry_statistics()
seen["statistics"] = [statistics.total_device_count, statistics.enabled_device_count, statistics.disabled_device_count]
seen["connected"] = manager.get_service_statistics().connected_device_count

# Modules.
module = manager.create_module_with_sas("py-1", "m1", "me", key, second)
seen["module"] = [module.device_id, module.module_id, module.managed_by, module.authentication.type]
seen["module_exists"] = refused(lambda: manager.create_module_with_sas("py-1", "m1", "me", key, second))
manager.create_module_with_x509("py-1", "m2", "me", thumb, thumb)
manager.create_module_with_certificate_authority("py-1", "m3", "me")
module = manager.update_module_with_sas("py-1", "m1", "you", module.etag, second, key)
seen["module_updated"] = manager.get_module("py-1", "m1").managed_by
seen["modules"] = sorted(m.module_id for m in manager.get_modules("py-1"))
manager.delete_module("py-1", "m3")
seen["module_deleted"] = refused(lambda: manager.get_module("py-1", "m3"))
seen["module_of_nobody"] = refused(lambda: manager.create_module_with_sas("nobody", "m1", "me", key, second))

# Bulk.
def bulk(id, mode, **more):
    keys = AuthenticationMechanism(type="sas", symmetric_key=SymmetricKey(primary_key=key, secondary_key=second))
    return ExportImportDevice(id=id, import_mode=mode, status="enabled", authentication=keys, **more)

result = manager.bulk_create_or_update_devices([bulk(f"bulk-{n}", "create") for n in range(5)])
seen["bulk"] = [result.is_successful, len(result.errors)]
result = manager.bulk_create_or_update_devices([bulk("bulk-0", "create"), bulk("bulk-9", "createOrUpdate"), bulk("nobody", "delete")])
seen["bulk_errors"] = [result.is_successful, sorted([e.device_id, e.error_code] for e in result.errors)]
result = manager.bulk_create_or_update_devices([bulk("bulk-9", "delete"), bulk("bulk-1", "updateTwin", tags={"floor": 1})])
seen["bulk_mixed"] = [result.is_successful, manager.get_twin("bulk-1").tags]

# Twins.
twin = manager.get_twin("py-1")
seen["twin"] = [twin.device_id, twin.tags, twin.properties.desired["$version"], twin.properties.reported["$version"],
                twin.connection_state, twin.authentication_type, twin.version]
patched = manager.update_twin("py-1", Twin(tags={"floor": 2, "room": "a"}, properties=TwinProperties(desired={"interval": 30})), twin.etag)
seen["patched"] = [patched.tags, patched.properties.desired["interval"], patched.properties.desired["$version"],
                   "$lastUpdated" in patched.properties.desired["$metadata"]["interval"], patched.version > twin.version]
seen["twin_stale"] = refused(lambda: manager.update_twin("py-1", Twin(tags={"floor": 3}), twin.etag))
merged = manager.update_twin("py-1", Twin(tags={"room": None}), "*")
seen["merged"] = merged.tags
replaced = manager.replace_twin("py-1", Twin(tags={"only": True}, properties=TwinProperties(desired={"a": [1, {"b": 2}]})), merged.etag)
seen["replaced"] = [replaced.tags, "interval" in replaced.properties.desired, replaced.properties.desired["a"]]
seen["bad_patch"] = refused(lambda: manager.update_twin("py-1", Twin(tags={"a.b": 1}), "*"))
seen["twin_missing"] = refused(lambda: manager.get_twin("nobody"))
mt = manager.get_module_twin("py-1", "m1")
mt = manager.update_module_twin("py-1", "m1", Twin(tags={"m": 1}, properties=TwinProperties(desired={"x": 1})), mt.etag)
seen["module_twin"] = [mt.device_id, mt.module_id, mt.tags, mt.properties.desired["x"]]
mt = manager.replace_module_twin("py-1", "m1", Twin(tags={}, properties=TwinProperties(desired={"y": 2})), "*")
seen["module_twin_replaced"] = ["x" in mt.properties.desired, mt.properties.desired["y"]]

# Queries.
page = manager.query_iot_hub(QuerySpecification(query="SELECT * FROM devices WHERE startswith(deviceId, 'bulk-')"), None, 3)
first = [t.device_id for t in page.items]
rest = manager.query_iot_hub(QuerySpecification(query="SELECT * FROM devices WHERE startswith(deviceId, 'bulk-')"), page.continuation_token, 3)
seen["pages"] = [first, [t.device_id for t in rest.items], rest.continuation_token]
page = manager.query_iot_hub(QuerySpecification(query="SELECT tags.floor AS f, COUNT() AS n FROM devices WHERE is_defined(tags.floor) GROUP BY tags.floor"))
seen["grouped"] = [t.additional_properties for t in page.items]
page = manager.query_iot_hub(QuerySpecification(query="SELECT * FROM devices.modules WHERE moduleId = 'm1'"))
seen["module_query"] = [[t.device_id, t.module_id] for t in page.items]
seen["bad_query"] = refused(lambda: manager.query_iot_hub(QuerySpecification(query="SELECT * FROM devices WHERE")))

# Methods, on the test's own device.
device = request["device"]
answer = manager.invoke_device_method(device, CloudToDeviceMethod(method_name="echo", payload={"n": 1}, response_timeout_in_seconds=5))
seen["method"] = [answer.status, answer.payload]
answer = manager.invoke_device_method(device, CloudToDeviceMethod(method_name="unknown", payload=None, response_timeout_in_seconds=5))
seen["method_unknown"] = [answer.status, answer.payload]
seen["method_offline"] = refused(lambda: manager.invoke_device_method("py-1", CloudToDeviceMethod(method_name="echo", payload={})))
seen["method_nobody"] = refused(lambda: manager.invoke_device_method("nobody", CloudToDeviceMethod(method_name="echo", payload={})))
seen["method_late"] = refused(lambda: manager.invoke_device_method(device, CloudToDeviceMethod(method_name="silent", payload={}, response_timeout_in_seconds=5)))
seen["module_method_offline"] = refused(lambda: manager.invoke_device_module_method("py-1", "m1", CloudToDeviceMethod(method_name="echo", payload={})))

# Jobs.
jobs = IoTHubJobManager.from_connection_string(CS)


def wait(job):
    for _ in range(100):
        state = jobs.get_scheduled_job(job)
        if state.status in ("completed", "failed", "cancelled"):
            return state
        time.sleep(0.05)
    return state


job = jobs.create_scheduled_job("job-twin", JobRequest(job_id="job-twin", type="scheduleUpdateTwin", max_execution_time_in_seconds=60,
    update_twin=Twin(etag="*", properties=TwinProperties(desired={"color": "red"})), query_condition="deviceId IN ['bulk-0', 'bulk-1']"))
state = wait("job-twin")
seen["job_twin"] = [job.type, state.status, state.device_job_statistics.device_count, state.device_job_statistics.succeeded_count,
                    manager.get_twin("bulk-0").properties.desired["color"], "color" in manager.get_twin("bulk-2").properties.desired]
jobs.create_scheduled_job("job-method", JobRequest(job_id="job-method", type="scheduleDeviceMethod", max_execution_time_in_seconds=60,
    cloud_to_device_method=CloudToDeviceMethod(method_name="echo", payload={"j": 1}, response_timeout_in_seconds=5),
    query_condition=f"deviceId = '{device}' OR deviceId = 'py-1'"))
state = wait("job-method")
seen["job_method"] = [state.status, state.device_job_statistics.succeeded_count, state.device_job_statistics.failed_count]
page = manager.query_iot_hub(QuerySpecification(query="SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'job-method'"))
seen["job_rows"] = len(page.items)
jobs.create_scheduled_job("job-later", JobRequest(job_id="job-later", type="scheduleUpdateTwin", start_time="2099-01-01T00:00:00Z", max_execution_time_in_seconds=60,
    update_twin=Twin(etag="*", tags={"never": True}), query_condition="*"))
seen["job_cancelled"] = [jobs.get_scheduled_job("job-later").status, jobs.cancel_scheduled_job("job-later").status]
seen["job_exists"] = refused(lambda: jobs.create_scheduled_job("job-twin", JobRequest(job_id="job-twin", type="scheduleUpdateTwin", update_twin=Twin(etag="*"), query_condition="*")))
seen["job_missing"] = refused(lambda: jobs.get_scheduled_job("nothing"))
# The service answers with an array, which npm's client reads; this client expects an object.
seen["job_query"] = refused(lambda: jobs.query_scheduled_jobs("scheduleUpdateTwin", "completed"))

# Import and export: the container's address works for the hub and for who puts and gets blobs.
blobs = request["blobs"]
container = ContainerClient.from_container_url(blobs)


def lines_of(name):
    return [json.loads(line) for line in container.download_blob(name).readall().decode().splitlines()]


def transfer(**what):
    job = jobs.create_import_export_job(JobProperties(**what))
    for _ in range(200):
        state = jobs.get_import_export_job(job.job_id)
        if state.status in ("completed", "failed", "cancelled"):
            return state
        time.sleep(0.05)
    return state


seen["export_elsewhere"] = refused(lambda: jobs.create_import_export_job(JobProperties(type="export", output_blob_container_uri="https://x/blobs/registry")))
done = transfer(type="export", output_blob_container_uri=blobs, exclude_keys_in_export=False)
lines = lines_of("devices.txt")
mine = {line["id"]: line for line in lines if "moduleId" not in line}
seen["exported"] = [done.type, done.status, done.progress, mine["py-1"]["authentication"]["symmetricKey"]["primaryKey"] == manager.get_device("py-1").authentication.symmetric_key.primary_key,
                    mine["bulk-0"]["properties"]["desired"]["color"], [line["id"] for line in lines if line.get("moduleId") == "m1"]]
transfer(type="export", output_blob_container_uri=blobs, exclude_keys_in_export=True)
hidden = lines_of("devices.txt")
seen["exported_without_keys"] = hidden[0]["authentication"]["symmetricKey"]["primaryKey"]
moved = [dict(mine["bulk-0"], id="moved-0", importMode="create"), dict(mine["bulk-1"], id="moved-1", importMode="create"),
         {"id": "py-1", "importMode": "create"}, {"id": "nobody", "importMode": "delete"}]
text = "\r\n".join(json.dumps(line) for line in moved) + "\r\nnot JSON\r\n"
put = container.upload_blob("devices.txt", text.encode(), overwrite=True)
done = transfer(type="import", input_blob_container_uri=blobs, output_blob_container_uri=blobs)
log = lines_of("importErrors.log")
again = manager.get_device("moved-0").authentication.symmetric_key.primary_key
seen["imported"] = [put.blob_name, done.status, [[line["deviceId"], line["errorCode"]] for line in log],
                    manager.get_twin("moved-0").properties.desired["color"],
                    again == mine["bulk-0"]["authentication"]["symmetricKey"]["primaryKey"]]
seen["imported_from_nothing"] = transfer(type="import", input_blob_container_uri=blobs.replace("registry", "nothing"), output_blob_container_uri=blobs).status
seen["transfers"] = len(jobs.get_import_export_jobs())
seen["blob_without_token"] = requests.get(blobs.split("?")[0] + "/devices.txt").status_code
for name in ("moved-0", "moved-1"):
    manager.delete_device(name)

# Configurations.
configurations = IoTHubConfigurationManager.from_connection_string(CS)
c = configurations.create_configuration(Configuration(id="conf", schema_version="1.0", target_condition="tags.floor = 1", priority=5,
    content=ConfigurationContent(device_content={"properties.desired.x": 1})))
seen["configuration"] = [c.id, c.priority, c.target_condition, bool(c.etag)]
c.priority = 6
seen["configuration_updated"] = configurations.update_configuration(c, c.etag).priority
seen["configurations"] = [x.id for x in configurations.get_configurations(10)]
tested = configurations.test_configuration_queries(ConfigurationQueriesTestInput(target_condition="tags.floor ==", custom_metric_queries={"ok": "SELECT deviceId FROM devices"}))
seen["configuration_tested"] = [bool(tested.target_condition_error), tested.custom_metric_query_errors]
configurations.delete_configuration("conf")
seen["configuration_deleted"] = refused(lambda: configurations.get_configuration("conf"))
seen["applied"] = refused(lambda: configurations.apply_configuration_on_edge_device("py-1", ConfigurationContent()))

# Digital twins.
digital = DigitalTwinClient.from_connection_string(CS)
seen["digital"] = digital.get_digital_twin("py-1")["$dtId"]
digital.update_digital_twin("py-1", [{"op": "add", "path": "/target", "value": 21}])
seen["digital_patched"] = manager.get_twin("py-1").properties.desired["target"]
seen["digital_command"] = digital.invoke_command(device, "echo", {"c": 1})
seen["digital_component"] = digital.invoke_component_command(device, "part", "echo", {"c": 2})

# Feedback of messages to devices.
runtime = IoTHubHttpRuntimeManager.from_connection_string(CS)
seen["feedback"] = runtime.receive_feedback_notification()
seen["feedback_lock"] = refused(lambda: runtime.complete_feedback_notification("00000000-0000-0000-0000-000000000000"))

# The queue of messages to a device.
seen["purged"] = manager.protocol.cloud_to_device_messages.purge_cloud_to_device_message_queue("py-1").total_messages_purged

# Rights.
reader = IoTHubRegistryManager.from_connection_string(request["reader"])
seen["reader"] = [reader.get_device("py-1").device_id, refused(lambda: reader.delete_device("py-1")), refused(lambda: reader.get_twin("py-1"))]
wrong = IoTHubRegistryManager.from_connection_string(request["wrong"])
seen["wrong_key"] = refused(lambda: wrong.get_device("py-1"))

print(json.dumps(seen))
