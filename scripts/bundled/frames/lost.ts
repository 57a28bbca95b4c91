/** A left something somewhere; B looks for it and has it, does not, or knows who took it. */
import { drawOffice, drawPhrase, drawThing } from "../compose.js";
import { drawDay, drawLater, drawShop } from "../facts.js";
import { type Frame, pool, words } from "../stage.js";
import { closeSad, open } from "../talk.js";
import { ADJECTIVES } from "../words.js";

const PLACES = pool(
  words(`on the bus to {town}, in the waiting room, at the pool in {town}, in the fitting room, on the train to {town}, in the cinema, at the bar in {town}, in {someone}'s office, at the front desk, in the
    café in {town}, next to the {noun}, on platform four in {town}, in the taxi, at the playground in {town}, on a {noun}`),
  words(
    "on the ferry to {town}, in the chapel, at the stadium in {town}, in {someone}'s tea room, by the fountain, behind a {noun}",
  ),
);
const ASK = pool(
  [
    "I think I left my {thing} {place} on {day}. Has anyone found it?",
    "I lost my {thing} on {day}. It must have been {place}.",
    "Did somebody hand in a {thing}? I forgot it {place} on {day}.",
    "I'm looking for my {thing}. I had it {place} on {day}.",
  ],
  ["My {thing} went missing {place} on {day}. Any trace of it?", "On {day} I must have dropped my {thing} {place}."],
);
const LOOK = pool(
  ["What does it look like?", "Can you describe it?", "What colour is it?"],
  ["How would I recognise it?", "Any special marks?"],
);
const DESCRIBE = pool(
  ["It's {colour}, with {mark}.", "It is {colour} and has {mark}."],
  ["{colour}, and you can tell it by {mark}.", "Think of something {colour} with {mark}."],
);
const FOUND = pool(
  [
    "[Yes|Good news], we have it here. You can collect it {later}.",
    "[Let me look|One moment]. Yes, here it is. You can pick it up {later}.",
  ],
  ["It is lying in front of me. Drop by {later}.", "Somebody brought it in. It can be fetched {later}."],
);
const NOTFOUND = pool(
  ["[I'm sorry|Sorry], nothing like that was found. Please ask {office}.", "No, it isn't here. Maybe {office} can help you."],
  ["There is nothing of the kind. You might try {office}."],
);
const GOTHERE = pool(["[Great|Wonderful]! I'll come {later}.", "I'm so relieved. See you then."], ["What a weight off my mind."]);
const TRY = pool(
  ["[Okay|All right], I'll ask {office}.", "Then I will try {office}. Thanks."],
  ["I'd better speak to {office}."],
);
const POST = pool(["I live far away. Could you send it to me?", "Could you post it to my home?"], ["May I have it mailed?"]);
const POSTED = pool(
  ["[Sure|Yes], if you pay the postage.", "We can send it, but you pay for the stamp."],
  ["Only at your own cost, I fear."],
);

export const lost: Frame = {
  name: "lost property",
  isFormal: true,
  write(stage) {
    const { noun: thing, category } = drawThing(stage, ["clothing", "outdoor"]);
    stage.topic = thing;
    stage.facts({
      shop: drawShop(stage),
      thing,
      day: drawDay(stage.rng),
      place: drawPhrase(stage, PLACES),
      colour: stage.from(ADJECTIVES),
      mark: `a ${stage.from(ADJECTIVES)} ${stage.rng.pick(category.parts)}`,
      office: drawOffice(stage),
      later: drawLater(stage),
    });
    open(stage);
    stage.a(ASK);
    stage.b(LOOK);
    stage.a(DESCRIBE);
    const head = "{A} lost a {colour} {thing} with {mark} {place} on {day}.";
    if (stage.rng.chance(0.6)) {
      stage.b(FOUND);
      if (stage.rng.chance(0.35)) {
        stage.a(POST);
        stage.b(POSTED);
        return [`${head} {B} has it and will send it if {A} pays.`];
      }
      stage.a(GOTHERE);
      return [`${head} {B} has it, and {A} can collect it {later}.`];
    }
    stage.b(NOTFOUND);
    if (stage.rng.chance(0.6)) stage.a(TRY);
    else closeSad(stage);
    return [`${head} {B} does not have it and says to ask {office}.`];
  },
};
