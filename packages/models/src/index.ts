// @attune/models: checkpoints, tokenizers, T5, LoRA, text. Browser-clean; reading from disk is in @attune/models/node.

export { openCheckpoint } from "./checkpoint.js";
export {
  type FrozenStorage,
  frozenWeights,
  type HowKept,
  readWeights,
  trainableWeights,
  type WeightsOnDevice,
  writeWeight,
} from "./device.js";
export {
  dataError,
  type ExitClass,
  listSome,
  nearest,
  networkError,
  printable,
  storageError,
  type UserError,
  usageError,
} from "./errors.js";
export type {
  DecodeMemory,
  GenerationTraits,
  GenerativeModel,
  KeysAndValues,
  PromptInputs,
  StepInputs,
} from "./generation/decoder.js";
export { type Generated, type GeneratorOptions, SequenceGenerator } from "./generation/generator.js";
export { processorsFor } from "./generation/processors/list.js";
export type { Processor, RowContext } from "./generation/processors/processor.js";
export type { GenerateOptions, GenerationInputs } from "./generation/settings.js";
export { type Answer, answerPrompts, answerTokens, padPrompts, streamAnswer, type TextOptions } from "./generation/text.js";
export { type TextStream, textStream } from "./generation/textStream.js";
export {
  type GenerationConfig,
  generationWarnings,
  openGenerationConfig,
  readGenerationConfig,
  writeGenerationConfig,
} from "./generationConfig.js";
export { bf16ToF32, countF16Overflow, f16ToF32, f32ToBf16, f32ToF16 } from "./halves.js";
export { type HubName, type HubRepoType, type HubSettings, hubSettings, neededFiles, parseHubName } from "./hub/names.js";
export { type BaseSample, openAdapter, sampleBase } from "./lora/adapterBase.js";
export {
  adapterScale,
  adapterTargets,
  LORA_DEFAULTS,
  type LoraBias,
  type LoraConfig,
  type LoraInitialization,
  readAdapterConfig,
  writeAdapterConfig,
} from "./lora/adapterConfig.js";
export { type Adapter, type AdapterModule, type AdapterWeight, readAdapter, writeAdapter } from "./lora/adapterFiles.js";
export { type Adaptable, Adapters, sumAdapters } from "./lora/adapters.js";
export { type InitialAdapter, initialAdapters, type RankedModule } from "./lora/initialValues.js";
export { type BaseProjection, freshLora, type LoraBase, LoraLayers, type LoraTarget, loadLora } from "./lora/layers.js";
export { type Merged, type MergeModule, mergeModule, unmergeModule } from "./lora/merge.js";
export { mergedFolder } from "./lora/mergedFolder.js";
export { type OwnWeight, ownWeights } from "./lora/ownWeights.js";
export { ALL_LINEAR, type LinearModule, type LoraTargets, linearModules, matchTargets, selectTargets } from "./lora/targets.js";
export {
  loadModelFolder,
  MODEL_KINDS,
  type ModelFolder,
  type ModelKind,
  type ModelOnDevice,
  modelKind,
  modelOf,
  type OptFolder,
  openModelFolder,
  type T5Folder,
  weightsOf,
} from "./modelFolder.js";
export {
  countOptParameters,
  OPT_DEFAULTS,
  type OptConfig,
  optConfigJson,
  readOptConfig,
  writeOptConfig,
} from "./opt/config.js";
export { freshOpt, loadOptWeights, type OptOnDevice } from "./opt/load.js";
export { Opt, type OptHiddenListener, type OptInputs, type OptOptions, optPositions, shiftLeft } from "./opt/opt.js";
export { initOpt, type OptOpened, type OptWeightSource, openOptWeights, optWeights } from "./opt/weights.js";
export { type MatchOptions, matchCheckpoint, type WeightSpec } from "./pretrained.js";
export { openPytorchFile } from "./pytorch/stateDict.js";
export { mt19937, type Random, randperm, seedFor } from "./random.js";
export {
  bytesOf,
  type Checkpoint,
  type ElementRange,
  type OpenOptions,
  openSafetensors,
  type RawTensor,
  type SafetensorsDtype,
  type TensorEntry,
  type TensorToWrite,
  toFloat32,
  writeSafetensors,
} from "./safetensors.js";
export {
  DEFAULT_SHARD_BYTES,
  type SaveDtype,
  type SavedCheckpoint,
  type SaveOptions,
  saveCheckpoint,
  type TensorToSave,
} from "./saveCheckpoint.js";
export {
  copyTokenizer,
  type KnownModel,
  saveModelFolder,
  saveTrainedModel,
  type TrainedModel,
  weightsToSave,
} from "./saveModel.js";
export {
  type Completion,
  type CompletionScore,
  type CompletionTextOptions,
  completionIds,
  type ScoringOptions,
  scoreCompletions,
} from "./scoring.js";
export { type FileSink, type FileWriter, memorySink } from "./sink.js";
export {
  type ByteRange,
  decodeUtf8,
  type FileSource,
  type HttpOptions,
  httpFiles,
  memoryFiles,
  readJson,
  readJsonObject,
} from "./source.js";
export { parseStrictJson, type StrictJson, type StrictLimits } from "./strictJson.js";
export {
  countT5Parameters,
  type ReadConfigOptions,
  readT5Config,
  T5_DEFAULTS,
  type T5Config,
  t5ConfigJson,
  writeT5Config,
} from "./t5/config.js";
export { freshT5, frozenT5, loadT5Weights, type T5OnDevice, trainableT5 } from "./t5/load.js";
export { type HiddenListener, shiftRight, T5, type T5Inputs, type T5Options } from "./t5/t5.js";
export {
  type InitialWeight,
  initT5,
  openT5Weights,
  type T5Opened,
  type T5WeightSource,
  t5Weights,
  t5WeightsToSave,
} from "./t5/weights.js";
export { causalExample, collateCausal, cutStream, promptCompletion, type SequenceOptions } from "./text/causalLm.js";
export { type ChatMessage, conversationText, readMessages } from "./text/chat.js";
export { type Batch, type BatchShape, bucketLength, collate, IGNORE_INDEX, lengthLadder } from "./text/collate.js";
export { type Example, type LengthLimits, promptIds, type Row, type TokenizedExample, tokenizeExample } from "./text/example.js";
export { drawShots, fittingShots, type ShotOptions, withShots } from "./text/fewShot.js";
export { collatePacked, type PackedExample, packExamples } from "./text/packed.js";
export {
  type CompiledTemplate,
  compileTemplate,
  type PromptTemplate,
  type RenderOptions,
  readTemplateFile,
  type Shot,
  TEMPLATE_FILE,
  type TemplateForm,
  tasksOf,
  templateOfTask,
  writeTemplateFile,
} from "./text/promptTemplate.js";
export {
  type CorruptionOptions,
  corruptSpans,
  type NoiseOptions,
  noiseCounts,
  noiseMask,
  rawLength,
} from "./text/spanCorruption.js";
export { type ExampleTemplates, exampleOf, parseTemplate, type Template } from "./text/template.js";
export { TEMPLATE_NAMES, templateNamed } from "./text/templates.js";
export { type PaddedIds, padIds, type Side } from "./tokenizers/batch.js";
export { literalText, withoutMarks } from "./tokenizers/literal.js";
export {
  checkTokenizerFits,
  createTokenizer,
  type DecodeOptions,
  type Encoded,
  type EncodeOptions,
  loadTokenizer,
  readTokenizerFiles,
  type Tokenizer,
  type TokenizerFiles,
} from "./tokenizers/tokenizer.js";
export {
  type BatchDims,
  type CountedRows,
  countedRows,
  type TrainingArrays,
  type TrainingBatch,
  type TrainingModel,
  type TrainingOptions,
  trainingModel,
} from "./training.js";
