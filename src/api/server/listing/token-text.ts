/**
 * A page's token on its way through a header. Job ids may hold any character, a header may not: what a header cannot hold is written
 * as percent escapes, and so is the percent sign, so that what comes back is read as it was meant (F27).
 */
export function tokenText(token: string): string {
  return token.toWellFormed().replaceAll(/[^\x21-\x24\x26-\x7e]+/g, encodeURIComponent);
}

/** Of `?next_token`. Text that is no such escape is taken as it stands: people write ids there by hand. */
export function readTokenText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
