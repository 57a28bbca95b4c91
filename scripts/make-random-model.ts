// Writes a model folder of a real model's shapes with random weights: for measuring memory and speed where no real weights are at hand.
//   npx tsx --conditions=@attune/source scripts/make-random-model.ts opt-1.3b /tmp/opt-1.3b --dtype f16 --max-shard-bytes 1e9
import { parseArgs } from "node:util";
import {
  bytesOf,
  f32ToBf16,
  f32ToF16,
  type KnownModel,
  mt19937,
  OPT_DEFAULTS,
  optConfigJson,
  type SaveDtype,
  saveCheckpoint,
  seedFor,
  T5_DEFAULTS,
  t5ConfigJson,
  weightsToSave,
} from "@attune/models";
import { writeFolder } from "@attune/models/node";

const opt = (hiddenSize: number, numLayers: number, numHeads: number, more = {}): KnownModel => ({
  kind: "opt",
  config: { ...OPT_DEFAULTS, hiddenSize, numLayers, numHeads, ffnDim: 4 * hiddenSize, wordEmbedProjDim: hiddenSize, ...more },
});
const t5 = (dModel: number, dFf: number, layers: number, numHeads: number): KnownModel => ({
  kind: "t5",
  config: { ...T5_DEFAULTS, dModel, dFf, numHeads, numLayers: layers, numDecoderLayers: layers },
});
const flan = (dModel: number, dFf: number, layers: number, numHeads: number): KnownModel => ({
  kind: "t5",
  config: {
    ...(t5(dModel, dFf, layers, numHeads).config as typeof T5_DEFAULTS),
    feedForward: "gated-gelu",
    tieWordEmbeddings: false,
    scaleDecoderOutputs: false,
  },
});

/** The published sizes (guide: Zhang et al. 2022, Raffel et al. 2020, Chung et al. 2022). */
const MODELS: Readonly<Record<string, KnownModel>> = {
  "opt-125m": opt(768, 12, 12),
  "opt-350m": opt(1024, 24, 16, { wordEmbedProjDim: 512, doLayerNormBefore: false }),
  "opt-1.3b": opt(2048, 24, 32),
  "opt-2.7b": opt(2560, 32, 32),
  "t5-small": t5(512, 2048, 6, 8),
  "t5-base": t5(768, 3072, 12, 12),
  "t5-large": t5(1024, 4096, 24, 16),
  "flan-t5-small": flan(512, 1024, 8, 6),
  "flan-t5-base": flan(768, 2048, 12, 12),
  "flan-t5-large": flan(1024, 2816, 24, 16),
  "flan-t5-xl": flan(2048, 5120, 24, 32),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { dtype: { type: "string", default: "f16" }, "max-shard-bytes": { type: "string", default: "5e9" } },
});
const [name, folder] = positionals;
const model = MODELS[name ?? ""];
if (!model || !folder) {
  console.error(`usage: make-random-model MODEL FOLDER [--dtype f16]; models: ${Object.keys(MODELS).join(", ")}`);
  process.exit(2);
}
const dtype = values.dtype as SaveDtype;

/** 65,536 normal numbers, repeated: drawing billions would take an hour and serve nothing. */
const random = mt19937(seedFor(17, name!));
const noise = Float32Array.from({ length: 1 << 16 }, () => 0.02 * random.normal());
const packed = dtype === "f32" ? bytesOf(noise) : bytesOf(dtype === "f16" ? f32ToF16(noise) : f32ToBf16(noise));
const size = packed.length / noise.length;
const fileType = ({ f32: "F32", f16: "F16", bf16: "BF16" } as const)[dtype];

const saved = await writeFolder(folder, async (sink) => {
  const tensors = weightsToSave(model).map(({ name, shape }) => ({
    name,
    shape,
    dtype,
    async read({ begin, end }: { begin: number; end: number }) {
      const bytes = new Uint8Array((end - begin) * size);
      for (let at = 0; at < bytes.length; at += packed.length)
        bytes.set(packed.subarray(0, Math.min(packed.length, bytes.length - at)), at);
      return { dtype: fileType, bytes };
    },
  }));
  const torchName = ({ f32: "float32", f16: "float16", bf16: "bfloat16" } as const)[dtype];
  await sink.write(
    "config.json",
    model.kind === "t5" ? t5ConfigJson(model.config, torchName) : optConfigJson(model.config, torchName),
  );
  return saveCheckpoint(sink, tensors, { maxShardBytes: Number(values["max-shard-bytes"]) });
});
console.log(`${folder}: ${saved.tensors} tensors, ${(saved.bytes / 1e9).toFixed(2)} GB in ${saved.files.length} files`);
