// The official @fal-ai/server-proxy, unmodified, on Express, as a proxy for
// the specs. It talks to https://fal.run and https://queue.fal.run; there is
// no network here, so this process's fetch is shown where those are.
//
//   node proxyd.mjs NODE_MODULES UPSTREAM
import { createRequire } from "node:module";

const [modules, upstream] = process.argv.slice(2);
const require = createRequire(modules + "/");
const express = require("express");
const proxy = require("@fal-ai/server-proxy/express");

const roles = { "fal.run": "", "queue.fal.run": "/queue", "rest.fal.ai": "/rest" };
const realFetch = globalThis.fetch;
globalThis.fetch = (url, options) => {
  const u = new URL(url);
  if (u.host in roles) url = upstream + roles[u.host] + u.pathname + u.search;
  return realFetch(url, options);
};

const app = express();
app.use(express.json({ limit: "50mb" }));
app.all(proxy.route, proxy.createHandler(), () => {});  // it calls next() when all is sent
const server = app.listen(0, "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}${proxy.route}`);
});
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
process.on("SIGTERM", () => process.exit(0));
