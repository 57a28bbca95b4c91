// A model as a Hugging Face folder that transformers 4 and 5 both read right: weights, config.json, generation_config.json, and the
// files of its tokenizer as they were.

import type { Tensor } from "@attune/tensor";
import { dataError, printable } from "./errors.js";
import { bf16ToF32, f16ToF32 } from "./halves.js";
import type { ModelFolder } from "./modelFolder.js";
import { type OptConfig, optConfigJson } from "./opt/config.js";
import { optWeights } from "./opt/weights.js";
import { bytesOf } from "./safetensors.js";
import {
  type SaveDtype,
  type SavedCheckpoint,
  type SaveOptions,
  saveCheckpoint,
  type TensorToSave,
  TORCH_NAMES,
} from "./saveCheckpoint.js";
import type { FileSink } from "./sink.js";
import { decodeUtf8, type FileSource } from "./source.js";
import { parseStrictJson, type StrictJson, strictJsonText } from "./strictJson.js";
import { type T5Config, t5ConfigJson } from "./t5/config.js";
import { t5WeightsToSave } from "./t5/weights.js";

/** A model's kind and sizes. */
export type KnownModel = { kind: "t5"; config: T5Config } | { kind: "opt"; config: OptConfig };

/** What a tokenizer may consist of; whichever are there are copied. */
const TOKENIZER_FILES = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "spiece.model",
  "vocab.json",
  "merges.txt",
  "chat_template.jinja",
];
/** Larger ones are no file of a tokenizer or a config. */
const MAX_TEXT_BYTES = 256 << 20;

/** The names under which a model's weights are saved, and the weight that each is. */
export function weightsToSave(model: KnownModel): { name: string; source: string; shape: readonly number[] }[] {
  if (model.kind === "t5") return t5WeightsToSave(model.config);
  return optWeights(model.config).map(({ name, shape }) => ({ name, source: name, shape }));
}

/**
 * Saves an opened folder anew: .bin becomes safetensors, types and shards as asked for, names those of transformers, copies of tied
 * weights left out, config.json with all its other fields as they were. Throws (data) where values do not fit f16.
 */
export async function saveModelFolder(sink: FileSink, folder: ModelFolder, options: SaveOptions = {}): Promise<SavedCheckpoint> {
  const { checkpoint, source } = folder;
  const inFile = new Map(folder.weights.map((weight) => [weight.name, weight.source]));
  const tensors = weightsToSave(folder).map(({ name, source: weight, shape }): TensorToSave => {
    const stored = inFile.get(weight)!;
    const dtype = saveTypeOf(checkpoint.tensors.get(stored)!.dtype);
    return { name, shape, dtype, read: (elements) => checkpoint.read(stored, elements) };
  });
  const saved = await saveCheckpoint(sink, tensors, options);
  const dtype = options.dtype ?? commonType(tensors);
  const files = [...saved.files];
  const write = async (name: string, content: Uint8Array | string) => {
    await sink.write(name, content);
    files.push(name);
  };
  const where = source.describe("config.json");
  await write("config.json", configWith(decodeUtf8(await source.read("config.json"), where), folder, dtype, where));
  if (await source.has("generation_config.json"))
    await write("generation_config.json", await source.read("generation_config.json"));
  else await write("generation_config.json", generationJson(folder));
  files.push(...(await copyTokenizer(source, sink)));
  return { ...saved, files };
}

export interface TrainedModel {
  model: KnownModel;
  /** By name, f32 or packed halves, on the device. */
  weights: ReadonlyMap<string, Tensor>;
  /** The folder that the model's tokenizer comes from. */
  tokenizer: FileSource;
  /** generation_config.json, where the caller knows more than the model's token ids. */
  generation?: Record<string, unknown>;
}

