// LoRA's first values, bit for bit those of PEFT under torch.manual_seed(seed); get_peft_model(...), on CPU in f32.
// A is kaiming_uniform(a = sqrt 5), which is U(-1/sqrt(in), 1/sqrt(in)); B is zero, so training begins at the base model.

import { mt19937, type Random } from "../random.js";
import type { LoraInitialization } from "./adapterConfig.js";

/** A module to adapt, with the rank of its adapter. */
export interface RankedModule {
  path: string;
  inFeatures: number;
  outFeatures: number;
  rank: number;
}

/** One module's A, [rank, inFeatures] row-major, and B, [outFeatures, rank]; null: B is zeros. */
export interface InitialAdapter {
  path: string;
  a: Float32Array;
  b: Float32Array | null;
}

/**
 * First values for each module. Their order matters: it must be that of torch's named_modules (as linearModules gives). "default" and
 * "none" are torch's values; "gaussian" has PEFT's distribution, N(0, 1/rank), but not torch's draws.
 */
export function* initialAdapters(
  modules: readonly RankedModule[],
  seed: number,
  initialization: LoraInitialization = "default",
): Generator<InitialAdapter> {
  const random = mt19937(seed);
  for (const { path, inFeatures, outFeatures, rank } of modules) {
    if (initialization === "gaussian") {
      yield { path, a: Float32Array.from({ length: rank * inFeatures }, () => random.normal() / rank), b: null };
    } else if (initialization === "none") {
      // torch's Linear constructors are all that fills A and B
      yield { path, a: kaimingUniform(random, rank, inFeatures), b: kaimingUniform(random, outFeatures, rank) };
    } else {
      random.skip(rank * inFeatures + rank * outFeatures); // the constructors' draws, before PEFT resets A
      yield { path, a: kaimingUniform(random, rank, inFeatures), b: null };
    }
  }
}

/** torch.nn.init.kaiming_uniform_(a=sqrt(5)) of [rows, fanIn]: one draw of 24 bits a value, scaled with one rounding to f32. */
function kaimingUniform(random: Random, rows: number, fanIn: number): Float32Array {
  const gain = Math.sqrt(2 / (1 + Math.sqrt(5) ** 2));
  const bound = Math.sqrt(3) * (gain / Math.sqrt(fanIn));
  const range = Math.fround(2 * bound);
  const low = Math.fround(-bound);
  const values = new Float32Array(rows * fanIn);
  // a 24-bit times a 24-bit factor is exact in double, so storing rounds once, as torch's fused multiply-add
  for (let i = 0; i < values.length; i++) values[i] = random.uniform24() * range + low;
  return values;
}
