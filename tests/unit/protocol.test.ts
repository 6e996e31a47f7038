import { readProof } from "../../components/providers/bootstrap";
import { readId } from "../../components/remote/protocol";

const uuid = "01234567-89ab-4cde-8f01-23456789abcd";

test.each([
  ["a step's line", "restarted as replica of 10.0.0.1:6389; took back hz [0123abcd]", "0123abcd"],
  ["an id alone", uuid, uuid],
  ["a greeting before it", `Welcome!\r\n# override 0123456789abcdef\n${uuid}\n`, uuid],
  ["an override before it", "monitor # override 0123456789abcdef [0123abcd]", "0123abcd"],
  ["words after it", `${uuid} # override 0123456789abcdef`, undefined],
  ["words before it", `# override 0123456789abcdef ${uuid}`, undefined],
  ["a line after it", `${uuid}\n# override 0123456789abcdef`, undefined],
  ["no id", "# override 0123456789abcdef", undefined],
  ["an id of other digits", "nothing owed [0123ABCD]", undefined],
  ["nothing", "", undefined],
])("of %s no more than an id goes on", (_, said, id) => {
  const read = () => readId("app-1-node-roll", said);
  if (id === undefined) expect(read).toThrow(/^app-1-node-roll: .*; expected an id/);
  else expect(read()).toBe(id);
});

test.each([
  ["its own", "app-1 empty", "empty"],
  ["its own below a greeting", "app-2 data\napp-1 empty\n", "empty"],
  ["another host's", "app-2 empty", undefined],
  ["another host's below its own", "app-1 empty\napp-2 empty", undefined],
  ["two in a line", "app-1 empty app-2 data", undefined],
  ["one with more words", "app-1 empty # plan 0123456789abcdef", undefined],
  ["one of a state that there is not", "app-1 leader", undefined],
  ["one whose name is a pattern", "....1 empty", undefined],
])("of the proofs that a host may send, %s", (_, said, state) => {
  const read = () => readProof(said, "app-1");
  if (state === undefined) expect(read).toThrow(/^app-1 says .*; expected "app-1 STATE"/);
  else expect(read()).toBe(state);
});

test("what is none ends the run with what was said and the way on", () => {
  expect(() => readId("app-1-sentinel-stop", "# override\n\x1b[2J!")).toThrow(
    /printed "\\u001b\[2J!" last; expected an id, .*pulumi up --replace '\*\*::app-1-sentinel-stop'$/,
  );
});

test("a claim is never replaced: the program is, and the claim follows", () => {
  for (const claim of ["app-1-node-install", "app-1-sentinel-claim"])
    expect(() => readId(claim, "")).toThrow(
      /pulumi up --replace '\*\*::app-1-check' --replace '\*\*::app-1-node-program'$/,
    );
});
