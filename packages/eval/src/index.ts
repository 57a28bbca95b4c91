// @attune/eval: metrics as pure functions, and tasks. Browser-clean.

export {
  type ClassMeasureOptions,
  classificationMeasure,
  exactMatchMeasure,
  finalAnswerMeasure,
  squadMeasure,
  statedAnswerMeasure,
} from "./measure/answers.js";
export { type Measure, type RowStatistics, type Scored, Tally } from "./measure/measure.js";
export {
  type Compared,
  DEFAULT_SEED,
  type Difference,
  intervals,
  pairedBootstrap,
  type ResampleOptions,
  randomization,
  type Uncertain,
} from "./measure/resample.js";
export { MEASURES, type MeasureEntry, type MeasureOptions } from "./measure/table.js";
export { chrfMeasure, nmtBleuMeasure, rougeMeasure, sacrebleuMeasure } from "./measure/text.js";

export { lead1, lead3, longestTurn, randomSummary } from "./metrics/baselines.js";
export {
  type BleuOptions,
  type BleuScore,
  type BleuSmoothing,
  type BleuTokenizer,
  bleuTokens,
  corpusBleu,
  sentenceBleu,
} from "./metrics/bleu.js";
export {
  type BootstrapOptions,
  bootstrapMean,
  bootstrapSignature,
  type Interval,
  rougeIntervals,
} from "./metrics/bootstrap.js";
export { type ChrfOptions, type ChrfScore, corpusChrf, sentenceChrf } from "./metrics/chrf.js";
export {
  type ClassificationOptions,
  type ClassificationResult,
  type ClassScores,
  type ConfusionCell,
  classification,
  classificationOfCells,
  type Label,
} from "./metrics/classification.js";
export { distinctShare } from "./metrics/distinct.js";
export { type ExactMatchOptions, type ExactMatchResult, exactMatch } from "./metrics/exactMatch.js";
export {
  type AnswerStyle,
  type FinalAnswerOptions,
  type FinalAnswerResult,
  finalAnswer,
  finalAnswerMatch,
} from "./metrics/finalAnswer.js";
export { type NmtBleuOptions, type NmtBleuScore, nmtBleu } from "./metrics/nmtBleu.js";
export { type PerplexityResult, perplexity } from "./metrics/perplexity.js";
export { porterStem } from "./metrics/porter.js";
export type { References } from "./metrics/references.js";
export {
  type CorpusRouge,
  corpusRouge,
  ROUGE_TYPES,
  type RougeColumns,
  type RougeOptions,
  type RougeScorer,
  type RougeScores,
  type RougeType,
  type RougeValue,
  rougeScorer,
  rougeTokens,
} from "./metrics/rouge.js";
export { normalizeAnswer, type SquadOptions, type SquadResult, type SquadValue, squad, squadScore } from "./metrics/squad.js";
export { ANSWER_AFTER, statedAnswer } from "./metrics/statedAnswer.js";
export { type Judged, judge, type Sample, type SampleRecord } from "./tasks/judge.js";
export { labelReader, UNPARSED } from "./tasks/labels.js";
export { TASKS, type Task, type TaskOptions } from "./tasks/task.js";
