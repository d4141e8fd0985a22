// Sends to a device with azure-iothub and takes the feedback; request and answer are JSON.
const { Client } = require("azure-iothub");
const { Amqp } = require("azure-iothub/dist/amqp.js");
const { AmqpWs } = require("azure-iothub/dist/amqp_ws.js");
const { Message } = require("azure-iot-common");
const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));

// Waits for the news of an uploaded file.
async function files(client) {
  const receiver = await new Promise((resolve, reject) =>
    client.getFileNotificationReceiver((error, found) => (error ? reject(error) : resolve(found))));
  const notice = await new Promise((resolve) => receiver.on("message", (message) => {
    receiver.complete(message, () => resolve(JSON.parse(message.data.toString())));
  }));
  console.log(JSON.stringify(notice));
  await client.close();
  process.exit(0);
}

async function main() {
  const transport = asked.websocket ? AmqpWs : Amqp;
  const client = Client.fromConnectionString(asked.connectionString, transport);
  await client.open();
  if (asked.files) return files(client);
  const receiver = await new Promise((resolve, reject) =>
    client.getFeedbackReceiver((error, found) => (error ? reject(error) : resolve(found))));
  const feedback = new Promise((resolve) => receiver.on("message", (message) => {
    receiver.complete(message, () => resolve(JSON.parse(message.data.toString())));
  }));
  const message = new Message(asked.body);
  message.ack = "full";
  message.messageId = "n-1";
  message.expiryTimeUtc = Date.now() + asked.expiresInMs;
  await client.send(asked.device, message);
  let unknown = "";
  try {
    await client.send("nobody", new Message("x"));
  } catch (error) {
    unknown = error.name;
  }
  console.log(JSON.stringify({ feedback: await feedback, unknown }));
  await client.close();
  process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
