// An agent's desktop: a page of its own with a published CometD client in it, unchanged. It runs in a worker, because a page has its
// own window and its own cookies, and reports every message that arrives, once, as it came over the wire.

import { parentPort, workerData } from "node:worker_threads";

const { url, cookie, client, transport, topics } = workerData;

// The cookies of the page: what logging in over REST brought, then whatever CometD's responses set.
const cookies = new Map([cookie.split("=")]);
const cookieHeader = () => Array.from(cookies, ([name, value]) => `${name}=${value}`).join("; ");

const { adapt } = await import(client === "3" ? "cometd-nodejs-client-1" : "cometd-nodejs-client-2").then((m) => m.default ?? m);
adapt({
  cookies: {
    storeCookie(uri, header, done) {
      const [name, value] = header.split(";")[0].split("=");
      cookies.set(name.trim(), value.trim());
      done();
    },
    retrieveCookies(context, uri, done) {
      done(null, Array.from(cookies, ([name, value]) => `${name}=${value}`));
    },
  },
});

// A browser sends its cookies with an upgrade; the adapter's WebSocket does not.
window.WebSocket = class extends window.WebSocket {
  constructor(address, protocols) {
    super(address, protocols, { headers: { Cookie: cookieHeader() } });
  }
};

const { CometD } = await import(client === "3" ? "cometd-3" : "cometd-9").then((m) => m.default ?? m);
const cometd = new CometD();
for (const type of cometd.getTransportTypes()) {
  if (type !== transport) {
    cometd.unregisterTransport(type);
  }
}
cometd.configure({ url, logLevel: "error" });

// The disconnect may overtake a connect on its way to the server, which then knows no session. The client aborts the disconnect when it hears of
// that, before it has read that it was successful.
let closing = false;
let overtook = false;

// An extension sees each message once; listeners would see it once per matching subscription.
cometd.registerExtension("record", {
  incoming(message) {
    if (message.channel === "/meta/connect") {
      overtook ||= closing && message.error?.startsWith("402:");
      parentPort.postMessage({ polling: false });
    } else if (!message.channel?.startsWith("/meta/")) {
      parentPort.postMessage({ told: structuredClone(message) });
    }
    return message;
  },
  outgoing(message) {
    if (message.channel === "/meta/connect") {
      parentPort.postMessage({ polling: true });
    }
    return message;
  },
});

const confirmed = (start) =>
  new Promise((resolve, reject) =>
    start((reply) => (reply.successful ? resolve() : reject(new Error(`${reply.channel}: ${reply.error ?? reply.failure?.reason}`)))),
  );

const report = (work, done) =>
  work().then(
    () => parentPort.postMessage({ done }),
    (error) => parentPort.postMessage({ failed: error.message }),
  );

const close = async () => {
  closing = true;
  await confirmed((done) => cometd.disconnect(done)).catch((error) => {
    if (!overtook) {
      throw error;
    }
  });
};

parentPort.on("message", () => report(close, "closed"));

await report(async () => {
  await confirmed((done) => cometd.handshake(done));
  const { type = cometd.getTransport().getType?.() } = cometd.getTransport();
  if (type !== transport) {
    throw new Error(`the client uses ${type} instead of ${transport}`);
  }
  for (const topic of topics) {
    await confirmed((done) => cometd.subscribe(topic, () => {}, done));
  }
}, "ready");
