// Base weights that an adapter has trained copies of: the modules of modules_to_save, whole, and the biases that `bias` asks for.
// Which they are and how PEFT names them in adapter_model.safetensors (utils/other.py ModulesToSaveWrapper, tuners_utils.py).

import { dataError, listSome, printable } from "../errors.js";
import type { WeightSpec } from "../pretrained.js";
import type { LoraConfig } from "./adapterConfig.js";

/** A weight that the adapter has a trained copy of. */
export interface OwnWeight extends WeightSpec {
  /** The base weight that the copy begins from: itself, or the embedding matrix for a head that was tied to it. */
  source: string;
  /** How the adapter's file names it, and what older versions of PEFT called it. */
  keys: readonly string[];
}

export const ADAPTER_PREFIX = "base_model.model.";
const HEAD = "lm_head.weight";
/** T5 has these under several names that PEFT copies apart from each other: what it then trains is not what computes. */
const SHARED_EMBEDDING = "shared.weight";

/**
 * The weights of a base model that the config trains whole.
 * @param weights all of the base's, in its order
 * @param adapted paths of the modules that get a layer
 * Throws (data) for a name that matches no module, or embeddings that the model shares between its parts.
 */
export function ownWeights(
  { modulesToSave, bias }: Pick<LoraConfig, "modulesToSave" | "bias">,
  weights: readonly WeightSpec[],
  adapted: readonly string[],
): OwnWeight[] {
  if (!modulesToSave && bias === "none") return [];
  if (weights.length === 0) throw dataError("modules_to_save and bias need the base model's weights, and none are known here");
  const isAdapted = new Set(adapted);
  const found: OwnWeight[] = [];
  for (const weight of withHead(weights)) {
    const path = pathOf(weight.name);
    if (modulesToSave?.some((name) => ancestors(path).some((at) => at.endsWith(name)))) {
      if (weight.name === SHARED_EMBEDDING) throw embeddingError("shared");
      found.push({ ...weight, keys: [ADAPTER_PREFIX + weight.name] });
    } else if (weight.name.endsWith(".bias") && (bias === "all" || (bias === "lora_only" && isAdapted.has(path)))) {
      const plain = ADAPTER_PREFIX + weight.name;
      found.push({ ...weight, keys: isAdapted.has(path) ? [`${ADAPTER_PREFIX}${path}.base_layer.bias`, plain] : [plain] });
    }
  }
  for (const name of modulesToSave ?? []) {
    if (name.endsWith("embed_tokens") && weights.some((weight) => weight.name === SHARED_EMBEDDING)) throw embeddingError(name);
    if (found.some((weight) => ancestors(pathOf(weight.name)).some((at) => at.endsWith(name)))) continue;
    const endings = [...new Set(weights.map((weight) => pathOf(weight.name).split(".").at(-1)!))];
    throw dataError(`modules_to_save: "${printable(name)}" matches no module; there are ${listSome(endings)}`);
  }
  return found;
}

function embeddingError(name: string): Error {
  return dataError(
    `modules_to_save: "${printable(name)}" is T5's embedding, which encoder, decoder and head share and PEFT would copy for one of them alone; leave it out, or train all weights`,
  );
}

/** The weights, and a head of its own where it is tied: an adapter's copy unties it. */
function withHead(weights: readonly WeightSpec[]): (WeightSpec & { source: string })[] {
  const all = weights.map((weight) => ({ ...weight, source: weight.name }));
  const embedding = weights.find(({ kind }) => kind === "embedding");
  if (embedding && !weights.some(({ name }) => name === HEAD))
    all.push({ name: HEAD, shape: embedding.shape, kind: "linear", source: embedding.name });
  return all;
}

const pathOf = (name: string): string => name.slice(0, name.lastIndexOf("."));

/** A module's path and those of the modules that hold it. */
function ancestors(path: string): string[] {
  const parts = path.split(".");
  return parts.map((_, i) => parts.slice(0, i + 1).join("."));
}
