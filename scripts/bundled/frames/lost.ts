/** A left something somewhere; B looks for it and has it, does not, or knows who took it. */
import { drawDay, drawShop, LATER } from "../facts.js";
import { type Frame, pool } from "../stage.js";
import { closeSad, open } from "../talk.js";

const THINGS = pool(
  [
    "umbrella",
    "wallet",
    "scarf",
    "phone",
    "laptop bag",
    "gloves",
    "sunglasses",
    "notebook",
    "ring",
    "hat",
    "house keys",
    "jacket",
    "violin",
    "teddy bear",
    "library book",
    "passport",
    "water bottle",
    "shopping bag",
  ],
  ["walking stick", "earring", "binoculars", "sketch pad", "rucksack", "skateboard"],
);
const COLOURS = pool(
  ["black", "red", "green", "blue", "brown", "grey", "white", "yellow", "striped", "small", "old", "leather"],
  ["purple", "silver", "spotted", "orange"],
);
const PLACES = pool(
  [
    "on the bus",
    "in the waiting room",
    "at the pool",
    "in the fitting room",
    "on the tram",
    "in the cinema",
    "at the bar",
    "in the gym",
    "at the front desk",
    "in the café",
    "in the lecture hall",
    "on platform four",
    "in the taxi",
    "at the playground",
  ],
  ["on the ferry", "in the chapel", "at the stadium", "in the tea room", "by the fountain"],
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
const MARKS = pool(
  [
    "my initials on it",
    "a sticker",
    "a broken zip",
    "a white stripe",
    "a silver chain",
    "a name tag",
    "a small hole",
    "a gold button",
    "a photo inside",
    "a wooden handle",
  ],
  ["a paint stain", "a feather", "a dented corner", "a ribbon"],
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
const OFFICES = pool(
  [
    "the police",
    "the lost property office",
    "the cleaning company",
    "the bus company",
    "the caretaker",
    "the next shift",
    "the ticket counter",
  ],
  ["the harbour master", "the night porter", "the town hall"],
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
    const thing = stage.from(THINGS);
    stage.topic = thing;
    stage.facts({
      shop: drawShop(stage),
      thing,
      day: drawDay(stage.rng),
      place: stage.from(PLACES),
      colour: stage.from(COLOURS),
      mark: stage.from(MARKS).replace("my", "<my>"),
      office: stage.from(OFFICES),
      later: stage.from(LATER),
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
