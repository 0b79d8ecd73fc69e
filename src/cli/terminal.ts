/** Where words go. Colour and moving pictures only on a terminal. */
import { palette, type Palette } from "./render/colour.ts";
import { fitPicture } from "./render/picture.ts";

export interface Terminal {
  /** A line (or several) to standard output. */
  print(text: string): void;
  /** As it is, no line end added. */
  write(data: string | Uint8Array): void;
  /** A line to standard error. */
  complain(text: string): void;
  /** A passing word ("waiting …") on a terminal's last line; "" wipes it. Nothing when standard error is no terminal. */
  progress(text: string): void;
  /** Lines that take the place of the last picture's, on a terminal; what is printed next comes below. Nothing when standard output is none. */
  picture(text: string): void;
  readonly colours: Palette;
  /** Standard output is a terminal. */
  readonly interactive: boolean;
  /** Asks a yes/no question; undefined when nobody is there to answer. */
  ask(question: string): Promise<string | undefined>;
  readInput(): Promise<string>;
  /** Standard input as it is, to its end. */
  readBytes(): Promise<Buffer>;
}

/** `interrupt`: Ctrl-C at a question, where it is a key and no signal. */
export function processTerminal(options: { readonly colour: boolean | undefined; readonly interrupt: AbortController }): Terminal {
  const interactive = process.stdout.isTTY;
  const watched = process.stderr.isTTY;
  const wipe = () => {
    if (watched) process.stderr.write("\r\u001b[K");
  };
  /** Of the last picture, when nothing has been printed since. */
  let pictureLines = 0;
  return {
    print: (text) => {
      wipe();
      pictureLines = 0;
      process.stdout.write(`${text}\n`);
    },
    write: (data) => {
      process.stdout.write(data);
    },
    picture(text) {
      if (!interactive) return;
      const lines = fitPicture(text, { columns: process.stdout.columns, rows: process.stdout.rows });
      const back = pictureLines === 0 ? "" : `\r\u001b[${pictureLines}A\u001b[J`;
      process.stdout.write(`${back}${lines.join("\n")}\n`);
      pictureLines = lines.length;
    },
    complain: (text) => {
      wipe();
      pictureLines = 0;
      process.stderr.write(`${text}\n`);
    },
    progress: (text) => {
      if (watched) process.stderr.write(`\r\u001b[K${text}`);
    },
    colours: palette(options.colour ?? interactive),
    interactive,
    async ask(question) {
      if (!process.stdin.isTTY) return undefined;
      const { createInterface } = await import("node:readline/promises");
      const { interrupt } = options;
      const line = createInterface({ input: process.stdin, output: process.stderr });
      line.on("SIGINT", () => interrupt.abort());
      try {
        return await line.question(question, { signal: interrupt.signal });
      } catch (error) {
        if (interrupt.signal.aborted) throw error;
        // Ctrl-D: whoever leaves does not say yes.
        process.stderr.write("\n");
        return "n";
      } finally {
        line.close();
      }
    },
    readInput: async () => (await readAll()).toString("utf8"),
    readBytes: readAll,
  };
}

async function readAll(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
