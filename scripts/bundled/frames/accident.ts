/** A broke, lost or forgot something of B's; B forgives, wants it made good, or is angry. */
import { drawPhrase, drawThing } from "../compose.js";
import { drawDay } from "../facts.js";
import { type Frame, pool, words } from "../stage.js";
import { open } from "../talk.js";
import { RELATIVES } from "../words.js";

const VERBS = pool(
  words(
    "broke, scratched, lost, dropped, dented, sold, damaged, forgot, burned, cracked, gave away, stained, ruined, threw away",
  ),
  words("sat on, snapped, misplaced, trod on"),
);
const CAUSES = pool(
  words(`<I> slipped in {town}, <I> <was> in a hurry, the kids were playing, {someone} distracted <me>, <my> hands were wet, <I> fell asleep, {someone} pushed <me>, <I> mixed it up with a {noun}, it was dark in {town},
    <I> <was> on the phone with {someone}, <I> fell over the {noun}, <my> {relative} called <me>, the {noun} fell on it, <I> left it in {town}, <I> lent it to {someone}`),
  words(
    "a wasp stung <me> in {town}, <I> trusted {someone}, the wind threw the {noun} over, <I> thought it <was> {someone}'s",
  ).map((text) => text.replace("it <was>", "it was")),
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
    "buy a {noun} in {town}",
    "take it to {someone}",
    "have it repaired in {town}",
    "pay for it",
    "have it repaired",
    "ask the insurance",
    "cook dinner as an apology",
    "give a {adjective} {noun} instead",
    "make it good next week",
    "clean the whole flat",
  ],
  ["replace it with a better one", "wash up for a month", "bring a {noun} from {town}"],
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

export const accident: Frame = {
  name: "accident",
  isFormal: false,
  write(stage) {
    const verb = stage.from(VERBS);
    const { name: thing, noun } = drawThing(stage);
    stage.topic = noun;
    stage.facts({
      verb,
      thing,
      cause: drawPhrase(stage, CAUSES),
      mend: drawPhrase(stage, MENDS),
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
