/**
 * The scenes of the bundled dialogues, as tables: what they are about, what is said, and how each outcome is summed up. Training and
 * held-out dialogues share no topic, reason or name; of the wordings, held-out ones have some that training does not contain.
 */
import { list, type Pool, pool } from "./pool.js";

export type Role = "A" | "B";
type Line = readonly [who: Role, text: Pool<string>];

export interface Scene {
  name: string;
  /** Slots to fill; the first is the topic. Days are drawn apart: {day}, {newDay}, {thirdDay}. */
  slots: Readonly<Record<string, Pool<string>>>;
  /** How A comes to the point: two steps, so that no single turn tells all. */
  request: readonly [Pool<string>, Pool<string>];
  outcomes: readonly { lines: readonly Line[]; summary: string }[];
}

const borrow: Scene = {
  name: "borrow",
  slots: {
    item: list(
      "ladder, car, camera, suitcase, drum, tent, laptop, toolbox, dictionary, racket, projector, van, drill, bicycle, piano, sofa, kettle, helmet, guitar, blender, grill, saw, sledge, canoe",
      "wheelbarrow, microphone, telescope, calculator, hammock, trumpet, lantern, scooter",
    ),
    purpose: list(
      "paint the kitchen, clean the windows, move to Berlin, film the wedding, fix the shower, play at the party, study for the test, camp in the forest, cook for the team, teach the kids, repair the roof, travel to Rome, record a song, train for the race, visit an uncle, decorate the hall",
      "haul some gravel, host a quiz, watch the comet, entertain the twins, explore the delta, polish the statue",
    ),
    ground: list(
      "it is broken, it is sold, it is too old, it is at work, it is on loan, it is being repaired, a part is missing, it is too expensive",
      "it got soaked, it is pawned, it lacks a screw, the mice ate it",
    ),
  },
  request: [
    pool(
      [
        "Could I borrow your {item}?",
        "Can you lend me your {item}?",
        "May I use your {item} for a while?",
        "I need to borrow your {item}.",
      ],
      ["Might your {item} be free?", "Would you part with your {item} for a bit?"],
    ),
    pool(["I want to {purpose}.", "I have to {purpose}.", "It is because I want to {purpose}."], ["I am meant to {purpose}."]),
  ],
  outcomes: [
    {
      lines: [
        [
          "B",
          pool(
            [
              "Sure, but I need it back by {day}.",
              "Yes, but please return it by {day}.",
              "No problem, just bring it back by {day}.",
            ],
            ["Go on, as long as it is home by {day}."],
          ),
        ],
        ["A", pool(["Of course, thank you!", "I promise. Thanks a lot!", "You will get it back in time."], ["Cross my heart."])],
      ],
      summary: "{A} wants to borrow {B}'s {item} to {purpose}. {B} agrees but needs it back by {day}.",
    },
    {
      lines: [
        [
          "B",
          pool(
            ["Sorry, that is not possible, because {ground}.", "I'm sorry, but {ground}.", "I wish I could, but {ground}."],
            ["No can do, {ground}."],
          ),
        ],
        ["A", pool(["What a pity.", "Okay, I understand.", "That's too bad."], ["A shame, but never mind."])],
      ],
      summary: "{A} wants to borrow {B}'s {item} to {purpose}. {B} refuses because {ground}.",
    },
  ],
};

