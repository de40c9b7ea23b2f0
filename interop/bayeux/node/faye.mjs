// A page with Faye's client in it, unchanged. It shakes hands by POST always, whichever transport it then uses.

import { createRequire } from "node:module";

import { serve, states } from "./serve.mjs";

const { Client } = createRequire(import.meta.url)("faye");

const leave = () => {}; // each client has cookies of its own

serve(({ url, transports, backoff }, tell) => {
  const client = new Client(url, { ...(backoff && { retry: backoff / 1000 }) });
  if (!transports.includes("websocket")) {
    client.disable("websocket");
  }

  const state = states(tell);
  client.on("transport:up", () => state("connected"));
  client.on("transport:down", () => state("broken"));

  const subscriptions = new Map(); // channel -> what the library gave for it
  let transport; // in use
  let extensions; // for the next handshakes
  let first = true;
  let shaken = { resolve() {}, reject() {} }; // who waits for the handshake
  let connects = 0;
  let gone = false;
  const dropped = new Map(); // channel -> who waits for the end of its subscription
  let missing; // channels that are not confirmed again, after a handshake of the library's own

  // The library tells only a part of what happens; its extensions see every message.
  client.addExtension({
    outgoing(message, pass) {
      if (message.channel === "/meta/handshake" && extensions) {
        message.ext = extensions;
      } else if (message.channel === "/meta/connect") {
        // The socket is opened meanwhile, so connects may go by POST until then: the first, which is answered at once, and another.
        transport = message.connectionType;
        if (transport === transports[0] || ++connects > 2) {
          shaken.resolve({ transport });
        }
      }
      pass(message);
    },
    incoming(message, pass) {
      switch (message.channel) {
        case "/meta/handshake":
          if (!message.successful && message.advice?.reconnect === "none") {
            shaken.reject(new Error(message.error));
          }
          missing = message.successful && !first ? new Set(subscriptions.keys()) : undefined;
          first &&= !message.successful;
          break;
        case "/meta/subscribe":
          if (message.successful && missing?.delete(message.subscription) && missing.size === 0) {
            tell({ event: "returned", transport });
          }
          break;
        case "/meta/unsubscribe":
          dropped.get(message.subscription)?.(message);
          break;
      }
      if (message.advice?.reconnect === "none") {
        state("disconnected");
      }
      pass(message);
    },
  });

  const subscribe = async ({ channel }) => {
    const heard = (on, data) => tell({ event: "message", subscription: channel, channel: on, data });
    const subscription = client.subscribe(channel).withChannel(heard);
    subscriptions.set(channel, subscription);
    try {
      await subscription;
    } catch (error) {
      subscriptions.delete(channel);
      throw worded(error);
    }
  };
  const publish = async ({ channel, data }) => {
    try {
      await client.publish(channel, data);
    } catch (error) {
      throw worded(error);
    }
  };
  // The library takes an error of the wire apart.
  const worded = ({ code, params = [], message }) => new Error(code ? `${code}:${params.join(",")}:${message}` : message);

  return {
    handshake({ ext }) {
      extensions = ext;
      return new Promise((resolve, reject) => {
        shaken = { resolve, reject };
        client.connect();
      });
    },
    subscribe,
    listen: subscribe, // it hears only what it has subscribed to
    unsubscribe({ channel }) {
      const subscription = subscriptions.get(channel);
      subscriptions.delete(channel);
      return new Promise((resolve, reject) => {
        dropped.set(channel, (reply) => (reply.successful ? resolve() : reject(new Error(reply.error))));
        subscription.cancel();
      });
    },
    publish,
    async batch({ messages }) {
      await Promise.all(messages.map(publish)); // what is published at once travels in one request
    },
    async disconnect() {
      await client.disconnect();
      gone = true;
      state("disconnected");
    },
    async close() {
      if (!gone && !(await client.disconnect()?.then(() => true))) {
        throw new Error("it may try for ever");
      }
    },
  };
}, leave);
