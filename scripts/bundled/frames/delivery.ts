/** An order has not come; B finds out where it is and why, and says when it will arrive. */
import { drawPhrase, drawThing } from "../compose.js";
import { drawDay, drawDistinct, drawOrder, drawPrice, drawShop } from "../facts.js";
import { type Frame, pool } from "../stage.js";
import { closeGlad, closeSad, open } from "../talk.js";

const PLACES = pool(
  [
    "the customs office",
    "the airport",
    "the warehouse",
    "a depot in {town}",
    "the post office in {town}",
    "the harbour",
    "a shop in {town}",
    "the station in {town}",
    "{someone}'s house",
    "a garage in {town}",
  ],
  ["the border", "a barn in {town}", "the rail yard in {town}", "{someone}'s office"],
);
const CAUSES = pool(
  [
    "the address label is wrong",
    "a form is missing",
    "the driver was ill",
    "the road to {town} is flooded",
    "there was a strike in {town}",
    "it was damaged",
    "the house number was missing",
    "there is too much snow in {town}",
    "the truck broke down",
    "{someone} forgot it",
    "it was sent to {town}",
    "{someone} did not sign",
    "it was mixed up with a {noun}",
  ],
  ["the barcode is smudged", "a tree fell in {town}", "{someone} hid it behind a {noun}", "it was dropped in {town}"],
);
const ASK = pool(
  [
    "I ordered a {item}, and it should have come on {day}. Where is it?",
    "My {item} [still hasn't arrived|has not come yet]. It was due on {day}.",
    "I've been waiting for my {item} since {day}.",
    "You promised to deliver my {item} on {day}, but nothing came.",
  ],
  [
    "There is no sign of the {item} that was meant to be here on {day}.",
    "It is about my {item}. {day} has come and gone without it.",
  ],
);
const NUMBER = pool(
  ["[What is|Could you tell me] the order number?", "I need the order number, please."],
  ["Which number is on the invoice?", "And the reference, please?"],
);
const GIVE = pool(["[It's|That is] {order}.", "{order}."], ["I have {order} here.", "It reads {order}."]);
const FOUND = pool(
  [
    "[I see|Thank you]. It is stuck at {place} because {cause}.",
    "[Let me look|One moment]. Your order is at {place}, since {cause}.",
    "It seems that {cause}. The parcel is now at {place}.",
  ],
  ["Found it. It has not left {place}, as {cause}.", "The trail ends at {place}. Apparently {cause}."],
);
const WHEN = pool(
  ["When will I get it?", "[So when|And when] does it come?"],
  ["How long must I wait, then?", "What day can I count on?"],
);
const THEN = pool(
  ["It will be with you on {new}.", "We will deliver it on {new}.", "You will have it on {new}."],
  ["Expect it on {new}.", "{new}, and that is a promise."],
);
const GIFT = pool(
  ["And we will refund the shipping cost of {price}.", "As an apology you get a voucher of {price}."],
  ["For the trouble we take {price} off."],
);
const CANCEL = pool(
  ["That's too late. I want to cancel the order.", "I can't wait that long. Please cancel it."],
  ["Forget it, then. Call the order off."],
);
const CANCELLED = pool(
  ["[I understand|All right]. I've cancelled it, and you get {price} back.", "Done. We will pay back {price}."],
  ["As you wish. {price} goes back to your card."],
);

export const delivery: Frame = {
  name: "delivery",
  isFormal: true,
  write(stage) {
    const [day, fresh] = drawDistinct(2, () => drawDay(stage.rng));
    const item = drawThing(stage).name;
    stage.topic = item;
    stage.facts({
      shop: drawShop(stage),
      item,
      day: day!,
      new: fresh!,
      order: drawOrder(stage.rng),
      price: drawPrice(stage.rng),
      place: drawPhrase(stage, PLACES),
      cause: drawPhrase(stage, CAUSES),
    });
    open(stage);
    stage.a(ASK);
    const numbered = stage.rng.chance(0.5);
    if (numbered) {
      stage.b(NUMBER);
      stage.a(GIVE);
    }
    stage.b(FOUND);
    stage.a(WHEN);
    stage.b(THEN);
    const head =
      "[{A} is waiting for the {item}|{A} complains that the {item} did not come on {day}]. {B} finds that it is at {place} because {cause}";
    if (stage.rng.chance(0.25)) {
      stage.a(CANCEL);
      stage.b(CANCELLED);
      closeSad(stage);
      return [`${head}. {A} cancels the order and gets {price} back.`];
    }
    if (stage.rng.chance(0.5)) {
      stage.more(GIFT);
      closeGlad(stage);
      return [`${head}. It will come on {new}, and {A} gets {price}.`];
    }
    closeGlad(stage);
    return [`${head} and will come on {new}.`];
  },
};