const invite: Scene = {
  name: "invite",
  slots: {
    activity: list(
      "go to the zoo, watch a film, eat pizza, play chess, visit the museum, swim in the lake, see the match, go dancing, climb the tower, ride horses, pick apples, bake bread, go skating, hear the choir, walk by the river, try the new café, go bowling, sing karaoke, see the castle, go fishing",
      "hear the poets, fly kites, paddle to the island, taste cheese, join the puppet show, race go-karts",
    ),
    food: list(
      "a salad, some drinks, a cake, sandwiches, warm soup, fresh fruit, snacks, lemonade, cold water, cherry pie, olives, sausages",
      "a flask of tea, pancakes, grapes, gherkins, waffles",
    ),
    ground: list(
      "the train is late, the school is closed, the baby is ill, there is too much work, the car is broken, the boss said no, guests are coming, the exam is near, the house is being painted, the dentist is waiting",
      "the bridge is closed, the parrot escaped, the ferry is cancelled, the orchard needs pruning",
    ),
  },
  request: [
    pool(
      [
        "Shall we {activity}?",
        "Would you like to {activity} with me?",
        "How about this: we {activity}.",
        "Do you want to {activity}?",
      ],
      ["I am off to {activity}. Care to come?", "Fancy that we {activity}?"],
    ),
    pool(["I thought of {day}.", "It would be on {day}.", "Are you free on {day}?"], ["{day} suits me best."]),
  ],
  outcomes: [
    {
      lines: [
        [
          "B",
          pool(
            [
              "Yes, I'd love to. I will bring {food}.",
              "Great idea! I can bring {food}.",
              "Sure, count me in. I'll bring {food}.",
            ],
            ["Marvellous. Expect me with {food}."],
          ),
        ],
        ["A", pool(["Perfect, see you then!", "Wonderful. Bye!", "That sounds good."], ["Splendid."])],
      ],
      summary: "{A} invites {B} to {activity} on {day}. {B} accepts and will bring {food}.",
    },
    {
      lines: [
        [
          "B",
          pool(
            ["Sorry, I can't come, because {ground}.", "I'm afraid not. You see, {ground}.", "No, I can't, because {ground}."],
            ["Alas, no, as {ground}."],
          ),
        ],
        ["A", pool(["Oh, what a pity.", "Maybe another time.", "I see. Next time, then."], ["So be it."])],
      ],
      summary: "{A} invites {B} to {activity} on {day}. {B} declines because {ground}.",
    },
  ],
};

const reschedule: Scene = {
  name: "reschedule",
  slots: {
    appointment: list(
      "haircut, checkup, interview, driving lesson, piano lesson, meeting, massage, delivery, inspection, eye test, fitting, swimming course, repair, photo session, tasting, guided tour, language class, car wash, house viewing, blood test",
      "drain cleaning, tax advice, yoga trial, chimney sweep, hearing test, visa talk",
    ),
    reason: list(
      "the bus is on strike, the child is ill, a meeting came up, the car won't start, the boss is away, the roads are icy, a friend is visiting, the flight was moved, the power is out, there is a funeral, the keys are lost, the door is stuck",
      "the ferry is not running, the goat ran off, a pipe burst, the choir is rehearsing",
    ),
  },
  request: [
    pool(
      [
        "I have a {appointment} on {day}, but I need to change it.",
        "My {appointment} is on {day}. Can we move it?",
        "It is about my {appointment} on {day}. I must move it.",
      ],
      ["Would it be a bother to shift my {appointment} of {day}?"],
    ),
    pool(
      [
        "Could we take {newDay}? You see, {reason}.",
        "Is {newDay} free? I ask because {reason}.",
        "I'd prefer {newDay}, because {reason}.",
      ],
      ["{newDay} would suit, as {reason}."],
    ),
  ],
  outcomes: [
    {
      lines: [
        [
          "B",
          pool(
            ["Yes, {newDay} is fine.", "No problem, I have put you down for {newDay}.", "Let me check. Yes, {newDay} works."],
            ["Consider it done: {newDay}."],
          ),
        ],
        ["A", pool(["Thank you very much!", "That helps a lot.", "Great, thanks."], ["Much obliged."])],
      ],
      summary: "{A} asks {B} to move the {appointment} from {day} to {newDay} because {reason}. {B} agrees.",
    },
    {
      lines: [
        [
          "B",
          pool(
            [
              "Sorry, {newDay} is full. I can only offer {thirdDay}.",
              "That won't work, but {thirdDay} is free.",
              "We are closed on {newDay}. What about {thirdDay}?",
            ],
            ["We are shut on {newDay}. Might {thirdDay} do?"],
          ),
        ],
        [
          "A",
          pool(
            ["Okay, {thirdDay} is fine.", "All right, I'll take {thirdDay}.", "Then {thirdDay} it is."],
            ["Let it be {thirdDay}."],
          ),
        ],
      ],
      summary:
        "{A} asks {B} to move the {appointment} from {day} to {newDay} because {reason}. {B} can only offer {thirdDay}, and {A} accepts.",
    },
  ],
};

