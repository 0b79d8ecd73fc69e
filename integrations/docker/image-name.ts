/** How an image is written. Pure. "https://" before it is left out, as job files have it. */

export interface ImageName {
  /** As docker takes it, with its tag or digest. */
  readonly whole: string;
  /** Without tag and digest. */
  readonly repository: string;
  /** "" with a digest. */
  readonly tag: string;
  /** Where it comes from: "docker.io" where nothing is written. */
  readonly registry: string;
  /** Named by its content: "sha256:…", or an id. */
  readonly fixed: boolean;
}

export function readImageName(written: string): ImageName {
  const text = written.trim().replace(/^https?:\/\//, "");
  if (/^sha256:[0-9a-f]{6,}$/.test(text)) return { whole: text, repository: text, tag: "", registry: "", fixed: true };
  const [beforeDigest = "", digest] = text.split("@");
  const slash = beforeDigest.lastIndexOf("/");
  const colon = beforeDigest.lastIndexOf(":");
  const repository = colon > slash ? beforeDigest.slice(0, colon) : beforeDigest;
  const tag = digest !== undefined ? "" : colon > slash ? beforeDigest.slice(colon + 1) : "latest";
  const first = repository.split("/")[0] ?? "";
  const named = repository.includes("/") && (first.includes(".") || first.includes(":") || first === "localhost");
  return {
    whole: digest !== undefined ? `${repository}@${digest}` : `${repository}:${tag}`,
    repository,
    tag,
    registry: named ? first : "docker.io",
    fixed: digest !== undefined,
  };
}
