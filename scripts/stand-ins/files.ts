// All stand-ins: small files of our own in the forms, folders and names of the data sets and tokenizers that the recipes speak of.
import { type Dialogue, makeDialogues } from "../bundled/dialogues.js";
import { makeHeadlines } from "../bundled/headlines.js";
import { makeRng } from "../bundled/prng.js";
import { countRuns, wordTokenizer } from "../bundled/wordTokenizer.js";
import { makeStories } from "./arithmetic.js";
import { byteBpe } from "./byteBpe.js";
import { dialogsumRow, samsumFile, squadFile } from "./dialogues.js";
import { makeChats, makeInstructions } from "./instructions.js";
import { makeReasons } from "./reasons.js";

/** Merges of OPT's stand-in: words of the texts at hand become one or two pieces. */
const MERGES = 1500;

/** Path below data/stand-ins -> bytes. The same on every machine. */
export function standIns(): Map<string, Uint8Array> {
  const texts = dataFiles();
  const files = new Map(
    [...texts].map(([name, text]): [string, Uint8Array] => [
      name,
      Buffer.from(text, name.startsWith("financial") ? "latin1" : "utf8"),
    ]),
  );
  const read = [...texts].flatMap(([name, text]) => readable(name, text));
  for (const [folder, { tokenizer, config }] of [
    [
      "t5",
      wordTokenizer(countRuns([...read, "summarize: question: context: sentiment: Let's think step by step. The answer is"])),
    ],
    ["opt", byteBpe(read, MERGES)],
  ] as const) {
    files.set(`tokenizers/${folder}/tokenizer.json`, Buffer.from(`${JSON.stringify(tokenizer)}\n`));
    files.set(`tokenizers/${folder}/tokenizer_config.json`, Buffer.from(`${JSON.stringify(config, null, 2)}\n`));
  }
  return files;
}

function dataFiles(): Map<string, string> {
  const jsonl = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  const dialogsum = (split: string, rows: readonly Dialogue[]) => jsonl(rows.map((row, i) => dialogsumRow(row, `${split}_${i}`)));
  const stories = makeStories(360, makeRng(51));
  const marked = stories.map(({ question, marked: steps, answer }) => ({ question, answer: `${steps}\n#### ${answer}` }));
  const reasons = makeReasons(90, stories, makeRng(52));
  const escaped = (text: string) => text.replaceAll("\n", "\\n");
  return new Map([
    ["alpaca/alpaca_5000.json", `${JSON.stringify(makeInstructions(480, makeRng(53)), null, 1)}\n`],
    ["dialogsum/dialogsum.train.jsonl", dialogsum("train", makeDialogues("train", 320, 54))],
    ["dialogsum/dialogsum.dev.jsonl", dialogsum("dev", makeDialogues("heldout", 40, 55))],
    ["financial_phrasebank/Sentences_AllAgree.txt", phrasebank(480)],
    ...Object.entries(reasons).map(([name, rows]): [string, string] => [
      `flan_cot/${name}.tsv`,
      rows.map((row) => `${[row.question, row.answer, row.reason].map(escaped).join("\t")}\n`).join(""),
    ]),
    ["gsm8k/train.jsonl", jsonl(marked)],
    ["samsum/train.csv", samsumFile(80, 57)],
    ["samsum/validation.csv", samsumFile(20, 58)],
    ["sharegpt/v1_sft_demo.jsonl", jsonl(makeChats(160, makeRng(59)))],
    ["squad/dev-v1.1.json", `${JSON.stringify(squadFile(110, 60))}\n`],
  ]);
}

/** `sentence@label` with marks that stand apart and a blank before the full stop; three in five are neutral. A city has a letter of ISO-8859-1. */
function phrasebank(count: number): string {
  const rng = makeRng(56);
  const apart = (sentence: string) => sentence.replace(/,/g, " ,").replace(/\.$/, " .").replace("Turku", "Åbo");
  const rows = makeHeadlines("train", 2 * count, 61);
  const of = (label: string, share: number) => rows.filter((row) => row.label === label).slice(0, Math.round(share * count));
  const mixed = rng.shuffled([...of("neutral", 0.6), ...of("positive", 0.26), ...of("negative", 0.14)]);
  return mixed.map(({ sentence, label }) => `${apart(sentence)}@${label}\n`).join("");
}

/** What a model reads of a file: texts without the file's own marks. */
function readable(name: string, text: string): string[] {
  const lines = () => text.split("\n").filter(Boolean);
  const strings = (value: unknown): string[] =>
    typeof value === "string"
      ? [value]
      : typeof value === "object" && value !== null
        ? Object.values(value).flatMap(strings)
        : [];
  if (name.endsWith(".jsonl"))
    return lines().flatMap((line) => strings(JSON.parse(line)).filter((one) => !/^\w+_\d+$/.test(one)));
  if (name.endsWith(".json")) return strings(JSON.parse(text)).filter((one) => !one.startsWith("stand-in-"));
  if (name.endsWith(".tsv")) return lines().map((line) => line.replaceAll("\\n", "\n").replaceAll("\t", "\n"));
  if (name.endsWith(".txt")) return lines().map((line) => line.replace("@", " "));
  return [text.replaceAll("\r\n", "\n")];
}
