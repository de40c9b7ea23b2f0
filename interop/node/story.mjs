// The main story, told by a published CometD client: customers write, an agent answers, another agent hears nothing of it. Every
// notification and every answer is compared with golden/*.json, which are written from the specification: fields, types, order, nothing
// more and nothing less.
//
//   node story.mjs --server http://127.0.0.1:8080 --client 9|3 --transport long-polling|websocket [--update]
//
// The server runs with its demo data. --update writes the golden files anew from what came; read the difference against the
// specification before you keep it.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";

import { Normaliser } from "./normalise.mjs";
import { Agent, Customer } from "./parties.mjs";
import { options, tell } from "./telling.mjs";

const { server, client, transport, update } = options({ update: { type: "boolean", default: false } });

const dana = new Agent(server, "dana");
const omar = new Agent(server, "omar");
const pat = new Customer(server, "support"); // is helped
const kim = new Customer(server, "support"); // is left by the agent
const lee = new Customer(server, "support"); // is rejected
const jo = new Customer(server, "support"); // does not wait

const inChat = (customer) => (m) => m.data?.chat?.id === customer.chatId || m.data?.chatPath === `/chats/${customer.chatId}`;
const onChannels = (m) => m.channel === "/v2/me/channels";

await tell([dana, omar], async () => {
  // 1. Dana logs in and gets ready. Omar looks on: he subscribes to everything, but is not in the chat channel.
  const user = await dana.logIn("demo");
  const omarUser = await omar.logIn("demo");
  const { queues } = await omar.looksUp("/queues?fields=*");
  await Promise.all([
    dana.openDesktop(client, transport, ["/v2/me/chats", "/v2/me/channels"]),
    omar.openDesktop(client, transport, ["/v2/me/chats", "/**"]),
  ]);
  await dana.does("/me", "StartContactCenterSession", { channels: ["chat"] }, 1, onChannels);
  await dana.does("/me/channels/chat", "Ready", {}, 1, onChannels);

  // 2. Pat starts a chat and says something.
  await pat.requestsChat({
    firstName: "Pat", lastName: "Lowe", emailAddress: "pat@example.org", subject: "Late parcel",
    "userData[order]": "4711", "userData[TimeZone]": "60",
  });
  // says is what a customer does that dana hears of, in so many messages.
  const says = async (customer, count, operation, parameters) => {
    const before = dana.told.filter(inChat(customer)).length;
    await customer.does(operation, parameters);
    await dana.hears((told) => told.filter(inChat(customer)).length >= before + count);
  };
  const isInvitedBy = (customer) => dana.hears((told) => told.some((m) => inChat(customer)(m) && m.data.chat?.state === "Invited"));
  await says(pat, 0, "send", { message: "Where is my parcel?", messageType: "text", transcriptPosition: "1" });
  await isInvitedBy(pat);

  // 3. Dana accepts.
  const inPats = `/me/chats/${pat.chatId}`;
  const does = (operation, parameters, count) => dana.does(inPats, operation, parameters, count, inChat(pat));
  await does("Accept", { nickname: "Dana" }, 3);
  await pat.does("refresh", { transcriptPosition: "3" });

  // 4. Both write and type.
  await does("SendStartTypingNotification", {}, 1);
  await pat.does("refresh", { transcriptPosition: "4" });
  await does("SendStopTypingNotification", {}, 1);
  await does("SendMessage", { text: "Hello Pat, I look it up.", messageType: "Greeting" }, 1);
  await pat.does("refresh", { transcriptPosition: "5" });
  await says(pat, 1, "startTyping", { message: "Thank" });
  await says(pat, 1, "stopTyping");
  await says(pat, 1, "send", { message: " Thank you \u{1F642}\nIt is order 4711. ", messageType: "text", eventAttributes: '{"general-properties":{"related-event-id":"6"}}' });
  await does("SendUrl", { url: "https://parcels.example.org/P-77?lang=en#now" }, 1);
  await does("SendCustomNotice", { noticeText: '{"survey":1}' }, 1);
  await pat.does("refresh", { transcriptPosition: "7" });
  await dana.reads(`${inPats}/messages`);

  // 5. Dana looks after the data.
  await does("AttachUserData", { userData: { parcel: "P-77", weight: 2.5, fragile: true, note: null } }, 1);
  await does("UpdateUserData", { userData: { parcel: "P-78", city: "Bern" } }, 1);
  await does("DeleteUserData", { keys: ["note", "no such key"] }, 1);
  await does("SetDisposition", { disposition: "refunded" }, 1);
  await says(pat, 1, "updateData", { "userData[phone]": "+41 31 000 00 00" });
  await does("SetInFocus", {}, 0);
  await does("Accept", {}, 0); // refused, and nobody is told
  await dana.reads(`${inPats}?fields=*`);

  // 6. Pat leaves, and Dana completes.
  await says(pat, 2, "disconnect");
  await pat.does("refresh", { transcriptPosition: "12" });
  await does("Complete", {}, 1);
  await dana.reads("/me/chats");
  await dana.reads("/me/chats?fields=*");

  // The other ways: the agent leaves and the chat ends; the agent rejects; the customer does not wait.
  await kim.requestsChat({ nickname: "Kim", text: "Hello?" });
  await isInvitedBy(kim);
  const inKims = `/me/chats/${kim.chatId}`;
  await dana.does(inKims, "Accept", {}, 3, inChat(kim));
  await dana.does(inKims, "Leave", { text: "Goodbye." }, 2, inChat(kim));
  await kim.does("refresh", { transcriptPosition: "4" });
  await dana.does(inKims, "Complete", {}, 1, inChat(kim));

  await lee.requestsChat({ nickname: "Lee" });
  await isInvitedBy(lee);
  await dana.does(`/me/chats/${lee.chatId}`, "Reject", {}, 1, inChat(lee));
  await lee.does("disconnect");

  await jo.requestsChat({ nickname: "Jo" });
  await isInvitedBy(jo);
  await says(jo, 1, "disconnect");

  // Dana goes. The notification of it is the last, so whatever else there was has come before it. It is delivered before the held
  // connect is told that the session is over [agent-api 2.6], so there has to be one: no other customer's chat may come between.
  await dana.does("/me/channels/chat", "NotReady", {}, 1, onChannels);
  await dana.givesBackChats();
  await dana.isPolling();
  await dana.reads("/me/channels");
  await dana.does("/me", "EndContactCenterSession", {}, 1, onChannels);

  // 7. Omar was listening all the time: of his own channels he hears.
  await omar.does("/me", "StartContactCenterSession", { channels: ["chat"] }, 1);
  await omar.closeDesktop();

  const chats = { pat, kim, lee, jo };
  const same = new Normaliser(user);
  same.user(user);
  same.user(omarUser);
  queues.forEach((queue) => same.queue(queue));
  for (const [name, customer] of Object.entries(chats)) {
    same.chat(customer.chatId, name);
  }
  // Other customers may be there too.
  const isOurs = (id) => Object.values(chats).some((customer) => customer.chatId === id);
  const ours = (m) => !(m.data?.chat ?? m.data?.chatPath) || isOurs(m.data.chat?.id ?? m.data.chatPath.split("/").at(-1));
  const oursOf = ({ uris, chats: list, ...body }) => ({
    ...body,
    ...(uris && { uris: uris.filter((uri) => isOurs(uri.split("/").at(-1))) }),
    ...(list && { chats: list.filter((chat) => isOurs(chat.id)) }),
  });
  const told = {
    "dana-notifications": dana.told.filter(ours).map((m) => same.notification(m)),
    "dana-answers": dana.answers.map((a) => same.answer({ ...a, body: oursOf(a.body) })),
    "omar-notifications": omar.told.map((m) => same.notification(m)),
  };
  for (const [name, customer] of Object.entries(chats)) {
    told[`${name}-answers`] = customer.answers.map((a) => same.answer(a, customer.chatId));
  }
  let different = 0;
  for (const [name, got] of Object.entries(told)) {
    different += compare(name, got);
  }
  if (different > 0) {
    throw new Error(`${different} of ${Object.keys(told).length} golden files differ`);
  }
});

// compare says how got differs from the golden file, and returns 1 if it does.
function compare(name, got) {
  const file = new URL(`golden/${name}.json`, import.meta.url);
  if (update) {
    writeFileSync(file, legible(got) + "\n");
    return 0;
  }
  const want = JSON.parse(readFileSync(file, "utf8"));
  let different = 0;
  for (let i = 0; i < Math.max(got.length, want.length); i++) {
    try {
      assert.deepStrictEqual(got[i], want[i]);
    } catch (error) {
      console.error(`golden/${name}.json, entry ${i + 1}:\n${error.message}\n`);
      different = 1;
    }
  }
  return different;
}

// legible is JSON with whatever fits into a line on one line.
function legible(value, indent = "") {
  const line = JSON.stringify(value, null, 1).replace(/\n */g, " ");
  if (typeof value !== "object" || value === null || indent.length + line.length <= 200) {
    return line;
  }
  const deeper = indent + "  ";
  const [open, close, parts] = Array.isArray(value)
    ? ["[", "]", value.map((v) => legible(v, deeper))]
    : ["{", "}", Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}: ${legible(v, deeper)}`)];
  return `${open}\n${deeper}${parts.join(`,\n${deeper}`)}\n${indent}${close}`;
}
