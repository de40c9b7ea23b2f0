// What the pages have in common: orders come in, answers and events go out.

import { parentPort } from "node:worker_threads";

// serve carries out orders with clients that open(order, tell) makes: objects with a method for each order, which resolves to what the
// answer tells beyond "ok", or rejects.
export function serve(open) {
  const clients = new Map();
  parentPort.on("message", async ({ n, do: what, client, ...order }) => {
    try {
      if (what === "open") {
        clients.set(client, open(order, (event) => parentPort.postMessage({ ...event, client })));
      }
      const told = what === "open" ? {} : await clients.get(client)[what](order);
      parentPort.postMessage({ n, ok: true, ...told });
    } catch (error) {
      parentPort.postMessage({ n, ok: false, error: error.message, ...("data" in error && { data: error.data }) });
    }
  });
}

// states returns a function that tells a state when it is not the last one told. Nothing comes after "disconnected".
export function states(tell) {
  let last;
  return (state) => {
    if (state !== last && last !== "disconnected") {
      last = state;
      tell({ event: "state", state });
    }
  };
}
