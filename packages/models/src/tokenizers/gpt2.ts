// A tokenizer.json for folders that hold vocab.json and merges.txt alone, as OPT's official ones on the hub: GPT-2's byte-level BPE
// (Radford et al. 2019) with the special tokens that the settings name. What transformers' GPT2Converter makes of such a folder.

import { dataError, printable } from "../errors.js";

const ROLES = ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"];

export interface Gpt2Files {
  /** vocab.json: token -> id */
  vocab: Readonly<Record<string, unknown>>;
  /** merges.txt: a comment, then two pieces a line, the first line first */
  merges: string;
  /** tokenizer_config.json over special_tokens_map.json. */
  settings: Readonly<Record<string, unknown>>;
  /** added_tokens.json: token -> id; {} where there is none. */
  added: Readonly<Record<string, unknown>>;
  /** Whether a text begins with bos_token where the settings do not say (add_bos_token). OPT's does, GPT-2's does not. */
  beginsWithBos: boolean;
  where: string;
}

/** Throws (data) for merges that are no pairs, or a role whose token is in no table. */
export function gpt2TokenizerJson({ vocab, merges, settings, added, beginsWithBos, where }: Gpt2Files): Record<string, unknown> {
  const lines = merges.split(/\r?\n/);
  const pairs: string[] = [];
  for (const [i, line] of lines.entries()) {
    if (line === "" || (i === 0 && line.startsWith("#version"))) continue;
    if (line.split(" ").length !== 2) {
      throw dataError(`${where}/merges.txt: line ${i + 1} is "${printable(line)}", expected two pieces with a space between`);
    }
    pairs.push(line);
  }
  const tokens = new Map<string, { id: number; special: boolean; flags: Record<string, unknown> }>();
  for (const [content, id] of Object.entries(added)) tokens.set(content, { id: id as number, special: false, flags: {} });
  for (const [id, token] of Object.entries((settings.added_tokens_decoder ?? {}) as Record<string, Record<string, unknown>>)) {
    const { content, special, ...flags } = token ?? {};
    if (typeof content === "string") tokens.set(content, { id: Number(id), special: special === true, flags });
  }
  for (const role of ROLES) {
    const setting = settings[role] as string | Record<string, unknown> | null | undefined;
    const content = typeof setting === "string" ? setting : setting?.content;
    if (typeof content !== "string") continue;
    const id = tokens.get(content)?.id ?? vocab[content];
    if (id === undefined) throw dataError(`${where}: ${role} is "${printable(content)}", which vocab.json does not have`);
    const flags = { ...tokens.get(content)?.flags, ...(typeof setting === "object" ? setting : {}) };
    tokens.set(content, { id: id as number, special: true, flags });
  }
  const bos = typeof settings.bos_token === "string" ? settings.bos_token : (settings.bos_token as { content?: string })?.content;
  const hasBos = bos !== undefined && ((settings.add_bos_token as boolean | undefined) ?? beginsWithBos);
  const A = { Sequence: { id: "A", type_id: 0 } };
  const B = { Sequence: { id: "B", type_id: 1 } };
  const begin = (type: number) => (hasBos ? [{ SpecialToken: { id: bos, type_id: type } }] : []);
  return {
    version: "1.0",
    added_tokens: [...tokens]
      .sort(([, a], [, b]) => a.id - b.id)
      .map(([content, { id, special, flags }]) => ({
        id,
        content,
        single_word: flags.single_word === true,
        lstrip: flags.lstrip === true,
        rstrip: flags.rstrip === true,
        normalized: false, // there is no normaliser
        special,
      })),
    normalizer: null,
    pre_tokenizer: {
      type: "ByteLevel",
      add_prefix_space: settings.add_prefix_space === true,
      trim_offsets: true,
      use_regex: true,
    },
    post_processor: hasBos
      ? {
          type: "TemplateProcessing",
          single: [...begin(0), A],
          pair: [...begin(0), A, ...begin(1), B],
          special_tokens: { [bos]: { id: bos, ids: [tokens.get(bos)!.id], tokens: [bos] } },
        }
      : { type: "ByteLevel", add_prefix_space: true, trim_offsets: false, use_regex: true },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      vocab,
      merges: pairs,
    },
  };
}
