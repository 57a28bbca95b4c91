// The kernels that plans can name, as `attune kernels list` and `show` tell them.
import {
  type Kernel,
  type KernelCall,
  type MatmulLayout,
  type MatmulStorage,
  type PlannedVariant,
  planMatmul,
  plannedVariants,
  REPRESENTATIVE_DEVICES,
  type RepresentativeDevice,
} from "@attune/kernels-wgsl";
import { userError } from "../errors.js";

export interface KernelEntry {
  name: string;
  family: string;
  /** Whether the text is a .wgsl file or comes from a generator. */
  source: "file" | "generated";
  bindings: Kernel["bindings"];
  params: Kernel["params"];
  /** What each variant sets, and on which devices plans name it. */
  variants: { set: Readonly<Record<string, string>>; libraries: Readonly<Record<string, string>>; devices: readonly string[] }[];
}

/** Sorted by name; a generator's kernels each for themselves. */
export function kernelEntries(): KernelEntry[] {
  const entries = new Map<string, KernelEntry>();
  for (const { family, call, devices } of plannedVariants()) {
    const { kernel, variant, replaceUses = {} } = call;
    const source = kernel.name.includes("<") ? "generated" : "file";
    const known = entries.get(kernel.name);
    const entry = known ?? {
      name: kernel.name,
      family,
      source,
      bindings: kernel.bindings,
      params: kernel.params,
      variants: [],
    };
    entry.variants.push({ set: variant, libraries: replaceUses, devices });
    entries.set(kernel.name, { ...entry, family: kernel.name.split("/")[0]! });
  }
  return [...entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

export interface ShowOptions {
  device: RepresentativeDevice;
  dtype?: MatmulStorage;
  layout: MatmulLayout;
  /** m, k, n of a matmul. */
  shape: readonly [number, number, number];
  /** Right-hand sides to replace beyond what the plan sets. */
  set: Readonly<Record<string, string>>;
}

/** The call whose text is to be shown, and how many others have the same name. @throws (usage) with the names that are near */
export function callToShow(name: string, options: ShowOptions): { call: KernelCall; others: number } {
  if (name === "matmul") return { call: withSet(matmulCall(options), options.set), others: 0 };
  const all = plannedVariants();
  const named = all.filter(({ call }) => call.kernel.name === name || call.kernel.name.startsWith(`${name}<`));
  if (named.length === 0) {
    const last = name.split("/").at(-1)!;
    const near = [...new Set(all.map(({ call }) => call.kernel.name.replace(/<.*/, "")))].filter((one) => one.includes(last));
    throw userError(
      "usage",
      `no kernel is named ${name}${near.length > 0 ? `; near it: ${near.join(", ")}` : ""}. attune kernels list names all`,
    );
  }
  const fitting = named.filter((one) => one.devices.includes(options.device) && (!options.dtype || storesAs(one, options.dtype)));
  if (fitting.length === 0) {
    const stored = options.dtype ? ` with operands stored as ${options.dtype}` : "";
    throw userError("usage", `${name}: no plan for the device ${options.device} names it${stored}`);
  }
  return { call: withSet(fitting[0]!.call, options.set), others: fitting.length - 1 };
}

function matmulCall({ device, dtype = "f32", layout, shape: [m, k, n] }: ShowOptions): KernelCall {
  const sizes = {
    layout,
    m,
    n,
    k,
    a: { rowStride: layout === "tn" ? m : k },
    b: { rowStride: layout === "nt" ? k : n },
    c: { rowStride: n },
    aStorage: dtype,
    bStorage: dtype,
  };
  return planMatmul(sizes, REPRESENTATIVE_DEVICES[device]);
}

/** Operands that a variant reads: of a matmul what was asked for, else what its constants say. */
function storesAs({ call }: PlannedVariant, dtype: MatmulStorage): boolean {
  const code = { f32: "0u", bf16: "1u", f16: "2u" }[dtype];
  if (call.matmul) return (call.matmul.bStorage ?? "f32") === dtype;
  if ("STORAGE" in call.variant) return call.variant.STORAGE === code;
  return dtype === "f32";
}

function withSet(call: KernelCall, set: Readonly<Record<string, string>>): KernelCall {
  return { ...call, variant: { ...call.variant, ...set } };
}
