// Runs in the browser: every op through the harness, and a captured LoRA step of a tiny T5. Posts what it found to the test's server.
import { freshLora, freshT5, LORA_DEFAULTS, linearModules, T5, T5_DEFAULTS, t5Weights } from "@attune/models";
import { openWebGpu, type WebGpuDevice } from "@attune/tensor";
import { type Dims, opCases, runCase } from "@attune/tensor/testing";
import { Trainer } from "@attune/tuning";

export interface BrowserReport {
  adapter: string;
  subgroupSize: number | null;
  /** Ops that ran, and what failed of them. */
  ops: number;
  failures: string[];
  /** Losses of the steps on one batch. */
  losses: number[];
  gradNorms: number[];
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

async function trainLora(device: WebGpuDevice): Promise<{ losses: number[]; gradNorms: number[] }> {
  const config = { ...T5_DEFAULTS, vocabSize: 96, dModel: 32, dKv: 8, numHeads: 4, dFf: 64, numLayers: 2, numDecoderLayers: 2 };
  const { weights } = freshT5(device, config, 1);
  const lora = freshLora(device, { ...LORA_DEFAULTS, rank: 4, alpha: 16 }, linearModules(t5Weights(config)), 2);
  const model = new T5(config, weights);
  const trainer = new Trainer(device, { model, lora, trainable: lora.parameters, learningRate: () => 0.03, seed: 3 });
  const [rows, source, target] = [4, 16, 8];
  const ids = (count: number) => Int32Array.from({ length: count }, (_, i) => 3 + ((i * 37) % 90));
  const batch = {
    inputIds: ids(rows * source),
    attentionMask: new Int32Array(rows * source).fill(1),
    labels: ids(rows * target),
  };
  const losses: number[] = [];
  const gradNorms: number[] = [];
  for (let i = 0; i < 6; i++) {
    trainer.update([{ ...batch, rows, source, target, targetTokens: rows * target }]);
    const { loss, gradNorm } = await trainer.readLoss(1);
    losses.push(loss);
    gradNorms.push(gradNorm);
  }
  trainer.dispose();
  return { losses, gradNorms };
}

async function run(): Promise<BrowserReport> {
  const device = await openWebGpu(navigator.gpu);
  const { adapter, subgroupSize } = device.facts;
  await tell("device open");
  const { losses, gradNorms } = await trainLora(device);
  await tell(`losses ${losses}`);
  const failures = await runOps(device);
  const name = [adapter.vendor, adapter.architecture, adapter.description].filter(Boolean).join(" ");
  return { adapter: name, subgroupSize, ops: opCases.length, failures, losses, gradNorms };
}

const report = await run().catch((error: Error): Partial<BrowserReport> => ({ error: `${error.message}\n${error.stack}` }));
await fetch("/report", { method: "POST", body: JSON.stringify(report) });
