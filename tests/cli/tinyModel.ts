// A model folder of a few kilobytes for tests of the command line: a T5 with random weights and a tokenizer of letters.
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { bytesOf, initT5, T5_DEFAULTS, type T5Config, type TensorToWrite, t5ConfigJson, writeSafetensors } from "@attune/models";

const SPECIAL = ["<pad>", "</s>", "<unk>"];
const LETTERS = [..."abcdefghijklmnopqrstuvwxyz.:"];
const PIECES = [...SPECIAL, ...LETTERS.map((letter) => `▁${letter}`), ...LETTERS, "▁"];

export const TINY: T5Config = {
  ...T5_DEFAULTS,
  vocabSize: PIECES.length + 5, // rows without a token, as in T5 itself
  dModel: 16,
  dKv: 8,
  dFf: 24,
  numLayers: 1,
  numDecoderLayers: 1,
  numHeads: 2,
  // a head of its own: with random weights a tied one only says its own input again
  feedForward: "gated-gelu",
  tieWordEmbeddings: false,
  scaleDecoderOutputs: false,
};

export function tinyTensors(config: T5Config = TINY): TensorToWrite[] {
  return [...initT5(config, 5)].map(({ name, shape, values }) => ({ name, shape, dtype: "F32", bytes: bytesOf(values) }));
}

/** Writes the folder, with other tensors if they are given. */
export async function writeTinyModel(folder: string, tensors: readonly TensorToWrite[] = tinyTensors()): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, "config.json"), t5ConfigJson(TINY));
  await writeFile(path.join(folder, "model.safetensors"), writeSafetensors(tensors));
  await writeFile(path.join(folder, "tokenizer.json"), JSON.stringify(tinyTokenizer()));
  return folder;
}

/** Unigram over letters, in the form of T5's own tokenizer.json; with more than its pieces for models that know more ids. */
export function tinyTokenizer(size = PIECES.length): object {
  const more = Array.from({ length: Math.max(0, size - PIECES.length) }, (_, i) => `piece${i}`);
  const space = { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true };
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.map((content, id) => ({ id, content, ...flags })),
    normalizer: null,
    pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "WhitespaceSplit" }, space] },
    post_processor: {
      type: "TemplateProcessing",
      single: [{ Sequence: { id: "A", type_id: 0 } }, { SpecialToken: { id: "</s>", type_id: 0 } }],
      pair: [],
      special_tokens: { "</s>": { id: "</s>", ids: [1], tokens: ["</s>"] } },
    },
    decoder: space,
    model: {
      type: "Unigram",
      unk_id: 2,
      byte_fallback: false,
      vocab: [...PIECES, ...more].map((piece, id) => [piece, id < 3 ? 0 : -3]),
    },
  };
}
