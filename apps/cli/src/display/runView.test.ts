import { expect, test, vi } from "vitest";
import { displayWidth } from "../terminal.js";
import { type RunState, runView } from "./runView.js";
import { bar, sparkline } from "./sparkline.js";

vi.mock(import("../terminal.js"), async (original) => {
  const pc = (await import("picocolors")).default;
  return { ...(await original()), errColor: pc.createColors(false) };
});

const STATE: RunState = {
  record: { step: 120, lossEma: 2.13456, lr: 9.8e-3, gradNorm: 0.51234, epoch: 1.844 } as RunState["record"],
  totalSteps: 520,
  progress: { done: 0.2308, loss: 2.1, tokensPerSecond: 1432, secondsPerStep: 0.2, secondsLeft: 80 },
  losses: Array.from({ length: 30 }, (_, i) => 8 / (i + 1)),
  memoryBytes: 36_300_000,
  evaluation: {
    record: { step: 100, evalLoss: 2.3101, metrics: { rouge1: 0.342, rouge2: 0.1, "evil\u001b[2J": 1 } } as never,
    isBest: true,
  },
  activity: null,
  isStopping: false,
};
const at = (width: number, state: Partial<RunState> = {}) => runView({ ...STATE, ...state }).lines(width);

test("at 79 columns", () => {
  expect(at(79)).toMatchInlineSnapshot(`
    [
      "step 120/520  23 %  ━━━━━━━───────────────────────  1 min 20 s left",
      "loss 2.135 ██▇▆▅▅▄▃▃▂▂▂▁▁▁▁   lr 9.8e-3   grad 0.512   1.43 k tokens/s",
      "epoch 1.84   memory 34.6 MiB",
      "eval loss 2.3101   rouge1 0.342   rouge2 0.100   evil\\x1b[2J 1.00",
      "best, at step 100",
      "Ctrl-C: finish this update, save a checkpoint, stop; twice: stop at once",
    ]
  `);
});

test("at 39 columns", () => {
  expect(at(39)).toMatchInlineSnapshot(`
    [
      "step 120/520   23 %   1 min 20 s left",
      "loss 2.135 ██▇▆▅▅▄▃▃▂▂▂▁▁▁▁   lr 9.8e-3",
      "grad 0.512   1.43 k tokens/s",
      "epoch 1.84   memory 34.6 MiB",
      "eval loss 2.3101   rouge1 0.342",
      "rouge2 0.100   evil\\x1b[2J 1.00",
      "best, at step 100",
      "Ctrl-C: save a checkpoint and stop",
    ]
  `);
});

test("at 19 columns", () => {
  expect(at(19)).toMatchInlineSnapshot(`
    [
      "step 120/520   23 %",
      "1 min 20 s left",
      "loss 2.135 █▇▆▅▃▂▁▁",
      "lr 9.8e-3",
      "grad 0.512",
      "1.43 k tokens/s",
      "epoch 1.84",
      "memory 34.6 MiB",
      "eval loss 2.3101",
      "rouge1 0.342",
      "rouge2 0.100",
      "evil\\x1b[2J 1.00",
      "best, at step 100",
    ]
  `);
});

test("no line is wider than the terminal, whatever is in it", () => {
  for (let width = 9; width < 120; width++)
    for (const state of [{}, { activity: "evaluating 3 of 12" }, { isStopping: true }, { losses: [Number.NaN, 1, 2] }])
      for (const line of at(width, state)) {
        expect(displayWidth(line), `${width}: ${line}`).toBeLessThanOrEqual(width);
        expect(line).not.toContain("\u001b");
      }
});

test("Ctrl-C is explained, and that it was heard is said", () => {
  expect(at(79).at(-1)).toMatch(/^Ctrl-C: finish this update, save a checkpoint, stop/);
  expect(at(79, { isStopping: true }).at(-1)).toMatch(/^stopping after this update; a checkpoint is saved first/);
});

test("a log gets one line", () => {
  expect(runView(STATE).plain).toMatch(
    /^step 120\/520 {2}loss 2\.135 .+ lr 9\.8e-3 {2}grad 0\.512 {2}1\.43 k tokens\/s {2}1 min 20 s left$/,
  );
  expect(runView({ ...STATE, activity: "evaluating 3 of 12" }).plain).toBe("evaluating 3 of 12");
});

test("sparklines and bars", () => {
  expect(sparkline([1, 2, 3, Number.NaN, 8])).toBe("▁▂▃ █");
  expect(sparkline([5, 5])).toBe("▁▁");
  expect(sparkline([])).toBe("");
  expect([bar(0, 4), bar(0.5, 4), bar(2, 4), bar(Number.NaN, 4)]).toEqual(["────", "━━──", "━━━━", "────"]);
});
