/**
 * The template language of the bundled dialogues, in three marks:
 *   [Sure|Of course]     one of these, chosen at random; may nest and may be empty on one side
 *   {item}               a slot, filled from the scene's facts
 *   <I> <my> <have/has>  the voice: left form when the person says it, right form when a summary tells it
 * Voice is what lets one fact ("<my> car won't start") stand in a turn as "my car won't start" and in the summary as "her car ...".
 */
import type { Rng } from "./prng.js";

export type Slots = Readonly<Record<string, string>>;
export type Gender = "she" | "he";

const PRONOUNS: Record<Gender, Record<string, string>> = {
  she: { I: "she", my: "her", me: "her", myself: "herself", am: "is", have: "has", was: "was", do: "does" },
  he: { I: "he", my: "his", me: "him", myself: "himself", am: "is", have: "has", was: "was", do: "does" },
};

/** Resolves voice marks: gender null = the person speaks for himself or herself, otherwise a narrator tells it. */
export function voice(text: string, teller: Gender | null): string {
  return text.replace(/<([^<>]+)>/g, (_, mark: string) => {
    const slash = mark.indexOf("/");
    if (slash >= 0) return teller === null ? mark.slice(0, slash) : mark.slice(slash + 1);
    if (teller === null) return mark;
    const word = PRONOUNS[teller][mark];
    if (word === undefined) throw new Error(`voice: unknown mark <${mark}> in "${text}"`);
    return word;
  });
}

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
