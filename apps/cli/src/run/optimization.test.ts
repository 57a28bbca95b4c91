// What a run says of its optimizer and schedule, down to what the trainer is told.
import { expect, test } from "vitest";
import type { EvaluationRecord } from "../recipes/evaluations.js";
import { learningRateOf } from "../recipes/learningRate.js";
import { optimizerOf } from "../recipes/tune.js";
import { parseRun } from "./load.js";
import { runToYaml } from "./write.js";

const runOf = (train: string) =>
  parseRun(
    `name: r
model: {path: org/m}
data: {train: hub:org/d, template: {prompt: "{a}", completion: "{b}"}}
train: {lr: 0.01, warmup: 2, steps: 10, ${train}}
`.replace(/lr: 0\.01, (.*(relativeStep: true| lr: ))/, "$1"),
    { file: "run.yaml" },
  );
const factors = (train: string) => {
  const rate = learningRateOf(runOf(train), 10, { best: null });
  return Array.from({ length: 10 }, (_, t) => rate.at(t) / 0.01);
};

// transformers 5.18 (get_scheduler with the same kwargs), warm-up 2 of 10
test.each([
  [
    "schedule: cosineWithRestarts, scheduleOptions: {cycles: 2}",
    [0, 0.5, 1, 0.853553, 0.5, 0.146447, 1, 0.853553, 0.5, 0.146447],
  ],
  [
    "schedule: cosineWithMinLr, scheduleOptions: {minLr: 0.002, cycles: 1.5}",
    [0, 0.5, 1, 0.753073, 0.317157, 0.230448, 0.6, 0.969552, 0.882843, 0.446927],
  ],
  [
    "schedule: cosineWithMinLr, scheduleOptions: {minLrRatio: 0.1}",
    [0, 0.5, 1, 0.965746, 0.868198, 0.722208, 0.55, 0.377792, 0.231802, 0.134254],
  ],
  [
    "schedule: polynomial, scheduleOptions: {power: 2, lrEnd: 0.001}",
    [0, 0.5, 1, 0.789063, 0.60625, 0.451563, 0.325, 0.226563, 0.15625, 0.114063],
  ],
  [
    "schedule: inverseSqrt, scheduleOptions: {timescale: 4}",
    [0, 0.5, 1, 0.894427, 0.816497, 0.755929, Math.SQRT1_2, 0.666667, 0.632456, 0.603023],
  ],
])("%s", (train, expected) => {
  factors(train).forEach((factor, t) => void expect(factor, `update ${t + 1}`).toBeCloseTo(expected[t]!, 5));
});

test("a rate that follows evaluations is what those before an update make it, and passes over the one before the first", () => {
  const run = parseRun(
    `name: r
model: {path: org/m}
data: {train: hub:org/d, split: {validation: 0.1}, template: {prompt: "{a}", completion: "{b}"}}
train: {lr: 0.01, schedule: reduceLrOnPlateau, scheduleOptions: {patience: 0, factor: 0.5}, steps: 10}
eval: {every: 2}
`,
    { file: "run.yaml" },
  );
  const record = (step: number, evalLoss: number) => ({ kind: "eval" as const, step, evalLoss }) as EvaluationRecord;
  const rate = learningRateOf(run, 10, { best: { name: "loss", greaterIsBetter: false } });
  const rates = () => Array.from({ length: 10 }, (_, t) => rate.at(t) / 0.01);
  const found = [record(0, 1), record(2, 3), record(4, 4), record(6, 2), record(8, 5)];
  const asTheyCome = [0, 2, 4, 6, 8].flatMap((t, i) => {
    rate.judge(found[i]!);
    return [rate.at(t), rate.at(t + 1)].map((one) => one / 0.01);
  });
  expect(asTheyCome).toEqual([1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25]);
  expect(rates(), "gone on with: all evaluations are known").toEqual(asTheyCome);
});

test("the optimizer's own numbers reach it", () => {
  expect(optimizerOf(runOf("adam: {beta1: 0.8, eps: 1.0e-6}"))).toEqual({
    kind: "adamw",
    weightDecay: 0.01,
    clipNorm: 1,
    beta1: 0.8,
    eps: 1e-6,
  });
  expect(optimizerOf(runOf("optimizer: adafactor, adafactor: {scaleParameter: true, relativeStep: true}"))).toEqual({
    kind: "adafactor", weightDecay: 0.01, clipNorm: 1, scaleParameter: true, relativeStep: true,
  }); // biome-ignore format: few lines
});

test.each([
  [
    "schedule: linear, scheduleOptions: {cycles: 2}",
    /train\.scheduleOptions\.cycles is for cosine or cosineWithRestarts .*, and train\.schedule is linear/,
  ],
  ["schedule: cosineWithMinLr", /train\.schedule is cosineWithMinLr: say how low in train\.scheduleOptions, minLr or minLrRatio/],
  ["schedule: cosineWithMinLr, scheduleOptions: {minLr: 0.1}", /minLr is 0\.1, and the peak is train\.lr, 0\.01/],
  [
    "schedule: reduceLrOnPlateau",
    /train\.schedule is reduceLrOnPlateau, which follows evaluations: say how often in eval\.every/,
  ],
  [
    "schedule: linear, scheduleOptions: {patience: 2}",
    /patience is for reduceLrOnPlateau or greedy, and train\.schedule is linear/,
  ],
  ["schedule: reduceLrOnPlateau, scheduleOptions: {maxLr: 1}", /maxLr is for greedy, and train\.schedule is reduceLrOnPlateau/],
  ["schedule: greedy, scheduleOptions: {maxLr: 0.001}", /maxLr is 0\.001, and the run begins at train\.lr, 0\.01/],
  ["lr: 0.0001, schedule: greedy", /minLr is 0\.001 where it is left out, and train\.lr is 0\.0001/],
  ["schedule: magic", /train\.schedule must be linear or cosine .*, not "magic"/],
  ["adafactor: {relativeStep: false}", /train\.adafactor is for adafactor, and train\.optimizer is adamw/],
  ["optimizer: adafactor, adam: {beta1: 0.5}", /train\.adam is for adamw, and train\.optimizer is adafactor/],
  ["optimizer: adafactor, adafactor: {warmupInit: true}", /warmupInit is part of relativeStep/],
  ["skipNonFinite: 3, precision: f16", /train\.skipNonFinite has no meaning with precision f16/],
])("%s is refused", (train, message) => {
  expect(() => runOf(train)).toThrow(message);
});

test("a run that leaves its learning rate to Adafactor is read back as it was", () => {
  const run = runOf("optimizer: adafactor, adafactor: {relativeStep: true}");
  expect(parseRun(runToYaml(run), { file: "run.yaml" })).toEqual(run);
  expect(() => parseRun(runToYaml(run), { file: "run.yaml", overrides: ["train.lr=0.1"] })).toThrow(/train\.lr stands beside/);
});
