// Every REST feature of npm azure-iothub, against the hub named on standard input.
// Prints one JSON object of what it saw; the test that starts it judges.
'use strict';
const { readFileSync } = require('fs');
const request = JSON.parse(readFileSync(0, 'utf8'));
const hub = require(request.modules + '/azure-iothub');

const seen = {};
const refused = async (call) => {
  try {
    await call();
    return 'not refused';
  } catch (error) {
    return [error.response ? error.response.statusCode : null, error.constructor.name];
  }
};
const body = (result) => result.responseBody;

async function main() {
  const registry = hub.Registry.fromConnectionString(request.connectionString);

  let made = body(await registry.create({ deviceId: 'js-1', status: 'enabled' }));
  seen.made = [made.deviceId, made.status, made.authentication.symmetricKey.primaryKey.length > 20];
  seen.exists = await refused(() => registry.create({ deviceId: 'js-1' }));
  let updated = body(await registry.update({ deviceId: 'js-1', status: 'disabled', statusReason: 'test' }));
  seen.updated = [updated.status, updated.statusReason];
  await registry.update({ deviceId: 'js-1', status: 'enabled' });
  seen.got = body(await registry.get('js-1')).deviceId;
  seen.missing = await refused(() => registry.get('nobody'));
  seen.listed = body(await registry.list()).map((d) => d.deviceId).filter((id) => id.startsWith('js-'));

  seen.added = (await registry.addDevices([{ deviceId: 'js-2' }, { deviceId: 'js-3' }])).responseBody.isSuccessful;
  seen.addedAgain = await refused(() => registry.addDevices([{ deviceId: 'js-2' }]));
  seen.bulkUpdated = (await registry.updateDevices([{ deviceId: 'js-2', status: 'disabled' }], true)).responseBody.isSuccessful;
  seen.bulkStatus = body(await registry.get('js-2')).status;
  seen.removed = (await registry.removeDevices([{ deviceId: 'js-3' }], true)).responseBody.isSuccessful;
  seen.gone = await refused(() => registry.get('js-3'));
  seen.statistics = (await registry.getRegistryStatistics()).responseBody.totalDeviceCount > 1;

  const module = body(await registry.addModule({ deviceId: 'js-1', moduleId: 'm1', managedBy: 'me' }));
  seen.module = [module.deviceId, module.moduleId, module.managedBy];
  await registry.updateModule({ deviceId: 'js-1', moduleId: 'm1', managedBy: 'you' }, true);
  seen.modules = body(await registry.getModulesOnDevice('js-1')).map((m) => m.managedBy);

  let twin = body(await registry.getTwin('js-1'));
  const stale = twin.etag;
  await twin.update({ tags: { floor: 1 }, properties: { desired: { color: 'red' } } });
  seen.twin = [twin.tags, twin.properties.desired.color, twin.etag !== stale];
  seen.twinStale = await refused(() => registry.updateTwin('js-1', { tags: { floor: 2 } }, stale));
  let moduleTwin = body(await registry.updateModuleTwin('js-1', 'm1', { properties: { desired: { x: 1 } } }, '*'));
  seen.moduleTwin = [moduleTwin.moduleId, moduleTwin.properties.desired.x];

  const query = registry.createQuery("SELECT * FROM devices WHERE startswith(deviceId, 'js-')", 1);
  seen.pages = [];
  while (query.hasMoreResults) {
    const page = await query.nextAsTwin();
    seen.pages.push(page.result.map((t) => t.deviceId));
  }
  const raw = await registry.createQuery('SELECT COUNT() AS n FROM devices.modules').next();
  seen.raw = raw.result;

  const client = hub.Client.fromConnectionString(request.connectionString);
  const method = { methodName: 'echo', payload: { n: 1 }, responseTimeoutInSeconds: 5 };
  const answer = await client.invokeDeviceMethod(request.device, method);
  seen.method = [answer.result.status, answer.result.payload];
  seen.methodOffline = await refused(() => client.invokeDeviceMethod('js-1', { ...method }));
  seen.moduleMethodOffline = await refused(() => client.invokeDeviceMethod('js-1', 'm1', { ...method }));

  const jobs = hub.JobClient.fromConnectionString(request.connectionString);
  const wait = async (id) => {
    for (let n = 0; n < 100; n += 1) {
      const { jobStatus } = await jobs.getJob(id);
      if (['completed', 'failed', 'cancelled'].includes(jobStatus.status)) return jobStatus;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return null;
  };
  const all = "startswith(deviceId, 'js-')";
  await jobs.scheduleTwinUpdate('js-twin', all, { etag: '*', tags: { job: true } }, new Date(), 60);
  const done = await wait('js-twin');
  seen.jobTwin = [done.status, done.deviceJobStatistics.succeededCount, body(await registry.getTwin('js-2')).tags.job];
  const here = `deviceId = '${request.device}'`;
  await jobs.scheduleDeviceMethod('js-method', here, { methodName: 'echo', payload: { j: 1 } }, new Date(), 60);
  seen.jobMethod = (await wait('js-method')).deviceJobStatistics.succeededCount;
  const rows = await registry.createQuery("SELECT * FROM devices.jobs WHERE jobId = 'js-method'").next();
  seen.jobRow = rows.result.map((row) => [row.deviceId, row.status, row.outcome.deviceMethodResponse]);
  await jobs.scheduleTwinUpdate('js-later', '*', { etag: '*' }, new Date('2099-01-01'), 60);
  seen.jobCancelled = (await jobs.cancelJob('js-later')).jobStatus.status;
  const list = await jobs.createQuery('scheduleUpdateTwin', 'completed').next();
  seen.jobList = list.result.map((job) => job.jobId);

  await registry.addConfiguration({ id: 'js-conf', schemaVersion: '1.0', content: {}, targetCondition: '*', priority: 1 });
  seen.configurations = body(await registry.getConfigurations()).map((c) => c.id);
  await registry.removeConfiguration('js-conf');

  const transfer = async (begin) => {
    const plain = (answer) => body(answer) ?? answer;
    const { jobId } = plain(await begin());
    for (let n = 0; n < 200; n += 1) {
      const job = plain(await registry.getJob(jobId));
      if (['completed', 'failed', 'cancelled'].includes(job.status)) return job;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return null;
  };
  seen.exportElsewhere = await refused(() => registry.exportDevicesToBlob('https://x', true));
  const exported = await transfer(() => registry.exportDevicesToBlob(request.blobs, false));
  await registry.delete('js-2');
  const imported = await transfer(() => registry.importDevicesFromBlob(request.blobs, request.blobs));
  seen.transfers = [exported.type, exported.status, imported.type, imported.status];
  seen.imported = body(await registry.getTwin('js-2')).tags.job;

  await registry.removeModule('js-1', 'm1');
  await registry.delete('js-1');
  seen.deleted = await refused(() => registry.get('js-1'));
  console.log(JSON.stringify(seen));
  process.exit(0);
}

main().catch((error) => {
  console.error(error, error.responseBody);
  process.exit(1);
});
