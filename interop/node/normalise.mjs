// What differs from run to run is checked for its form and replaced by a name, so that the rest can be compared to the letter:
// ids, keys, times, reference numbers, the server's address. The same value always gets the same name, and two values never share one.

import assert from "node:assert/strict";

export class Normaliser {
  #names = new Map(); // value -> name
  #times = new Map(); // "<chat> index" -> ms: both sides must tell the same time [customer-api 7.1]
  #base;
  #firstReference;

  // user is what GET /me told; its uri shows the prefix of all uris [agent-api 1.2].
  constructor(user) {
    assert.ok(user.uri.endsWith(user.path), `user.uri ${user.uri} does not end in user.path ${user.path}`);
    this.#base = user.uri.slice(0, -user.path.length);
    assert.match(this.#base, /^https?:\/\/[^/]+\/api\/v2$/, "the prefix of uris");
  }

  user(user) {
    assert.match(user.id, /^[0-9a-f]{32}$/, "a user id [agent-api 1.9]");
    this.#name(user.id, `<user:${user.userName}>`);
  }

  queue({ id, name }) {
    assert.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, "a queue id [agent-api 1.9]");
    this.#name(id, `<queue:${name}>`);
  }

  chat(id, label) {
    assert.match(id, /^[0-9A-Za-z]{16,17}$/, "a chat id [agent-api 1.9]");
    this.#name(id, `<chat:${label}>`);
  }

  // notification normalises a message of CometD.
  notification(message) {
    const about = message.data?.chat?.id ?? message.data?.chatPath?.split("/").at(-1);
    return this.#walk(message, { chat: about });
  }

  // answer normalises a REST answer of either API; chat is the id of the chat asked about.
  answer({ request, status, body }, chat) {
    return { request: this.#text(request), status, body: this.#walk(body, { chat }) };
  }

  #walk(value, context, key = "") {
    if (Array.isArray(value)) {
      const list = value.map((item) => this.#walk(item, context, key));
      // The order of participants has no meaning [agent-api 3.2].
      return key === "participants" ? list.sort((a, b) => (a.id < b.id ? -1 : 1)) : list;
    }
    if (value !== null && typeof value === "object") {
      this.#relations(value, context);
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, key === "userData" ? v : this.#walk(v, context, k)]));
    }
    return this.#scalar(value, context, key);
  }

  // relations checks what one value of an object says about another, and names participants.
  #relations(o, context) {
    if ("timestamp" in o || "timestampSeconds" in o) {
      assert.equal(milliseconds(o.timestamp), o.timestampSeconds, "timestamp and timestampSeconds are the same instant [agent-api 5.2.4]");
    }
    if ("index" in o) {
      const event = `${context.chat} ${o.index}`;
      const at = o.timestampSeconds ?? o.utcTime;
      assert.equal(at, this.#times.get(event) ?? at, `the time of event ${event} is the same for all [customer-api 7.1]`);
      this.#times.set(event, at);
    }
    if ("receivedDate" in o) {
      const at = this.#times.get(`${o.id} received`) ?? o.receivedDate;
      assert.equal(o.receivedDate, at, "receivedDate does not change");
      this.#times.set(`${o.id} received`, at);
    }
    if ("participantId" in o && typeof o.participantId === "string") {
      this.#participant(o.participantId, o.nickname, context.chat);
    }
    if (o.userId && o.messages?.[0]?.type === "ParticipantJoined" && o.messages[0].from.type === "Client") {
      this.#participant(o.userId, o.messages[0].from.nickname, context.chat); // = the participantId agents see [customer-api 1.6]
    }
  }

  #participant(id, nickname, chat) {
    assert.match(id, /^[0-9A-F]{16}$/, "a participant id [agent-api 1.9]");
    this.#name(id, `<participant:${nickname} in ${this.#label(chat)}>`);
  }

  #scalar(value, context, key) {
    switch (key) {
      case "timestamp":
      case "receivedDate":
        milliseconds(value);
        return "<time>";
      case "timestampSeconds":
      case "utcTime":
        assert.ok(Number.isInteger(value) && String(value).length === 13, `${key} ${value}: milliseconds, 13 digits [agent-api 5.2.4]`);
        return "<time>";
      case "secureKey":
        assert.match(value, /^[0-9a-f]{32}$/, "a secureKey [customer-api 1.6]");
        return this.#name(value, `<key of ${this.#label(context.chat)}>`);
      case "referenceId":
        assert.ok(Number.isInteger(value) && value > 0, `referenceId ${value}: a positive integer [agent-api 1.6]`);
        this.#firstReference ??= value;
        return `<reference:${value - this.#firstReference + 1}>`;
      case "streamPosition":
        assert.ok(Number.isSafeInteger(value) && value > 0, `streamPosition ${value}: a number of the feed [agent-api 2.6]`);
        return "<position>";
      case "statusMessage": // a text for people
      case "advice":
      case "message":
        assert.ok(typeof value === "string" && value !== "", `${key} is a text`);
        return "<text>";
    }
    return typeof value === "string" ? this.#text(value) : value;
  }

  #label(chat) {
    return /^<chat:(.*)>$/.exec(this.#names.get(chat) ?? "")?.[1] ?? "an unknown chat";
  }

  #text(text) {
    let name = text;
    if (name.startsWith(this.#base + "/")) {
      name = "<base>" + name.slice(this.#base.length);
    }
    return name.replace(/[^/?]+/g, (part) => this.#names.get(part) ?? part);
  }

  #name(value, name) {
    const known = this.#names.get(value);
    if (known === undefined) {
      for (const [other, taken] of this.#names) {
        assert.notEqual(taken, name, `${other} and ${value} are both ${name}`);
      }
      this.#names.set(value, name);
    }
    return known ?? name;
  }
}

// milliseconds reads a time stamp of the agent API: yyyy-MM-dd HH:mm:ss.SSSZ [agent-api 5.2.4].
function milliseconds(text) {
  const m = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d{3})([+-]\d\d)(\d\d)$/.exec(text);
  assert.ok(m, `time stamp ${JSON.stringify(text)}: want yyyy-MM-dd HH:mm:ss.SSSZ [agent-api 5.2.4]`);
  return Date.parse(`${m[1]}T${m[2]}${m[3]}:${m[4]}`);
}
