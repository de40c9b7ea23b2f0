// Drives one published JavaScript client for the scenarios: node driver.mjs cometd-3|cometd-5|cometd-8|cometd-9|faye. README.md has the protocol.
//
// Each browser is a worker with a window and cookies of its own; this thread only passes lines on.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { Worker } from "node:worker_threads";

const library = process.argv[2];
const { name, version } = createRequire(import.meta.url)(`${library}/package.json`);
const script = new URL(name === "faye" ? "faye.mjs" : "cometd.mjs", import.meta.url);
const tell = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const browsers = new Map(); // name -> page
const browserOf = new Map(); // client -> name
const left = []; // pages whose clients have all gone orderly: another browser may have them, which is faster than a new one

class Page {
  clients = new Set();
  #closing = new Map(); // number of the order -> what to do with its answer
  #worker = new Worker(script, { workerData: { library }, stdout: true, stderr: true });

  constructor() {
    for (const stream of [this.#worker.stdout, this.#worker.stderr]) {
      stream.on("data", (text) => process.stderr.write(text));
    }
    this.#worker.on("message", (line) => (this.#closing.get(line.n) ?? tell)(line));
    this.#worker.on("error", (error) => {
      throw error; // a driver that fails ends, so that the test notices
    });
  }

  order(order) {
    this.#worker.postMessage(order);
  }

  // close resolves to whether the client has gone orderly.
  close(order) {
    return new Promise((resolve) => {
      const late = setTimeout(resolve, 500, false);
      this.#closing.set(order.n, ({ ok }) => {
        clearTimeout(late);
        this.#closing.delete(order.n);
        resolve(ok);
      });
      this.order(order);
    });
  }

  terminate() {
    return this.#worker.terminate();
  }
}

function open({ client, browser }) {
  if (!browsers.has(browser)) {
    browsers.set(browser, left.pop() ?? new Page());
  }
  browsers.get(browser).clients.add(client);
  browserOf.set(client, browser);
}

async function close(order) {
  const browser = browserOf.get(order.client);
  const page = browsers.get(browser);
  if (page) {
    browserOf.delete(order.client);
    page.clients.delete(order.client);
    page.spoilt = !(await page.close(order)) || page.spoilt;
    if (page.clients.size === 0 && browsers.delete(browser)) {
      page.spoilt ? await page.terminate() : left.push(page);
    }
  }
  tell({ n: order.n, ok: true });
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
    close(order);
    continue;
  }
  if (order.do === "open") {
    open(order);
  }
  const page = browsers.get(browserOf.get(order.client));
  if (page) {
    page.order(order);
  } else {
    tell({ n: order.n, ok: false, error: `no client ${order.client}` });
  }
}
process.exit();
