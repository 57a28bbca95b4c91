// Evaluation of a run that trains: when, by which measures, and what each one found. It draws no random number and writes nothing that an
// update reads, so a run has the same weights with it and without.
import { judge, MEASURES, type Measure, type Sample, type Scored, statedAnswerMeasure, TASKS } from "@attune/eval";
import { type Example, listSome, usageError } from "@attune/models";
import type { Device, ScratchSet } from "@attune/tensor";
import { type EvalLoss, Evaluator } from "@attune/tuning";
import type { Run } from "../run/schema.js";
import { type AnsweredSample, answeredSamples, referencesOf } from "./answers.js";
import type { AnswerCounts, HeldOut, TrainingData } from "./data.js";
import { truncationOf } from "./exampleSources.js";
import { type LabelledPrompt, scoreLabels } from "./labels.js";
import type { ModelFiles, RunModel } from "./model.js";
import { readable } from "./score.js";
import { answerAll, repeatsOf } from "./summarize.js";

/** A line of metrics.jsonl. */
export interface EvaluationRecord {
  kind: "eval";
  step: number;
  epoch: number;
  /** Mean over the validation tokens that count, and exp of it. */
  evalLoss: number;
  perplexity: number;
  /** transformers' eval_loss: the batches' means, weighed by their rows. */
  evalLossOfBatches: number;
  tokens: number;
  /** Losses by the sets of a mixture. */
  tasks?: Record<string, { evalLoss: number; tokens: number }>;
  /** With eval.generate: values of the measure over the first eval.generateRows rows; in a mixture by "set/value". */
  metrics?: Record<string, number>;
  seconds: number;
}

/** How the answers to one task's prompts are judged. */
export interface AnswerMeasure {
  held: HeldOut;
  measure: Measure;
  /** Of chains of thought that are judged as a whole: their answers alone, as a further value. */
  stated: Measure | null;
  /** The completions among which the most probable one is the answer; null: an answer is generated. */
  choices: readonly string[] | null;
}

/** Scores of all validation answers, of a task. */
export interface AnswerScores {
  task: string | null;
  metric: string;
  /** Of the values, the one that people quote. */
  headline: string;
  values: Record<string, number>;
  /** Share of outputs that differ from all before them: a model that says the same of everything has few. */
  distinct: number;
  rows: number;
  signature: string;
}

/** What is evaluated on the way; decided before there is a device. */
export interface EvaluationPlan {
  /** Whether the model is evaluated before the first update, too. */
  first: boolean;
  /** Updates between evaluations; null: at the end alone. */
  interval: number | null;
  /** Updates after which the run is evaluated. */
  points: number;
  measures: AnswerMeasure[];
  /** null: the last weights are kept. */
  best: { name: string; greaterIsBetter: boolean } | null;
}

/** Throws (usage) for a best value that no measure gives, and for classes that cannot be told from the rows. */
export function planEvaluations(run: Run, data: Pick<TrainingData, "held" | "answers" | "totalSteps">): EvaluationPlan {
  const { every, best, generate, first, method } = run.eval;
  const { totalSteps } = data;
  const interval = every === null ? null : every < 1 ? Math.max(1, Math.ceil(every * totalSteps)) : every;
  const measures = data.held.filter(({ examples }) => examples.length > 0).map((held) => measureOf(run, held, data.answers));
  if (method === "likelihood" && measures.every(({ choices }) => choices === null))
    throw usageError(
      "eval.method: likelihood chooses among a few labels, and none of the validation rows is judged as classification",
    );
  const points = data.held.length === 0 ? 0 : interval === null ? 1 : Math.ceil(totalSteps / interval);
  const names = generate ? measures.flatMap((one) => valueNames(one, measures.length > 1)) : [];
  if (best !== null && best !== "loss" && !names.includes(best))
    throw usageError(`eval.best: ${best} is no value that is measured; there are loss, ${listSome(names)}`);
  return {
    first: first && data.held.length > 0,
    interval,
    points,
    measures,
    best: best === null ? null : { name: best, greaterIsBetter: best !== "loss" },
  };
}

/** Whether the run is evaluated after this update; 0 is before the first. */
export function isEvaluated({ first, interval, points }: EvaluationPlan, step: number, totalSteps: number): boolean {
  if (step === 0) return first;
  return points > 0 && (step === totalSteps || (interval !== null && step % interval === 0));
}

