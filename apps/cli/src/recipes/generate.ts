// A model that answers: a folder or a hub name, perhaps an adapter (by either) beside it, a generator over both.
import {
  type Adapter,
  checkTokenizerFits,
  type FrozenStorage,
  type GenerationConfig,
  loadLora,
  loadModelFolder,
  loadTokenizer,
  type ModelFolder,
  modelOf,
  openAdapter,
  openGenerationConfig,
  type PromptTemplate,
  printable,
  readTemplateFile,
  SequenceGenerator,
  type Tokenizer,
  templateOfTask,
  usageError,
  weightsOf,
} from "@attune/models";
import type { Device } from "@attune/tensor";
import { openModel } from "./model.js";
import { modelFiles } from "./modelFiles.js";

export interface GenerationFiles {
  folder: ModelFolder;
  tokenizer: Tokenizer;
  adapter: Adapter | null;
  /** As the model's generation_config.json wishes, if it does. */
  config: GenerationConfig | undefined;
  /** How it was taught to be asked: of the adapter, else of the model. */
  template: PromptTemplate | undefined;
}

/**
 * Reads what needs no device. Throws (data) where model, tokenizer and adapter are not right or do not belong together.
 * @param task of a model that was taught several: the one whose template counts. Throws (usage) for one that it was not taught
 */
export async function openGeneration(name: string, adapterName?: string, task?: string): Promise<GenerationFiles> {
  const folder = await openModel(name);
  const tokenizer = await loadTokenizer(folder.source);
  checkTokenizerFits(tokenizer, folder.config.vocabSize, folder.source.describe(""));
  const adapterFiles = adapterName === undefined ? null : await modelFiles(adapterName);
  const template = await readTemplateFile(adapterFiles ?? folder.source);
  const where = printable(adapterName ?? name, 300);
  if (task !== undefined && !template)
    throw usageError(`--task-template ${printable(task)}: ${where} has no attune_template.json, where templates are`);
  return {
    folder,
    tokenizer,
    adapter: adapterFiles && (await openAdapter(adapterFiles, folder)),
    config: await openGenerationConfig(folder.source),
    template: template && task !== undefined ? templateOfTask(template, task, where) : template,
  };
}

/** The generator on a device; it goes with the device. */
export async function loadGenerator(
  device: Device,
  files: GenerationFiles,
  storage: FrozenStorage,
): Promise<{ generator: SequenceGenerator; notes: readonly string[] }> {
  const { generatorOf, lora, notes } = await loadLayers(device, files, storage);
  return { generator: generatorOf(lora), notes };
}

/** A generator with the adapter, where there is one, and one without, over the same weights; they go with the device. */
export async function loadGenerators(
  device: Device,
  files: GenerationFiles,
  storage: FrozenStorage,
): Promise<{ adapted: SequenceGenerator | null; base: SequenceGenerator; notes: readonly string[] }> {
  const { generatorOf, lora, notes } = await loadLayers(device, files, storage);
  return { adapted: lora && generatorOf(lora), base: generatorOf(null), notes };
}

async function loadLayers(device: Device, { folder, tokenizer, adapter, config }: GenerationFiles, storage: FrozenStorage) {
  const loaded = await loadModelFolder(device, folder, { trainable: false, storage });
  const lora = adapter && loadLora(device, adapter, { specs: weightsOf(folder), weights: loaded.weights });
  return {
    lora,
    generatorOf: (layers: typeof lora) => new SequenceGenerator(device, modelOf(loaded, { lora: layers }), { config, tokenizer }),
    notes: [...loaded.notes, ...(adapter?.notes ?? [])],
  };
}
