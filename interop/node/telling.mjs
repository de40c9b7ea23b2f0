// What telling any story takes: who is asked and how, and that everybody leaves in the end.

import { parseArgs } from "node:util";

// options reads the command line; others are what a story has besides.
export function options(others = {}) {
  const { values } = parseArgs({
    options: {
      server: { type: "string", default: "http://127.0.0.1:8080" },
      client: { type: "string", default: "9" },
      transport: { type: "string", default: "long-polling" },
      ...others,
    },
  });
  if (!["9", "3"].includes(values.client) || !["long-polling", "websocket"].includes(values.transport)) {
    console.error("want --client 9 or 3, and --transport long-polling or websocket");
    process.exit(2);
  }
  return { ...values, server: values.server.replace(/\/$/, "") };
}

// tell has the agents live through story. What goes wrong ends up on the console and in the exit status.
export async function tell(agents, story) {
  try {
    await story();
  } catch (error) {
    console.error(error.message, "\n", ...agents.map((agent) => agent.chatter));
    process.exitCode = 1;
  } finally {
    await Promise.all(agents.map((agent) => agent.leaves()));
  }
}
