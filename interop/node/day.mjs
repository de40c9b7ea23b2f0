// A day in a contact centre, told by published CometD clients as a third party's desktops: three agents and their supervisor. They do
// only what their screens offer, and after each thing that happens everybody has been told what is written here, in this order, and
// nothing more. A line is in the notation of agent-api 4: SC(state), PU, PROP, MSG and Error, with the row of agent-api 3.5 that the
// capabilities are, who takes part, and the operation whose referenceId came with it. Who is not named has been told nothing.
//
//   node day.mjs --server http://127.0.0.1:8080 --client 9|3 --transport long-polling|websocket
//
// The server runs with its demo data. One offer is left to ring until it times out, so that the day takes as long at least.

import assert from "node:assert/strict";

import { Desk } from "./desk.mjs";
import { Customer } from "./parties.mjs";
import { saidBy } from "./screen.mjs";
import { options, tell } from "./telling.mjs";

const { server, client, transport } = options();
const offerTimeout = 40_000; // the longest that an offer may ring, in ms

const [dana, omar, lena, ines] = ["dana", "omar", "lena", "ines"].map((name) => new Desk(server, name)); // Ines is the supervisor
const desks = { dana, omar, lena, ines };

const kim = new Customer(server, "support"); // waits while it rings at lena's, in vain
const pat = new Customer(server, "support"); // is handed on
const lee = new Customer(server, "support"); // is listened to

// happens does something about a customer's chat; want is what everybody is told of it.
async function happens(customer, act, want, wait) {
  await act();
  const got = {};
  for (const [name, desk] of Object.entries(desks)) {
    await desk.hears(() => desk.unread(customer.chatId).length >= (want[name] ?? []).length, wait);
    const lines = desk.shows(customer.chatId);
    if (lines.length > 0) {
      got[name] = lines;
    }
  }
  assert.deepEqual(got, want);
}

const does = (customer, desk, operation, parameters, want) => happens(customer, () => desk.presses(customer.chatId, operation, parameters), want);
const everybodyAgrees = (customer) => Promise.all(Object.values(desks).map((desk) => desk.agrees(customer.chatId)));

// sees compares all that a customer has been told.
async function sees(customer, want) {
  const { messages, chatEnded } = await customer.does("refresh", { transcriptPosition: "1" });
  assert.deepEqual([...messages.map((m) => saidBy(m.from.nickname, m)), ...(chatEnded ? ["chat ended"] : [])], want);
}

