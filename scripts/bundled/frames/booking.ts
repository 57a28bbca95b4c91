/** A books something for a number of people; there is room, room at another time, or none. */
import { drawPhrase } from "../compose.js";
import { drawDistinct, drawPrice, drawShop, drawWhen } from "../facts.js";
import { type Frame, pool, words } from "../stage.js";
import { closeGlad, closeSad, open } from "../talk.js";
import { NUMBERS } from "../words.js";

const ROOMS = pool(
  words(`table, double room, tour of {town}, tennis court, boat to {town}, cooking class, meeting room, taxi to {town}, sauna, flat in {town}, dance lesson, bus to {town}, wine tasting, family room,
    minibus, hall in {town}, private dinner, room in {town}, flight to {town}, garden party, cabin near {town}, stand at the {town} fair`),
  words("balloon flight, camping spot near {town}, climbing course, sleigh ride to {town}, rooftop terrace, ferry to {town}"),
);
const EXTRAS = pool(
  [
    "a {adjective} {noun}",
    "a {noun} from {town}",
    "a {noun} for {someone}",
    "help from {someone}",
    "a seat by the window",
    "a vegetarian menu",
    "a quiet corner",
    "a child seat",
    "a parking space",
    "space for a dog",
    "a birthday cake",
    "an extra bed",
    "a guide who speaks French",
    "a view of the lake",
    "a ramp for a wheelchair",
    "an early breakfast",
    "a late check-out",
    "a bottle of champagne",
  ],
  ["a heater", "a {adjective} {noun}", "a {noun} for {someone}", "a gluten-free meal", "a locker", "a microphone", "a crib"],
);
const ASK = pool(
  [
    "I'd like to book a {room} for {number} people on {when}.",
    "Do you have a {room} for {number} on {when}?",
    "Could I reserve a {room} on {when}? We are {number} people.",
    "We need a {room} for {number} people, on {when} if possible.",
  ],
  [
    "There will be {number} of us on {when}. Is a {room} to be had?",
    "Put us on the list for a {room} on {when}, please, {number} heads.",
  ],
);
const YES = pool(
  [
    "[Yes|Certainly], that is possible. It costs {price}. Any special wishes?",
    "We have one left for {price}. Do you need anything else?",
    "[Let me check|One moment]. Yes, it's free. The price is {price}. Any wishes?",
  ],
  ["You may have it for {price}. Something more?", "That can be done, {price} in total. Any needs we should know of?"],
);
const WISH = pool(
  ["[Yes|Please], we would like {extra}.", "Could we have {extra}?", "We need {extra}, please."],
  ["It would be lovely to get {extra}.", "Is there a way to have {extra}?"],
);
const WISHOK = pool(["[Of course|No problem]. I've noted that.", "Yes, we can do that."], ["That goes without saying."]);
const WISHNO = pool(
  ["I'm sorry, we can't offer that.", "[Unfortunately|Sadly] that's not possible."],
  ["That is beyond us, alas."],
);
const FULL = pool(
  ["[I'm sorry|Sorry], we are full then. {new} would be possible.", "There is nothing left, but {new} is free."],
  ["Sold out, alas. {new} has room, though."],
);
const TAKE = pool(["[Okay|Good], then {new}.", "{new} is fine. Please book it."], ["We will settle for {new}."]);
const LEAVE = pool(
  ["[No|Sorry], that doesn't work for us. We'll go somewhere else.", "Then I'll try another place."],
  ["In that case we look elsewhere."],
);
const NAME = pool(["I've booked it under {A}.", "It's booked in your name."], ["Consider it yours, {A}."]);

export const booking: Frame = {
  name: "booking",
  isFormal: true,
  write(stage) {
    const [when, fresh] = drawDistinct(2, () => drawWhen(stage.rng));
    const room = drawPhrase(stage, ROOMS);
    stage.topic = room;
    stage.facts({
      shop: drawShop(stage),
      room,
      when: when!,
      new: fresh!,
      number: stage.rng.pick(NUMBERS),
      price: drawPrice(stage.rng),
      extra: drawPhrase(stage, EXTRAS),
    });
    open(stage);
    stage.a(ASK);
    const head = "{A} [wants to book|asks {B} for] a {room} for {number} people on {when}.";
    if (stage.rng.chance(0.65)) {
      stage.b(YES);
      stage.a(WISH);
      const granted = stage.rng.chance(0.65);
      stage.b(granted ? WISHOK : WISHNO);
      closeGlad(stage);
      return [
        granted
          ? `${head} It costs {price}, and {B} can offer {extra}.`
          : `${head} It costs {price}, but {B} cannot offer {extra}.`,
      ];
    }
    stage.b(FULL);
    if (stage.rng.chance(0.6)) {
      stage.a(TAKE);
      stage.b(NAME);
      return [`${head} It is full, so {A} takes {new} instead.`];
    }
    stage.a(LEAVE);
    closeSad(stage);
    return [`${head} It is full, and {A} does not want {new}.`];
  },
};
