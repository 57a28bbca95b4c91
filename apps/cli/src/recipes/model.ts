// The model of a run on a device: read from a folder or made anew, trained whole or through LoRA; and saved again.
import path from "node:path";
import {
  type Checkpoint,
  checkTokenizerFits,
  type FileSink,
  type FileSource,
  type FrozenStorage,
  freshLora,
  freshOpt,
  freshT5,
  type KnownModel,
  LORA_DEFAULTS,
  type LoraConfig,
  type LoraLayers,
  linearModules,
  loadModelFolder,
  loadTokenizer,
  type ModelFolder,
  type ModelOnDevice,
  modelKind,
  modelOf,
  type Opt,
  openModelFolder,
  optWeights,
  readOptConfig,
  readT5Config,
  sampleBase,
  saveTrainedModel,
  selectTargets,
  type T5,
  type Tokenizer,
  t5Weights,
  usageError,
  type WeightSpec,
  writeAdapter,
  writeGenerationConfig,
} from "@attune/models";
import { writeFolder } from "@attune/models/node";
import type { Device, ParameterSet } from "@attune/tensor";
import type { Run } from "../run/schema.js";
import { modelFiles } from "./modelFiles.js";

/** What is known of a run's model before there is a device. */
export interface ModelFiles {
  /** Its kind and sizes; with T5's tieWordEmbeddings as the weights have it. */
  known: KnownModel;
  /** The folder, whose weights were found to fit its config; null for a model that is made anew. */
  folder: ModelFolder | null;
  tokenizer: Tokenizer;
  /** The folder of tokenizer.json. */
  tokenizerFiles: FileSource;
  /** The adapter that is trained, its targets found in the model; null trains the model whole. */
  lora: LoraConfig | null;
}

export interface RunModel {
  /** Without dropout: the trainer adds it. */
  model: T5 | Opt;
  known: KnownModel;
  /** The folder that it was read from: an adapter takes a sample of its base along. */
  folder: ModelFolder | null;
  trainable: ParameterSet;
  lora: LoraLayers | null;
  notes: string[];
  dispose(): void;
}

/** What differs from kind to kind beside the models themselves. */
interface KindFacts {
  /** PEFT's default targets. */
  targets: readonly string[];
  baseClass: NonNullable<LoraConfig["baseClass"]>;
}
const KINDS: Readonly<Record<KnownModel["kind"], KindFacts>> = {
  t5: {
    targets: ["q", "v"],
    baseClass: { name: "T5ForConditionalGeneration", library: "transformers.models.t5.modeling_t5" },
  },
  opt: {
    targets: ["q_proj", "v_proj"],
    baseClass: { name: "OPTForCausalLM", library: "transformers.models.opt.modeling_opt" },
  },
};
/** Objectives that want one kind of model. */
const OBJECTIVE_KINDS: Readonly<Partial<Record<Run["objective"], KnownModel["kind"]>>> = {
  spanCorruption: "t5",
  causalLm: "opt",
};

/** Reads config and tokenizer, and of the weights their names and shapes. Throws (data, usage): nothing is left to find later. */
export async function openModelFiles(run: Run): Promise<ModelFiles> {
  const { path: name, init } = run.model;
  const model = await modelOfRun(run);
  const tokenizerFiles = model.folder?.source ?? (await modelFiles(init!.tokenizer));
  const tokenizer = await loadTokenizer(tokenizerFiles);
  checkTokenizerFits(tokenizer, model.known.config.vocabSize, name ?? "model.init.config");
  return { ...model, tokenizer, tokenizerFiles };
}

/** The same without the tokenizer. */
export async function modelOfRun(run: Run): Promise<Pick<ModelFiles, "known" | "folder" | "lora">> {
  const { path: name, init } = run.model;
  if (run.lora && !name) throw usageError("lora: needs a pre-trained model (model.path), not model.init");
  const folder = name ? await openModel(name) : null;
  const known: KnownModel = folder ?? newModel(init!.config);
  const wanted = OBJECTIVE_KINDS[run.objective];
  if (wanted && wanted !== known.kind) {
    throw usageError(
      `objective: ${run.objective} is for a ${wanted} model; ${name ?? "model.init.config"} is of the kind "${known.kind}"`,
    );
  }
  const lora = run.lora ? loraOf(run, known) : null;
  if (lora) selectTargets(lora, linearModules(specsOf(known)));
  return { known, folder, lora };
}

function newModel(fields: Readonly<Record<string, unknown>>): KnownModel {
  const where = "model.init.config";
  const json = { model_type: "t5", ...fields };
  return modelKind(json, where) === "t5"
    ? { kind: "t5", config: readT5Config(json, { where }) }
    : { kind: "opt", config: readOptConfig(json, { where }) };
}

function specsOf(known: KnownModel): WeightSpec[] {
  return known.kind === "t5" ? t5Weights(known.config) : optWeights(known.config);
}

