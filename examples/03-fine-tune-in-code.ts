// A tiny T5 made in code, tuned for a few seconds, and asked: everything that a recipe does, without files and without a tokenizer.
// The task: write the three tokens of the input in ascending order.
//   node scripts/with-driver.mjs tsx --conditions=@attune/source examples/03-fine-tune-in-code.ts
import {
  collate,
  freshT5,
  randperm,
  SequenceGenerator,
  T5,
  T5_DEFAULTS,
  type T5Config,
  type TokenizedExample,
} from "@attune/models";
import { openDevice } from "@attune/tensor/node";
import { scheduleFactor, Trainer, train } from "@attune/tuning";

const config: T5Config = {
  ...T5_DEFAULTS, // pad 0, end 1, T5 1.0: relu and a tied head
  vocabSize: 12,
  dModel: 32,
  dKv: 16,
  dFf: 64,
  numHeads: 2,
  numLayers: 1,
  numDecoderLayers: 1,
};
const STEPS = 200;
const example = (seed: number): TokenizedExample => {
  const numbers = [...randperm(8, seed)].slice(0, 3).map((n) => 4 + n); // three of the ids 4 to 11
  const sorted = [...numbers].sort((x, y) => x - y);
  return { id: `${seed}`, inputIds: [...numbers, 1], labels: [...sorted, 1], isSourceCut: false, isTargetCut: false };
};
const shape = { rows: 16, source: 8, target: 8 };

const device = await openDevice();
const { weights, trainable } = freshT5(device, config, 17);
const model = new T5(config, weights);
const schedule = { kind: "cosine", learningRate: 1e-2, warmupSteps: 20, totalSteps: STEPS } as const;
const trainer = new Trainer(device, {
  model,
  trainable: trainable!,
  adamW: { weightDecay: 0 },
  learningRate: (done) => schedule.learningRate * scheduleFactor(schedule, done),
  seed: 1,
});

/** The micro-batches of every update: here one. */
function* updates() {
  for (let step = 0; step < STEPS; step++) {
    yield [
      collate(
        Array.from({ length: shape.rows }, (_, row) => example(step * shape.rows + row)),
        shape,
        config.padTokenId,
      ),
    ];
  }
}

for await (const { step, loss, gradNorm } of train(trainer, updates(), { reportEvery: 50 }))
  console.log(`step ${step}  loss ${loss.toFixed(3)}  gradient norm ${gradNorm.toFixed(2)}`);

const generator = new SequenceGenerator(device, model, { scratch: trainer.scratch }); // programs share one scratch set
const asked = collate([example(99_999)], { rows: 1, source: 8, target: 8 }, config.padTokenId);
const { sequences } = await generator.generate(asked, { maxNewTokens: 8 });
console.log("input ", asked.inputIds.slice(0, 3).join(" "));
console.log("output", sequences[0]!.slice(1, 4).join(" ")); // without the start token
generator.dispose();
trainer.dispose();
trainer.scratch.dispose();
trainable!.dispose();
device.destroy();
