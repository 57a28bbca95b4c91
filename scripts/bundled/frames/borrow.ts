/** A wants to borrow something from B for a purpose; B lends it until a day, refuses, or sends A to somebody else. */
import { drawHideout, drawPhrase, drawThing, drawUse } from "../compose.js";
import { drawDay, drawLater } from "../facts.js";
import { drawFirstName } from "../people.js";
import { type Frame, pool, words } from "../stage.js";
import { closeGlad, closeSad, open } from "../talk.js";

const ASK = pool(
  [
    "[Could|Can] I borrow your {item}? It's for {purpose}.",
    "I need a {item} for {purpose}. Could you lend me yours?",
    "You have a {item}, right? May I use it for {purpose}?",
    "I don't have a {item}, and I need one for {purpose}. Would you lend me yours?",
  ],
  [
    "Might your {item} be free? I could do with it for {purpose}.",
    "Could your {item} live with me for a bit? It is meant for {purpose}.",
  ],
);
const YES = pool(
  [
    "[Sure|Of course], but I need it back by {day}.",
    "Yes, take it. Just return it by {day}.",
    "[No problem|All right]. Please bring it back by {day}.",
  ],
  ["Go on, as long as it is home by {day}.", "Help yourself, only mind that I need it by {day}."],
);
const PLACE = pool(["It's {place}.", "You will find it {place}."], ["Look {place}."]);
const NO = pool(
  ["[Sorry|I'm sorry], but {ground}.", "[I wish I could|I'd like to], but {ground}.", "That won't work, {ground}."],
  ["No can do, {ground}.", "It pains me to say no, but {ground}."],
);
const GROUNDS = pool(
  words(`it is broken, it is in {town}, <my> {relative} is using it, <my> {relative} broke it, <I> lent it to {someone}, <I> sold it to {someone}, it is {someone}'s, <I> <need/needs> it <myself>, it is
    too expensive to lend, <I> gave it to {someone}, a part is missing, <I> never <lend/lends> it, it is being repaired in {town}`),
  words("it got soaked in {town}, <I> pawned it, <my> {relative} keeps it, <I> promised it to {someone}"),
);
const OTHER = pool(["But {friend} has one. Ask {friend}.", "Maybe {friend} can help you."], ["Try {friend}, who owns two."]);
const ASKOTHER = pool(
  ["Good idea, I'll call {friend} {later}.", "Thanks, I will ask {friend} {later}."],
  ["Right, I'll knock at {friend}'s door {later}."],
);
const SWEAR = pool(["[I will|Promise]. Thank you!", "You'll get it back in time."], ["Cross my heart."]);

export const borrow: Frame = {
  name: "borrow",
  isFormal: false,
  write(stage) {
    const { name: item, noun } = drawThing(stage);
    const { A, B } = stage.people;
    stage.topic = noun;
    stage.facts({
      item,
      purpose: drawUse(stage).replace("my", "<my>"),
      day: drawDay(stage.rng),
      later: drawLater(stage),
      place: drawHideout(stage),
    });
    stage.fact("ground", drawPhrase(stage, GROUNDS), "B");
    stage.fact("friend", drawFirstName(stage.split, stage.rng, new Set([A.name, B.name])).name);
    open(stage);
    stage.a(ASK);
    const head = "{A} wants to borrow {B}'s {item} for {purpose}.";
    if (stage.rng.chance(0.5)) {
      stage.b(YES);
      stage.more(PLACE);
      stage.a(SWEAR);
      return [
        `${head} {B} agrees but needs it back by {day}.`,
        "{B} lends {A} the {item} for {purpose}. {A} has to return it by {day}.",
      ];
    }
    stage.b(NO);
    if (stage.rng.chance(0.6)) {
      stage.more(OTHER);
      stage.a(ASKOTHER);
      closeGlad(stage);
      return [`${head} {B} refuses because {ground}, so {A} will ask {friend} {later}.`];
    }
    closeSad(stage);
    return [`${head} {B} refuses because {ground}.`];
  },
};
