// A device with azure-iot-device-mqtt: does everything once, and tells what it sees.
'use strict';
const fs = require('fs');
const readline = require('readline');
const { Readable } = require('stream');
const order = JSON.parse(process.argv[2]);
const modules = process.env.NODE_PATH;
const { Client, Message } = require(`${modules}/azure-iot-device`);
const { Mqtt, MqttWs } = require(`${modules}/azure-iot-device-mqtt`);

const say = (what) => console.log(JSON.stringify(what));
const client = Client.fromConnectionString(order.connection, order.websockets ? MqttWs : Mqtt);

async function main() {
  await client.setOptions({ ca: fs.readFileSync(order.ca, 'utf8') });
  await client.open();
  client.onDeviceMethod('echo', (request, response) => response.send(200, request.payload));
  client.on('message', (message) => {
    const properties = Object.fromEntries(message.properties.propertyList.map((p) => [p.key, p.value]));
    say({ c2d: { body: message.getData().toString(), id: message.messageId, properties } });
    client.complete(message);
  });
  const twin = await client.getTwin();
  // Without a handler, the client does not ask for the news.
  twin.on('properties.desired', (patch) => say({ desired: patch }));
  await new Promise((resolve, reject) =>
    twin.properties.reported.update({ led: { on: true } }, (error) => (error ? reject(error) : resolve()))
  );
  const message = new Message(JSON.stringify({ t: 21.5 }));
  message.messageId = 'm-1';
  message.contentType = 'application/json';
  message.contentEncoding = 'utf-8';
  message.properties.add('a b', '1+1&ü');
  await client.sendEvent(message);
  // Two of the client's blocks.
  const file = Buffer.alloc(5 << 20, 'line of a log\n');
  await client.uploadToBlob('day 1.log', Readable.from([file], { objectMode: false }), file.length);
  say({ ready: true });
  readline.createInterface({ input: process.stdin }).on('line', async (line) => {
    if (JSON.parse(line).do === 'end') {
      await client.close();
      process.exit(0);
    }
  });
}

main().catch((error) => {
  say({ refused: error.name, because: error.message });
  process.exit(0);
});
