import assert from "node:assert/strict";
import test from "node:test";
import { format, inspect } from "node:util";
import { Concealed } from "#std";

test("concealed text is shown to nobody who does not ask for it", () => {
  const token = new Concealed("s3cret");
  const shown = [
    `${token}`,
    JSON.stringify({ token }),
    inspect({ token }),
    inspect(token, { showHidden: true }),
    format("%o %s %j", token, token, token),
  ];
  for (const each of shown) assert.doesNotMatch(each, /s3cret/);
  assert.match(shown[1] as string, /concealed/);
  assert.equal(token.reveal(), "s3cret");
});