/** What the best evaluation is chosen by. */
export function judgedBy({ best }: Pick<EvaluationPlan, "best">, { evalLoss, metrics }: EvaluationRecord): number {
  return best!.name === "loss" ? evalLoss : metrics![best!.name]!;
}

/** The set's own metric, else the run's, else what its format is judged by; a chain of thought by the answer that it states. */
function measureOf({ eval: { metric, method } }: Run, held: HeldOut, answers: AnswerCounts): AnswerMeasure {
  const { task, format, answerAfter } = held;
  const ofFormat = METRICS[format?.name ?? ""] ?? (answerAfter === undefined ? METRICS[format?.task ?? ""] : "stated_answer");
  const name = held.metric ?? metric ?? ofFormat ?? "rouge";
  if (name === "stated_answer")
    return { held, measure: statedAnswerMeasure({ after: answerAfter }), stated: null, choices: null };
  const stated = ofFormat === "stated_answer" ? statedAnswerMeasure({ after: answerAfter }) : null;
  if (name === "rouge") return { held, measure: MEASURES.rouge!.make({ stemmer: true }), stated, choices: null };
  if (name !== "classification") return { held, measure: MEASURES[name]!.make({}), stated, choices: null };
  const own = answers.get(task);
  if (own === null)
    throw usageError("eval.metric: classification wants a few labels, and the rows have more than 64 different answers");
  // as they are learnt, by what a reader sees
  const completions = new Map([...(own?.keys() ?? [])].map((completion) => [readable(completion), completion]));
  const labels = [...completions.keys()].sort();
  const measure = TASKS.classification!.measures({ labels })[0]!;
  return { held, measure, stated, choices: method === "likelihood" ? labels.map((label) => completions.get(label)!) : null };
}

/** By the format's name, else by its task; else rouge. */
const METRICS: Readonly<Record<string, string>> = {
  gsm8k: "gsm8k",
  flanCot: "stated_answer",
  summarization: "rouge",
  sentiment: "classification",
  questions: "squad",
  translation: "sacrebleu",
};

/** Names of a measure's values, found by judging one row. */
function valueNames({ held, measure, stated }: AnswerMeasure, isMixture: boolean): string[] {
  const [reference] = referencesOf(held.examples[0]!);
  const sample: Sample = { id: "", prompt: "", reference: reference!, output: reference! };
  return Object.keys(judged(measure, stated, [sample]).values).map((value) => named(held, isMixture, value));
}

/** The measure's scores, with those of the stated answers beside them. */
function judged(measure: Measure, stated: Measure | null, samples: readonly Sample[]) {
  const { scored, distinct } = judge(stated ? [measure, stated] : [measure], samples);
  const [{ metric, headline, values, signature }, answers] = scored as [Scored, Scored?];
  const of = answers && { stated_answer: answers.values.exact_match!, stated_answer_unreadable: answers.values.unreadable! };
  return {
    metric,
    headline,
    values: { ...values, ...of },
    distinct,
    signature: answers ? `${signature} + ${answers.signature}` : signature,
  };
}

const named = ({ task }: HeldOut, isMixture: boolean, value: string): string => (isMixture ? `${task}/${value}` : value);

const NO_ANSWERS = { scores: [], examples: [], answers: [] };

export interface EvaluationProgress {
  signal?: AbortSignal | undefined;
  onProgress?: (done: number, total: number) => void;
}

/** Evaluates the model as it is now. */
export class RunEvaluator {
  readonly #evaluator: Evaluator;

  constructor(
    private readonly device: Device,
    private readonly run: Run,
    private readonly files: Pick<ModelFiles, "tokenizer">,
    private readonly data: Pick<TrainingData, "held">,
    private readonly plan: EvaluationPlan,
    private readonly model: RunModel["model"],
    private readonly scratch: ScratchSet,
  ) {
    this.#evaluator = new Evaluator(device, model, scratch);
  }

