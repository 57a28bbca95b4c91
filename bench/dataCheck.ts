// A made-up file of 100,000 rows through `attune data check` with a tokenizer, and its texts through encodeAll as a stream: rows a second, and the
// process's largest memory after a tenth of the rows and after all of them. Python's `tokenizers` encodes the same file in the same run.
//   node scripts/with-driver.mjs tsx --conditions=@attune/source bench/dataCheck.ts --tokenizer DIR [--rows 100000]
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { mt19937, readTokenizerFiles } from "@attune/models";
import { diskFiles, encodeAll } from "@attune/models/node";
import { readRows } from "@attune/tuning/node";
import { checkFile } from "../apps/cli/src/recipes/checkRows.js";

const { values: flags } = parseArgs({
  options: {
    tokenizer: { type: "string" },
    rows: { type: "string", default: "100000" },
    threads: { type: "string", default: "2" },
  },
});
if (!flags.tokenizer) throw new Error("usage: bench/dataCheck.ts --tokenizer DIR [--rows N]");
const all = Number(flags.rows);
const threads = Number(flags.threads);
const files = await readTokenizerFiles(diskFiles(flags.tokenizer));
const folder = await mkdtemp(path.join(tmpdir(), "attune-bench-"));
const megabytes = () => Math.round(process.resourceUsage().maxRSS / 1024);
const report = (what: string, rows: number, seconds: number, memory = "") =>
  console.log(`${what}: ${rows} rows in ${seconds.toFixed(1)} s, ${Math.round(rows / seconds)} rows/s${memory}`);

/** Rows of SAMSum's form: a dialogue of about 45 words, no two alike. */
async function writeFile(rows: number): Promise<string> {
  const words = [
    "lunch",
    "station",
    "tomorrow",
    "ticket",
    "music",
    "bring",
    "maybe",
    "the",
    "we",
    "should",
    "of",
    "garden",
    "late",
  ];
  const random = mt19937(7);
  const text = (count: number) => Array.from({ length: count }, () => words[random.below(words.length)]).join(" ");
  const file = path.join(folder, `rows-${rows}.jsonl`);
  const out = createWriteStream(file);
  for (let i = 0; i < rows; i++) {
    const dialogue = Array.from({ length: 4 }, (_, turn) => `${turn % 2 ? "Bo" : "Ann"}: ${text(11)} ${i}.`).join("\n");
    if (!out.write(`${JSON.stringify({ id: String(i), dialogue, summary: `${text(8)}.` })}\n`)) await once(out, "drain");
  }
  out.end();
  await once(out, "close");
  return file;
}

try {
  for (const rows of [Math.ceil(all / 10), all]) {
    const file = await writeFile(rows);
    const { report: found } = await checkFile(file, { tokenizer: flags.tokenizer });
    report("attune data check with the tokenizer", found.rows, found.seconds, `, at most ${megabytes()} MiB so far`);
  }
  const file = path.join(folder, `rows-${all}.jsonl`);
  const begin = performance.now();
  async function* texts() {
    for await (const { fields } of readRows(file)) yield String(fields.dialogue);
  }
  let ids = 0;
  for await (const one of encodeAll(files, texts(), { threads })) ids += one.length;
  const seconds = (performance.now() - begin) / 1000;
  report(
    `attune, rows read and encoded as a stream, ${threads} threads`,
    all,
    seconds,
    `, ${ids} ids, at most ${megabytes()} MiB so far`,
  );
  if (process.env.ATTUNE_PYTHON) {
    const script = fileURLToPath(new URL("peer/tokenizePeer.py", import.meta.url));
    for (const parallel of ["false", "true"]) {
      const env = { ...process.env, TOKENIZERS_PARALLELISM: parallel, RAYON_NUM_THREADS: String(threads) };
      const answer = execFileSync(process.env.ATTUNE_PYTHON, [script, flags.tokenizer, file, "dialogue", "1"], {
        env,
        encoding: "utf8",
      });
      const { seconds: taken, ids: count } = JSON.parse(answer) as { seconds: number[]; ids: number };
      report(
        `Python's tokenizers on texts in memory, ${parallel === "true" ? `${threads} threads` : "one thread"}`,
        all,
        Math.min(...taken),
        `, ${count} ids`,
      );
    }
  }
} finally {
  await rm(folder, { recursive: true });
}
