/**
 * A stage holds one dialogue while a frame writes it: two people, the facts of the scene, the turns so far.
 * A fact is kept twice: as its owner says it ("my car won't start") and as a summary tells it ("her car won't start").
 */
import { expand, tidy, voice } from "./grammar.js";
import { drawFirstName, drawSurname, type Person, type Split } from "./people.js";
import type { Rng } from "./prng.js";

export { type Pool, pool } from "./pool.js";
import { paced } from "./pace.js";
import type { Pool } from "./pool.js";

/** A list in one string, items parted by commas. */
export const words = (text: string): string[] => text.trim().replace(/\s+/g, " ").split(/ ?, ?/);

export interface Frame {
  name: string;
  /** Formal: A is a customer and B works there. */
  isFormal: boolean;
  /** Writes the turns and returns the summary's phrasings, of which the first is used; what it is about goes to stage.topic. */
  write(stage: Stage): readonly string[];
}

export interface Dialogue {
  dialogue: string;
  summary: string;
  topic: string;
}

export type Role = "A" | "B";

export class Stage {
  topic = "";
  readonly people: Readonly<Record<Role, Person>>;
  private readonly turns: { who: Role; text: string }[] = [];
  private readonly said: Record<string, string> = {};
  private readonly told: Record<string, string> = {};

  constructor(
    readonly rng: Rng,
    readonly split: Split,
    readonly isFormal: boolean,
  ) {
    // A customer is called by surname in two of three scenes; staff always give their first name.
    const B = drawFirstName(split, rng, new Set());
    const A = isFormal && rng.chance(0.67) ? drawSurname(split, rng) : drawFirstName(split, rng, new Set([B.name]));
    this.people = { A, B };
    this.said.A = A.address;
    this.said.B = B.address;
    this.told.A = A.name;
    this.told.B = B.name;
    this.told.He = A.gender === "she" ? "She" : "He";
    this.told.he = this.told.He.toLowerCase();
    this.told.his = A.gender === "she" ? "her" : "his";
    this.told.him = A.gender === "she" ? "her" : "him";
  }

  /** Of what the scene is about, held-out dialogues have only what training never names. */
  from<T>(items: Pool<T>): T {
    return this.rng.pick(this.split === "train" ? items.seen : items.unseen);
  }

  /** Of how people put it, they have about one line in three that training does not contain. */
  private wording<T>(items: Pool<T>): T {
    return this.rng.pick(this.split === "heldout" && this.rng.chance(0.35) ? items.unseen : items.seen);
  }

  /** Sets a fact; owner is whoever says it in the first person. */
  fact(name: string, template: string, owner: Role = "A"): void {
    const text = expand(template, this.said, this.rng);
    this.said[name] = voice(text, null);
    this.told[name] = voice(text, this.people[owner].gender);
  }

  facts(named: Readonly<Record<string, string>>, owner: Role = "A"): void {
    for (const [name, template] of Object.entries(named)) this.fact(name, template, owner);
  }

  a(lines: Pool<string> | string): void {
    this.say("A", lines);
  }

  b(lines: Pool<string> | string): void {
    this.say("B", lines);
  }

  /** Goes on in the speaker's own last turn. */
  more(lines: Pool<string> | string): void {
    const last = this.turns.at(-1)!;
    last.text += ` ${this.render(lines)}`;
  }

  private say(who: Role, lines: Pool<string> | string): void {
    const last = this.turns.at(-1);
    if (last?.who === who)
      this.more(lines); // nobody speaks twice in a row
    else this.turns.push({ who, text: this.render(lines) });
  }

  private render(lines: Pool<string> | string): string {
    return voice(expand(typeof lines === "string" ? lines : this.wording(lines), this.said, this.rng), null);
  }

  finish(summaries: readonly string[]): Dialogue {
    const turns = paced<Role>(this.turns, ["A", "B"], this.rng, (items) => this.wording(items));
    const dialogue = turns.map(({ who, text }) => `${this.people[who].name}: ${tidy(text)}`).join("\n");
    return { dialogue, summary: tidy(expand(summaries[0]!, this.told, this.rng)), topic: this.topic };
  }
}
