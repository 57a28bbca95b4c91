// npm run bench:startup: how long `attune --help` takes, as users have it: the built command line in a process of its own. The least of
// ten counts, since whatever else the machine does only adds. Node alone is measured beside it: the part that is not ours.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { round } from "./harness.js";

const RUNS = 10;
const program = fileURLToPath(new URL("../apps/cli/bin/attune.js", import.meta.url));
if (!existsSync(fileURLToPath(new URL("../apps/cli/dist/main.js", import.meta.url)))) {
  console.error("error: apps/cli/dist is not there: run `npm run build` first; the sources would be measured through tsx");
  process.exit(2);
}

const CASES: Record<string, string[]> = {
  "node, nothing else": ["-e", "0"],
  "attune --help": [program, "--help"],
  "attune --version": [program, "--version"],
  "attune train --help": [program, "train", "--help"],
};

for (const [name, words] of Object.entries(CASES)) {
  const samples = Array.from({ length: RUNS + 1 }, () => {
    const start = performance.now();
    execFileSync(process.execPath, words, { stdio: "ignore" });
    return performance.now() - start;
  })
    .slice(1) // the first one fills the file cache
    .sort((a, b) => a - b);
  console.log(
    JSON.stringify({
      case: name,
      min_ms: round(samples[0]!),
      median_ms: round(samples[RUNS / 2]!),
      runs: RUNS,
      node: process.versions.node,
    }),
  );
}
