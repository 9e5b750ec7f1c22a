// A receiver of webhooks for the specs. What comes is told as JSON values, one
// a line; /ok answers 200, /slow/N does so N milliseconds late, /flaky/N fails N times for each request first, and
// /status/N always answers N. It ends with its standard input.

import { createServer } from "node:http";

const seen = new Map();

const server = createServer((req, res) => {
  const parts = [];
  req.on("data", (d) => parts.push(d));
  req.on("end", () => {
    const [, kind, n] = req.url.split("/");
    const id = req.headers["x-fal-webhook-request-id"];
    const times = (seen.get(id) ?? 0) + 1;
    seen.set(id, times);
    const status = kind === "status" ? Number(n) : kind === "flaky" && times <= Number(n) ? 503 : 200;
    console.log(JSON.stringify({
      path: req.url, status, times, headers: req.headers, body: Buffer.concat(parts).toString(),
    }));
    setTimeout(() => res.writeHead(status).end(), kind === "slow" ? Number(n) : 0);
  });
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
