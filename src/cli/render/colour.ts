/** Colour, on a terminal only. */
export interface Palette {
  bold(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  red(text: string): string;
  blue(text: string): string;
  grey(text: string): string;
}

export function palette(coloured: boolean): Palette {
  const paint = (open: number, close: number) => (text: string) =>
    coloured && text !== "" ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    bold: paint(1, 22),
    green: paint(32, 39),
    yellow: paint(33, 39),
    red: paint(31, 39),
    blue: paint(36, 39),
    grey: paint(90, 39),
  };
}
