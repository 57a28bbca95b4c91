/** A's bill is wrong, or looks so; B corrects it, explains it, or has it looked into. */
import { AUTHORITIES, drawDistinct, drawPrice, drawShop, LATER } from "../facts.js";
import { type Frame, pool } from "../stage.js";
import { closeGlad, closeSad, open } from "../talk.js";

const SERVICES = pool(
  [
    "the internet bill",
    "the hotel bill",
    "the water bill",
    "the dentist bill",
    "the rent for May",
    "the parking fee",
    "the school lunch",
    "the phone bill",
    "the gym fee",
    "the repair of the car",
    "the train ticket",
    "the insurance",
    "the newspaper",
    "the concert tickets",
    "the power bill",
    "the rental car",
  ],
  ["the heating oil", "the vet's invoice", "the storage unit", "the language app", "the club dues"],
);
const MISTAKES = pool(
  [
    "it was charged twice",
    "the discount is missing",
    "the wrong rate was used",
    "a meal was added",
    "the dates are wrong",
    "somebody else's order is on it",
    "the old address was used",
    "a payment was not counted",
  ],
  ["a digit was mistyped", "the refund was left out", "two accounts were mixed up"],
);
const FEES = pool(
  [
    "the price went up in March",
    "a late fee was added",
    "the free month is over",
    "there is a tax on it",
    "an extra day was used",
    "the damage had to be paid",
    "insurance is included",
  ],
  ["the meter was read again", "a cleaning fee applies", "the winter rate has begun"],
);
const ASK = pool(
  [
    "I have a question about {service}. It says {high}, but it should be {low}.",
    "Why did you charge me {high} for {service}? Last time it was {low}.",
    "There must be a mistake in {service}. I paid {high} instead of {low}.",
    "I got {service}, and it's {high}. I expected {low}.",
  ],
  [
    "I nearly fell off my chair: {high} for {service}, when {low} was agreed.",
    "Can you explain {service}? {high} seems a lot next to {low}.",
  ],
);
const LOOK = pool(
  [
    "[Let me check|One moment, please]. What is your customer number?",
    "I'm looking at it now. Can you confirm your date of birth?",
  ],
  ["Bear with me. Your customer code?", "I will open the file. Which street do you live in?"],
);
const NUMBER = pool(["[It's|That's] {code}.", "Sure: {code}."], ["Here you go, {code}."]);
const WRONG = pool(
  [
    "[You're right|I see], {mistake}. We will pay back {diff} {later}.",
    "Oh, {mistake}. I'm sorry. You will get {diff} back {later}.",
  ],
  ["Our fault, {mistake}. {diff} will be returned {later}."],
);
const RIGHT = pool(
  ["The bill is correct, because {fee}.", "[Well|I'm afraid] it is right: {fee}."],
  ["There is no error, {fee}.", "All in order, I fear, as {fee}."],
);
const ACCEPT = pool(
  ["[Oh|I see], I didn't know that. Then I'll pay it.", "[Okay|All right], I will pay."],
  ["Fair enough, I will settle it."],
);
const PROTEST = pool(
  ["Nobody told me that! I won't pay.", "That's not fair. I'm going to complain to {boss}."],
  ["This is an outrage, {boss} will hear of it."],
);
const ASKBOSS = pool(
  ["I can't see why. I'll ask {boss} and call you {later}.", "That is strange. {boss} will look into it {later}."],
  ["It puzzles me too. I shall raise it with {boss} {later}."],
);

export const billing: Frame = {
  name: "billing",
  isFormal: true,
  write(stage) {
    const prices = drawDistinct(2, () => drawPrice(stage.rng)).map((text) => Number(text.slice(1)));
    const [high, low] = [Math.max(...prices), Math.min(...prices)];
    const service = stage.from(SERVICES);
    stage.topic = service.replace("the ", "");
    stage.facts({
      shop: drawShop(stage),
      service,
      high: `$${high}`,
      low: `$${low}`,
      diff: `$${high - low}`,
      code: String(1000 + stage.rng.below(9000)),
    });
    stage.facts(
      { mistake: stage.from(MISTAKES), fee: stage.from(FEES), boss: stage.from(AUTHORITIES), later: stage.from(LATER) },
      "B",
    );
    open(stage);
    stage.a(ASK);
    if (stage.rng.chance(0.4)) {
      stage.b(LOOK);
      stage.a(NUMBER);
    }
    const head = "{A} [complains|asks] about {service}, which is {high} instead of {low}.";
    const outcome = stage.rng.below(4);
    if (outcome <= 1) {
      stage.b(WRONG);
      closeGlad(stage);
      return [`${head} {B} sees that {mistake} and will pay back {diff} {later}.`];
    }
    if (outcome === 2) {
      stage.b(RIGHT);
      const accepts = stage.rng.chance(0.5);
      stage.a(accepts ? ACCEPT : PROTEST);
      return [`${head} {B} explains that {fee}. {A} ${accepts ? "will pay" : "is angry"}.`];
    }
    stage.b(ASKBOSS);
    closeSad(stage);
    return [`${head} {B} will ask {boss} {later}.`];
  },
};
