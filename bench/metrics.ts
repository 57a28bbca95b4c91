// npm run bench:metrics [-- FILE.csv]: ROUGE with stems and BLEU over 1,500 summaries, ours against Python in one run, in turns. The file is
// the published FLAN-T5 outputs beside the checkout; without it, sentences of our own of the same lengths. ATTUNE_PEER_PYTHON names a
// Python that has nltk and sacrebleu (and, better, rouge_score).
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { corpusBleu, corpusRouge } from "@attune/eval";
import { parse } from "csv-parse/sync";
import { round } from "./harness.js";

const ROWS = 1500;
const ROUNDS = 5;
const published = fileURLToPath(new URL("../../shared/data/gold/flan-t5-base_dialogsum_test_outputs.csv", import.meta.url));

const { references, predictions } = summaries(process.argv[2] ?? published);
const python = process.env.ATTUNE_PEER_PYTHON ?? "python3";
const script = fileURLToPath(new URL("peer/metricsPeer.py", import.meta.url));
const input = JSON.stringify({ references, predictions, rounds: ROUNDS });

interface Peer {
  rouge: Record<string, number>;
  rouge_s: number;
  by: string;
  bleu: number;
  bleu_s: number;
}

const rouge = median(() => corpusRouge(references, predictions, { useStemmer: true }).mean);
const bleu = median(() => corpusBleu(references, predictions).score);
const peer = JSON.parse(execFileSync(python, [script], { input, encoding: "utf8", maxBuffer: 1 << 26 })) as Peer;
const again = {
  rouge: median(() => corpusRouge(references, predictions, { useStemmer: true }).mean),
  bleu: median(() => corpusBleu(references, predictions).score),
};
report("rouge 1, 2, L with stems", Math.max(rouge.seconds, again.rouge.seconds), peer.rouge_s, peer.by);
report("corpus BLEU", Math.max(bleu.seconds, again.bleu.seconds), peer.bleu_s, "sacrebleu");
const apart = Math.max(
  ...(["rouge1", "rouge2", "rougeL"] as const).map((type) => Math.abs(rouge.value[type].fmeasure - peer.rouge[type]!)),
  Math.abs(bleu.value - peer.bleu),
);
console.log(JSON.stringify({ largest_difference: apart }));
if (apart > 1e-6) process.exitCode = 1;

function report(metric: string, ours: number, theirs: number, by: string): void {
  const line = {
    metric,
    rows: ROWS,
    ours_rows_per_s: round(ROWS / ours),
    peer: by,
    peer_rows_per_s: round(ROWS / theirs),
    faster: round(theirs / ours),
  };
  console.log(JSON.stringify(line));
}

function median<T>(work: () => T): { value: T; seconds: number } {
  let value = work();
  const times = Array.from({ length: ROUNDS }, () => {
    const begin = performance.now();
    value = work();
    return (performance.now() - begin) / 1000;
  }).sort((a, b) => a - b);
  return { value, seconds: times[Math.floor(ROUNDS / 2)]! };
}

function summaries(file: string): { references: string[]; predictions: string[] } {
  if (existsSync(file)) {
    const rows = (parse(readFileSync(file, "utf8"), { columns: true }) as Record<string, string>[]).slice(0, ROWS);
    return {
      references: rows.map((row) => row.human_baseline_summaries!),
      predictions: rows.map((row) => row.peft_model_summaries!),
    };
  }
  console.error(`${file} is not there: sentences of our own instead`);
  const words = Array.from(
    { length: 3000 },
    (_, i) =>
      `${"bcdfgklmnprstvz"[i % 15]}${"aeiou"[i % 5]}${i.toString(36).replace(/\d/g, "x")}${["ing", "ed", "s", ""][i % 4]}`,
  );
  const text = (seed: number, length: number) =>
    Array.from({ length }, (_, j) => words[(seed * 7919 + j * j * 31 + j * 101) % words.length]!).join(" ");
  return {
    references: Array.from({ length: ROWS }, (_, i) => text(i, 20 + (i % 17))),
    predictions: Array.from({ length: ROWS }, (_, i) => text(i + (i % 3), 18 + (i % 23))),
  };
}
