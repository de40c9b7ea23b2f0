// Keeps the figures of the start page current.
"use strict";

const period = 2000; // ms
const places = document.querySelectorAll("[data-count]");
const fresh = document.getElementById("fresh");

// say changes the line below the figures only when it says something new, so that a screen reader reads a change and not each round.
function say(text) {
  if (fresh.textContent !== text) fresh.textContent = text;
}

async function refresh() {
  try {
    const response = await fetch("/counts", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (!response.ok) throw new Error(String(response.status));
    const counts = await response.json();
    for (const place of places) place.textContent = counts[place.dataset.count] ?? "–";
    say("Updated every two seconds.");
  } catch {
    say("The server does not answer; these figures are old. Trying again.");
  }
}

// One request at a time, and none while nobody looks.
async function keep() {
  if (!document.hidden) await refresh();
  setTimeout(keep, period);
}
keep();
