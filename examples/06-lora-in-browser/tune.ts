// LoRA on a T5 in a browser: the same packages, a device from `navigator.gpu`, a model from wherever its files are. Nothing here knows
// the page, Node or Dawn.
import {
  collate,
  type FileSource,
  freshLora,
  LORA_DEFAULTS,
  linearModules,
  loadT5Weights,
  loadTokenizer,
  openCheckpoint,
  readJsonObject,
  readT5Config,
  SequenceGenerator,
  T5,
  t5Weights,
  tokenizeExample,
  writeAdapter,
} from "@attune/models";
import type { Device } from "@attune/tensor";
import { Trainer, train } from "@attune/tuning";

export interface Pair {
  prompt: string;
  completion: string;
}

export interface Step {
  step: number;
  loss: number;
  gradNorm: number;
}

const LIMITS = { maxSource: 128, maxTarget: 48 };

/**
 * Trains an adapter on all pairs at once, `steps` times, then answers the first one.
 * @returns the answer, and the adapter's files as PEFT reads them
 */
export async function tune(
  device: Device,
  files: FileSource,
  pairs: readonly Pair[],
  steps: number,
  onStep: (step: Step) => void,
): Promise<{ answer: string; adapter: ReturnType<typeof writeAdapter> }> {
  const tokenizer = await loadTokenizer(files);
  const config = readT5Config(await readJsonObject(files, "config.json"));
  const base = await loadT5Weights(device, config, await openCheckpoint(files), { trainable: false });
  const settings = { ...LORA_DEFAULTS, rank: 16, alpha: 32, targetModules: ["q", "v"] };
  const lora = freshLora(device, settings, linearModules(t5Weights(base.config)), 42);
  const model = new T5(base.config, base.weights, { lora });

  const examples = pairs.map((pair, row) => tokenizeExample(tokenizer, { id: `${row}`, ...pair, fields: {} }, LIMITS));
  const longest = (length: (example: (typeof examples)[number]) => number): number => Math.max(...examples.map(length));
  const shape = {
    rows: examples.length,
    source: longest(({ inputIds }) => inputIds.length),
    target: longest(({ labels }) => labels.length),
  };
  const batch = collate(examples, shape, tokenizer.padId);

  const trainer = new Trainer(device, { model, lora, trainable: lora.parameters, learningRate: () => 1e-2, seed: 42 });
  for await (const { step, loss, gradNorm } of train(trainer, Array(steps).fill([batch]), { reportEvery: 1 }))
    onStep({ step, loss, gradNorm });

  const generator = new SequenceGenerator(device, model, { scratch: trainer.scratch });
  const asked = collate([examples[0]!], { ...shape, rows: 1 }, tokenizer.padId);
  const { sequences } = await generator.generate(asked, { maxNewTokens: LIMITS.maxTarget });
  const adapter = writeAdapter(await lora.read());
  generator.dispose();
  trainer.dispose();
  return { answer: tokenizer.decode([...sequences[0]!]), adapter };
}
