// Callers that ask and hang up with a reset, at once or a little later.
//
//   node leave.mjs PORT PATH AUTHORIZATION BODY COUNT
//
// As many calls as COUNT says, sixteen at a time; then says "left".

import { connect } from "node:net";

const [port, path, authorization, body, count] = process.argv.slice(2);
const ask = `POST ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: ${authorization}\r\n` +
  `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
let begun = 0, open = 0;

function next() {
  if (begun == count) return open == 0 && console.log("left");
  const delay = begun++ % 8 - 2;   // milliseconds; at once when there are none
  const s = connect(Number(port), "127.0.0.1", () => s.write(ask, () => {
    if (delay > 0) setTimeout(() => s.resetAndDestroy(), delay);
    else s.resetAndDestroy();
  }));
  open++;
  s.on("error", () => {});
  s.on("close", () => { open--; next(); });
}

for (let i = 0; i < 16; i++) next();
