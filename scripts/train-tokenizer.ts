/**
 * Trains the bundled tokenizer: a Unigram vocabulary on the bundled training text, written as Hugging Face's tokenizer.json.
 * Every printable ASCII character is a piece, so any English name can be spelt; a line break is the visible piece "↵" and
 * comes back as "\n". Ids as T5 has them: <pad> 0, </s> 1, <unk> 2, <extra_id_i> = size - 1 - i.
 *
 *   npx tsx --conditions=@attune/source scripts/train-tokenizer.ts [--size 2048]
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { trainUnigram } from "./bundled/unigram.js";

const SPACE = "\u2581"; // ▁ in front of a word, as Metaspace writes it
const BREAK = "\u21b5"; // ↵ for a line break
const SPECIAL = ["<pad>", "</s>", "<unk>"];
const SENTINELS = 100;

const { values } = parseArgs({ options: { size: { type: "string", default: "2048" } } });
const size = Number(values.size);
if (!Number.isInteger(size) || size % 32 !== 0) throw new Error(`--size must be a multiple of 32, got ${values.size}`);

const folder = join(dirname(fileURLToPath(import.meta.url)), "..", "data", "bundled");
const words = countWords(["dialogues.train.jsonl", "headlines.train.jsonl"].map((name) => join(folder, name)));
const alphabet = [SPACE, BREAK, SPACE + BREAK, ...Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i))];
const pieces = trainUnigram(words, {
  size: size - SPECIAL.length - SENTINELS,
  alphabet,
  minWords: 3,
  minCount: 80,
  maxPieceLength: 14,
});

const vocab: [string, number][] = [
  ...SPECIAL.map((token): [string, number] => [token, 0]),
  ...pieces.map(([piece, score]): [string, number] => [piece, Number(score.toFixed(6))]),
  ...Array.from({ length: SENTINELS }, (_, i): [string, number] => [`<extra_id_${SENTINELS - 1 - i}>`, 0]),
];
if (vocab.length !== size) throw new Error(`the text yields ${vocab.length} pieces, wanted ${size}`);

const isSpecial = (token: string) => SPECIAL.includes(token) || token.startsWith("<extra_id_");
const replace = (from: string | { Regex: string }, content: string) => ({
  type: "Replace",
  pattern: typeof from === "string" ? { String: from } : from,
  content,
});
const metaspace = { type: "Metaspace", replacement: SPACE, prepend_scheme: "always", split: true };
const tokenizer = {
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: vocab.flatMap(([content], id) =>
    isSpecial(content)
      ? [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }]
      : [],
  ),
  normalizer: {
    type: "Sequence",
    normalizers: [
      replace("\r\n", "\n"),
      replace("\n", ` ${BREAK} `),
      replace("\t", " "),
      replace("\u2019", "'"),
      replace({ Regex: " {2,}" }, " "),
      { type: "Strip", strip_left: true, strip_right: true },
    ],
  },
  pre_tokenizer: metaspace,
  post_processor: {
    type: "TemplateProcessing",
    single: [{ Sequence: { id: "A", type_id: 0 } }, { SpecialToken: { id: "</s>", type_id: 0 } }],
    pair: [
      { Sequence: { id: "A", type_id: 0 } },
      { SpecialToken: { id: "</s>", type_id: 0 } },
      { Sequence: { id: "B", type_id: 0 } },
      { SpecialToken: { id: "</s>", type_id: 0 } },
    ],
    special_tokens: { "</s>": { id: "</s>", ids: [1], tokens: ["</s>"] } },
  },
  decoder: {
    type: "Sequence",
    decoders: [
      metaspace,
      { type: "Fuse" },
      replace(` ${BREAK} `, "\n"),
      replace(` ${BREAK}`, "\n"),
      replace(`${BREAK} `, "\n"),
      replace(BREAK, "\n"),
    ],
  },
  model: { type: "Unigram", unk_id: 2, vocab, byte_fallback: false },
};
const config = {
  tokenizer_class: "PreTrainedTokenizerFast",
  model_max_length: 512,
  clean_up_tokenization_spaces: false,
  pad_token: "<pad>",
  eos_token: "</s>",
  unk_token: "<unk>",
  extra_ids: SENTINELS,
};

const out = join(folder, "base");
mkdirSync(out, { recursive: true });
writeFileSync(join(out, "tokenizer.json"), `${JSON.stringify(tokenizer)}\n`);
writeFileSync(join(out, "tokenizer_config.json"), `${JSON.stringify(config, null, 2)}\n`);
console.log(`${size} pieces from ${words.size} words -> data/bundled/base/tokenizer.json`);

/**
 * Runs of one class of characters, ▁ in front of a word's first, and in how many rows they occur. Letters, marks and digits never
 * share a piece, so a name is the same pieces whether a colon, a comma or "'s" follows; digits stand alone, so numbers are copied one by one.
 */
function countWords(files: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const file of files) {
    for (const line of readFileSync(file, "utf8").split("\n")) {
      if (line === "") continue;
      const row = JSON.parse(line) as Record<string, string>;
      const text = `summarize: ${row.dialogue ?? row.sentence}\nSummary: ${row.summary ?? row.label}`; // what a model reads and writes
      const runs = new Set<string>();
      for (const word of text.replaceAll("\n", ` ${BREAK} `).split(/ +/)) {
        for (const run of (SPACE + word).match(/\u2581?(?:[A-Za-z]+|\d|'[a-z]+|[^A-Za-z0-9\u2581])/g) ?? []) runs.add(run);
      }
      for (const run of runs) counts.set(run, (counts.get(run) ?? 0) + 1);
    }
  }
  return new Map([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}
