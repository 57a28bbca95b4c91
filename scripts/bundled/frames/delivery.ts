/** An order has not come; B finds out where it is and why, and says when it will arrive. */
import { drawDay, drawDistinct, drawOrder, drawPrice, drawShop } from "../facts.js";
import { type Frame, pool } from "../stage.js";
import { closeGlad, closeSad, open } from "../talk.js";

const ITEMS = pool(
  [
    "garden table",
    "birthday cake",
    "winter coat",
    "bookshelf",
    "set of plates",
    "running shoes",
    "bed frame",
    "school books",
    "coffee beans",
    "carpet",
    "curtains",
    "bicycle",
    "flower pots",
    "computer screen",
    "wedding ring",
    "paint",
    "cat food",
    "wall mirror",
    "sewing machine",
    "board game",
  ],
  ["surfboard", "wheelchair", "bunk bed", "telescope", "rice cooker", "oak door"],
);
const PLACES = pool(
  [
    "the customs office",
    "the airport",
    "the warehouse",
    "a depot in Hamburg",
    "the post office",
    "the wrong town",
    "a depot in Leeds",
    "the harbour",
    "the sorting centre",
    "a depot in Lyon",
  ],
  ["the border", "a depot in Turin", "a van in the suburbs", "the rail yard"],
);
const CAUSES = pool(
  [
    "the address label is wrong",
    "a form is missing",
    "the driver was ill",
    "the road is flooded",
    "there was a strike",
    "the scanner failed",
    "it was damaged",
    "the house number was missing",
    "there is too much snow",
    "the truck broke down",
  ],
  ["the barcode is smudged", "a tree blocks the lane", "someone loaded it on the wrong cart", "nobody signed for it"],
);
const ASK = pool(
  [
    "I ordered {item}, and it should have come on {day}. Where is it?",
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
    const item = stage.from(ITEMS);
    stage.topic = item;
    stage.facts({
      shop: drawShop(stage),
      item,
      day: day!,
      new: fresh!,
      order: drawOrder(stage.rng),
      price: drawPrice(stage.rng),
      place: stage.from(PLACES),
      cause: stage.from(CAUSES),
    });
    open(stage);
    const ask = pool(ASK.seen.map(article), ASK.unseen.map(article));
    stage.a(ask);
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

    function article(line: string): string {
      const bare = /(shoes|books|beans|curtains|pots|paint|food)$/.test(item);
      return line
        .replace("ordered {item}", bare ? "ordered {item}" : "ordered a {item}")
        .replace("it should", bare && /s$/.test(item) ? "they should" : "it should")
        .replace("Where is it", bare && /s$/.test(item) ? "Where are they" : "Where is it");
    }
  },
};
