/**
 * The pace of talk: people chat before they come to the point, and tell it bit by bit while the other one nods. A frame writes what
 * matters; this spreads it over more turns, so that neither the opening nor the longest turn says what the dialogue is about.
 */
import { type Pool, pool } from "./pool.js";
import type { Rng } from "./prng.js";

export interface Turn<Who> {
  who: Who;
  text: string;
}

/** Long, and of no consequence. */
const CHAT: Pool<string> = pool(
  [
    "The line is a little noisy today because they are repairing the road in front of our house, so please speak up.",
    "It has been raining here for a whole week now, and the forecast says that nothing will change very soon.",
    "I have just come back from lunch with my sister, who talks even more than I do, so forgive me for being late.",
    "You would not believe how full the bus was this morning, people were standing on each other's feet all the way.",
    "We have painted the kitchen over the weekend, and everything in our flat still smells of fresh paint.",
    "My neighbour has started to learn the trumpet, and he likes to practise when everybody else wants to sleep.",
    "I did not sleep much last night, since the cat jumped on my bed every hour and wanted to play with me.",
    "The coffee machine in our office is out of order again, so nobody here is really awake at this time of day.",
    "What lovely weather we are having, the children have been out in the garden since the early morning.",
    "I saw a very funny film last night about two old men who try to steal a boat and fall asleep in it.",
  ],
  [
    "Our lift is stuck between two floors once more, so I climbed all those stairs and am still quite out of breath.",
    "The wind was so strong in the night that it carried half of our washing over to the garden next door.",
    "There is a brass band marching past my window right now, so do not be surprised if you hear drums.",
    "My nephew taught me a card trick on Sunday, and since then I have bored every visitor of ours with it.",
    "They have opened a bakery on our corner, and the smell of warm bread makes it really hard to concentrate.",
  ],
);
const CHAT_REPLY: Pool<string> = pool(
  ["Oh, it is just the same with us here.", "Ha, that sounds like quite a day.", "I can imagine that very well.", "Well, such is life."],
  ["My word, what a tale.", "Dear me, what luck."],
);
const NOD: Pool<string> = pool(["I see.", "Go on.", "Okay.", "Yes?", "Right.", "And then?"], ["Do tell.", "Yes, yes.", "I follow."]);

/** Small talk first (mostly), then one sentence at a time with nods between. */
export function paced<Who>(
  turns: readonly Turn<Who>[],
  roles: readonly [Who, Who],
  rng: Rng,
  from: <T>(pool: Pool<T>) => T,
): Turn<Who>[] {
  const other = (who: Who): Who => (who === roles[0] ? roles[1] : roles[0]);
  const out: Turn<Who>[] = [];
  const first = turns[0]!.who;
  if (rng.chance(0.9)) {
    out.push({ who: first, text: from(CHAT) }, { who: other(first), text: from(CHAT_REPLY) });
  }
  for (const { who, text } of turns) {
    const sentences = text.match(/[^.!?]+[.!?]+(?=\s|$)/g)?.map((sentence) => sentence.trim()) ?? [text];
    sentences.forEach((sentence, i) => {
      const last = out.at(-1);
      if (i > 0 && rng.chance(0.35)) out.push({ who: other(who), text: from(NOD) }, { who, text: sentence });
      else if (last?.who === who) last.text += ` ${sentence}`;
      else out.push({ who, text: sentence });
    });
  }
  return out;
}
