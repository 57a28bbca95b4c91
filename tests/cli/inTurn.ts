// Runs command lines one after the other in this process, and prints how each ended: the list, [[word, ...], ...], comes as JSON
// on stdin. Far quicker than a process each, and still in an environment that the tests choose.
import { text } from "node:stream/consumers";
import { main } from "../../apps/cli/src/main.js";

const ended = [];
for (const words of JSON.parse(await text(process.stdin)) as string[][]) {
  let [stdout, stderr] = ["", ""];
  const output = {
    out(written: string) {
      stdout += written;
    },
    err(written: string) {
      stderr += written;
    },
  };
  process.exitCode = undefined;
  ended.push({ code: await main(words, output), stdout, stderr });
}
process.exitCode = 0;
process.stdout.write(`\n${JSON.stringify(ended)}`);
