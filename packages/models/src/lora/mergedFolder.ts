// A model's folder as it is with an adapter merged in: the same folder over a checkpoint whose weights are merged when they are read.
// Whatever loads or saves a folder loads or saves it merged; one merged weight is in memory at a time, in f32.

import { dataError } from "../errors.js";
import type { ModelFolder } from "../modelFolder.js";
import { bytesOf, type Checkpoint, type RawTensor, toFloat32 } from "../safetensors.js";
import type { Adapter } from "./adapterFiles.js";
import { mergeModule } from "./merge.js";

const HEAD = "lm_head.weight";
const OPT_EMBEDDING = "model.decoder.embed_tokens.weight";

/** Throws (data) where the adapter has trained a copy of what the model must have once: OPT's head and embedding are one matrix. */
export function mergedFolder(folder: ModelFolder, adapter: Adapter): ModelFolder {
  const copies = adapter.own.map(({ name }) => name);
  if (folder.kind === "opt" && (copies.includes(HEAD) || copies.includes(OPT_EMBEDDING))) {
    throw dataError(
      `${folder.source.describe("")}: cannot take this adapter in: it has a copy of the head or of the embedding, which are one matrix in OPT; use it beside the model`,
    );
  }
  const sources = new Map(folder.weights.map(({ name, source }) => [name, source]));
  const values = new Map<string, (base: Checkpoint) => Promise<Float32Array>>(); // by the name in the file
  const readWhole = async (base: Checkpoint, name: string) => toFloat32(name, await base.read(name));
  for (const module of adapter.modules) {
    const source = sources.get(`${module.path}.weight`)!;
    values.set(source, async (base) => mergeModule(await readWhole(base, source), module).weight);
  }
  for (const own of adapter.own) values.set(sources.get(own.name) ?? own.name, async () => own.values);
  const checkpoint = mergedCheckpoint(folder.checkpoint, values);

  const head = adapter.own.find(({ name }) => name === HEAD);
  if (folder.kind !== "t5" || !head || sources.has(HEAD)) return { ...folder, checkpoint };
  // the copy unties the head
  const { shape } = head;
  checkpoint.tensors.set(HEAD, { dtype: "F32", shape, begin: 0, end: 4 * head.values.length });
  checkpoint.names.push(HEAD);
  const weights = [...folder.weights, { name: HEAD, kind: "linear" as const, shape, source: HEAD }];
  return { ...folder, config: { ...folder.config, tieWordEmbeddings: false }, weights, checkpoint };
}

/** The entries keep the base's types, which is what saving takes where it is asked for none; merged values are f32 until then. */
function mergedCheckpoint(
  base: Checkpoint,
  values: ReadonlyMap<string, (base: Checkpoint) => Promise<Float32Array>>,
): Checkpoint {
  let held: { name: string; values: Float32Array } | undefined; // pieces of a weight come one after the other
  return {
    ...base,
    names: [...base.names],
    tensors: new Map(base.tensors),
    async read(name, elements): Promise<RawTensor> {
      const make = values.get(name);
      if (!make) return base.read(name, elements);
      if (held?.name !== name) held = { name, values: await make(base) };
      const { begin, end } = elements ?? { begin: 0, end: held.values.length };
      const shape = elements ? [end - begin] : (base.tensors.get(name)?.shape ?? [end]);
      return { dtype: "F32", shape, bytes: bytesOf(held.values.subarray(begin, end)) };
    },
  };
}
