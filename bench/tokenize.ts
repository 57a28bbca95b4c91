// Rows a second of the tokenizers, ours and Python's `tokenizers` (Rust), one after the other in one run.
//   node scripts/with-driver.mjs tsx --conditions=@attune/source bench/tokenize.ts --tokenizer DIR --file ROWS.jsonl [--field dialogue]
// ATTUNE_PYTHON names a Python that has tokenizers (bench/peer/requirements.txt); without it ours are measured alone.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createTokenizer, readTokenizerFiles } from "@attune/models";
import { diskFiles, encodeAll } from "@attune/models/node";

const { values: flags } = parseArgs({
  options: {
    tokenizer: { type: "string" },
    file: { type: "string" },
    field: { type: "string", default: "dialogue" },
    threads: { type: "string", default: "2" },
    rounds: { type: "string", default: "3" },
  },
});
if (!flags.tokenizer || !flags.file) throw new Error("usage: bench/tokenize.ts --tokenizer DIR --file ROWS.jsonl");
const rows = readFileSync(flags.file, "utf8").split("\n").filter(Boolean);
const texts = rows.map((row) => String(JSON.parse(row)[flags.field]));
const files = await readTokenizerFiles(diskFiles(flags.tokenizer));
const rounds = Number(flags.rounds);
const threads = Number(flags.threads);

const results = new Map<string, { seconds: number[]; ids: number }>();
async function measure(name: string, encode: () => Promise<number>): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const begin = performance.now();
    const ids = await encode();
    const found = results.get(name) ?? { seconds: [], ids };
    found.seconds.push((performance.now() - begin) / 1000);
    results.set(name, found);
  }
}

await measure("attune, one thread, loading included", async () => {
  const tokenizer = createTokenizer(files.json, files.settings, files.where);
  return texts.reduce((total, text) => total + tokenizer.encode(text).length, 0);
});
await measure(`attune, encodeAll with ${threads} threads, loading included`, async () => {
  let total = 0;
  for await (const ids of encodeAll(files, texts, { threads })) total += ids.length;
  return total;
});
const python = process.env.ATTUNE_PYTHON;
if (python) {
  const script = fileURLToPath(new URL("peer/tokenizePeer.py", import.meta.url));
  for (const parallel of ["false", "true"]) {
    const env = { ...process.env, TOKENIZERS_PARALLELISM: parallel, RAYON_NUM_THREADS: String(threads) };
    const args = [script, flags.tokenizer, flags.file, flags.field, String(rounds)];
    const { seconds, ids } = JSON.parse(execFileSync(python, args, { env, encoding: "utf8" }));
    results.set(`Python's tokenizers, ${parallel === "true" ? `${threads} threads` : "one thread"}, loading included`, {
      seconds,
      ids,
    });
  }
}
console.log(`${texts.length} rows of ${flags.file}, best of ${rounds}`);
for (const [name, { seconds, ids }] of results) {
  const best = Math.min(...seconds);
  console.log(`${name}: ${Math.round(texts.length / best)} rows/s, ${Math.round(ids / best)} ids/s (${ids} ids)`);
}
