// A device on azure-iot-device-mqtt: telemetry, its twin, a direct method, messages from the cloud.
'use strict';
const fs = require('fs');
const { Client, Message } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');

const client = Client.fromConnectionString(process.env.IOTHUB_DEVICE_CONNECTION_STRING, Mqtt);
let interval = 2;
let timer;
let step = 0;

async function send() {
  const reading = {
    temperature: Number((21 + 4 * Math.sin(step / 10)).toFixed(2)),
    humidity: Number((50 + 10 * Math.cos(step / 10)).toFixed(2)),
  };
  const message = new Message(JSON.stringify(reading));
  message.contentType = 'application/json';
  message.contentEncoding = 'utf-8';
  await client.sendEvent(message);
  step += 1;
  if (step === 1) console.log('sent its first message');
}

function every(seconds) {
  interval = seconds;
  clearInterval(timer);
  timer = setInterval(() => send().catch(fail), interval * 1000);
}

function fail(error) {
  console.error(error.message);
  process.exit(1);
}

async function main() {
  await client.setOptions({ ca: fs.readFileSync(process.env.IOTHUB_CA_FILE, 'utf8') });
  await client.open();
  console.log('connected');
  client.on('message', (message) => {
    console.log(`from the cloud: ${message.getData()}`);
    client.complete(message);
  });
  client.onDeviceMethod('ping', (request, response) => response.send(200, { pong: request.payload }));
  const twin = await client.getTwin();
  const report = (patch) =>
    new Promise((done, failed) =>
      twin.properties.reported.update(patch, (error) => (error ? failed(error) : done()))
    );
  twin.on('properties.desired', (desired) => {
    const wanted = desired.telemetryInterval;
    if (wanted === undefined || wanted === interval) return;
    every(wanted);
    report({ telemetryInterval: { value: wanted, ac: 200, av: desired.$version } }).catch(fail);
    console.log(`sends every ${wanted} s`);
  });
  await report({ language: `Node ${process.versions.node.split('.')[0]}` });
  every(interval);
  await send();
}

main().catch(fail);
