/**
 * A Unigram vocabulary of whole words, written as Hugging Face's tokenizer.json. A word is one piece, so that a tiny model can copy a name
 * in one step. Every printable ASCII character is a piece too, so anything else can be spelt; a line break is the visible piece "↵" and
 * comes back as "\n". Ids as T5 has them: <pad> 0, </s> 1, <unk> 2, <extra_id_i> = size - 1 - i.
 */
const SPACE = "\u2581"; // ▁ in front of a word, as Metaspace writes it
const BREAK = "\u21b5"; // ↵ for a line break
const SPECIAL = ["<pad>", "</s>", "<unk>"];
const SENTINELS = 100;
const ALPHABET = [SPACE, BREAK, SPACE + BREAK, ...Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i))];

/**
 * Runs of one class of characters, ▁ in front of a word's first, and in how many texts they occur. Letters, marks and digits never
 * share a piece, so a name is the same pieces whether a colon, a comma or "'s" follows; digits stand alone, so numbers are copied one by one.
 */
export function countRuns(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    const runs = new Set<string>();
    for (const word of text.replaceAll("\n", ` ${BREAK} `).split(/ +/)) {
      for (const run of (SPACE + word).match(/\u2581?(?:[A-Za-z]+|\d|'[a-z]+|[^A-Za-z0-9\u2581])/g) ?? []) runs.add(run);
    }
    for (const run of runs) counts.set(run, (counts.get(run) ?? 0) + 1);
  }
  return new Map([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** tokenizer.json and tokenizer_config.json of a vocabulary of these runs; its size is a multiple of 32. */
export function wordTokenizer(runs: ReadonlyMap<string, number>): { tokenizer: object; config: object; size: number } {
  // A whole word always beats its spelling: the characters cost more than the rarest word.
  const total = [...runs.values()].reduce((sum, count) => sum + count, 0);
  const scores = new Map([...runs].map(([run, count]) => [run, Math.log(count / total)]));
  const spelt = Math.min(...scores.values()) - 2;
  for (const character of ALPHABET) if (!scores.has(character)) scores.set(character, spelt);
  const pieces = [...scores].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));

  const used = SPECIAL.length + pieces.length + SENTINELS;
  const size = Math.ceil(used / 32) * 32;
  const unused = Array.from({ length: size - used }, (_, i): [string, number] => [`<unused_${i}>`, -100]);
  const vocab: [string, number][] = [
    ...SPECIAL.map((token): [string, number] => [token, 0]),
    ...pieces.map(([piece, score]): [string, number] => [piece, Number(score.toFixed(6))]),
    ...unused,
    ...Array.from({ length: SENTINELS }, (_, i): [string, number] => [`<extra_id_${SENTINELS - 1 - i}>`, 0]),
  ];
  return { tokenizer: tokenizerOf(vocab), config: CONFIG, size };
}

const CONFIG = {
  tokenizer_class: "PreTrainedTokenizerFast",
  model_max_length: 512,
  clean_up_tokenization_spaces: false,
  pad_token: "<pad>",
  eos_token: "</s>",
  unk_token: "<unk>",
  extra_ids: SENTINELS,
};

const isSpecial = (token: string) => SPECIAL.includes(token) || token.startsWith("<extra_id_");
const replace = (from: string | { Regex: string }, content: string) => ({
  type: "Replace",
  pattern: typeof from === "string" ? { String: from } : from,
  content,
});
const metaspace = { type: "Metaspace", replacement: SPACE, prepend_scheme: "always", split: true };
function tokenizerOf(vocab: readonly [string, number][]): object {
  return {
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
}
