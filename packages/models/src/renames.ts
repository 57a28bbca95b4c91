// Names of weights as other ways of saving wrote them: a wrapper's prefix before all names, or the usual one left out.

import { dataError, printable } from "./errors.js";
import type { Checkpoint } from "./safetensors.js";

/** A prefix that a file's names may have, and what stands in its place in the model's own names. */
export interface PrefixVariant {
  file: string;
  model: string;
  /** Who writes it, for the message. */
  why: string;
}

/** What is known beside a model's own names, the most specific first. Nothing else is guessed. */
export const T5_PREFIXES: readonly PrefixVariant[] = [
  { file: "module.", model: "", why: "torch's DataParallel" },
  { file: "transformer.", model: "", why: "early transformers and wrappers" },
  { file: "model.", model: "", why: "Lightning modules" },
];
export const OPT_PREFIXES: readonly PrefixVariant[] = [
  { file: "module.model.decoder.", model: "model.decoder.", why: "torch's DataParallel" },
  { file: "transformer.decoder.", model: "model.decoder.", why: "wrappers" },
  { file: "model.model.decoder.", model: "model.decoder.", why: "Lightning modules" },
  { file: "decoder.", model: "model.decoder.", why: "OPTModel alone, as many hub files" },
];

/**
 * The checkpoint under the model's own names. It is the same one where it holds `anchor`, a weight that every such model has, already;
 * else the first variant under which the anchor is found counts, for every name that has its prefix. Throws (data)
 * where the file holds a weight under both names.
 */
export function underModelNames(
  checkpoint: Checkpoint,
  anchor: string,
  variants: readonly PrefixVariant[],
): { checkpoint: Checkpoint; notes: string[] } {
  const { tensors } = checkpoint;
  if (tensors.has(anchor)) return { checkpoint, notes: [] };
  const variant = variants.find(({ file, model }) => anchor.startsWith(model) && tensors.has(file + anchor.slice(model.length)));
  if (!variant) return { checkpoint, notes: [] };

  const { file, model, why } = variant;
  const fileNames = new Map<string, string>(); // the model's name -> the file's
  for (const name of tensors.keys()) {
    const own = name.startsWith(file) ? model + name.slice(file.length) : name;
    const other = fileNames.get(own);
    if (other !== undefined)
      throw dataError(
        `${checkpoint.description}: holds ${printable(own)} twice, as "${printable(other)}" and "${printable(name)}"`,
      );
    fileNames.set(own, name);
  }
  const renamed: Checkpoint = {
    ...checkpoint,
    names: [...fileNames.keys()],
    tensors: new Map([...fileNames].map(([name, source]) => [name, tensors.get(source)!])),
    read: (name, elements) => checkpoint.read(fileNames.get(name) ?? name, elements),
  };
  const written = model === "" ? "without it" : `"${model}"`;
  return {
    checkpoint: renamed,
    notes: [`${checkpoint.description}: names begin with "${file}" (${why}), read as ${written}`],
  };
}
