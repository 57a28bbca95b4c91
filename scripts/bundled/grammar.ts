/**
 * The template language of the bundled texts, in two marks:
 *   [Sure|Of course]     one of these, chosen at random; may nest and may be empty on one side
 *   {item}               a slot, filled from the scene's facts
 */
import type { Rng } from "./prng.js";

export type Slots = Readonly<Record<string, string>>;
/** Chooses among [a|b] (innermost first), then fills {slots}; slots may hold templates themselves. */
export function expand(template: string, slots: Slots, rng: Rng): string {
  let text = template;
  for (let depth = 0; depth < 8; depth++) {
    const before = text;
    text = text.replace(/\[([^[\]]*)\]/g, (_, body: string) => rng.pick(body.split("|")));
    text = text.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = slots[name];
      if (value === undefined) throw new Error(`expand: no slot {${name}} for "${template}"`);
      return value;
    });
    if (text === before) return text;
  }
  throw new Error(`expand: "${template}" nests too deeply`);
}

/** Sentence case, one space, "a" before a vowel sound becomes "an". */
export function tidy(text: string): string {
  return text
    .replace(/\s+/g, " ")
    .replace(/ ([.,!?])/g, "$1")
    .replace(/\b([Aa]) (?=[aeioAEIO]|u(?!s|ni)|hour|8\b|11\b|18\b)(?!one\b)/g, "$1n ")
    .replace(/(^|[.!?] )([a-z])/g, (_, lead: string, letter: string) => lead + letter.toUpperCase())
    .trim();
}
