// Runs command lines one after the other in this process, and prints how each ended: the list, [[word, ...], ...], comes as JSON
// on stdin. Far quicker than a process each, and still in an environment that the tests choose.
import { text } from "node:stream/consumers";
import { main } from "../../apps/cli/src/main.js";

/** What commands write past `output`, too. */
const streams = [process.stdout, process.stderr].map((stream) => ({ stream, write: stream.write.bind(stream) }));
function capture(take: (index: number, text: string) => void): void {
  for (const [i, { stream }] of streams.entries()) {
    stream.write = ((chunk: string | Uint8Array) => {
      take(i, typeof chunk === "string" ? chunk : Buffer.from(chunk).toString());
      return true;
    }) as typeof stream.write;
  }
}

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
  capture((index, text) => (index === 0 ? output.out(text) : output.err(text)));
  process.exitCode = undefined;
  ended.push({ code: await main(words, output), stdout, stderr });
}
for (const { stream, write } of streams) stream.write = write as typeof stream.write;
process.exitCode = 0;
process.stdout.write(`\n${JSON.stringify(ended)}`);
