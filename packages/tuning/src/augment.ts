// Further versions of a row that mean the same: other speakers of a dialogue, other orders of listed options. All by seed, so that a run
// that resumes sees what the unbroken one saw.

import { mt19937, type Row, seedFor } from "@attune/models";

/** Names that fit any person, so that pronouns in a summary stay right whoever bears them. */
export const NEUTRAL_NAMES: readonly string[] = [
  ...["Alex", "Ariel", "Ash", "Avery", "Bailey", "Blake", "Cameron", "Casey", "Charlie", "Corey", "Dakota", "Dana"],
  ...["Devon", "Drew", "Elliot", "Emerson", "Finley", "Frankie", "Harper", "Hayden", "Jamie", "Jesse", "Jordan", "Kai"],
  ...["Kerry", "Kim", "Lee", "Logan", "Mackenzie", "Marley", "Morgan", "Noel", "Parker", "Quinn", "Reese", "Remy"],
  ...["Riley", "Robin", "Rory", "Rowan", "Sage", "Sam", "Sasha", "Shay", "Skyler", "Taylor", "Toby", "Val"],
];

const TAG = /^#[Pp][Ee]rson\d+#$/;
/** A turn: a name or a tag, a colon, and something said. */
const TURN = /^[ \t]*(#[A-Za-z]+\d+#|\p{Lu}[\p{L}\p{M}'.-]*(?: \p{Lu}[\p{L}\p{M}'.-]*){0,2}) ?:(?=\s|$)/u;

/** Who speaks in a dialogue, in the order of their first turn; [] where the text has no turns of at least two. */
export function speakersOf(dialogue: string): string[] {
  const names = new Set<string>();
  for (const line of dialogue.split("\n")) {
    const name = TURN.exec(line)?.[1];
    if (name !== undefined) names.add(name);
  }
  return names.size < 2 ? [] : [...names];
}

/**
 * The row with other speakers, alike in all of its texts (dialogue, summary, references): DialogSum's tags #Person1#, #Person2# ... change
 * places, names become others of NEUTRAL_NAMES that the row does not have. The row itself where nobody speaks in `field`.
 */
export function otherSpeakers(row: Row, field: string, seed: number): Row {
  const dialogue = row.fields[field];
  const speakers = typeof dialogue === "string" ? speakersOf(dialogue) : [];
  if (speakers.length === 0) return row;
  const random = mt19937(seed);
  const tags = speakers.filter((name) => TAG.test(name));
  const names = speakers.filter((name) => !TAG.test(name));
  const texts = JSON.stringify(row.fields);
  const free = NEUTRAL_NAMES.filter((name) => !texts.includes(name));
  if (names.length > free.length) return row;
  const renamed = new Map<string, string>();
  // any turn of the circle but none, so that a version is never the row itself
  const turn = tags.length > 1 ? 1 + random.below(tags.length - 1) : 0;
  for (const [i, tag] of tags.entries()) renamed.set(tag, tags[(i + turn) % tags.length]!);
  for (const name of names) renamed.set(name, free.splice(random.below(free.length), 1)[0]!);
  const longestFirst = [...renamed.keys()]
    .sort((a, b) => b.length - a.length)
    .map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const anyName = new RegExp(`(?<![\\p{L}\\p{N}_])(?:${longestFirst.join("|")})(?![\\p{L}\\p{N}_])`, "gu");
  // in one pass, or two names that change places would both become the same
  const changed = (value: unknown): unknown => {
    if (typeof value === "string") return value.replace(anyName, (name) => renamed.get(name)!);
    return Array.isArray(value) ? value.map(changed) : value;
  };
  const fields = Object.fromEntries(
    Object.entries(row.fields).map(([name, value]) => [name, name === "id" || name === "fname" ? value : changed(value)]),
  );
  return { ...row, fields };
}

const OPTIONS = /^(options:?[ \t]*\n)((?:- .*(?:\n|$)){2,})/gim;

/** The text with the options that it lists ("OPTIONS:" and lines that begin with "- ", as FLAN writes them) in another order. */
export function otherOrder(text: string, seed: number): string {
  const random = mt19937(seed);
  return text.replace(OPTIONS, (_, head: string, list: string) => {
    const end = list.endsWith("\n") ? "\n" : "";
    const items = list.trimEnd().split("\n");
    for (let i = items.length - 1; i > 0; i--) {
      const j = random.below(i + 1);
      [items[i], items[j]] = [items[j]!, items[i]!];
    }
    return `${head}${items.join("\n")}${end}`;
  });
}

/** The seed of a row's version; version 0 is the row as it is. */
export const versionSeed = (seed: number, version: number, row: number): number =>
  seedFor(seed, `version ${version} of row ${row}`);
