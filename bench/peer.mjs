// peer.mjs -- a bare server on Node, to compare 'falua serve' with
//
//   node peer.mjs      prints its port; ends when its input does
//
// Answers every POST with the result of bench/apps/fixed.lua, and sends back
// what comes over a WebSocket (the package ws; FAL_BENCH_NODE names the folder).

import { createServer } from "node:http";
import { createRequire } from "node:module";

const body = JSON.stringify({
  images: [{ url: "https://v3.fal.media/files/b/panda/Vq8tXn2LrZ0cJmW5aHs7K_9d41e6.jpeg", width: 1024, height: 768,
             content_type: "image/jpeg" }],
  timings: { inference: 0.7421 }, seed: 7411903, has_nsfw_concepts: [false],
  prompt: "a lighthouse on a cliff above the sea at dawn, long exposure, soft light",
});

const server = createServer((request, response) => {
  request.resume().on("end", () => {
    const text = request.url.startsWith("/rest/tokens") ? '"aaaa.bbbb.cccc"' : body;
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
    response.end(text);
  });
});

const { WebSocketServer } = createRequire(process.env.FAL_BENCH_NODE + "/x.js")("ws");
new WebSocketServer({ server, perMessageDeflate: false })
  .on("connection", (socket) => socket.on("message", (data, binary) => socket.send(data, { binary })));

server.listen(0, "127.0.0.1", () => console.log(server.address().port));
