// The official @fal-ai/client, unmodified, against `falua serve`.
//
//   node cases.mjs MODULES BASE proxy     through BASE/api/fal/proxy
//   node cases.mjs MODULES BASE native    by fal's own host names, over TLS
//
// Prints {"case": name} for each case that holds, with "error" for one that
// does not, and {"ran": number} at the end. The endpoints are those of ./apps and the preview models.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [modules, base, mode] = process.argv.slice(2);
const require = createRequire(modules + "/");
const { ApiError, ValidationError, createFalClient } = require("@fal-ai/client");

const fal = createFalClient(mode === "native" ? { credentials: "id:secret" } : {
  credentials: "id:secret",
  proxyUrl: { url: base + "/api/fal/proxy", when: "always" },
});

// Sockets know no proxy: the one thing that has to be pointed elsewhere.
if (mode !== "native") {
  const Native = globalThis.WebSocket ?? require("ws");
  globalThis.WebSocket = class extends Native {
    constructor(url, ...rest) {
      super(url.replace("wss://fal.run", base.replace("http", "ws")), ...rest);
    }
  };
} else {
  globalThis.WebSocket ??= require("ws");
}

const SCHNELL = "fal-ai/flux/schnell";
const small = { prompt: "a kite over the sea", image_size: { width: 64, height: 48 }, seed: 7 };
const isPng = (bytes) => Buffer.from(bytes).subarray(1, 4).toString() === "PNG";
const bytesOf = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer());

const rejected = async (promise, type, status) => {
  const e = await promise.then(() => assert.fail("it did not fail"), (err) => err);
  assert.ok(e instanceof type, `${e.name}: ${e.message}`);
  assert.equal(e.status, status);
  return e;
};

