// A model folder's weights: one safetensors file, or shards named by an index.

import { dataError, printable } from "./errors.js";
import {
  type Checkpoint,
  entryOf,
  MAX_HEADER_BYTES,
  type OpenOptions,
  openSafetensors,
  type TensorEntry,
} from "./safetensors.js";
import { decodeUtf8, type FileSource } from "./source.js";
import { parseStrictJson, type StrictJson } from "./strictJson.js";

/** A model folder's weights: model.safetensors, or the shards that model.safetensors.index.json names. Throws (data). */
export async function openCheckpoint(source: FileSource, options: OpenOptions = {}): Promise<Checkpoint> {
  if (await source.has("model.safetensors")) return openSafetensors(source, "model.safetensors", options);
  if (await source.has(INDEX)) return openShards(source, options);
  const where = source.describe("");
  for (const other of ["pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "flax_model.msgpack"]) {
    if (await source.has(other))
      throw dataError(`${where}: has ${other} but no model.safetensors; convert it (transformers: save_pretrained)`);
  }
  throw dataError(`${where}: no model.safetensors and no ${INDEX}; expected a Hugging Face model folder`);
}

const INDEX = "model.safetensors.index.json";

async function openShards(source: FileSource, options: OpenOptions): Promise<Checkpoint> {
  const where = source.describe(INDEX);
  const { listed, totalSize } = await readIndex(source, options.maxTensors ?? 100_000);
  const shards = new Map<string, Checkpoint>(); // tensor -> its shard
  const tensors = new Map<string, TensorEntry>();
  const metadata = new Map<string, string>();
  const warnings: string[] = [];
  for (const file of new Set(listed.values())) {
    if (!(await source.has(file))) throw dataError(`${where}: names the shard ${printable(file)}, which is not there; fetch it`);
    const shard = await openSafetensors(source, file, options);
    for (const [key, value] of shard.metadata) metadata.set(key, value);
    for (const [name, entry] of shard.tensors) {
      if (shards.has(name))
        throw dataError(`${where}: tensor "${printable(name)}" is in two shards, the second is ${printable(file)}`);
      if (!listed.has(name)) warnings.push(`${where}: does not list "${printable(name)}" of ${printable(file)}`);
      else if (listed.get(name) !== file)
        throw dataError(
          `${where}: puts "${printable(name)}" in ${printable(listed.get(name)!)}, but it is in ${printable(file)}`,
        );
      shards.set(name, shard);
      tensors.set(name, entry);
    }
  }
  const missing = [...listed.keys()].filter((name) => !tensors.has(name));
  if (missing.length)
    throw dataError(`${where}: the shards lack ${missing.length} listed tensors, first "${printable(missing[0]!)}"`);
  const found = [...tensors.values()].reduce((sum, { begin, end }) => sum + end - begin, 0);
  if (totalSize !== undefined && totalSize !== found)
    warnings.push(`${where}: total_size is ${totalSize}, the tensors have ${found} bytes`);
  return {
    names: [...tensors.keys()],
    tensors,
    metadata,
    warnings,
    description: where,
    async read(name, elements) {
      entryOf(tensors, name, where);
      return shards.get(name)!.read(name, elements);
    },
  };
}

async function readIndex(source: FileSource, maxTensors: number) {
  const where = source.describe(INDEX);
  if ((await source.size(INDEX)) > MAX_HEADER_BYTES) throw dataError(`${where}: larger than ${MAX_HEADER_BYTES} bytes`);
  let parsed: StrictJson;
  try {
    parsed = parseStrictJson(decodeUtf8(await source.read(INDEX), where), { depth: 8, keys: maxTensors });
  } catch (cause) {
    if ((cause as { exitClass?: unknown }).exitClass) throw cause;
    throw dataError(`${where}: not valid: ${printable((cause as Error).message, 160)}`, cause);
  }
  const map = parsed instanceof Map ? parsed.get("weight_map") : undefined;
  if (!(map instanceof Map) || map.size === 0) throw dataError(`${where}: expected {"weight_map": {tensor: file}}`);
  const listed = new Map<string, string>();
  for (const [name, file] of map) {
    // shards lie beside their index: anything with a folder, a drive or a trick in it is an attack
    if (typeof file !== "string" || !/^(?!\.)[^/\\\0:~]+\.safetensors$/.test(file)) {
      throw dataError(
        `${where}: "${printable(name)}" is in ${printable(JSON.stringify(file) ?? "")}; expected the plain name of a .safetensors file`,
      );
    }
    listed.set(name, file);
  }
  const totals = (parsed as Map<string, StrictJson>).get("metadata");
  const totalSize = totals instanceof Map ? totals.get("total_size") : undefined;
  return { listed, totalSize: typeof totalSize === "number" ? totalSize : undefined };
}
