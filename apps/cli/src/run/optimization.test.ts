// What a run says of its optimizer and schedule, down to what the trainer is told.
import { expect, test } from "vitest";
import { learningRateOf, optimizerOf } from "../recipes/tune.js";
import { parseRun } from "./load.js";
import { runToYaml } from "./write.js";

const runOf = (train: string) =>
  parseRun(
    `name: r
model: {path: org/m}
data: {train: hub:org/d, template: {prompt: "{a}", completion: "{b}"}}
train: {lr: 0.01, warmup: 2, steps: 10, ${train}}
`.replace(/lr: 0\.01, (.*relativeStep: true)/, "$1"),
    { file: "run.yaml" },
  );
const factors = (train: string) => {
  const rate = learningRateOf(runOf(train), 10);
  return Array.from({ length: 10 }, (_, t) => rate(t) / 0.01);
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
  ["schedule: reduce_lr_on_plateau", /train\.schedule cannot be reduce_lr_on_plateau: it follows evaluations.*earlyStopping/],
  ["schedule: greedy", /train\.schedule cannot be greedy: it follows the loss/],
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
