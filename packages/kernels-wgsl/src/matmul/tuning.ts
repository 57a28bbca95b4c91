// Measured choice of a matmul variant: what is fastest on one device for one class of shapes. Pure: the caller times, this file says what
// to time, decides, and writes the table as text. The default and the deterministic mode use plan.ts's fixed rules and never a table,
// since two variants add in different orders.
import type { DeviceFacts } from "../facts.js";
import { fingerprintOf, shapeClass } from "./choice.js";
import { planMatmul } from "./plan.js";
import { MATMUL_VARIANTS, type MatmulChoice, type MatmulSizes, type MatmulVariant } from "./sizes.js";

/** A variant must be this much faster than the one the rules take: below it a choice would be noise. */
const MARGIN = 1.1;

/** Variants that can serve these sizes on this device, the one that the rules take first. Matrix units only where operands are f16. */
export function candidatesFor(sizes: MatmulSizes, facts: DeviceFacts): MatmulVariant[] {
  const usual = planMatmul(sizes, facts);
  const isHalf = sizes.aStorage === "f16" && sizes.bStorage === "f16";
  const possible = MATMUL_VARIANTS.filter((force) => {
    if (force === "matrix" && !isHalf) return false; // it would round f32 operands
    try {
      planMatmul({ ...sizes, force }, facts);
      return true;
    } catch {
      return false;
    }
  });
  const first = possible.filter((force) => usual.reason.startsWith(force));
  return [...first, ...possible.filter((force) => !first.includes(force))];
}

/** Milliseconds of some runs of each candidate, the usual one first. Compares the best of each: other work only ever adds time. */
export function chooseVariant(timed: readonly { variant: MatmulVariant; ms: readonly number[] }[]): MatmulVariant {
  const [usual, ...others] = timed.map(({ variant, ms }) => ({ variant, best: Math.min(...ms) }));
  if (!usual) throw new Error("chooseVariant: no variant was timed");
  for (const { variant, best } of [usual, ...others]) {
    if (!(best > 0 && Number.isFinite(best))) throw new Error(`chooseVariant: ${variant} was timed at ${best} ms`);
  }
  const fastest = others.reduce((a, b) => (b.best < a.best ? b : a), usual);
  return fastest.best * MARGIN < usual.best ? fastest.variant : usual.variant;
}

/** Milliseconds of one run of a matmul with a forced variant, on the device that the facts describe. */
export type MatmulTimer = (sizes: MatmulSizes & { force: MatmulVariant }) => Promise<number>;

/** Times every candidate for every shape, in turns so that a slow moment hits all of them, and keeps what differs from the rules. */
export async function tuneMatmul(
  shapes: readonly MatmulSizes[],
  facts: DeviceFacts,
  time: MatmulTimer,
  runs = 7,
): Promise<MatmulChoice> {
  const variants: Record<string, MatmulVariant> = {};
  for (const sizes of shapes) {
    const timed = candidatesFor(sizes, facts).map((variant) => ({ variant, ms: [] as number[] }));
    for (const { variant } of timed) await time({ ...sizes, force: variant }); // compiles
    for (let run = 0; run < runs; run++) {
      for (const { variant, ms } of timed) ms.push(await time({ ...sizes, force: variant }));
    }
    const best = chooseVariant(timed);
    if (best !== timed[0]!.variant) variants[shapeClass(sizes)] = best;
  }
  return { fingerprint: fingerprintOf(facts), variants };
}

const VERSION = 1;

export function writeChoice({ fingerprint, variants }: MatmulChoice): string {
  const sorted = Object.fromEntries(Object.entries(variants).sort(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify({ version: VERSION, fingerprint, variants: sorted }, null, 2)}\n`;
}

/** @throws on anything but what writeChoice writes, saying what is wrong */
export function readChoice(text: string): MatmulChoice {
  const fail = (why: string): never => {
    throw new Error(`matmul choices: ${why}. Delete the file and measure again.`);
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    fail(`no JSON: ${(error as Error).message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return fail("expected an object");
  const { version, fingerprint, variants, ...rest } = value as Record<string, unknown>;
  if (version !== VERSION) fail(`version ${String(version)}, expected ${VERSION}`);
  if (Object.keys(rest).length > 0) fail(`unknown keys ${Object.keys(rest).join(", ")}`);
  if (typeof fingerprint !== "string") return fail("fingerprint must be a string");
  if (typeof variants !== "object" || variants === null || Array.isArray(variants)) return fail("variants must be an object");
  const entries = Object.entries(variants as Record<string, unknown>).map(([key, variant]) => {
    if (!MATMUL_VARIANTS.includes(variant as MatmulVariant))
      fail(`${key}: ${String(variant)} is not one of ${MATMUL_VARIANTS.join(", ")}`);
    return [key, variant as MatmulVariant] as const;
  });
  return { fingerprint, variants: Object.fromEntries(entries) };
}