/** Dropout that the model's configuration asks for. */
export function dropoutOf({ kind, config }: KnownModel): number {
  return kind === "t5" ? config.dropoutRate : config.dropout;
}

/**
 * A model by the name that a person gives: T5 or OPT, as its config.json says. Of the weights names and shapes are read, not
 * values. Throws (data) all that does not fit.
 */
export async function openModel(name: string): Promise<ModelFolder> {
  return openModelFolder(await modelFiles(name));
}

/** Puts the model on the device. */
export async function openRunModel(
  device: Device,
  run: Run,
  { known, folder, lora: config }: Pick<ModelFiles, "known" | "folder" | "lora">,
): Promise<RunModel> {
  const how = config
    ? ({ trainable: false, storage: frozenStorageOf(run, folder!.checkpoint) } as const)
    : ({ trainable: true } as const);
  const opened = folder ? await loadModelFolder(device, folder, how) : fresh(device, known, run.model.init!.seed);
  const { weights } = opened;
  const specs = specsOf(opened);
  const lora = config ? freshLora(device, config, linearModules(specs), run.train.seed, { specs, weights }) : null;
  const model = modelOf(opened, { lora });
  return {
    model,
    known: opened,
    folder,
    trainable: lora ? lora.parameters : opened.trainable!,
    lora,
    notes: [...opened.notes, ...precisionNotes(run, opened.kind)],
    dispose() {
      lora?.dispose();
      if (opened.trainable) opened.trainable.dispose();
      else for (const weight of weights.values()) weight.dispose();
    },
  };
}

function fresh(device: Device, known: KnownModel, seed: number): ModelOnDevice {
  if (known.kind === "t5") return { kind: "t5", ...freshT5(device, known.config, seed) };
  return { kind: "opt", ...freshOpt(device, known.config, seed) };
}

/** What the run says; else halves stay as the file has them, and f32 becomes what train.precision asks for. */
function frozenStorageOf({ train: { frozenStorage, precision } }: Run, checkpoint: Checkpoint): FrozenStorage {
  const stored = storageOf(checkpoint);
  return frozenStorage ?? (stored === "f32" ? precision : stored);
}

/** What a person who asks for a half precision may not expect. */
function precisionNotes({ train: { precision }, lora }: Run, kind: KnownModel["kind"]): string[] {
  const notes: string[] = [];
  if (precision !== "f32" && !lora)
    notes.push(`train.precision ${precision}: without lora every weight is trained, in f32, so nothing is kept in ${precision}`);
  if (precision === "f16" && kind === "t5")
    notes.push("train.precision f16: T5 was trained in bf16, and f16 holds less of its range; bf16 is the safer choice");
  return notes;
}

/** What most of a file's values are stored in. */
function storageOf({ tensors }: Checkpoint): FrozenStorage {
  const counts = { f32: 0, bf16: 0, f16: 0 };
  for (const { dtype, shape } of tensors.values()) {
    counts[dtype === "F16" ? "f16" : dtype === "BF16" ? "bf16" : "f32"] += shape.reduce((product, n) => product * n, 1);
  }
  return (Object.keys(counts) as FrozenStorage[]).reduce((most, storage) => (counts[storage] > counts[most] ? storage : most));
}

function loraOf(run: Run, { kind }: KnownModel): LoraConfig {
  const { targets, rslora, dora, modulesToSave, init, ...same } = run.lora!;
  return {
    ...LORA_DEFAULTS,
    ...same,
    targetModules: targets ?? KINDS[kind].targets,
    useRslora: rslora,
    useDora: dora,
    modulesToSave,
    initialization: init,
    baseModel: run.model.path,
    baseClass: KINDS[kind].baseClass,
  };
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
  { model, known, folder, lora }: RunModel,
  { tokenizerFiles }: Pick<ModelFiles, "tokenizerFiles">,
  sink: FileSink,
): Promise<number> {
  if (lora) {
    const paths = lora.targets.map((target) => target.path);
    const base = folder ? { base: await sampleBase(folder, paths) } : {};
    const files = Object.entries(writeAdapter({ ...(await lora.read()), ...base }));
    for (const [name, content] of files) await sink.write(name, content);
    return files.reduce((sum, [, content]) => sum + content.length, 0);
  }
  const { padTokenId, eosTokenId } = known.config;
  const begin =
    known.kind === "t5" ? { decoderStartTokenId: known.config.decoderStartTokenId } : { bosTokenId: known.config.bosTokenId };
  const generation = writeGenerationConfig({ ...begin, padTokenId, eosTokenIds: [eosTokenId], maxNewTokens: run.data.maxTarget });
  const trained = { model: known, weights: model.weights, tokenizer: tokenizerFiles, generation };
  return (await saveTrainedModel(sink, trained, { dtype: run.save.dtype })).bytes;
}
