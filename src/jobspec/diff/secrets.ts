/**
 * Values a diff does not show, though it shows that they changed: a plan is read aloud, pasted and logged. They are told by what they are
 * called: env DB_PASSWORD, a docker config's auth[0].password, an artifact's Authorization header.
 */
const SECRET_NAME =
  /(?:^|[^a-z])(?:passwords?|passwd|pass|passphrase|secrets?|tokens?|(?:api|access|private|ssh|encryption|signing)[_-]?key|credentials?|authorization)(?:$|[^a-z])|[a-z][_-]pwd(?:$|[^a-z])/i;
/** DB_PASSWORD, db-password, dbPassword. */
const WORDS = /([a-z0-9])([A-Z])/g;

export const HIDDEN_VALUE = "(hidden)";

/** `scheme://user:password@host` */
const URL_PASSWORD = /(:\/\/[^\s:/?#@]*:)[^\s/?#@]+@/g;

/** The text without passwords of the addresses in it. */
export function withoutPasswords(text: string): string {
  return text.includes("://") ? text.replace(URL_PASSWORD, `$1${HIDDEN_VALUE}@`) : text;
}

export function namesSecret(name: string): boolean {
  return SECRET_NAME.test(name.replace(WORDS, "$1_$2"));
}
