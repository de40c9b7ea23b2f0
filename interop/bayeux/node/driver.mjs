// Drives one published JavaScript client for the scenarios: node driver.mjs cometd-3|cometd-5|cometd-8|cometd-9|faye. README.md has the protocol.
//
// Each browser is a worker with a window and cookies of its own; this thread only passes lines on.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { Worker } from "node:worker_threads";

const library = process.argv[2];
const { name, version } = createRequire(import.meta.url)(`${library}/package.json`);
const page = new URL(name === "faye" ? "faye.mjs" : "cometd.mjs", import.meta.url);
const tell = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const browsers = new Map(); // name -> { worker, clients: a Set of names }
const browserOf = new Map(); // client -> name

function open({ client, browser }) {
  if (!browsers.has(browser)) {
    const worker = new Worker(page, { workerData: { library }, stdout: true, stderr: true });
    for (const stream of [worker.stdout, worker.stderr]) {
      stream.on("data", (text) => process.stderr.write(text));
    }
    worker.on("message", tell);
    worker.on("error", (error) => {
      throw error; // a driver that fails ends, so that the test notices
    });
    browsers.set(browser, { worker, clients: new Set() });
  }
  browsers.get(browser).clients.add(client);
  browserOf.set(client, browser);
}

// A client alone cannot be silenced without a word to the server, but its page can be closed.
async function close(client) {
  const browser = browserOf.get(client);
  browserOf.delete(client);
  const { worker, clients } = browsers.get(browser) ?? {};
  clients?.delete(client);
  if (clients?.size === 0) {
    browsers.delete(browser);
    await worker.terminate();
  }
}

tell({
  event: "ready",
  library: `${name} ${version}`,
  transports: ["long-polling", "websocket", ...(name === "faye" ? [] : ["callback-polling"])],
  can: ["publish", "wildcard", "fallback", "return", "tell", "restart", ...(name === "faye" ? [] : ["ack", "call", "cookies", "hang-up"])],
});

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  if (order.do === "close") {
    close(order.client).then(() => tell({ n: order.n, ok: true }));
    continue;
  }
  if (order.do === "open") {
    open(order);
  }
  const browser = browsers.get(browserOf.get(order.client));
  if (browser) {
    browser.worker.postMessage(order);
  } else {
    tell({ n: order.n, ok: false, error: `no client ${order.client}` });
  }
}
process.exit();
