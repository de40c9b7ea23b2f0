// Reads the output of `make test TESTFLAGS=-json` and prints what a person wants to see of it: everything that is not a Go test's, what failing tests
// said, and a line per package. The counts go to the file named by the argument: passed, failed.
import { createInterface } from "node:readline";
import { writeFileSync } from "node:fs";

let passed = 0, failed = 0;
const said = new Map(); // test → its output so far

for await (const line of createInterface({ input: process.stdin })) {
  let event;
  try {
    event = JSON.parse(line);
  } catch {
    event = null;
  }
  if (!event?.Action) {
    console.log(line);
    continue;
  }
  const test = `${event.Package ?? event.ImportPath} ${event.Test ?? ""}`;
  switch (event.Action) {
    case "output":
    case "build-output":
      said.set(test, (said.get(test) ?? "") + event.Output);
      break;
    case "pass":
    case "fail":
    case "skip":
    case "build-fail":
      if (event.Action === "pass" && event.Test) passed++;
      if (event.Action !== "pass" && event.Test) failed++; // a test that skips itself has not passed
      if (event.Action !== "pass" && (event.Test || event.Action !== "skip")) process.stdout.write(said.get(test) ?? "");
      if (!event.Test && event.Action === "pass") console.log(`ok      ${event.Package} ${event.Elapsed.toFixed(1)} s`);
      if (!event.Test && event.Action === "fail") console.log(`FAILED  ${event.Package}`);
      said.delete(test);
  }
}
writeFileSync(process.argv[2], `${passed} ${failed}\n`);
