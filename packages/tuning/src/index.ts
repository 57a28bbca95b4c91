// @attune/tuning: data sets, batches, schedules and the training loop. Browser-clean; reading from disk is in @attune/tuning/node.

export { NEUTRAL_NAMES, otherOrder, otherSpeakers, speakersOf, versionSeed } from "./augment.js";
export { type Balanced, type BalanceOptions, balanceRows } from "./balance.js";
export {
  type BatchOptions,
  type BatchPlan,
  type DataPosition,
  type PlannedBatch,
  type PlannedUpdate,
  planBatches,
} from "./batches.js";
export { type BucketOptions, chooseBuckets, type Lengths } from "./buckets.js";
export { type BadRowOptions, type BadRows, badRows, type SkippedRows } from "./datasets/badRows.js";
export { FILE_KINDS, type FileKind } from "./datasets/fileKind.js";
export type { Format, Sample } from "./datasets/formats/format.js";
export { type PretokenizedRow, pretokenizedRow } from "./datasets/formats/pretokenized.js";
export { detectFormat, FORMATS, formatNamed } from "./datasets/formats/table.js";
export { type HubDataName, hubDataText, isHubData, parseHubData } from "./datasets/hubFiles.js";
export { type JsonlOptions, readJsonl } from "./datasets/jsonl.js";
export { type EvalLoss, Evaluator } from "./evaluate.js";
export {
  FOLLOWING_DEFAULTS,
  FOLLOWING_KINDS,
  FOLLOWING_OPTIONS,
  type Following,
  type FollowingKind,
  type FollowingOptions,
  followedRate,
  THRESHOLD_MODES,
} from "./followedRate.js";
export {
  NOTHING_SMOOTHED,
  SMOOTHING_BETA,
  type Smoothing,
  type Spike,
  smooth,
  smoothed,
  watchSpikes,
} from "./lossTrend.js";
export { examplesOf, type MicroBatch } from "./microPrograms.js";
export {
  type InterleaveOptions,
  interleave,
  MIXTURE_STOPS,
  type MixedRow,
  type MixtureStop,
  type MixtureWeights,
  mixtureProbabilities,
} from "./mixture.js";
export { type NumpyRandom, numpyRandom } from "./numpyRandom.js";
export { type Packing, packSequences } from "./packing.js";
export { type Progress, trackProgress } from "./progress.js";
export { promptKey, questionKey } from "./questions.js";
export {
  SCHEDULE_KINDS,
  SCHEDULE_OPTIONS,
  type Schedule,
  type ScheduleKind,
  type ScheduleOptions,
  SLOPES,
  scheduleFactor,
  scheduleTable,
  totalSteps,
  updatesPerEpoch,
  warmupSteps,
} from "./schedule.js";
export { NOTHING_SELECTED, type Selection, type SelectionOptions, select } from "./selection.js";
export { countOverlap, type Split, type SplitOptions, splitExamples, splitSets } from "./splits.js";
export { TokenStore } from "./tokenStore.js";
export { NumericsError, type StepReport, type TrainOptions, train } from "./train.js";
export { type OptimizerOptions, Trainer, type TrainerCounters, type TrainerOptions } from "./trainer.js";
export { restoreTrainer, saveTrainer } from "./trainerState.js";
