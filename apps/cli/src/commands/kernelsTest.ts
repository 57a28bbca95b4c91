// attune kernels test NAME: the property tests of the kernels whose name matches, on the adapter at hand.
import { execFile, spawn } from "node:child_process";
import { existsSync, watch } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { CheckReport, Dims, KernelCase, KernelDevice } from "@attune/kernels-wgsl/testing";
import type { Command } from "commander";
import { userError } from "../errors.js";
import { color } from "../terminal.js";

interface Flags {
  shapes: string;
  seed: string;
  dims?: string;
  extreme?: string;
  watch?: boolean;
}

export function configureTest(command: Command): void {
  command
    .argument("[name]", "part of a case's name, as `attune kernels test` lists them; all without it", "")
    .option("--shapes <n>", "generated shapes of each case, beside its edges", "200")
    .option("--seed <s>", "of shapes and values", "1")
    .option("--dims <sizes>", "these sizes alone, such as rows=3,cols=27: what a counterexample prints")
    .option("--extreme <size>", "with --dims: inputs of this size, and only NaN is looked for")
    .option("--watch", "run again whenever a kernel, a plan or a case changes")
    .addHelpText("after", "\nExample:\n  attune kernels test softmax/rows --shapes 50 --seed 7")
    .action(async (name: string, flags: Flags) => {
      const [shapes, seed] = [wholeNumber("--shapes", flags.shapes), wholeNumber("--seed", flags.seed)];
      if (flags.watch) return watchKernels(["kernels", "test", name, "--shapes", flags.shapes, "--seed", flags.seed]);
      const { dims, extreme } = flags;
      if (extreme !== undefined && !(dims !== undefined && Number(extreme) > 0))
        throw userError("usage", `--extreme ${extreme}: expected a size above 0, beside --dims`);
      const isFine = await testKernels(name, {
        ...{ shapes, seed },
        ...(dims === undefined ? {} : { dims }),
        ...(extreme === undefined ? {} : { extreme: Number(extreme) }),
      });
      if (!isFine) process.exitCode = 1;
    });
}

function wholeNumber(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw userError("usage", `${option} ${text}: expected a whole number`);
  return Number(text);
}

/** Whether all is well. */
async function testKernels(
  name: string,
  options: { shapes: number; seed: number; dims?: string; extreme?: number },
): Promise<boolean> {
  const { checkKernel, kernelCases, parseDims } = await import("@attune/kernels-wgsl/testing");
  // a replay means one case alone, also where other names go on after this one
  const exact = options.dims === undefined ? [] : kernelCases.filter((one) => one.name === name);
  const cases = exact.length > 0 ? exact : kernelCases.filter((one) => one.name.includes(name));
  if (cases.length === 0) throw userError("usage", `no kernel case is named like "${name}": ${namesLike(kernelCases)}`);
  let dims: Dims | null = null;
  if (options.dims !== undefined) {
    if (cases.length > 1) throw userError("usage", `--dims needs one case, and ${cases.length} are named like "${name}"`);
    try {
      dims = parseDims(options.dims, cases[0]!);
    } catch (error) {
      throw userError("usage", (error as Error).message);
    }
  }
  const { openDevice } = await import("@attune/tensor/node");
  const owner = await openDevice();
  const device: KernelDevice = { gpu: owner.backend.gpu, facts: owner.facts };
  console.log(color.dim(`adapter: ${owner.facts.adapter.description || owner.facts.adapter.device}`));
  const failed: CheckReport[] = [];
  for (const kernelCase of cases) {
    const report = await checkKernel(device, kernelCase, { ...options, dims: dims ?? undefined });
    console.log(lineOf(report));
    if (!report.counterexample) continue;
    failed.push(report);
    const { failures, replay } = report.counterexample;
    for (const failure of failures.slice(0, 5)) console.log(`  ${failure}`);
    if (failures.length > 5) console.log(`  and ${failures.length - 5} more`);
    console.log(`  again: ${replay}`);
  }
  owner.destroy();
  if (failed.length > 0) console.log(color.red(`${failed.length} of ${cases.length} cases failed`));
  return failed.length === 0;
}

function lineOf({ name, runs, worstError, worstDims, bound, counterexample, lacks }: CheckReport): string {
  if (lacks !== null) return `${color.dim("not run")} ${name}: ${lacks}`;
  if (counterexample) return `${color.red("failed")} ${name}: the smallest shape that fails is ${show(counterexample.dims)}`;
  const where = worstError > 0 ? ` at ${show(worstDims)}` : "";
  return `${color.green("ok")} ${name}: ${runs} runs, worst error ${worstError.toExponential(1)} (bound ${bound})${where}`;
}

const show = (dims: Dims): string =>
  Object.entries(dims)
    .map(([size, value]) => `${size}=${value}`)
    .join(",");

function namesLike(cases: readonly KernelCase[]): string {
  return [...new Set(cases.map(({ name }) => name.replace(/,.*/, "")))].join(", ");
}

/** Never ends by itself. Each run is a process of its own: a module is loaded once. */
async function watchKernels(words: readonly string[]): Promise<void> {
  const root = fileURLToPath(new URL("../../../../", import.meta.url));
  const folder = path.join(root, "packages", "kernels-wgsl", "src");
  const embed = path.join(root, "scripts", "embed-wgsl.mjs");
  if (!existsSync(embed))
    throw userError("usage", "--watch needs a checkout of the project: kernels are embedded from their .wgsl files");
  const run = async (): Promise<void> => {
    const embedded = await promisify(execFile)(process.execPath, [embed]).catch((error: { stderr?: string }) => error);
    if (embedded instanceof Error) return console.log(`${(embedded as { stderr?: string }).stderr ?? embedded.message}`);
    await new Promise((resolve) =>
      spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...words], { stdio: "inherit" }).once("exit", resolve),
    );
  };
  let [isBusy, isStale] = [false, true];
  const turn = async (): Promise<void> => {
    if (isBusy) return;
    isBusy = true;
    while (isStale) {
      isStale = false;
      await run();
      console.log(color.dim("waiting for a change; Ctrl-C ends"));
    }
    isBusy = false;
  };
  let timer: NodeJS.Timeout | undefined;
  watch(folder, { recursive: true }, (_, file) => {
    if (!file || !/\.(wgsl|ts)$/.test(file) || file.startsWith("generated")) return; // the embedded texts are written by each turn
    isStale = true;
    clearTimeout(timer);
    timer = setTimeout(() => void turn(), 100); // an editor writes a file in several steps
  });
  await turn();
  await new Promise(() => {}); // the watcher keeps the process alive
}
