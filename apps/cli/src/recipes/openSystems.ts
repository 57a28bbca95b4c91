// What attune compare was given: folders that hold answers already, and models that answer now, on the rows of the first run.
import { existsSync } from "node:fs";
import path from "node:path";
import { usageError } from "@attune/models";
import { loadRun } from "../run/load.js";
import { createStatus } from "../status.js";
import { evaluate, type PreparedEvaluation, prepareEvaluation } from "./evaluate.js";
import { rowsOfRun } from "./evaluateRun.js";
import { type EvaluationFlags, evaluationOf } from "./evaluationFlags.js";
import { hasSamples, readSystem, type System, systemOf } from "./systems.js";

/** Throws (usage, data) before a device is opened: for systems of different tasks, and for models without rows to answer. */
export async function openSystems(
  names: readonly string[],
  flags: EvaluationFlags,
): Promise<{ systems: System[]; task: string }> {
  const recorded = await Promise.all(names.map(async (name) => ((await hasSamples(name)) ? readSystem(name) : null)));
  const tasks = [...new Set(recorded.flatMap((system) => system?.task ?? []))];
  if (flags.task === undefined && tasks.length > 1)
    throw usageError(`the folders hold answers to different tasks: ${tasks.join(", ")}; say --task for one of them`);
  const task = flags.task ?? tasks[0] ?? "summarization";
  const first = names.find((name, k) => recorded[k] && existsSync(path.join(name, "run.yaml")));
  const prepared = new Map<number, PreparedEvaluation>();
  for (const [k, name] of names.entries()) if (!recorded[k]) prepared.set(k, await prepareModel(name, { ...flags, task }, first));
  const systems = [...recorded];
  if (prepared.size > 0) {
    const { openDevice } = await import("@attune/tensor/node");
    const device = await openDevice();
    const status = createStatus();
    try {
      for (const [k, one] of prepared) {
        const { name } = one.evaluation;
        systems[k] = systemOf(
          await evaluate(device, one, (done, total) => status.update(`${name}: answered ${done} of ${total}`)),
        );
      }
    } finally {
      status.done();
      device.destroy();
    }
  }
  return { systems: systems as System[], task };
}

async function prepareModel(name: string, flags: EvaluationFlags, firstRun: string | undefined): Promise<PreparedEvaluation> {
  const plus = existsSync(name) ? -1 : name.lastIndexOf("+");
  const [model, adapter] = plus < 0 ? [name] : [name.slice(0, plus), name.slice(plus + 1)];
  if (flags.data !== undefined || firstRun === undefined) {
    if (flags.data === undefined)
      throw usageError(
        `${name}: holds no answers (samples.jsonl), and to answer now a model needs rows: --data FILE, or a run beside it`,
      );
    return prepareEvaluation(await evaluationOf(model!, { ...flags, ...(adapter === undefined ? {} : { adapter }) }));
  }
  const file = path.join(firstRun, "run.yaml");
  const rows = rowsOfRun(await loadRun(file));
  const given = await evaluationOf(model!, { ...flags, data: "", ...(adapter === undefined ? {} : { adapter }) });
  return prepareEvaluation({
    ...given,
    run: rows.run,
    data: null,
    rows: flags.rows ?? rows.rows,
    maxSource: flags.maxPrompt ?? rows.maxSource,
    maxNewTokens: flags.maxNewTokens ?? rows.maxNewTokens,
    repeats: { ...rows.repeats, ...given.repeats },
  });
}
