/** A needs a piece of work from B by a day; B delivers, asks for more time, or shares it with somebody. */
import { drawDistinct, drawWhen, HINDRANCES } from "../facts.js";
import { drawFirstName } from "../people.js";
import { type Frame, pool } from "../stage.js";
import { closeGlad, open } from "../talk.js";

const TASKS = pool(
  [
    "sales report",
    "budget",
    "slides for the board",
    "list of guests",
    "new poster",
    "contract",
    "floor plan",
    "press release",
    "test results",
    "menu",
    "training plan",
    "translation",
    "speech",
    "website text",
    "stock list",
    "invoice",
    "survey",
    "travel plan",
    "job advert",
    "safety check",
  ],
  ["grant proposal", "seating chart", "recipe leaflet", "wage table", "podcast script", "audit file"],
);
const AIMS = pool(
  [
    "the client is asking for it",
    "the board meets then",
    "the printer is waiting",
    "the bank needs it",
    "the auditors are coming",
    "the mayor wants to see it",
    "the shop opens soon",
    "the team can't start without it",
    "the deadline was moved",
    "the investors arrive early",
  ],
  ["the jury decides that day", "the embassy insists on it", "the crew sails then"],
);
const GAPS = pool(
  [
    "the figures are missing",
    "two pages are missing",
    "the pictures are too small",
    "nobody checked the names",
    "the prices have changed",
    "the second half is a mess",
    "the logo is out of date",
    "the sums don't add up",
  ],
  ["the footnotes are gone", "the map is upside down", "a signature is lacking"],
);
const ASK = pool(
  [
    "Can you finish the {task} by {when}? {aim}.",
    "I need the {task} on {when}, because {aim}.",
    "How is the {task} going? We need it by {when}, since {aim}.",
    "The {task} has to be ready on {when}. {aim}.",
  ],
  ["Could I have the {task} in my hands by {when}? {aim}.", "Hurry up with the {task}, please, {when} is the limit. {aim}."],
);
const PROBLEM = pool(
  ["[It's almost done|I'm working on it], but {gap}.", "There is a problem: {gap}.", "[Well|Honestly], {gap}."],
  ["Bad news, {gap}.", "It would be ready, were it not that {gap}."],
);
const HELP = pool(["{friend} can help you with that.", "Ask {friend} to help you."], ["Let {friend} lend you a hand."]);
const HELPOK = pool(
  ["[Good idea|Okay]. With {friend} I can make it by {when}.", "Then it will be ready on {when}."],
  ["Together with {friend} it is doable."],
);
const MORE = pool(
  ["Can I have until {new}? {reason}.", "I need more time, until {new}, because {reason}."],
  ["Would {new} be early enough? You see, {reason}."],
);
const GRANT = pool(["[All right|Okay], but not later than {new}.", "Fine, {new} then."], ["Granted, {new} and no hour longer."]);
const DENY = pool(
  ["[No|Sorry], it has to be {when}.", "That's too late. Please do it by {when}."],
  ["Out of the question, {when} stands."],
);
const OBEY = pool(["[Okay|All right], I'll stay longer tonight.", "Then I will do it at home."], ["I shall skip lunch, then."]);
const SURE = pool(
  ["[Sure|No problem], I'll send it [today|tomorrow].", "It's done already. I'll email it to you."],
  ["It is on your desk, in fact."],
);

export const work: Frame = {
  name: "work",
  isFormal: false,
  write(stage) {
    const [when, fresh] = drawDistinct(2, () => drawWhen(stage.rng));
    const { A, B } = stage.people;
    const task = stage.from(TASKS);
    stage.topic = task;
    stage.facts({
      task,
      when: when!,
      new: fresh!,
      aim: stage.from(AIMS),
      friend: drawFirstName(stage.split, stage.rng, new Set([A.name, B.name])).name,
    });
    stage.facts({ reason: stage.from(HINDRANCES), gap: stage.from(GAPS) }, "B");
    open(stage);
    stage.a(ASK);
    const head = "{A} [needs the {task} from {B}|asks {B} for the {task}] by {when} because {aim}.";
    const outcome = stage.rng.below(5);
    if (outcome === 0) {
      stage.b(SURE);
      closeGlad(stage);
      return [`${head} {B} agrees and will send it.`];
    }
    if (outcome <= 2) {
      stage.b(PROBLEM);
      stage.a(HELP);
      stage.b(HELPOK);
      return [`${head} {B} says that {gap}, so {friend} will help.`];
    }
    stage.b(MORE);
    if (outcome === 3) {
      stage.a(GRANT);
      return [`${head} {B} gets more time until {new} because {reason}.`];
    }
    stage.a(DENY);
    stage.b(OBEY);
    return [`${head} {B} wants more time because {reason}, but {A} refuses.`];
  },
};
