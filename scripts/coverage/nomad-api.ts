/**
 * What Nomad 2.0.6 answers over HTTP: a path and its methods a line, from its public API client and documentation. `:name` stands for
 * one segment, `*` for anything below; PUT stands for PUT and POST, GET for GET and HEAD.
 */
const TEXT = `
/v1/jobs                                   GET PUT
/v1/jobs/parse                             PUT
/v1/jobs/statuses                          GET PUT
/v1/job/:job                               GET PUT DELETE
/v1/job/:job/plan                          PUT
/v1/job/:job/evaluate                      PUT
/v1/job/:job/allocations                   GET
/v1/job/:job/evaluations                   GET
/v1/job/:job/deployments                   GET
/v1/job/:job/deployment                    GET
/v1/job/:job/summary                       GET
/v1/job/:job/versions                      GET
/v1/job/:job/versions/:tag/tag             PUT DELETE
/v1/job/:job/revert                        PUT
/v1/job/:job/stable                        PUT
/v1/job/:job/dispatch                      PUT
/v1/job/:job/dispatch/payload              PUT
/v1/job/:job/periodic/force                PUT
/v1/job/:job/scale                         GET PUT
/v1/job/:job/services                      GET
/v1/job/:job/submission                    GET
/v1/job/:job/actions                       GET
/v1/job/:job/action                        GET
/v1/validate/job                           PUT
/v1/nodes                                  GET
/v1/node/:id                               GET
/v1/node/:id/evaluate                      PUT
/v1/node/:id/allocations                   GET
/v1/node/:id/drain                         PUT
/v1/node/:id/eligibility                   PUT
/v1/node/:id/purge                         PUT
/v1/node/pools                             GET PUT
/v1/node/pool/:name                        GET PUT DELETE
/v1/node/pool/:name/nodes                  GET
/v1/node/pool/:name/jobs                   GET
/v1/allocations                            GET
/v1/allocation/:id                         GET
/v1/allocation/:id/stop                    PUT
/v1/allocation/:id/services                GET
/v1/allocation/:id/checks                  GET
/v1/evaluations                            GET DELETE
/v1/evaluations/count                      GET
/v1/evaluation/:id                         GET
/v1/evaluation/:id/allocations             GET
/v1/deployments                            GET
/v1/deployment/:id                         GET
/v1/deployment/allocations/:id             GET
/v1/deployment/fail/:id                    PUT
/v1/deployment/pause/:id                   PUT
/v1/deployment/promote/:id                 PUT
/v1/deployment/allocation-health/:id       PUT
/v1/deployment/unblock/:id                 PUT
/v1/volumes                                GET
/v1/volumes/external                       GET
/v1/volumes/snapshot                       GET PUT DELETE
/v1/volumes/claims                         GET
/v1/volumes/claim/:id                      DELETE
/v1/volume/csi/:id                         GET PUT DELETE
/v1/volume/csi/:id/create                  PUT
/v1/volume/csi/:id/delete                  DELETE
/v1/volume/csi/:id/detach                  DELETE
/v1/volume/host/create                     PUT
/v1/volume/host/register                   PUT
/v1/volume/host/:id                        GET DELETE
/v1/plugins                                GET
/v1/plugin/csi/:id                         GET DELETE
/v1/services                               GET
/v1/service/:name                          GET
/v1/service/:name/:id                      DELETE
/v1/client/fs/ls/:allocation               GET
/v1/client/fs/stat/:allocation             GET
/v1/client/fs/readat/:allocation           GET
/v1/client/fs/cat/:allocation              GET
/v1/client/fs/stream/:allocation           GET
/v1/client/fs/logs/:allocation             GET
/v1/client/allocation/:id/stats            GET
/v1/client/allocation/:id/exec             GET
/v1/client/allocation/:id/restart          PUT
/v1/client/allocation/:id/signal           PUT
/v1/client/allocation/:id/snapshot         GET
/v1/client/allocation/:id/gc               GET PUT
/v1/client/allocation/:id/checks           GET
/v1/client/allocation/:id/pause            GET PUT
/v1/client/stats                           GET
/v1/client/gc                              GET PUT
/v1/client/metadata                        GET PUT
/v1/client/identity                        GET
/v1/client/identity/renew                  PUT
/v1/agent/self                             GET
/v1/agent/members                          GET
/v1/agent/servers                          GET PUT
/v1/agent/join                             PUT
/v1/agent/force-leave                      PUT
/v1/agent/health                           GET
/v1/agent/host                             GET
/v1/agent/reload                           PUT
/v1/agent/monitor                          GET
/v1/agent/monitor/export                   GET
/v1/agent/schedulers                       GET
/v1/agent/schedulers/config                GET PUT
/v1/agent/keyring/list                     GET
/v1/agent/keyring/install                  PUT
/v1/agent/keyring/use                      PUT
/v1/agent/keyring/remove                   PUT
/v1/agent/pprof/:profile                   GET
/v1/status/leader                          GET
/v1/status/peers                           GET
/v1/regions                                GET
/v1/metrics                                GET
/v1/search                                 PUT
/v1/search/fuzzy                           PUT
/v1/scaling/policies                       GET
/v1/scaling/policy/:id                     GET
/v1/event/stream                           GET
/v1/namespaces                             GET
/v1/namespace                              PUT
/v1/namespace/:name                        GET PUT DELETE
/v1/vars                                   GET
/v1/var/*                                  GET PUT DELETE
/v1/operator/raft/configuration            GET
/v1/operator/raft/peer                     DELETE
/v1/operator/raft/transfer-leadership      PUT
/v1/operator/autopilot/configuration       GET PUT
/v1/operator/autopilot/health              GET
/v1/operator/scheduler/configuration       GET PUT
/v1/operator/snapshot                      GET PUT
/v1/operator/keyring/keys                  GET
/v1/operator/keyring/rotate                PUT
/v1/operator/keyring/key/:id               DELETE
/v1/operator/license                       GET PUT
/v1/operator/utilization                   PUT
/v1/operator/upgrade-check/vault-workload-identity GET
/v1/system/gc                              PUT
/v1/system/reconcile/summaries             PUT
/v1/acl/bootstrap                          PUT
/v1/acl/policies                           GET
/v1/acl/policy/:name                       GET PUT DELETE
/v1/acl/tokens                             GET
/v1/acl/token                              PUT
/v1/acl/token/:accessor                    GET PUT DELETE
/v1/acl/token/onetime/exchange             PUT
/v1/acl/roles                              GET
/v1/acl/role                               PUT
/v1/acl/role/:id                           GET PUT DELETE
/v1/acl/role/name/:name                    GET
/v1/acl/auth-methods                       GET
/v1/acl/auth-method                        PUT
/v1/acl/auth-method/:name                  GET PUT DELETE
/v1/acl/binding-rules                      GET
/v1/acl/binding-rule                       PUT
/v1/acl/binding-rule/:id                   GET PUT DELETE
/v1/acl/oidc/auth-url                      PUT
/v1/acl/oidc/complete-auth                 PUT
/v1/acl/login                              PUT
/v1/acl/identity/client-introduction-token PUT
/.well-known/jwks.json                     GET
/.well-known/openid-configuration          GET
/ui/                                       GET
/v1/quotas                                 GET
/v1/quota-usages                           GET
/v1/quota                                  PUT
/v1/quota/:name                            GET PUT DELETE
/v1/quota/usage/:name                      GET
/v1/sentinel/policies                      GET
/v1/sentinel/policy/:name                  GET PUT DELETE
/v1/recommendations                        GET
/v1/recommendations/apply                  PUT
/v1/recommendation                         PUT
/v1/recommendation/:id                     GET
`;

export interface NomadEndpoint {
  readonly path: string;
  readonly methods: readonly string[];
}

export const NOMAD_ENDPOINTS: readonly NomadEndpoint[] = TEXT.trim()
  .split("\n")
  .map((line) => {
    const [path, ...methods] = line.split(/\s+/) as [string, ...string[]];
    return { path, methods };
  });
