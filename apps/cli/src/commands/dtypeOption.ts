import type { FrozenStorage } from "@attune/models";
import { InvalidArgumentError, Option } from "commander";

const LONG_NAMES: Readonly<Record<string, FrozenStorage>> = { float32: "f32", bfloat16: "bf16", float16: "f16" };
const TYPES: readonly FrozenStorage[] = ["f32", "bf16", "f16"];

/** --dtype of every command that has it, with torch's names, too. */
export function dtypeOption(what: string): Option {
  return new Option("--dtype <type>", what).argParser((text: string): FrozenStorage => {
    const found = TYPES.find((type) => type === (LONG_NAMES[text] ?? text));
    if (!found) throw new InvalidArgumentError(`expected f32, bf16 or f16`);
    return found;
  });
}
