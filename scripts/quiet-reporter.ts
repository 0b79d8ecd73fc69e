/** A node:test reporter that prints failures, a sign of life a minute, and node:test's closing summary. */
import { inspect } from "node:util";
import { relative } from "node:path";
import type { TestEvent } from "node:test/reporters";

// eslint-disable-next-line import/no-default-export -- node:test takes a reporter from the default export
export default async function* quiet(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const failures: string[] = [];
  let passed = 0;
  let lastSignMs = Date.now();
  for await (const event of source) {
    switch (event.type) {
      case "test:pass":
        passed += 1;
        break;
      case "test:fail": {
        const error = event.data.details.error;
        // A suite or file that failed only because something inside it did says nothing new.
        if ((error as { failureType?: string }).failureType === "subtestsFailed") break;
        const where = event.data.file === undefined ? "" : `${relative(process.cwd(), event.data.file)}:${event.data.line ?? 0}`;
        const cause = (error as { cause?: unknown }).cause ?? error;
        const text = `✖ ${event.data.name}\n  ${where}\n${indent(cause instanceof Error ? (cause.stack ?? cause.message) : inspect(cause))}\n`;
        failures.push(`✖ ${event.data.name}  (${where})`);
        yield text;
        break;
      }
      case "test:stderr":
        if (process.env["DROVER_TEST_VERBOSE"] === "1") yield event.data.message;
        break;
      case "test:diagnostic":
        if (event.data.nesting === 0 && /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /.test(event.data.message)) {
          yield `ℹ ${event.data.message}\n`;
        }
        break;
      default:
        break;
    }
    if (Date.now() - lastSignMs > 60_000) {
      lastSignMs = Date.now();
      yield `… ${passed} passed, ${failures.length} failed so far\n`;
    }
  }
  if (failures.length > 0) yield `\nfailed:\n${failures.join("\n")}\n`;
}

function indent(text: string): string {
  return text
    .split("\n")
    .map((line) => `    ${line}`)
    .join("\n");
}
