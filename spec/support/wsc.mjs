// A WebSocket client for the specs, on Node's `ws`.
//
//   node wsc.mjs MODULES URL [AUTHORIZATION] < steps
//
// Steps are JSON values, one a line, done in order: {"send": text}, {"pack":
// value} (MessagePack), {"want": n} waits for n more frames, {"close": code}
// or {"close": null} for a close without a code, {"shell": command} waits for
// that, {"hold": true} for the end. What happens is told as JSON values, one a line.

import { execSync } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [modules, url, authorization] = process.argv.slice(2);
const require = createRequire(modules + "/");
const WebSocket = require("ws");
const { decode, encode } = require("@msgpack/msgpack");

const tell = (what) => process.stdout.write(JSON.stringify(what, (_, v) =>
  v instanceof Uint8Array || v?.type === "Buffer" ? { bytes: (v.data ?? v).length } : v) + "\n");

const ws = new WebSocket(url, { headers: authorization ? { authorization } : {} });
let frames = 0, wanted = 0, more = () => {};
const ended = new Promise((resolve) => {
  ws.on("close", (code, reason) => {
    tell({ closed: code, reason: reason.toString() });
    resolve();
    more();
  });
});

ws.on("unexpected-response", (_, res) => {
  let body = "";
  res.on("data", (d) => { body += d; });
  res.on("end", () => {
    tell({ refused: res.statusCode, body });
    process.exit(0);
  });
});
ws.on("error", (e) => tell({ error: e.message }));
ws.on("message", (data, binary) => {
  frames++;
  if (!binary) tell({ text: data.toString() });
  else tell({ packed: decode(data), bytes: data.length });
  if (frames >= wanted) more();
});
ws.on("ping", () => tell({ ping: true }));

await new Promise((resolve) => { ws.on("open", resolve); ws.on("close", resolve); });
for await (const line of createInterface({ input: process.stdin })) {
  const step = JSON.parse(line);
  if ("send" in step) ws.send(step.send);
  else if ("pack" in step) ws.send(encode(step.pack));
  else if ("close" in step) { if (step.close === null) ws.close(); else ws.close(step.close); }
  else if ("want" in step) {
    wanted += step.want;
    if (frames < wanted && ws.readyState === WebSocket.OPEN) {
      await new Promise((resolve) => { more = resolve; });
    }
  }
  else if ("shell" in step) execSync(step.shell);
  else if ("hold" in step) await ended;
}
await ended;