  /** Losses, and with eval.generate some answers and their scores. Throws the signal's reason where it is aborted. */
  async evaluate(
    step: number,
    epoch: number,
    { signal, onProgress = () => {} }: EvaluationProgress,
  ): Promise<{ record: EvaluationRecord; samples: AnsweredSample[] }> {
    const start = performance.now();
    const { held } = this.data;
    const total = held.reduce((sum, { batches }) => sum + batches.length, 0);
    let done = 0;
    const losses: EvalLoss[] = [];
    for (const { batches } of held) {
      const found = await this.#evaluator.loss(batches, () => {
        signal?.throwIfAborted();
        onProgress(++done, total);
      });
      losses.push(found);
    }
    const whole = together(losses);
    const isMixture = held.length > 1;
    const { generate, generateRows } = this.run.eval;
    const { scores, examples, answers } = generate ? await this.answer(generateRows, { signal, onProgress }) : NO_ANSWERS;
    const record: EvaluationRecord = {
      kind: "eval",
      step,
      epoch,
      evalLoss: whole.loss,
      perplexity: whole.perplexity,
      evalLossOfBatches: whole.meanOfBatches,
      tokens: whole.tokens,
      ...(isMixture && {
        tasks: Object.fromEntries(
          held.map(({ task }, i) => [task ?? "", { evalLoss: losses[i]!.loss, tokens: losses[i]!.tokens }]),
        ),
      }),
      ...(scores.length > 0 && {
        metrics: Object.fromEntries(
          scores.flatMap(({ values }, i) =>
            Object.entries(values).map(([name, value]) => [named(this.plan.measures[i]!.held, isMixture, name), value]),
          ),
        ),
      }),
      seconds: (performance.now() - start) / 1000,
    };
    return { record, samples: answeredSamples(examples, answers) };
  }

  /** Answers to the first `rows` prompts of each task, in order, and their scores. */
  async answer(rows: number, { signal, onProgress = () => {} }: EvaluationProgress) {
    const asked = this.plan.measures.map((one) => ({ ...one, examples: one.held.examples.slice(0, rows) }));
    const examples = asked.flatMap((one) => one.examples);
    const written = asked.filter(({ choices }) => choices === null).flatMap((one) => one.examples);
    const chosen = asked.flatMap(({ choices, examples: own }) =>
      choices === null ? [] : own.map(({ prompt }) => ({ prompt, labels: choices })),
    );
    const generated = await this.#generate(written, { signal, onProgress: (done) => onProgress(done, examples.length) });
    const picked = await this.#choose(chosen, {
      signal,
      onProgress: (done) => onProgress(written.length + done, examples.length),
    });
    const answers = asked.flatMap(({ choices, examples: own }) => (choices === null ? generated : picked).splice(0, own.length));
    let at = 0;
    const scores = asked.map(({ held, measure, stated, examples: own }): AnswerScores => {
      const samples = own.map((example): Sample => {
        return { id: example.id, prompt: example.prompt, reference: referencesOf(example), output: readable(answers[at++]!) };
      });
      return { task: held.task, rows: own.length, ...judged(measure, stated, samples) };
    });
    return { examples, answers, scores };
  }

  /** Greedy answers. */
  async #generate(examples: readonly Example[], progress: EvaluationProgress): Promise<string[]> {
    const { batch, maxNewTokens } = this.run.eval;
    const { maxSource } = this.run.data;
    const options = {
      batch,
      maxNewTokens,
      maxSource,
      truncation: truncationOf(this.run),
      repeats: repeatsOf(this.run.eval),
      ...progress,
    };
    return answerAll(this.device, this.model, this.files.tokenizer, examples, options, this.scratch);
  }

  /** The most probable labels. */
  async #choose(prompts: readonly LabelledPrompt[], { signal, onProgress = () => {} }: EvaluationProgress): Promise<string[]> {
    const options = {
      batch: this.run.eval.batch,
      maxPrompt: this.run.data.maxSource,
      truncation: truncationOf(this.run),
      scratch: this.scratch,
      onProgress(done: number, total: number) {
        signal?.throwIfAborted();
        onProgress(done, total);
      },
    };
    const found = await scoreLabels(this.device, this.model, this.files.tokenizer, prompts, options);
    return found.map(({ best }, i) => prompts[i]!.labels[best]!);
  }

  dispose(): void {
    this.#evaluator.dispose();
  }
}

/** The loss of several parts: by their tokens. Batches' means are weighed alike, by what the parts weigh. */
function together(losses: readonly EvalLoss[]): EvalLoss {
  if (losses.length === 1) return losses[0]!;
  const counted = losses.filter(({ tokens }) => tokens > 0);
  const tokens = counted.reduce((sum, one) => sum + one.tokens, 0);
  const rows = counted.reduce((sum, one) => sum + one.rows, 0);
  const loss = counted.reduce((sum, one) => sum + one.loss * one.tokens, 0) / tokens;
  const meanOfBatches = counted.reduce((sum, one) => sum + one.meanOfBatches * one.rows, 0) / rows;
  return { loss, perplexity: Math.exp(loss), tokens, rows, meanOfBatches };
}
