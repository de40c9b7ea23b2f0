// An agent at her desk: she sees what her screen shows, and does what it offers.

import assert from "node:assert/strict";

import { Agent } from "./parties.mjs";
import { chatOf, Screen } from "./screen.mjs";

export class Desk extends Agent {
  #read = new Set(); // what the screen has shown already

  // opens begins the day as desktops do [agent-api 2.2].
  async opens(client, transport, topics) {
    this.user = await this.logIn("demo");
    this.screen = new Screen(this.user, (id) => this.answers.find(({ body }) => body.referenceId === id)?.request);
    await this.openDesktop(client, transport, topics);
    await this.asks("/me", "StartContactCenterSession", { channels: ["chat"] });
    await this.agrees();
  }

  async asks(path, operation, parameters) {
    await this.does(path, operation, parameters);
    const { status, body } = this.answers.at(-1);
    assert.ok(status === 200 && body.statusCode === 0, `${operation} of ${this.user.userName}: HTTP ${status} ${JSON.stringify(body)}`);
    return body;
  }

  // presses a button of a chat: there has to be one.
  presses(chatId, operation, parameters) {
    const { capabilities } = this.screen.chats.get(chatId);
    assert.ok(capabilities.includes(operation), `${this.user.userName} can ${capabilities}: no ${operation}`);
    return this.asks(`/me/chats/${chatId}`, operation, parameters);
  }

  // unread is what has come about a chat, or about none, and is not on the screen yet.
  unread(chatId) {
    return this.told.filter((m) => !this.#read.has(m) && [chatId, undefined].includes(chatOf(m)));
  }

  shows(chatId) {
    return this.unread(chatId).map((m) => {
      this.#read.add(m);
      return this.screen.shows(m);
    });
  }

  // rest is what no step has asked for.
  rest() {
    return this.told.filter((m) => !this.#read.has(m));
  }

  // agrees compares what the screen shows of a chat, or of all, with what a desktop would read that had to recover [agent-api 2.6].
  async agrees(chatId) {
    const about = (chats) => chats.filter(({ id }) => [id, undefined].includes(chatId));
    const sorted = ({ log, ...chat }) => ({ ...chat, participants: chat.participants.toSorted((a, b) => (a.id < b.id ? -1 : 1)) });
    const shown = about([...this.screen.chats.values()]);
    assert.deepEqual(about((await this.looksUp("/me/chats?fields=*")).chats).map(sorted), shown.map(sorted));
    for (const { id, log } of shown.filter(({ state }) => state === "Chatting")) {
      assert.deepEqual((await this.looksUp(`/me/chats/${id}/messages`)).messages, log);
    }
  }

  // closes ends the day. The notification of it is the last; there has to be a connect for it to come with [agent-api 2.6].
  async closes() {
    await this.agrees();
    await this.isPolling();
    await this.asks("/me", "EndContactCenterSession");
  }
}
