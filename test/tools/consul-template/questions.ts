/** What consul-template and ours are both asked. Each is one call or a few; the facts are the same for all. */
import { thingKey, type Thing } from "#ports";
import type { Fact, RenderAnswer, RenderRequest } from "#template";
import { PreparedTemplates } from "../../../src/template/parsed.ts";
import { renderTemplate } from "../../../src/template/render.ts";

export interface KnownThing {
  readonly system: Thing["system"];
  readonly kind: string;
  readonly name: string;
  readonly options?: Readonly<Record<string, string>>;
  readonly value?: unknown;
}

const service = (name: string, id: string, more: object) => ({
  Node: `node-${id}`,
  NodeID: `id-${id}`,
  NodeAddress: "192.0.2.1",
  NodeTaggedAddresses: { lan: "192.0.2.1" },
  NodeMeta: { rack: "r1" },
  ServiceMeta: { version: "1.2" },
  Address: "10.0.0.1",
  ServiceTaggedAddresses: { lan_ipv4: { Address: "10.0.0.1", Port: 80 } },
  ID: `${name}-${id}`,
  Name: name,
  Tags: ["a", "primary"],
  Checks: [],
  Status: "passing",
  Port: 8080,
  Weights: { Passing: 1, Warning: 1 },
  ...more,
});

const pair = (Path: string, Key: string, Value: string) => ({ Path, Key, Value, CreateIndex: 1, ModifyIndex: 2, LockIndex: 0, Flags: 0, Session: "" });
const VARIABLE = { Namespace: "default", Path: "nomad/jobs/app", CreateIndex: 10, ModifyIndex: 20, CreateTime: 1_700_000_000_000_000_000, ModifyTime: 1_700_000_001_500_000_000 };

export const KNOWN: readonly KnownThing[] = [
  { system: "consul", kind: "key", name: "app/name", value: "shop <&> \"quoted\"" },
  { system: "consul", kind: "key", name: "app/empty", value: "" },
  { system: "consul", kind: "key", name: "app/number", value: "42" },
  { system: "consul", kind: "key", name: "app/absent" },
  { system: "consul", kind: "keys", name: "tree", value: [pair("tree", "", ""), pair("tree/a", "a", "1"), pair("tree/b/c", "b/c", "2"), pair("tree/b/d/e", "b/d/e", "3"), pair("tree/z/", "z/", "")] },
  { system: "consul", kind: "keys", name: "none", value: [] },
  { system: "consul", kind: "service", name: "web", value: [service("web", "1", {}), service("web", "2", { Port: 9090, Tags: ["b"], ServiceMeta: { version: "10", shard: "7" } })] },
  { system: "consul", kind: "service", name: "none", value: [] },
  { system: "consul", kind: "services", name: "", value: [{ Name: "consul", Tags: [] }, { Name: "web", Tags: ["a", "b"] }] },
  { system: "consul", kind: "nodes", name: "", value: [{ ID: "i", Node: "n1", Address: "192.0.2.1", Datacenter: "dc1", TaggedAddresses: { lan: "192.0.2.1" }, Meta: {} }] },
  { system: "consul", kind: "node", name: "n1", value: { Node: { ID: "i", Node: "n1", Address: "192.0.2.1", Datacenter: "dc1", TaggedAddresses: {}, Meta: { a: "b" } }, Services: [{ ID: "web-1", Service: "web", Tags: ["x"], Meta: {}, Port: 80, Address: "10.0.0.1", EnableTagOverride: false }] } },
  { system: "consul", kind: "datacenters", name: "", value: ["dc1", "dc2"] },
  { system: "consul", kind: "leaf", name: "web", value: { SerialNumber: "0a:0b", CertPEM: "CERT", PrivateKeyPEM: "KEY", Service: "web", ServiceURI: "spiffe://x", ValidAfter: "2026-01-02T03:04:05Z", ValidBefore: "2026-01-03T03:04:05.5Z", CreateIndex: 1, ModifyIndex: 2 } },
  { system: "vault", kind: "secret", name: "secret/data/app", value: { RequestID: "r", LeaseID: "", LeaseDuration: 2_764_800, Renewable: false, Data: { data: { user: "u", password: "p<>&", port: { "#number": "5432" }, ratio: { "#number": "1.50" }, list: ["a", "b"], nested: { deep: true } }, metadata: { version: { "#number": "3" } } }, Warnings: null } },
  { system: "vault", kind: "secret", name: "pki/issue/web", options: { common_name: "web.test", ttl: "1h" }, value: { LeaseID: "l", LeaseDuration: 60, Renewable: true, Data: { certificate: "PEM" } } },
  { system: "vault", kind: "secrets", name: "secret/metadata", value: ["app", "web"] },
  { system: "nomad", kind: "service", name: "api", value: [{ ID: "s1", Name: "api", Node: "n", Address: "10.1.1.1", Port: 21000, Datacenter: "dc1", Tags: ["x", "y"], JobID: "j", AllocID: "al" }] },
  { system: "nomad", kind: "services", name: "", value: [{ Name: "api", Tags: ["x"] }] },
  { system: "nomad", kind: "variable", name: "nomad/jobs/app", value: { ...VARIABLE, Items: { user: "root", password: "q\"<x>" } } },
  { system: "nomad", kind: "variable", name: "nomad/jobs/absent" },
  { system: "nomad", kind: "variables", name: "nomad/jobs", value: [VARIABLE, { ...VARIABLE, Path: "nomad/jobs/other" }] },
  { system: "nomad", kind: "variables", name: "none", value: [] },
];

