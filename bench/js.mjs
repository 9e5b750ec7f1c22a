// js.mjs -- the official client, unmodified, as a contestant
//
//   node js.mjs MODE N IN_FLIGHT BASE_URL
//
// The modes are those of fal.lua. FAL_BENCH_NODE names the folder the client is
// installed in. Streams are read by their 'data' events, which is much faster
// than 'for await'; files are opened as blobs, not read whole.

import { createRequire } from "node:module";
import { openAsBlob, readFileSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";

const [mode, count, inFlight, base] = process.argv.slice(2);
const n = +count;
const { createFalClient } = createRequire(process.env.FAL_BENCH_NODE + "/x.js")("@fal-ai/client");

// The client's own hook sends it here; it has none for WebSockets.
const hosts = { "https://fal.run": "", "https://queue.fal.run": "/queue", "https://rest.fal.ai": "/rest" };
const here = (url) => {
  for (const [host, path] of Object.entries(hosts))
    if (url.startsWith(host + "/")) return base + path + url.slice(host.length);
  return url;
};
const Plain = globalThis.WebSocket ?? createRequire(process.env.FAL_BENCH_NODE + "/x.js")("ws");
globalThis.WebSocket = class extends Plain {
  constructor(url) { super(url.replace("wss://fal.run", base.replace("http", "ws"))); }
};

const fal = createFalClient({
  credentials: "a:b",
  requestMiddleware: async (r) => ({ ...r, url: here(r.url) }),
});
const input = {
  prompt: "a lighthouse on a cliff above the sea at dawn, long exposure, soft light",
  num_images: 1, seed: 7411903,
};

const good = ({ data }) => {
  if (data.images[0].width !== 1024) throw new Error("a wrong answer");
  return data;
};
const run = (endpoint) => async () => good(await fal.run(endpoint, { input }));
const subscribe = (options) => async () => good(await fal.subscribe("fal-ai/bench", { input, ...options }));

async function calls(f, total) {
  let started = 0;
  const worker = async () => { while (started++ < total) await f(); };
  await Promise.all(Array.from({ length: Math.min(inFlight, total) }, worker));
}

const hwm = () => /VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "latin1"))[1];

async function measure(warm, f) {
  if (warm > 0) await f(warm);
  const wall = performance.now();
  const cpu = process.cpuUsage();
  await f(n);
  const { user, system } = process.cpuUsage(cpu);
  console.log(`ops=${n} wall=${((performance.now() - wall) / 1e3).toFixed(6)} ` +
    `cpu=${((user + system) / 1e6).toFixed(6)} hwm=${hwm()}`);
}

const measureCalls = (f, cold) =>
  measure(cold ? 0 : Math.max(Math.floor(n / 5), inFlight), (total) => calls(f, total));

async function events(total) {
  let got = 0;
  const stream = await fal.stream(`fal-ai/events/${total}`, { input });
  stream.on("data", (event) => { if (event.index === 41) got++; });
  await stream.done();
  if (got !== total) throw new Error(`events are missing: ${got} of ${total}`);
}

function roundTrips(connection, message, state, total) {
  return new Promise((resolve, reject) => {
    let left = total;
    state.error = reject;
    state.result = (result) => {
      if (result.seed !== 42) reject(new Error("a wrong message"));
      else if (--left === 0) resolve();
      else connection.send(message);
    };
    connection.send(message);
  });
}

async function socket() {
  const state = {};
  const message = { prompt: "x".repeat(60), seed: 42, request_id: "r1" };
  const connection = fal.realtime.connect("fal-ai/bench", {
    throttleInterval: 0, tokenProvider: async () => "aaaa.bbbb.cccc",
    onResult: (result) => state.result(result), onError: (error) => state.error(error),
  });
  await measure(Math.floor(n / 5), (total) => roundTrips(connection, message, state, total));
  connection.close();
}

async function pictures(total) {
  for (let i = 0; i < total; i++) {
    const { url } = (await run("fal-ai/big")()).images[0];
    writeFileSync(process.env.BENCH_OUT, Buffer.from(url.slice(url.indexOf(",") + 1), "base64"));
  }
}

async function uploads(total) {
  for (let i = 0; i < total; i++) await fal.storage.upload(await openAsBlob(process.env.BENCH_FILE));
}

// A batch as a script would do it: submit, wait, fetch the picture, write it.
async function batch(total) {
  const jobs = readFileSync(process.env.BENCH_FILE, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line));
  let next = 0;
  const worker = async () => {
    while (next < total) {
      const i = next++;
      const { data } = await fal.subscribe("fal-ai/quick", { input: jobs[i] });
      const answer = await fetch(data.images[0].url);
      if (!answer.ok) throw new Error("no picture");
      await writeFile(`${process.env.BENCH_OUT}/${i + 1}.png`, Buffer.from(await answer.arrayBuffer()));
    }
  };
  await Promise.all(Array.from({ length: +inFlight }, worker));
}

const modes = {
  run: () => measureCalls(run("fal-ai/bench")),
  wait: () => measureCalls(run("fal-ai/wait")),
  once: () => measure(0, run("fal-ai/bench")),
  subscribe: () => measureCalls(subscribe({ mode: "polling", pollInterval: 100 }), true),
  follow: () => measureCalls(subscribe({ mode: "streaming" }), true),
  events: () => measure(Math.floor(n / 4 / 512) * 512, events),
  socket,
  picture: () => measure(Math.floor(n / 5) + 1, pictures),
  upload: () => measure(0, uploads),
  batch: () => measure(0, batch),
};
await modes[mode]();
process.exit(0);
