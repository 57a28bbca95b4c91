// From a place in a compiled text back to the .wgsl file that a person edits.
import { libraries } from "./generated/kernels.js";
import { type KernelCall, specialize } from "./kernel.js";

export interface SourcePlace {
  /** "norm/rms.wgsl", relative to this package's src; null for a generated text. */
  readonly file: string | null;
  /** From 1, as editors count. */
  readonly line: number;
  readonly column: number;
  /** The line itself. */
  readonly source: string;
}

/** Where line and column (from 1) of the specialised text of a call come from. Variants change right-hand sides, so columns behind one may be off. */
export function locateInSource(
  call: Pick<KernelCall, "kernel" | "variant" | "replaceUses">,
  line: number,
  column: number,
): SourcePlace {
  const { kernel } = call;
  const lines = specialize(call).split("\n");
  const source = lines[line - 1] ?? "";
  const own = kernel.code.split("\n").length - (kernel.code.endsWith("\n") ? 1 : 0);
  if (line > own) {
    for (const [name, text] of Object.entries(libraries)) {
      const at = text.split("\n").indexOf(source);
      if (at >= 0) return { file: `lib/${name}.wgsl`, line: at + 1, column, source };
    }
  }
  const directives = line === 1 ? source.length - source.replace(/^(?:enable \w+; )+/, "").length : 0;
  const file = kernel.name.includes("<") ? null : `${kernel.name}.wgsl`;
  return { file, line, column: Math.max(1, column - directives), source: source.slice(directives) };
}