/** Saves a model that is on the device: one weight at a time is read back. Throws (data) where values do not fit f16. */
export async function saveTrainedModel(
  sink: FileSink,
  { model, weights, tokenizer, generation }: TrainedModel,
  options: SaveOptions = {},
): Promise<SavedCheckpoint> {
  let held: { name: string; values: Float32Array } | undefined; // pieces of one tensor come one after the other
  const tensors = weightsToSave(model).map(({ name, source, shape }): TensorToSave => {
    const weight = weights.get(source)!;
    return {
      name,
      shape,
      dtype: "f32",
      async read({ begin, end }) {
        if (held?.name !== name) held = { name, values: await valuesOf(weight) };
        return { dtype: "F32", bytes: bytesOf(held.values.slice(begin, end)) };
      },
    };
  });
  const saved = await saveCheckpoint(sink, tensors, options);
  const torchName = TORCH_NAMES[options.dtype ?? "f32"];
  await sink.write(
    "config.json",
    model.kind === "t5" ? t5ConfigJson(model.config, torchName) : optConfigJson(model.config, torchName),
  );
  await sink.write("generation_config.json", generation ? `${JSON.stringify(generation, null, 2)}\n` : generationJson(model));
  const copied = await copyTokenizer(tokenizer, sink);
  return { ...saved, files: [...saved.files, "config.json", "generation_config.json", ...copied] };
}

/** A device tensor's values as f32. */
async function valuesOf(tensor: Tensor): Promise<Float32Array> {
  const array = await tensor.toArray();
  if (tensor.dtype === "f32") return array as Float32Array;
  const halves = new Uint16Array(array.buffer, array.byteOffset, tensor.size);
  return tensor.dtype === "bf16" ? bf16ToF32(halves) : f16ToF32(halves);
}

/** Copies what a tokenizer consists of; returns the names. */
export async function copyTokenizer(source: FileSource, sink: FileSink): Promise<string[]> {
  const copied: string[] = [];
  for (const name of TOKENIZER_FILES) {
    if (!(await source.has(name))) continue;
    if ((await source.size(name)) > MAX_TEXT_BYTES) throw dataError(`${source.describe(name)}: too large for a tokenizer's file`);
    await sink.write(name, await source.read(name));
    copied.push(name);
  }
  return copied;
}

/**
 * A config.json with what the new weights change: their type, and for a T5 how its head is tied, in the one form that both
 * transformers 4 and 5 compute right (see writeT5Config). Everything else, and how numbers are written, stays.
 */
export function configWith(text: string, model: KnownModel, dtype: SaveDtype, where = "config.json"): string {
  let fields: StrictJson;
  try {
    fields = parseStrictJson(text, { depth: 32, keys: 10_000 });
  } catch (cause) {
    throw dataError(`${where}: not valid: ${printable((cause as Error).message, 160)}`, cause);
  }
  if (!(fields instanceof Map)) throw dataError(`${where}: expected a JSON object`);
  const set = (name: string, value: StrictJson | undefined) => {
    if (value === undefined) (fields as Map<string, StrictJson>).delete(name);
    else (fields as Map<string, StrictJson>).set(name, value);
  };
  set("torch_dtype", TORCH_NAMES[dtype]); // transformers 4 and 5 both read it; "dtype" is known to 5 and the last 4 alone
  set("dtype", undefined);
  if (model.kind === "t5") {
    const { scaleDecoderOutputs, tieWordEmbeddings } = model.config;
    set("tie_word_embeddings", scaleDecoderOutputs);
    set("scale_decoder_outputs", scaleDecoderOutputs && !tieWordEmbeddings ? true : undefined);
  }
  return `${strictJsonText(fields)}\n`;
}

/** generation_config.json of the ids that the model's config names: transformers 5 no longer takes them from there. */
function generationJson({ kind, config }: KnownModel): string {
  const { padTokenId, eosTokenId } = config;
  const begin = kind === "t5" ? { decoder_start_token_id: config.decoderStartTokenId } : { bos_token_id: config.bosTokenId };
  return `${JSON.stringify({ _from_model_config: true, ...begin, eos_token_id: eosTokenId, pad_token_id: padTokenId }, null, 2)}\n`;
}

function saveTypeOf(dtype: string): SaveDtype {
  return dtype === "F16" ? "f16" : dtype === "BF16" ? "bf16" : "f32";
}

/** The type that most values have. */
function commonType(tensors: readonly TensorToSave[]): SaveDtype {
  const counts = { f32: 0, bf16: 0, f16: 0 };
  for (const { dtype, shape } of tensors) counts[dtype] += shape.reduce((product, n) => product * n, 1);
  return (Object.keys(counts) as SaveDtype[]).reduce((most, dtype) => (counts[dtype] > counts[most] ? dtype : most));
}
