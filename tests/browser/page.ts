// Runs in the browser: every op through the harness, and the example that tunes an adapter. Posts what it found to the test's server.
import { httpFiles } from "@attune/models";
import { openWebGpu, type WebGpuDevice } from "@attune/tensor";
import { type Dims, opCases, runCase } from "@attune/tensor/testing";
import { tune } from "../../examples/06-lora-in-browser/tune.js";

export interface BrowserReport {
  adapter: string;
  subgroupSize: number | null;
  /** Ops that ran, and what failed of them. */
  ops: number;
  failures: string[];
  /** Losses of the steps on one batch. */
  losses: number[];
  gradNorms: number[];
  /** Names of what it saved. */
  adapterFiles: string[];
  error?: string;
}

/** Where a text costs seconds to compile, the first edge of each op is what time allows. */
async function runOps(device: WebGpuDevice): Promise<string[]> {
  const failures: string[] = [];
  for (const opCase of opCases) {
    const start = performance.now();
    const { why: _, ...dims } = opCase.edges[0]!;
    const report = await runCase(device, opCase, { dims: dims as Dims, seed: 1 });
    failures.push(...report.failures.map((failure) => `${opCase.name}: ${failure}`));
    await tell(`${opCase.name}: ${Math.round(performance.now() - start)} ms`);
  }
  return failures;
}

/** A line for the server, which shows the last ones if the report never comes. */
async function tell(line: string): Promise<void> {
  await fetch("/progress", { method: "POST", body: line });
}

/** examples/06-lora-in-browser, on the model that the test's server has. */
async function trainLora(device: WebGpuDevice): Promise<Pick<BrowserReport, "losses" | "gradNorms" | "adapterFiles">> {
  const losses: number[] = [];
  const gradNorms: number[] = [];
  const pairs = [
    { prompt: "Ida: Shall we fly kites?\nMax: I will bring grapes.", completion: "Max accepts and will bring grapes." },
    { prompt: "Ruth: Shall we taste cheese?\nNoor: Alas, no.", completion: "Noor declines." },
  ];
  const { adapter } = await tune(device, httpFiles(`${location.origin}/model/`), pairs, 6, ({ loss, gradNorm }) => {
    losses.push(loss);
    gradNorms.push(gradNorm);
  });
  return { losses, gradNorms, adapterFiles: Object.keys(adapter).sort() };
}

async function run(): Promise<BrowserReport> {
  const device = await openWebGpu(navigator.gpu);
  const { adapter, subgroupSize } = device.facts;
  await tell("device open");
  const lora = await trainLora(device);
  await tell(`losses ${lora.losses}`);
  const failures = await runOps(device);
  const name = [adapter.vendor, adapter.architecture, adapter.description].filter(Boolean).join(" ");
  return { adapter: name, subgroupSize, ops: opCases.length, failures, ...lora };
}

const report = await run().catch((error: Error): Partial<BrowserReport> => ({ error: `${error.message}\n${error.stack}` }));
await fetch("/report", { method: "POST", body: JSON.stringify(report) });