export const ENVIRONMENT: Readonly<Record<string, string>> = { ORACLE_NAME: "value", ORACLE_EMPTY: "" };

const JSON_TEXT = '{"a":1,"b":[1,2.5,"x",null,true],"c":{"d":{"e":"f"}},"z":"<&>","big":12345678901234567890}';
const YAML_TEXT = String.raw`a: 1\nb: [1, 2.5, yes, ~, "no", 0x1f, 1_000, 2001-12-14]\nc: {d: {e: f}}\n1: int key\nlong: |\n  line one\n  line two\n`;

const call = (text: string): string => `{{ ${text} }}`;

export const QUESTIONS: readonly string[] = [
  ...['key "app/name"', 'key "/app/name"', 'key "app/empty"', 'keyOrDefault "app/absent" "d"', 'keyOrDefault "app/empty" "d"', 'keyOrDefault "app/name" "d"'].map(call),
  ...['keyExists "app/name"', 'keyExists "app/absent"', 'key ""', 'keyExists ""', 'keyOrDefault "" "x"', 'ls "tree" | toJSON', 'tree "tree" | toJSON', 'safeLs "tree" | len'].map(call),
  ...['tree "tree" | byKey | toJSON', 'tree "tree" | explode | toJSON', 'ls "none"', 'tree "none" | len', 'printf "%T" (ls "tree")', 'service "none"', 'service "web" | toJSON'].map(call),
  ...['service "web" | byTag | toJSONPretty', 'service "web" | byPort | toJSON', 'service "web" | byMeta "version,shard|int" | toJSON', 'services | toJSON', 'services | byTag | toJSON'].map(call),
  ...['nodes | toJSON', 'node "n1" | toJSON', '(node "n1").Node.Address', 'datacenters', 'datacenters | join ","', 'secret "secret/data/app" | toJSON', 'secrets "secret/metadata"'].map(call),
  ...['nomadService "api" | toJSON', 'nomadServices | toJSON', 'nomadVar "nomad/jobs/app" | toJSON', 'nomadVarExists "nomad/jobs/app"', 'nomadVarExists "nomad/jobs/absent"', 'nomadVarList "nomad/jobs"'].map(call),
  ...['nomadVarList "none" | len', 'range nomadVarList "nomad/jobs" }}{{ .Path }} {{ .ModifyIndex }} {{ . }};{{ end', 'with nomadVar "nomad/jobs/app" }}{{ .user }} {{ .password }} {{ .Keys }} {{ .Values }} {{ range .Tuples }}{{ .K }}={{ .V }} {{ end }}{{ end'].map(call),
  ...['with nomadVar "nomad/jobs/app" }}{{ .Metadata.Path }} {{ .Parent.Namespace }} {{ .user.Key }} {{ .user.Metadata.ModifyIndex }} {{ .ItemsMap | toJSON }}{{ end', 'range $k, $v := nomadVar "nomad/jobs/app" }}{{ $k }}={{ $v }};{{ end'].map(call),
  ...['with secret "secret/data/app" }}{{ .Data.data.user }} {{ .Data.data.port }} {{ .Data.data.ratio }} {{ .Data.metadata.version }} {{ .LeaseDuration }} {{ .Renewable }}{{ end', 'with secret "pki/issue/web" "common_name=web.test" "ttl=1h" }}{{ .Data.certificate }} {{ .LeaseID }}{{ end'].map(call),
  ...['with secret "secret/data/app" }}{{ range $k, $v := .Data.data }}{{ $k }}: {{ $v | toJSON }}\n{{ end }}{{ end', '(secret "secret/data/app").Data.data | toYAML', '(secret "secret/data/app").Data | toTOML', '(secret "secret/data/app").Data.data | explodeMap | toJSON'].map(call),
  ...['range service "web" }}server {{ .Name }} {{ .Address }}:{{ .Port }} {{ .ID }} {{ .NodeAddress }} {{ .Tags | contains "primary" }} {{ index .ServiceMeta "version" }} {{ .ServiceMeta.none }};{{ end'].map(call),
  ...['index (service "web") 0 | printf "%T"', '(index (service "web") 0).Nope', '(parseJSON "{}").a.b', 'key "unknown"', 'service "unknown"', 'secret "unknown"', 'with secret "unknown" }}{{ .Data.x }}{{ end', 'safeLs "none"', 'safeTree "none"', 'nomadVarListSafe "none"', 'key "a b@c d"', 'service "web|bad"', 'key "x?bad=1"', 'secret "a" "b"', 'nomadService 1 2', 'range $tag, $all := service "web" | byTag }}{{ $tag }}:{{ range $all }}{{ .ID }} {{ end }};{{ end', 'range $i, $s := service "web" }}{{ if $i }},{{ end }}{{ $s.Port }}{{ end', 'with caLeaf "web" }}{{ .CertPEM }} {{ .ValidAfter }} {{ .ValidBefore.Unix }} {{ .ValidAfter.Format "2006-01-02 Mon Jan _2 15:04:05.000 MST -0700 Z07:00 pm 03" }}{{ end', 'caLeaf "web" | toJSON', '(caLeaf "web").ValidBefore'].map(call),
  ...['env "ORACLE_NAME"', 'env "ORACLE_NONE"', 'envOrDefault "ORACLE_NONE" "d"', 'envOrDefault "ORACLE_EMPTY" "d"', 'mustEnv "ORACLE_NAME"', 'mustEnv "ORACLE_EMPTY"'].map(call),
  ...['base64Encode "hello ümlaut"', 'base64Decode "aGVsbG8="', 'base64Decode "aGVsbG8"', 'base64URLEncode "??>>ÿ"', 'base64URLDecode "Pz8-Pg=="', 'base64Decode "/w==" | printf "%q"', 'md5sum "x"', 'sha256Hex "x"', 'hmacSHA256Hex "message" "key"'].map(call),
  ...['"a,b,c" | split ","', '"" | split "," | len', '"abc" | split "" | toJSON', '" a b " | split " " | toJSON', '"a=1,b=2,c" | splitToMap "," "=" | toJSON', '"x" | join ","', '"a b" | toUpper', '"ÄB" | toLower', '"hello wORLD it\'s 3rd o-clock" | toTitle'].map(call),
  ...['"  x " | trimSpace', '"xxaxx" | trim "x"', '"prefix-x" | trimPrefix "prefix-"', '"x-suffix" | trimSuffix "-suffix"', '"abab" | replaceAll "a" "c"', '"abc" | replaceAll "" "-"', '"abc" | regexReplaceAll "(a)(b)" "$2-${1}"', '"abc" | regexReplaceAll "b*" "-"', '"abc" | regexReplaceAll "x*" "-"', '"foo.bar" | regexReplaceAll "(?i)FOO\\\\." "$$"', '"foo.bar" | regexMatch "foo[.]\\\\w+"', '"foo" | regexMatch "^o"', '"a1" | regexReplaceAll "(?P<letter>[[:alpha:]])(\\\\d)" "${2}${letter}$1x"', '"ünï" | regexReplaceAll "\\\\pL" "l"', '"x" | regexMatch "("', '"a\nb" | regexReplaceAll "(?m)^" "> "', '"a.b" | regexReplaceAll "\\\\Q.\\\\E" "!"', '"aXbx" | regexReplaceAll "a(?i)x" "-"'].map(call),
  ...['"a\\nb\\n\\nc" | indent 2', '"x" | indent -1', '"" | indent 4', 'range loop 3 }}{{ . }},{{ end', 'range loop 5 8 }}{{ . }},{{ end', 'range $i, $e := loop 3 }}{{ $i }}{{ $e }},{{ end', 'range loop "2" }}{{ . }}{{ end', 'loop 1.5', 'range loop 3 1 }}x{{ end'].map(call),
  ...['parseBool "true"', 'parseBool "x"', 'parseBool ""', 'parseFloat "1.50"', 'parseFloat "1e3"', 'parseFloat "x"', 'parseInt "42"', 'parseInt "-7"', 'parseInt "4.2"', 'parseInt ""', 'parseInt "9223372036854775808"', 'parseUint "7"', 'parseUint "-7"', 'printf "%T" (parseInt "1")', 'printf "%T" (parseUint "1")'].map(call),
  ...[`\`${JSON_TEXT}\` | parseJSON | toJSON`, `\`${JSON_TEXT}\` | parseJSON | toJSONPretty`, `\`${JSON_TEXT}\` | parseJSON | toUnescapedJSON`, `\`${JSON_TEXT}\` | parseJSON | toUnescapedJSONPretty`, `\`${JSON_TEXT}\` | parseJSON | toYAML`, 'parseJSON "" | toJSON', 'parseJSON "[]" | toJSONPretty', 'parseJSON "{"', 'index (parseJSON "[1,2]") 1', '(parseJSON "{\\"a\\":{\\"b\\":1}}").a.b', '(parseJSON "{}").missing', 'toJSON nil', 'toJSON 1.5', 'toJSON 100000000000000000000000.0', 'toJSON 0.0000001', 'toJSON "\\u2028<\\t\\x01"'].map(call),
  ...['`{"a":1,"b":"x","t":{"k":true,"u":{"v":1.5}},"l":[1,2],"tl":[{"q":1},{"q":2}],"m m":"s\\tq\\""}` | parseJSON | toTOML', '`{"a":[],"e":{},"n":null,"f":1e21,"g":0.1}` | parseJSON | toTOML', '`{"x":[{"y":{"z":1}}]}` | parseJSON | toTOML', '`{"x":[[1],[2]],"y":[[{"a":1}]]}` | parseJSON | toTOML'].map(call),
  ...[`"${YAML_TEXT}" | parseYAML | toYAML`, '(parseYAML "a: {b: 1}").a.b', 'printf "%T %v" (index (parseYAML "a: 1_000") "a") (parseYAML "b: 0o17\\na: 017")', 'range $k, $v := parseYAML "b: 1\\na: [x]" }}{{ $k }}={{ $v }} {{ end', 'parseYAML "a: [" ', 'parseYAML "- 1\\n- a: b\\n  c: d\\n-\\n" | toYAML', 'parseYAML "a: &x {b: 1}\\nc: *x\\nd: {<<: *x, e: 2}" | toYAML', 'parseYAML "x: !!str 1\\ny: 1e3\\nz: .5" | toYAML', 'parseYAML "a: \'1\'" | toYAML', 'parseYAML "t: 2001-12-14\\nb: 190:20:30" | toYAML'].map(call),
  ...['`{"s":["","a: b","- x","# c","true","1","1.0","null","~","yes","0x1","a#b","a #b","it\'s","say \\"hi\\"","multi\\nline","multi\\nline\\n","trail ","@x","%x","a, b","[x","{x","!x","&x","*x","|","?","? x",":x","x:","-","--- a","tab\\there","ünï","\\u0001","2001-01-01","1:30","=","<<","<","1e3","1_0","0o7",".5","+1","\\ttab","é\\u0085","😀"]}` | parseJSON | toYAML'].map(call),
  ...['`{"b10":1,"b9":2,"a":3,"B":4,"_x":5,"1":6,"10":7,"2":8,"a-b":9,"a b":10,"":11,"true":12}` | parseJSON | toYAML', '`{"a":{"b":{"c":[]},"d":{}},"l":[[1,[2]],{"x":[1]},{}]}` | parseJSON | toYAML', '`{"long":"aaaaaaaaaa bbbbbbbbbb cccccccccc dddddddddd eeeeeeeeee ffffffffff gggggggggg hhhhhhhhhh iiiiiiiiii jjjjjjjjjj kkkk"}` | parseJSON | toYAML', '`{"f":[1,1.5,1e21,1e-7,123456789,0.1,-0.0]}` | parseJSON | toYAML', 'toYAML "x"', 'toYAML nil', '`["  lead\\n x","\\nfirst","a\\n\\n"]` | parseJSON | toYAML', '`{"k":"long: aaaaaaaaaa bbbbbbbbbb cccccccccc dddddddddd eeeeeeeeee ffffffffff gggggggggg hhhhhhhhhh iiiiiiiiii jj"}` | parseJSON | toYAML', 'services | toYAML', 'service "web" | toYAML', 'nomadVar "nomad/jobs/app" | toYAML'].map(call),
  ...['in "abc" "b"', 'in (parseJSON "[1,\\"a\\"]") "a"', 'in (sprig_list 1 2) 2', 'in (sprig_list 1 2) 2.0', '"b" | in "abc"', '"abc" | contains "b"', 'sprig_list "a" "b" | contains "a"', 'containsAll (sprig_list "a" "b") (sprig_list "a" "b" "c")', 'containsAny (sprig_list "x") (sprig_list "a")', 'containsNone (sprig_list "x") (sprig_list "a")', 'containsNotAll (sprig_list "x" "a") (sprig_list "a")'].map(call),
  ...['mergeMap (sprig_dict "a" 1 "m" (sprig_dict "x" 1)) (sprig_dict "a" 2 "b" 3 "m" (sprig_dict "x" 2 "y" 3)) | toJSON', 'mergeMapWithOverride (sprig_dict "a" 1 "m" (sprig_dict "x" 1)) (sprig_dict "a" 2 "b" "" "m" (sprig_dict "x" 2 "y" 3)) | toJSON', 'mergeMap (sprig_dict "a" "" "l" (sprig_list 1)) (sprig_dict "a" "x" "l" (sprig_list 2)) | toJSON', 'mergeMapWithOverride (sprig_dict "a" "x" "l" (sprig_list 1)) (sprig_dict "a" "" "l" (sprig_list 2)) | toJSON', 'explodeMap (sprig_dict "a/b" 1 "a/c/d" 2 "e" 3) | toJSON', 'explodeMap (sprig_dict "a" 1 "a/b" 2)'].map(call),
  ...['scratch.Set "k" 1 }}{{ scratch.Get "k" }}{{ scratch.Key "k" }}{{ scratch.Key "n" }}{{ scratch.SetX "k" 2 }}{{ scratch.Get "k"', 'scratch.MapSet "m" "b" 2 }}{{ scratch.MapSet "m" "a" 1 }}{{ scratch.MapSetX "m" "a" 9 }}{{ scratch.MapValues "m" }}{{ scratch.Get "m"', 'scratch.Get "none"', 'scratch.MapValues "none" | len', 'scratch.Set "s" "x" }}{{ scratch.MapSet "s" "a" 1'].map(call),
  ...['add 1 2', 'subtract 3 5', '5 | subtract 3', 'multiply 3 4', 'divide 2 7', 'modulo 3 7', 'divide 2 -7', 'modulo 3 -7', 'add 1.5 2', 'divide 2.0 7', 'multiply 1.5 2.0', 'divide 0 1', 'divide 0.0 1', 'modulo 1.5 2', 'minimum 1 2', 'maximum 1 2', 'minimum 1.5 1', 'maximum 1.5 1', 'add "1" 2', 'add 9223372036854775807 1', 'printf "%T" (add 1 2)', 'printf "%T" (add 1 2.0)', 'printf "%T" (add (parseUint "1") (parseUint "2"))', 'add (parseInt "40") 2'].map(call),
  ...['executeTemplate "x" }}{{ define "x" }}X{{ . }}{{ end', 'executeTemplate "x" 5 }}{{ define "x" }}X{{ . }}{{ end', 'executeTemplate "none"', 'plugin "x"', 'writeToFile "a" "b" "c" "d" "e"', 'timestamp "x" "y"', 'key "app/number" | parseInt | add 1', 'key "app/name" | toJSON', 'with $d := key "app/name" | sha256Hex }}{{ $d }}{{ end', 'sockaddr "GetPrivateIP" | len | eq 99999'].map(call),
  ...['sprig_trim " x "', 'sprig_upper "x"', 'sprig_title "hello world it\'s"', 'sprig_untitle "Hello World"', 'sprig_substr 1 3 "hello"', 'sprig_substr -1 3 "hello"', 'sprig_repeat 3 "ab"', 'sprig_trunc 3 "hello"', 'sprig_trunc -3 "hello"', 'sprig_abbrev 6 "hello world"', 'sprig_nospace " a b "', 'sprig_initials "First Try"', 'sprig_swapcase "aB c"', 'sprig_snakecase "FirstName HTTPServer"', 'sprig_camelcase "http_server name"', 'sprig_kebabcase "FirstName"', 'sprig_wrap 5 "aaa bbb ccc dddddddd e"', 'sprig_contains "b" "abc"', 'sprig_hasPrefix "a" "abc"', 'sprig_hasSuffix "c" "abc"', 'sprig_quote "a" 1 nil "b\\"c"', 'sprig_squote "a" 1', 'sprig_cat "a" 1 nil "b"', 'sprig_indent 2 "a\\nb"', 'sprig_nindent 2 "a\\nb"', 'sprig_replace "a" "b" "aaa"', 'sprig_plural "one" "many" 1', 'sprig_sha1sum "x"', 'sprig_sha256sum "x"', 'sprig_sha512sum "x"', 'sprig_adler32sum "hello"', 'sprig_toString 1.5'].map(call),
  ...['sprig_atoi "12"', 'sprig_atoi "x"', 'sprig_int64 "0x1f"', 'sprig_int 1.9', 'sprig_int "017"', 'sprig_float64 "1.5"', 'sprig_seq 5', 'sprig_seq 2 2 6', 'sprig_seq 5 1', 'sprig_toDecimal "0777"', 'sprig_split "," "a,b"', '(sprig_split "," "a,b")._1', 'sprig_splitList "," "a,b" | toJSON', 'sprig_splitn "," 2 "a,b,c"', 'sprig_toStrings (sprig_list 1 "a" nil) | toJSON', 'sprig_until 3', 'sprig_untilStep 0 10 3', 'sprig_add 1 2 3', 'sprig_add1 2', 'sprig_sub 5 3', 'sprig_div 7 2', 'sprig_mod 7 2', 'sprig_mul 2 3 4', 'sprig_addf 0.1 0.2', 'sprig_divf 7 2', 'sprig_max 1 5 3', 'sprig_min 4 2 3', 'sprig_maxf 1.5 2.5', 'sprig_ceil 1.2', 'sprig_floor 1.8', 'sprig_round 1.2345 2', 'sprig_round 1.5 0', 'sprig_join "-" (sprig_list 1 "a")', 'sprig_sortAlpha (sprig_list "b" "a")'].map(call),
  ...['sprig_default "d" ""', 'sprig_default "d" "x"', 'sprig_default "d" 0', 'key "app/empty" | sprig_default "fallback"', 'sprig_empty (sprig_list)', 'sprig_coalesce "" 0 "x"', 'sprig_all 1 "" 2', 'sprig_any 0 "" 2', 'sprig_compact (sprig_list 1 0 "" "a") | toJSON', 'sprig_fromJson "{\\"a\\":1}"', 'sprig_toJson (sprig_dict "a" "<")', 'sprig_toPrettyJson (sprig_dict "a" 1)', 'sprig_toRawJson (sprig_dict "a" "<")', 'sprig_ternary "y" "n" true', 'sprig_typeOf 1', 'sprig_kindOf (sprig_list)', 'sprig_kindIs "string" "x"', 'sprig_typeIs "int" 1', 'sprig_deepEqual (sprig_list 1) (sprig_list 1)'].map(call),
  ...['sprig_base "/a/b.c"', 'sprig_dir "/a/b.c"', 'sprig_clean "/a/../b/"', 'sprig_ext "a.tar.gz"', 'sprig_isAbs "/x"', 'sprig_b64enc "x"', 'sprig_b64dec "eA=="', 'sprig_b32enc "hello"', 'sprig_b32dec "NBSWY3DP"', 'sprig_list 1 2 | toJSON', 'sprig_dict "a" 1 "b" | toJSON', 'sprig_get (sprig_dict "a" 1) "a"', 'sprig_set (sprig_dict "a" 1) "b" 2 | toJSON', 'sprig_unset (sprig_dict "a" 1) "a" | toJSON', 'sprig_hasKey (sprig_dict "a" 1) "a"', 'sprig_pluck "a" (sprig_dict "a" 1) (sprig_dict "a" 2) | toJSON', 'sprig_keys (sprig_dict "a" 1)', 'sprig_pick (sprig_dict "a" 1 "b" 2) "a" | toJSON', 'sprig_omit (sprig_dict "a" 1 "b" 2) "a" | toJSON', 'sprig_values (sprig_dict "a" 1)', 'sprig_merge (sprig_dict "a" 1) (sprig_dict "a" 2 "b" 3) | toJSON', 'sprig_mergeOverwrite (sprig_dict "a" 1) (sprig_dict "a" 2) | toJSON', 'sprig_dig "a" "b" "d" (sprig_dict "a" (sprig_dict "b" 1))', 'sprig_dig "a" "x" "d" (sprig_dict "a" (sprig_dict "b" 1))'].map(call),
  ...['sprig_append (sprig_list 1) 2 | toJSON', 'sprig_prepend (sprig_list 1) 2 | toJSON', 'sprig_first (sprig_list 1 2)', 'sprig_last (sprig_list 1 2)', 'sprig_rest (sprig_list 1 2) | toJSON', 'sprig_initial (sprig_list 1 2) | toJSON', 'sprig_reverse (sprig_list 1 2) | toJSON', 'sprig_uniq (sprig_list 1 1 "a" "a") | toJSON', 'sprig_without (sprig_list 1 2 3) 2 | toJSON', 'sprig_has 2 (sprig_list 1 2)', 'sprig_slice (sprig_list 1 2 3) 1 2 | toJSON', 'sprig_concat (sprig_list 1) (sprig_list 2) | toJSON', 'sprig_chunk 2 (sprig_list 1 2 3) | toJSON', 'sprig_regexMatch "a+" "caat"', 'sprig_regexFind "a+" "caat"', 'sprig_regexFindAll "[a-c]" "abcd" 2 | toJSON', 'sprig_regexReplaceAll "a(b)" "ab" "${1}x"', 'sprig_regexReplaceAllLiteral "a" "ab" "$1"', 'sprig_regexSplit "," "a,b,c" -1 | toJSON', 'sprig_regexQuoteMeta "a.b"', 'sprig_duration 95', 'sprig_durationRound "2h10m"', 'sprig_fail "message"', 'sprig_hello'].map(call),
];

