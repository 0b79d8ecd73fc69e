/**
 * As what somebody may speak, by certificate: whoever the house's CA signed belongs to it, and its names say as what.
 *
 *   server.<region>.nomad   may speak as a server (to nodes and to servers), and as a node
 *   client.<region>.nomad   may speak as a node
 *
 * Only names in subjectAltName count. nomad.md §5.4 (tls).
 */
import type { X509Certificate } from "node:crypto";

export type CertificateRole = "server" | "client";

/** What is wrong, and how it is mended. */
export interface CertificateObjection {
  readonly message: string;
  readonly fix: string;
}

export const certificateName = (role: CertificateRole, region: string): string => `${role}.${region}.nomad`;

/** May who shows this certificate speak as one of these? `demanded`: although it has no name of this kind. undefined: yes. */
export function roleObjection(
  certificate: X509Certificate,
  { region }: { readonly region: string },
  roles: readonly CertificateRole[],
  demanded: boolean,
): CertificateObjection | undefined {
  const wanted = roles.map((role) => certificateName(role, region));
  if (wanted.some((name) => certificate.checkHost(name, { subject: "never", wildcards: false }) !== undefined)) return undefined;
  const names = (certificate.subjectAltName ?? "").match(/\b(server|client|cli)\.[^\s,"]+\.nomad\b/g) ?? [];
  if (names.length === 0 && !demanded) return undefined;
  return {
    message: `its certificate is for ${names.length === 0 ? "no name of servers or nodes" : names.join(", ")}, wanted is ${wanted.join(" or ")}`,
    fix: `Give it a certificate for ${wanted[0]}: drover tls cert create -${roles[0]} -region=${region}.`,
  };
}
