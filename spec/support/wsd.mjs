// fal's realtime and token endpoints for the specs, on Node's `ws` and
// @msgpack/msgpack: nothing here knows of our client.
//
//   node wsd.mjs NODE_MODULES FOLDER
//
// Prints "listening on HTTP HTTPS PROXY ca=FILE": one server in the clear, one
// with TLS that prefers HTTP/2 (its certificate is of an authority made now in
// FOLDER; it is for 127.0.0.1, realtime.test and fal's own names), and an HTTP
// proxy that knows CONNECT and finds every host here, at port 443 that with TLS.
// Ends when standard input does.
//
// An input (MessagePack or JSON) is echoed as { echo: input }, in the same
// kind of frame, unless it has a member "do":
//   close   { code, reason }      a close frame
//   cut                           ends the TCP connection
//   text    { text }              a text frame with that
//   raw     { bytes }             a binary frame with those bytes
//   frames                        raw frames by hand: { hex }
//   parts   { n, size }           a message of n fragments, a ping before each
//                                 but the first; echoes when the pong is here
//   binary  { size }              { bytes: size bytes }, each its index % 251
//   packed  { value }             the input back, as this codec packs it
//   mute                          answers nothing any more, not even a ping
//   url                           the path and the headers of the handshake
// GET /stats tells what happened; POST /control changes what tokens and
// handshakes meet: { token: ..., status: ..., wait: ... }.
import { createRequire } from "node:module";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import net from "node:net";

const [modules, folder] = process.argv.slice(2);
const require = createRequire(modules + "/");
const { WebSocketServer } = require("ws");
const { encode, decode } = require("@msgpack/msgpack");

function certificates() {
  const run = (...args) => execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  run("req", "-x509", ...key, "-subj", "/CN=the specs' authority", "-days", "2",
      "-keyout", "ca.key", "-out", "ca.pem");
  run("req", "-x509", ...key, "-subj", "/CN=127.0.0.1", "-days", "2", "-CA", "ca.pem", "-CAkey", "ca.key",
      "-addext", "subjectAltName=IP:127.0.0.1,DNS:realtime.test,DNS:fal.run,DNS:*.fal.run,DNS:*.fal.ai", "-addext", "basicConstraints=critical,CA:FALSE",
      "-keyout", "server.key", "-out", "server.pem");
  return { key: readFileSync(`${folder}/server.key`), cert: readFileSync(`${folder}/server.pem`) };
}

let stats, control;
const clear = () => {
  stats = { tokens: [], sockets: 0, open: 0, inputs: [], closes: [], alpn: [], connects: [], pings: 0 };
  control = {};
};
clear();

const bytesOf = (n) => Uint8Array.from({ length: n }, (_, i) => i % 251);

const actions = {
  close: (ws, m) => ws.close(m.code, m.reason),
  cut: (ws) => ws._socket.destroy(),
  text: (ws, m) => ws.send(m.text),
  raw: (ws, m) => ws.send(m.bytes),
  frames: (ws, m) => ws._socket.write(Buffer.from(m.hex, "hex")),
  parts: (ws, m) => {
    const whole = encode({ parts: "x".repeat(m.n * m.size) });
    const size = Math.ceil(whole.length / m.n);
    for (let i = 0; i < m.n; i++) {
      if (i > 0) ws.ping("are you there?");
      ws.send(whole.subarray(i * size, (i + 1) * size), { fin: i === m.n - 1 });
    }
    let pongs = 0;
    ws.on("pong", (data) => {
      if (data.toString() === "are you there?" && ++pongs === m.n - 1) ws.send(encode({ pongs }));
    });
  },
  binary: (ws, m) => ws.send(encode({ bytes: bytesOf(m.size) })),
  packed: (ws, m) => ws.send(encode(m.value, { useBigInt64: true })),
  mute: (ws) => { ws._socket.pause(); },
  url: (ws, m, request) => ws.send(encode({ url: request.url, headers: request.headers })),
};

const wss = new WebSocketServer({ noServer: true, maxPayload: 64 << 20 });

function accept(request, socket, head) {
  stats.sockets++;
  stats.alpn.push(socket.alpnProtocol ?? "");
  if (control.status) {
    const body = JSON.stringify({ detail: `no: ${request.url}` });
    const length = control.chunked ? `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
                                   : `Content-Length: ${body.length}\r\n\r\n${body}`;
    socket.write(`HTTP/1.1 ${control.status} No\r\nContent-Type: application/json\r\n${length}`);
    if (control.once) control = {};
    return;
  }
  if (control.answer !== undefined) return socket.write(control.answer);
  wss.handleUpgrade(request, socket, head, (ws) => {
    stats.open++;
    ws.on("message", (data, binary) => {
      const m = binary ? decode(data, { useBigInt64: false }) : JSON.parse(data);
      stats.inputs.push(m?.do ?? m);
      if (m?.do) return actions[m.do](ws, m, request);
      ws.send(binary ? encode({ echo: m }) : JSON.stringify({ echo: m }));
    });
    ws.on("ping", () => stats.pings++);
    ws.on("close", (code, reason) => { stats.open--; stats.closes.push([code, reason.toString()]); });
    ws.on("error", () => {});
    if (control.hello) ws.send(encode(control.hello));
  });
}

function serve(request, response) {
  let body = "";
  request.on("data", (d) => { body += d; });
  request.on("end", () => {
    const reply = (status, value) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(value));
    };
    if (request.url === "/stats") return reply(200, stats);
    if (request.url === "/clear") { clear(); return reply(200, {}); }
    if (request.url === "/control") { control = JSON.parse(body); return reply(200, {}); }
    if (request.method !== "POST" || !request.url.endsWith("/tokens/")) return reply(404, { detail: "not here" });
    stats.tokens.push({ body: JSON.parse(body), authorization: request.headers.authorization });
    const token = control.token === undefined ? `token/of+${stats.tokens.length}` : control.token;
    reply(control.token_status ?? 200, token);
  });
}

const proxy = http.createServer((request, response) => response.writeHead(405).end());
proxy.on("connect", (request, socket) => {
  stats.connects.push(request.url);
  const port = request.url.split(":")[1];
  const up = net.connect(port === "443" ? ports[1] : port, "127.0.0.1", () => {
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    up.pipe(socket).pipe(up);
  });
  up.on("error", () => socket.destroy());
  socket.on("error", () => up.destroy());
});

const plain = http.createServer(serve).on("upgrade", accept);
const tls = http2.createSecureServer({ allowHTTP1: true, ...certificates() }, serve).on("upgrade", accept);
const listen = (s) => new Promise((done) => s.listen(0, "127.0.0.1", () => done(s.address().port)));
const ports = [await listen(plain), await listen(tls), await listen(proxy)];
console.log(`listening on http://127.0.0.1:${ports[0]} https://127.0.0.1:${ports[1]} ` +
            `http://127.0.0.1:${ports[2]} ca=${folder}/ca.pem`);
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
