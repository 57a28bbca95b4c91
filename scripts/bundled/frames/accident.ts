/** A broke, lost or forgot something of B's; B forgives, wants it made good, or is angry. */
import { drawDay, drawPrice } from "../facts.js";
import { type Frame, pool } from "../stage.js";
import { open } from "../talk.js";

const DAMAGES = pool(
  [
    ["broke", "vase"],
    ["spilled coffee on", "sofa"],
    ["scratched", "car"],
    ["lost", "novel"],
    ["forgot", "birthday"],
    ["burned", "pizza"],
    ["dropped", "tablet"],
    ["shrank", "sweater"],
    ["dented", "bike"],
    ["deleted", "photos"],
    ["ate", "yoghurt"],
    ["cracked", "window"],
    ["overwatered", "orchid"],
    ["tore", "poster"],
    ["stained", "tablecloth"],
    ["missed", "concert"],
    ["lost", "earphones"],
    ["sold", "old records"],
  ],
  [
    ["ruined", "painting"],
    ["trod on", "glasses"],
    ["let out", "canary"],
    ["snapped", "fishing rod"],
    ["bleached", "curtain"],
  ],
);
const CAUSES = pool(
  [
    "<I> slipped on the stairs",
    "<I> <was> in a hurry",
    "the kids were playing",
    "<I> didn't look",
    "<my> hands were wet",
    "<I> fell asleep",
    "the dog jumped up",
    "<I> mixed up the dates",
    "it was dark",
    "<I> <was> on the phone",
    "<I> lost <my> balance",
    "someone pushed <me>",
  ],
  ["a wasp stung <me>", "<I> trusted the manual", "the wind slammed the door", "<I> sneezed"],
);
const TELL = pool(
  [
    "I have to tell you something. I {verb} your {thing}.",
    "I'm so sorry, {B}. I {verb} your {thing}.",
    "Please don't be angry, but I {verb} your {thing}.",
    "Something stupid happened: I {verb} your {thing}.",
  ],
  ["There is no easy way to say it: I {verb} your {thing}.", "You will hate me, I {verb} your {thing}."],
);
const HOW = pool(
  ["[Oh no|What]! How did that happen?", "[Really|Seriously]? How?", "When was that?"],
  ["Goodness! How on earth?", "You did what?"],
);
const BECAUSE = pool(
  ["It was on {day}. {cause}.", "On {day}, {cause}.", "{cause}. That was on {day}."],
  ["Last {day} it was, {cause}."],
);
const OFFER = pool(
  ["I'll {mend}.", "Let me {mend}.", "Of course I will {mend}."],
  ["I am going to {mend}, naturally.", "Allow me to {mend}."],
);
const MENDS = pool(
  [
    "buy a new one",
    "pay {price} for it",
    "have it repaired",
    "ask the insurance",
    "cook dinner as an apology",
    "give back {price}",
    "make it good next week",
    "clean the whole flat",
  ],
  ["replace it with a better one", "wash up for a month", "hand over {price}"],
);
const FORGIVE = pool(
  ["[Don't worry|It's okay], it was old anyway. You don't have to.", "[Never mind|Forget it], these things happen."],
  ["Bah, it is only a thing. Let it go."],
);
const ACCEPT = pool(
  ["[Okay|All right], that would be fair.", "Yes, please. I need it by {due}."],
  ["That is the least you can do."],
);
const ANGRY = pool(
  ["That's not enough. I'm really angry.", "It was a present from my {relative}! I can't believe it."],
  ["Words fail me. My {relative} gave me that!"],
);
const RELATIVES = pool(["grandmother", "best friend", "wife", "father", "teacher"], ["godfather", "late aunt"]);

export const accident: Frame = {
  name: "accident",
  isFormal: false,
  write(stage) {
    const [verb, thing] = stage.from(DAMAGES) as [string, string];
    stage.topic = thing;
    stage.facts({ price: drawPrice(stage.rng) });
    stage.facts({
      verb,
      thing,
      cause: stage.from(CAUSES),
      mend: stage.from(MENDS),
      day: drawDay(stage.rng),
      due: drawDay(stage.rng),
      relative: stage.from(RELATIVES),
    });
    if (stage.rng.chance(0.5)) open(stage);
    stage.a(TELL);
    stage.b(HOW);
    stage.a(BECAUSE);
    stage.more(OFFER);
    const head = "{A} tells {B} that {he} {verb} {B}'s {thing} on {day} because {cause}. {A} offers to {mend}";
    const outcome = stage.rng.below(3);
    if (outcome === 0) {
      stage.b(FORGIVE);
      return [`${head}, but {B} says it is not necessary.`];
    }
    stage.b(outcome === 1 ? ACCEPT : ANGRY);
    return [outcome === 1 ? `${head}, and {B} accepts.` : `${head}, but {B} is angry.`];
  },
};
