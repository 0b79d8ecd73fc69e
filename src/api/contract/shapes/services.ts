/** GET /v1/services: those of one namespace. */
export interface NamespaceServices {
  readonly Namespace: string;
  readonly Services: readonly { readonly ServiceName: string; readonly Tags: readonly string[] }[];
}
