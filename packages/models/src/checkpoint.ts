// A model folder's weights: one safetensors or PyTorch file, or shards named by an index.

import { dataError, printable } from "./errors.js";
import { openPytorchFile } from "./pytorch/stateDict.js";
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

/** A way in which weights are kept: in one file, or in several that an index names. */
interface Form {
  file: string;
  /** Name endings that a shard may have. */
  ending: string;
  open(source: FileSource, path: string, options: OpenOptions): Promise<Checkpoint>;
}

/** In the order in which transformers looks for them. */
const FORMS: readonly Form[] = [
  { file: "model.safetensors", ending: ".safetensors", open: openSafetensors },
  { file: "pytorch_model.bin", ending: ".bin", open: openPytorchFile },
];
/** Of other frameworks: said by name, and how to come by the right ones. */
const FOREIGN = ["tf_model.h5", "flax_model.msgpack", "model.ckpt.index", "rust_model.ot"];

/**
 * A model folder's weights: model.safetensors, or the shards that its index names; where there is neither, pytorch_model.bin likewise.
 * Throws (data).
 */
export async function openCheckpoint(source: FileSource, options: OpenOptions = {}): Promise<Checkpoint> {
  for (const form of FORMS) {
    if (await source.has(form.file)) return form.open(source, form.file, options);
    if (await source.has(indexOf(form))) return openShards(source, form, options);
  }
  const where = source.describe("");
  for (const other of FOREIGN) {
    if (await source.has(other))
      throw dataError(
        `${where}: has ${other} but no model.safetensors; convert it in Python: AutoModel.from_pretrained(..., from_tf or from_flax), then save_pretrained`,
      );
  }
  throw dataError(
    `${where}: no model.safetensors, no pytorch_model.bin, and no index of either; expected a Hugging Face model folder`,
  );
}

const indexOf = ({ file }: Form) => `${file}.index.json`;

async function openShards(source: FileSource, form: Form, options: OpenOptions): Promise<Checkpoint> {
  const where = source.describe(indexOf(form));
  const { listed, totalSize } = await readIndex(source, form, options.maxTensors ?? 100_000);
  const shards = new Map<string, Checkpoint>(); // tensor -> its shard
  const tensors = new Map<string, TensorEntry>();
  const metadata = new Map<string, string>();
  const warnings: string[] = [];
  for (const file of new Set(listed.values())) {
    if (!(await source.has(file))) throw dataError(`${where}: names the shard ${printable(file)}, which is not there; fetch it`);
    const shard = await form.open(source, file, options);
    warnings.push(...shard.warnings);
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
  // a state dict may keep one storage for several names, and writers count it once or each time
  if (totalSize !== undefined && totalSize !== found && form.ending === ".safetensors")
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

async function readIndex(source: FileSource, form: Form, maxTensors: number) {
  const index = indexOf(form);
  const where = source.describe(index);
  if ((await source.size(index)) > MAX_HEADER_BYTES) throw dataError(`${where}: larger than ${MAX_HEADER_BYTES} bytes`);
  let parsed: StrictJson;
  try {
    parsed = parseStrictJson(decodeUtf8(await source.read(index), where), { depth: 8, keys: maxTensors });
  } catch (cause) {
    if ((cause as { exitClass?: unknown }).exitClass) throw cause;
    throw dataError(`${where}: not valid: ${printable((cause as Error).message, 160)}`, cause);
  }
  const map = parsed instanceof Map ? parsed.get("weight_map") : undefined;
  if (!(map instanceof Map) || map.size === 0) throw dataError(`${where}: expected {"weight_map": {tensor: file}}`);
  const listed = new Map<string, string>();
  for (const [name, file] of map) {
    // shards lie beside their index: anything with a folder, a drive or a trick in it is an attack
    if (typeof file !== "string" || !/^(?!\.)[^/\\\0:~]+$/.test(file) || !file.endsWith(form.ending)) {
      throw dataError(
        `${where}: "${printable(name)}" is in ${printable(JSON.stringify(file) ?? "")}; expected the plain name of a ${form.ending} file`,
      );
    }
    listed.set(name, file);
  }
  const totals = (parsed as Map<string, StrictJson>).get("metadata");
  const totalSize = totals instanceof Map ? totals.get("total_size") : undefined;
  return { listed, totalSize: typeof totalSize === "number" ? totalSize : undefined };
}
