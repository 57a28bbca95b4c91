/** Writes the dialogues of a split: scenes take turns, so that every one has the same share; no dialogue occurs twice. */
import { expand, tidy } from "./grammar.js";
import { drawFirstName, type Split } from "./people.js";
import type { Pool } from "./pool.js";
import { makeRng, type Rng } from "./prng.js";
import { CHAT, NOD, REPLY, type Role, SCENES, type Scene } from "./scenes.js";

export interface Dialogue {
  dialogue: string;
  summary: string;
  topic: string;
}

const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/** Share of a held-out dialogue's lines that are worded as no training line is. */
const NEW_WORDINGS = 0.35;

export function makeDialogues(split: Split, count: number, seed: number): Dialogue[] {
  const rng = makeRng(seed);
  const out: Dialogue[] = [];
  const known = new Set<string>();
  while (out.length < count) {
    const made = write(SCENES[out.length % SCENES.length]!, split, rng);
    if (known.has(made.dialogue)) continue;
    known.add(made.dialogue);
    out.push(made);
  }
  return rng.shuffled(out);
}

function write(scene: Scene, split: Split, rng: Rng): Dialogue {
  const content = (items: Pool<string>): string => rng.pick(split === "train" ? items.seen : items.unseen);
  const wording = (items: Pool<string>): string =>
    rng.pick(split === "heldout" && rng.chance(NEW_WORDINGS) ? items.unseen : items.seen);

  const A = drawFirstName(split, rng, new Set());
  const B = drawFirstName(split, rng, new Set([A]));
  const [day, newDay, thirdDay] = rng.shuffled(WEEKDAYS) as [string, string, string];
  const slots: Record<string, string> = { A, B, day, newDay, thirdDay };
  for (const [name, items] of Object.entries(scene.slots)) slots[name] = content(items);
  const outcome = rng.pick(scene.outcomes);

  const turns: [Role, string][] = [];
  const say = (who: Role, items: Pool<string>): void => {
    turns.push([who, tidy(expand(wording(items), slots, rng))]);
  };
  say("A", CHAT); // people chat before they come to the point ...
  say("B", REPLY);
  say("A", scene.request[0]); // ... and come to it bit by bit
  say("B", NOD);
  say("A", scene.request[1]);
  for (const [who, items] of outcome.lines) say(who, items);
  const names = { A, B };
  return {
    dialogue: turns.map(([who, text]) => `${names[who]}: ${text}`).join("\n"),
    summary: tidy(expand(outcome.summary, slots, rng)),
    topic: Object.values(scene.slots)[0] ? (slots[Object.keys(scene.slots)[0]!] as string) : scene.name,
  };
}