const cases = {
  async "run gives data and request id"() {
    const { data, requestId } = await fal.run(SCHNELL, { input: small });
    assert.equal(data.seed, 7);
    assert.match(requestId, /^[0-9a-f-]{36}$/);
    assert.ok(isPng(await bytesOf(data.images[0].url)));
  },

  async "run takes text beyond ASCII"() {
    const { data } = await fal.run(SCHNELL, { input: { ...small, prompt: "çiçek 🪁 \u2028" } });
    assert.equal(data.prompt, "çiçek 🪁 \u2028");
  },

  async "a refused input is a ValidationError with its fields"() {
    const e = await rejected(fal.run(SCHNELL, { input: { num_images: 99 } }), ValidationError, 422);
    assert.deepEqual(e.fieldErrors.map((f) => f.loc.at(-1)).sort(), ["num_images", "prompt"]);
    assert.equal(e.getFieldErrors("prompt")[0].type, "missing");
    assert.ok(e.requestId);
  },

  async "what is not there is an ApiError 404 that can be read"() {
    const e = await rejected(fal.run("acme/nothing", { input: {} }), ApiError, 404);
    assert.match(JSON.stringify(e.body), /nothing/);
    await rejected(fal.queue.submit("acme/nothing", { input: {} }), ApiError, 404);
  },

  async "an endpoint that fails is an ApiError 500 without its insides"() {
    const e = await rejected(fal.run("local/fails", { input: {} }), ApiError, 500);
    assert.doesNotMatch(JSON.stringify(e.body), /inner secret|traceback/);
  },

  async "subscribe by polling: enqueued, statuses, logs, result"() {
    const seen = [];
    let enqueued;
    const { data, requestId } = await fal.subscribe("local/steps", {
      input: { steps: 3 }, logs: true, pollInterval: 50,
      onEnqueue: (id) => { enqueued = id; },
      onQueueUpdate: (s) => seen.push(s),
    });
    assert.equal(enqueued, requestId);
    assert.deepEqual(data, { steps: 3 });
    assert.equal(seen.at(-1).status, "COMPLETED");
    assert.deepEqual(seen.at(-1).logs.map((l) => l.message), ["step 1", "step 2", "step 3"]);
  },

  async "subscribe by streaming: the same, each log line once"() {
    const seen = [];
    const { data } = await fal.subscribe("local/steps", {
      input: { steps: 3 }, logs: true, mode: "streaming", onQueueUpdate: (s) => seen.push(s),
    });
    assert.deepEqual(data, { steps: 3 });
    assert.equal(seen.at(-1).status, "COMPLETED");
    assert.deepEqual(seen.at(-1).logs.map((l) => l.message), ["step 1", "step 2", "step 3"]);
  },

  async "subscribe to what fails throws the endpoint's error"() {
    await rejected(fal.subscribe("local/fails", { input: {}, pollInterval: 50 }), ApiError, 500);
    await rejected(fal.subscribe(SCHNELL, { input: {}, pollInterval: 50 }), ValidationError, 422);
  },

  async "the queue step by step, by request id alone"() {
    const submitted = await fal.queue.submit(SCHNELL, {
      input: small, priority: "low", hint: "here", storageSettings: { expiresIn: "1h" },
    });
    assert.equal(submitted.status, "IN_QUEUE");
    assert.equal(typeof submitted.queue_position, "number");
    for (const name of ["response_url", "status_url", "cancel_url"]) {
      assert.ok(submitted[name].includes("/fal-ai/flux/requests/" + submitted.request_id), submitted[name]);
    }
    const requestId = submitted.request_id;
    const done = await fal.queue.subscribeToStatus(SCHNELL, { requestId, pollInterval: 50 });
    assert.equal(done.status, "COMPLETED");
    assert.ok(done.metrics.inference_time > 0);
    const { data } = await fal.queue.result(SCHNELL, { requestId });
    assert.equal(data.seed, 7);
    assert.ok(isPng(await bytesOf(data.images[0].url)));
    const status = await fal.queue.status(SCHNELL, { requestId, logs: true });
    assert.ok(Array.isArray(status.logs));
  },

  async "statuses as a stream end with COMPLETED"() {
    const { request_id: requestId } = await fal.queue.submit("local/steps", { input: { steps: 2 } });
    const stream = await fal.queue.streamStatus("local/steps", { requestId, logs: true });
    const seen = [];
    stream.on("data", (s) => seen.push(s.status));
    assert.equal((await stream.done()).status, "COMPLETED");
    assert.equal(seen.at(-1), "COMPLETED");
    for (const s of seen) assert.ok(["IN_QUEUE", "IN_PROGRESS", "COMPLETED"].includes(s), s);
  },

  async "cancel stops what runs; what is finished or unknown says so"() {
    const id = "local/waits";
    const { request_id: requestId } = await fal.queue.submit(id, { input: {} });
    const stream = await fal.queue.streamStatus(id, { requestId, logs: false });
    await new Promise((resolve, reject) => {
      stream.on("data", (s) => { if (s.status === "IN_PROGRESS") resolve(); });
      stream.on("error", reject);
    });
    await fal.queue.cancel(id, { requestId });
    const done = await fal.queue.subscribeToStatus(id, { requestId, pollInterval: 50 });
    assert.equal(done.status, "COMPLETED");
    assert.equal(done.error_type, "client_cancelled");
    await rejected(fal.queue.result(id, { requestId }), ApiError, 499);
    await rejected(fal.queue.cancel(id, { requestId }), ApiError, 400);
    const unknown = { requestId: "00000000-0000-4000-8000-000000000000" };
    await rejected(fal.queue.cancel(id, unknown), ApiError, 404);
    await rejected(fal.queue.status(id, unknown), ApiError, 404);
    await rejected(fal.queue.result(id, unknown), ApiError, 404);
  },

  async "a subscribe that takes too long is canceled at the server"() {
    let requestId;
    await fal.subscribe("local/waits", {
      input: {}, timeout: 300, pollInterval: 50, onEnqueue: (id) => { requestId = id; },
    }).then(() => assert.fail("it did not time out"), () => {});
    const done = await fal.queue.subscribeToStatus("local/waits", { requestId, pollInterval: 50 });
    assert.equal(done.error_type, "client_cancelled");
  },

  async "a start timeout is the user's own, and not retried"() {
    const { request_id: requestId } = await fal.queue.submit("local/alone", { input: {} });
    const stream = await fal.queue.streamStatus("local/alone", { requestId, logs: false });
    await new Promise((resolve) => stream.on("data", (s) => { if (s.status === "IN_PROGRESS") resolve(); }));
    const e = await rejected(fal.run("local/alone", { input: {}, startTimeout: 1.1 }), ApiError, 504);
    assert.ok(e.isUserTimeout);
    await fal.queue.cancel("local/alone", { requestId });
  },

  async "a stream brings its events, then the result"() {
    const stream = await fal.stream("local/steps", { input: { steps: 3 } });
    const seen = [];
    stream.on("data", (e) => seen.push(e));
    assert.deepEqual(await stream.done(), { steps: 3 });
    assert.deepEqual(seen, [{ step: 1 }, { step: 2 }, { step: 3 }, { steps: 3 }]);
  },

  async "comments on a stream that is silent are no events"() {
    const stream = await fal.stream("local/silent", { input: {} });
    const seen = [];
    stream.on("data", (e) => seen.push(e));
    assert.deepEqual(await stream.done(), { step: 2 });
    assert.deepEqual(seen, [{ step: 1 }, { step: 2 }]);
    const { data } = await fal.subscribe("local/silent", { input: {}, mode: "streaming" });
    assert.deepEqual(data, { step: 2 });
  },

  async "a stream that is refused throws"() {
    const stream = await fal.stream(SCHNELL, { input: {} }).catch((e) => e);
    const e = stream instanceof Error ? stream : await stream.done().catch((err) => err);
    assert.equal(e.status, 422);
  },

  async "upload in one piece, and back"() {
    const bytes = Buffer.from("some text, çiçek");
    const url = await fal.storage.upload(new File([bytes], "note one.txt", { type: "text/plain" }),
                                         { lifecycle: { expiresIn: "1h" } });
    const answer = await fetch(url);
    assert.match(answer.headers.get("content-type"), /^text\/plain/);
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), bytes);
  },

  async "upload in parts, and back"() {
    const part = Buffer.alloc(1 << 20, "0123456789abcdef");
    const blob = new Blob(Array(95).fill(part), { type: "application/x-test" });
    const url = await fal.storage.upload(blob);
    const back = await bytesOf(url);
    assert.equal(back.length, 95 << 20);
    assert.ok(Buffer.from(back.subarray(-16)).equals(part.subarray(0, 16)));
  },

  async "files in an input are uploaded by themselves"() {
    const { data } = await fal.run("local/echo", { input: { file: new Blob(["hello"], { type: "text/plain" }), n: [1, 2.5] } });
    assert.equal(await (await fetch(data.input.file)).text(), "hello");
    assert.deepEqual(data.input.n, [1, 2.5]);
  },

  async "realtime: results in order, and a close that is no error"() {
    const results = [], errors = [];
    let more = () => {};
    const connection = fal.realtime.connect("local/echo", {
      throttleInterval: 0, connectionKey: "one", onError: (e) => { errors.push(e); more(); },
      onResult: (r) => { results.push(r); more(); },
    });
    const next = () => new Promise((resolve) => { more = resolve; });
    for (let n = 0; n < 5; n++) {
      const came = next();
      connection.send({ n, bytes: new Uint8Array([1, 2, 255]) });
      await came;
    }
    assert.deepEqual(errors, []);
    assert.deepEqual(results.map((r) => r.input.n), [0, 1, 2, 3, 4]);
    assert.deepEqual([...results[4].input.bytes], [1, 2, 255]);
    connection.close();
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.deepEqual(errors, []);
  },

  async "realtime: an endpoint's refusal is an error of the callback"() {
    const e = await new Promise((resolve, reject) => {
      const connection = fal.realtime.connect(SCHNELL, { connectionKey: "two", onError: resolve, onResult: reject });
      connection.send({ num_images: 99 });
    });
    assert.match(e.message, /prompt/);
  },
};

let failed = 0;
for (const [name, body] of Object.entries(cases)) {
  const line = { case: name };
  const limit = new Promise((_, reject) => setTimeout(() => reject(new Error("took longer than 60 s")), 60000).unref());
  try { await Promise.race([body(), limit]); } catch (e) { line.error = e.stack ?? String(e); failed++; }
  console.log(JSON.stringify(line));
}
console.log(JSON.stringify({ ran: Object.keys(cases).length }));
process.exit(failed ? 1 : 0);
