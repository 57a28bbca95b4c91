// A byte-level BPE in the form of OPT's tokenizer.json: GPT-2's pieces and byte letters (Radford et al. 2019), merges learnt from the texts
// at hand (Sennrich et al. 2016), RoBERTa's special tokens first, and </s> in front of every text.

const SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"];
const PIECES = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** The letter that stands for each byte: itself where it is printable and no blank, else one from 256 on. */
const LETTERS: readonly string[] = (() => {
  const isShown = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isShown(byte) ? byte : next++));
})();

/** tokenizer.json and tokenizer_config.json with at most `merges` merges; of pairs that are as frequent the first in code order is merged. */
export function byteBpe(texts: Iterable<string>, merges: number): { tokenizer: object; config: object; size: number } {
  const words = piecesOf(texts);
  const learnt: [string, string][] = [];
  while (learnt.length < merges) {
    const pair = commonest(words);
    if (!pair) break;
    learnt.push(pair);
    for (const word of words) word.parts = joined(word.parts, pair);
  }
  const entries = [...SPECIAL, ...LETTERS, ...learnt.map(([a, b]) => a + b)];
  const vocab = Object.fromEntries(entries.map((token, id) => [token, id]));
  return { tokenizer: tokenizerOf(vocab, learnt), config: CONFIG, size: entries.length };
}

interface Word {
  parts: string[];
  count: number;
}

const encoder = new TextEncoder();

function piecesOf(texts: Iterable<string>): Word[] {
  const counts = new Map<string, number>();
  for (const text of texts) for (const [piece] of text.matchAll(PIECES)) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  return [...counts].map(([piece, count]) => ({ parts: Array.from(encoder.encode(piece), (byte) => LETTERS[byte]!), count }));
}

/** The pair that stands together most often, at least twice. */
function commonest(words: readonly Word[]): [string, string] | null {
  const counts = new Map<string, number>();
  for (const { parts, count } of words) {
    for (let i = 1; i < parts.length; i++) {
      const key = `${parts[i - 1]} ${parts[i]}`; // no letter is a blank
      counts.set(key, (counts.get(key) ?? 0) + count);
    }
  }
  let best: [key: string, count: number] = ["", 1];
  for (const [key, count] of counts)
    if (count > best[1] || (count === best[1] && count > 1 && key < best[0])) best = [key, count];
  return best[0] === "" ? null : (best[0].split(" ") as [string, string]);
}

function joined(parts: readonly string[], [a, b]: readonly [string, string]): string[] {
  const out: string[] = [];
  for (let i = 0; i < parts.length; i++) {
    const isPair = parts[i] === a && parts[i + 1] === b;
    out.push(isPair ? a + b : parts[i]!);
    if (isPair) i++;
  }
  return out;
}

const CONFIG = {
  tokenizer_class: "GPT2Tokenizer",
  add_prefix_space: false,
  errors: "replace",
  model_max_length: 2048,
  bos_token: "</s>",
  eos_token: "</s>",
  pad_token: "<pad>",
  unk_token: "</s>",
};

function tokenizerOf(vocab: Readonly<Record<string, number>>, merges: readonly (readonly [string, string])[]): object {
  const begin = (type: number) => ({ SpecialToken: { id: "</s>", type_id: type } });
  const text = (id: string, type: number) => ({ Sequence: { id, type_id: type } });
  const bytes = { type: "ByteLevel", trim_offsets: true, use_regex: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.slice(0, 3).map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: { ...bytes, add_prefix_space: false },
    post_processor: {
      type: "TemplateProcessing",
      single: [begin(0), text("A", 0)],
      pair: [begin(0), text("A", 0), begin(1), text("B", 1)],
      special_tokens: { "</s>": { id: "</s>", ids: [2], tokens: ["</s>"] } },
    },
    decoder: { ...bytes, add_prefix_space: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      vocab,
      merges: merges.map((pair) => pair.join(" ")),
    },
  };
}