await tell(Object.values(desks), async () => {
  // In the morning all log in. Dana gets ready.
  await happens(kim, () => Promise.all([
    dana.opens(client, transport, ["/v2/me/chats", "/v2/me/channels", "/v2/me/workbins"]),
    omar.opens(client, transport, ["/v2/me/*"]),
    lena.opens(client, transport, ["/**"]),
    ines.opens(client, transport, ["/v2/me/chats", "/v2/me/channels", "/v2/me/workbins"]),
  ]), { dana: ["chat Not Ready"], omar: ["chat Not Ready"], lena: ["chat Not Ready"], ines: ["chat Not Ready"] });
  await happens(kim, () => dana.asks("/me/channels/chat", "Ready"), { dana: ["chat Ready"] });

  // Kim is to be transferred to Lena, where it rings all day long.
  await happens(kim, () => kim.requestsChat({ nickname: "Kim" }), { dana: ["SC(Invited) offered"] });
  await does(kim, dana, "Accept", { nickname: "Dana" }, {
    dana: ["SC(Chatting) alone, after Accept", "PU alone: Dana Kim", "MSG #1 Kim ParticipantJoined, #2 I ParticipantJoined"],
  });
  await does(kim, dana, "Transfer", { targetUri: lena.user.uri }, { lena: ["SC(Invited) offered"] });

  // Dana consults Omar about Pat's chat, makes it a conference, and removes him.
  await happens(pat, () => pat.requestsChat({ nickname: "Pat", text: "Where is my parcel?" }), { dana: ["SC(Invited) offered"] });
  await does(pat, dana, "Accept", { nickname: "Dana" }, {
    dana: [
      "SC(Chatting) alone, after Accept", "PU alone: Dana Pat",
      'MSG #1 Pat ParticipantJoined, #2 Pat "Where is my parcel?", #3 I ParticipantJoined',
    ],
  });
  await does(pat, dana, "Consult", { targetUri: omar.user.uri }, { omar: ["SC(Invited) offered"] });
  await does(pat, omar, "Accept", { nickname: "Omar" }, {
    dana: ["PU together: Dana Omar(Agents) Pat", "MSG #4 Omar ParticipantJoined(Agents)"],
    omar: [
      "SC(Chatting) consulted, after Accept", "PU consulted: Dana Omar(Agents) Pat",
      'MSG #1 Pat ParticipantJoined, #2 Pat "Where is my parcel?", #3 Dana ParticipantJoined, #4 I ParticipantJoined(Agents)',
    ],
  });
  await does(pat, omar, "SendToAgents", { text: "It is in Bern." }, {
    dana: ['MSG #5 Omar "It is in Bern."(Agents)'],
    omar: ['MSG #5 I "It is in Bern."(Agents)'],
  });
  await does(pat, dana, "Invite", { targetUri: omar.user.uri }, {
    dana: ["PU together: Dana Omar Pat", "MSG #6 Omar ParticipantJoined"],
    omar: ["PU together: Dana Omar Pat", "MSG #6 I ParticipantJoined"],
  });
  await does(pat, omar, "AttachUserData", { userData: { city: "Bern" } }, {
    dana: ['PROP together: {"city":"Bern"}'],
    omar: ['PROP together: {"city":"Bern"}, after AttachUserData'],
  });
  await happens(pat, () => pat.does("send", { message: "Two of you!", messageType: "text" }), {
    dana: ['MSG #7 Pat "Two of you!"'],
    omar: ['MSG #7 Pat "Two of you!"'],
  });
  await everybodyAgrees(pat);
  await does(pat, dana, "RemoveParticipantFromConference", { targetUri: omar.user.uri }, {
    dana: ["PU alone: Dana Pat", "MSG #8 Omar ParticipantLeft"],
    omar: ["SC(Completed) out"],
  });

  // Omar does not want the chat, then takes it.
  await does(pat, dana, "Transfer", { targetUri: omar.user.uri }, { omar: ["SC(Invited) offered"] });
  await does(pat, omar, "Reject", {}, {
    dana: ['Error 2 "Transfer was rejected by the target" alone: Dana Pat, after Transfer'],
    omar: ["SC(Completed) out, after Reject"],
  });
  await does(pat, dana, "Transfer", { targetUri: omar.user.uri, text: "Omar will help you." }, {
    dana: ['MSG #9 I "Omar will help you."'],
    omar: ["SC(Invited) offered"],
  });
  await does(pat, omar, "Accept", { nickname: "Omar" }, {
    dana: ["SC(Completed) out, after Transfer"],
    omar: [
      "SC(Chatting) alone, after Accept", "PU alone: Omar Pat",
      'MSG #1 Pat ParticipantJoined, #2 Pat "Where is my parcel?", #3 Dana ParticipantJoined, #4 I ParticipantJoined(Agents), ' +
        '#5 I "It is in Bern."(Agents), #6 I ParticipantJoined, #7 Pat "Two of you!", #8 I ParticipantLeft, #9 Dana "Omar will help you.", ' +
        "#10 I ParticipantJoined, #11 Dana ParticipantLeft",
    ],
  });

  // Ines sends Dana to lunch and has Lena ready, who gets the chat from the queue that Omar puts it into.
  await happens(pat, () => ines.asks(`/users/${dana.user.id}/channels/chat`, "Lunch"), { dana: ["chat Lunch"] });
  await happens(pat, () => ines.asks(`/users/${lena.user.id}/channels/chat`, "Ready"), { lena: ["chat Ready"] });
  await does(pat, omar, "Transfer", { queueName: "billing" }, {
    omar: ["SC(Completed) out, after Transfer"],
    lena: ["SC(Invited) offered"],
  });
  await does(pat, lena, "Accept", { nickname: "Lena" }, {
    lena: [
      "SC(Chatting) alone, after Accept", "PU alone: Lena Pat",
      'MSG #1 Pat ParticipantJoined, #2 Pat "Where is my parcel?", #3 Dana ParticipantJoined, #4 Omar ParticipantJoined(Agents), ' +
        '#5 Omar "It is in Bern."(Agents), #6 Omar ParticipantJoined, #7 Pat "Two of you!", #8 Omar ParticipantLeft, #9 Dana "Omar will help you.", ' +
        "#10 Omar ParticipantJoined, #11 Dana ParticipantLeft, #12 Omar ParticipantLeft, #13 I ParticipantJoined",
    ],
  });
  await happens(pat, () => pat.does("disconnect"), { lena: ["MSG #14 Pat ParticipantLeft", "PU without customer: Lena"] });
  await everybodyAgrees(pat);

  // What is left of it lies in the group's workbin, until Omar pulls it and wraps it up.
  const { id: delivery } = lena.user.groups.find(({ name }) => name === "Delivery");
  await happens(pat, () => lena.asks(`/me/workbins/${delivery}`, "AddChat", { id: pat.chatId }), {
    dana: ["ItemAdded in Delivery"],
    omar: ["ItemAdded in Delivery"],
    lena: ["SC(Completed) out, after AddChat", "ItemAdded in Delivery, after AddChat"],
    ines: ["ItemAdded in Delivery"],
  });
  await happens(pat, () => omar.asks(`/me/workbins/${delivery}`, "PullChat", { id: pat.chatId }), {
    dana: ["ItemRemoved in Delivery"],
    omar: ["SC(Invited) offered, after PullChat", "SC(LeftChat) wrapping up", "ItemRemoved in Delivery, after PullChat"],
    lena: ["ItemRemoved in Delivery"],
    ines: ["ItemRemoved in Delivery"],
  });
  await everybodyAgrees(pat);
  await does(pat, omar, "Complete", {}, { omar: ["SC(Completed) out, after Complete"] });
  await sees(pat, [
    "#1 Pat ParticipantJoined", '#2 Pat "Where is my parcel?"', "#3 Dana ParticipantJoined", "#6 Omar ParticipantJoined", '#7 Pat "Two of you!"',
    "#8 Omar ParticipantLeft", '#9 Dana "Omar will help you."', "#10 Omar ParticipantJoined", "#11 Dana ParticipantLeft", "#12 Omar ParticipantLeft",
    "#13 Lena ParticipantJoined", "#14 Pat ParticipantLeft", "#15 Lena ParticipantLeft", "chat ended",
  ]);

  // Ines listens to Dana's next chat, Lee's, shows herself, first to Dana, then to Lee, and goes.
  await happens(lee, () => lena.asks("/me/channels/chat", "NotReady"), { lena: ["chat Not Ready"] });
  await happens(lee, () => dana.asks("/me/channels/chat", "Ready"), { dana: ["chat Ready"] });
  const danas = `/users/${dana.user.id}`;
  await happens(lee, () => ines.asks(`${danas}/channels/chat`, "Monitor", { supervisorMonitoringMode: "NextChat", nickname: "Ines" }), {});
  await happens(lee, () => lee.requestsChat({ nickname: "Lee" }), { dana: ["SC(Invited) offered"] });
  await does(lee, dana, "Accept", { nickname: "Dana" }, {
    dana: ["SC(Chatting) alone, after Accept", "PU alone: Dana Lee", "MSG #1 Lee ParticipantJoined, #2 I ParticipantJoined"],
    ines: [
      "SC(Invited) offered", "SC(Chatting) monitoring", "PU monitoring: Dana Ines(Supervisors) Lee",
      "MSG #1 Lee ParticipantJoined, #2 Dana ParticipantJoined, #3 I ParticipantJoined(Supervisors)",
    ],
  });
  await does(lee, dana, "SendMessage", { text: "Good day." }, { dana: ['MSG #4 I "Good day."'], ines: ['MSG #4 Dana "Good day."'] });
  await everybodyAgrees(lee);
  await does(lee, ines, "SwitchToCoach", {}, {
    dana: ["PU together: Dana Ines(Agents) Lee", "MSG #5 Ines ParticipantJoined(Agents)"],
    ines: ["PU coaching: Dana Ines(Agents) Lee", "MSG #5 I Notice(Agents)"],
  });
  await does(lee, ines, "SendToAgents", { text: "Ask for the order." }, {
    dana: ['MSG #6 Ines "Ask for the order."(Agents)'],
    ines: ['MSG #6 I "Ask for the order."(Agents)'],
  });
  await does(lee, ines, "SwitchToBargeIn", {}, {
    dana: ["PU together: Dana Ines Lee", "MSG #7 Ines ParticipantJoined"],
    ines: ["PU barged in: Dana Ines Lee", "MSG #7 I Notice"],
  });
  await does(lee, ines, "SendMessage", { text: "I am here, too." }, {
    dana: ['MSG #8 Ines "I am here, too."'],
    ines: ['MSG #8 I "I am here, too."'],
  });
  await everybodyAgrees(lee);
  await does(lee, ines, "Leave", {}, {
    dana: ["MSG #9 Ines ParticipantLeft", "PU alone: Dana Lee"],
    ines: ["SC(Completed) out, after Leave"],
  });

  // She comes back unseen, Lena is consulted, Omar is invited and has not answered yet: when Dana completes, it is over for all of them.
  await happens(lee, () => ines.asks(`${danas}/chats/${lee.chatId}`, "Intrude", { supervisorVisibilityMode: "Monitor" }), {
    ines: ["SC(Invited) offered, after Intrude"],
  });
  await does(lee, ines, "Accept", { nickname: "Ines" }, {
    ines: [
      "SC(Chatting) monitoring, after Accept", "PU monitoring: Dana Ines(Supervisors) Lee",
      'MSG #1 Lee ParticipantJoined, #2 Dana ParticipantJoined, #3 I ParticipantJoined(Supervisors), #4 Dana "Good day.", #5 I ParticipantJoined(Agents), ' +
        '#6 I "Ask for the order."(Agents), #7 I ParticipantJoined, #8 I "I am here, too.", #9 I ParticipantLeft, #10 I ParticipantJoined(Supervisors)',
    ],
  });
  await does(lee, dana, "Consult", { targetUri: lena.user.uri }, { lena: ["SC(Invited) offered"] });
  await does(lee, lena, "Accept", { nickname: "Lena" }, {
    dana: ["PU together: Dana Lee Lena(Agents)", "MSG #11 Lena ParticipantJoined(Agents)"],
    lena: [
      "SC(Chatting) consulted, after Accept", "PU consulted: Dana Lee Lena(Agents)",
      'MSG #1 Lee ParticipantJoined, #2 Dana ParticipantJoined, #4 Dana "Good day.", #5 Ines ParticipantJoined(Agents), ' +
        '#6 Ines "Ask for the order."(Agents), #7 Ines ParticipantJoined, #8 Ines "I am here, too.", #9 Ines ParticipantLeft, ' +
        "#11 I ParticipantJoined(Agents)",
    ],
    ines: ["PU monitoring: Dana Ines(Supervisors) Lee Lena(Agents)", "MSG #11 Lena ParticipantJoined(Agents)"],
  });
  await does(lee, dana, "Invite", { targetUri: omar.user.uri }, { omar: ["SC(Invited) offered"] });
  await everybodyAgrees(lee);
  await does(lee, dana, "Complete", { text: "Goodbye." }, {
    dana: ['MSG #12 I "Goodbye."', "SC(Completed) out, after Complete"],
    omar: ["SC(Revoked) out"],
    lena: ['MSG #12 Dana "Goodbye."', "SC(Revoked) out"],
    ines: ['MSG #12 Dana "Goodbye."', "SC(Revoked) out"],
  });
  await sees(lee, [
    "#1 Lee ParticipantJoined", "#2 Dana ParticipantJoined", '#4 Dana "Good day."', "#7 Ines ParticipantJoined", '#8 Ines "I am here, too."',
    "#9 Ines ParticipantLeft", '#12 Dana "Goodbye."', "#13 Dana ParticipantLeft", "chat ended",
  ]);

  // Lena has not answered. Dana says goodbye herself.
  await happens(kim, () => {}, {
    dana: ['Error 2 "Transfer was not answered by the target in time" alone: Dana Kim, after Transfer'],
    lena: ["SC(Revoked) out"],
  }, offerTimeout);
  await does(kim, dana, "Leave", { text: "Lena will write to you." }, {
    dana: ['MSG #3 I "Lena will write to you."', "SC(LeftChat) wrapping up, after Leave"],
  });
  await sees(kim, [
    "#1 Kim ParticipantJoined", "#2 Dana ParticipantJoined", '#3 Dana "Lena will write to you."', "#4 Dana ParticipantLeft", "chat ended",
  ]);
  await everybodyAgrees(kim);
  await does(kim, dana, "Complete", {}, { dana: ["SC(Completed) out, after Complete"] });

  // In the evening all log out. Nobody has been told anything else.
  await happens(kim, () => Promise.all(Object.values(desks).map((desk) => desk.closes())), {
    dana: ["chat Offline"], omar: ["chat Offline"], lena: ["chat Offline"], ines: ["chat Offline"],
  });
  for (const [name, desk] of Object.entries(desks)) {
    assert.deepEqual(desk.rest(), [], `${name} was told more`);
  }
});
