/**
 * Who may do what, as it is stored and as the API says it: policies, roles, tokens, ways to log in. What a policy's text means is decided
 * in ../access. nomad.md §7 (ACL model, Tokens, SSO).
 */
import type { Namespace } from "./ids.ts";

/** A policy that workloads of a job (group, task) have by themselves. */
export interface JobAcl {
  readonly Namespace: Namespace;
  readonly JobID: string;
  readonly Group: string;
  readonly Task: string;
}

export interface AclPolicy {
  readonly Name: string;
  readonly Description: string;
  /** HCL or JSON, as it was written. */
  readonly Rules: string;
  readonly JobACL: JobAcl | null;
  /** base64 of a digest of what it says. */
  readonly Hash: string;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

export interface AclRole {
  readonly ID: string;
  readonly Name: string;
  readonly Description: string;
  readonly Policies: readonly { readonly Name: string }[];
  readonly Hash: string;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

export interface AclToken {
  readonly AccessorID: string;
  /** A secret. */
  readonly SecretID: string;
  readonly Name: string;
  readonly Type: "client" | "management";
  readonly Policies: readonly string[];
  readonly Roles: readonly { readonly ID: string; readonly Name: string }[];
  readonly Global: boolean;
  readonly Hash: string;
  /** RFC 3339. */
  readonly CreateTime: string;
  /** RFC 3339; null: never. */
  readonly ExpirationTime: string | null;
  /** Nanoseconds; 0: none was asked for. */
  readonly ExpirationTTL: number;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

/** To hand a token over to the web UI. */
export interface OneTimeToken {
  /** A secret. */
  readonly OneTimeSecretID: string;
  readonly AccessorID: string;
  readonly ExpiresAt: string;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

export interface AclAuthMethodConfig {
  readonly JWTValidationPubKeys: readonly string[];
  readonly JWKSURL: string;
  readonly JWKSCACert: string;
  readonly OIDCDiscoveryURL: string;
  readonly OIDCClientID: string;
  /** A secret: never told again. */
  readonly OIDCClientSecret: string;
  readonly OIDCClientAssertion: Readonly<Record<string, unknown>> | null;
  readonly OIDCEnablePKCE: boolean;
  readonly OIDCDisableUserInfo: boolean;
  readonly OIDCScopes: readonly string[];
  readonly BoundAudiences: readonly string[];
  readonly BoundIssuer: readonly string[];
  readonly AllowedRedirectURIs: readonly string[];
  readonly DiscoveryCaPem: readonly string[];
  readonly SigningAlgs: readonly string[];
  /** Nanoseconds. */
  readonly ExpirationLeeway: number;
  readonly NotBeforeLeeway: number;
  readonly ClockSkewLeeway: number;
  readonly ClaimMappings: Readonly<Record<string, string>>;
  readonly ListClaimMappings: Readonly<Record<string, string>>;
  readonly VerboseLogging: boolean;
}

export interface AclAuthMethod {
  readonly Name: string;
  readonly Type: "OIDC" | "JWT";
  readonly TokenLocality: "local" | "global";
  readonly TokenNameFormat: string;
  /** Nanoseconds. */
  readonly MaxTokenTTL: number;
  readonly Default: boolean;
  readonly Config: AclAuthMethodConfig;
  readonly Hash: string;
  readonly CreateTime: string;
  readonly ModifyTime: string;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

export interface AclBindingRule {
  readonly ID: string;
  readonly Description: string;
  readonly AuthMethod: string;
  /** go-bexpr over `value.…` and `list.…`; "": every login. */
  readonly Selector: string;
  readonly BindType: "role" | "policy" | "management";
  readonly BindName: string;
  readonly Hash: string;
  readonly CreateTime: string;
  readonly ModifyTime: string;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}
