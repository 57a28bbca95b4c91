// Runs TypeScript files one after the other in this process, and prints how each ended: the list of files comes as JSON on stdin.
// One process for all, since starting one and opening its first device costs more than most samples.
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";

export interface Ran {
  file: string;
  error: string | null;
  /** What it wrote to stdout. */
  lines: string[];
  ms: number;
}

const write = process.stdout.write.bind(process.stdout);
for (const file of JSON.parse(await text(process.stdin)) as string[]) {
  let printed = "";
  process.stdout.write = ((chunk: string | Uint8Array) => {
    printed += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
    return true;
  }) as typeof process.stdout.write;
  const start = performance.now();
  let error: string | null = null;
  try {
    await import(pathToFileURL(file).href);
  } catch (thrown) {
    error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  }
  process.stdout.write = write;
  const ran: Ran = { file, error, lines: printed.split("\n").filter(Boolean), ms: performance.now() - start };
  write(`\u0001${JSON.stringify(ran)}\n`); // a line each at once: a crash shows which file it was
}
process.exit(0); // a sample that leaves its device open must not hold up the rest