const complaint: Scene = {
  name: "complaint",
  slots: {
    thing: list(
      "toaster, lamp, jacket, printer, watch, sofa, phone, keyboard, mirror, kettle, bicycle, oven, fridge, backpack, radio, carpet, desk, heater, umbrella, camera, chair, mixer, coat, clock",
      "bonnet, sideboard, razor, waistcoat, accordion, fountain, binoculars, teapot",
    ),
    fault: list(
      "is broken, makes a strange noise, has a crack, does not start, smells bad, is too small, has the wrong colour, leaks, came without a plug, stopped after a day, has two scratches, burns everything",
      "is crooked, hums all night, lost its knob, is covered in rust",
    ),
    ground: list(
      "the box was open, the warranty has ended, it was used too much, it fell down, the receipt is lost, it was a special offer",
      "a stranger repaired it, it went through a flood, the seal is torn",
    ),
  },
  request: [
    pool(
      [
        "I'm not happy with my new {thing}.",
        "I bought a {thing} from you, and I have a problem.",
        "There is a problem with my {thing}.",
      ],
      ["I am cross about the {thing} that you sold me.", "It is my {thing}, I fear."],
    ),
    pool(
      ["It {fault}. I want my money back.", "It {fault}. Can I get a refund?", "It {fault}, so please pay me back."],
      ["It {fault}. Kindly return my money."],
    ),
  ],
  outcomes: [
    {
      lines: [
        [
          "B",
          pool(
            [
              "I'm sorry about that. You will have the money by {day}.",
              "Of course. We will pay you back by {day}.",
              "No problem, the refund will arrive by {day}.",
            ],
            ["Our fault. Look out for it by {day}."],
          ),
        ],
        ["A", pool(["Thank you for your help.", "Very good, thanks.", "That is all I wanted."], ["Most kind."])],
      ],
      summary: "{A} wants a refund from {B} because the {thing} {fault}. {B} agrees and will pay by {day}.",
    },
    {
      lines: [
        [
          "B",
          pool(
            [
              "Sorry, we can't do that, because {ground}.",
              "I'm afraid that is not possible: {ground}.",
              "No, we won't pay, because {ground}.",
            ],
            ["My hands are tied: {ground}."],
          ),
        ],
        [
          "A",
          pool(
            ["That is not fair.", "Then I won't buy here again.", "I am very disappointed."],
            ["I shall write to your director."],
          ),
        ],
      ],
      summary: "{A} wants a refund from {B} because the {thing} {fault}. {B} refuses because {ground}.",
    },
  ],
};

export const SCENES: readonly Scene[] = [borrow, invite, reschedule, complaint];

/** Small talk: long, and of no consequence. */
export const CHAT: Pool<string> = pool(
  [
    "The line is a little noisy today because they are repairing the road in front of our house.",
    "It has been raining here for a whole week now, and nothing will change very soon.",
    "I have just come back from lunch with my sister, who talks even more than I do.",
    "You would not believe how full the bus was this morning, people were standing everywhere.",
    "We have painted the flat over the weekend, and everything still smells of fresh paint.",
    "My neighbour has started to learn the violin, and he plays when everybody else sleeps.",
    "I did not sleep much last night, since the cat jumped on my bed every hour.",
    "The coffee machine in our office is out of order again, so nobody here is really awake.",
  ],
  [
    "Our lift is stuck between two floors once more, so I climbed all those stairs.",
    "There is a brass band marching past my window right now, so do not be surprised.",
    "My nephew taught me a card trick, and since then I have bored every visitor of ours.",
  ],
);
export const REPLY: Pool<string> = pool(
  [
    "Oh, it is just the same with us here.",
    "Ha, that sounds like quite a day.",
    "I can imagine that very well.",
    "Well, such is life.",
  ],
  ["My word, what a tale.", "Dear me, what luck."],
);
export const NOD: Pool<string> = pool(["I see.", "Go on.", "Okay.", "Yes?", "Right.", "And then?"], ["Do tell.", "I follow."]);
