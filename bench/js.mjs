// js.mjs -- the official client, unmodified, as a contestant
//
//   node js.mjs MODE N IN_FLIGHT BASE_URL
//
// MODE: run (answered at once), wait (after 100 ms), once (one call, cold).
// FAL_BENCH_NODE names the folder it is installed in.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [mode, n, inFlight, base] = process.argv.slice(2);
const { createFalClient } = createRequire(process.env.FAL_BENCH_NODE + "/x.js")("@fal-ai/client");

const fal = createFalClient({
  credentials: "a:b",
  requestMiddleware: async (r) => ({ ...r, url: r.url.replace("https://fal.run", base) }),
});
const endpoint = mode === "wait" ? "fal-ai/wait" : "fal-ai/bench";
const input = {
  prompt: "a lighthouse on a cliff above the sea at dawn, long exposure, soft light",
  num_images: 1, seed: 7411903,
};

async function call() {
  const { data } = await fal.run(endpoint, { input });
  if (data.images[0].width !== 1024) throw new Error("a wrong answer");
}

async function calls(count) {
  let started = 0;
  const worker = async () => { while (started++ < count) await call(); };
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, worker));
}

const hwm = () => /VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "latin1"))[1];

if (mode !== "once") await calls(Math.max(Math.floor(n / 5), inFlight));
const wall = performance.now();
const cpu = process.cpuUsage();
await calls(+n);
const { user, system } = process.cpuUsage(cpu);
console.log(`ops=${n} wall=${((performance.now() - wall) / 1e3).toFixed(6)} ` +
  `cpu=${((user + system) / 1e6).toFixed(6)} hwm=${hwm()}`);
process.exit(0);
