// File patterns as cards of data sets have them ("data/train-*.parquet", "**/*.csv"). They come from strangers, so matching is linear in a
// segment's length: no regular expression is made of them.

/** Whether a path fits: "*" and "?" stay within a folder, "**" is any number of folders, "[0-9]" one character of a set. */
export function globMatches(pattern: string, path: string): boolean {
  return segmentsMatch(pattern.replace(/^\.\//, "").split("/"), path.split("/"));
}

function segmentsMatch(pattern: readonly string[], path: readonly string[]): boolean {
  // fits[j]: the pattern so far fits the first j segments of the path
  let fits = [true, ...path.map(() => false)];
  for (const segment of pattern) {
    const next = fits.map(() => false);
    if (segment === "**") {
      for (let j = 0; j < fits.length; j++) next[j] = fits[j]! || (j > 0 && next[j - 1]!);
    } else for (let j = 1; j < fits.length; j++) next[j] = fits[j - 1]! && segmentMatches(unitsOf(segment), path[j - 1]!);
    fits = next;
  }
  return fits.at(-1)!;
}

/** A segment as one test a character; "*" stays as it is. */
function unitsOf(segment: string): string[] {
  return segment.match(/\[[^\]]*\]|[\s\S]/g) ?? [];
}

/** Greedy: only the last star is ever taken back. */
function segmentMatches(units: readonly string[], text: string): boolean {
  let [u, t, star, mark] = [0, 0, -1, 0];
  while (t < text.length) {
    if (u < units.length && units[u] === "*") [star, mark, u] = [u, t, u + 1];
    else if (u < units.length && unitMatches(units[u]!, text[t]!)) [u, t] = [u + 1, t + 1];
    else if (star >= 0) [u, mark, t] = [star + 1, mark + 1, mark + 1];
    else return false;
  }
  while (units[u] === "*") u++;
  return u === units.length;
}

function unitMatches(unit: string, character: string): boolean {
  if (unit === "?") return true;
  if (unit.length < 3 || !unit.startsWith("[")) return unit === character;
  const isNegated = unit[1] === "!" || unit[1] === "^";
  const set = unit.slice(isNegated ? 2 : 1, -1);
  let isIn = false;
  for (let i = 0; i < set.length; i++) {
    if (set[i + 1] === "-" && i + 2 < set.length) {
      isIn ||= set[i]! <= character && character <= set[i + 2]!;
      i += 2;
    } else isIn ||= set[i] === character;
  }
  return isIn !== isNegated;
}
