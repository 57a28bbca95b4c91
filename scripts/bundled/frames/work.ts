/** A needs a piece of work from B by a day; B delivers, asks for more time, or shares it with somebody. */
import { drawPhrase, drawReason } from "../compose.js";
import { drawDistinct, drawWhen } from "../facts.js";
import { drawFirstName } from "../people.js";
import { type Frame, pool, words } from "../stage.js";
import { closeGlad, open } from "../talk.js";

const TASKS = pool(
  words(`{brand} report, budget for {town}, slides for {someone}, list of guests, {brand} poster, {brand} contract, floor plan of {town}, press release, {noun} test, menu, plan for {town}, translation, speech for
    {someone}, {brand} website, stock list, {noun} invoice, survey in {town}, travel plan, job advert, safety check in {town}, letter to {someone}, {brand} presentation`),
  words("grant proposal for {town}, seating chart, {brand} leaflet, wage table, {noun} patent, file on {someone}"),
);
const AIMS = pool(
  words(`the client is in {town}, the board meets in {town}, {someone} is waiting for it, the bank needs it, {brand} is asking for it, the mayor of {town} wants to see it, the shop in {town} opens soon, {someone} can't
    start without it, {someone} is going on holiday, {brand} pays for it, the {noun} depends on it, {someone} promised it to {brand}`),
  words("the jury sits in {town}, {brand} insists on it, {someone} leaves for {town}"),
);
const GAPS = pool(
  words(`the figures from {town} are missing, {number} pages are missing, the pictures are too small, nobody checked the names, the prices of the {noun} have changed, the second half is a mess, {someone} has the
    file, the sums don't add up, {someone} is ill, {brand} never answered, the part about {town} is missing, the {noun} is out of stock`),
  words("the footnotes are gone, the map of {town} is upside down, {someone} must sign it, {brand} sent the wrong {noun}"),
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
    const task = drawPhrase(stage, TASKS);
    stage.topic = task;
    stage.facts({
      task,
      when: when!,
      new: fresh!,
      aim: drawPhrase(stage, AIMS),
      friend: drawFirstName(stage.split, stage.rng, new Set([A.name, B.name])).name,
    });
    stage.facts({ reason: drawReason(stage), gap: drawPhrase(stage, GAPS) }, "B");
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
