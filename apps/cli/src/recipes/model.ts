// The model of a run on a device: read from a folder or made anew, trained whole or through LoRA; and saved again.
import { readFile } from "node:fs/promises";
import path from "node:path";
import {
  bytesOf,
  type Checkpoint,
  checkTokenizerFits,
  countF16Overflow,
  dataError,
  type FileSource,
  f32ToBf16,
  f32ToF16,
  freshLora,
  freshT5,
  LORA_DEFAULTS,
  type LoraConfig,
  type LoraLayers,
  linearModules,
  loadT5Weights,
  loadTokenizer,
  type ModelFolder,
  matchTargets,
  openModelFolder,
  readT5Config,
  T5,
  type T5Config,
  type T5Folder,
  type TensorToWrite,
  type Tokenizer,
  t5ConfigJson,
  t5Weights,
  t5WeightsToSave,
  usageError,
  writeAdapter,
  writeGenerationConfig,
  writeSafetensors,
} from "@attune/models";
import { diskFiles, diskSink } from "@attune/models/node";
import type { Device, ParameterSet, Tensor } from "@attune/tensor";
import type { Run } from "../run/schema.js";

/** What is known of a run's model before there is a device. */
export interface ModelFiles {
  /** With tieWordEmbeddings as the weights have it. */
  config: T5Config;
  /** The folder's weights, found to fit the config; null for a model that is made anew. */
  checkpoint: Checkpoint | null;
  tokenizer: Tokenizer;
  /** Where tokenizer.json lies. */
  tokenizerFolder: string;
}

export interface RunModel {
  /** Without dropout: the trainer adds it. */
  model: T5;
  trainable: ParameterSet;
  lora: LoraLayers | null;
  notes: string[];
  dispose(): void;
}

/** Reads config and tokenizer, and of the weights their names and shapes. Throws (data, usage): nothing is left to find later. */
export async function openModelFiles(run: Run): Promise<ModelFiles> {
  const { path: folder, init } = run.model;
  if (run.objective === "causalLm")
    throw usageError("objective: causalLm needs a decoder-only model, and this version trains T5 alone");
  if (run.lora && !folder) throw usageError("lora: needs a pre-trained model (model.path), not model.init");
  const opened = folder ? await openT5Folder(folder) : null;
  const config = opened?.config ?? readT5Config({ model_type: "t5", ...init!.config }, { where: "model.init.config" });
  const tokenizerFolder = (folder ?? init?.tokenizer) as string;
  const tokenizer = await loadTokenizer(diskFiles(tokenizerFolder));
  checkTokenizerFits(tokenizer, config.vocabSize, folder ?? "model.init.config");
  if (run.lora) matchTargets(run.lora.targets, linearModules(t5Weights(config)));
  return { config, checkpoint: opened?.checkpoint ?? null, tokenizer, tokenizerFolder };
}

/**
 * A model by the name that a person gives: T5 or OPT, as its config.json says. Of the weights names and shapes are read, not
 * values. Throws (data) all that does not fit.
 */
export async function openModel(name: string): Promise<ModelFolder> {
  return openModelFolder(await modelFiles(name));
}

/** The files of a model by the name that a person gives. Throws (usage) where it is none. */
export async function modelFiles(name: string, _onNote?: (note: string) => void): Promise<FileSource> {
  return diskFiles(name);
}

/** The same for what only works with a T5. Throws (usage) for another model. */
export async function openT5Folder(name: string): Promise<T5Folder> {
  const opened = await openModel(name);
  if (opened.kind === "t5") return opened;
  throw usageError(`${opened.source.describe("")}: is of the kind "${opened.kind}"; this works with T5 alone`);
}

