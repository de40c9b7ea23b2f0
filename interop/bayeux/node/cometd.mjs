// A page with CometD's client in it, unchanged, in the environment that CometD's own adapter makes, and with script elements.

import { workerData } from "node:worker_threads";

import { addScripts } from "./scripts.mjs";
import { serve, states } from "./serve.mjs";

const { library } = workerData;
const load = (module) => import(module).then((m) => m.default ?? m);

const { adapt } = await load(library === "cometd-9" ? "cometd-nodejs-client-2" : "cometd-nodejs-client-1");
const cookies = new Map(); // of the page: host -> name -> "name=value"
const storeCookie = (hostname, header) => {
  const pair = header.split(";")[0].trim();
  cookies.set(hostname, { ...cookies.get(hostname), [pair.split("=")[0]]: pair });
};
const cookiesOf = (hostname) => Object.values(cookies.get(hostname) ?? {});
adapt({
  cookies: {
    storeCookie({ hostname }, header, done) {
      storeCookie(hostname, header);
      done();
    },
    retrieveCookies(context, { hostname }, done) {
      done(null, cookiesOf(hostname));
    },
  },
});

// A browser sends its cookies with an upgrade; the adapter's WebSocket does not.
window.WebSocket = class extends window.WebSocket {
  constructor(address, protocols) {
    super(address, protocols, { headers: { Cookie: cookiesOf(new URL(address).hostname).join("; ") } });
  }
};
const dropScripts = addScripts();
const { CometD } = await load(library);
const ack = await load(`${library}/AckExtension.js`);
const AckExtension = ack.AckExtension ?? ack;

const typeOf = (transport) => transport?.type ?? transport?.getType();
const reason = (reply) => reply.error ?? reply.failure?.reason ?? JSON.stringify(reply.failure ?? {});

// confirmed resolves to the reply that start's callback gets.
const confirmed = (start) =>
  new Promise((resolve, reject) =>
    start((reply) => (reply.successful ? resolve(reply) : reject(Object.assign(new Error(reason(reply)), "data" in reply && { data: reply.data })))),
  );

const leave = () => {
  cookies.clear();
  dropScripts();
};

serve((settings, tell) => {
  const cometd = new CometD();
  for (const type of cometd.getTransportTypes()) {
    if (!settings.transports.includes(type)) {
      cometd.unregisterTransport(type);
    }
  }
  settings.transports.forEach((type, index) => {
    const transport = cometd.findTransport(type);
    cometd.unregisterTransport(type);
    cometd.registerTransport(type, transport, index);
  });
  if (settings.ack) {
    cometd.registerExtension("ack", new AckExtension());
  }
  const { url, cookie, maxNetworkDelay, backoff, maxBackoff } = settings;
  if (cookie) {
    storeCookie(new URL(url).hostname, cookie);
  }
  cometd.configure({
    url,
    logLevel: "warn",
    ...(maxNetworkDelay && { maxNetworkDelay, connectTimeout: maxNetworkDelay }),
    ...(backoff && { backoffIncrement: backoff }),
    ...(maxBackoff && { maxBackoff }),
  });

  const state = states(tell);
  const perhapsEnded = () => setImmediate(() => cometd.isDisconnected() && state("disconnected"));
  let why; // the last connect failed
  cometd.addListener("/meta/connect", (reply) => {
    state(reply.successful ? "connected" : "broken");
    why = reply.successful ? undefined : reason(reply);
    perhapsEnded();
  });
  cometd.addListener("/meta/disconnect", perhapsEnded); // the server's, without a connect under way

  const heard = (subscription) => ({ channel, data }) => tell({ event: "message", subscription, channel, data });
  const subscriptions = new Map(); // channel -> what the library gave for it
  const subscribe = (channel) => confirmed((done) => subscriptions.set(channel, cometd.subscribe(channel, heard(channel), done)));
  const publish = ({ channel, data }) => confirmed((done) => cometd.publish(channel, data, done));

  return {
    handshake({ ext }) {
      let first = true;
      return new Promise((resolve, reject) =>
        // The library calls this after each handshake, also of its own accord.
        cometd.handshake({ ...(ext && { ext }) }, (reply) => {
          const transport = typeOf(cometd.getTransport());
          if (!reply.successful) {
            setImmediate(() => cometd.isDisconnected() && reject(new Error(reason(reply)))); // else it tries again
          } else if (first) {
            first = false;
            resolve({ transport });
          } else {
            cometd.batch(() =>
              Promise.all([...subscriptions.keys()].map(subscribe)).then(
                () => tell({ event: "returned", transport, why }),
                () => {}, // the next handshake does it
              ),
            );
          }
        }),
      );
    },
    async subscribe({ channel }) {
      await subscribe(channel).catch((error) => {
        subscriptions.delete(channel);
        throw error;
      });
    },
    async unsubscribe({ channel }) {
      const subscription = subscriptions.get(channel);
      subscriptions.delete(channel);
      await confirmed((done) => cometd.unsubscribe(subscription, done));
    },
    listen({ channel }) {
      cometd.addListener(channel, heard(channel));
    },
    async publish(message) {
      await publish(message);
    },
    async batch({ messages }) {
      let all;
      cometd.batch(() => (all = Promise.all(messages.map(publish))));
      await all;
    },
    async call({ channel, data }) {
      const reply = await confirmed((done) => cometd.remoteCall(channel.replace(/^\/service\//, ""), data, done));
      return { data: reply.data };
    },
    async disconnect() {
      await confirmed((done) => cometd.disconnect(done));
      state("disconnected");
    },
    async close() {
      if (!cometd.isDisconnected()) {
        await confirmed((done) => cometd.disconnect(done));
      }
    },
  };
}, leave);
