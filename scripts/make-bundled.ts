/**
 * Writes data/bundled/*.jsonl: the dialogues and headlines that `npm start` trains and tests on. Everything is our own
 * templates (scripts/bundled), so the project may ship it; the same seed gives the same bytes everywhere.
 *
 *   npx tsx --conditions=@attune/source scripts/make-bundled.ts
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeDialogues } from "./bundled/dialogues.js";
import { makeHeadlines } from "./bundled/headlines.js";

const folder = join(dirname(fileURLToPath(import.meta.url)), "..", "data", "bundled");
mkdirSync(folder, { recursive: true });

write("dialogues.train.jsonl", makeDialogues("train", 6000, 1));
write("dialogues.heldout.jsonl", makeDialogues("heldout", 200, 2));
write("headlines.train.jsonl", makeHeadlines("train", 1500, 3));
write("headlines.heldout.jsonl", makeHeadlines("heldout", 300, 4));

function write(name: string, rows: readonly object[]): void {
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  writeFileSync(join(folder, name), text);
  console.log(`${name}: ${rows.length} rows, ${(text.length / 1024).toFixed(0)} KiB`);
}