/** Puts the model on the device. */
export async function openRunModel(
  device: Device,
  run: Run,
  { config, checkpoint }: Pick<ModelFiles, "config" | "checkpoint">,
): Promise<RunModel> {
  const isTrained = run.lora === null;
  const how = isTrained ? ({ trainable: true } as const) : ({ trainable: false, storage: run.train.frozenStorage } as const);
  const opened = checkpoint
    ? await loadT5Weights(device, config, checkpoint, how)
    : freshT5(device, config, run.model.init!.seed);
  const weights = opened.weights;
  const lora = run.lora ? openLora(device, run, opened.config) : null;
  const model = new T5(opened.config, weights, { lora });
  return {
    model,
    trainable: lora ? lora.parameters : opened.trainable!,
    lora,
    notes: opened.notes,
    dispose() {
      lora?.dispose();
      if (opened.trainable) opened.trainable.dispose();
      else for (const weight of weights.values()) weight.dispose();
    },
  };
}

function openLora(device: Device, run: Run, config: T5Config): LoraLayers {
  const { rank, alpha, dropout, targets } = run.lora!;
  const loraConfig: LoraConfig = {
    ...LORA_DEFAULTS,
    rank,
    alpha,
    dropout,
    targetModules: targets,
    baseModel: run.model.path,
    baseClass: { name: "T5ForConditionalGeneration", library: "transformers.models.t5.modeling_t5" },
  };
  return freshLora(device, loraConfig, linearModules(t5Weights(config)), run.train.seed);
}

/** Writes what was trained. Returns the folder and its bytes. */
export async function saveRunModel(
  run: Run,
  model: RunModel,
  files: Pick<ModelFiles, "tokenizerFolder">,
): Promise<{ folder: string; bytes: number }> {
  const { folder, files: contents } = await readRunModel(run, model, files);
  const sink = diskSink(folder);
  for (const [name, content] of contents) await sink.write(name, content);
  return { folder, bytes: contents.reduce((sum, [, content]) => sum + content.length, 0) };
}

/** The files of what was trained, read back from the device: OUT/adapter in PEFT's form, or OUT/model as a Hugging Face folder. */
export async function readRunModel(
  run: Run,
  { model, lora }: RunModel,
  files: Pick<ModelFiles, "tokenizerFolder">,
): Promise<{ folder: string; files: [string, string | Uint8Array][] }> {
  if (lora) return { folder: path.join(run.out, "adapter"), files: Object.entries(writeAdapter(await lora.read())) };
  const { dtype } = run.save;
  const entries: TensorToWrite[] = [];
  for (const { name, source, shape } of t5WeightsToSave(model.config))
    entries.push(await tensorToWrite(name, shape, model.weights.get(source)!, dtype));
  const { decoderStartTokenId, padTokenId, eosTokenId } = model.config;
  const generation = {
    decoderStartTokenId,
    padTokenId,
    eosTokenIds: [eosTokenId],
    maxLength: 20,
    maxNewTokens: run.data.maxTarget,
  };
  const longNames = { f32: "float32", bf16: "bfloat16", f16: "float16" } as const;
  const contents: [string, string | Uint8Array][] = [
    ["config.json", t5ConfigJson(model.config, longNames[dtype])],
    ["generation_config.json", `${JSON.stringify(writeGenerationConfig(generation), null, 2)}\n`],
    ...(await tokenizerFiles(files.tokenizerFolder)),
    ["model.safetensors", writeSafetensors(entries)],
  ];
  return { folder: path.join(run.out, "model"), files: contents };
}

async function tensorToWrite(
  name: string,
  shape: readonly number[],
  weight: Tensor,
  dtype: "f32" | "bf16" | "f16",
): Promise<TensorToWrite> {
  const values = (await weight.toArray()) as Float32Array;
  if (dtype === "f32") return { name, shape, dtype: "F32", bytes: bytesOf(values) };
  if (dtype === "bf16") return { name, shape, dtype: "BF16", bytes: bytesOf(f32ToBf16(values)) };
  const overflow = countF16Overflow(values);
  if (overflow > 0) throw dataError(`${name}: ${overflow} values are beyond f16's 65,504; save as bf16 or f32 (save.dtype)`);
  return { name, shape, dtype: "F16", bytes: bytesOf(f32ToF16(values)) };
}

async function tokenizerFiles(folder: string): Promise<[string, Uint8Array][]> {
  const files: [string, Uint8Array][] = [];
  for (const name of ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]) {
    const content = await readFile(path.join(folder, name)).catch(() => null);
    if (content) files.push([name, content]);
  }
  return files;
}
