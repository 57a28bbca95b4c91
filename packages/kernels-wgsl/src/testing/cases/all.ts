import type { DeviceFacts } from "../../facts.js";
import type { KernelCase } from "../kernelCase.js";
import { adafactorCases } from "./adafactor.js";
import { attentionCases } from "./attention.js";
import { attentionDecodeCases } from "./attentionDecode.js";
import { elementwiseCases } from "./elementwise.js";
import { fusedCases } from "./fused.js";
import { inspectCases } from "./inspect.js";
import { matmulCases } from "./matmul.js";
import { modelCases } from "./model.js";
import { optimizerCases } from "./optimizer.js";
import { rowCases } from "./rows.js";
import { wideCases } from "./wide.js";

/** The same case planned for a device without subgroups of a fixed size: one lane a row, or a tile. */
function alone({ name, plan, inputs, reference, ...rest }: KernelCase): KernelCase {
  const lone = (facts: DeviceFacts): DeviceFacts => ({ ...facts, subgroupSize: null });
  return {
    ...rest,
    name: `${name}, lanes alone`,
    plan: (dims, facts) => plan(dims, lone(facts)),
    inputs: (dims, facts) => inputs(dims, lone(facts)),
    reference: (values, dims, state, facts) => reference(values, dims, state, lone(facts)),
  };
}
const SHARED =
  /^(softmax|norm\/(rms|layer|add)|crossEntropy\/(rows|in_place)|reduce\/(rows|sum)|generate\/(argmax|top_k)|optimizer\/(decide|adafactor_totals)|attention\/(forward|queries|keys|rows|decode))/;

const asPlanned: readonly KernelCase[] = [
  ...elementwiseCases,
  ...fusedCases,
  ...rowCases,
  ...modelCases,
  ...optimizerCases,
  ...adafactorCases,
  ...matmulCases,
  ...attentionCases,
  ...attentionDecodeCases,
  ...inspectCases,
];

/** Every kernel of this package, as the harness tests it. */
export const kernelCases: readonly KernelCase[] = [
  ...asPlanned,
  ...wideCases(asPlanned),
  ...asPlanned.filter(({ name }) => SHARED.test(name)).map(alone),
];
