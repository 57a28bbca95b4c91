import type { Kernel } from "./kernel.js";

/**
 * A kernel from its text, for kernels outside this package: name, bindings, params and libraries are read off it as `npm run embed` does for
 * those inside (docs/adding-a-kernel.md has the rules).
 * @throws naming the kernel and the rule that its text breaks
 */
export function readKernel(name: string, code: string): Kernel {
  const fail = (why: string): never => {
    throw new Error(`kernel ${name}: ${why}`);
  };
  const bindings = [...code.matchAll(/^@group\(0\) @binding\((\d+)\) var<storage, (read|read_write)> (\w+): ([^;]+);/gm)].map(
    ([, index, access, binding, type], place) => {
      if (Number(index) !== place) fail(`storage bindings must be numbered 0, 1, ... in order; ${binding} has ${index}`);
      return { name: binding!, access: access as "read" | "read_write", type: type! };
    },
  );
  const uniform = /^@group\(0\) @binding\((\d+)\) var<uniform> params: Params;/m.exec(code);
  if (!uniform) return fail("expected `@group(0) @binding(N) var<uniform> params: Params;`");
  if (Number(uniform[1]) !== bindings.length) fail("params must take the binding after the storages");
  const struct = /struct Params \{([^}]*)\}/.exec(code);
  if (!struct) return fail("expected `struct Params { ... }`");
  const params = struct[1]!
    .replace(/\/\/[^\n]*/g, "")
    .split(",")
    .map((field) => field.trim())
    .filter(Boolean)
    .map((field) => {
      const [, param, type] = /^(\w+):\s*(u32|i32|f32)$/.exec(field) ?? fail(`param \`${field}\` is not a u32, i32 or f32`);
      return { name: param!, type: type as "u32" | "i32" | "f32" };
    });
  return { name, code, uses: [...code.matchAll(/^\/\/! use (\w+)$/gm)].map(([, use]) => use!), bindings, params };
}