/** Where ours answers and consul-template does not, on purpose. */
export const KINDER: readonly string[] = ['{{ range service "web" }}{{ .Tags.Contains "b" }}{{ end }}', '{{ parseYAML "a: 1" | toJSON }}', '{{ (secret "unknown").Data.value }}'];

const templates = new PreparedTemplates();

export const FACTS: ReadonlyMap<string, Fact> = new Map(
  KNOWN.map(({ system, kind, name, options = {}, value }) => [thingKey({ system, kind, name, options }), { value }]),
);

export function ourAnswer(text: string, more: Partial<RenderRequest> = {}): RenderAnswer {
  const usual = { engine: "go", leftDelimiter: "{{", rightDelimiter: "}}", errorOnMissingKey: false, deniedFunctions: ["plugin", "writeToFile"] } as const;
  return renderTemplate({ ...usual, text, environment: ENVIRONMENT, facts: FACTS, nowMs: 1_700_000_000_000, ...more }, templates);
}

/** "": the same. Both failing is the same: what they say of it is their own. */
export function difference(text: string, theirs: { readonly value?: unknown; readonly missing?: number; readonly error?: string }): string {
  const ours = ourAnswer(text);
  if (theirs.error !== undefined) return ours.what === "failed" ? "" : `they fail (${theirs.error}), ours: ${JSON.stringify(ours)}`;
  if ((theirs.missing ?? 0) > 0) return ours.what === "waiting" ? "" : `they wait, ours: ${JSON.stringify(ours)}`;
  return ours.what === "rendered" && ours.text === theirs.value ? "" : `theirs ${JSON.stringify(theirs.value)}, ours ${ours.what === "rendered" ? JSON.stringify(ours.text) : JSON.stringify(ours)}`;
}
