/** A is away and asks B to look after something; B does it, does part of it, or cannot. */
import { drawHideout, drawPhrase, drawReason } from "../compose.js";
import { drawDay, drawDistinct } from "../facts.js";
import { type Frame, pool, words } from "../stage.js";
import { closeGlad, closeSad, open } from "../talk.js";

const CHORES = pool(
  words(`water the plants, feed the cat, walk the dog, empty the mailbox, pick up {someone}, take out the bins, let the plumber in, watch the shop, cover the night shift, collect a {noun},
    feed the rabbits, drive {someone} to {town}, clean the pool, answer the phone, look after the baby, lock the office, train {someone}, mow the lawn, call {someone},
    help {someone}, open the shop in {town}, cook for {someone}, paint the {noun}, return the {noun}`),
  words(
    "feed the parrot, ventilate the greenhouse, milk the goats, accompany {someone} to {town}, polish the {noun}, read to {someone}, tend the beehive",
  ),
);
const TRIPS = pool(
  words(`<I> <am> flying to {town}, <I> <have> a course in {town}, <I> <am> going skiing, <I> <have> to visit {someone} in {town}, <I> <am> at a wedding in {town}, <I> <have> surgery, <I> <am> with
    {someone} in {town}, <I> <have> a trade fair in {town}, <I> <am> running in {town}, <I> <am> away with {someone}, <my> flat in {town} is flooded`),
  words(
    "<I> <am> sailing to {town}, <I> <have> a hearing in {town}, <I> <am> off to {town} with {someone}, <I> <have> to judge a contest",
  ),
);
const ASK = pool(
  [
    "Could you {chore} from {from} to {to}? {trip}.",
    "[Listen|You know], {trip}. Can you {chore} from {from} to {to}?",
    "I need someone to {chore} between {from} and {to}, because {trip}.",
    "{trip}, so I'm looking for help. Would you {chore} from {from} to {to}?",
  ],
  [
    "May I count on you from {from} until {to}? {trip}, and somebody must {chore}.",
    "{trip}. It would save me if you were to {chore} from {from} until {to}.",
  ],
);
const YES = pool(
  ["[Sure|Of course], I'd be happy to. Where is the key?", "[No problem|Yes, I can do that]. How do I get in?"],
  ["You can rely on me. And the key?", "Leave it to me. How will I enter?"],
);
const KEY = pool(
  ["The key is {spot}.", "I'll leave the key {spot}.", "You can get the key {spot}."],
  ["You will see it {spot}.", "Reach {spot}, it hangs there."],
);
const WISHES = pool(
  [
    "a bottle of wine",
    "a {noun}",
    "a {noun} from {town}",
    "some chocolate",
    "a postcard",
    "a dinner",
    "a nice souvenir",
    "a jar of honey",
  ],
  ["a box of dates", "a {noun} from {town}", "a poster", "a round of coffee"],
);
const REWARD = pool(
  ["[Thanks|Thank you]! I'll bring you {gift}.", "You're the best. I owe you {gift}."],
  ["You will get {gift} for it."],
);
const PART = pool(
  ["I can only start on {mid}, because {reason}.", "From {mid} I can, but not before, because {reason}."],
  ["Not until {mid}, as {reason}."],
);
const PARTOK = pool(
  ["[Okay|Fine], I'll ask {other} for the first days.", "That's fine. {other} can do it until then."],
  ["Then {other} shall fill the gap."],
);
const NO = pool(
  ["[I'm sorry|Sorry], I can't, because {reason}.", "Not this time, I'm afraid. {reason}."],
  ["I must let you down, as {reason}."],
);
const OTHERS = pool(["<my> {relative}", "{someone}", "{someone} from {town}"], ["the gardener", "<my> {relative}", "{someone}"]);

export const favour: Frame = {
  name: "favour",
  isFormal: false,
  write(stage) {
    const [from, mid, to] = drawDistinct(3, () => drawDay(stage.rng));
    const chore = drawPhrase(stage, CHORES);
    stage.topic = chore;
    stage.facts({
      chore,
      trip: drawPhrase(stage, TRIPS),
      from: from!,
      mid: mid!,
      to: to!,
      spot: drawHideout(stage),
      gift: drawPhrase(stage, WISHES),
    });
    stage.fact("other", drawPhrase(stage, OTHERS));
    stage.fact("reason", drawReason(stage), "B");
    open(stage);
    stage.a(ASK);
    const head = "{A} asks {B} to {chore} from {from} to {to} because {trip}.";
    const outcome = stage.rng.below(5);
    if (outcome <= 2) {
      stage.b(YES);
      stage.a(KEY);
      if (stage.rng.chance(0.5)) {
        stage.more(REWARD);
        return [`${head} {B} agrees, and {A} will bring {gift}. The key is {spot}.`];
      }
      closeGlad(stage);
      return [`${head} {B} agrees. The key is {spot}.`];
    }
    if (outcome === 3) {
      stage.b(PART);
      stage.a(PARTOK);
      return [`${head} {B} can only start on {mid} because {reason}, so {A} will ask {other} for help.`];
    }
    stage.b(NO);
    closeSad(stage);
    return [`${head} {B} refuses because {reason}.`];
  },
};
