// The device's gradient of a function against central differences of the same function, computed by a given f64 twin or, where there
// is none, by the device itself.
import { generator, type Values } from "@attune/kernels-wgsl/testing";
import { backward } from "../autograd.js";
import { TensorError } from "../errors.js";
import { noGrad } from "../op.js";
import { mul } from "../ops/elementwise.js";
import { sum } from "../ops/reduce.js";
import { show } from "../shape.js";
import { type Tensor, tensor } from "../tensor.js";

export interface GradcheckOptions {
  /** The same function in double precision. Without it the device's own forward is differenced: a larger step, a looser bound. */
  reference?: (inputs: readonly Values[]) => Values;
  /** Of the central difference; 1e-5 in f64, 1e-2 on the device (f32 rounds values of size 1 to 6e-8, so slopes to 6e-6). */
  step?: number;
  /** Largest |analytic - numeric| / (1 + |numeric|); 1e-3, or 1e-2 on the device. */
  bound?: number;
  /** Of the random projection of the output and of the elements that are looked at. */
  seed?: number;
  /** Elements looked at in each input: all of a smaller one. */
  elements?: number;
}

export interface GradcheckReport {
  readonly worstError: number;
  /** Elements looked at. */
  readonly checked: number;
}

/**
 * Checks d sum(weights * fn(inputs)) / d inputs, weights random, for inputs that are parameters. Their gradients are overwritten, and
 * zero afterwards.
 * @throws TensorError naming the input, the worst index, the analytic and the numeric value
 */
export async function gradcheck(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  { reference, step = reference ? 1e-5 : 1e-2, bound = reference ? 1e-3 : 1e-2, seed = 1, elements = 48 }: GradcheckOptions = {},
): Promise<GradcheckReport> {
  const differentiable = inputs.filter((input) => input.grad);
  if (differentiable.length === 0) throw new TensorError("gradcheck: no input is a parameter. Make one with parameter(...).");
  const { device } = inputs[0]!;
  const random = generator(seed);
  const values = await Promise.all(
    inputs.map(async (input): Promise<Values> => ({ shape: input.shape, data: Float64Array.from(await input.toArray()) })),
  );
  for (const input of differentiable) input.grad!.write(new Float32Array(input.size));
  let weights = new Float32Array();
  device.scope(() => {
    const y = fn(...inputs);
    weights = Float32Array.from({ length: y.size }, () => random() * 2 - 1);
    backward(sum(mul(y, tensor(device, weights, y.shape))));
  }, "gradcheck");
  const project = (y: ArrayLike<number>): number => weights.reduce((total, w, i) => total + w * y[i]!, 0);

  const at = async (which: number, index: number, value: number): Promise<number> => {
    const data = values[which]!.data.slice();
    data[index] = value;
    if (reference) return project(reference(values.map((given, i) => (i === which ? { ...given, data } : given))).data);
    inputs[which]!.write(Float32Array.from(data));
    const y = device.scope(() => noGrad(() => fn(...inputs)), "gradcheck");
    const result = project(await y.toArray());
    y.dispose();
    return result;
  };

  let worst = { error: -1, message: "" };
  let checked = 0;
  for (const [which, input] of inputs.entries()) {
    if (!input.grad) continue;
    const analytic = await input.grad.toArray();
    const { data } = values[which]!;
    for (const index of chosen(input.size, elements, random)) {
      // the points that f32 can hold, so that the difference is over the step really taken
      const [ahead, behind] = [Math.fround(data[index]! + step), Math.fround(data[index]! - step)];
      const numeric = ((await at(which, index, ahead)) - (await at(which, index, behind))) / (ahead - behind);
      const difference = Math.abs(analytic[index]! - numeric) / (1 + Math.abs(numeric));
      const error = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
      checked++;
      if (error <= worst.error) continue;
      const message = `input ${which} ${show(input.shape)} at ${index}: analytic ${analytic[index]}, numeric ${numeric}`;
      worst = { error, message };
    }
    if (!reference) input.write(Float32Array.from(data));
    input.grad.write(new Float32Array(input.size));
  }
  if (!(worst.error <= bound)) {
    throw new TensorError(`gradcheck: ${worst.message}, error ${worst.error.toExponential(1)} > ${bound}`);
  }
  return { worstError: worst.error, checked };
}

function chosen(size: number, most: number, random: () => number): number[] {
  if (size <= most) return Array.from({ length: size }, (_, i) => i);
  return Array.from({ length: most }, () => Math.floor(random() * size));
}
