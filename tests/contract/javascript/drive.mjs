// Drives a server with the svix SDK beside it; the same task, flow and report as python/drive.py.

import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { ApiException, Svix, Webhook, WebhookVerificationError } from "svix";
import { sweep } from "./sweep.mjs";

const FIRST = "whsec_" + "A".repeat(32);
const SECOND = "whsec_" + "B".repeat(32);
const EXAMPLE = { amount: "9.90" };
const PAYLOAD = { amount: "1.10" };
const PATIENCE = 20_000; // Milliseconds for a delivery; it takes some.
const facts = {};

const task = JSON.parse(readFileSync(0, "utf8"));
const svix = new Svix(task.token, { serverUrl: task.url });

async function receiver() {
  const requests = [];
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      requests.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(200).end();
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}/hook`;
  return { requests, url, close: () => (server.close(), server.closeAllConnections()) };
}

async function refusal(call) {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof ApiException)) throw error;
    const faults = error.code === 422 ? error.body.detail[0].loc : error.body.code;
    return [error.code, faults];
  }
  return null;
}

async function wait(until) {
  const limit = Date.now() + PATIENCE;
  while (!(await until())) {
    if (Date.now() > limit) throw new Error("What was waited for did not come.");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function configure(sink) {
  const schema = { type: "object", examples: [EXAMPLE] };
  const kind = await svix.eventType.create({
    name: "invoice.paid",
    description: "d",
    schemas: { 1: schema },
  });
  const app = await svix.application.getOrCreate({ name: "Kitchen", uid: "kitchen" });
  const same = await svix.application.getOrCreate({ name: "Other", uid: "kitchen" });
  const created = await svix.application.create({ name: "Second", metadata: { k: "v" } });
  const listed = await svix.application.list();
  const endpoint = await svix.endpoint.create(app.id, {
    url: sink.url,
    uid: "sink",
    eventTypes: ["invoice.paid"],
    description: "d",
    metadata: { k: "v" },
    secret: FIRST,
  });
  const page = await svix.endpoint.list(app.id, { limit: 1 });
  Object.assign(facts, {
    event_type: [kind.name, JSON.stringify(kind.schemas) === JSON.stringify({ 1: schema })],
    application: [app.name, app.uid, same.id === app.id, same.name],
    created: [created.name, created.metadata],
    listed: [listed.data.map((row) => row.name), listed.done],
    endpoint: [endpoint.uid, endpoint.description, endpoint.metadata],
    filter: endpoint.eventTypes,
    endpoint_url: endpoint.url === sink.url,
    endpoints: [page.data.map((row) => row.id === endpoint.id), page.done],
    secret: (await svix.endpoint.getSecret(app.id, "sink")).key === FIRST,
  });
  await headersAndSecret(app.id);
  return app.id;
}

async function headersAndSecret(app) {
  const headers = { "X-Color": "blue", Authorization: "s" };
  await svix.endpoint.setHeaders(app, "sink", { headers });
  const shown = await svix.endpoint.getHeaders(app, "sink");
  await svix.endpoint.rotateSecret(app, "sink", { key: SECOND, gracePeriodSeconds: 600 });
  facts.headers = [shown.headers, shown.sensitive];
  facts.rotated = (await svix.endpoint.getSecret(app, "sink")).key === SECOND;
}

async function publish(app) {
  const body = { eventType: "invoice.paid", eventId: "one", payload: PAYLOAD };
  const message = await svix.message.create(app, body, { withContent: true });
  const got = await svix.message.get(app, "one", { withContent: true });
  const listed = await svix.message.list(app, { withContent: true });
  Object.assign(facts, {
    message: [message.eventType, message.eventId, message.payload],
    got: [got.id === message.id, got.payload],
    messages: [listed.data.map((row) => row.eventId), listed.done],
    again: await refusal(() => svix.message.create(app, body)),
  });
  return message.id;
}

function verify({ headers, body }) {
  for (const secret of [FIRST, SECOND]) new Webhook(secret).verify(body, headers);
  facts.verified = JSON.parse(body);
  facts.received = [headers["x-color"], headers.authorization];
  try {
    new Webhook(SECOND).verify(body.replace("1.10", "9.99"), headers);
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    facts.tampered = "refused";
  }
}

async function attempts(app, message, count) {
  let found;
  await wait(async () => {
    found = (await svix.messageAttempt.listByMsg(app, message, { endpointId: "sink" })).data;
    return found.length === count;
  });
  return found;
}

async function read(app, message) {
  const [attempt] = await attempts(app, message, 1);
  const one = await svix.messageAttempt.get(app, message, attempt.id);
  const destinations = await svix.messageAttempt.listAttemptedDestinations(app, message);
  const ofEndpoint = await svix.messageAttempt.listByEndpoint(app, "sink");
  const messages = await svix.messageAttempt.listAttemptedMessages(app, "sink");
  Object.assign(facts, {
    attempt: [attempt.status, attempt.responseStatusCode, attempt.triggerType],
    one_attempt: [one.id === attempt.id, one.msgId === message],
    destinations: destinations.data.map((row) => [row.uid, row.status]),
    attempts_of_endpoint: ofEndpoint.data.map((row) => row.id === attempt.id),
    attempted_messages: messages.data.map((row) => [row.eventId, row.status]),
  });
  return attempt.id;
}

async function again(app, message) {
  await svix.messageAttempt.resend(app, message, "sink");
  const both = await attempts(app, message, 2);
  const stats = await svix.endpoint.getStats(app, "sink");
  const since = new Date(task.times.since);
  const recovery = await svix.endpoint.recover(app, "sink", { since });
  const background = await svix.backgroundTask.get(recovery.id);
  const example = await svix.endpoint.sendExample(app, "sink", { eventType: "invoice.paid" });
  Object.assign(facts, {
    resent: both.map((attempt) => attempt.triggerType).sort(),
    stats: [stats.success, stats.pending, stats.sending, stats.fail],
    recover: [recovery.task, background.id === recovery.id],
    example: example.eventType,
  });
  return recovery.id;
}

async function portal(app) {
  facts.portal = await refusal(async () => {
    const opened = await svix.authentication.appPortalAccess(app, {});
    facts.portal = [opened.url.startsWith("http"), Boolean(opened.token)];
  }) ?? facts.portal;
}

async function main() {
  const sink = await receiver();
  const app = await configure(sink);
  const message = await publish(app);
  await wait(() => sink.requests.length === 1);
  verify(sink.requests[0]);
  const attempt = await read(app, message);
  const taskId = await again(app, message);
  await portal(app);
  facts.unknown = await refusal(() => svix.application.get("nobody"));
  const bad = { url: "http://169.254.169.254/" };
  facts.bad_url = await refusal(() => svix.endpoint.create(app, bad));
  const known = {
    app_id: app, endpoint_id: "sink", msg_id: message, attempt_id: attempt, task_id: taskId,
    event_type_name: "invoice.paid", receiver_url: sink.url, server_url: task.url, unique: "js",
    ...task.times,
  };
  const methods = await sweep(svix, known, task.bodies);
  sink.close();
  const { version } = JSON.parse(
    readFileSync(new URL("node_modules/svix/package.json", import.meta.url)),
  );
  process.stdout.write(JSON.stringify({ version, facts, methods }));
}

await main();
