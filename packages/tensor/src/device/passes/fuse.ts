// The passes over a recorded program, in their order, and what each took.
import type { RecordedCall } from "../device.js";
import { removeDeadCalls } from "../lifetimes.js";
import type { Pass, PassContext } from "./access.js";
import { fuseChains } from "./chains.js";
import { fuseEpilogues } from "./epilogues.js";
import { fuseAddNorm, fuseNormResidual } from "./norms.js";
import { dropRepeats } from "./repeats.js";

export interface PassReport {
  readonly name: string;
  /** Calls that it saved. */
  readonly saved: number;
}

/**
 * An epilogue saves a product's way to memory and back, so matmuls choose first; then norms' backward, which would otherwise lose its
 * addition to a chain; an addition that stands alone in the end may join the norm after it.
 */
const FUSIONS: readonly { name: string; pass: Pass }[] = [
  { name: "repeated calls", pass: dropRepeats },
  { name: "matmul epilogues", pass: fuseEpilogues },
  { name: "gradients into norms", pass: fuseNormResidual },
  { name: "element-wise chains", pass: fuseChains },
  { name: "residuals into norms", pass: fuseAddNorm },
];

export function runPasses(
  recorded: readonly RecordedCall[],
  context: PassContext,
  fuse: boolean,
): { calls: RecordedCall[]; passes: PassReport[] } {
  const passes: PassReport[] = [];
  let calls = [...recorded];
  const run = (name: string, pass: Pass): void => {
    const after = pass(calls, context);
    passes.push({ name, saved: calls.length - after.length });
    calls = after;
  };
  const dead: Pass = (given, { outputs }) => removeDeadCalls(given, outputs);
  run("dead calls", dead);
  if (fuse) {
    for (const { name, pass } of FUSIONS) run(name, pass);
    run("dead calls again", dead);
  }
  return { calls, passes };
}
