/** A's bill is wrong, or looks so; B corrects it, explains it, or has it looked into. */
import { drawOffice, drawPhrase } from "../compose.js";
import { drawDistinct, drawLater, drawPrice, drawShop } from "../facts.js";
import { type Frame, pool, words } from "../stage.js";
import { closeGlad, closeSad, open } from "../talk.js";

const SERVICES = pool(
  words(`the {brand} bill, the hotel in {town}, the water bill, the dentist bill, the rent for {town}, the parking fee in {town}, the school lunch, the phone bill, the gym fee, the {adjective} {noun},
    the train ticket to {town}, the {brand} insurance, the newspaper, the concert in {town}, the {brand} rental car, the repair of the {noun}, the {brand} subscription, the taxi to {town}, the flight to {town}`),
  words(
    "the {brand} invoice, the vet in {town}, the storage unit in {town}, the {adjective} {noun}, the ferry to {town}, the {brand} dues",
  ),
);
const MISTAKES = pool(
  words(`it was charged twice, the discount is missing, the wrong rate was used, a {noun} was added, the dates are wrong, {someone}'s order is on it, the old address in {town} was used, a payment was not counted,
    {someone} typed it wrong, the {noun} is on it twice, it was meant for {town}, {someone} forgot the discount`),
  words(
    "a digit was mistyped, the refund for the {noun} was left out, the accounts of {town} were mixed up, {someone} misread it",
  ),
);
const FEES = pool(
  words(`the price went up in {town}, a late fee was added, the {number} free months are over, there is a tax on it, {number} extra days were used, the {adjective} {noun} had to be paid, {brand} insurance is included,
    {someone} ordered a {noun} too, it includes the {noun}, the rate changed {number} weeks ago, {someone} signed for it`),
  words(
    "the meter was read again, a cleaning fee for the {noun} applies, {someone} chose the {adjective} {noun}, the rate in {town} differs",
  ),
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
    const service = drawPhrase(stage, SERVICES);
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
      { mistake: drawPhrase(stage, MISTAKES), fee: drawPhrase(stage, FEES), boss: drawOffice(stage), later: drawLater(stage) },
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
