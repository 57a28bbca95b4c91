// Errors that a user can meet. The command line turns `exitClass` into an exit code (usage 2, data 3, storage 5,
// network 6, numerics 7) and prints `message` as one line: where, what was found, what was expected, what to do.

/** Which kind of fault an error is; the command line has one exit code for each. */
export type ExitClass = "usage" | "data" | "storage" | "network" | "numerics";

/** An Error that knows its exit class. Test by the property, not by a class, so that copies of a package still agree. */
export interface UserError extends Error {
  exitClass: ExitClass;
}

function userError(exitClass: ExitClass, message: string, cause?: unknown): UserError {
  return Object.assign(new Error(message, cause === undefined ? undefined : { cause }), { exitClass });
}

/** A wrong option, setting or combination of them. */
export const usageError = (message: string, cause?: unknown): UserError => userError("usage", message, cause);
/** A file whose content is not what it must be. */
export const dataError = (message: string, cause?: unknown): UserError => userError("data", message, cause);
/** A file that cannot be read or written. */
export const storageError = (message: string, cause?: unknown): UserError => userError("storage", message, cause);
/** Numbers that are not finite, where nothing can go on. */
export const numericsError = (message: string, cause?: unknown): UserError => userError("numerics", message, cause);
/** A server that cannot be reached or answers wrongly. */
export const networkError = (message: string, cause?: unknown): UserError => userError("network", message, cause);

/**
 * Text from outside (tensor names, rows, paths) made safe for one terminal line: control characters, DEL, C1, bidi
 * overrides and line separators become \xNN or \uNNNN, and at most `limit` code units are kept.
 */
export function printable(text: string, limit = 80): string {
  const cut = text.length > limit ? text.slice(0, limit) + "…" : text;
  return cut.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => "\\x" + hex(c, 2)).replace(UNSAFE, (c) => "\\u" + hex(c, 4));
}

// bidi marks and overrides, line and paragraph separators, lone surrogates: they can reorder or break the line
const UNSAFE =
  /[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, "0");
}

/** The candidate nearest to `word` (edit distance at most a third of its length, at least 2), for "did you mean". */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Levenshtein distance, two rows. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(row[j - 1]! + 1, previous[j]! + 1, previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    previous = row;
  }
  return previous[b.length]!;
}

/** The first `limit` of `items` on one line, and how many more there are. */
export function listSome(items: readonly string[], limit = 12): string {
  const shown = items.slice(0, limit).join(", ");
  return items.length > limit ? `${shown} and ${items.length - limit} more` : shown;
}
