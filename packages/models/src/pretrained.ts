// Names in a file against the names a model expects: everything that is missing, unexpected or misshapen is reported at once.

import { dataError, listSome, nearest, printable } from "./errors.js";

/** A weight that a model expects. Linear weights are [out, in], as in torch. */
export interface WeightSpec {
  name: string;
  shape: readonly number[];
  kind: "linear" | "embedding" | "norm" | "bias";
}

export interface MatchOptions {
  /** The checkpoint's name for messages. */
  where?: string;
  /** Names the file may hold without being used. */
  ignored?: (name: string) => boolean;
  /** Refuse names that are not expected, too, rather than leave them aside: an adapter with such is of another base. */
  isStrict?: boolean;
}

/**
 * Checks that `found` holds every expected weight in its shape; returns a note on what else it holds. Throws one error (data) that lists
 * all missing, unexpected and misshapen tensors.
 */
export function matchCheckpoint(
  expected: readonly WeightSpec[],
  found: ReadonlyMap<string, { shape: readonly number[] }>,
  { where = "checkpoint", ignored = () => false, isStrict = false }: MatchOptions = {},
): string[] {
  const wanted = new Map(expected.map((weight) => [weight.name, weight.shape]));
  const unexpected = [...found.keys()].filter((name) => !wanted.has(name) && !ignored(name));
  const missing: string[] = [];
  const misshapen: string[] = [];
  for (const [name, shape] of wanted) {
    const entry = found.get(name);
    if (!entry) {
      const near = nearest(name, unexpected);
      missing.push(near ? `${name} (is it ${printable(near)}?)` : name);
    } else if (entry.shape.length !== shape.length || entry.shape.some((n, i) => n !== shape[i])) {
      misshapen.push(`${name} wants [${shape.join(", ")}], got [${entry.shape.join(", ")}]`);
    }
  }
  const others = listSome(unexpected.map((name) => printable(name)));
  if (missing.length + misshapen.length === 0 && !isStrict) {
    return unexpected.length ? [`${where}: ${unexpected.length} tensors are not of this model and left aside: ${others}`] : [];
  }
  const parts = [
    missing.length ? `${missing.length} missing: ${listSome(missing)}` : "",
    unexpected.length ? `${unexpected.length} unexpected: ${others}` : "",
    misshapen.length ? `${misshapen.length} misshapen: ${listSome(misshapen)}` : "",
  ].filter(Boolean);
  if (parts.length === 0) return [];
  const error = dataError(`${where}: does not fit the model of its config.json: ${parts.join("; ")}`);
  throw Object.assign(error, { missing, unexpected, misshapen });
}
