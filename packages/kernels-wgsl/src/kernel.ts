import { libraries } from "./generated/kernels.js";
import type { MatmulSizes } from "./matmul/sizes.js";

/** A compute kernel as plain data: complete WGSL text, and what its text declares. */
export interface Kernel {
  /** Family and file, e.g. "norm/rms"; generated kernels carry their variant too. */
  readonly name: string;
  readonly code: string;
  /** Names of library files (`//! use NAME`) whose functions are appended to the text. */
  readonly uses: readonly string[];
  /** Storage bindings 0, 1, ... of group 0, in order. Where nothing is bound to an optional one, the kernel does not look at it. */
  readonly bindings: readonly {
    readonly name: string;
    readonly access: "read" | "read_write";
    readonly type: string;
    readonly optional?: boolean;
  }[];
  /** Fields of the uniform struct Params, which takes the binding after the storages. */
  readonly params: readonly { readonly name: string; readonly type: "u32" | "i32" | "f32" }[];
}

/** One dispatch, decided but not run. Storages are bound by name by whoever runs it. */
export interface KernelCall {
  readonly kernel: Kernel;
  /** New right-hand sides for the kernel's `alias` and `const` lines. */
  readonly variant: Readonly<Record<string, string>>;
  /** Other libraries in place of those named by `//! use` (row_subgroup -> row_lane). */
  readonly replaceUses?: Readonly<Record<string, string>>;
  readonly params: Readonly<Record<string, number>>;
  readonly workgroups: readonly [number, number, number];
  /** Why this kernel, variant and size: for kernel lists and profiles. */
  readonly reason: string;
  /** Floating-point operations and bytes moved at least, for profiles and plans. */
  readonly flops: number;
  readonly bytes: number;
  /** Of a matmul: what was asked for, so that a pass can ask again with an epilogue. */
  readonly matmul?: MatmulSizes;
}

/**
 * The text of one variant: only right-hand sides of module-scope `alias` and `const` lines change, and libraries are appended,
 * so line numbers of the .wgsl file stay true (`enable` directives are put in front of line 1, on the same line).
 *
 * @throws if the kernel declares no such alias or const, or names no such library
 */
export function specialize(call: Pick<KernelCall, "kernel" | "variant" | "replaceUses">): string {
  const { kernel, variant, replaceUses = {} } = call;
  let code = kernel.code;
  for (const [name, value] of Object.entries(variant)) {
    const line = new RegExp(`^((?:alias|const) ${name}\\b[^=\\n]*= )[^;\\n]*;`, "m");
    if (!line.test(code)) throw new Error(`kernel ${kernel.name}: no \`alias ${name}\` or \`const ${name}\` to specialize`);
    code = code.replace(line, (_, head: string) => `${head}${value};`);
  }
  for (const use of kernel.uses) {
    const library = replaceUses[use] ?? use;
    const text = libraries[library];
    if (text === undefined) throw new Error(`kernel ${kernel.name}: no library ${library}`);
    code += text;
  }
  return /\bsubgroup[A-Z]\w*\(|\bsubgroup_/.test(stripComments(code)) ? `enable subgroups; ${code}` : code;
}

function stripComments(code: string): string {
  return code.replace(/\/\/[^\n]*/g, "");
}

/** Bytes of the uniform struct: 4 a field, rounded up to 16 as WGSL's uniform layout wants of a binding. */
export function paramBytes(kernel: Kernel): number {
  return Math.ceil((kernel.params.length * 4) / 16) * 16;
}

/** Writes the params of a call into a view of at least `paramBytes`, at a byte offset. @throws on a missing param */
export function writeParams(call: Pick<KernelCall, "kernel" | "params">, into: DataView, offset: number): void {
  call.kernel.params.forEach((field, place) => {
    const value = call.params[field.name];
    if (value === undefined) throw new Error(`kernel ${call.kernel.name}: param ${field.name} is missing`);
    const at = offset + place * 4;
    if (field.type === "f32") into.setFloat32(at, value, true);
    else if (field.type === "u32") {
      if (!(Number.isInteger(value) && value >= 0 && value < 2 ** 32)) {
        throw new Error(`kernel ${call.kernel.name}: param ${field.name} must be a u32, not ${value}`);
      }
      into.setUint32(at, value, true);
    } else into.setInt32(at, value, true);
  });
}
