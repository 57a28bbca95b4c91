// What a person sees of a run: a line of facts before, one calm line while it trains, the numbers after.
import type { DeviceFacts } from "@attune/kernels-wgsl";
import { type Progress, type StepReport, trackProgress } from "@attune/tuning";
import type { Run } from "../run/schema.js";
import { createStatus } from "../status.js";
import { color, formatBytes, formatCount, formatSeconds, table } from "../terminal.js";
import type { PreparedRun, TuneListener, TuneResult } from "./tune.js";

export interface ProgressListener extends TuneListener {
  done(): void;
}

export function progressListener(run: Run, { data, files }: PreparedRun, facts: DeviceFacts): ProgressListener {
  const status = createStatus();
  const { lora } = files;
  const what = lora ? `LoRA rank ${lora.rank} on ${[lora.targetModules].flat().join(", ")}` : "all weights";
  status.log(
    `${color.bold(run.name)}: ${what}, ${formatCount(data.count)} examples, ${data.totalSteps} updates of ${run.train.batch * run.train.accumulate} rows`,
  );
  status.log(
    `device: ${facts.adapter.description || facts.adapter.device}${facts.isSoftware ? " (software: expect a hundredth of a GPU's speed)" : ""}`,
  );
  status.update("preparing");
  const losses: number[] = [];
  let track = trackProgress(data.totalSteps);
  return {
    note: (text) => status.log(color.dim(text)),
    resumed: (step) => {
      track = trackProgress(data.totalSteps, { startStep: step });
    },
    step(report, totalSteps) {
      losses.push(report.loss);
      status.update(stepLine(report, totalSteps, losses, track(report)));
    },
    evaluating: (done, total) => status.update(`evaluating ${done} of ${total}`),
    done: () => status.done(),
  };
}

function stepLine(report: StepReport, totalSteps: number, losses: readonly number[], progress: Progress): string {
  return [
    `step ${report.step}/${totalSteps}`,
    `loss ${report.loss.toFixed(3)} ${sparkline(losses)}`,
    `lr ${report.lr.toExponential(1)}`,
    `grad ${report.gradNorm.toPrecision(3)}`,
    `${formatCount(progress.tokensPerSecond)} tokens/s`,
    `${formatSeconds(progress.secondsLeft)} left`,
  ].join("  ");
}

const BARS = "▁▂▃▄▅▆▇█";

/** The last losses as bars between their least and their most. */
export function sparkline(values: readonly number[], width = 16): string {
  const shown = values.slice(-width);
  const low = Math.min(...shown);
  const range = Math.max(...shown) - low || 1;
  return shown.map((value) => BARS[Math.min(7, Math.floor(((value - low) / range) * 8))]).join("");
}

export function printResult(run: Run, result: TuneResult, measuredPeakBytes: number): string {
  const rows = [
    ["parameters", formatCount(result.parameters)],
    ["trained", formatCount(result.trainableParameters)],
    ["updates", String(result.steps)],
    ["loss", `${result.firstLoss.toFixed(3)} -> ${result.lastLoss.toFixed(3)}`],
    ["time", `${formatSeconds(result.trainSeconds)} training, ${formatSeconds(result.evalSeconds)} evaluation`],
    ["speed", `${formatCount(result.tokensPerSecond)} tokens/s`],
    ["peak device memory", formatBytes(measuredPeakBytes)],
    ...(result.scores
      ? [
          [
            "ROUGE-1 / 2 / L",
            [result.scores.rouge1, result.scores.rouge2, result.scores.rougeL].map((f) => f.toFixed(2)).join(" / "),
          ],
          [
            "evaluated",
            `${result.scores.rows} rows, ${Math.round(100 * result.scores.distinct)} % distinct; ${result.scores.signature}`,
          ],
        ]
      : []),
    ["saved", `${result.savedTo} (${formatBytes(result.savedBytes)})`],
  ];
  return `${table([{ title: run.name }, { title: "" }], rows)}\n`;
}
