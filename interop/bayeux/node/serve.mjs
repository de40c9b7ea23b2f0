// What the pages have in common: orders come in, answers and events go out.

import { parentPort } from "node:worker_threads";

// serve carries out orders with clients that open(order, tell) makes: objects with a method for each order, which resolves to what the
// answer tells beyond "ok", or rejects. leave is called when the last of them has been closed.
export function serve(open, leave) {
  const clients = new Map();
  const carryOut = async (what, client, order) => {
    switch (what) {
      case "open":
        clients.set(client, open(order, (event) => parentPort.postMessage({ ...event, client })));
        return {};
      case "close":
        await clients.get(client).close();
        clients.delete(client);
        if (clients.size === 0) {
          leave();
        }
        return {};
      default:
        return clients.get(client)[what](order);
    }
  };
  parentPort.on("message", async ({ n, do: what, client, ...order }) => {
    try {
      parentPort.postMessage({ n, ok: true, ...(await carryOut(what, client, order)) });
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
