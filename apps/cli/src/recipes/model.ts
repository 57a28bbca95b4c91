// The model of a run on a device: read from a folder or made anew, trained whole or through LoRA; and saved again.
import path from "node:path";
import {
  type Checkpoint,
  checkTokenizerFits,
  type FileSink,
  type FileSource,
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
  saveTrainedModel,
  T5,
  type T5Config,
  type T5Folder,
  type Tokenizer,
  t5Weights,
  usageError,
  writeAdapter,
  writeGenerationConfig,
} from "@attune/models";
import { writeFolder } from "@attune/models/node";
import type { Device, ParameterSet } from "@attune/tensor";
import type { Run } from "../run/schema.js";
import { modelFiles } from "./modelFiles.js";

/** What is known of a run's model before there is a device. */
export interface ModelFiles {
  /** With tieWordEmbeddings as the weights have it. */
  config: T5Config;
  /** The folder's weights, found to fit the config; null for a model that is made anew. */
  checkpoint: Checkpoint | null;
  tokenizer: Tokenizer;
  /** The folder of tokenizer.json. */
  tokenizerFiles: FileSource;
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
  const tokenizerFiles = opened?.source ?? (await modelFiles(init!.tokenizer));
  const tokenizer = await loadTokenizer(tokenizerFiles);
  checkTokenizerFits(tokenizer, config.vocabSize, folder ?? "model.init.config");
  if (run.lora) matchTargets(run.lora.targets, linearModules(t5Weights(config)));
  return { config, checkpoint: opened?.checkpoint ?? null, tokenizer, tokenizerFiles };
}

/**
 * A model by the name that a person gives: T5 or OPT, as its config.json says. Of the weights names and shapes are read, not
 * values. Throws (data) all that does not fit.
 */
export async function openModel(name: string): Promise<ModelFolder> {
  return openModelFolder(await modelFiles(name));
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

/** Writes what was trained: OUT/adapter in PEFT's form, or OUT/model as a Hugging Face folder. Each appears whole, in place of an older one. */
export async function saveRunModel(
  run: Run,
  model: RunModel,
  files: Pick<ModelFiles, "tokenizerFiles">,
): Promise<{ folder: string; bytes: number }> {
  const folder = path.join(run.out, model.lora ? "adapter" : "model");
  const bytes = await writeFolder(folder, (sink) => writeRunModel(run, model, files, sink), { force: true });
  return { folder, bytes };
}

/** Reads what was trained back from the device as saving does, and keeps nothing of it: for a plan. */
export async function readRunModel(run: Run, model: RunModel, files: Pick<ModelFiles, "tokenizerFiles">): Promise<void> {
  const nowhere = async () => {};
  const sink: FileSink = {
    write: nowhere,
    create: async () => ({ write: nowhere, close: nowhere, abort: nowhere }),
    describe: (name) => name,
  };
  await writeRunModel(run, model, files, sink);
}

/** Returns the bytes written, of weights and adapters. */
async function writeRunModel(
  run: Run,
  { model, lora }: RunModel,
  { tokenizerFiles }: Pick<ModelFiles, "tokenizerFiles">,
  sink: FileSink,
): Promise<number> {
  if (lora) {
    const files = Object.entries(writeAdapter(await lora.read()));
    for (const [name, content] of files) await sink.write(name, content);
    return files.reduce((sum, [, content]) => sum + content.length, 0);
  }
  const { decoderStartTokenId, padTokenId, eosTokenId } = model.config;
  const generation = writeGenerationConfig({
    decoderStartTokenId,
    padTokenId,
    eosTokenIds: [eosTokenId],
    maxLength: 20,
    maxNewTokens: run.data.maxTarget,
  });
  const trained = {
    model: { kind: "t5", config: model.config },
    weights: model.weights,
    tokenizer: tokenizerFiles,
    generation,
  } as const;
  return (await saveTrainedModel(sink, trained, { dtype: run.save.dtype })).bytes;
}
