import type { Pointwise } from "./elementwise/pointwise.js";
import { libraries } from "./generated/kernels.js";
import type { MatmulSizes } from "./matmul/sizes.js";
import type { NormCall } from "./norm/plan.js";
import type { SplitAxis } from "./split/axes.js";

/** Texels of 16 bytes: four f32, or four u32 with two halves each. */
export type TexelFormat = "rgba32float" | "rgba32uint";

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
    /** Read as a texture of these texels (texture.ts), into which whoever runs the call copies the storage. */
    readonly texture?: TexelFormat;
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
  /** Texels to copy into each binding that is a texture. */
  readonly textures?: Readonly<Record<string, number>>;
  /** Those of them whose storage stays as it is from call to call: its texture may be kept and needs a copy only after a write. */
  readonly keeps?: readonly string[];
  /** Of a matmul: what was asked for, so that a pass can ask again with an epilogue. */
  readonly matmul?: MatmulSizes;
  /** Of an element-wise call: its formula and operands, so that a pass can put several into one kernel. */
  readonly pointwise?: Pointwise;
  /** Of a norm over rows: which one, so that a pass can ask for the one that adds as well. */
  readonly norm?: NormCall;
  /** Axes along which it may be cut where a storage is larger than a binding: the first that helps is taken. */
  readonly splits?: readonly SplitAxis[];
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
  const library = kernel.uses.map((use) => {
    const text = libraries[replaceUses[use] ?? use];
    if (text === undefined) throw new Error(`kernel ${kernel.name}: no library ${replaceUses[use] ?? use}`);
    return text;
  });
  code += usedParts(library.join(""), code); // all at once: one library may call another
  return /\bsubgroup[A-Z]\w*\(|\bsubgroup_/.test(stripComments(code)) ? `enable subgroups; ${code}` : code;
}

/** Of a library, the declarations that `code` names, and those that they name: nothing else is compiled, or mutated in tests. */
export function usedParts(library: string, code: string): string {
  const parts = new Map(
    library.split(/^(?=(?:fn|struct|const|alias|var)\b)/m).flatMap((part): [string, string][] => {
      const name = part.match(/^(?:fn|struct|const|alias|var(?:<\w+>)?) (\w+)/)?.[1];
      return name ? [[name, part]] : []; // what stands before the first one is the library's comment
    }),
  );
  const used = new Set<string>();
  const open = [stripComments(code)];
  for (let text = open.pop(); text !== undefined; text = open.pop()) {
    for (const [word] of text.matchAll(/\b[A-Za-z_]\w*/g)) {
      const part = parts.get(word);
      if (part === undefined || used.has(word)) continue;
      used.add(word);
      open.push(stripComments(part));
    }
  }
  return [...parts].map(([name, part]) => (used.has(name) ? part : "")).join("");
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
