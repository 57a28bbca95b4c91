/**
 * Makes the bundled tokenizer (scripts/bundled/wordTokenizer.ts). It covers the words of both splits, as T5's vocabulary covers far more
 * than any data set it is tuned on; the weights meet training text alone.
 *
 *   npx tsx --conditions=@attune/source scripts/train-tokenizer.ts
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { countRuns, wordTokenizer } from "./bundled/wordTokenizer.js";

const folder = join(dirname(fileURLToPath(import.meta.url)), "..", "data", "bundled");
const files = ["dialogues.train", "dialogues.heldout", "headlines.train", "headlines.heldout"];
const rows = files.flatMap((name) =>
  readFileSync(join(folder, `${name}.jsonl`), "utf8")
    .split("\n")
    .filter(Boolean),
);
const runs = countRuns(
  rows.map((line) => {
    const row = JSON.parse(line) as Record<string, string>;
    return `summarize: ${row.dialogue ?? row.sentence}\nSummary: ${row.summary ?? row.label}`; // what a model reads and writes
  }),
);
const { tokenizer, config, size } = wordTokenizer(runs);

const out = join(folder, "base");
mkdirSync(out, { recursive: true });
writeFileSync(join(out, "tokenizer.json"), `${JSON.stringify(tokenizer)}\n`);
writeFileSync(join(out, "tokenizer_config.json"), `${JSON.stringify(config, null, 2)}\n`);
console.log(`${size} pieces from ${runs.size} words -> data/bundled/base/tokenizer.json`);
