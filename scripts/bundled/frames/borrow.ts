/** A wants to borrow something from B for a purpose; B lends it until a day, refuses, or sends A to somebody else. */
import { drawDay, LATER } from "../facts.js";
import { drawFirstName } from "../people.js";
import { type Frame, pool } from "../stage.js";
import { closeGlad, closeSad, open } from "../talk.js";

interface Loan {
  item: string;
  purposes: readonly string[];
}

const LOANS = pool<Loan>(
  [
    { item: "ladder", purposes: ["paint the ceiling", "clean the gutters"] },
    { item: "car", purposes: ["drive to the airport", "move a sofa"] },
    { item: "camera", purposes: ["film the wedding", "take pictures of the house"] },
    { item: "suitcase", purposes: ["travel to Rome", "pack for the conference"] },
    { item: "drum kit", purposes: ["play at a party", "record a song"] },
    { item: "sleeping bag", purposes: ["go on a school trip", "camp in the garden"] },
    { item: "lawn mower", purposes: ["cut the grass", "tidy up the park"] },
    { item: "cake tin", purposes: ["bake for the fair", "make a birthday cake"] },
    { item: "laptop", purposes: ["give a talk", "write the final report"] },
    { item: "black suit", purposes: ["go to a funeral", "look good at an interview"] },
    { item: "toolbox", purposes: ["fix the shower", "hang up a shelf"] },
    { item: "dictionary", purposes: ["study for the test", "translate a letter"] },
    { item: "tennis racket", purposes: ["train for the match", "teach the kids"] },
    { item: "projector", purposes: ["show a film", "present the budget"] },
    { item: "van", purposes: ["carry the piano", "fetch some wood"] },
    { item: "baby seat", purposes: ["take the twins to town", "drive a niece home"] },
  ],
  [
    { item: "wheelbarrow", purposes: ["haul some gravel", "clear the yard"] },
    { item: "microphone", purposes: ["interview the mayor", "host a quiz"] },
    { item: "canoe", purposes: ["paddle to the island", "explore the delta"] },
    { item: "waffle iron", purposes: ["cook brunch for the team", "sell waffles at the bazaar"] },
    { item: "calculator", purposes: ["sit the maths exam", "check the invoices"] },
  ],
);
const ASK = pool(
  [
    "[Could|Can] I borrow your {item}? I [want|have] to {purpose}.",
    "I need a {item} to {purpose}. Could you lend me yours?",
    "You have a {item}, right? May I use it? I want to {purpose}.",
    "I'm trying to {purpose}, but I don't have a {item}. Would you lend me one?",
  ],
  ["Might your {item} be free? I am meant to {purpose}.", "Could your {item} live with me for a bit, so I can {purpose}?"],
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
const PLACES = pool(
  ["in the garage", "in the cellar", "behind the door", "under the stairs", "at my office", "in the hall", "on the top shelf"],
  ["in the attic", "beside the shed", "at my aunt's place"],
);
const NO = pool(
  ["[Sorry|I'm sorry], but {ground}.", "[I wish I could|I'd like to], but {ground}.", "That won't work, {ground}."],
  ["No can do, {ground}.", "It pains me to say no, but {ground}."],
);
const GROUNDS = pool(
  [
    "it is broken",
    "<I> <need/needs> it <myself>",
    "<I> sold it last month",
    "it is too expensive to lend",
    "<my> son is using it",
    "<I> gave it to a friend",
    "a part is missing",
    "<I> never <lend/lends> it",
    "it is being repaired",
  ],
  ["it got soaked in the flood", "<I> pawned it", "<my> uncle has it", "<I> promised it to the club"],
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
    const { item, purposes } = stage.from(LOANS);
    const { A, B } = stage.people;
    stage.topic = item;
    stage.facts({
      item,
      purpose: stage.rng.pick(purposes),
      day: drawDay(stage.rng),
      later: stage.from(LATER),
      place: stage.from(PLACES),
    });
    stage.fact("ground", stage.from(GROUNDS), "B");
    stage.fact("friend", drawFirstName(stage.split, stage.rng, new Set([A.name, B.name])).name);
    open(stage);
    stage.a(ASK);
    const head = "{A} wants to borrow {B}'s {item} to {purpose}.";
    if (stage.rng.chance(0.5)) {
      stage.b(YES);
      stage.more(PLACE);
      stage.a(SWEAR);
      return [
        `${head} {B} agrees but needs it back by {day}.`,
        "{B} lends {A} the {item} to {purpose}. {A} has to return it by {day}.",
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
