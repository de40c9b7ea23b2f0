// The people of the story: agents, over REST and a desktop of their own, and customers, over form-encoded REST.

import { Worker } from "node:worker_threads";

const patience = 10_000; // for one thing to happen, in ms, unless it is known to take longer

export class Agent {
  told = []; // every message, in order of arrival
  answers = []; // what each request was answered with
  chatter = ""; // what the desktop's console says
  #server;
  #name;
  #cookie;
  #desktop;
  #polling = false; // a connect is under way
  #arrived = () => {};

  constructor(server, name) {
    this.#server = server;
    this.#name = name;
  }

  // logIn gets the cookie as desktops do, by reading the own user with Basic authentication, and returns the user.
  async logIn(password) {
    const response = await fetch(`${this.#server}/api/v2/me?subresources=*`, {
      headers: { Authorization: "Basic " + Buffer.from(`${this.#name}:${password}`).toString("base64") },
    });
    const body = await response.json();
    this.#cookie = response.headers.getSetCookie().map((c) => c.split(";")[0]).find((c) => c.startsWith("JSESSIONID="));
    if (response.status !== 200 || body.statusCode !== 0 || !this.#cookie) {
      throw new Error(`${this.#name} cannot log in: HTTP ${response.status} ${JSON.stringify(body)}, cookie ${this.#cookie}`);
    }
    return body.user;
  }

  // openDesktop shakes hands and subscribes; it resolves when every subscription is confirmed.
  async openDesktop(client, transport, topics) {
    this.#desktop = new Worker(new URL("desktop.mjs", import.meta.url), {
      workerData: { url: `${this.#server}/api/v2/notifications`, cookie: this.#cookie, client, transport, topics },
      stdout: true,
      stderr: true,
    });
    for (const stream of [this.#desktop.stdout, this.#desktop.stderr]) {
      stream.on("data", (text) => (this.chatter += text));
    }
    this.#desktop.on("message", ({ told, polling = this.#polling }) => {
      this.#polling = polling;
      if (told) {
        this.told.push(told);
      }
      this.#arrived();
    });
    await this.#desktopIs("ready");
  }

  // closeDesktop disconnects as a desktop should.
  async closeDesktop() {
    this.#desktop.postMessage("close");
    await this.#desktopIs("closed");
  }

  #desktopIs(state) {
    return new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`${this.#name}'s desktop is not ${state}: ${why}`));
      const late = setTimeout(fail, patience, "it takes too long");
      this.#desktop.once("error", fail);
      this.#desktop.on("message", ({ done, failed }) => {
        if (done === state || failed) {
          clearTimeout(late);
          failed ? fail(failed) : resolve();
        }
      });
    });
  }

  // givesBackChats rejects what the agent has been offered. This is no part of the story.
  async givesBackChats() {
    const { chats } = await this.looksUp("/me/chats?fields=*");
    for (const { id } of chats) {
      const before = this.told.length;
      await this.#request("POST", `/me/chats/${id}`, '{"operationName":"Reject"}');
      await this.hears((told) => told.length > before);
    }
  }

  // leaves ends what may be left, whatever has become of it, so that the next story finds nothing.
  async leaves() {
    if (this.#cookie) {
      await this.#request("POST", "/me", '{"operationName":"EndContactCenterSession"}').catch(() => {});
    }
    await this.#desktop?.terminate();
  }

  // hears resolves when what has been told is enough. When it never is, it resolves all the same: the comparison with what was to be
  // told says what is missing.
  async hears(enough, wait = patience) {
    const late = Date.now() + wait;
    while (!enough(this.told) && Date.now() < late) {
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, late - Date.now());
        this.#arrived = () => (clearTimeout(timer), resolve());
      });
    }
  }

  // isPolling resolves when the desktop has asked for more.
  async isPolling() {
    await this.hears(() => this.#polling);
  }

  // does posts an operation, keeps the answer, and waits for the messages that it causes: count of those that are about the matter.
  async does(path, operation, parameters = {}, count = 0, about = () => true) {
    const before = this.told.filter(about).length;
    const answer = await this.#request("POST", path, JSON.stringify({ operationName: operation, ...parameters }));
    this.answers.push({ request: operation, ...answer });
    await this.hears((told) => told.filter(about).length >= before + count);
  }

  // looksUp reads what is no part of the story.
  async looksUp(path) {
    return (await this.#request("GET", path)).body;
  }

  async reads(path) {
    this.answers.push({ request: `GET ${path}`, ...(await this.#request("GET", path)) });
  }

  async #request(method, path, body) {
    const response = await fetch(`${this.#server}/api/v2${path}`, {
      method,
      body,
      headers: { Cookie: this.#cookie, ...(body && { "Content-Type": "application/json" }) },
    });
    return { status: response.status, body: await response.json() };
  }
}

export class Customer {
  answers = [];
  chatId = "";
  #service;
  #key = "";

  constructor(server, service) {
    this.#service = `${server}/genesys/2/chat/${service}`;
  }

  async requestsChat(parameters) {
    const body = await this.#post("request chat", "", parameters);
    this.chatId = body.chatId;
    this.#key = body.secureKey;
    return body;
  }

  does(operation, parameters = {}) {
    return this.#post(operation, `/${this.chatId}/${operation}`, { secureKey: this.#key, ...parameters });
  }

  async #post(request, path, parameters) {
    const response = await fetch(this.#service + path, { method: "POST", body: new URLSearchParams(parameters) });
    const body = await response.json();
    this.answers.push({ request, status: response.status, body });
    return body;
  }
}
