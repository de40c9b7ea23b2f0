// An agent's screen: what published desktops make of notifications, chat by chat. Every notification also becomes a line, in the
// notation of agent-api 4, in which the day of day.mjs is written.

import assert from "node:assert/strict";

// rows are the lists of agent-api 3.5, by a name for each.
const data = ["SetInFocus", "SetDisposition", "AttachUserData", "DeleteUserData", "UpdateUserData"];
const talk = ["SendMessage", "SendUrl", "SendStartTypingNotification", "SendStopTypingNotification", "SendCustomNotice"];
const aside = ["SendToAgents", "SendStartTypingToAgentsNotification", "SendStopTypingToAgentsNotification"];
const rows = {
  offered: ["Accept", "Reject"],
  alone: ["Transfer", "Leave", "Invite", "Consult", ...data, "Complete", ...talk],
  together: ["Transfer", "Leave", "Invite", "Consult", ...data, ...aside, "Complete", ...talk, "SendCustomNoticeToAgents", "RemoveParticipantFromConference"],
  consulted: ["Leave", ...data, ...aside, "SendCustomNoticeToAgents"],
  "without customer": ["Leave", ...data, "Complete"],
  "wrapping up": ["SetInFocus", "Complete", "SetDisposition", "AttachUserData", "DeleteUserData", "UpdateUserData"],
  monitoring: ["Leave", ...data, "SwitchToCoach", "SwitchToBargeIn"],
  coaching: ["Leave", ...data, ...aside, "SwitchToMonitor", "SwitchToBargeIn"],
  "barged in": [
    "Leave", ...data, "Transfer", "Invite", "Consult", ...aside,
    "SendMessage", "SendStartTypingNotification", "SendStopTypingNotification", "SwitchToMonitor", "SwitchToCoach",
  ],
  out: [],
};
const rowOf = (capabilities) => Object.keys(rows).find((name) => rows[name].join() === capabilities.join()) ?? capabilities.join();

const last = (uri) => uri.split("/").at(-1);
const unless = (usual, value) => (value === usual ? "" : `(${value})`);

// chatOf is the id of the chat that a notification is about, if it is about one, found as the clients find it.
export const chatOf = ({ data }) => data.chat?.id ?? data.chatStateResourceV2?.id ?? (data.chatUri && last(data.chatUri));

// saidBy is a message as a line, of an agent's or a customer's, with the name of who sent it.
export const saidBy = (name, { index, type, text, visibility = "All" }) =>
  `#${index} ${name} ${/^(Text|Message)$/.test(type) ? JSON.stringify(text) : type}${unless("All", visibility)}`;

export class Screen {
  chats = new Map(); // those that are not over: id -> the chat, and the log of its messages
  #user;
  #after;

  // after names the request of the agent's that was answered with a referenceId.
  constructor(user, after) {
    this.#user = user;
    this.#after = after;
  }

  // shows brings the screen up to date and returns what it was told, in a line.
  shows({ channel, data: told }) {
    const after = told.referenceId === undefined ? "" : `, after ${this.#after(told.referenceId)}`;
    switch (`${channel} ${told.messageType}`) {
      case "/v2/me/channels ChannelStateChangeMessageV2":
        return told.channels.map(({ channel, userState }) => `${channel} ${userState.displayName}`).join();
      case "/v2/me/workbins WorkbinStateChangeMessage":
        assert.deepEqual([told.chatStateResourceV2.state, rowOf(told.chatStateResourceV2.capabilities)], ["Completed", "out"]);
        return `${told.action} in ${this.#user.groups.find(({ id }) => id === told.id)?.name ?? told.id}${after}`;
      case "/v2/me/chats ChatStateChangeMessage":
        return this.#stateChange(told) + after;
      case "/v2/me/chats MessageLogUpdated":
        return this.#log(told) + after;
    }
    return `${channel}: ${JSON.stringify(told)}`;
  }

  #stateChange({ notificationType, chat, errorCode, errorMessage }) {
    const known = this.chats.get(chat.id);
    if (!known && !(notificationType === "StatusChange" && chat.state === "Invited")) {
      return `ignored ${notificationType} ${chat.state}`; // a first state is always Invited [agent-api 2.5]
    }
    assert.ok(chat.path === `/chats/${chat.id}` && chat.uri.endsWith(`/api/v2${chat.path}`), `where chat ${chat.id} is: ${chat.uri}, ${chat.path}`);
    this.chats.set(chat.id, { ...chat, log: known?.log ?? [] });
    if (["Completed", "Revoked"].includes(chat.state)) {
      this.chats.delete(chat.id);
    }
    const row = rowOf(chat.capabilities);
    switch (notificationType) {
      case "StatusChange":
        assert.deepEqual(chat.participants, [], "nobody is listed with a change of state [agent-api 4]");
        return `SC(${chat.state}) ${row}`;
      case "ParticipantsUpdated":
        return `PU ${row}: ${names(chat.participants)}`;
      case "PropertiesUpdated":
        return `PROP ${row}: ${JSON.stringify(chat.userData)}`;
      case "Error":
        return `Error ${errorCode} ${JSON.stringify(errorMessage)} ${row}: ${names(chat.participants)}`;
    }
    return `unknown ${notificationType}`;
  }

  #log({ chatUri, chatPath, messages }) {
    assert.ok(chatUri.endsWith(`/api/v2${chatPath}`), `${chatPath} is a part of ${chatUri}`);
    const chat = this.chats.get(last(chatUri));
    if (!chat) {
      return "ignored MSG";
    }
    chat.log.push(...messages);
    return `MSG ${messages.map((m) => saidBy(this.#isMine(m) ? "I" : m.from.nickname, m)).join(", ")}`;
  }

  // isMine is how clients tell whose message it is [agent-api 2.5].
  #isMine({ from }) {
    return from.uri !== undefined && last(from.uri) === this.#user.id;
  }
}

// names lists participants by name, since their order has no meaning [agent-api 3.2].
const names = (participants) =>
  participants
    .map(({ nickname, type, visibility, uri }) => {
      assert.equal(uri !== undefined, type === "Agent", `${nickname}, ${type}, has the uri ${uri} [agent-api 3.2]`);
      return nickname + unless("All", visibility);
    })
    .sort()
    .join(" ");
